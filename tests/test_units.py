"""What is recorded of a unit agrees with sums over its synapses, one by one, at the unit's own place."""

import naive
import numpy as np

from analysis.experiment import measures, record
from analysis.machine.sampling import Samples


def test_causes_follow_units_from_the_session_of_their_loss_on():
    none_lost = [np.zeros(4, dtype=np.int8), np.zeros(2, dtype=np.int8)]
    first = record.later_causes(none_lost, [np.array([0, 2, 0, 0]), np.array([0, 0])])
    second = record.later_causes(first, [np.array([1, 0, 0]), np.array([0, 3])])
    third = record.later_causes(second, [np.array([0, 0]), np.array([0])])
    assert [x.tolist() for x in first] == [[0, 2, 0, 0], [0, 0]]
    assert [x.tolist() for x in second] == [[1, -1, 0, 0], [0, 3]]
    assert [x.tolist() for x in third] == [[-1, -1, 0, 0], [0, -1]]
    assert {x.dtype for x in third} == {np.dtype(np.int8)}


def test_activity_information_and_numbers_of_inputs_and_outputs_are_means_and_sums_over_synapses():
    machine = naive.machine_of((5, 4, 3), density=0.6)
    rng = np.random.default_rng(0)
    pruned, states = ([rng.integers(0, 2, (50, n)).astype(np.uint8) for n in machine.n_units] for _ in range(2))
    found = measures.unit_activity(machine, pruned, Samples.of("states", states, machine.n_units))
    for k, n in enumerate(machine.n_units):
        np.testing.assert_allclose(found["activity", k][0], states[k].mean(axis=0))
        np.testing.assert_allclose(found["activity_pruned", k][0], pruned[k].mean(axis=0))
        information, n_inputs, n_outputs = np.zeros((3, n))
        for layer, mask in enumerate(machine.masks):
            for i, j in np.argwhere(mask):
                variance = (states[layer][:, i] * states[layer + 1][:, j]).var()
                for place, unit, count in ((layer, i, n_outputs), (layer + 1, j, n_inputs)):
                    if place == k:
                        information[unit] += variance
                        count[unit] += 1
        np.testing.assert_allclose(found["fisher", k][0], information)
        np.testing.assert_array_equal(found["inputs", k][0], n_inputs)
        np.testing.assert_array_equal(found["outputs", k][0], n_outputs)


def test_values_stand_at_the_places_that_units_had_and_nowhere_else():
    kept, values = [np.arange(3), np.array([0, 3])], np.array([0.25, 0.5], dtype=np.float32)
    variable = record.in_place(kept, (3, 5), (1,), values, "text", "1", np.nan)
    assert variable[0] == ("unit_1",)
    np.testing.assert_array_equal(variable[1], np.array([0.25, np.nan, np.nan, 0.5, np.nan], dtype=np.float32))
