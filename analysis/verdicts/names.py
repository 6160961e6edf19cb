"""What a name of a condition, an estimate or a measure is called in tables and figures."""

from analysis.experiment.controls import CONTROLS
from analysis.pruning import CRITERIA

NAMES = {name: record.words for name, record in CRITERIA.items()}
NAMES |= {name: record.words for name, record in CONTROLS.items()}
NAMES |= {
    "pruned": "pruned from large",
    "equilibrium": "variance FI, exact draws",
    "deletion_damage": "damage by deletion",
    "diagonal_correlation": "rank correlation",
    "kl": "KL divergence",
    "fisher": "Fisher information",
    "input_information": "information on the input",
    "digit_information": "information on the digit",
    "sparseness": "lifetime sparseness",
    "pixel_tuning": "tuning to a pixel",
    "degree": "number of synapses",
    "first": "full machine",
    "last": "last session",
    "mean": "session mean",
    "updates": "as many updates",
    "synapse_updates": "as many synapse-updates",
}
STAGES = {"pruned": "before retraining", "retrained": "retrained"}


def words(name: str) -> str:
    """The name in words; what has none, such as a criterion of the user's own, by its name."""
    return NAMES.get(name, name.replace("_", " "))
