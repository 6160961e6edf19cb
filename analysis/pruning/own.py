"""A criterion of one's own: `mine.py:correlation` is the function `correlation` of that file.

The path counts from the root of the repository. The file's text is part of what a run depends on; modules that it
imports are not.
"""

import hashlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from analysis.files.checkout import ROOT
from analysis.files.palette import by_name, spare_look
from analysis.machine.model import BoltzmannMachine
from analysis.pruning.activity import Activity
from analysis.pruning.criteria import CRITERIA, Criterion


def label(entry: str) -> str:
    """The name of a config's entry: a criterion's own, or that of the function in the file."""
    return entry.rpartition(":")[2] if ".py:" in entry else entry


def source_file(entry: str) -> Path | None:
    """The user's file of an entry; None for a criterion of the package."""
    return ROOT / entry.rpartition(":")[0] if ".py:" in entry else None


def source_text_hash(entry: str) -> str | None:
    """SHA-256 of the user's file, first 16 hexadecimal digits; None for a criterion of the package."""
    path = source_file(entry)
    return None if path is None else hashlib.sha256(_read(entry, path).encode()).hexdigest()[:16]


def criteria_of(entries: Sequence[str]) -> dict[str, Criterion]:
    """{label: record} of a config's entries. Raises ValueError as `criterion`, and where two have one label."""
    return by_name(*map(criterion, entries))


def criterion(entry: str) -> Criterion:
    """The record of an entry. Raises ValueError for unknown names, and for files without such a function."""
    path, name = source_file(entry), label(entry)
    if path is None:
        if name not in CRITERIA:
            raise ValueError(f"criterion: found {entry!r}, expected one of {', '.join(CRITERIA)}, or mine.py:name")
        return CRITERIA[name]
    if name in CRITERIA:
        raise ValueError(f"criterion {entry}: found the name of a criterion of the package, expected another one")
    function = getattr(_run(entry, path, _read(entry, path)), name, None)
    if not callable(function):
        raise ValueError(f"criterion {entry}: found no function {name} in the file, expected one")

    def named(machine: BoltzmannMachine, activity: Activity, seed: int) -> Any:
        copy = Activity([x.copy() for x in activity], lambda: activity.awake)  # the run goes on with the samples
        try:
            return function(machine, copy, seed)
        except Exception as error:
            raise ValueError(f"criterion {entry}: found {_said(error, path)}, expected importance") from error

    return Criterion(name, named, name.replace("_", " "), *spare_look(name))  # what a dataset, with the label, can tell


def _read(entry: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"criterion {entry}: found no {path} ({error}), expected a file of Python") from None


def _run(entry: str, path: Path, text: str) -> ModuleType:
    """The file as a module, from its text: a compiled copy could be an older one."""
    module = sys.modules[f"own {path}"] = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(text, path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise ValueError(f"criterion {entry}: found {_said(error, path)}, expected a file that imports") from error
    return module


def _said(error: BaseException, path: Path) -> str:
    """`ZeroDivisionError in line 7 (division by zero)`: the last line of the file that the error went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else "?"
    return f"{type(error).__name__} in line {line} ({' '.join(str(error).split())})"
