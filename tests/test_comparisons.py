"""Readings at equal synapses and at equal function are those of explicit loops."""

import numpy as np
import pytest
import xarray as xr

from analysis.verdicts import comparisons

CRITERIA, N_SEEDS, N_SESSIONS, N_IMAGES = ["variance_fi", "weight", "random"], 4, 5, 7


@pytest.fixture
def part():
    """Machines whose synapses of two layers fall at different rates, with sizes and losses that go up and down."""
    rng, shape = np.random.default_rng(0), (len(CRITERIA), N_SEEDS, N_SESSIONS)
    shares = np.cumprod(np.concatenate([np.ones((*shape[:2], 1, 2)), rng.uniform(0.3, 0.8, (*shape[:2], 4, 2))], 2), 2)
    coords = {"criterion": CRITERIA, "seed": range(N_SEEDS), "session": range(N_SESSIONS), "layer": range(3)}
    dims = ("criterion", "seed", "session")
    units = np.sort(rng.integers(1, 90, (*shape, 3)), axis=2)[:, :, ::-1]
    units[:, :, 0] = 90
    loss = np.stack([np.full(shape, 9.0), rng.random(shape)], axis=-1)  # nobody looks at what is right after pruning
    found = {
        "n_synapses": ((*dims, "synapse_layer"), np.round(1000 * shares)),
        "n_units": ((*dims, "layer"), units),
        "kl": ((*dims, "stage"), loss),
        "wrong": ((*dims, "test_image"), rng.integers(0, 2, (*shape, N_IMAGES)).astype(np.uint8)),
    }
    return xr.Dataset(found, coords | {"stage": ["pruned", "retrained"]}, {"reference": "variance_fi"})


def naive_reading(sizes, values, at):
    """The value at a number of synapses, on a straight line in its logarithm between two sessions."""
    for k in range(len(sizes) - 1):
        if sizes[k] >= at >= sizes[k + 1]:
            t = (np.log(sizes[k]) - np.log(at)) / (np.log(sizes[k]) - np.log(sizes[k + 1]))
            return (1 - t) * values[k] + t * values[k + 1]
    raise AssertionError(f"{at} is not among {sizes}")


@pytest.mark.parametrize(("more", "fewer"), [("weight", "pruned"), ("random", "weight"), ("pruned", "random")])
@pytest.mark.parametrize(("name", "size"), [("kl", "synapses"), ("kl", "units"), ("wrong", "synapses")])
def test_equal_sizes_are_read_as_by_loops(part, name, size, more, fewer):
    values = part[name].sel(stage="retrained") if name == "kl" else part[name]
    found = comparisons.at_equal_size(part, values, more, fewer, size)
    assert found.dims == ("seed", "session", "test_image")[: found.ndim]
    pair = [part.sel(criterion="variance_fi" if name == "pruned" else name) for name in (more, fewer)]
    read = [values.sel(criterion=run["criterion"]).values.reshape(N_SEEDS, N_SESSIONS, -1) for run in pair]
    for seed in range(N_SEEDS):
        counts = {"synapses": ("n_synapses", 0), "units": ("n_units", 1)}  # of hidden units
        sizes = [run[counts[size][0]].values[seed, :, counts[size][1] :].sum(axis=1) for run in pair]
        for session in range(N_SESSIONS):
            at = max(sizes[0][session], sizes[1][session])
            for image in range(read[0].shape[-1]):
                a, b = (naive_reading(x, v[seed, :, image], at) for x, v in zip(sizes, read))
                of_image = found.values.reshape(N_SEEDS, N_SESSIONS, -1)[seed, session, image]
                assert of_image == pytest.approx(a - b, abs=1e-9)


def test_a_run_is_read_at_its_own_session_where_sessions_have_one_size(part):
    tied = part.isel(seed=[0], session=slice(3)).copy(deep=True)
    for name, n_units, loss in (("weight", [10, 10, 10], [0, 1, 2]), ("variance_fi", [10, 8, 6], [0, 0.1, 0.2])):
        tied["n_units"].loc[{"criterion": name}] = np.array(n_units)[None, :, None]
        tied["kl"].loc[{"criterion": name, "stage": "retrained"}] = [loss]
    kl = tied["kl"].sel(stage="retrained")
    np.testing.assert_allclose(comparisons.at_equal_size(tied, kl, "weight", "pruned", "units"), [[0, 1, 2]])


def test_a_seed_that_a_criterion_was_not_asked_for_is_left_out(part):
    asked = part.copy(deep=True)
    for name in ("kl", "n_units", "n_synapses"):
        asked[name] = asked[name].astype(float)
        asked[name].loc[{"criterion": "weight", "seed": part["seed"][0]}] = np.nan
    for size in ("synapses", "units"):
        full, found = (
            comparisons.at_equal_size(x, x["kl"].sel(stage="retrained"), "weight", "pruned", size)
            for x in (part, asked)
        )
        assert np.isnan(found.values[0]).all()
        np.testing.assert_array_equal(found.values[1:], full.values[1:])
    units = comparisons.units_at_equal_function(asked, "weight", "kl", 0.1).values
    assert np.isnan(units).tolist() == [True, False, False, False]


def naive_crossing(loss, sizes, limit):
    """Session by session from the end; between two sessions by halving the step."""
    for k in reversed(range(len(loss))):
        if loss[k] <= limit:
            low, high = 0.0, 1.0
            for _ in range(60 if k + 1 < len(loss) else 0):
                middle = (low + high) / 2
                within = (1 - middle) * loss[k] + middle * loss[k + 1] <= limit
                low, high = (middle, high) if within else (low, middle)
            return sizes[k] if k + 1 == len(loss) else (1 - low) * sizes[k] + low * sizes[k + 1]
    raise AssertionError("session 0 is within")


@pytest.mark.parametrize("tolerance", [0.001, 0.1, 0.3, 2.0])
def test_equal_function_is_crossed_where_loops_find_it(part, tolerance):
    for name, criterion in (("pruned", 0), ("weight", 1), ("random", 2)):
        found = comparisons.units_at_equal_function(part, name, "kl", tolerance)
        assert found.dims == ("seed",)
        for seed in range(N_SEEDS):
            units = part["n_units"].values[criterion, seed, :, 1:].sum(axis=1)
            loss = part["kl"].values[criterion, seed]
            expected = naive_crossing(loss[:, 1], units, loss[0, 1] + tolerance)
            assert float(found[seed]) == pytest.approx(expected, abs=1e-9)


def test_first_last_and_mean_are_over_the_sessions_that_they_name():
    values = xr.DataArray([[8.0, 1, 3], [9, 2, 6]], {"session": [0, 1, 2]}, ("seed", "session"))
    for session, expected in (("first", [8, 9]), ("last", [3, 6]), ("mean", [2, 4])):
        np.testing.assert_array_equal(comparisons.at_session(values, session), expected)
        images = values.expand_dims(test_image=5)
        np.testing.assert_array_equal(comparisons.at_session(images, session), np.transpose([expected] * 5))


def test_sessions_without_a_control_do_not_count():
    values = xr.DataArray([[np.nan, np.nan, 3], [np.nan, np.nan, 6]], {"session": [0, 1, 2]}, ("seed", "session"))
    for session in ("last", "mean"):
        np.testing.assert_array_equal(comparisons.at_session(values, session), [3, 6])
    assert np.isnan(comparisons.at_session(values * np.nan, "last")).all()
