"""A criterion of one's own: `mine.py:correlation` is the function `correlation` of that file.

The path counts from the root of the repository. The file is run as it stands, once a process, and sees the package;
its text, not that of modules it imports, is what makes its runs stale.
"""

import hashlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from analysis.files.checkout import ROOT
from analysis.files.palette import spare_look
from analysis.pruning.criteria import CRITERIA, Criterion

_WORDS_AT_MOST = 40  # letters of a legend


def label(entry: str) -> str:
    """The name of a config's entry: a criterion's own, or that of the function behind the file."""
    return entry.rpartition(":")[2] if ".py:" in entry else entry


def source_file(entry: str) -> Path | None:
    """The user's file of an entry, absolute; None for a criterion of the package."""
    return ROOT / entry.rpartition(":")[0] if ".py:" in entry else None


def source_text_hash(entry: str) -> str | None:
    """SHA-256 of the user's file, first 16 hexadecimal digits; None for a criterion of the package."""
    path = source_file(entry)
    return None if path is None else hashlib.sha256(_read(entry, path).encode()).hexdigest()[:16]


def criterion(entry: str) -> Criterion:
    """The record of an entry. Raises ValueError for unknown names, and for files without such a function."""
    path, name = source_file(entry), label(entry)
    if path is None:
        if name not in CRITERIA:
            raise ValueError(f"criterion: found {entry!r}, expected one of {', '.join(CRITERIA)}, or mine.py:name")
        return CRITERIA[name]
    if name in CRITERIA:
        raise ValueError(f"criterion {entry}: found the name of a built-in criterion, expected a new one; rename it")
    function = getattr(_run(entry, path), name, None)
    if not callable(function):
        raise ValueError(f"criterion {entry}: found no function {name} in {path.name}, expected one")
    words = (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    words = words if 0 < len(words) <= _WORDS_AT_MOST else name.replace("_", " ")
    return Criterion(name, _guarded(entry, path, function), words, *spare_look(name))


def criteria_of(entries: Sequence[str]) -> dict[str, Criterion]:
    """{label: record} of a config's entries. Raises ValueError as `criterion`, and where two have one label."""
    found: dict[str, Criterion] = {}
    for entry in entries:
        if label(entry) in found:
            raise ValueError(f"criterion {entry}: found the name {label(entry)} taken by another entry; rename one")
        found[label(entry)] = criterion(entry)
    return found


def _read(entry: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no text in UTF-8"
        raise ValueError(f"criterion {entry}: found no {path} to read ({why}), expected a file of Python") from None


def _run(entry: str, path: Path) -> ModuleType:
    """The file as a module: read anew each time, and no compiled copy that could be an older one."""
    module = ModuleType(f"own_{path.stem}")
    module.__file__, sys.modules[module.__name__] = str(path), module
    try:
        exec(compile(_read(entry, path), path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        if isinstance(error, ValueError) and str(error).startswith("criterion "):
            raise
        raise ValueError(f"criterion {entry}: found {_said(error, path)}, expected a file that imports") from error
    return module


def _guarded(entry: str, path: Path, function: Any) -> Any:
    """The function, whose errors are one line that names it."""

    def guarded(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            raise ValueError(f"criterion {entry}: found {_said(error, path)}, expected importance") from error

    return guarded


def _said(error: BaseException, path: Path) -> str:
    """`ZeroDivisionError in line 7 (division by zero)`: the last line of the file that the error went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = getattr(error, "lineno", None) or (lines or ["?"])[-1]
    return f"{type(error).__name__} in line {line} ({' '.join(str(error).split())})"
