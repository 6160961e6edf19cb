"""Survival models and competition agree with cases by hand, naive twins and scikit-learn."""

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression

from analysis.verdicts import survival

NAMES = ["activity", "degree"]


def units(cause, **measures):
    """One seed of a claim dataset: (pruning, unit_1)."""
    dims = ("pruning", "unit_1")
    found = {f"unit_{name}_1": (dims, np.asarray(values, dtype=float)) for name, values in measures.items()}
    return xr.Dataset(found | {"loss_cause_1": (dims, np.asarray(cause, dtype=np.int8))})


@pytest.fixture
def one_session():
    """200 units of one session; the odds of survival follow the first measure."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 200))
    lost = rng.random(200) > 1 / (1 + np.exp(-1.5 * z[0] - 0.5))
    return units([lost], activity=[3 * z[0] + 7], degree=[z[1]])


def test_coefficients_are_those_of_scikit_learn(one_session):
    z = np.stack([one_session[f"unit_{name}_1"].values[0] for name in NAMES], axis=1)
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    model = LogisticRegression(C=1 / 2.0, tol=1e-12, max_iter=10_000).fit(z, one_session["loss_cause_1"][0] == 0)
    np.testing.assert_allclose(survival.logistic(one_session, NAMES, 1, 2.0), model.coef_[0], rtol=1e-5)


def test_coefficients_know_no_scale_and_no_order_of_sessions(one_session):
    by_hand = survival.logistic(one_session, NAMES, 1, 1.0)
    other = one_session.assign(unit_activity_1=100 * one_session["unit_activity_1"] - 3)
    np.testing.assert_allclose(survival.logistic(other, NAMES, 1, 1.0), by_hand, rtol=1e-9)
    both = xr.concat([one_session, other], "pruning")
    turned = xr.concat([other, one_session], "pruning")
    found = [survival.logistic(part, NAMES, 1, 1.0) for part in (both, turned)]
    np.testing.assert_allclose(*found, rtol=1e-9)
    assert found[0][0] > by_hand[0]  # twice the data, the same ridge


def test_sessions_differ_in_their_losses_without_a_measure_getting_the_credit():
    rng = np.random.default_rng(0)
    early, late = rng.random(400) < 0.1, rng.random(400) < 0.9
    part = units([early, late], activity=[rng.normal(size=400), 5 + rng.normal(size=400)], degree=np.zeros((2, 400)))
    assert abs(survival.logistic(part, NAMES, 1, 1.0)[0]) < 4 * np.sqrt(1 / (800 * 0.09))  # its standard error


def test_a_measure_that_parts_units_perfectly_has_a_finite_coefficient():
    part = units([[1] * 20 + [0] * 20], activity=[np.arange(40)], degree=[np.zeros(40)])
    weak, strong = (survival.logistic(part, NAMES, 1, ridge)[0] for ridge in (0.1, 10.0))
    assert np.inf > weak > strong > 0


def test_units_lost_earlier_do_not_count(one_session):
    cause = one_session["loss_cause_1"].values.copy()
    gone = one_session.isel(unit_1=slice(50, None))
    cause[:, :50] = -1
    nan = one_session["unit_activity_1"].where(cause >= 0)
    found = survival.logistic(
        one_session.assign(loss_cause_1=(("pruning", "unit_1"), cause), unit_activity_1=nan), NAMES, 1, 1
    )
    np.testing.assert_allclose(found, survival.logistic(gone, NAMES, 1, 1.0), rtol=1e-9)


def test_without_losses_there_is_no_coefficient(one_session):
    kept = one_session.assign(loss_cause_1=0 * one_session["loss_cause_1"])
    assert np.isnan(survival.logistic(kept, NAMES, 1, 1.0)).all()


def test_share_of_competitors_lost_is_that_of_a_naive_loop():
    rng = np.random.default_rng(0)
    mask, lost = rng.random((12, 9)) < 0.5, rng.random(9) < 0.4
    for j in np.flatnonzero(~lost):
        shares = []
        for i in np.flatnonzero(mask[:, j]):
            others = [u for u in range(9) if u != j and mask[i, u]]
            shares.append(np.mean([lost[u] for u in others]) if others else 0)
        assert survival.competitors_lost(mask, lost)[j] == pytest.approx(np.mean(shares), abs=1e-6)


def test_own_drive_is_the_input_that_the_lost_synapses_gave():
    below, above = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]])
    removed = np.array([[True, True], [False, True]]), np.array([[False, True]])
    found = survival.own_drive((below, above), removed, (np.array([0.5, 0.1]), np.array([0.2])))
    np.testing.assert_allclose(found, [-0.5, 2 * 0.5 - 4 * 0.1 - 6 * 0.2])


def made_rise(slope, n=300):
    """Survivors whose activity follows their own drive, and the share of competitors lost by `slope`."""
    rng = np.random.default_rng(0)
    drive, share = rng.normal(size=n), rng.random(n)
    share = share + 0.2 * drive  # units that lose much input also lose competitors
    after = 0.5 + 0.1 * drive + slope * share + 0.02 * rng.normal(size=n)
    cause = np.r_[np.zeros(n - 5), np.ones(5)]
    columns = {"activity": np.full(n, 0.5), "activity_pruned": after, "competitors_lost": share, "own_drive": drive}
    return units([cause], **{name: [values] for name, values in columns.items()})


@pytest.mark.parametrize(("slope", "sign"), [(0.05, 1), (-0.05, -1)])
def test_units_that_rise_with_the_loss_of_competitors_are_seen(slope, sign):
    assert sign * survival.rise(made_rise(slope), 1) > 0.3


def test_own_lost_synapses_are_no_rise():
    assert abs(survival.rise(made_rise(0.0), 1)) < 4 / np.sqrt(300) + 0.05  # ranks leave a little of a line in values


def test_competition_reads_two_sessions_of_a_run(made_up_runs):
    with xr.open_dataset(made_up_runs / "digits" / "variance_fi_w2" / "0.nc", engine="h5netcdf") as run:
        before, after = run.isel(session=1).load(), run.isel(session=2).load()
    found = survival.competition(before, after, [0, 1, 2])
    for layer in (1, 2):
        kept = after[f"loss_cause_{layer}"].values == 0
        for name in ("competitors_lost", "own_drive"):
            np.testing.assert_array_equal(np.isfinite(found[f"unit_{name}_{layer}"]), kept)
    unit = int(np.flatnonzero(after["loss_cause_1"].values == 0)[0])
    drive = 0.0
    for layer, pre in ((1, True), (2, False)):
        index = {"unit_1": unit}
        gone = (before[f"mask_{layer}"] > after[f"mask_{layer}"]).isel(index).values
        rate = before[f"unit_activity_{0 if pre else 2}"].fillna(0).values
        drive -= (before[f"weight_{layer}"].isel(index).values * gone * rate).sum()
    assert float(found["unit_own_drive_1"][unit]) == pytest.approx(drive, rel=1e-5)
