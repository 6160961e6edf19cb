"""Runs: sizes, invariants of pruning over sessions, controls of the same size, and the record of it all."""

import hashlib

import numpy as np
import pytest
import xarray as xr

from analysis import data, exact, pruning
from analysis.experiment import config, controls, maps, protocol
from analysis.experiment.record import join, kept_units, machine_of, masks_of
from analysis.files import netcdf, whole

BITS = {"patches": "f9ef0cb5", "digits": "b79dd69f"}
BITS |= {"born_small_units": "ed46fbc1", "born_small_synapses": "f4993e77", "random_sparse": "77afed31"}
BITS |= {"reinitialised": "a746b58b", "original_weights": "912e35d5", "pruned_once": "31f1ddf4"}
QUICK_FIRST = ["patches", pytest.param("digits", marks=pytest.mark.slow)]
SMOKE = config.load(config.ROOT / "config" / "smoke.yaml")["experiments"]


@pytest.fixture(autouse=True, scope="module")
def few(few_patterns):
    with few_patterns():
        yield


def small(name, **changes):
    settings = {**SMOKE[name], **changes}
    settings["samples"] = {"start": "data", "n_chains": 300, "n_steps": 5, "n_measure_chains": 100}
    if name == "digits":
        settings["machine"] = {**settings["machine"], "hidden": [400, 10]}
    return settings


@pytest.fixture(scope="module")
def runs(few):
    """One run of each experiment by its reference criterion, on few patterns."""
    found = {}
    for name in SMOKE:
        settings = small(name)
        start = protocol.overproduce(settings, 0)
        found[name] = settings, start, protocol.prune_run(settings, settings["reference"], 0, start)
    return found


@pytest.mark.parametrize("name", SMOKE)
def test_masks_only_shrink_and_pruned_synapses_stay_zero(runs, name):
    _, _, run = runs[name]
    for layer in range(1, run.sizes["layer"]):
        masks = run[f"mask_{layer}"].values.astype(bool)
        assert (masks[1:] <= masks[:-1]).all()
        assert (run[f"weight_{layer}"].values[~masks] == 0).all()
        assert (masks.sum(axis=(1, 2)) == run["n_synapses"].sel(synapse_layer=layer)).all()


@pytest.mark.parametrize("name", SMOKE)
def test_each_session_removes_the_asked_share_and_what_stranded_units_take_along(runs, name):
    settings, _, run = runs[name]
    left = run["n_synapses"].values
    assert (left[1:] <= np.floor(left[:-1] * (1 - settings["pruning"]["fraction"]) + 0.5)).all()
    assert (left > 0).all()


@pytest.mark.parametrize("name", SMOKE)
def test_a_unit_has_a_cause_in_the_session_of_its_loss_and_is_gone_ever_after(runs, name):
    _, _, run = runs[name]
    for layer in range(run.sizes["layer"]):
        causes = run[f"loss_cause_{layer}"].values
        assert (causes[0] == pruning.KEPT).all()
        for now, later in zip(causes, causes[1:]):
            assert ((later == -1) == (now != pruning.KEPT)).all()
        assert ((causes == pruning.KEPT).sum(axis=1) == run["n_units"].sel(layer=layer)).all()
        gone = causes != pruning.KEPT
        assert np.isnan(run[f"unit_activity_{layer}"].values[gone]).all()
        assert np.isfinite(run[f"unit_activity_{layer}"].values[~gone]).all()


@pytest.mark.parametrize("name", SMOKE)
def test_units_are_measured_right_after_pruning_and_their_mean_is_that_of_the_layer(runs, name):
    _, _, run = runs[name]
    for layer in range(run.sizes["layer"]):
        units, kept = run[f"unit_activity_pruned_{layer}"], run[f"loss_cause_{layer}"] == pruning.KEPT
        assert (np.isfinite(units) == kept).all()
        expected = run["activity"].sel(stage="pruned", layer=layer)
        np.testing.assert_allclose(units.mean(f"unit_{layer}"), expected, rtol=1e-5)


@pytest.mark.parametrize("name", SMOKE)
def test_every_survivor_has_an_input_and_below_the_last_layer_an_output(runs, name):
    _, _, run = runs[name]
    last = run.sizes["layer"] - 1
    for session in run["session"].values:
        masks = masks_of(run, session)
        assert all(mask.any(axis=0).all() for mask in masks)
        assert all(masks[layer].any(axis=1).all() for layer in range(1, last))


