"""Effects agree with naive twins, and every verdict comes out for data that were made for it."""

import json
import shutil

import h5netcdf
import numpy as np
import pytest
import xarray as xr
import yaml
from scipy.stats import binomtest, spearmanr
from scipy.stats import t as student

from analysis import claims
from analysis.experiment import predictions
from analysis.files import provenance
from analysis.verdicts import comparisons, datasets, effects, tables

MARGINS = {k: {"value": x, "units": "nats", "because": "it is a test"} for k, x in (("large", 9), ("small", 0.1))}
LIMITS = {"trained": {"at_most": 0.02}, "rank_correlation": {"at_least": 0.9}}
SEEDS, SESSIONS, SYNAPSES = np.arange(6), np.arange(4), np.array([800, 400, 200, 100.0])
RUNS = ("seed", "session")


def of_criteria(names, **variables):
    """A part by criterion whose runs have the same synapses: {name: (dims after criterion, values)}."""
    coords = {"criterion": names, "seed": SEEDS, "session": SESSIONS, "stage": ["pruned", "retrained"]}
    found = {name: (("criterion", *dims), values) for name, (dims, values) in variables.items()}
    synapses = np.broadcast_to(SYNAPSES[:, None], (len(names), 6, 4, 1))
    found["n_synapses"] = (("criterion", *RUNS, "synapse_layer"), synapses)
    return xr.Dataset(found, coords, {"reference": names[0], "experiment": "patches"})


# Data made for a verdict: `shift` is what an effect is, up to the noise of `noise` a seed.


def controls_data(shift, noise):
    """A control, and one with as much work, that are worse than the pruned machine by `shift`."""
    loss = np.array([0, 1, 1])[:, None, None] * (shift + noise[:, None]) + np.arange(5.0, 11)[:, None] + np.zeros(4)
    loss[1:, :, 0] = np.nan  # controls have no session 0
    coords = {"condition": ["pruned", "reinitialised", "reinitialised_work"], "seed": SEEDS, "session": SESSIONS}
    part = xr.Dataset({"kl": (tuple(coords), loss, {"units": "nats"})}, coords)
    ask = {"effect": "loss", "worse": "reinitialised", "better": "pruned", "measure": "kl"}
    return part, [ask, ask | {"session": "mean"}, ask | {"worse": "reinitialised_work"}]


def criteria_data(shift, noise):
    """Random pruning loses `shift` more than the reference, in loss and in quality, once retrained."""
    loss = np.zeros((2, 6, 4, 2)) + np.array([9.0, 0.3])  # right after pruning, where nobody looks
    loss[1, :, 1:, 1] += (shift + noise)[:, None]
    dims = (*RUNS, "stage")
    part = of_criteria(["variance_fi", "random"], encoding_error=(dims, loss), digit_quality=(dims, 1 - loss))
    for name in ("encoding_error", "digit_quality"):
        part[name].attrs["units"] = "fraction"
    part["wrong"] = part["encoding_error"].sel(stage="retrained", drop=True).expand_dims(test_image=9, axis=-1)
    ask = {"effect": "loss", "worse": "random", "better": "pruned", "measure": "encoding_error"}
    more = ({"measure": "digit_quality"}, {"session": "mean"}, {"better": "variance_fi"})
    return part, [ask] + [ask | one for one in more]


def test_errors_of_seeds_with_images_of_their_own_are_compared_seed_by_seed():
    part, (asked, *_) = criteria_data(0.02, np.linspace(-0.01, 0.01, 6))
    shared, own = (effects.of(runs, asked)[0] for runs in (part, part.drop_vars("wrong")))
    np.testing.assert_allclose(own, shared.mean(axis=1), rtol=1e-12)


def units_data(shift, noise):
    """|w| leaves more units than the reference by `shift`, and crosses the tolerance where the reference does."""
    n_units = np.zeros((2, 6, 4, 2)) + np.array([9, 6, 3, 0])[:, None]
    n_units[1, :, :, 1] += shift + noise[:, None]
    loss = np.zeros((2, 6, 4, 2)) + np.array([0.3, 0.2, 0.35, 0.55])[:, None]
    loss[..., 0] = 9.0  # right after pruning, where nobody looks
    part = of_criteria(["variance_fi", "weight"], n_units=((*RUNS, "layer"), n_units), kl=((*RUNS, "stage"), loss))
    ask = {"effect": "units", "more": "weight", "fewer": "variance_fi", "layer": "all"}
    more = {"effect": "units_at_equal_function", "measure": "kl", "tolerance": 0.1}
    return part.assign_coords(layer=[0, 1]), [ask, ask | {"layer": 1}, ask | {"session": "mean"}, ask | more]


