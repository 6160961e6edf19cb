"""Claim datasets hold what the runs hold: of every criterion and control, seed by seed."""

import numpy as np
import pytest
import yaml
from scipy.stats import spearmanr
from test_survival import naive_losses

from analysis import claims
from analysis.experiment import config as configuration
from analysis.files import netcdf

SESSIONS = [1, 3]  # of controls


@pytest.fixture
def run(small_runs):
    """Function: the run of an experiment, condition and seed."""
    return lambda *names: netcdf.read("/".join(map(str, (small_runs, *names))) + ".nc")


def test_controls_of_equal_updates_and_of_equal_work_stand_beside_the_pruned_machines(parts, run, small_runs):
    for experiment, settings in configuration.load(small_runs / "config.yaml")["experiments"].items():
        found, controls = parts(1, experiment), settings["controls"]
        assert ("raw_pixel_error" in found) == (experiment == "digits")
        expected = ["pruned", *controls, *(f"{name}_work" for name in settings.get("equal_work", ()))]
        assert found["condition"].values.tolist() == expected
        for name in expected:
            stored = run(experiment, settings["reference"] if name == "pruned" else name, 2).sel(stage="retrained")
            for measure in ("kl", "encoding_error", "digit_quality", "wrong", "n_units"):
                assert (measure in found) == (measure in stored)
                if measure in found:
                    values = found[measure].sel(condition=name, seed=2)
                    np.testing.assert_allclose(values.sel(session=SESSIONS), stored[measure].sel(session=SESSIONS))
                    assert values.sel(session=2).notnull().all() == (name == "pruned")


def test_losses_by_every_criterion_are_those_of_its_runs(parts, run):
    for experiment, layers in (("patches", [1]), ("digits", [1, 2])):
        found = parts(4, experiment)
        assert found["hidden_layer"].values.tolist() == layers
        assert ("digit_information" in found["unit_measure"]) == (experiment == "digits")
        for criterion in ("weight", found.attrs["reference"]):
            stored = run(experiment, criterion, 1)
            for layer in layers:
                above, counts = naive_losses(stored, layer, "fisher")
                of_layer = found.sel(criterion=criterion, seed=1, hidden_layer=layer)
                value = of_layer["survivor_above_lost"].sel(unit_measure="fisher").item()
                assert value == pytest.approx(above, rel=1e-6)
                names = ("n_lost", "n_axonal", "n_comparable", "n_axonal_comparable")
                assert [int(of_layer[name]) for name in names] == counts


def test_what_a_shallow_machine_has_left_by_weight_and_by_the_reference_is_that_of_the_first_seed(parts, run):
    found = parts(2, "patches")
    assert found["compared"].values.tolist() == [found.attrs["reference"], "weight"]
    for name in found["compared"].values:
        stored = run("patches", name, 0).isel(session=-1)
        for variable in ("weight_1", "mask_1"):
            np.testing.assert_allclose(found[variable].sel(compared=name), stored[variable], rtol=1e-6)
    assert "weight_1" not in parts(2, "digits")


def test_ranks_are_of_every_seed_and_maps_of_the_first_alone(parts, run):
    found, (first, third) = parts(3, "patches"), (run("patches", "fisher", seed).isel(session=-1) for seed in (0, 2))
    rho = found["rho"].sel(seed=2, session=3, estimate="weight", other="exact_damage").item()
    pair = (third[name].values.ravel() for name in ("weight", "exact_damage"))
    assert rho == pytest.approx(spearmanr(*pair, nan_policy="omit").statistic, abs=0.002)
    np.testing.assert_allclose(found["exact_damage"].sel(session=3), first["exact_damage"], rtol=1 / 2000)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_claim_knows_the_checks_of_its_machines(number, parts, run):
    for experiment in ("patches", "digits"):
        found, stored = parts(number, experiment), run(experiment, "quality", 2)
        rho = found["check_rank_correlation"].sel(seed=2)
        for session in (0, 3):
            worst = min(stored["rank_correlation"].sel(sample="long", session=session).values)
            assert float(rho.sel(session=session)) == pytest.approx(worst, rel=1e-6)
    assert "check_trained" not in found
    gap = parts(number, "patches")["check_trained"].sel(seed=2, session=3).item()
    stored = run("patches", "quality", 2).sel(session=3)
    assert gap == pytest.approx(float(stored["kl"] - stored["kl_reachable"]), abs=1e-7)


