"""Is what was rebuilt what was committed? Byte for byte, or else value by value.

    moved(variable) = max |rebuilt - committed|

With the locked versions every file should come out byte for byte, and whatever a notebook prints; but for vector
figures, whose paths a processor's log10 moves in the sixth decimal: their numbers may differ by TOLERANCE, no text may.
Other versions of the libraries write other bytes for the same content: datasets are then compared by value, pictures
not at all.
"""

import io
import json
import re
import subprocess
from pathlib import Path

import xarray as xr

from analysis.files import provenance

OUTPUTS = ("data/*.nc", "figures/*", "figures/*/*", "notebooks/*.ipynb")
OUTPUTS += (":!notebooks/*playground.ipynb",)  # which no rule makes: nbval compares it
PAPERS = ("data/paper", "figures/paper")  # hours of runs: compared where they were made again
_WORDS = ">([^<]*)<"  # of a picture, between its tags
TOLERANCE = 1e-3  # points, of coordinates in vector figures
EXECUTED = "results/notebooks"  # where the workflow leaves notebooks


def compare(root="."):
    """[(path, same, what moved)] of every committed dataset, figure and notebook, in alphabetical order.

    Those of the paper's size count only where this checkout has runs of them: untouched files prove nothing.
    Raises ValueError where the folder is no git checkout or has no committed outputs.
    """
    rebuilt = Path(root, PAPERS[0], "runs").is_dir()
    others = [] if rebuilt else [f":!{folder}" for folder in PAPERS]
    paths = _git(root, "ls-files", "--", *OUTPUTS, *others).decode().splitlines()
    if not paths:
        raise ValueError(f"checkout: found no committed datasets or figures in {root}, expected data/*.nc and figures/")
    committed = {path: _git(root, "show", f"HEAD:{path}") for path in sorted(paths)}
    versions = {_load(b).attrs.get("versions") for path, b in committed.items() if path.endswith(".nc")}
    pictures_too = versions == {provenance.attributes({})["versions"]}
    return [(path, *_compare(Path(root) / path, b, pictures_too)) for path, b in committed.items()]


def text(found):
    """One line a file that is not the same, and a summary."""
    lines = [f"{'ok  ' if same else 'DIFF'} {path}: {what}" for path, same, what in found if what]
    n_bytes, n_same = sum(not what for _, _, what in found), sum(same for _, same, _ in found)
    lines.append(f"{n_bytes} of {len(found)} files byte for byte as committed, {n_same - n_bytes} more by value")
    return "\n".join(lines)


def _load(content):
    return xr.load_dataset(io.BytesIO(content), engine="h5netcdf")


def _compare(path, committed, pictures_too):
    is_notebook = path.suffix == ".ipynb"
    if is_notebook:
        path = path.parents[1] / EXECUTED / path.name
    if not path.is_file():
        return False, "missing"
    rebuilt = path.read_bytes()
    if is_notebook:
        return _compare_notebooks(rebuilt, committed, pictures_too)
    if rebuilt == committed:
        return True, ""
    if path.suffix == ".nc":
        return _compare_datasets(_load(rebuilt), _load(committed))
    if path.suffix != ".md" and not pictures_too:
        return True, "not compared, the libraries have other versions"
    if path.suffix == ".svg" and _same_picture(rebuilt.decode(), committed.decode()):
        return True, f"same text, numbers within {TOLERANCE} points"
    return False, "other bytes"


def _same_picture(rebuilt, committed):
    """Whether two SVGs have the same text, and numbers that are as close as the processor leaves them."""
    a, b = (re.split(r"(?<![\w#.-])(-?\d+\.\d+)", text) for text in (rebuilt, committed))
    if a[::2] != b[::2] or re.findall(_WORDS, rebuilt) != re.findall(_WORDS, committed):
        return False
    moved = (abs(float(x) - float(y)) for x, y in zip(a[1::2], b[1::2]))
    return all(distance <= TOLERANCE for distance in moved)


def _compare_notebooks(rebuilt, committed, pictures_too):
    """By what their cells print and show, but for notices on stderr, and for pictures unless `pictures_too`.

    The workflow adds a cell of parameters, and numbers cells; a kernel cuts what is printed into pieces as it comes.
    """
    a, b = (_outputs(content, pictures_too) for content in (rebuilt, committed))
    if len(a) != len(b):
        return False, f"{len(a)} cells of code, committed {len(b)}"
    moved = [str(k + 1) for k, (x, y) in enumerate(zip(a, b)) if x != y]
    return (False, f"other outputs of cells of code {', '.join(moved)}") if moved else (True, "")


def _outputs(content, pictures_too):
    cells = [cell for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
    cells = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", [])]
    return [(_printed(cell["outputs"]), _shown(cell["outputs"], pictures_too)) for cell in cells]


def _printed(outputs):
    return "".join(_text(output["text"]) for output in outputs if output.get("name") == "stdout")


def _shown(outputs, pictures_too):
    data = (output.get("data", {}) for output in outputs)
    return [
        {kind: _text(value).strip() for kind, value in one.items() if pictures_too or "image" not in kind}
        for one in data
        if one
    ]


def _text(lines):
    return "".join(lines) if isinstance(lines, list) else lines


def _compare_datasets(rebuilt, committed):
    names = sorted({*rebuilt.variables, *committed.variables})
    moved = [
        what for name in names if (what := _moved(rebuilt.variables.get(name), committed.variables.get(name), name))
    ]
    if moved:
        return False, "; ".join(moved)
    return True, f"same values, other attributes: {', '.join(_attributes_that_differ(rebuilt, committed)) or 'none'}"


def _moved(a, b, name):
    """What moved of a variable; nothing for equal values, NaN where there is NaN."""
    if a is None or b is None:
        return f"{name} is in one of them alone"
    if a.shape != b.shape:
        return f"{name} has shape {a.shape}, committed {b.shape}"
    if a.equals(b):
        return ""
    if a.dtype.kind in "fc":
        return f"{name} moved by up to {float(abs(a - b).max()):.3g}"
    return f"{name} differs in {int((a != b).sum())} of {a.size} values"


def _attributes_that_differ(rebuilt, committed):
    """Names; of versions, those of the libraries that have others."""
    found = _differ(rebuilt.attrs, committed.attrs)
    if "versions" in found:
        a, b = (json.loads(dataset.attrs.get("versions", "{}")) for dataset in (rebuilt, committed))
        found[found.index("versions") : found.index("versions") + 1] = [f"{k} {a.get(k)}" for k in _differ(a, b)]
    return found


def _differ(a, b):
    return sorted(name for name in a | b if a.get(name) != b.get(name))


def _git(root, *arguments):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)
    if done.returncode:
        raise ValueError(f"git: found {done.stderr.decode().strip()!r}, expected a git checkout in {root}")
    return done.stdout
