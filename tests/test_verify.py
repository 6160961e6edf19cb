"""A rebuild, or some seeds of one by today's code, is compared with what is committed; what moved is named."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import xarray as xr

from analysis import claims
from analysis.experiment import config
from analysis.experiment.conditions import conditions
from analysis.files import provenance, whole
from analysis.verdicts import datasets, tables
from analysis.workflow import renewal, verify

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


OLDER = {"code_fingerprint": "older", "runs_code": '["older"]'}
COMPARED = {"patches": [1], "digits": [0]}
CHECKED = [*datasets.CLAIMS, *datasets.CHECKS]


@pytest.fixture
def older(small_runs, collected, tmp_path):
    """A folder of datasets that older code made, and runs by today's: of a seed each, and some of another."""
    for claim in CHECKED:
        claims.save(collected(claim).assign_attrs(OLDER), tmp_path / f"{claim}.nc")
    for name, (seed,) in COMPARED.items():
        for condition in conditions(config.load(small_runs / "config.yaml")["experiments"][name]):
            there = tmp_path / "runs" / name / condition
            there.mkdir(parents=True)
            shutil.copy(small_runs / name / condition / f"{seed}.nc", there)
            if condition == "overproduced":
                shutil.copy(small_runs / name / condition / "2.nc", there)
    return tmp_path


def stale(folder, small_runs):
    return [bool(datasets.stale(claims.load(claim, folder), small_runs / "config.yaml")) for claim in CHECKED]


def test_it_is_noted_and_holds_until_the_code_changes_again(older, small_runs, collected, monkeypatch):
    path = small_runs / "config.yaml"
    assert all(stale(older, small_runs))
    assert renewal.renew(path, older) == COMPARED
    assert not any(stale(older, small_runs))
    for claim in CHECKED:
        dataset = claims.load(claim, older)
        assert dataset.equals(collected(claim))
        assert dataset.attrs.items() >= OLDER.items()
    assert "compared in seeds 1 of patches; 0 of digits" in tables.markdown(tables.origin(dataset, path))
    monkeypatch.setattr(provenance, "fingerprint", lambda *_: "newer")
    assert all(stale(older, small_runs))


def test_another_value_is_named_and_nothing_noted(older, small_runs):
    claim, there = CHECKED[-1], {"digits_seed": COMPARED["digits"]}
    dataset = claims.load(claim, older)
    log_z = dataset["digits_log_z"].copy()
    log_z.loc[there] = np.nextafter(log_z.loc[there], np.float32(9))
    claims.save(dataset.assign(digits_log_z=log_z).drop_encoding(), older / f"{claim}.nc")
    with pytest.raises(ValueError, match=f"^{claim}, digits, seed 0: found other values of digits_log_z by"):
        renewal.renew(small_runs / "config.yaml", older)
    assert all(stale(older, small_runs))


def test_an_experiment_without_a_whole_seed_is_named(older, small_runs):
    (older / "runs/digits/rewired/0.nc").unlink()
    with pytest.raises(ValueError, match=r"^digits: found no seed with all its runs by today's code"):
        renewal.renew(small_runs / "config.yaml", older)
