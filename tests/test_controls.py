"""Controls: wirings of the sizes that they promise, mixed as far as chance goes, and trained for as long as said."""

import numpy as np
import pytest
import xarray as xr
from test_protocol import QUICK_FIRST, SMOKE, digest, made, record_lessons, small

from analysis import data
from analysis.experiment import controls, protocol, wirings
from analysis.experiment.controls import CONTROLS, develop_control, stretch, work
from analysis.experiment.record import join, kept_units, masks_of

BITS = "580b8c51 6b05e394 7f9e2921 9086cf87 f5319353 73fd894c 7afc1512 d3cf98a8 6cff6fad 56f38931 d4e6ecf5".split()
BITS = dict(zip(CONTROLS, BITS, strict=True))
SHARES = {
    "pruned_at_once": [1.0],
    "pruned_decreasing": [0.5, 0.3, 0.2],
    "pruned_constant": [0.25] * 4,
    "pruned_increasing": [0.3, 0.7],
}
TUNING = {name: {"shares": shares} for name, shares in SHARES.items()} | {"pruned_early": {"trained": 0.1}}
SAME_UNITS = ("rewired", "reinitialised", "born_small_units")
OWN_SIZE = ("born_small_units", "born_small_synapses")


@pytest.fixture(autouse=True, scope="module")
def few(few_patterns):
    with few_patterns():
        yield


@pytest.fixture(scope="module")
def runs(few):
    return {name: made(name) for name in SMOKE}


@pytest.fixture
def lessons(monkeypatch):
    return record_lessons(monkeypatch)


@pytest.fixture(scope="module")
def fields():
    """(settings, masks, kept units) of a machine of digits that has 28 % of its receptive fields left."""
    settings = small("digits")
    settings["machine"] = settings["machine"] | {"hidden": [400, 100]}
    rng, born = np.random.default_rng(0), protocol.initial_masks(settings, 400)
    masks = [mask & (rng.random(mask.shape) < share) for mask, share in zip(born, (0.28, 0.1))]
    return settings, masks, [np.arange(n) for n in (400, 400, 100)]


def patterns_of(settings):
    return data.load(settings["dataset"])["train"].values


@pytest.mark.parametrize("name", QUICK_FIRST)
@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_has_the_size_that_it_promises(runs, name, control):
    settings, _, run = runs[name]
    settings = settings | {"control_sessions": [1, 3], "tuning": TUNING}
    found = join(controls.control_sessions(settings, control, 0, run))
    for session in (1, 3):
        units, synapses = (found[k].sel(session=session).values for k in ("n_units", "n_synapses"))
        wanted = np.array([mask.sum() for mask in masks_of(run, session)])
        if control in SAME_UNITS:
            assert (units == run["n_units"].sel(session=session)).all()
        if control not in OWN_SIZE:
            stranded = name == "digits" and control not in SAME_UNITS  # as near as may be without them
            assert (abs(synapses - wanted) <= 0.05 * wanted * stranded).all()
        if control == "born_small_units":
            assert (synapses >= wanted).all()
        if control == "born_small_synapses":
            inputs_a_unit = [25 if name == "digits" else 13, *units[1:-1]]  # at most; half of the last may be too many
            near = abs(synapses - wanted) <= np.maximum(np.array(inputs_a_unit) / 2, 1)
            assert (near | (units[1:] == settings["machine"]["hidden"])).all()


def test_synapses_born_small_are_split_between_layers_as_the_tuning_says(fields):
    settings, masks, kept = fields
    total = sum(mask.sum() for mask in masks)
    for split in (0.3, 0.5):
        tuned = settings | {"tuning": {"born_small_synapses": {"split": split}, "rewired": {"split": 0.1}}}
        first, second = wirings.born_small_synapses(tuned, masks, kept, 0)
        assert abs(first.sum() - split * total) <= 25 / 2  # half of what a unit has, at most
        assert abs(first.sum() + second.sum() - total) <= 25 / 2 + len(second) / 2 + 1
        assert second.all()


@pytest.mark.parametrize("wanted", [(100, 5000), (1000, 100, 5000), (500, 9000)], ids=str)
def test_what_a_layer_born_small_can_not_hold_goes_to_the_layer_below(wanted):
    settings = {"machine": {"hidden": [100] * len(wanted), "receptive_field": None}}
    masks = [np.arange(10**4).reshape(100, 100) < n for n in wanted]
    found = wirings.born_small_synapses(settings, [masks[0][:10], *masks[1:]], [np.arange(10)], 0)
    assert abs(sum(mask.sum() for mask in found) - sum(wanted)) <= 0.02 * sum(wanted)


def test_rewiring_keeps_both_degrees_of_every_unit_and_stays_within_what_was_there_at_birth(runs, fields):
    wired = [(settings, masks_of(run, 2), kept_units(run, 2)) for settings, _, run in runs.values()]
    for settings, masks, kept in (*wired, fields):
        born = wirings.born_small_units(settings, masks, kept, 0)
        for seed in (0, 1):
            for mask, new, full in zip(masks, wirings.rewired(settings, masks, kept, seed), born, strict=True):
                assert (new.sum(axis=0) == mask.sum(axis=0)).all()
                assert (new.sum(axis=1) == mask.sum(axis=1)).all()
                assert not (new & ~full).any()


