"""Runs: sizes, invariants of pruning over sessions, controls of the same size, and the record of it all."""

import numpy as np
import pytest
import xarray as xr

from analysis import data, exact, pruning
from analysis.experiment import config, controls, maps, protocol
from analysis.experiment.record import join, kept_units, machine_of, masks_of
from analysis.files import netcdf, whole
from analysis.machine.model import BoltzmannMachine

SMOKE = config.load(config.ROOT / "config" / "smoke.yaml")["experiments"]


@pytest.fixture(autouse=True)
def few_patterns(monkeypatch):
    load = data.load

    def some(name):
        found = load(name)
        return found.isel(pattern=slice(0, 320), test_pattern=slice(0, 200))

    monkeypatch.setattr(data, "load", some)


def small(name, **changes):
    settings = {**SMOKE[name], **changes}
    settings["samples"] = {"start": "data", "n_chains": 300, "n_steps": 5, "n_measure_chains": 100}
    if name == "digits":
        settings["machine"] = {**settings["machine"], "hidden": [400, 10]}
    return settings


@pytest.fixture(scope="module")
def runs():
    """One run of each experiment by its reference criterion, on few patterns."""
    with pytest.MonkeyPatch.context() as patch:
        load = data.load
        patch.setattr(data, "load", lambda name: load(name).isel(pattern=slice(0, 320), test_pattern=slice(0, 200)))
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
def test_units_have_a_sparseness_and_a_tuning_between_0_and_1(runs, name):
    _, _, run = runs[name]
    for layer in range(1, run.sizes["layer"]):
        kept = run[f"loss_cause_{layer}"] == pruning.KEPT
        for measure in ("sparseness", "pixel_tuning"):
            values = run[f"unit_{measure}_{layer}"]
            assert (np.isfinite(values) == kept).all()
            assert 0 <= float(values.min()) <= float(values.max()) <= 1


@pytest.mark.parametrize("name", SMOKE)
def test_every_survivor_has_an_input_and_below_the_last_layer_an_output(runs, name):
    _, _, run = runs[name]
    last = run.sizes["layer"] - 1
    for session in run["session"].values:
        masks = masks_of(run, session)
        assert all(mask.any(axis=0).all() for mask in masks)
        assert all(masks[layer].any(axis=1).all() for layer in range(1, last))


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


@pytest.mark.parametrize("name", SMOKE)
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
    trained = controls.CONTROLS[control](settings, patterns, run, 2, 0)
    updates = [n for _, n in lessons]
    if control == "pruned_once":
        assert [m.n_synapses for m, _ in lessons] == [machine_of(run, 0).n_synapses, trained.n_synapses]
        updates.insert(0, protocol.Schedule(**settings["training"]).n_updates(len(patterns)))
    schedules = [protocol.Schedule(**settings[key]) for key in ("training", "retraining", "retraining")]
    assert updates == [schedule.n_updates(len(patterns)) for schedule in schedules]


@pytest.mark.parametrize("name", SMOKE)
def test_original_weights_are_those_of_the_large_machine_before_it_learned(runs, lessons, name):
    settings, _, run = runs[name]
    patterns = data.load(settings["dataset"])["train"].values
    large = protocol.initial_machine(settings, patterns, 0)
    found = controls.CONTROLS["original_weights"](settings, patterns, run, 1, 0)
    for layer, (lower, upper) in enumerate(zip(kept_units(run, 1), kept_units(run, 1)[1:])):
        mask = run[f"mask_{layer + 1}"].sel(session=1).values
        for i, row in enumerate(lower):
            expected = [large.weights[layer][row, column] * mask[row, column] for column in upper]
            assert found.weights[layer][i].tolist() == expected
        assert found.biases[layer + 1].tolist() == [large.biases[layer + 1][unit] for unit in upper]


def test_an_overproduced_machine_starts_from_the_initial_machine(lessons):
    settings = small("patches")
    start = BoltzmannMachine.from_dataset(protocol.overproduce(settings, 3))
    initial = protocol.initial_machine(settings, data.load("patches")["train"].values, 3)
    assert (start.weights[0] == initial.weights[0]).all()


def test_what_finishes_follows_the_training_and_every_retraining(lessons):
    settings = small(
        "patches",
        finishing={"algorithm": "pcd", "n_epochs": 1, "learning_rates": [0.02, 0.01], "momentum": 0.0}
        | {"batch_size": 160},
    )
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


def test_a_receptive_field_needs_one_unit_a_pixel():
    settings = small("digits")
    settings["machine"] = {**settings["machine"], "hidden": [100, 10]}
    with pytest.raises(ValueError, match=r"^receptive_field: found 400 pixels and 100 units"):
        protocol.initial_masks(settings, 400)


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


def test_unknown_conditions_are_refused_with_the_known_ones(runs):
    settings, start, run = runs["patches"]
    with pytest.raises(ValueError, match=r"^criterion: found 'weights', expected one of variance_fi,"):
        protocol.prune_run(settings, "weights", 0, start)
    with pytest.raises(ValueError, match=r"^control: found 'born', expected one of born_small_units,"):
        next(controls.control_sessions(settings, "born", 0, run))


def test_an_overproduced_machine_comes_back_from_its_file(runs):
    _, start, run = runs["patches"]
    machine = BoltzmannMachine.from_dataset(start)
    again = machine_of(run, 0)
    assert all((a == b).all() for a, b in zip(machine.weights + machine.biases, again.weights + again.biases))


@pytest.mark.parametrize("name", SMOKE)
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


@pytest.mark.parametrize("name", SMOKE)
def test_a_control_that_goes_on_after_any_session_is_the_control_without_a_break(runs, name):
    settings, _, reference = runs[name]
    arguments = settings, "reinitialised", 0, reference
    parts = list(controls.control_sessions(*arguments))
    for n in range(1, len(parts) + 1):
        later = controls.control_sessions(*arguments, done=join(parts[:n]))
        xr.testing.assert_identical(join([*parts[:n], *later]), join(parts))
