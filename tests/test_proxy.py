"""Local estimates beside exact targets: each map against its definition, and the error against the sample's size."""

import naive
import numpy as np
import pytest
from scipy import stats

from analysis import data, exact, pruning
from analysis.experiment import config, local_estimates, protocol
from analysis.experiment.record import kept_units, machine_of
from analysis.machine.randomness import derive
from analysis.machine.sampling import sample

SETTINGS = config.load(config.ROOT / "config" / "smoke.yaml")["experiments"]["patches"]
SETTINGS.pop("finishing")  # a machine that was barely trained mixes fast: its samples are those of its distribution
SAMPLES = {"start": "noise", "n_chains": 20000, "n_steps": 500, "n_measure_chains": 100}


@pytest.fixture(scope="module")
def made(few_patterns):
    """A reference run on few patterns, the proxy run of seed 1 and the settings."""
    with few_patterns():
        short = SETTINGS | {"samples": SAMPLES | {"n_chains": 300}}
        run = protocol.prune_run(short, "variance_fi", 1, protocol.overproduce(short, 1))
        settings = SETTINGS | {"samples": SAMPLES}
        yield settings, run, local_estimates.along(settings, 1, run)


def test_the_variance_estimate_is_the_exact_diagonal_within_sampling_error(made):
    _, run, found = made
    assert list(found["session"]) == list(run["session"])
    exists = np.isfinite(found["variance_fi"].values)
    assert (exists == run["mask_1"].values.astype(bool)).all()
    error = (found["variance_fi"] - found["exact_diagonal"]).values[exists]
    assert np.abs(error).max() < 6 * 0.25 / np.sqrt(20000)  # the sample variance's own error is below 1/4 / sqrt(n)
    spectrum = found["spectrum_exact"].isel(session=0).values
    assert (np.diff(spectrum[np.isfinite(spectrum)]) <= 1e-12).all()


def test_every_map_is_finite_just_where_there_is_a_synapse(made):
    _, run, found = made
    for name in (*local_estimates.LOCAL, *local_estimates.TARGETS):
        np.testing.assert_array_equal(np.isfinite(found[name].values), run["mask_1"].values.astype(bool))


def test_damage_is_that_of_the_machine_of_its_session(made):
    settings, run, found = made
    patterns = data.load(settings["dataset"])["train"].values
    machine, kept = machine_of(run, 1), kept_units(run, 1)
    expected = exact.deletion_damage(patterns, machine)[machine.masks[0]]
    values = found["deletion_damage"].sel(session=1).values[np.ix_(*kept)][machine.masks[0]]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-9)


def test_the_error_of_exact_draws_falls_with_the_root_of_their_number(made):
    _, _, found = made
    assert found["n_samples"].values.tolist() == [100, 1000, 10000, 100000]
    error = found["relative_error"].sel(estimate="equilibrium").values
    slope = stats.linregress(np.log(found["n_samples"]), np.log(error)).slope
    assert slope == pytest.approx(-0.5, abs=0.15)


@pytest.mark.parametrize("estimate", ["variance_fi", "online_fi", "equilibrium"])
def test_estimates_of_the_diagonal_come_near_it_with_many_samples(made, estimate):
    found = made[2].sel(estimate=estimate)
    assert found["relative_error"].values[-1] < 0.3 * found["relative_error"].values[0]
    assert found["diagonal_correlation"].values[-1] > 0.98


def test_errors_are_those_of_their_definition(made):
    _, run, found = made
    machine = machine_of(run, 0)
    diagonal = np.diag(exact.fisher_information(machine))[sum(machine.n_units) :]
    states = [x[:1000] for x in local_estimates.draw_exactly(machine, 10**5, derive(1, "draws"))]
    x = pruning.CRITERIA["variance_fi"](machine, states, 0)[0].ravel()
    found = found.sel(estimate="equilibrium", n_samples=1000)
    expected = np.sqrt(np.mean((x - diagonal) ** 2) / np.mean(diagonal**2))
    assert float(found["relative_error"]) == pytest.approx(expected, rel=1e-5)
    assert float(found["diagonal_correlation"]) == pytest.approx(stats.spearmanr(x, diagonal).statistic, rel=1e-5)


def test_exact_draws_have_the_moments_of_the_model():
    machine = naive.machine_of((5, 4), weight_std=2.0, density=1.1)
    means, (both,) = exact.moments(machine)
    n = 20000
    visible, hidden = local_estimates.draw_exactly(machine, n, 0)
    found = visible.T.astype(float) @ hidden / n
    naive.assert_within_error(found, both, np.sqrt(both * (1 - both) / n))
    for x, mean in zip((visible, hidden), means):
        naive.assert_within_error(x.mean(axis=0), mean, np.sqrt(mean * (1 - mean) / n))


def test_samples_beyond_the_chains_are_later_readings_of_the_same_chains(monkeypatch):
    monkeypatch.setattr(local_estimates, "MOST_CHAINS", 64)
    machine, patterns, settings = naive.machine_of((5, 4)), naive.patterns_of(30, 5), {"samples": SAMPLES}
    found = local_estimates._read_often(settings, machine, patterns, 150, 3)
    start = protocol.spontaneous({"samples": SAMPLES | {"n_chains": 64}}, machine, patterns, 3)
    on = derive(3, "on")
    once, twice = (sample(machine, 64, k * local_estimates.READING_GAP, on, start) for k in (1, 2))
    for layer, x in enumerate(found):
        np.testing.assert_array_equal(x, np.concatenate([start[layer], once[layer], twice[layer][:22]]))
