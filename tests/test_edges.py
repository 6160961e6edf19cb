"""Edges: what pruning, estimates and simulation do with random small machines, ties, odd units and odd fractions."""

import re

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.machine.model import BoltzmannMachine
from analysis.machine.training import Schedule, mean_field, pretrain_greedily, train
from analysis.pruning import CRITERIA, KEPT, Activity, prune

few = settings(max_examples=25)
fractions = st.floats(0.01, 0.99)
SIGNED = ("deletion_damage", "visible_curvature")
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


def pruned_or_none(*arguments):
    """None where pruning would leave nothing."""
    try:
        return prune(*arguments)
    except ValueError as error:
        if not re.search(NOTHING_LEFT, str(error)):
            raise


@few
@given(machines(), st.data())
def test_every_criterion_is_finite_where_units_never_or_always_fire(machine, data):
    states = data.draw(states_with_constant_units(machine))
    for name, criterion in criteria(machine).items():
        importance = criterion(machine, Activity(states, lambda: mean_field(machine, states[0])), 0)
        for x, mask in zip(importance, machine.masks, strict=True):
            assert x.shape == mask.shape
            assert np.isfinite(x).all(), name
            assert (x >= -1e-12).all() or name in SIGNED, name
        pruned_or_none(machine, importance, 0.3)


@few
@given(machines(densities=(1.1,), n_layers=(2, 2)), fractions, st.integers(0, 10**6))
def test_pruning_random_units_takes_whole_units_and_some_synapses_of_one(machine, fraction, seed):
    importance = CRITERIA["random_units"](machine, None, seed)
    for x in importance:
        assert (x == x[0]).all()  # one number a unit,
        assert len(set(x[0])) == x.shape[1]  # another one each
    pruned = pruned_or_none(machine, importance, fraction)
    if pruned is not None:
        n_inputs = pruned.machine.masks[0].sum(axis=0)
        assert (n_inputs < machine.n_units[0]).sum() <= 1
        lost = np.flatnonzero(pruned.causes[1] != KEPT)
        assert importance[0][0][lost].max(initial=0) < importance[0][0][pruned.kept[1]].min()


ODD_PATTERNS = {
    "one pattern": np.array([[0, 1, 1, 0]]),
    "zeros": np.zeros((9, 4), int),
    "ones": np.ones((9, 4), int),
    "a unit that always fires": naive.patterns_of(9, 4) | [1, 0, 0, 0],
}
ODD_MACHINES = {
    "RBM": BoltzmannMachine.random((4, 3), 0),
    "deep": BoltzmannMachine.random((4, 3, 2), 0),
    "single units": BoltzmannMachine.random((4, 1, 1, 1), 0),
    "no synapse": BoltzmannMachine.random((4, 3), 0, masks=(np.zeros((4, 3)),)),
    "strong weights": BoltzmannMachine.random((4, 3), 0, weight_std=300.0),
}


@pytest.mark.parametrize("patterns", ODD_PATTERNS.values(), ids=ODD_PATTERNS)
@pytest.mark.parametrize("machine", ODD_MACHINES.values(), ids=ODD_MACHINES)
def test_odd_patterns_and_machines_train_to_finite_parameters(machine, patterns):
    schedules = [Schedule("cd", 2, (0.1, 0.1), batch_size=4)] * len(machine.masks)
    greedily = pretrain_greedily(machine, patterns, schedules, 0)
    for trained in (greedily, train(machine, patterns, schedule(machine), 0)):
        assert trained.n_synapses == machine.n_synapses
        assert all(np.isfinite(p).all() for p in (*trained.biases, *trained.weights))
    for k, m in enumerate(mean_field(machine, patterns)):
        assert m.shape == (len(patterns), machine.n_units[k])
        assert ((m >= 0) & (m <= 1)).all()
