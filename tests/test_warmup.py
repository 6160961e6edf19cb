"""`python -m analysis compile` compiles every kernel there is: no job of a workflow has to."""

import os
import subprocess
import sys

import pytest

from analysis import jit
from analysis.config import ROOT

NOT_COMPILED = """
import importlib
from numba.core.dispatcher import Dispatcher
from analysis import jit, warmup
assert jit.CACHE_FOLDER is None
warmup.compile_all()
modules = [importlib.import_module(f"analysis.{name}") for name in jit._SOURCES]
kernels = {value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
assert len(kernels) > 30
print(*sorted(kernel.__name__ for kernel in kernels if not kernel.signatures))
"""


@pytest.mark.slow
def test_every_kernel_is_compiled_before_the_first_job(tmp_path):
    no_folder = tmp_path / "a file"
    no_folder.touch()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(no_folder)}  # what comes from a cache has no signatures
    command = [sys.executable, "-c", NOT_COMPILED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr[-3000:]
    assert done.stderr.count("compiling kernels") == 1


def test_modules_with_kernels_are_those_whose_source_names_the_cache():
    with_kernels = {path.stem for path in (ROOT / "analysis").glob("*.py") if "@kernel" in path.read_text()}
    assert with_kernels <= set(jit._SOURCES)
