"""The paper's Fisher information, from dreams of chains that cross between modes instead of the protocol's own.

Criteria of one's own (docs/recipes.md): config/beyond.yaml names them. As many samples as the protocol takes, by
parallel tempering on a ladder of 10 machines a layer of synapses, with 100 sweeps a layer, half of them left out.
"""

from analysis.machine import tempering
from analysis.pruning import criteria

N_RUNGS, N_STEPS = 10, 100  # a layer of synapses


def _dreams(machine, activity, seed):
    depth = len(machine.weights)
    counts = activity.samples(machine).n, N_STEPS * depth, N_RUNGS * depth
    return criteria.Activity(tempering.sample(machine, *counts, seed, activity.awake[0]))


def tempered_fi(machine, activity, seed):
    """`variance_fi` of these samples."""
    return criteria.variance_fi(machine, _dreams(machine, activity, seed), seed)


def tempered_fi_w2(machine, activity, seed):
    """`variance_fi_w2` of these samples."""
    return criteria.variance_fi_w2(machine, _dreams(machine, activity, seed), seed)