def test_seeds_begin_and_criteria_are_as_the_settings_say(small_runs, tmp_path):
    made = configuration.load(small_runs / "config.yaml")
    made["claims"] = {name: made["claims"][name] for name in ("confidence", "margins", "model_quality")}
    for settings in made["experiments"].values():
        settings |= {"first_seed": 1, "n_seeds": 1, "quality": None, "proxy": False, "controls": ["reinitialised"]}
        settings |= {"criteria": ["variance_fi", "random_units"], "reference": "random_units"}
        settings.pop("equal_work", None)
        settings.pop("tuning", None)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(made))
    for claim in claims.NOTEBOOKS:
        dataset = claims.collect(claim, small_runs, tmp_path / "config.yaml")
        for experiment in made["experiments"]:
            found = claims.part(dataset, experiment)
            assert not any(str(name).startswith("check") for name in found)
            assert found["seed"].values.tolist() == [1] if "seed" in found else claim == "06_model_quality"
            if "compared" in found:
                assert found["compared"].values.tolist() == ["random_units"]


@pytest.fixture
def config(small_runs, tmp_path):
    """Of the small runs, where the last seed is a further one."""
    made = configuration.load(small_runs / "config.yaml")
    for settings in made["experiments"].values():
        few = {"criteria": [settings["reference"], "weight"], "controls": ["born_small_synapses"]}
        settings |= {"n_seeds": 2, "further_seeds": {"n_seeds": 1} | few}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(made))
    return tmp_path / "config.yaml"


def test_units_are_not_those_of_further_seeds_and_synapses_those_of_the_first_alone(small_runs, config):
    found = claims.collect("04_neuron_loss", small_runs, config)
    units = found[[name for name in found if {"patches_unit_1", "patches_seed"} <= {*found[name].dims}]]
    assert len(units) > 10
    assert all(units.sel(patches_seed=1).notnull().any().values())
    assert all(units.sel(patches_seed=2).isnull().all().values())
    found = claims.collect("03_fisher_proxy", small_runs, config)
    assert not [name for name in found if {"patches_unit_0", "patches_seed"} <= {*found[name].dims}]


def test_dreams_are_those_of_the_first_and_the_last_session(small_runs, config):
    found = claims.part(claims.collect("03_fisher_proxy", small_runs, config), "digits")["example"]
    run = netcdf.read(small_runs / "digits" / "weight" / "0.nc")["example"]
    assert run.sizes["session"] > 2
    for shown, session in (("first", 0), ("last", -1)):
        one = found.sel(criterion="weight", shown=shown, stage="retrained").values
        np.testing.assert_array_equal(one, run.sel(stage="retrained").isel(session=session).values)


def test_of_further_seeds_only_what_they_are_for_is_there(small_runs, config):
    for claim, dim, there, absent in (
        ("01_overproduction", "condition", "born_small_synapses", "rewired"),
        ("02_weight_pruning", "criterion", "weight", "random_units"),
    ):
        dataset = claims.collect(claim, small_runs, config)
        for experiment in ("patches", "digits"):
            n_units = claims.part(dataset, experiment)["n_units"].sel(seed=2)
            assert np.isfinite(n_units.sel({dim: there}).isel(session=-1)).all()
            assert np.isnan(n_units.sel({dim: absent})).all()
        table = claims.evaluate(dataset).set_index("id")["n_seeds"]
        assert set(table) == {2, 3}


def test_input_weights_are_summed_before_the_pruning_and_unknown_of_units_lost_earlier(parts, run):
    found = parts(4, "digits")
    stored, n_lost = run("digits", found.attrs["reference"], int(found["seed"][1])), 0
    for layer in (1, 2):
        total = found[f"unit_input_weight_{layer}"].isel(seed=1).transpose("pruning", ...).values
        expected = stored[f"weight_{layer}"].values[:-1].sum(axis=1)
        there = stored[f"loss_cause_{layer}"].values[:-1] == 0
        np.testing.assert_allclose(total[there], expected[there], rtol=1e-3, atol=1e-4)
        assert np.isnan(total[~there]).all()
        n_lost += (~there).sum()
    assert n_lost > 0
