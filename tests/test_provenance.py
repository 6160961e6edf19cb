"""What makes a run stale is where it stands, and there syntax alone. Files are whole or absent."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from analysis.files import provenance, whole
from analysis.files.checkout import ROOT
from analysis.kernels import jit
from analysis.workflow import compilation

EDITS = {
    "a comment in a kernel": ("kernels/gibbs.py", "@kernel\n", "@kernel  # quick\n", True),
    "a figure": ("figures/style.py", "import numpy", "import math\nimport numpy", True),
    "the colour of a criterion": ("pruning/criteria.py", '"variance FI", BLUE', '"variance FI", SKY', True),
    "a colour that criteria import": ("pruning/criteria.py", "import BLACK, ", "import ", True),
    "what a criterion looks at": ("pruning/criteria.py", "awake=True", "awake=False", False),
    "a criterion's function": ("pruning/criteria.py", '"weight", weight', '"weight", random', False),
    "a constant of a kernel": ("kernels/layouts.py", "CHAINS = 64", "CHAINS = 32", False),
    "a rule of pruning": ("pruning/criteria.py", "1.0 - f", "2.0 - f", False),
    "the protocol": ("experiment/protocol.py", "seed", "seeds", False),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_run_is_stale_where_syntax_changes_in_a_room_that_it_depends_on(edit, tmp_path):
    name, old, new, same = EDITS[edit]
    shutil.copytree(ROOT / "analysis", tmp_path / "analysis", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "analysis" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    changed = provenance.fingerprint(package=tmp_path / "analysis")
    assert (changed == provenance.fingerprint()) == same


def test_a_file_has_its_old_content_until_the_new_one_is_whole_and_after_an_error(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    with whole.whole(path) as temporary:
        temporary.write_text("old")

    def fail():
        with whole.whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert (path.read_text(), list(path.parent.iterdir())) == ("old", [path])
    with whole.whole(path) as temporary:
        temporary.write_text("ne")
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert (path.read_text(), list(path.parent.iterdir())) == ("new", [path])


def test_what_a_killed_process_left_goes_and_what_another_one_writes_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path, other = tmp_path / "run[1].nc", tmp_path / ".x.nc.1.part"
    left, busy = (tmp_path / f".run[1].nc.{number}.part" for number in (dead.pid, os.getppid()))
    for file in (left, busy, other):
        file.write_text("half")
    whole.write(xr.Dataset({"x": ("y", np.arange(3))}), path)
    assert not left.exists()
    assert busy.exists()
    assert other.exists()
    assert xr.load_dataset(path, engine="h5netcdf")["x"].values.tolist() == [0, 1, 2]


def test_kernels_stand_in_their_room_alone():
    with_kernels = [path for path in (ROOT / "analysis").rglob("*.py") if "@kernel" in path.read_text()]
    assert {path.parent.name for path in with_kernels} == {"kernels"}


def random_bits(folder):
    command = [sys.executable, "-c", "from analysis.machine import randomness as r; print(r.bits(1, 0, 4))"]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_compiled_code_that_is_damaged_on_disk_is_compiled_again(tmp_path):
    def cut(content):
        return content[:-9]

    def changed(content):
        return content[:999] + b"!" + content[1000:]

    first = random_bits(tmp_path)
    assert "compiling kernels" in first.stderr
    assert [path.name for path in tmp_path.iterdir()] == [f"numba-{provenance.fingerprint(['kernels'])}"]
    for kind, damage in (("nbc", cut), ("nbc", changed), ("nbi", cut)):
        (path,) = tmp_path.rglob(f"*random_bits*.{kind}")
        path.write_bytes(damage(path.read_bytes()))
        again = random_bits(tmp_path)
        assert (again.stdout, again.stderr) == (first.stdout, first.stderr)
    assert random_bits(tmp_path).stderr == ""


def test_without_a_folder_for_compiled_code_a_process_compiles_what_it_uses_and_nothing_before(tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    there = random_bits(tmp_path / "a file")
    assert there.stdout == random_bits(ROOT / ".cache").stdout
    assert there.stderr.count("analysis: compiling kernels, some 25 seconds, no folder to keep the result in") == 1
    monkeypatch.setattr(jit, "CACHE_FOLDER", None)
    monkeypatch.setattr(compilation, "_sampling", lambda: pytest.fail("compiled for nothing"))
    compilation.compile_all()