def survivors_data(shift, noise):
    """P(survivor > lost) is 1/2 + shift under the reference, 1/2 under |w|; layer 2 lost nothing."""
    above = np.full((2, 6, 1, 2), 0.5)
    above[0] += (shift + noise)[:, None, None]
    above[..., 1] = np.nan
    lost = np.tile([7, 0], (2, 6, 1))
    dims = ("seed", "unit_measure", "hidden_layer")
    part = of_criteria(["variance_fi", "weight"], survivor_above_lost=(dims, above), n_lost=((dims[0], dims[2]), lost))
    ask = {"effect": "survivors", "measure": "activity", "layer": "all"}
    coords = {"unit_measure": ["activity"], "hidden_layer": [1, 2]}
    return part.assign_coords(coords), [ask, ask | {"layer": 1}, ask | {"than": "weight"}]


def claim_dataset(part, asked, primary=1, **checks):
    """A dataset of one part, as `collect` makes it, with predictions, the first of them primary; checks by seed."""
    shared = {"experiment": "patches", "margin": "small"}
    spec = {f"p{k}": one | shared | {"text": f"P{k}"} for k, one in enumerate(asked)}
    for k in range(primary):
        spec[f"p{k}"]["primary"] = True
    judged = {"confidence": 0.95, "margins": MARGINS, "overproduction": spec, "model_quality": LIMITS}
    reference = part.attrs.get("reference", "variance_fi")
    settings = {"reference": reference, "dataset": "patches", "machine": {"hidden": [1]}}
    for name, values in checks.items():
        part[f"check_{name}"] = ("seed", "session"), np.repeat(np.c_[values], part.sizes["session"], axis=1)
    dataset = part.rename({v: f"patches_{v}" for v in {*part.variables, *part.dims}})
    config = {"experiments": {"patches": settings}, "claims": judged}
    return dataset.assign_attrs(claim="01_overproduction", config=json.dumps(config))


@pytest.mark.parametrize("make", [controls_data, criteria_data, units_data, survivors_data])
@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (0.5, "reproduced"),
        (-0.5, "contradicted"),
        (0.0, "no difference that matters"),
        (0.1, "open"),
        (-0.1, "not reproduced"),
    ],
)
def test_data_made_for_a_verdict_get_it(make, shift, expected):
    part, asked = make(shift, np.linspace(-0.05, 0.05, 6))
    table = claims.evaluate(claim_dataset(part, asked))
    assert (len(table), set(table["verdict"])) == (len(asked), {expected})
    np.testing.assert_allclose(table["mean"], shift, atol=1e-12)
    assert set(table["n_seeds"]) == {6}


def test_every_effect_that_a_config_may_ask_for_can_be_measured():
    assert {*effects.EFFECTS} == {*predictions.EFFECTS}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.11, 0.2, "reproduced"),
        (0.1, 0.2, "open"),  # at the margin is not above it
        (0.0, 0.2, "open"),
        (-0.3, 0.3, "open"),
        (-0.1, 0.1, "no difference that matters"),
        (0.02, 0.03, "no difference that matters"),
        (-0.2, -0.11, "contradicted"),
        (-0.2, -0.1, "not reproduced"),
        (-0.3, 0.1, "not reproduced"),
        (np.nan, np.nan, "open"),
    ],
)
def test_the_verdict_is_where_the_interval_lies(low, high, expected):
    assert claims.verdict(low, high, 0.1) == expected


@pytest.mark.parametrize("make", [controls_data, criteria_data, units_data])
def test_the_last_session_is_the_last_one_whatever_those_before_it_say(make):
    part, (ask, *_) = make(0.5, np.zeros(6))
    measured = part[[name for name in part.data_vars if name != "n_synapses"]]
    part = part.assign(measured.where(measured["session"].isin([0, 3]), 7.0))  # no difference in between
    (row,) = claims.evaluate(claim_dataset(part, [ask])).itertuples()
    assert (row.session, row.mean) == ("last", pytest.approx(0.5))


