"""Effects agree with hand-computed cases, and every verdict comes out for data that were made for it."""

import json
import shutil

import h5netcdf
import numpy as np
import pytest
import xarray as xr
import yaml

from analysis import claims
from analysis.files import provenance
from analysis.verdicts import comparisons, intervals, survival, tables
from analysis.verdicts.claims import row_verdict
from analysis.verdicts.names import words

INTERVAL = {"confidence": 0.95, "n_resamples": 999, "seed": 0}
SEEDS = np.arange(6)
SESSIONS = np.arange(4)
SYNAPSE_DIMS = ("criterion", "seed", "session", "synapse_layer")


# Data made for a verdict: `shift` is what every effect is, up to the noise of `noise` a seed.


def controls_data(shift, noise):
    """Controls that are worse than the pruned machine by `shift`."""
    loss = np.zeros((3, 6, 4)) + np.array([0, 1, 1])[:, None, None] * (shift + noise[:, None]) + 5
    loss[1:, :, 0] = np.nan  # controls have no session 0
    coords = {"condition": ["pruned", "born_small_units", "reinitialised"], "seed": SEEDS, "session": SESSIONS}
    part = xr.Dataset({"kl": (tuple(coords), loss, {"units": "nats"})}, coords)
    how = {"controls": coords["condition"][1:], "measure": {"patches": "kl"}, "sessions": ["last", "mean"]}
    spec = {"control_minus_pruned": how | {"threshold": 0.0}}
    return "01_overproduction", {"patches": part}, spec


def sizes_data(shift, noise):
    """|w| leaves more units than the reference by 10 times `shift`, at the same synapses."""
    n_units = np.zeros((2, 6, 4, 2)) + 50.0
    n_units[1, :, 1:, 1] += 10 * (shift + noise[:, None])
    synapses = np.broadcast_to(np.array([800, 400, 200, 100.0])[:, None], (2, 6, 4, 1))
    coords = {"criterion": ["variance_fi", "weight"], "seed": SEEDS, "session": SESSIONS, "layer": [0, 1]}
    found = {"n_units": (tuple(coords), n_units), "n_synapses": (SYNAPSE_DIMS, synapses)}
    how = {"layers": {"patches": ["all", 1]}, "sessions": ["last", "mean"], "threshold": 0.0}
    return "02_weight_pruning", {"patches": xr.Dataset(found, coords)}, {"weight_minus_reference": how}


def proxies_data(shift, noise):
    """Proxies that rank synapses like the matrix (shift 1), the other way round (-1), or in half of the seeds (0)."""
    rng = np.random.default_rng(1)
    exact = rng.random((6, 4, 5, 8))
    sign = np.sign(shift + noise)[:, None, None, None]
    found = {"exact_diagonal": exact, "variance_fi": sign * exact}
    dims = ("seed", "session", "unit_0", "unit_1")
    part = xr.Dataset({k: (dims, v) for k, v in found.items()}, {"seed": SEEDS, "session": SESSIONS})
    how = {"proxies": ["variance_fi"], "targets": ["exact_diagonal"], "sessions": ["first", "last"]}
    spec = {"rank_correlation": how | {"threshold": 0.5}, "pruned_in_common": how | {"threshold": 0.75}}
    return "03_fisher_proxy", {"patches": part}, spec


def function_data(shift, noise):
    """Random pruning loses `shift` more than the reference, in loss and in quality."""
    loss = np.zeros((2, 6, 4, 2)) + 0.3
    loss[1, :, 1:] += (shift + noise)[:, None, None]
    synapses = np.broadcast_to(np.array([800, 400, 200, 100.0])[:, None], (2, 6, 4, 1))
    stages = ["pruned", "retrained"]
    coords = {"criterion": ["variance_fi", "random"], "seed": SEEDS, "session": SESSIONS, "stage": stages}
    found = {"encoding_error": (tuple(coords), loss), "digit_quality": (tuple(coords), 1 - loss)}
    found["n_synapses"] = (SYNAPSE_DIMS, synapses)
    how = {"criteria": ["random"], "stages": stages, "sessions": ["mean"], "threshold": 0.0}
    spec = {
        "loss_minus_reference": how | {"measure": {"digits": "encoding_error"}},
        "reference_minus_quality": how | {"measure": {"digits": "digit_quality"}},
    }
    return "03_fisher_proxy", {"digits": xr.Dataset(found, coords)}, spec


