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


def notebook(text="error 0.07", picture="AAAA", count=1, injected=False):
    data = {"image/png": picture, "text/plain": ["a ", "figure"]}
    shown = [{"output_type": "stream", "name": "stdout", "text": [text]}, {"output_type": "display_data", "data": data}]
    cells = [{"cell_type": "markdown", "metadata": {}, "source": []}]
    tags = {"tags": ["injected-parameters"]}
    cells += [{"cell_type": "code", "metadata": tags, "source": "", "outputs": []}] * injected
    cells.append({"cell_type": "code", "execution_count": count, "metadata": {}, "source": [], "outputs": shown})
    return json.dumps({"cells": cells, "metadata": {}})


def dataset(values, **attrs):
    return xr.Dataset({"kl": ("seed", np.array(values))}).assign_attrs(provenance.attributes({}) | attrs)


@pytest.fixture
def checkout(tmp_path):
    """A git repository with a dataset, two pictures and a notebook, and the same as if rebuilt."""
    whole.write(dataset([0.5, np.nan]), tmp_path / "data" / "claim.nc")
    made = ("figures/01_x/a.png", "figures/claims.md", "notebooks/01_x.ipynb", "results/notebooks/01_x.ipynb")
    for name in (*made, "notebooks/07_playground.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PICTURE)
    (tmp_path / "notebooks/01_x.ipynb").write_text(notebook())
    git(tmp_path, "init")
    git(tmp_path, "add", "data", "figures", "notebooks")
    git(tmp_path, "commit", "-m", "All")
    (tmp_path / "results/notebooks/01_x.ipynb").write_text(notebook(count=2, injected=True))
    return tmp_path


def moved(folder):
    return {path: what for path, same, what in verify.compare(folder) if not same}


def test_a_rebuild_of_the_same_bytes_and_outputs_is_the_same(checkout):
    found = verify.compare(checkout)
    made = ["data/claim.nc", "figures/01_x/a.png", "figures/claims.md", "notebooks/01_x.ipynb"]
    assert [path for path, *_ in found] == made
    assert all(same and not what for _, same, what in found)
    assert verify.text(found) == "4 of 4 files byte for byte as committed, 0 more by value"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("figures/01_x/a.png", "another", "other bytes"),
        ("figures/claims.md", "another", "other bytes"),
        ("results/notebooks/01_x.ipynb", notebook("error 0.08"), "other outputs of cells of code 1"),
        ("results/notebooks/01_x.ipynb", notebook(picture="BBBB"), "other outputs of cells of code 1"),
        ("results/notebooks/01_x.ipynb", json.dumps({"cells": [], "metadata": {}}), "0 cells of code, committed 1"),
    ],
)
def test_another_picture_table_or_output_is_named(checkout, name, content, expected):
    (checkout / name).write_text(content)
    assert moved(checkout) == {name.removeprefix("results/"): expected}


def test_a_value_that_moved_is_named_with_how_far(checkout):
    whole.write(dataset([0.75, np.nan]), checkout / "data" / "claim.nc")
    assert moved(checkout) == {"data/claim.nc": "kl moved by up to 0.25"}
    whole.write(dataset([0.5, 0.5, 0.5]), checkout / "data" / "claim.nc")
    assert moved(checkout) == {"data/claim.nc": "kl has shape (3,), committed (2,)"}


@pytest.mark.parametrize("name", ["data/claim.nc", "figures/01_x/a.png", "results/notebooks/01_x.ipynb"])
def test_a_file_that_is_missing_is_named(checkout, name):
    (checkout / name).unlink()
    assert moved(checkout) == {name.removeprefix("results/"): "missing"}


def test_other_versions_of_libraries_are_compared_by_value_and_pictures_not_at_all(checkout, monkeypatch):
    before = provenance.attributes({})["versions"]
    versions = json.dumps(json.loads(before) | {"numpy": "9.9"})
    attributes = provenance.attributes({}) | {"versions": versions}
    monkeypatch.setattr(provenance, "attributes", lambda *_, **__: attributes)
    whole.write(dataset([0.5, np.nan], versions=versions), checkout / "data" / "claim.nc")
    (checkout / "figures/01_x/a.png").write_text("another")
    (checkout / "results/notebooks/01_x.ipynb").write_text(notebook(picture="BBBB"))
    assert moved(checkout) == {}
    text = {path: what for path, _, what in verify.compare(checkout)}
    assert text["data/claim.nc"].startswith("same values, other attributes: numpy")
    (checkout / "results/notebooks/01_x.ipynb").write_text(notebook("error 0.08"))
    assert list(moved(checkout)) == ["notebooks/01_x.ipynb"]