@pytest.mark.parametrize("primary", [1, 2, 3])
def test_primary_intervals_share_the_confidence_and_secondary_ones_do_not(primary):
    noise = np.array([-0.3, -0.1, 0.0, 0.0, 0.1, 0.3])  # not skewed: the interval is Student's
    table = claims.evaluate(claim_dataset(*controls_data(0.5, noise), primary))
    for row in table.itertuples():
        q = student.ppf(1 - 0.025 / (primary if row.primary else 1), 5)
        expected = q * noise.std(ddof=1) / np.sqrt(6)
        np.testing.assert_allclose([row.mean - row.low, row.high - row.mean], expected, rtol=1e-6)
    assert table["primary"].tolist() == [True] * primary + [False] * (3 - primary)


def test_primary_predictions_stand_first():
    part, asked = controls_data(0.5, np.zeros(6))
    dataset = claim_dataset(part, asked, primary=0)
    config = claims.settings(dataset)
    config["claims"]["overproduction"]["p2"]["primary"] = True
    table = claims.evaluate(dataset.assign_attrs(config=json.dumps(config)))
    assert table["id"].tolist() == ["p2", "p0", "p1"]
    config["claims"].pop("overproduction")
    nothing = claims.evaluate(dataset.assign_attrs(config=json.dumps(config)))
    assert nothing.columns.tolist() == table.columns.tolist()
    assert nothing[nothing["primary"]].empty


def test_a_check_that_fails_in_one_seed_stands_in_every_row():
    good, bad = [0.01, 0.0, np.nan, 0.02, 0.0, 0.0], [0.01, 0.0, np.nan, 0.021, 0.0, 0.0]
    for trained, rank, expected in ((good, 0.9, []), (bad, 0.9, ["1 of 5"]), (bad, 0.89, ["1 of 5", "1 of 6"])):
        checks = {"trained": trained, "rank_correlation": np.linspace(rank, 1, 6)}
        table = claims.evaluate(claim_dataset(*controls_data(0.5, np.zeros(6)), **checks))
        (failed,) = set(table["failed"])
        assert [text.rpartition(": ")[2] for text in failed.split("; ") if text] == expected
        assert ("seeds that fail a check" in tables.predictions(table)) == bool(expected)


def test_a_seed_that_lost_no_unit_is_left_out():
    part, asked = survivors_data(0.5, np.zeros(6))
    part["survivor_above_lost"][:, :2] = np.nan
    part["n_lost"][:, :2] = 0
    assert set(claims.evaluate(claim_dataset(part, asked))["n_seeds"]) == {4}


def test_survivors_of_all_layers_are_weighted_by_their_losses():
    part, (all_layers, *_) = survivors_data(0.0, np.zeros(6))
    part["survivor_above_lost"][0] = [0.9, 0.6]
    part["n_lost"][0] = [1, 3]
    values, units = effects.of(part, all_layers)
    np.testing.assert_allclose(values, (0.9 + 3 * 0.6) / 4 - 0.5)
    assert units == "probability"
    part["survivor_above_lost"][1], part["n_lost"][1] = [0.7, 0.8], [2, 2]
    values, _ = effects.of(part, all_layers | {"than": "weight"})
    np.testing.assert_allclose(values, (0.9 + 3 * 0.6) / 4 - 0.75)


def test_axonal_losses_are_a_share_of_the_losses_they_are_asked_of():
    counts = {"n_lost": [[4, 2]] * 6, "n_axonal": [[1, 0]] * 6, "n_comparable": [[2, 0]] * 6}
    counts |= {"n_axonal_comparable": [[1, 0]] * 5 + [[0, 0]]}
    dims = ("seed", "hidden_layer")
    part = of_criteria(["variance_fi", "weight"], **{name: (dims, [n, n]) for name, n in counts.items()})
    part = part.assign_coords(hidden_layer=[1, 2])
    part["n_lost"][1] = 99  # another criterion's
    part["n_comparable"][0, 0] = 0
    for more, expected in (
        ({"layer": 1}, [1 / 4] * 6),
        ({"layer": "all"}, [1 / 6] * 6),
        ({"layer": 1, "comparable": True}, [np.nan, *[1 / 2] * 4, 0]),
    ):
        values, units = effects.of(part, {"effect": "axonal"} | more)
        np.testing.assert_allclose(values, expected)
        assert units == "share of losses"


