"""Which synapses matter, and what is left without others: Fisher information, criteria, pruning, the online rule."""

from analysis.pruning.activity import Activity
from analysis.pruning.criteria import CRITERIA, Criterion
from analysis.pruning.own import criteria_of, criterion, label, source_file, source_text_hash
from analysis.pruning.removal import (
    CAUSES,
    KEPT,
    LOST_BOTH,
    LOST_INPUTS,
    LOST_OUTPUTS,
    Pruned,
    prune,
    prune_to,
    remove_stranded,
    remove_units,
)

__all__ = ["CAUSES", "CRITERIA", "KEPT", "LOST_BOTH", "LOST_INPUTS", "LOST_OUTPUTS", "Activity", "Criterion", "Pruned"]
__all__ += ["criteria_of", "criterion", "label", "prune", "prune_to", "remove_stranded", "remove_units"]
__all__ += ["source_file", "source_text_hash"]