def by_degrees(mask, born):
    """P(i -> j) of the wiring that is random but for its degrees and for what was there at birth.

    p_ij = x_i y_j / (1 + x_i y_j), fitted to the degrees: the maximum of entropy.
    """
    inputs, outputs = mask.sum(axis=0), mask.sum(axis=1)[:, None]
    x, y = np.ones((len(mask), 1)), np.ones(mask.shape[1])
    for _ in range(300):
        x = outputs / (born * y / (1 + x * y)).sum(axis=1, keepdims=True)
        y = inputs / (born * x / (1 + x * y)).sum(axis=0)
    return born * x * y / (1 + x * y)


def test_rewiring_mixes_as_far_as_chance_goes_even_within_receptive_fields(fields):
    """What it shares with the wiring before is what any wiring of these degrees shares; another seed, another one."""
    settings, masks, kept = fields
    p = by_degrees(masks[0], protocol.initial_masks(settings, 400)[0])
    n, chance = masks[0].sum(), p[masks[0]].sum()
    np.testing.assert_allclose(p.sum(axis=0), masks[0].sum(axis=0), atol=0.01)
    found = [wirings.rewired(settings, masks, kept, seed)[0] for seed in range(3)]
    error = np.sqrt((p * (1 - p))[masks[0]].sum())
    for new in found:
        assert abs((new & masks[0]).sum() - chance) < 4 * error, ((new & masks[0]).sum() / n, chance / n)
    assert (found[0] & found[1]).sum() < n / 2


@pytest.mark.parametrize("name", SMOKE)
@pytest.mark.parametrize("control", ["born_small_units", "born_small_synapses", "rewired", "reinitialised"])
def test_a_control_has_as_many_updates_as_the_run_up_to_its_session(runs, lessons, name, control):
    settings, _, run = runs[name]
    n = len(patterns_of(settings))
    develop_control(settings, control, patterns_of(settings), run, 2, 0)
    first, again = (
        [protocol.Schedule(**settings[key]).n_updates(n) for key in (name, "finishing") if key in settings]
        for name in ("training", "retraining")
    )
    assert [schedule.n_updates(n) for _, schedule in lessons] == first + again * 2


