"""A rebuild is compared with what is committed: byte for byte, by value under other libraries; what moved is named."""

import json
import subprocess

import numpy as np
import pytest
import xarray as xr

from analysis.files import provenance, whole
from analysis.workflow import verify

PICTURE = "the bytes of a picture"


def git(folder, *arguments):
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def dataset(values, **attrs):
    return xr.Dataset({"kl": ("seed", np.array(values))}).assign_attrs(provenance.attributes({}) | attrs)


@pytest.fixture
def checkout(tmp_path):
    """A git repository with a dataset and two pictures."""
    whole.write(dataset([0.5, np.nan]), tmp_path / "data" / "claim.nc")
    for name in ("figures/01_x/a.png", "figures/claims.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PICTURE)
    git(tmp_path, "init")
    git(tmp_path, "add", "data", "figures")
    git(tmp_path, "commit", "-m", "All")
    return tmp_path


def moved(folder):
    return {path: what for path, same, what in verify.compare(folder) if not same}


def test_a_rebuild_of_the_same_bytes_is_the_same(checkout):
    found = verify.compare(checkout)
    made = ["data/claim.nc", "figures/01_x/a.png", "figures/claims.md"]
    assert [path for path, *_ in found] == made
    assert all(same and not what for _, same, what in found)
    assert verify.text(found) == "3 of 3 files byte for byte as committed, 0 more by value"


@pytest.mark.parametrize("name", ["figures/01_x/a.png", "figures/claims.md"])
def test_another_picture_or_table_is_named(checkout, name):
    (checkout / name).write_text("another")
    assert moved(checkout) == {name: "other bytes"}


def test_a_value_that_moved_is_named_with_how_far(checkout):
    whole.write(dataset([0.75, np.nan]), checkout / "data" / "claim.nc")
    assert moved(checkout) == {"data/claim.nc": "kl moved by up to 0.25"}
    whole.write(dataset([1, 2]), checkout / "data" / "claim.nc")
    assert moved(checkout) == {"data/claim.nc": "kl differs"}
    whole.write(dataset([0.5, 0.5, 0.5]), checkout / "data" / "claim.nc")
    assert moved(checkout) == {"data/claim.nc": "kl differs"}


@pytest.mark.parametrize("name", ["data/claim.nc", "figures/01_x/a.png"])
def test_a_file_that_is_missing_is_named(checkout, name):
    (checkout / name).unlink()
    assert moved(checkout) == {name: "missing"}


def test_other_versions_of_libraries_are_compared_by_value_and_pictures_not_at_all(checkout, monkeypatch):
    before = provenance.attributes({})["versions"]
    versions = json.dumps(json.loads(before) | {"numpy": "9.9"})
    attributes = provenance.attributes({}) | {"versions": versions}
    monkeypatch.setattr(provenance, "attributes", lambda *_, **__: attributes)
    whole.write(dataset([0.5, np.nan], versions=versions), checkout / "data" / "claim.nc")
    (checkout / "figures/01_x/a.png").write_text("another")
    assert moved(checkout) == {}
    text = {path: what for path, _, what in verify.compare(checkout)}
    assert text["data/claim.nc"] == "same values, other attributes"
