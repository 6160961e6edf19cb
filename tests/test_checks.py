"""Checks of machines and samples are passed within their limits in every seed, and fail where one seed is outside."""

import numpy as np
import pytest

from analysis.figures.quality import checked
from analysis.files.palette import VERMILION
from analysis.verdicts import quality, tables


@pytest.fixture
def dataset(collected):
    """With which all is well."""
    found = collected("06_model_quality").copy(deep=True)
    for experiment in ("patches", "digits"):
        found[f"{experiment}_log_z_error"][:] = 0.1
        found[f"{experiment}_rank_correlation"][:] = 0.95
        found[f"{experiment}_log_z_backwards"][:] = found[f"{experiment}_log_z"]
        for name in ("r_hat", "two_start_r_hat", "tempered_r_hat"):
            found[f"{experiment}_{name}"][:] = 1.0
    found["patches_log_z_exact"][:] = found["patches_log_z"]
    found["digits_log_z_exact"][:] = np.nan  # machines of digits are too large to enumerate, but for those of tests
    found["patches_kl"][:] = found["patches_kl_reachable"]
    return found


def row(dataset, check, experiment, session):
    table = quality.checks(dataset)
    (found,) = table[
        (table["check"] == quality.CHECKED[check]) & (table["experiment"] == experiment) & (table["session"] == session)
    ].to_dict("records")
    return found


def test_runs_with_which_all_is_well_pass_every_check(dataset):
    table = quality.checks(dataset)
    assert table["passed"].all()
    assert (set(table["n_seeds"]), set(table["experiment"])) == ({3}, {"patches", "digits"})
    for check in ("log_z_bias", "trained"):  # what takes enumeration
        assert set(table["experiment"][table["check"] == quality.CHECKED[check]]) == {"patches"}


@pytest.mark.parametrize(
    ("check", "where", "bad"),
    [
        ("log_z_error", {}, 1.5),
        ("log_z_bias", {}, 7.0),
        ("r_hat", {"moment": 3}, 1.2),
        ("two_start_r_hat", {"moment": 3}, 1.2),
        ("tempered_r_hat", {"moment": 3}, 1.2),
        ("log_z_gap", {}, 1.5),
        ("rank_correlation", {"sample": 2, "synapse_layer": 0}, 0.5),
        ("trained", {}, 0.03),
    ],
)
def test_one_bad_moment_of_one_seed_fails_the_check_of_its_machine_alone(dataset, check, where, bad):
    name = {"log_z_bias": "log_z_exact", "log_z_gap": "log_z_backwards", "trained": "kl"}.get(check, check)
    good = {"log_z_bias": "log_z", "log_z_gap": "log_z", "trained": "kl_reachable"}.get(check)
    place = {f"patches_{dim}": k for dim, k in {"seed": 1, "session": 1, **where}.items()}
    dataset[f"patches_{name}"][place] = bad + (dataset[f"patches_{good}"][place] if good else 0)
    sessions = dataset["patches_session"].values
    found = row(dataset, check, "patches", sessions[1])
    assert not found["passed"]
    assert found["worst"] == pytest.approx(bad, rel=1e-4)
    assert quality.checks(dataset)["passed"].sum() == len(quality.checks(dataset)) - 1
    assert tables.checks(quality.checks(dataset))[""].tolist().count("**failed**") == 1


def test_worst_and_mean_are_over_seeds(dataset):
    dataset["patches_log_z_error"][:] = 0.1
    dataset["patches_log_z_error"][{"patches_seed": 0}] = 0.4
    found = row(dataset, "log_z_error", "patches", dataset["patches_session"].values[0])
    assert (found["worst"], found["mean"]) == (pytest.approx(0.4), pytest.approx(0.2))


def test_the_panel_of_a_check_tells_the_seeds_beyond_its_limit_by_colour(dataset, ax):
    dataset["patches_log_z_error"][:] = [[0.1, 0.1], [0.1, 3.0], [0.1, 0.1]]
    checked(quality.with_quality(dataset), "log_z_error", {"at_most": 1.0}, ax)
    beyond = [line.get_xdata().tolist() for line in ax.lines if line.get_color() == VERMILION]
    assert beyond[:2] == [[], [3.0]]
    assert not any(beyond[2:])