def test_a_share_of_none_has_the_exact_bound_of_all_losses():
    dims = ("seed", "hidden_layer")
    counts = {"n_lost": (dims, [[[100, 100]] * 6]), "n_axonal": (dims, [[[0, 0]] * 6])}
    part = of_criteria(["variance_fi"], **counts).assign_coords(hidden_layer=[1, 2])
    row = claims.evaluate(claim_dataset(part, [{"effect": "axonal", "layer": 1}])).iloc[0]
    assert (row["mean"], row["low"], row["verdict"]) == (0, 0, "no difference that matters")
    assert row["high"] == pytest.approx(1 - 0.025 ** (1 / 600))  # no loss of 600 with a chance of 2.5 %
    assert row["high"] == pytest.approx(binomtest(0, 600).proportion_ci(0.95).high)
    assert np.isnan(effects.of(part, {"effect": "axonal", "layer": 2})[0]).all(), "the last layer has no outputs"


def test_ranks_are_compared_over_the_synapses_that_exist():
    rng = np.random.default_rng(1)
    exact = np.where(rng.random((6, 4, 5, 8)) < 0.7, rng.random((6, 4, 5, 8)), np.nan)
    local = exact + 0.3 * rng.random(exact.shape)
    dims = (*RUNS, "unit_0", "unit_1")
    found = xr.Dataset({"stiff_eigenvectors": (dims, exact), "variance_fi": (dims, local)}, {"session": SESSIONS})
    rho = [comparisons.rank_correlations(found.isel(seed=k)) for k in range(6)]
    part = xr.concat(rho, "seed").to_dataset().assign_attrs(experiment="patches")
    ask = {"effect": "rank", "proxy": "variance_fi", "target": "stiff_eigenvectors"}
    for session, k in (("first", 0), ("last", 3)):
        expected = [spearmanr(x[k].ravel(), y[k].ravel(), nan_policy="omit").statistic for x, y in zip(local, exact)]
        np.testing.assert_allclose(effects.of(part, ask | {"session": session})[0], expected)


def test_connected_pixels_are_compared_with_the_others_after_the_last_pruning():
    rng = np.random.default_rng(2)
    connected, entropy = rng.integers(0, 2, (6, 3, 20)).astype(np.uint8), rng.integers(0, 5, 20) / 5
    found = {"connected_0": (("seed", "pruning", "unit_0"), connected), "unit_entropy_0": ("unit_0", entropy)}
    part = xr.Dataset(found, {"seed": SEEDS, "pruning": [1, 2, 3]}, {"reference": "variance_fi"})
    expected = []
    for seed in connected[:, -1]:
        pairs = [(x > y) + (x == y) / 2 for x in entropy[seed == 1] for y in entropy[seed == 0]]
        expected.append(np.mean(pairs) - 0.5)
    np.testing.assert_allclose(effects.of(part, {"effect": "disconnected"})[0], expected)


def test_layers_and_equal_sizes_are_those_that_a_prediction_names():
    part, (ask, *_) = units_data(0.5, np.zeros(6))
    part = part.isel(session=slice(3)).reindex(layer=[0, 1, 2], fill_value=7)
    for layer, expected in ((1, 0.5), (2, 0), ("all", 0.5)):
        np.testing.assert_allclose(effects.of(part, ask | {"layer": layer})[0], expected, atol=1e-12)
    loss = {"effect": "loss", "worse": "weight", "better": "pruned", "measure": "kl"}
    at_more = np.interp(np.log(7 + 3.5), np.log([7 + 3, 7 + 6]), [0.35, 0.2])
    np.testing.assert_allclose(effects.of(part, loss | {"equal": "units"})[0], 0.35 - at_more)
    np.testing.assert_allclose(effects.of(part, loss)[0], 0, atol=1e-12)


def test_errors_are_judged_over_seeds_and_images():
    part, (ask, quality, *_) = criteria_data(0.5, np.zeros(6))
    values, units = effects.of(part, ask)
    assert (values.shape, units) == ((6, 9), "fraction")
    assert effects.of(part, quality)[0].shape == (6,)
    part["wrong"] = part["wrong"] + np.linspace(-1, 1, 9) * np.array([0, 1])[:, None, None, None]  # by criterion
    row = claims.evaluate(claim_dataset(part, [ask])).iloc[0]
    assert row["mean"] == pytest.approx(0.5)
    assert row["high"] - row["low"] == pytest.approx(2 * student.ppf(0.975, 8) * np.linspace(-1, 1, 9).std(ddof=1) / 3)


