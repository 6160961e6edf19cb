"""Runs: sizes, invariants of pruning over sessions, and the record of it all."""

import hashlib
from functools import partial

import numpy as np
import pytest
import xarray as xr

from analysis import data, exact, pruning
from analysis.experiment import config, controls, local_estimates, protocol
from analysis.experiment.record import join, machine_of
from analysis.files import netcdf, whole
from analysis.machine.model import BoltzmannMachine

BITS = {"patches": "e406ddff", "digits": "27e4883f"}
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
        del settings["folds"]
    return settings


def made(name):
    """(settings, over-produced machine, run by the reference criterion) of a small experiment."""
    settings = small(name)
    start = protocol.overproduce(settings, 0)
    return settings, start, protocol.prune_run(settings, settings["reference"], 0, start)


@pytest.fixture(scope="module")
def runs(few):
    return {name: made(name) for name in SMOKE}


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
    assert (left[1:] <= np.floor(left[:-1] * (1 - np.array(settings["pruning"]["fraction"])) + 0.5)).all()
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


def test_fractions_by_session_are_taken_in_their_sessions(runs):
    """The same in every session is one for all; others go on from there."""
    settings, start, run = runs["patches"]

    def pruned(fractions):
        changed = settings | {"pruning": {"n_sessions": 3, "fraction": fractions}}
        return protocol.prune_run(changed, settings["reference"], 0, start)

    assert pruned([[0.5]] * 3).identical(run)
    n_units = settings["machine"]["hidden"][0]
    n_synapses = pruned([[0.25], [0.5], [0.1]])["n_synapses"].values.ravel().tolist()
    assert n_synapses == [13 * n_units, 117, 58, 52]  # of 156: halves round up to what goes


