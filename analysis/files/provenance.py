"""What made a dataset: the version and fingerprint of this package, the config, the versions of libraries."""

import ast
import hashlib
import json
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = ("numpy", "numba", "scipy", "xarray", "scikit-learn", "h5netcdf", "mlxtend")
PACKAGE = Path(__file__).parents[1]
# The rooms of the package that a run depends on. What reads runs stands in others, and makes none stale.
ROOMS = ("kernels", "machine", "pruning", "data", "experiment")
_PALETTE = "analysis.files.palette"
_SCOPES = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef


def fingerprint(rooms: Iterable[str] = ROOMS, package: Path = PACKAGE) -> str:
    """SHA-256 over the syntax of every module of these rooms, first 16 hexadecimal digits; read once a process.

    Comments, docstrings and the layout of lines are no syntax: they move no bit of a run.
    """
    digest = hashlib.sha256()
    for path in (path for room in rooms for path in sorted((package / room).rglob("*.py"))):
        digest.update(f"{path.relative_to(package).as_posix()}\n{_syntax_of(path)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _syntax_of(path: Path) -> str:
    return _syntax(ast.parse(path.read_text(encoding="utf-8")))


def _syntax(node: Any) -> str:
    """A syntax tree as text that is the same on every Python that we run on: what is absent is left out."""
    if isinstance(node, list):
        return f"[{' '.join(map(_syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if getattr(node, "module", None) == _PALETTE or getattr(getattr(node, "func", None), "id", None) == "Look":
        return "Look"  # of a criterion or control: it moves no bit either
    if isinstance(node, _SCOPES) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    return f"{type(node).__name__}({' '.join(f'{name}={_syntax(value)}' for name, value in fields.items())})"


def attributes(config: dict, **more: Any) -> dict:
    """Attributes for a dataset: code, libraries, config as JSON; `more` as given (JSON where not text or number)."""
    try:
        package = version("developmental-pruning")
    except PackageNotFoundError:
        package = "not installed"
    python = ".".join(platform.python_version_tuple()[:2])  # releases within 3.11, say, write the same bytes
    versions = {"python": python} | {name: version(name) for name in _LIBRARIES}
    text = json.dumps(config, sort_keys=True)
    found = {
        "package_version": package,
        "code_fingerprint": fingerprint(),
        "config": text,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "versions": json.dumps(versions),
    }
    return found | {k: v if isinstance(v, (str, int, float)) else json.dumps(v) for k, v in more.items()}
