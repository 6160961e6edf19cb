"""Maps: cells are what they say, both budgets come out as they are called, and their dataset knows what made it."""

import copy

import naive
import numpy as np
import pytest
import xarray as xr

from analysis import claims, data, exact
from analysis.__main__ import main
from analysis.experiment import config, maps
from analysis.files import netcdf, whole
from analysis.verdicts import maps as judged_maps

FOLDER = config.ROOT / "config"
CONFIG, PROTOCOL = config.load_maps(FOLDER / "maps_smoke.yaml")


@pytest.fixture(scope="module")
def jobs(few_patterns, tmp_path_factory):
    """A folder with every job of the smoke config, made through the command line on few patterns."""
    folder = tmp_path_factory.mktemp("maps")
    with few_patterns():
        for name, of in CONFIG["maps"].items():
            for job in maps.jobs(of):
                for seed in range(of["n_seeds"]):
                    options = {"config": FOLDER / "maps_smoke.yaml", "map": name, "job": job, "seed": seed}
                    options["output"] = folder / name / job / f"{seed}.nc"
                    assert main(["map", *(f"--{key}={value}" for key, value in options.items())]) == 0
        yield folder


@pytest.fixture(params=CONFIG["maps"])
def job(request, jobs):
    """(map, its dataset) of one job of seed 1."""
    described = CONFIG["maps"][request.param]
    return described, netcdf.read(jobs / request.param / maps.jobs(described)[0] / "1.nc")


@pytest.fixture(scope="module")
def dataset(jobs):
    return judged_maps.collect_maps(jobs, FOLDER / "maps_smoke.yaml")


def described(**changes):
    grid = {"final": [4], "growth": [2], "sessions": [3], "epochs": [1], "updates": [], "synapse_updates": []}
    return {"jobs": "seed", "grids": [grid | changes]}


@pytest.mark.parametrize("name", ["maps.yaml", "maps_smoke.yaml"])
def test_every_config_of_maps_is_valid_and_its_conditions_are_run_somewhere(name):
    loaded, protocol = config.load_maps(FOLDER / name)
    run = {maps.PRUNED}
    for of in loaded["maps"].values():
        assert of["dataset"] in data.DATASETS
        assert of["experiment"] in protocol["experiments"]
        for cell in maps.cells(of):
            run |= {control for names in cell.controls.values() for control in names}
            assert 0 < cell.fraction < 1
    asked = loaded["predictions"]["differences"]
    assert {spec[side] for spec in asked for side in ("worse", "better")} <= run
    assert loaded["maps"].keys() <= loaded["predictions"]["margins"].keys()


def test_the_fractions_of_a_cell_leave_one_synapse_in_growth():
    for growth in (1.5, 2, 8):
        for sessions in (1, 3, 6):
            (cell,) = maps.cells(described(growth=[growth], sessions=[sessions]))
            assert (1 - cell.fraction) ** sessions == pytest.approx(1 / growth, abs=1e-6)
            assert cell.start == 4 * growth


def test_a_cell_of_two_grids_has_the_controls_of_both_once():
    both = described(updates=["reinitialised"])
    both["grids"].append(described(updates=["rewired", "reinitialised"], growth=[2, 4])["grids"][0])
    first, second = maps.cells(both)
    assert first.controls["updates"] == ["reinitialised", "rewired"]
    assert (first.growth, second.growth) == (2, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"growth": [1.3]}, r"^growth: found 1.3, expected one that makes 4 units a whole number$"),
        ({"synapse_updates": ["reinitialised"]}, r"^synapse_updates: found reinitialised, expected one of the cell's"),
    ],
)
def test_cells_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        maps.cells(described(**changes))


