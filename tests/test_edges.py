"""Edges: what pruning, estimates and simulation do with random small machines, ties, odd units and odd fractions."""

import os
import re
from unittest import mock

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analysis import fisher
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import sample
from analysis.machine.training import Schedule, mean_field, pretrain_greedily, train
from analysis.pruning import CRITERIA, KEPT, prune, remove_stranded

few = settings(max_examples=25)
fractions = st.floats(0.01, 0.99)
NOTHING_LEFT = r"^pruning: found no unit left in layer \d, expected one at|^importance\[\d\]: found 0 for all "


@st.composite
def machines(draw, n_layers=(2, 4), densities=(0.4, 0.8, 1.1)):
    """Machines of 1 to 6 units a layer, with or without all their synapses."""
    n_units = draw(st.lists(st.integers(1, 6), min_size=n_layers[0], max_size=n_layers[1]))
    return naive.machine_of(n_units, draw(st.integers(0, 10**6)), density=draw(st.sampled_from(densities)))


@st.composite
def states_with_constant_units(draw, machine, n=40):
    """Random states in which some units never fire and some always do."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rates = [rng.choice([0.0, 0.5, 1.0], len(bias)) for bias in machine.biases]
    return [(rng.random((n, len(rate))) < rate).astype(np.uint8) for rate in rates]


def schedule(machine):
    algorithm = "cd" if len(machine.masks) == 1 else "pcd"
    return Schedule(algorithm, 1, (0.1, 0.1), momentum=0.5, batch_size=3, n_chains=70)


def criteria(machine):
    """All but the eigenvector where there is more than one hidden layer."""
    return {name: f for name, f in CRITERIA.items() if name != "eigenvector" or len(machine.masks) == 1}


def ones(machine):
    return [np.ones(mask.shape) for mask in machine.masks]


def pruned_or_none(*arguments):
    """None where pruning would leave nothing."""
    try:
        return prune(*arguments)
    except ValueError as error:
        if not re.search(NOTHING_LEFT, str(error)):
            raise


# ---- the life of a machine -----------------------------------------------------------------------------------------


@few
@given(machines(), fractions, st.sampled_from(list(CRITERIA)), st.integers(0, 10**6))
def test_pruned_stays_zero_and_masks_shrink_through_scoring_pruning_and_retraining(machine, fraction, name, seed):
    assume(name in criteria(machine))
    patterns = naive.patterns_of(12, machine.n_units[0], seed)
    for session in range(3):
        pruned = pruned_or_none(machine, CRITERIA[name](machine, sample(machine, 70, 2, seed), seed), fraction)
        if pruned is None:
            break
        smaller, kept, causes = pruned
        for k, (mask, weights) in enumerate(zip(smaller.masks, smaller.weights)):
            pair = np.ix_(kept[k], kept[k + 1])
            assert not (mask & ~machine.masks[k][pair]).any()
            assert mask.sum() < machine.masks[k].sum()
            np.testing.assert_array_equal(weights, np.where(mask, machine.weights[k][pair], 0))
            assert mask.any(axis=0).all()  # every hidden unit has an input,
            assert k == 0 or mask.any(axis=1).all()  # and every one below the last layer an output
        assert [np.flatnonzero(cause == KEPT).tolist() for cause in causes] == [units.tolist() for units in kept]
        machine = train(smaller, patterns, schedule(smaller), session)
        for mask, before, weights in zip(machine.masks, smaller.masks, machine.weights):
            np.testing.assert_array_equal(mask, before)
            assert (weights[~mask] == 0).all()


# ---- how many synapses go, and which -------------------------------------------------------------------------------


@few
@given(machines(), fractions, st.integers(0, 10**6), st.integers(1, 5))
def test_exactly_the_asked_number_of_synapses_goes_before_stranded_units_do(machine, fraction, seed, n_values):
    """With ties or without; the masks before units are removed are those of the twin."""
    rng = np.random.default_rng(seed)
    importance = [rng.integers(1, 1 + n_values, mask.shape) / 7 for mask in machine.masks]
    masks, _ = naive.prune(machine, importance, fraction)
    found = pruned_or_none(machine, importance, fraction)
    assume(found is not None)
    asked = [max(1, int(np.floor(fraction * n + 0.5))) for n in machine.n_synapses]
    if found.machine.n_units == machine.n_units:  # no unit was stranded
        assert [a - b for a, b in zip(machine.n_synapses, found.machine.n_synapses)] == asked
    for old, new, pair in zip(masks, found.machine.masks, zip(found.kept, found.kept[1:])):
        np.testing.assert_array_equal(old[np.ix_(*pair)], new)


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5, 0.77])
@pytest.mark.parametrize("value", [0.25, -1.0, 1e-300, 1e300])
def test_of_equally_important_synapses_the_first_go_row_by_row(fraction, value):
    machine = naive.machine_of((40, 50), density=1.1)
    n_pruned = int(fraction * 2000 + 0.5)
    found = prune(machine, [np.full((40, 50), value)], fraction)
    assert found.machine.masks[0].ravel().tolist() == [False] * n_pruned + [True] * (2000 - n_pruned)


@few
@given(machines(), fractions, st.integers(0, 10**6))
def test_ties_are_broken_alike_however_the_importance_is_stored(machine, fraction, seed):
    rng = np.random.default_rng(seed)
    importance = [rng.integers(1, 4, mask.shape) / 4 for mask in machine.masks]
    found = pruned_or_none(machine, importance, fraction)
    assume(found is not None)
    for change in (np.asfortranarray, np.ndarray.tolist, np.float32, lambda x: x[::-1][::-1], lambda x: x + 0.0):
        again = prune(machine, [change(x) for x in importance], fraction)
        for a, b in zip((*found.machine.masks, *found.kept), (*again.machine.masks, *again.kept)):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("fraction", [1e-12, 0.01, 0.049])
def test_a_fraction_of_less_than_one_synapse_takes_one(fraction):
    machine = naive.machine_of((5, 4), density=1.1)
    found = prune(machine, [np.arange(1, 21).reshape(5, 4)], fraction)
    assert found.machine.n_synapses == (19,)
    assert not found.machine.masks[0][0, 0]


@pytest.mark.parametrize("fraction", [0.975, 0.99, 1 - 1e-12])
def test_a_fraction_that_leaves_less_than_half_a_synapse_is_refused(fraction):
    machine = naive.machine_of((5, 4), density=1.1)
    with pytest.raises(ValueError, match=NOTHING_LEFT):
        prune(machine, ones(machine), fraction)
    assert machine.n_synapses == (20,)
    assert prune(machine, ones(machine), 0.974).machine.n_synapses == (1,)


@few
@given(machines(), fractions, st.data())
def test_a_layer_that_would_vanish_is_refused(machine, fraction, data):
    """Importance 0 throughout a layer, a layer without synapses, or none that leads anywhere."""
    layer = data.draw(st.integers(0, len(machine.masks) - 1))
    importance = ones(machine)
    importance[layer] *= data.draw(st.sampled_from([0.0, -0.0]))
    with pytest.raises(ValueError, match=NOTHING_LEFT):
        prune(machine, importance, fraction)
    masks = [mask & (k != layer) for k, mask in enumerate(machine.masks)]
    with pytest.raises(ValueError, match=NOTHING_LEFT):
        remove_stranded(machine, masks)
    with pytest.raises(ValueError, match=NOTHING_LEFT):
        prune(BoltzmannMachine(machine.biases, machine.weights, masks), ones(machine), fraction)


# ---- disconnected parts --------------------------------------------------------------------------------------------


def side_by_side(a, b):
    """Both machines as one, without a synapse between them."""
    return BoltzmannMachine(
        tuple(np.concatenate(pair) for pair in zip(a.biases, b.biases)),
        tuple(_blocks(*pair) for pair in zip(a.weights, b.weights)),
        tuple(_blocks(*pair) for pair in zip(a.masks, b.masks)),
    )


def _blocks(a, b):
    return np.block([[a, np.zeros((len(a), b.shape[1]), a.dtype)], [np.zeros((len(b), a.shape[1]), a.dtype), b]])


@few
@given(st.integers(2, 4), st.data())
def test_parts_of_a_machine_are_pruned_of_stranded_units_as_if_alone(n_layers, data):
    """A part with nothing left goes whole; its visible units stay."""
    parts = [data.draw(machines((n_layers, n_layers), (0.3, 0.6, 1.1))) for _ in range(2)]
    causes = [naive.remove_stranded(part.masks)[1] for part in parts]
    whole = side_by_side(*parts)
    expected = [a + b for a, b in zip(*causes)]
    if not all(KEPT in layer for layer in expected):
        with pytest.raises(ValueError, match=NOTHING_LEFT):
            remove_stranded(whole, whole.masks)
        return
    found = remove_stranded(whole, whole.masks)
    assert [cause.tolist() for cause in found.causes] == expected
    assert found.kept[0].tolist() == list(range(whole.n_units[0]))


@few
@given(st.integers(2, 4), st.data())
def test_energies_of_parts_without_a_synapse_between_them_add(n_layers, data):
    a, b = (data.draw(machines((n_layers, n_layers))) for _ in range(2))
    states = [sample(machine, 20, 3, 0) for machine in (a, b)]
    joint = [np.concatenate(pair, axis=1) for pair in zip(*states)]
    expected = a.energy(states[0]) + b.energy(states[1])
    np.testing.assert_allclose(side_by_side(a, b).energy(joint), expected, atol=1e-9)


# ---- units that never or always fire -------------------------------------------------------------------------------


@few
@given(machines(), st.data())
def test_every_criterion_is_finite_where_units_never_or_always_fire(machine, data):
    states = data.draw(states_with_constant_units(machine))
    for name, criterion in criteria(machine).items():
        importance = criterion(machine, states, 0)
        for x, mask in zip(importance, machine.masks, strict=True):
            assert x.shape == mask.shape
            assert np.isfinite(x).all(), name
            assert (x >= 0).all(), name
        pruned_or_none(machine, importance, 0.3)


@pytest.mark.parametrize("weight", [0.0, 1e-30, 30.0, 1e4, 3e38])
@pytest.mark.parametrize("sign", [1, -1])
def test_estimates_at_rates_0_and_1_are_0_or_the_variance_of_the_other_unit(weight, sign):
    """<v> = 0 or <h> = 0: no coincidence, p = 0. <v> = 1: p = <h>. <h> = 1: p = <v>, as the weight acts no more."""
    pre = np.array([[0, 1, 0]] * 3 + [[0, 1, 1]])
    post = np.array([[0, 1, 0]] * 2 + [[0, 1, 1]] * 2)
    found = fisher.heuristic_estimate(pre, post, np.full((3, 3), sign * weight))
    np.testing.assert_array_equal(found[0], 0)
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_allclose(found[1], [0, 0, 1 / 4], atol=1e-7)
    np.testing.assert_allclose(found[:, 1], [0, 0, 3 / 16], atol=1e-7)
    assert np.isfinite(found).all()
    assert found[2, 2] >= 0
    np.testing.assert_allclose(fisher.variance_estimate(pre, post)[1], [0, 0, 1 / 4])


# ---- data and machines that are odd, but right ---------------------------------------------------------------------

ODD_PATTERNS = {
    "one pattern": np.array([[0, 1, 1, 0]]),
    "one pattern of zeros": np.zeros((1, 4), int),
    "zeros": np.zeros((9, 4), int),
    "ones": np.ones((9, 4), int),
    "a unit that never fires": naive.patterns_of(9, 4) * [0, 1, 1, 1],
    "a unit that always fires": naive.patterns_of(9, 4) | [1, 0, 0, 0],
    "more than a batch of the same": np.tile([1, 0, 1, 0], (7, 1)),
}
ODD_MACHINES = {
    "RBM": BoltzmannMachine.random((4, 3), 0),
    "one hidden unit": BoltzmannMachine.random((4, 1), 0),
    "deep": BoltzmannMachine.random((4, 3, 2), 0),
    "single units": BoltzmannMachine.random((4, 1, 1, 1), 0),
    "no synapse": BoltzmannMachine.random((4, 3), 0, masks=(np.zeros((4, 3)),)),
    "no synapse below": BoltzmannMachine.random((4, 3, 2), 0, masks=(np.zeros((4, 3)), np.ones((3, 2)))),
    "strong weights": BoltzmannMachine.random((4, 3), 0, weight_std=300.0),
}


@pytest.mark.parametrize("patterns", ODD_PATTERNS.values(), ids=ODD_PATTERNS)
@pytest.mark.parametrize("machine", ODD_MACHINES.values(), ids=ODD_MACHINES)
def test_odd_patterns_and_machines_train_to_finite_parameters(machine, patterns):
    schedules = [Schedule("cd", 2, (0.1, 0.1), batch_size=4)] * len(machine.masks)
    for trained in (
        train(machine, patterns, schedule(machine), 0),
        pretrain_greedily(machine, patterns, schedules, 0),
    ):
        assert trained.n_synapses == machine.n_synapses
        assert all(np.isfinite(p).all() for p in (*trained.biases, *trained.weights))
    for k, m in enumerate(mean_field(machine, patterns)):
        assert m.shape == (len(patterns), machine.n_units[k])
        assert ((m >= 0) & (m <= 1)).all()


# ---- the same bits, and the energy ---------------------------------------------------------------------------------


@few
@given(machines(), st.integers(0, 2**64 - 1))
def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(machine, seed):
    patterns = naive.patterns_of(70, machine.n_units[0])
    found = []
    for n_threads in (1, 2, 5):
        with mock.patch.dict(os.environ, NUMBA_NUM_THREADS=str(n_threads)):
            states = sample(machine, 200, 3, seed)
            trained = train(machine, patterns, schedule(machine), seed)
            fields = mean_field(machine, patterns)
            scores = [x for f in criteria(machine).values() for x in f(machine, states, seed)]
            found.append([*states, *trained.biases, *trained.weights, *fields, *scores])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes()


@few
@given(machines(), st.integers(0, 10**6))
def test_the_energy_is_the_sum_over_units_and_synapses(machine, seed):
    states = sample(machine, 15, 1, seed)
    expected = [naive.energy(machine, layers) for layers in zip(*states)]
    np.testing.assert_allclose(machine.energy(states), expected, atol=1e-5)
