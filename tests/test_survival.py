"""Survival, losses and competition agree with cases by hand and naive twins."""

import numpy as np
import pytest
import xarray as xr

from analysis.verdicts import survival

MEASURES = ["activity", "fisher"]


def units(cause, **measures):
    """One seed of a claim dataset: (pruning, unit_1)."""
    dims = ("pruning", "unit_1")
    found = {f"unit_{name}_1": (dims, np.asarray(values, dtype=float)) for name, values in measures.items()}
    return xr.Dataset(found | {"loss_cause_1": (dims, np.asarray(cause, dtype=np.int8))})


@pytest.fixture
def run():
    """Four sessions of two layers; causes of all kinds, units that went earlier, ties, and measures of those there."""
    rng, found = np.random.default_rng(0), {}
    for layer, n in ((1, 40), (2, 25)):
        cause = np.zeros((4, n), dtype=np.int8)
        for s in (1, 2, 3):
            cause[s] = np.where(cause[s - 1] == 0, rng.integers(0, 4, n) * (rng.random(n) < 0.5), -1)
        there = cause == 0
        columns = {name: rng.integers(0, 6, (4, n)) for name in MEASURES}
        columns |= {"inputs": rng.integers(1, 6, (4, n)), "outputs": rng.integers(1, 6, (4, n)) * (layer == 1)}
        dims = ("session", f"unit_{layer}")
        found |= {f"unit_{name}_{layer}": (dims, np.where(there, x, np.nan)) for name, x in columns.items()}
        found[f"loss_cause_{layer}"] = (dims, cause)
    return xr.Dataset(found, {"session": range(4)})


def naive_losses(run, layer, measure):
    """P(survivor > lost unit), and the four counts, unit by unit."""
    cause, value, inputs, outputs = (
        run[f"{name}_{layer}"].values for name in ("loss_cause", f"unit_{measure}", "unit_inputs", "unit_outputs")
    )
    above, counts = [], [0, 0, 0, 0]
    for s in (1, 2, 3):
        for lost in range(cause.shape[1]):
            if cause[s, lost] in (1, 2, 3):
                pairs = []
                for other in range(cause.shape[1]):
                    if cause[s, other] == 0:
                        x, y = value[s - 1, other], value[s - 1, lost]
                        pairs.append(1.0 if x > y else 0.5 if x == y else 0.0)
                above.append(sum(pairs) / len(pairs))
                i, o = inputs[s - 1, lost], outputs[s - 1, lost]
                alike = o > 0 and 0.5 <= i / o <= 2
                of_lost = (True, cause[s, lost] == 2, alike, alike and cause[s, lost] == 2)
                counts = [n + one for n, one in zip(counts, of_lost)]
    return sum(above) / len(above), counts


def test_losses_are_those_of_a_naive_count(run):
    found = survival.losses(run, [*MEASURES, "digit_information"], [1, 2])
    assert found["unit_measure"].values.tolist() == MEASURES  # what the run has not is left out
    for layer in (1, 2):
        for measure in MEASURES:
            above, counts = naive_losses(run, layer, measure)
            of_layer = found.sel(hidden_layer=layer)
            assert float(of_layer["survivor_above_lost"].sel(unit_measure=measure)) == pytest.approx(above)
            names = ("n_lost", "n_axonal", "n_comparable", "n_axonal_comparable")
            assert [int(of_layer[name]) for name in names] == counts
            assert min(counts[: 4 if layer == 1 else 2]) > 0  # all kinds are there; the last layer has no outputs
    assert found["n_comparable"].values[1] == found["n_axonal_comparable"].values[1] == 0


def test_a_run_that_lost_no_unit_tells_nothing_of_survivors(run):
    kept = run.assign({f"loss_cause_{k}": 0 * run[f"loss_cause_{k}"] for k in (1, 2)})
    found = survival.losses(kept, MEASURES, [1, 2])
    assert np.isnan(found["survivor_above_lost"]).all()
    assert (found["n_lost"] == 0).all()


def test_units_are_measured_before_the_pruning_that_decides_on_them(run):
    found = survival.fates(run)
    assert found["pruning"].values.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found["unit_fisher_1"], run["unit_fisher_1"][:-1])
    np.testing.assert_array_equal(found["loss_cause_1"], run["loss_cause_1"][1:])


def test_share_of_competitors_lost_is_that_of_a_naive_loop():
    rng = np.random.default_rng(0)
    mask, lost = rng.random((12, 9)) < 0.5, rng.random(9) < 0.4
    for j in np.flatnonzero(~lost):
        shares = []
        for i in np.flatnonzero(mask[:, j]):
            others = [u for u in range(9) if u != j and mask[i, u]]
            shares.append(np.mean([lost[u] for u in others]) if others else 0)
        assert survival.competitors_lost(mask, lost)[j] == pytest.approx(np.mean(shares), abs=1e-6)


def made_rise(slope, n=300):
    """Survivors whose activity follows their own drive, and the share of competitors lost by `slope`."""
    rng = np.random.default_rng(0)
    drive, share = rng.normal(size=n), rng.random(n)
    share = share + 0.2 * drive  # units that lose much input also lose competitors
    after = 0.5 + 0.1 * drive + slope * share + 0.02 * rng.normal(size=n)
    cause = np.r_[np.zeros(n - 5), np.ones(5)]
    columns = {"activity": np.full(n, 0.5), "activity_pruned": after, "competitors_lost": share, "own_drive": drive}
    return units([cause], **{name: [values] for name, values in columns.items()})


@pytest.mark.parametrize(("slope", "sign"), [(0.05, 1), (-0.05, -1)])
def test_units_that_rise_with_the_loss_of_competitors_are_seen(slope, sign):
    assert sign * survival.rise(made_rise(slope), 1) > 0.3


def test_own_lost_synapses_are_no_rise():
    assert abs(survival.rise(made_rise(0.0), 1)) < 4 / np.sqrt(300) + 0.05  # ranks leave a little of a line in values


def test_competition_reads_two_sessions_of_a_run(small_runs):
    with xr.open_dataset(small_runs / "digits" / "variance_fi_w2" / "0.nc", engine="h5netcdf") as run:
        before, after = run.isel(session=1).load(), run.isel(session=2).load()
    found = survival.competition(before, after, [1, 2])
    for layer in (1, 2):
        kept = after[f"loss_cause_{layer}"].values == 0
        for name in ("competitors_lost", "own_drive"):
            np.testing.assert_array_equal(np.isfinite(found[f"unit_{name}_{layer}"]), kept)
    unit = int(np.flatnonzero(after["loss_cause_1"].values == 0)[0])
    drive = 0.0
    for layer, pre in ((1, True), (2, False)):
        index = {"unit_1": unit}
        gone = (before[f"mask_{layer}"] > after[f"mask_{layer}"]).isel(index).values
        rate = before[f"unit_activity_{0 if pre else 2}"].fillna(0).values
        drive -= (before[f"weight_{layer}"].isel(index).values * gone * rate).sum()
    assert float(found["unit_own_drive_1"][unit]) == pytest.approx(drive, rel=1e-5)