def losses_data(shift, noise):
    """Lost units were below the survivors (shift 1), above (-1), or either by seed (0); pixels likewise."""
    cause = np.zeros((6, 3, 10), dtype=np.int8)
    cause[:, 1, :4], cause[:, 2, :4], cause[:, 2, 4] = (1, 1, 1, 2), -1, 3
    value = np.broadcast_to(np.linspace(0, 1, 10), (6, 3, 10)) * np.sign(shift + noise)[:, None, None]
    connected = np.ones((6, 3, 8), dtype=np.uint8)
    connected[:, 1:, :4] = np.where(np.sign(shift + noise) > 0, 0, 1)[:, None, None]
    connected[:, 1:, 4:] = np.where(np.sign(shift + noise) > 0, 1, 0)[:, None, None]
    found = {
        "loss_cause_1": (("seed", "pruning", "unit_1"), cause),
        "unit_activity_1": (("seed", "pruning", "unit_1"), np.where(cause >= 0, value, np.nan)),
        "connected_0": (("seed", "pruning", "unit_0"), connected),
        "unit_entropy_0": ("unit_0", np.linspace(0, 0.6, 8)),
    }
    spec = {
        "survivors_above_lost": {"measures": {"digits": ["activity"]}, "layers": {"digits": [1]}, "threshold": 0.0},
        "connected_above_disconnected": {"experiments": ["digits"], "sessions": ["last"], "threshold": 0.0},
    }
    return "04_neuron_loss", {"digits": xr.Dataset(found, {"seed": SEEDS, "pruning": [1, 2, 3]})}, spec


def cost_data(shift, noise):
    """|w| is within the margin as long as the reference is, and has more units there by 10 times `shift`."""
    claim, parts, _ = sizes_data(shift, noise)
    part = parts["patches"]
    part["n_units"] = part["n_units"] + np.array([9, 6, 3, 0])[:, None]
    loss = np.zeros((2, 6, 4, 2)) + np.array([0.3, 0.2, 0.35, 0.36])[:, None]
    loss[..., 0] = 9.0  # right after pruning, where nobody looks
    part["kl"] = (("criterion", "seed", "session", "stage"), loss, {"units": "nats"})
    part = part.assign_coords(stage=["pruned", "retrained"])
    how = {"measure": {"patches": "kl"}, "margin": {"patches": 0.055}, "threshold": 0.0}
    return claim, {"patches": part}, {"units_at_equal_function": how}


def competition_data(shift, noise):
    """Active units survive and rise where competitors went (shift 1), the other way round (-1), or either by seed (0).

    Fates are noisy, so that the logistic model has something to weigh.
    """
    rng = np.random.default_rng(0)
    sign, shape = np.sign(shift + noise)[:, None, None], (6, 2, 200)
    activity, degree, share, drive = rng.random((4, *shape))
    lost = rng.random(shape) < 1 / (1 + np.exp(8 * sign * (activity - 0.5)))
    after = activity + 0.1 * sign * share + 0.05 * drive
    columns = {"activity": activity, "degree": degree, "activity_pruned": after}
    columns |= {"competitors_lost": share, "own_drive": drive}
    dims = ("seed", "pruning", "unit_1")
    found = {f"unit_{name}_1": (dims, values) for name, values in columns.items()}
    part = xr.Dataset(found | {"loss_cause_1": (dims, lost.astype(np.int8))}, {"seed": SEEDS, "pruning": [1, 2]})
    how = {"layers": {"digits": [1]}, "threshold": 0.0}
    model = {"regressors": ["activity", "degree"], "measures": ["activity"], "ridge": 1.0}
    spec = {"survival_coefficient": how | model, "neighbours_rise": how}
    return "04_neuron_loss", {"digits": part}, spec


MADE = (controls_data, sizes_data, cost_data, proxies_data, function_data, losses_data, competition_data)


