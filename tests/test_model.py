"""The machine as data: energy, round trips, the graph that the kernels read, and the errors of bad input."""

import re

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import likelihood, sampling, training
from analysis.kernels import contrastive, layouts
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import normal


@st.composite
def machines(draw):
    """Two to five layers of one to six units, from no synapse to all."""
    n_units = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    return naive.machine_of(n_units, draw(st.integers(0, 1000)), density=draw(st.sampled_from([0, 0.2, 0.7, 1.1])))


def assert_same_machine(found, expected):
    for name in ("biases", "weights", "masks"):
        naive.assert_same_bits(getattr(found, name), getattr(expected, name))


def test_weights_without_a_synapse_are_forced_to_zero():
    machine = BoltzmannMachine(([0, 0], [0, 0]), ([[1, 2], [3, 4]],), ([[1, 0], [0, 1]],))
    assert machine.weights[0].tolist() == [[1, 0], [0, 4]]
    assert machine.masks[0].dtype == bool
    assert (machine.n_units, machine.n_synapses) == ((2, 2), (2,))
    assert BoltzmannMachine(machine.biases, machine.weights).n_synapses == (4,)
    assert repr(machine) == "BoltzmannMachine(2-2 units, 2 of 4 synapses)"
    assert "<td>1</td><td>2</td><td>2</td><td>50.0%</td>" in machine._repr_html_()


def test_a_machine_shares_no_memory_with_its_arguments_and_is_read_only():
    bias, weight, mask = np.zeros(2, np.float32), np.zeros((2, 2), np.float32), np.ones((2, 2), bool)
    machine = BoltzmannMachine((bias, bias), (weight,), (mask,))
    bias[0], weight[0, 0], mask[0, 1] = 1, 1, False
    assert not machine.biases[0].any()
    assert not machine.weights[0].any()
    assert machine.masks[0].all()
    for array in (*machine.biases, *machine.weights, *machine.masks):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        machine.biases = ()


def test_a_random_machine_follows_its_parameters():
    masks = (np.eye(30, 20, dtype=bool), np.ones((20, 40), bool))
    machine = BoltzmannMachine.random((30, 20, 40), 3, 0.5, np.arange(30), -1.5, masks)
    assert (machine.biases[0].tolist(), set(np.concatenate(machine.biases[1:]))) == (list(range(30)), {-1.5})
    assert (machine.weights[1].ravel() == np.float32(0.5) * normal(3, 1, 800)).all()
    assert (machine.weights[0] == np.where(masks[0], np.float32(0.5) * normal(3, 0, 600).reshape(30, 20), 0)).all()
    other = BoltzmannMachine.random((30, 20, 40), 4, 0.5)
    assert (other.weights[1] != machine.weights[1]).all()


@given(machines())
def test_a_dataset_holds_the_whole_machine(machine):
    dataset = machine.to_dataset()
    assert_same_machine(BoltzmannMachine.from_dataset(dataset), machine)
    assert all({"long_name", "units"} <= set(variable.attrs) for variable in dataset.data_vars.values())
    n_layers = len(machine.n_units)
    assert dict(dataset.sizes) == {f"unit_{k}": machine.n_units[k] for k in range(n_layers)}


@given(machines())
def test_a_graph_holds_the_whole_machine(machine):
    assert_same_machine(graph.to_machine(graph.build(machine, graph.DENSE), machine.masks), machine)


def test_a_built_graph_is_a_copy_to_write_to_and_a_shared_one_is_built_once():
    machine = naive.machine_of((3, 4, 2))
    shared, built = graph.of(machine), graph.build(machine, graph.DENSE)
    assert graph.of(machine) is shared
    assert graph.of(naive.machine_of((3, 4, 2), 1)).weight.tolist() != shared.weight.tolist()
    for array in built:
        assert array.flags.writeable
        assert array.flags.c_contiguous
        array[...] = 1
    assert_same_machine(machine, naive.machine_of((3, 4, 2)))
    assert_same_machine(graph.to_machine(shared, machine.masks), machine)


def test_readers_leave_the_shared_graph_as_it_is():
    machine, patterns = naive.machine_of((6, 5)), naive.patterns_of(40, 6)
    before = [array.copy() for array in graph.of(machine)]
    sampling.sample(machine, 70, 3, 0, sampling.awake(machine, patterns, 70, 0))
    likelihood.log_partition(machine, 70, 5, 0, patterns)
    training.train(machine, patterns, training.Schedule("pcd", 1, (0.1, 0.1), max_norm=0.1), 0)
    training.pretrain_greedily(machine, patterns, [training.Schedule("cd", 1, (0.1, 0.1))], 0)
    naive.assert_same_bits(graph.of(machine), before)


def test_two_layers_have_panels_from_a_share_of_synapses_and_a_width_on(monkeypatch):
    monkeypatch.setattr(graph, "NARROWEST", 5)
    mask = np.arange(50).reshape(5, 10) < 20
    assert graph.has_panels(mask, graph.DENSE)
    assert graph.DENSE == mask.mean() == 0.4
    assert not graph.has_panels(mask & (np.arange(10) < 9), graph.DENSE)
    assert not graph.has_panels(np.ones((4, 10), bool), graph.DENSE)
    assert [graph.has_panels(np.ones((5, n), bool), 1.0) for n in (8191, 8192)] == [
        True,
        False,
    ]  # rows count in 16 bits


def test_arrays_of_kernels_begin_where_cache_lines_do():
    built = graph.build(naive.machine_of((5, 4, 3)), graph.DENSE)
    dense, tiles = contrastive.build(naive.machine_of((13, 70))), graph.to_tiles(np.ones((70, 5), np.uint8), 12)
    arrays = [built.panel, tiles, dense.w]
    arrays += [layouts.zeros(shape, np.float32) for shape in [(1,), (7,), (3, 5), (2, 3, 50)] * 5]
    assert {array.ctypes.data % layouts.LINE for array in arrays} == {0}
    assert not any(array.any() for array in arrays[3:])


@pytest.mark.parametrize("missing", [["mask_1"], ["bias_0", "bias_1"], ["weight_1", "mask_1"]], ids=" ".join)
def test_a_dataset_that_lacks_a_variable_is_refused(missing):
    dataset = naive.machine_of((3, 2)).to_dataset().drop_vars(missing)
    message = f"dataset: found no {', '.join(missing)}, expected what to_dataset writes"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        BoltzmannMachine.from_dataset(dataset)