def digest(*arrays):
    """Of their bytes, short."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()[:8]


@pytest.mark.parametrize("name", SMOKE)
def test_a_run_of_seed_0_has_the_bits_that_it_always_had(runs, name):
    """Who changes them on purpose changes them here: seeds, streams, the order of sums, a rule of the protocol."""
    settings, start, run = runs[name]
    by_chance = protocol.prune_run(settings, "random", 0, start)
    parts = ("weight_", "mask_", "state_")
    arrays = [start[v].values for v in sorted(start) if v.startswith(parts)]
    parts += ("importance_", "loss_cause_", "unit_activity_")
    arrays += [made[v].values for made in (run, by_chance) for v in sorted(made) if v.startswith(parts)]
    assert digest(*arrays) == BITS[name]
    assert not protocol.overproduce(settings, 1)["weight_1"].equals(start["weight_1"])


def test_the_recorded_kl_is_that_of_the_recorded_machine(runs):
    _, _, run = runs["patches"]
    patterns = data.load("patches")["train"].values
    for session in run["session"].values:
        kl = exact.kl_divergence(patterns, machine_of(run, session))
        assert run["kl"].sel(session=session, stage="retrained") == pytest.approx(kl, abs=1e-9)
    assert (run["kl"].sel(stage="pruned") != run["kl"].sel(stage="retrained")).values.tolist() == [False, *[True] * 3]


def test_every_training_and_every_sleep_has_random_numbers_of_its_own(monkeypatch):
    seeds = []
    for name in ("train", "sample", "awake"):
        noted = partial(lambda function, *given: seeds.append(given[3]) or function(*given), getattr(protocol, name))
        monkeypatch.setattr(protocol, name, noted)
    settings = small("patches")
    run = protocol.prune_run(settings, "weight", 0, protocol.overproduce(settings, 0))
    local_estimates.along(settings, 0, run)
    assert len({*seeds}) == len(seeds) > 10
    np.testing.assert_array_equal(run["importance_1"], abs(run["weight_1"]))  # of the machine as it is retrained


def record_lessons(monkeypatch):
    """[(machine, schedule)] of every training to come, which learns nothing, in their order; pretraining: schedules."""
    found = []

    def train(machine, patterns, schedule, seed):
        found.append((machine, schedule))
        return machine

    def pretrain(machine, patterns, schedules, seed):
        found.append((machine, schedules))
        return machine

    monkeypatch.setattr(protocol, "train", train)
    monkeypatch.setattr(protocol, "pretrain_greedily", pretrain)
    return found


def test_what_finishes_follows_the_training_and_every_retraining(monkeypatch):
    lessons = record_lessons(monkeypatch)
    finishing = {"algorithm": "pcd", "n_epochs": 1, "learning_rates": [0.02, 0.01], "momentum": 0.0, "batch_size": 160}
    settings = small("patches", finishing=finishing)
    protocol.prune_run(settings, "weight", 0, protocol.overproduce(settings, 0))
    n = protocol.Schedule(**settings["training"]).n_updates(320)
    assert [schedule.n_updates(320) for _, schedule in lessons] == [n, 2] * (1 + settings["pruning"]["n_sessions"])
    assert controls.work(settings, 320, [[100], [50], [20]]) == (n + 2) * 170


def test_receptive_fields_are_squares_clipped_at_the_border():
    settings = small("digits")
    fields = protocol.initial_masks(settings, 400)[0].reshape(20, 20, 20, 20)
    assert fields[:, :, 10, 10].sum() == 25
    assert fields[8:13, 8:13, 10, 10].all()
    assert fields[:, :, 0, 0].sum() == 9
    assert fields[:3, :3, 0, 0].all()
    assert fields.sum() == 94**2


A_FIELD = {"machine": SMOKE["patches"]["machine"] | {"receptive_field": 3}}
TOO_MUCH = {"pruning": {"n_sessions": 9, "fraction": [0.27, 0.9]}}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("patches", A_FIELD, "mine/machine/receptive_field: found 13 pixels"),
        ("patches", {"measures": ["digits"]}, "mine/measures: found digits and patterns without labels"),
        ("digits", {"measures": ["kl"]}, "mine: found 400 pixels, too many for kl"),
        ("digits", TOO_MUCH, "mine/pruning: found 9 sessions of 0.9, which leave none of the 9600 synapses of layer 2"),
    ],
)
def test_what_data_do_not_give_is_refused_at_its_place_before_any_run(name, changes, message):
    with pytest.raises(ValueError, match=f"^{message}.*, expected|^{message}.*; expected"):
        protocol.check_feasible(SMOKE[name] | changes, "mine")


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.49, 0.5, 0.9])
def test_pruning_is_refused_from_the_session_on_that_would_leave_nothing(fraction):
    """One hidden unit loses its 13 synapses as pruning takes them; a fraction of few rounds to one at least."""
    settings = SMOKE["patches"] | {"machine": SMOKE["patches"]["machine"] | {"hidden": [1]}}
    machine, n_sessions = BoltzmannMachine.random((13, 1), 0), 0

    def check(n):
        protocol.check_feasible(settings | {"pruning": {"n_sessions": n, "fraction": fraction}}, "mine")

    while machine is not None:
        check(n_sessions)
        try:
            machine = pruning.prune(machine, [np.ones(machine.masks[0].shape)], fraction).machine
            n_sessions += 1
        except ValueError:
            machine = None
    with pytest.raises(ValueError, match=rf"^mine/pruning: found {n_sessions + 1} sessions of {fraction}, which leave"):
        check(n_sessions + 1)


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


def test_the_likelihood_of_test_patterns_is_the_enumerated_one():
    settings = small("patches", likelihood={"n_chains": 1000, "n_temperatures": 100})
    settings["samples"] = {"start": "noise", "n_chains": 1000, "n_steps": 50, "n_measure_chains": 1000}
    patterns = data.load(settings["dataset"])
    large = protocol.overproduce(settings, 0)
    reference = protocol.prune_run(settings, settings["reference"], 0, large)
    (control,) = controls.control_sessions(settings, "born_small_units", 0, reference)
    born_small = controls.develop_control(settings, "born_small_units", patterns["train"].values, reference, 3, 0)
    for found, machine in ((large, machine_of(large, 0)), (control, born_small)):
        expected = -exact.log_likelihood(patterns["test"].values, machine)
        np.testing.assert_allclose(found["negative_log_likelihood"], [expected], atol=0.02)
        assert (abs(found["log_z_gap"]) < 0.05).all()