def claim_dataset(claim, parts, spec):
    """The parts as `collect` would join them."""
    reference = {name: {"reference": "variance_fi", "dataset": name, "machine": {"hidden": [1]}} for name in parts}
    config = {"experiments": reference, "claims": {"interval": INTERVAL, claim[3:]: spec}}
    renamed = [p.rename({v: f"{name}_{v}" for v in {*p.variables, *p.dims}}) for name, p in parts.items()]
    return xr.merge(renamed).assign_attrs(claim=claim, config=json.dumps(config))


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize(("shift", "expected"), [(0.5, "reproduced"), (-0.5, "not reproduced")])
def test_data_for_and_against_a_claim_give_opposite_verdicts(make, shift, expected):
    table = claims.evaluate(claim_dataset(*make(shift, np.linspace(-0.1, 0.1, 6))))
    assert set(table["verdict"]) == {expected}
    assert claims.verdict(table) == expected
    size = {sizes_data: 5, cost_data: 5, proxies_data: None, competition_data: None}.get(make, 0.5)
    if size:
        np.testing.assert_allclose(table["effect"], np.sign(shift) * size, atol=1e-6)


@pytest.mark.parametrize("make", [make for make in MADE if make is not proxies_data])
def test_seeds_that_disagree_give_a_mixed_verdict(make):
    table = claims.evaluate(claim_dataset(*make(0.0, np.array([-1, -0.5, -0.2, 0.2, 0.5, 1]))))
    assert set(table["verdict"]) == {"mixed"}
    assert claims.verdict(table) == "mixed"


def test_proxies_are_judged_by_their_threshold():
    claim, parts, spec = proxies_data(0.0, np.array([-1, 1, 1, 1, 1, 1]))  # rho is -1, 1, 1, 1, 1, 1
    for threshold, expected in ((0.2, "mixed"), (-0.1, "reproduced"), (1.0, "not reproduced")):
        spec["rank_correlation"]["threshold"] = threshold
        table = claims.evaluate(claim_dataset(claim, parts, {"rank_correlation": spec["rank_correlation"]}))
        np.testing.assert_allclose(table["effect"], 4 / 6)
        np.testing.assert_allclose(table["p"], intervals.p_value([-1, 1, 1, 1, 1, 1], threshold))
        assert set(table["verdict"]) == {expected}


def test_an_effect_of_exactly_the_threshold_is_not_reproduced():
    table = claims.evaluate(claim_dataset(*controls_data(0.0, np.zeros(6))))
    assert set(table["verdict"]) == {"not reproduced"}
    np.testing.assert_array_equal(table[["effect", "low", "high"]], 0)


def test_a_seed_that_lost_no_unit_is_left_out():
    claim, parts, spec = losses_data(0.5, np.zeros(6))
    parts["digits"]["loss_cause_1"][:2] = 0
    table = claims.evaluate(claim_dataset(claim, parts, spec))
    row = table[table["prediction"].str.contains("survivors")].iloc[0]
    assert row["n_seeds"] == 4
    assert row["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.2, "reproduced"),
        (0.0, 0.2, "mixed"),
        (-0.1, 0.1, "mixed"),
        (-0.2, 0.0, "not reproduced"),
        (-0.2, -0.1, "not reproduced"),
        (np.nan, np.nan, "mixed"),
    ],
)
def test_row_rule(low, high, expected):
    assert row_verdict(low, high, 0.0) == expected
    assert row_verdict(low + 0.5, high + 0.5, 0.5) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "mixed"], "mixed"),
        (["reproduced", "not reproduced"], "mixed"),
        (["mixed", "mixed"], "mixed"),
        (["mixed", "not reproduced"], "not reproduced"),
        (["not reproduced", "not reproduced"], "not reproduced"),
    ],
)
def test_claim_rule(rows, expected):
    assert claims.verdict({"verdict": rows}) == expected


def test_cost_is_read_at_the_last_session_within_the_margin():
    _, parts, _ = cost_data(0.0, np.zeros(6))
    units, loss = comparisons.hidden_units(parts["patches"], "all").isel(criterion=0, seed=0), parts["patches"]["kl"]
    np.testing.assert_array_equal(units, [59, 56, 53, 50])
    loss[1, 0, :, 1] = [0.3, 0.5, 0.4, 0.39]  # |w| in seed 0: never within the margin again
    for margin, expected in ((0.01, 56), (0.055, 53), (0.07, 50)):
        cost = comparisons.at_equal_function(
            parts["patches"], comparisons.hidden_units(parts["patches"], "all"), "kl", margin
        )
        assert (cost.sel(criterion="variance_fi") == expected).all()
        assert cost.sel(criterion="weight", seed=0) == 59


