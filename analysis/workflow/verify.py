"""Is what was rebuilt what was committed? Byte for byte, or else value by value.

    moved(variable) = max |rebuilt - committed|

With the locked versions every file should come out byte for byte. Other versions of the libraries write other bytes for
the same content: datasets are then compared by value, pictures not at all. What notebooks print is `make test`'s.
"""

import io
import subprocess
from pathlib import Path

import xarray as xr

from analysis.files import provenance

OUTPUTS = ("data/*.nc", "figures/*", "figures/*/*")
PAPERS = (":!data/paper", ":!figures/paper")  # hours of runs: compared where they were made again


def compare(root: Path | str = ".") -> list[tuple[str, bool, str]]:
    """[(path, same, what moved)] of every committed dataset and figure, in alphabetical order.

    Those of the paper's size count only where this checkout has runs of them: untouched files prove nothing.
    Raises ValueError where the folder is no git checkout or has no committed outputs.
    """
    others = () if Path(root, "data/paper/runs").is_dir() else PAPERS
    paths = _git(root, "ls-files", "--", *OUTPUTS, *others).decode().splitlines()
    if not paths:
        raise ValueError(f"checkout: found no committed datasets or figures in {root}, expected data/*.nc and figures/")
    committed = {path: _git(root, "show", f"HEAD:{path}") for path in sorted(paths)}
    versions = {_load(content).attrs.get("versions") for path, content in committed.items() if path.endswith(".nc")}
    pictures_too = versions == {provenance.attributes({})["versions"]}
    return [(path, *_compare(Path(root, path), content, pictures_too)) for path, content in committed.items()]


def text(found: list[tuple[str, bool, str]]) -> str:
    """One line a file that is not the same, and a summary."""
    lines = [f"{'ok  ' if same else 'DIFF'} {path}: {what}" for path, same, what in found if what]
    n_bytes, n_same = sum(not what for _, _, what in found), sum(same for _, same, _ in found)
    lines.append(f"{n_bytes} of {len(found)} files byte for byte as committed, {n_same - n_bytes} more by value")
    return "\n".join(lines)


def _load(content):
    return xr.load_dataset(io.BytesIO(content), engine="h5netcdf")


def _compare(path, committed, pictures_too):
    if not path.is_file():
        return False, "missing"
    rebuilt = path.read_bytes()
    if rebuilt == committed:
        return True, ""
    if path.suffix == ".nc":
        return _compare_datasets(_load(rebuilt), _load(committed))
    if path.suffix != ".md" and not pictures_too:
        return True, "not compared, the libraries have other versions"
    return False, "other bytes"


def _compare_datasets(rebuilt, committed):
    a, b = rebuilt.variables, committed.variables
    moved = [f"{name} {what}" for name in sorted({*a, *b}) if (what := _moved(a.get(name), b.get(name)))]
    return not moved, "; ".join(moved) or "same values, other attributes"


def _moved(a, b):
    """What moved of a variable; nothing for equal values, NaN where there is NaN."""
    if a is None or b is None:
        return "is in one of them alone"
    if a.shape != b.shape:
        return f"has shape {a.shape}, committed {b.shape}"
    if a.equals(b):
        return ""
    return f"moved by up to {float(abs(a - b).max()):.3g}" if a.dtype.kind in "fc" else "differs"


def _git(root, *arguments):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)
    if done.returncode:
        raise ValueError(f"git: found {done.stderr.decode().strip()!r}, expected a git checkout in {root}")
    return done.stdout
