"""Who survives a pruning session, and what the loss of a unit does to its competitors.

    P(survivor > lost unit)                                    by what was measured before the session
    logit P(unit j survives session s) = a_s + sum_m b_m z_jm  z: measures before the session, standardised within it
    e_j = <L_i / (D_i - 1)> over the inputs i of unit j        share of its competitors that a session removes

D_i is the number of units that input i drives, L_i how many of them the session removes: units that share an input
compete for explaining it. A part of a claim dataset with one seed goes in, numbers come out.
"""

import numpy as np
import xarray as xr
from scipy.special import expit
from scipy.stats import rankdata

from analysis.experiment.measures import variable

DIGITS_OF_SHARE = 6  # sums over inputs differ in their last bits, which must not become ranks


def probability_above(x, y):
    """P(x > y) + P(x = y) / 2 for one value drawn from each; NaN where either is empty."""
    if len(x) == 0 or len(y) == 0:
        return np.nan
    ranks = rankdata(np.concatenate([x, y]))
    return float((ranks[: len(x)].sum() - len(x) * (len(x) + 1) / 2) / (len(x) * len(y)))


def survival(part, measure, layer):
    """Mean over the lost units of P(survivor of its session > it), by the measure before that session; one seed."""
    cause, value = part[f"loss_cause_{layer}"].values, part[f"unit_{measure}_{layer}"].values
    found = [(probability_above(v[c == 0], v[c > 0]), (c > 0).sum()) for c, v in zip(cause, value)]
    return _weighted_mean([(p, n) for p, n in found if not np.isnan(p)])


def logistic(part, regressors, layer, ridge):
    """b of logit P(survives) = a_s + sum_m b_m z_m over all sessions of one seed: (n_regressors,).

    argmax log-likelihood - ridge |b|^2 / 2: without the penalty, units that one measure parts perfectly would make b
    infinite. z is standardised within a session, so b is the change of log odds a standard deviation; a_s is not
    penalised. A session counts if it kept units and lost units; NaN where none does.
    """
    causes = part[f"loss_cause_{layer}"].values
    values = np.stack([part[f"unit_{name}_{layer}"].values for name in regressors], axis=-1)
    told = [s for s, c in enumerate(causes) if (c == 0).any() and (c > 0).any()]
    if not told:
        return np.full(len(regressors), np.nan)
    z = np.concatenate([_standardise(values[s][causes[s] >= 0]) for s in told])
    survives = np.concatenate([causes[s][causes[s] >= 0] == 0 for s in told])
    session = np.repeat(np.arange(len(told)), [(causes[s] >= 0).sum() for s in told])
    x = np.concatenate([z, session[:, None] == np.arange(len(told))], axis=1)
    penalty = np.repeat([ridge, 0.0], [len(regressors), len(told)])
    return _newton(x, survives, penalty)[: len(regressors)]


def competitors_lost(mask, lost):
    """e_j = <L_i / (D_i - 1)> over the inputs i of unit j: (n,), 0 for a unit without inputs, of no use for lost units.

    mask : (n_inputs, n), synapses before the session. lost : (n,), units that it removes.
    """
    mask = np.asarray(mask, dtype=np.float64)
    others, gone = mask.sum(axis=1) - 1, mask @ np.asarray(lost, dtype=np.float64)
    share = np.divide(gone, others, out=np.zeros_like(gone), where=others > 0)
    degree = mask.sum(axis=0)
    return np.round(np.divide(share @ mask, degree, out=np.zeros_like(degree), where=degree > 0), DIGITS_OF_SHARE)


def own_drive(weights, removed, rates):
    """- sum_i w_ij <x_i> over the synapses that unit j itself lost: (n,), nats, the change of its mean input.

    weights, removed : pairs of arrays (n_neighbours, n), one a neighbouring layer; rates : their (n_neighbours,).
    """
    return -sum((w * gone).T @ rate for w, gone, rate in zip(weights, removed, rates))


def competition(before, after, layers):
    """`competitors_lost` and `own_drive` of every unit that survives a session, NaN for others: a Dataset of (unit_k).

    before, after : two sessions of a run dataset, with weights, masks and activity. layers : 0, 1, ..., L.
    """
    weights = {k: before[f"weight_{k}"].values.astype(np.float64) for k in layers[1:]}
    removed = {k: before[f"mask_{k}"].values > after[f"mask_{k}"].values for k in layers[1:]}
    rates = [np.nan_to_num(before[f"unit_activity_{k}"].values.astype(np.float64)) for k in layers]
    found = {}
    for k in layers[1:]:
        cause = after[f"loss_cause_{k}"].values
        share = competitors_lost(before[f"mask_{k}"].values, cause > 0)
        neighbours = [(weights[k], removed[k], rates[k - 1])]
        if k < layers[-1]:
            neighbours.append((weights[k + 1].T, removed[k + 1].T, rates[k + 1]))
        for name, values, *text in (
            ("competitors_lost", share, "share of the unit's competitors that the session removes", "fraction"),
            (
                "own_drive",
                own_drive(*zip(*neighbours)),
                "change of the unit's mean input by its own lost synapses",
                "nats",
            ),
        ):
            found[f"unit_{name}_{k}"] = variable(f"unit_{k}", np.where(cause == 0, values, np.nan), *text)
    return xr.Dataset(found)


def rise(part, layer):
    """Partial rank correlation of the survivors' change of activity with the share of competitors lost; one seed.

    Ranks of both are replaced by their residuals from a line on the ranks of `own_drive`. Mean over sessions, weighted
    by survivors; sessions in which all survivors lost the same share can't tell.
    """
    found = []
    for change, lost, drive in survivors(part, layer):
        x, y = (residual(rankdata(values), rankdata(drive)) for values in (change, lost))
        norm = np.sqrt((x @ x) * (y @ y))
        if np.ptp(lost) > 0 and norm > 1e-9 * len(x) ** 3:
            found.append((x @ y / norm, len(x)))
    return _weighted_mean(found)


def survivors(part, layer):
    """(change of activity, share of competitors lost, own drive) of the survivors of each session that lost a unit.

    The change is that from before the pruning to right after it, before retraining.
    """
    names = ["activity", "activity_pruned", "competitors_lost", "own_drive"]
    columns = [part[f"unit_{name}_{layer}"].values for name in names]
    for cause, before, after, lost, drive in zip(part[f"loss_cause_{layer}"].values, *columns):
        if (cause > 0).any() and (cause == 0).sum() > 2:
            kept = cause == 0
            yield after[kept].astype(np.float64) - before[kept], lost[kept], drive[kept]


def residual(y, x):
    """y less its mean and its least-squares line on x."""
    x, y = x - x.mean(), y - y.mean()
    return y - x * (x @ y / (x @ x)) if x @ x > 0 else y


def _standardise(values):
    spread = values.std(axis=0, dtype=np.float64)
    return (values - values.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1.0)


def _newton(x, y, penalty):
    """argmax sum_n log P(y_n | x_n) - sum_m penalty_m b_m^2 / 2 by Newton's method, steps of 1 at most."""
    b = np.zeros(x.shape[1])
    for _ in range(200):
        p = expit(x @ b)
        curvature = (x.T * (p * (1 - p))) @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, x.T @ (y - p) - penalty * b)
        b = b + step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-10:
            return b
    raise ValueError("logistic model: found no maximum in 200 steps, expected one; raise the ridge")


def _weighted_mean(found):
    return float(sum(value * n for value, n in found) / sum(n for _, n in found)) if found else np.nan