def digest(*arrays):
    """Of their bytes, short."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()[:8]


@pytest.mark.parametrize("name", SMOKE)
def test_a_run_of_seed_0_has_the_bits_that_it_always_had(runs, name):
    """Who changes them on purpose changes them here: seeds, streams, the order of sums, a rule of the protocol."""
    settings, start, run = runs[name]
    by_chance = protocol.prune_run(settings, "random", 0, start)
    parts = ("weight_", "mask_", "importance_", "loss_cause_", "unit_activity_", "state_")
    arrays = [made[v].values for made in (start, run, by_chance) for v in sorted(made) if v.startswith(parts)]
    assert digest(*arrays) == BITS[name]


@pytest.mark.parametrize("control", sorted(BITS.keys() & controls.CONTROLS.keys()))
def test_a_control_of_seed_0_has_the_bits_that_it_always_had(runs, control):
    settings, _, run = runs["patches"]
    patterns = data.load(settings["dataset"])["train"].values
    assert digest(*controls.CONTROLS[control].function(settings, patterns, run, 2, 0).weights) == BITS[control]


@pytest.mark.parametrize("name", SMOKE)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(runs, name):
    settings, start, run = runs[name]
    again = protocol.prune_run(settings, settings["reference"], 0, start)
    assert again.identical(run)
    assert not protocol.overproduce(settings, 1)["weight_1"].equals(start["weight_1"])


def test_the_recorded_kl_is_that_of_the_recorded_machine(runs):
    _, _, run = runs["patches"]
    patterns = data.load("patches")["train"].values
    for session in run["session"].values:
        kl = exact.kl_divergence(patterns, machine_of(run, session))
        assert run["kl"].sel(session=session, stage="retrained") == pytest.approx(kl, abs=1e-9)


@pytest.mark.parametrize("name", QUICK_FIRST)
@pytest.mark.parametrize("control", controls.CONTROLS)
def test_a_control_has_the_size_that_it_promises(runs, name, control):
    settings, _, run = runs[name]
    sessions = settings["control_sessions"]
    masks = {s: masks_of(run, s) for s in sessions}
    found = join(controls.control_sessions(small(name, control_sessions=sessions), control, 0, run))
    for session in sessions:
        units, synapses = (found[k].sel(session=session).values for k in ("n_units", "n_synapses"))
        if control in ("random_sparse", "reinitialised", "original_weights", "born_small_units"):
            assert (units == run["n_units"].sel(session=session)).all()
        if control in ("random_sparse", "reinitialised", "original_weights", "pruned_once"):
            assert (synapses == [m.sum() for m in masks[session]]).all()
        if control == "born_small_units":
            assert (synapses >= [m.sum() for m in masks[session]]).all()
        if control == "born_small_synapses":
            inputs_a_unit = [25 if name == "digits" else 13, units[1]]  # at most; the last unit may be half too many
            for layer, mask in enumerate(masks[session]):
                assert abs(synapses[layer] - mask.sum()) <= max(inputs_a_unit[layer] / 2, 1) or units[layer + 1] == 10


def test_random_sparse_keeps_the_number_of_inputs_of_each_unit_and_draws_them_anew(runs):
    settings, _, run = runs["patches"]
    masks, kept = masks_of(run, 1), kept_units(run, 1)
    (drawn,) = controls.random_sparse(settings, masks, kept, 0)
    assert (drawn.sum(axis=0) == masks[0].sum(axis=0)).all()
    assert (drawn != masks[0]).any()
    assert (drawn != controls.random_sparse(settings, masks, kept, 1)[0]).any()


@pytest.fixture
def lessons(monkeypatch):
    """(machine, n_updates) of every training, which learns nothing, in the order in which they happen."""
    found = []

    def train(machine, patterns, schedule, seed, progress=False):
        found.append((machine, schedule.n_updates(len(patterns))))
        return machine

    monkeypatch.setattr(protocol, "train", train)
    return found


@pytest.mark.parametrize("name", SMOKE)
@pytest.mark.parametrize("control", controls.CONTROLS)
def test_a_control_has_as_many_updates_as_the_run_up_to_its_session(runs, lessons, name, control):
    """Pruned once: the training of the over-produced machine is counted, though its result is taken from the run."""
    settings, _, run = runs[name]
    patterns = data.load(settings["dataset"])["train"].values
    trained = controls.CONTROLS[control].function(settings, patterns, run, 2, 0)
    updates = [n for _, n in lessons]
    if control == "pruned_once":
        assert [m.n_synapses for m, _ in lessons] == [machine_of(run, 0).n_synapses, trained.n_synapses]
        updates.insert(0, protocol.Schedule(**settings["training"]).n_updates(len(patterns)))
    schedules = [protocol.Schedule(**settings[key]) for key in ("training", "retraining", "retraining")]
    assert updates == [schedule.n_updates(len(patterns)) for schedule in schedules]


def test_what_finishes_follows_the_training_and_every_retraining(lessons):
    finishing = {"algorithm": "pcd", "n_epochs": 1, "learning_rates": [0.02, 0.01], "momentum": 0.0, "batch_size": 160}
    settings = small("patches", finishing=finishing)
    protocol.prune_run(settings, "weight", 0, protocol.overproduce(settings, 0))
    n = protocol.Schedule(**settings["training"]).n_updates(320)
    assert [updates for _, updates in lessons] == [n, 2] * (1 + settings["pruning"]["n_sessions"])
    assert maps.work(settings, 320, [100], [[50], [20]]) == (3 * (n + 2), (n + 2) * 170)


def test_receptive_fields_are_squares_clipped_at_the_border():
    settings = small("digits")
    fields = protocol.initial_masks(settings, 400)[0].reshape(20, 20, 20, 20)
    assert fields[:, :, 10, 10].sum() == 25
    assert fields[8:13, 8:13, 10, 10].all()
    assert fields[:, :, 0, 0].sum() == 9
    assert fields[:3, :3, 0, 0].all()
    assert fields.sum() == 94**2


def test_a_receptive_field_has_a_pixel_in_its_middle():
    settings = small("digits")
    settings["machine"] = settings["machine"] | {"receptive_field": 4}
    with pytest.raises(ValueError, match=r"^receptive_field: found 4, expected an odd number"):
        protocol.initial_masks(settings, 400)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "patches",
            {"machine": SMOKE["patches"]["machine"] | {"receptive_field": 3}},
            "mine/machine/receptive_field: found 13 pixels",
        ),
        ("patches", {"measures": ["digits"]}, "mine/measures: found digits and patterns without labels"),
        ("digits", {"measures": ["kl"]}, "mine: found 400 pixels, too many for kl"),
    ],
)
def test_what_data_do_not_give_is_refused_at_its_place_before_any_run(name, changes, message):
    with pytest.raises(ValueError, match=f"^{message}.*, expected|^{message}.*; expected"):
        protocol.check_feasible(SMOKE[name] | changes, "mine")


def test_visible_biases_start_at_the_logit_of_the_data():
    patterns = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]])
    machine = protocol.new_machine(SMOKE["patches"], (3, 2), None, patterns, 0)
    np.testing.assert_allclose(machine.biases[0][1:], np.log([1 / 3, 1 / 3]), atol=1e-6)
    assert np.isfinite(machine.biases[0]).all()


@pytest.mark.parametrize("name", QUICK_FIRST)
def test_a_run_that_goes_on_after_any_session_is_the_run_without_a_break(runs, name, tmp_path):
    """Through a file, as after a kill; sessions that are done are not repeated."""
    settings, start, complete = runs[name]
    arguments, path = (settings, settings["reference"], 0, start), tmp_path / "done.nc"
    parts = list(protocol.prune_sessions(*arguments))
    for n in range(1, len(parts) + 1):
        whole.write(join(parts[:n]), path, level=0)
        later = list(protocol.prune_sessions(*arguments, done=netcdf.read(path)))
        assert len(later) == len(parts) - n
        xr.testing.assert_identical(join([netcdf.read(path), *later]), complete)


def test_a_control_that_goes_on_after_any_session_is_the_control_without_a_break(runs):
    settings, _, reference = runs["patches"]
    parts = list(controls.control_sessions(settings, "reinitialised", 0, reference))
    for n in range(1, len(parts) + 1):
        later = controls.control_sessions(settings, "reinitialised", 0, reference, done=join(parts[:n]))
        xr.testing.assert_identical(join([*parts[:n], *later]), join(parts))