@pytest.mark.parametrize(
    ("make", "change", "named"),
    [
        (controls_data, {"worse": "born_small_units"}, "condition"),
        (controls_data, {"measure": "encoding_error"}, "encoding_error"),
        (criteria_data, {"better": "anti_fi"}, "criterion"),
        (survivors_data, {"layer": 3}, "hidden_layer"),
        (survivors_data, {"effect": "axonal"}, "n_axonal"),
    ],
)
def test_what_an_experiment_lacks_is_named_in_one_line(make, change, named):
    part, (ask, *_) = make(0.5, np.zeros(6))
    (lacking,) = change.values()
    expected = f"^prediction: found .*{lacking}.*, expected names that runs of patches have .*{named}"
    with pytest.raises(ValueError, match=expected) as error:
        claims.evaluate(claim_dataset(part, [ask | change]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("claim", claims.NOTEBOOKS)
def test_a_claim_dataset_survives_its_file_and_the_same_runs_give_the_same_bytes(claim, small_runs, tmp_path):
    for folder in ("a", "b"):
        dataset = claims.collect(claim, small_runs, small_runs / "config.yaml")
        claims.save(dataset, tmp_path / folder / f"{claim}.nc")
    assert len({(tmp_path / folder / f"{claim}.nc").read_bytes() for folder in ("a", "b")}) == 1
    assert len([*tmp_path.rglob("*.*")]) == 2  # nothing half written is left
    xr.testing.assert_identical(claims.load(claim, tmp_path / "a"), dataset)
    assert all(v.dtype == np.float32 for v in dataset.data_vars.values() if v.dtype.kind == "f")
    assert all(str(name).startswith(("patches_", "digits_")) for name in {*dataset.variables, *dataset.dims})
    assert claims.settings(dataset) == yaml.safe_load((small_runs / "config.yaml").read_text())
    if claim in datasets.CLAIMS:
        table = claims.evaluate(dataset)
        assert set(table["claim"]) == {claim}
        assert set(table["verdict"]) <= {*claims.VERDICTS}


def test_a_dataset_of_other_code_other_runs_or_another_config_is_called_stale(collected, small_runs, tmp_path):
    path = small_runs / "config.yaml"
    dataset = collected("01_overproduction")
    assert datasets.stale(dataset, path) == []
    assert "sentences, and answers in tables, are on config/default.yaml" in tables.markdown(
        tables.origin(dataset, path)
    )
    for older in (dataset.assign_attrs(runs_code='["older"]'), dataset.assign_attrs(code_fingerprint="older")):
        assert datasets.stale(older, path) == ["it, or a run of it, was made by other code"]
    changed = yaml.safe_load(path.read_text())
    changed["experiments"]["patches"]["pruning"]["fraction"] = 0.25
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(changed))
    assert datasets.stale(dataset, tmp_path / "other.yaml") == ["its runs obeyed another config than other.yaml"]
    assert "**stale**" in tables.markdown(tables.origin(older, path))


def test_one_run_of_other_code_makes_the_dataset_stale_and_one_of_another_seed_is_refused(small_runs, tmp_path):
    shutil.copytree(small_runs, tmp_path / "runs")
    with h5netcdf.File(tmp_path / "runs/digits/rewired/1.nc", "a") as run:
        run.attrs["code_fingerprint"] = "older"
    dataset = claims.collect("02_weight_pruning", tmp_path / "runs", small_runs / "config.yaml")
    assert set(json.loads(dataset.attrs["runs_code"])) == {provenance.fingerprint(), "older"}
    shutil.copy(small_runs / "digits/rewired/0.nc", tmp_path / "runs/digits/rewired/1.nc")
    with pytest.raises(ValueError, match=r"^run: found .*'rewired', 0\) in .*1\.nc, expected .*, 1\); remove it"):
        claims.collect("02_weight_pruning", tmp_path / "runs", small_runs / "config.yaml")


def test_what_is_missing_or_unknown_is_named(small_runs, tmp_path):
    with pytest.raises(ValueError, match=r"dataset: found no file .*0\.nc"):
        claims.collect("01_overproduction", tmp_path, small_runs / "config.yaml")
    with pytest.raises(ValueError, match=r"claim: found '06_x', expected one of 01_overproduction"):
        claims.collect("06_x", tmp_path, "no.yaml")
