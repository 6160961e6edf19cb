"""Which synapses matter, and what is left without others: Fisher information, criteria, pruning, the online rule."""

# ruff: noqa: F401  offered here
from analysis.pruning.criteria import CRITERIA, Activity, Criterion
from analysis.pruning.own import criterion, label, source_file, source_text_hash
from analysis.pruning.removal import CAUSES, KEPT, Pruned, prune
