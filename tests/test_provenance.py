"""Files are whole or absent: written under a temporary name; what a killed process left goes with the next write."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from analysis import provenance, style


def test_a_file_has_its_old_content_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    with provenance.whole(path) as temporary:
        temporary.write_text("old")
    with provenance.whole(path) as temporary:
        temporary.write_text("ne")
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail():
        with provenance.whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_goes_and_what_another_one_writes_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path, other = tmp_path / "run[1].nc", tmp_path / ".x.nc.1.part"
    left, busy = (tmp_path / f".run[1].nc.{number}.part" for number in (dead.pid, os.getppid()))
    for file in (left, busy, other):
        file.write_text("half")
    provenance.write(xr.Dataset({"x": ("y", np.arange(3))}), path)
    assert not left.exists()
    assert busy.exists()
    assert other.exists()
    assert xr.load_dataset(path, engine="h5netcdf")["x"].values.tolist() == [0, 1, 2]


def test_a_figure_that_fails_leaves_no_half_of_a_picture(tmp_path):
    class Figure:
        def savefig(self, path, format, **_):
            path.write_text("half")
            if format == "png":
                raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        style.save(Figure(), tmp_path / "figure")
    assert [path.name for path in tmp_path.iterdir()] == ["figure.svg"]
