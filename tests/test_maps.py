"""Maps: cells are what they say, both budgets come out equal, and verdicts judge the numbers that it was given."""

import copy

import pytest
import xarray as xr

from analysis import claims, data
from analysis.__main__ import main
from analysis.experiment import config, maps
from analysis.files import whole
from analysis.verdicts import maps as judged_maps

FOLDER = config.ROOT / "config"
CONFIG, PROTOCOL = config.load_maps(FOLDER / "maps_smoke.yaml")


def few(load):
    return lambda name: load(name).isel(pattern=slice(0, 320), test_pattern=slice(0, 200))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with every job of the smoke config, made through the command line on few patterns."""
    folder = tmp_path_factory.mktemp("maps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", few(data.load))
        for name, of in CONFIG["maps"].items():
            for job in maps.jobs(of):
                for seed in range(of["n_seeds"]):
                    options = {"config": FOLDER / "maps_smoke.yaml", "map": name, "job": job, "seed": seed}
                    options["output"] = folder / name / job / f"{seed}.nc"
                    assert main(["map", *(f"--{key}={value}" for key, value in options.items())]) == 0
    return folder


@pytest.fixture(scope="module")
def dataset(jobs):
    return judged_maps.collect_maps(jobs, FOLDER / "maps_smoke.yaml")


def described(**changes):
    grid = {"final": [4], "growth": [2], "sessions": [3], "epochs": [1], "updates": [], "synapse_updates": []}
    return {"jobs": "seed", "grids": [grid | changes]}


def test_unknown_maps_jobs_and_missing_files_are_refused(jobs, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"^job: found '13', expected one of 12, 18$"):
        maps.run(CONFIG["maps"]["digits"], PROTOCOL["experiments"]["digits"], "13", 0)
    with pytest.raises(ValueError, match=r"^map: found no file .*/patches/all/0.nc, expected one that python -m"):
        judged_maps.collect_maps(tmp_path, FOLDER / "maps_smoke.yaml")
    arguments = ["--map=china", "--job=all", "--seed=0", f"--output={tmp_path / 'x.nc'}"]
    assert main(["map", f"--config={FOLDER / 'maps_smoke.yaml'}", *arguments]) == 1
    assert "map: found 'china', expected one of patches, digits" in capsys.readouterr().err


def test_the_dataset_carries_its_provenance_and_survives_its_file(dataset, tmp_path):
    whole.write(dataset, tmp_path / "maps.nc")
    found = claims.load("maps", tmp_path)
    xr.testing.assert_equal(found, dataset)
    assert judged_maps.stale_maps(found, FOLDER / "maps_smoke.yaml") == []
    assert {"code_fingerprint", "config", "versions", "data", "protocol"} <= set(found.attrs)
    assert any("another config" in reason for reason in judged_maps.stale_maps(found, FOLDER / "maps.yaml"))
    assert all(found[name].attrs["units"] and found[name].attrs["long_name"] for name in found.data_vars)


@pytest.mark.parametrize(("key", "stale"), [("criteria", False), ("retraining", True)])
def test_maps_are_stale_where_what_they_read_of_the_protocol_changed(dataset, monkeypatch, key, stale):
    changed = copy.deepcopy(PROTOCOL)
    changed["experiments"]["digits"][key] = None
    monkeypatch.setattr(config, "load_maps", lambda path: (CONFIG, changed))
    reasons = judged_maps.stale_maps(dataset, FOLDER / "maps_smoke.yaml")
    assert any("its protocol is another" in reason for reason in reasons) == stale


def test_the_likelihood_of_a_map_is_that_of_enumeration_and_is_judged_as_a_map_of_its_own(dataset, jobs):
    names = list(judged_maps.with_likelihood(dataset))
    assert names == ["patches", "digits", "digits by likelihood"]
    own, again = (claims.part(dataset, "digits"), judged_maps.with_likelihood(dataset)["digits by likelihood"])
    xr.testing.assert_identical(again["loss"].drop_attrs(), own["negative_bound"].rename("loss").drop_attrs())
    assert (own["negative_bound"].notnull() == own["loss"].notnull()).all()
    assert again["loss"].attrs["units"] == "nats"
    judged = judged_maps.evaluate_cells(dataset)
    cells = judged[(judged["prediction"] == judged["prediction"].iloc[0]) & judged["growth"].notna()]
    assert set(cells["map"]) == set(names)
