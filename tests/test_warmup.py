"""Kernels stand in one room, and what is compiled of them on disk is theirs."""

import os
import subprocess
import sys

import pytest

from analysis.files.checkout import ROOT
from analysis.files.provenance import fingerprint


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
