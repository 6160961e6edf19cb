"""`python -m analysis compile` compiles every kernel there is: no job of a workflow has to."""

import os
import subprocess
import sys

import pytest

from analysis.files.checkout import ROOT
from analysis.files.provenance import fingerprint

NOT_COMPILED = """
import importlib
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from analysis.kernels import jit
from analysis.workflow import compilation
assert jit.CACHE_FOLDER is None
compilation.compile_all()
names = [path.stem for path in Path(jit.__file__).parent.glob("*.py")]
modules = [importlib.import_module(f"analysis.kernels.{name}") for name in names]
kernels = {value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
assert len(kernels) > 30
print(*sorted(kernel.__name__ for kernel in kernels if not kernel.signatures))
"""


@pytest.mark.slow
def test_every_kernel_is_compiled_before_the_first_job(tmp_path):
    no_folder = tmp_path / "a file"
    no_folder.touch()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(no_folder)}  # what comes from a cache has no signatures
    environment["NUMBA_OPT"] = "0"  # which are the same however well the code is optimised
    command = [sys.executable, "-c", NOT_COMPILED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr[-3000:]
    assert done.stderr.count("compiling kernels") == 1


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
    assert [path.name for path in tmp_path.iterdir()] == [f"numba-{fingerprint(['kernels'])}"]  # other source, another
    for kind, damage in (("nbc", cut), ("nbc", changed), ("nbi", cut)):
        (path,) = tmp_path.rglob(f"*random_bits*.{kind}")
        path.write_bytes(damage(path.read_bytes()))
        again = random_bits(tmp_path)
        assert (again.stdout, again.stderr) == (first.stdout, first.stderr)
    assert random_bits(tmp_path).stderr == ""
