"""Local estimates beside exact targets: each map against its definition, and the error against the sample's size."""

import numpy as np
import pytest

from analysis import data, exact
from analysis.experiment import config, local_estimates, protocol
from analysis.experiment.record import kept_units, machine_of

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
    values = found["exact_damage"].sel(session=1).values[np.ix_(*kept)][machine.masks[0]]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-9)