def test_the_table_adjusts_for_all_predictions_of_the_claim():
    table = claims.evaluate(claim_dataset(*controls_data(0.5, np.linspace(-0.4, 0.4, 6))))
    np.testing.assert_allclose(table["p_holm"], np.minimum(4 * table["p"].min(), 1))  # four rows, all alike


def test_the_table_says_what_so_many_seeds_could_have_seen():
    effects_of_seeds = np.linspace(-0.4, 0.4, 6)
    table = claims.evaluate(claim_dataset(*controls_data(0.5, effects_of_seeds)))
    np.testing.assert_allclose(table["effect"], 0.5)
    assert (set(table["units"]), set(table["n_seeds"]), len(table)) == ({"nats"}, {6}, 4)  # two controls, last and mean
    expected = intervals.detectable(np.std(effects_of_seeds, ddof=1), 6)
    np.testing.assert_allclose(table["detectable"], expected, rtol=1e-5)
    assert set(tables.predictions(table)["visible"]) == {f"{expected:.2g}"}


def test_equal_synapses_reads_the_smaller_run_between_its_sessions():
    synapses = np.array([[[100.0, 10.0]], [[100.0, 31.6227766]]])  # reference, other; the other kept 10^1.5
    units = np.array([[[70.0, 30.0]], [[70.0, 60.0]]])
    coords = {"criterion": ["variance_fi", "weight"], "seed": [0], "session": [0, 1]}
    part = xr.Dataset({"n_synapses": (SYNAPSE_DIMS, synapses[..., None])}, coords)
    part.attrs["reference"] = "variance_fi"
    difference = comparisons.at_equal_synapses(part, xr.DataArray(units, coords, tuple(coords)), "weight")
    np.testing.assert_allclose(difference.values, [[0, 60 - 50]], rtol=1e-6)  # the reference had 50 at 10^1.5


def test_first_last_and_mean_are_over_the_sessions_that_they_name():
    values = xr.DataArray([[8.0, 1, 3], [9, 2, 6]], {"session": [0, 1, 2]}, ("seed", "session"))
    for session, expected in (("first", [8, 9]), ("last", [3, 6]), ("mean", [2, 4])):
        np.testing.assert_array_equal(comparisons.at_session(values, session), expected)


def test_probability_above_counts_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 30), rng.integers(0, 6, 20)
    pairs = np.mean([(a > b) + (a == b) / 2 for a in x for b in y])
    assert survival.probability_above(x, y) == pytest.approx(pairs)
    assert np.isnan(survival.probability_above(x, y[:0]))


def test_survival_weighs_sessions_by_their_losses():
    cause = np.array([[0, 0, 1, 1], [0, 1, -1, -1], [0, -1, -1, -1]], dtype=np.int8)
    value = np.array([[3, 2, 1, 0], [1, 2, np.nan, np.nan], [1, np.nan, np.nan, np.nan]])
    part = xr.Dataset({"loss_cause_1": (("pruning", "unit_1"), cause), "unit_fisher_1": (("pruning", "unit_1"), value)})
    assert survival.survival(part, "fisher", 1) == pytest.approx((2 * 1.0 + 1 * 0.0) / 3)


def test_axonal_share_by_hand():
    claim, parts, _ = losses_data(0.5, np.zeros(6))
    spec = {"axonal_share": {"layers": {"digits": [1]}, "threshold": 0.0}}
    row = claims.evaluate(claim_dataset(claim, parts, spec)).iloc[0]
    assert row["effect"] == pytest.approx(1 / 5)  # of four lost in one session and one in the next
    assert row["verdict"] == "reproduced"


def test_a_control_made_at_one_session_is_judged_there_alone():
    claim, parts, spec = controls_data(0.5, np.zeros(6))
    parts["patches"]["kl"][1, :, 1:3] = np.nan  # of born_small_units the last session alone is left
    found = claims.evaluate(claim_dataset(claim, parts, spec))["prediction"]
    assert [text.split(", ")[-1] for text in found if "as many units" in text] == [words("last")]
    others = [text.split(", ")[-1] for text in found if "as many units" not in text]
    assert others == [words("last"), words("mean")]


