"""A synapse that learns what its loss would cost while the network looks at patterns, without sleep or stored averages.

    m <- m + (q - m) / t,    l <- l + (log(1 - q + q exp(-w)) - l) / t    after pattern t = 1, 2, ..., 1,000
    importance = log(1 - m + m exp(-w)) - l

A criterion of one's own (docs/recipes.md): config/beyond.yaml names it. As each pattern counts alike, the running
averages are the plain ones over the patterns seen, which `damage` sums in the same order on every machine.
"""

from analysis.machine.randomness import choice, derive
from analysis.pruning import damage

N_PATTERNS = 1000  # a synapse sees before it is judged; of the 90,000 patches, of the 4,000 digits


def online_awake(machine, activity, seed):
    """`awake_damage` from the first 1,000 patterns in random order, all synapses awake together."""
    n_patterns = len(activity.awake[0])
    seen = choice(derive(seed, "patterns in order"), n_patterns, min(N_PATTERNS, n_patterns))
    return [damage.gap(averages) for averages in damage.awake_averages(machine, [x[seen] for x in activity.awake])]
