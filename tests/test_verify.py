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
from analysis.files import provenance, whole, yamlfile
from analysis.verdicts import datasets, tables
from analysis.workflow import renewal, verify


def git(folder, *arguments):
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def dataset(values, **attrs):
    return xr.Dataset({"kl": ("seed", np.array(values))}).assign_attrs(provenance.attributes({}) | attrs)


@pytest.fixture
def checkout(tmp_path):
    """A folder of a git repository with a dataset and two pictures."""
    whole.write(dataset([0.5, np.nan]), (folder := tmp_path / "a checkout") / "data" / "claim.nc")
    for name in ("figures/01_x/a.png", "figures/claims.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("the bytes of a picture")
    whole.write(dataset([0.5]), folder / "data" / "runs" / "patches" / "weight" / "0.nc")
    git(tmp_path, "init")
    git(folder, "add", "data/claim.nc", "figures")
    git(folder, "commit", "-m", "All")
    return folder


def moved(folder):
    return {path: what for path, same, what in verify.compare(folder) if not same}


def test_a_rebuild_of_the_same_bytes_is_the_same(checkout):
    found = verify.compare(checkout)
    assert [path for path, *_ in found] == ["data/claim.nc", "figures/01_x/a.png", "figures/claims.md"]
    assert all(same and not what for _, same, what in found)
    assert verify.text(found).startswith("3 of 3 files byte for byte as committed, 0 more by value\n")


@pytest.mark.parametrize("name", ["figures/01_x/a.png", "figures/claims.md"])
def test_another_picture_or_table_is_named(checkout, name):
    (checkout / name).write_text("another")
    assert moved(checkout) == {name: "other bytes"}


def test_a_value_that_moved_is_named_with_how_far(checkout):
    whole.write(dataset([0.75, np.nan]), checkout / "data" / "claim.nc")
    assert moved(checkout) == {"data/claim.nc": "kl moved by up to 0.25"}
    for values in ([1, 2], [0.5, 0.5, 0.5], [0.5, 0.5]):
        whole.write(dataset(values), checkout / "data" / "claim.nc")
        assert moved(checkout) == {"data/claim.nc": "kl differs"}


@pytest.mark.parametrize("name", ["data/claim.nc", "figures/01_x/a.png"])
def test_a_file_that_is_missing_is_named(checkout, name):
    (checkout / name).unlink()
    assert moved(checkout) == {name: "missing"}


def test_what_no_run_has_made_anew_does_not_count(checkout):
    whole.write(dataset([1]), other := checkout / "data" / "other" / "claim.nc")
    git(checkout, "add", "data")
    git(checkout, "commit", "-m", "More")
    other.write_text("garbage")
    whole.write(dataset([1]), checkout / "data" / "new.nc")
    git(checkout, "add", "data/new.nc")  # nothing to compare it with
    assert moved(checkout) == {}
    (other.parent / "runs").mkdir()
    with pytest.raises(ValueError, match=r"^dataset: found .*data/other/claim.nc damaged"):
        verify.compare(checkout)
    (checkout / "data/runs/patches/weight/0.nc").unlink()
    with pytest.raises(ValueError, match=r"^verify: found no runs in data/runs"):
        verify.compare(checkout)


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
CHECKED = ("01_overproduction", "06_model_quality")


@pytest.fixture
def older(small_runs, collected, tmp_path):
    """A config, and datasets of it that older code made; runs by today's, of a seed each, and some of another."""
    made = config.load(small_runs / "config.yaml")
    for unasked in ("weight_pruning", "fisher_proxy", "neuron_loss"):
        del made["claims"][unasked]
    yamlfile.write(made, tmp_path / "config.yaml")
    for claim in CHECKED:
        claims.save(collected(claim).assign_attrs(OLDER, config=json.dumps(made)), tmp_path / f"{claim}.nc")
    for name, (seed,) in COMPARED.items():
        for condition in conditions(made["experiments"][name]):
            for one in [seed, 2] if condition == "overproduced" else [seed]:
                there = tmp_path / "runs" / name / condition / f"{one}.nc"
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(small_runs / name / condition / there.name, there)
    return tmp_path


def stale(folder):
    return [bool(datasets.stale(claims.load(claim, folder), folder / "config.yaml")) for claim in CHECKED]


def test_it_is_noted_and_holds_until_the_code_changes_again(older, collected, monkeypatch):
    assert all(stale(older))
    assert renewal.renew(older / "config.yaml", older) == COMPARED
    assert not any(stale(older))
    for claim in CHECKED:
        dataset = claims.load(claim, older)
        assert dataset.equals(collected(claim))
        assert dataset.attrs.items() >= OLDER.items()
    assert "seeds no. 1 of patches; no. 0 of digits" in tables.markdown(tables.origin(dataset, older / "config.yaml"))
    monkeypatch.setattr(provenance, "fingerprint", lambda *_: "newer")
    assert all(stale(older))


@pytest.mark.parametrize("moved", [True, False], ids=["another", "none"])
def test_a_value_that_is_another_or_missing_is_named_and_nothing_noted(moved, older):
    dataset, there = claims.load(CHECKED[-1], older), {"digits_seed": COMPARED["digits"]}
    log_z = dataset["digits_log_z"].copy()
    log_z.loc[there] = np.nextafter(log_z.loc[there], np.float32(9))
    changed = dataset.assign(digits_log_z=log_z) if moved else dataset.drop_vars("digits_log_z")
    claims.save(changed, older / f"{CHECKED[-1]}.nc")
    with pytest.raises(ValueError, match=f"^{CHECKED[-1]}, digits, seed 0: found other values of digits_log_z by"):
        renewal.renew(older / "config.yaml", older)
    assert all(stale(older))


def test_an_experiment_without_a_whole_seed_is_named(older):
    (older / "runs/digits/rewired/0.nc").unlink()
    with pytest.raises(ValueError, match=r"^digits: found no seed with all its runs by today's code"):
        renewal.renew(older / "config.yaml", older)