@pytest.mark.parametrize("claim", claims.NOTEBOOKS)
def test_a_claim_dataset_survives_its_file_and_the_same_runs_give_the_same_bytes(claim, made_up_runs, tmp_path):
    for folder in ("a", "b"):
        dataset = claims.collect(claim, made_up_runs, made_up_runs / "config.yaml")
        claims.save(dataset, tmp_path / folder / f"{claim}.nc")
    assert len({(tmp_path / folder / f"{claim}.nc").read_bytes() for folder in ("a", "b")}) == 1
    assert len([*tmp_path.rglob("*.*")]) == 2  # nothing half written is left
    xr.testing.assert_identical(claims.load(claim, tmp_path / "a"), dataset)
    assert all(v.dtype == np.float32 for v in dataset.data_vars.values() if v.dtype.kind == "f")
    assert all(str(name).startswith(("patches_", "digits_")) for name in {*dataset.variables, *dataset.dims})
    assert claims.settings(dataset) == yaml.safe_load((made_up_runs / "config.yaml").read_text())
    if claim in claims.CLAIMS:
        table = claims.evaluate(dataset)
        assert set(table["claim"]) == {claim}
        assert set(table["verdict"]) <= {"reproduced", "mixed", "not reproduced"}


def test_units_are_measured_before_the_pruning_that_decides_on_them(collected, made_up_runs):
    part = claims.part(collected("04_neuron_loss"), "patches")
    with xr.open_dataset(made_up_runs / "patches" / "variance_fi" / "1.nc", engine="h5netcdf") as run:
        before = run["unit_fisher_1"].sel(session=1).values
        cause = run["loss_cause_1"].sel(session=2).values
    found = part.sel(seed=1, pruning=2)
    np.testing.assert_allclose(found["unit_fisher_1"], before, rtol=1 / 2000)  # rounded to 11 bits
    np.testing.assert_array_equal(found["loss_cause_1"], cause)


def test_a_dataset_of_other_code_other_runs_or_another_config_is_called_stale(collected, made_up_runs, tmp_path):
    path = made_up_runs / "config.yaml"
    dataset = collected("01_overproduction")
    assert claims.stale(dataset, path) == ["it, or a run of it, was made by other code"]
    fresh = dataset.assign_attrs(runs_code=json.dumps([provenance.fingerprint()]))
    assert claims.stale(fresh, path) == []
    assert len(claims.stale(fresh.assign_attrs(code_fingerprint="old"), path)) == 1
    changed = yaml.safe_load(path.read_text())
    changed["experiments"]["patches"]["pruning"]["fraction"] = 0.25
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(changed))
    assert claims.stale(fresh, tmp_path / "other.yaml") == ["its runs obeyed another config than other.yaml"]
    assert "**stale**" in tables.markdown(tables.origin(dataset, path))


def test_one_run_of_other_code_makes_the_dataset_stale(made_up_runs, tmp_path):
    shutil.copytree(made_up_runs, tmp_path / "runs")
    path = tmp_path / "runs/digits/random_sparse/1.nc"
    with h5netcdf.File(path, "a") as run:
        run.attrs["code_fingerprint"] = "older"
    dataset = claims.collect("02_weight_pruning", tmp_path / "runs", made_up_runs / "config.yaml")
    assert dataset.attrs["runs_code"] == '["fake", "older"]'


def test_what_is_missing_or_unknown_is_named(made_up_runs, tmp_path):
    with pytest.raises(ValueError, match=r"run: found no file .*0\.nc"):
        claims.collect("01_overproduction", tmp_path, made_up_runs / "config.yaml")
    with pytest.raises(ValueError, match=r"claim dataset: found no file .*02_weight_pruning\.nc"):
        claims.load("02_weight_pruning", tmp_path)
    for refused, arguments in ((claims.collect, ("06_x", tmp_path, "no.yaml")), (claims.load, ("06_x",))):
        with pytest.raises(ValueError, match=r"claim: found '06_x', expected one of 01_overproduction"):
            refused(*arguments)
