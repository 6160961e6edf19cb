"""Is what was rebuilt what was committed? Byte for byte, or else value by value.

    moved(variable) = max |rebuilt - committed|

With the locked versions every file should come out byte for byte. Other versions of the libraries write other bytes for
the same content: datasets are then compared by value, pictures not at all. What notebooks print is `make test`'s.
"""

import io
import subprocess
from pathlib import Path

import xarray as xr

from analysis.files import netcdf, provenance


def compare(root: Path | str = ".") -> list[tuple[str, bool, str]]:
    """[(path, same, what moved)] of every committed dataset and figure, in alphabetical order.

    Those of a config with a folder of its own count only where this checkout has runs of it: untouched files prove
    nothing. Raises ValueError where the folder is no git checkout, or has no runs of the main job.
    """
    committed = _git(root, "ls-tree", "-r", "--name-only", "HEAD", "--", "data", "figures").decode().splitlines()
    listed = [path for path in committed if path.startswith("figures/") or path.endswith(".nc")]
    if not any(Path(root, "data/runs").glob("*/*/*.nc")):
        raise ValueError("verify: found no runs in data/runs, expected a rebuild; make figures makes one")
    folders = {path.parent for path in map(Path, listed) if path.match("data/*/*.nc")}
    untouched = {folder.name for folder in folders if not Path(root, folder, "runs").is_dir()}
    paths = [path for path in listed if Path(path).parts[1] not in untouched]
    changed = _git(root, "diff", "--name-only", "--relative", "HEAD").decode().splitlines()
    versions = {_committed(root, path).attrs.get("versions") for path in paths if path.endswith(".nc")}
    pictures_too = versions == {provenance.attributes({})["versions"]}
    return [(path, *(_compare(root, path, pictures_too) if path in changed else (True, ""))) for path in sorted(paths)]


def text(found: list[tuple[str, bool, str]]) -> str:
    """One line a file that is not the same, and a summary."""
    lines = [f"{'ok  ' if same else 'DIFF'} {path}: {what}" for path, same, what in found if what]
    n_bytes, n_same = sum(not what for _, _, what in found), sum(same for _, same, _ in found)
    lines.append(f"{n_bytes} of {len(found)} files byte for byte as committed, {n_same - n_bytes} more by value")
    lines.append("Results of configs with a folder of their own are compared where their runs are here.")
    return "\n".join(lines)


def _compare(root, path, pictures_too):
    if not Path(root, path).is_file():
        return False, "missing"
    if path.endswith(".nc"):
        rebuilt, committed = netcdf.read(Path(root, path)), _committed(root, path)
        names = sorted({*rebuilt.variables, *committed.variables})
        moved = [f"{name} {what}" for name in names if (what := _moved(rebuilt.get(name), committed.get(name)))]
        return not moved, "; ".join(moved) or "same values, other attributes"
    if not path.endswith(".md") and not pictures_too:
        return True, "not compared, the libraries have other versions"
    return False, "other bytes"


def _moved(a, b):
    """What moved of a variable; nothing for equal values, NaN where there is NaN."""
    if a is not None and b is not None:
        if a.variable.equals(b.variable):
            return ""
        alike = a.dims == b.dims and a.shape == b.shape and a.dtype.kind == "f"
        if alike and (a.isnull().values == b.isnull().values).all():
            return f"moved by up to {float(abs(a.variable - b.variable).max()):.3g}"
    return "differs"


def _committed(root, path):
    return xr.load_dataset(io.BytesIO(_git(root, "show", f"HEAD:./{path}")), engine="h5netcdf")


def _git(root, *arguments):
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)
    except FileNotFoundError:
        raise ValueError("git: found no such program, expected it to be installed") from None
    if done.returncode:
        raise ValueError(f"git: found {done.stderr.decode().strip()!r}, expected a git checkout in {root}")
    return done.stdout