@pytest.mark.parametrize("name", SMOKE)
@pytest.mark.parametrize("control", ["born_small_units", "born_small_synapses", "rewired"])
def test_equal_work_is_that_of_the_pruned_machine_up_to_half_an_epoch_of_every_training(runs, lessons, name, control):
    settings, _, run = runs[name]
    long = {key: settings[key] | {"n_epochs": n} for key, n in (("training", 9), ("retraining", 4))}
    settings, patterns = settings | long, patterns_of(settings)
    wanted = work(settings, len(patterns), [run["n_synapses"].sel(session=k).values.tolist() for k in range(3)])
    worked, an_epoch = {}, {}
    for equal_work in (True, False):
        lessons.clear()
        machine = develop_control(settings, control, patterns, run, 2, 0, equal_work)
        done = [(s.n_updates(len(patterns)) * sum(machine.n_synapses), s.n_epochs) for _, s in lessons]
        worked[equal_work], an_epoch[equal_work] = sum(w for w, _ in done), sum(w // n for w, n in done)
    assert abs(worked[True] - wanted) <= an_epoch[True] / 2
    assert control == "born_small_units" or abs(worked[False] - wanted) > an_epoch[True] / 2


def test_rates_of_a_control_are_its_own_in_all_but_the_finishing(runs, lessons):
    settings, _, run = runs["digits"]
    settings = settings | {"pretraining": [settings["training"] | {"algorithm": "cd"}] * 2}
    settings["finishing"] = settings["training"] | {"learning_rates": [0.5, 0.25]}
    settings["tuning"] = {"reinitialised": {"rates": 2.0}}
    rates = {}
    for control in ("rewired", "reinitialised"):
        develop_control(settings, control, patterns_of(settings), run, 1, 0)
        pretraining, *others = [schedule for _, schedule in lessons]
        rates[control] = [schedule.learning_rates for schedule in (*pretraining, *others)]
        lessons.clear()
    assert rates["rewired"] == [[0.01, 0.01]] * 3 + [[0.5, 0.25], [0.01, 0.01], [0.5, 0.25]]
    assert rates["reinitialised"] == [[0.02, 0.02]] * 3 + [[0.5, 0.25], [0.02, 0.02], [0.5, 0.25]]


@pytest.mark.parametrize("control", ["reinitialised", "born_small_synapses_work", "pruned_increasing"])
def test_a_control_that_goes_on_after_any_session_is_the_control_without_a_break(runs, control):
    settings, _, reference = runs["patches"]
    settings = settings | {"control_sessions": [1, 3], "tuning": TUNING}
    parts = list(controls.control_sessions(settings, control, 0, reference))
    for n in range(1, len(parts) + 1):
        later = controls.control_sessions(settings, control, 0, reference, done=join(parts[:n]))
        xr.testing.assert_identical(join([*parts[:n], *later]), join(parts))


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_of_seed_0_has_the_bits_that_it_always_had(runs, control):
    settings, _, run = runs["patches"]
    machine = develop_control(settings | {"tuning": TUNING}, control, patterns_of(settings), run, 2, 0)
    assert digest(*machine.weights) == BITS[control]


@pytest.mark.parametrize("control", TUNING)
def test_what_is_pruned_from_large_loses_its_shares_session_by_session_with_as_much_work_as_the_run(
    runs, lessons, control
):
    """Up to half an epoch of every retraining; from the run's large machine, or one that saw few patterns."""
    settings, _, run = runs["patches"]
    long = {key: settings[key] | {"n_epochs": 20} for key in ("training", "retraining")}
    settings, patterns = settings | long | {"tuning": TUNING}, patterns_of(settings)
    born, *left = [int(run["n_synapses"].sel(session=k).sum()) for k in range(3)]
    wanted = work(settings, len(patterns), [[born], *([n] for n in left)])
    develop_control(settings, control, patterns, run, 2, 0)
    sizes = list(dict.fromkeys(sum(machine.n_synapses) for machine, _ in lessons))
    expected = left
    if control in SHARES:
        expected = [round(born - share * (born - left[-1])) for share in np.cumsum(SHARES[control])]
        worked = work(settings, len(patterns), [[born]])
    else:
        assert sizes.pop(0) == born
        (_, first), (_, finishing), *_ = lessons
        del lessons[:2]
        worked = born * (first.n_updates(len(patterns) // 10) + finishing.n_updates(len(patterns) // 10))
    assert np.abs(np.subtract(sizes, expected)).max() <= 1  # halves
    assert sizes[-1] == left[-1]
    assert lessons[0][0].weights[0].any()
    worked += sum(schedule.n_updates(len(patterns)) * sum(machine.n_synapses) for machine, schedule in lessons)
    an_epoch = sum(s.n_updates(len(patterns)) // s.n_epochs * sum(machine.n_synapses) for machine, s in lessons)
    assert abs(worked - wanted) <= an_epoch / 2


def test_another_seeds_wiring_is_what_the_run_of_another_large_machine_leaves(runs):
    settings, _, run = runs["patches"]
    other = protocol.prune_run(settings, settings["reference"], 7, protocol.overproduce(settings, 7))
    found = wirings.other_seeds_wiring(settings, masks_of(run, 3), kept_units(run, 3), 7)
    assert np.array_equal(found[0], masks_of(other, 3)[0])
    assert not np.array_equal(found[0], masks_of(run, 3)[0])


def test_what_is_pruned_untrained_has_as_many_synapses_wherever_the_large_machine_had_one(fields):
    """With those of stranded units gone: numbers as asked, of any unit, within what was there at birth."""
    settings, masks, kept = fields
    wanted = [int(mask.sum()) for mask in masks]
    found = [wirings.pruned_untrained(settings, masks, kept, seed) for seed in range(2)]
    for first, second in found:
        assert abs(first.sum() - wanted[0]) <= 0.01 * wanted[0]
        assert abs(second.sum() - wanted[1]) <= 0.01 * wanted[1]
        assert first.any(axis=0).all()
        assert second.any(axis=1).all()
        assert np.corrcoef(first.sum(axis=1), protocol.initial_masks(settings, 400)[0].sum(axis=1))[0, 1] > 0
    assert not np.array_equal(found[0][1], found[1][1])


def test_stretching_makes_schedules_longer_and_keeps_their_momenta_in_place():
    schedule = SMOKE["digits"]["training"] | {"n_epochs": 4, "momentum": [0.1, 0.2, 0.3, 0.4]}
    found = stretch(SMOKE["digits"] | {"training": schedule, "pretraining": [schedule]}, 2.2)
    assert found["training"]["n_epochs"] == 9
    assert found["training"]["momentum"] == [0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    assert (found["pretraining"], stretch(SMOKE["digits"], 0.01)["training"]["n_epochs"]) == ([found["training"]], 1)
    assert stretch(SMOKE["digits"], 1) == SMOKE["digits"]


def test_work_is_that_of_a_count_update_by_update():
    schedule = SMOKE["digits"]["training"] | {"algorithm": "cd", "n_epochs": 2, "batch_size": 30}
    retraining = SMOKE["digits"]["retraining"] | {"n_epochs": 3, "momentum": 0.5}
    settings = SMOKE["digits"] | {"pretraining": [schedule, schedule | {"n_epochs": 3}], "retraining": retraining}
    changed = [7] * 2 * 4 + [11] * 3 * 4 + [7 + 11] * 2 + [5 + 6] * 6 + [1 + 2] * 6  # 100 patterns: 4 or 2 batches
    assert work(settings, 100, [[7, 11], [5, 6], [1, 2]]) == sum(changed)