def test_a_map_whose_pruning_leaves_nothing_is_refused_before_any_job():
    small, large = (CONFIG["maps"]["digits"] | described(final=[1], growth=[g]) for g in (20, 20000))
    maps.check_feasible(small, PROTOCOL["experiments"]["digits"], "maps/digits")
    message = r"^maps/digits, 20000 units at the start/pruning: found 3 sessions of 0.96.* leave none of.* layer 1"
    with pytest.raises(ValueError, match=f"{message}.*, expected one"):
        maps.check_feasible(large, PROTOCOL["experiments"]["digits"], "maps/digits")


def test_stretching_makes_schedules_longer_and_keeps_their_momenta_in_place():
    settings = PROTOCOL["experiments"]["digits"]
    schedule = settings["training"] | {"n_epochs": 4, "momentum": [0.1, 0.2, 0.3, 0.4]}
    found = maps.stretch(settings | {"training": schedule, "pretraining": [schedule]}, 2.2)
    assert found["training"]["n_epochs"] == 9
    assert found["training"]["momentum"] == [0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    assert found["pretraining"] == [found["training"]]
    assert maps.stretch(settings, 0.01)["training"]["n_epochs"] == 1
    assert maps.stretch(settings, 1) == settings


def test_work_is_that_of_a_count_update_by_update():
    settings = copy.deepcopy(PROTOCOL["experiments"]["digits"])
    schedule = settings["training"] | {"algorithm": "cd", "n_epochs": 2, "batch_size": 30}
    settings |= {"pretraining": [schedule, schedule | {"n_epochs": 3}]}
    settings["retraining"] |= {"n_epochs": 3, "momentum": 0.5}
    changed = [7] * 2 * 4 + [11] * 3 * 4 + [7 + 11] * 2 + [5 + 6] * 6 + [1 + 2] * 6  # 100 patterns: 4 or 2 batches
    assert maps.work(settings, 100, [7, 11], [[5, 6], [1, 2]]) == (len(changed), sum(changed))


def test_budgets_come_out_as_they_are_called(job):
    """Equal updates exactly; equal synapse-updates up to the rounding to whole epochs."""
    described, dataset = job
    pruned = dataset.sel(condition="pruned", budget="updates")
    equal = dataset["updates"].sel(budget="updates")
    assert ((equal == pruned["updates"]) | equal.isnull()).all()
    work = dataset["synapse_updates"].sel(budget="synapse_updates", condition="born_small_synapses")
    ratio = (work / pruned["synapse_updates"]).values
    assert np.isfinite(ratio).any() == any(cell.controls["synapse_updates"] for cell in maps.cells(described))
    assert ((0.6 < ratio) & (ratio < 1.5) | np.isnan(ratio)).all()


def test_synapse_updates_are_equal_for_a_control_of_more_synapses_too(few_patterns):
    budgets = {budget: ["born_small_units"] for budget in maps.BUDGETS}
    of = CONFIG["maps"]["patches"] | described(growth=[4], sessions=[2], epochs=[8], **budgets)
    with few_patterns():
        found = maps.run(of, PROTOCOL["experiments"]["patches"], "all", 0)
    work = found["synapse_updates"].sel(cell=0, condition=["pruned", "born_small_units"])
    pruned, equal_updates = work.sel(budget="updates").values
    assert work.values[1, 1] == pytest.approx(pruned, rel=0.1)
    assert equal_updates > 1.1 * pruned or equal_updates < 0.9 * pruned


def test_a_job_holds_the_conditions_of_its_cells_alone_and_machines_of_their_size(job):
    described, dataset = job
    cells = maps.cells(described)
    for k in dataset["cell"].values:
        cell, part = cells[k], dataset.sel(cell=k)
        for budget in maps.BUDGETS:
            known = part["condition"].values[np.isfinite(part["loss"].sel(budget=budget))].tolist()
            assert sorted(known) == sorted([maps.PRUNED] * (budget == "updates") + cell.controls[budget])
        n_synapses = part["n_synapses"].sel(condition="pruned", budget="updates")
        born = part["n_synapses"].sel(condition="born_small_synapses", budget="updates")
        if described["experiment"] == "patches":  # digits' split may ask for more units than there were at the start
            assert abs(n_synapses - born) <= 2 + 0.01 * born


def test_a_job_is_a_function_of_its_seed_and_carries_what_made_it(job):
    described, dataset = job
    settings = PROTOCOL["experiments"][described["experiment"]]
    xr.testing.assert_equal(maps.run(described, settings, maps.jobs(described)[0], 1), dataset)
    assert {"code_fingerprint", "config", "versions", "data", "settings", "map", "job", "seed"} <= set(dataset.attrs)


def test_the_negative_bound_is_minus_the_log_likelihood_where_the_bound_is_tight():
    """An RBM, whose log Z and likelihood enumeration gives too."""
    machine, patterns = naive.machine_of((5, 4), density=1.1), naive.patterns_of(40, 5)
    settings = {"loss": ["kl"], "annealing": {"n_chains": 2000, "n_temperatures": 500}}
    both = xr.Dataset({"train": (("pattern", "pixel"), patterns), "test": (("test_pattern", "pixel"), patterns[:9])})
    found = maps._measure(settings, machine, both, (1, 1), 0)
    log_p = exact.visible_log_probabilities(machine)[patterns[:9] @ (1 << np.arange(5))[::-1]]
    assert found["negative_bound"] == pytest.approx(-log_p.mean(), abs=5 * float(found["log_z_error"]) + 1e-5)
    assert 0 < found["log_z_error"] < 0.05


def test_the_dataset_carries_its_provenance_and_survives_its_file(dataset, tmp_path):
    whole.write(dataset, tmp_path / "maps.nc")
    found = claims.load("maps", tmp_path)
    xr.testing.assert_equal(found, dataset)
    assert judged_maps.stale_maps(found, FOLDER / "maps_smoke.yaml") == []
    assert {"code_fingerprint", "config", "versions", "data", "protocol"} <= set(found.attrs)
    assert any("another config" in reason for reason in judged_maps.stale_maps(found, FOLDER / "maps.yaml"))
    assert all(found[name].attrs["units"] and found[name].attrs["long_name"] for name in found.data_vars)


@pytest.mark.parametrize(("key", "stale"), [("criteria", False), ("retraining", True), ("tuning", True)])
def test_maps_are_stale_where_what_they_read_of_the_protocol_changed(dataset, monkeypatch, key, stale):
    changed = copy.deepcopy(PROTOCOL)
    changed["experiments"]["digits"][key] = None
    monkeypatch.setattr(config, "load_maps", lambda path: (CONFIG, changed))
    reasons = judged_maps.stale_maps(dataset, FOLDER / "maps_smoke.yaml")
    assert any("its protocol is another" in reason for reason in reasons) == stale


def test_a_map_by_likelihood_has_the_bound_for_its_loss(dataset):
    shown = judged_maps.with_likelihood(dataset)
    assert list(shown) == ["patches", "digits", "digits by likelihood"]
    own, again = claims.part(dataset, "digits"), shown["digits by likelihood"]
    xr.testing.assert_identical(again["loss"].drop_attrs(), own["negative_bound"].rename("loss").drop_attrs())
    assert (own["negative_bound"].notnull() == own["loss"].notnull()).all()
    assert again["loss"].attrs["units"] == "nats"


def test_every_cell_of_a_map_is_judged_once_a_budget_that_it_has(dataset):
    judged = judged_maps.evaluate_cells(dataset)
    born = judged[judged["prediction"] == CONFIG["predictions"]["differences"][0]["text"]]
    expected = [
        (name, budget)
        for name, of in CONFIG["maps"].items()
        for budget in maps.BUDGETS
        for cell in maps.cells(of)
        if "born_small_synapses" in cell.controls[budget]
    ]
    assert sorted(zip(born["map"], born["budget"])) == sorted(expected)
