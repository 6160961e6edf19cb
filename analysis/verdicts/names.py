"""What a name of a condition, an estimate or a measure is called in tables and figures."""

from analysis.experiment.controls import CONTROLS, WITH_EQUAL_WORK
from analysis.pruning import CRITERIA

NAMES = {name: record.look.words for name, record in CRITERIA.items()}
NAMES |= {name: record.look.words for name, record in CONTROLS.items()}
NAMES |= {
    "pruned": "pruned session by session",
    "stiff_eigenvectors": "stiff directions",
    "kl": "KL divergence",
    "input_information": "information on the input",
    "input_weight": "sum of input weights",
    "first": "full machine",
    "last": "last session",
    "mean": "mean of sessions",
}


def words(name: str) -> str:
    """The name in words; what has none, such as a criterion of the user's own, by its name."""
    control = name.removesuffix(WITH_EQUAL_WORK)
    if control != name and control in CONTROLS:
        return f"{NAMES[control]}, as much work"
    return NAMES.get(name, name.replace("_", " "))
