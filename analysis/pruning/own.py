"""A criterion of one's own: `mine.py:correlation` is the function `correlation` of that file.

The path counts from the root of the repository. A run depends on the file's text, not on modules that it imports.
"""

import hashlib
import runpy
import traceback
from pathlib import Path

import numpy as np

from analysis.files.checkout import ROOT
from analysis.files.palette import spare_look
from analysis.machine.model import BoltzmannMachine
from analysis.pruning.criteria import CRITERIA, Activity, Criterion
from analysis.pruning.removal import check_importance

# What files, predictions and figures call something else.
RESERVED = frozenset(
    "all condition criterion data first fisher kl last layer mean overproduced pruned quality retrained seed session "
    "encoding_error digit_quality negative_log_likelihood log_z_gap activity input_information digit_information "
    "sparseness pixel_tuning degree inputs outputs exact_diagonal stiff_eigenvectors exact_damage".split()
)


def label(entry: str) -> str:
    """The name of a config's entry: a criterion's own, or that of the function in the file."""
    return entry.rpartition(":")[2] if ".py:" in entry else entry


def source_file(entry: str) -> Path | None:
    """The user's file of an entry; None for a criterion of the package."""
    return ROOT / entry.rpartition(":")[0] if ".py:" in entry else None


def source_text_hash(entry: str) -> str | None:
    """SHA-256 of the user's file, first 16 hexadecimal digits; None for a criterion of the package."""
    path = source_file(entry)
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def criterion(entry: str) -> Criterion:
    """The record of an entry. Raises ValueError for unknown names, and for files without such a function."""
    path, name = source_file(entry), label(entry)
    if path is None:
        if name not in CRITERIA:
            raise ValueError(f"criterion: found {entry!r}, expected one of {', '.join(CRITERIA)}, or mine.py:name")
        return CRITERIA[name]
    if name in RESERVED.union(CRITERIA):
        raise ValueError(f"criterion {entry}: found a name that stands for something else, expected another one")
    try:
        found = runpy.run_path(str(path))  # from its text: a compiled copy could be an older one
    except (Exception, SystemExit) as error:
        expected = "a file that imports; its path is from the root of the repository"
        raise ValueError(f"criterion {entry}: found {_said(error, path)}, expected {expected}") from error
    if not callable(function := found.get(name)):
        raise ValueError(f"criterion {entry}: found no function {name} in the file, expected one; mend either")

    def own(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
        unpacked = Activity([*activity.samples(machine)], lambda: activity.awake)  # copies: the run needs the samples
        try:
            importance = function(machine, unpacked, seed)
        except (Exception, SystemExit) as error:
            raise ValueError(f"criterion {entry}: found {_said(error, path)}, expected importance") from error
        return check_importance(machine, importance, f"criterion {entry}: importance")

    return Criterion(name, own, spare_look(name))  # what a dataset, with the label, can tell


def _said(error: BaseException, path: Path) -> str:
    """`ZeroDivisionError in line 7 (division by zero)`: the last line of the file that the error went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    place = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{place} ({' '.join(str(error).split())})"
