"""Which synapses matter, and what is left without others: Fisher information, criteria, pruning, the online rule."""

from analysis.pruning.criteria import (
    CAUSES,
    CRITERIA,
    KEPT,
    LOST_BOTH,
    LOST_INPUTS,
    LOST_OUTPUTS,
    Pruned,
    criterion,
    prune,
    prune_to,
    remove_stranded,
    remove_units,
)

__all__ = [
    "CAUSES",
    "CRITERIA",
    "KEPT",
    "LOST_BOTH",
    "LOST_INPUTS",
    "LOST_OUTPUTS",
    "Pruned",
    "criterion",
    "prune",
    "prune_to",
    "remove_stranded",
    "remove_units",
]
