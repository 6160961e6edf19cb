"""Who survives a pruning session, and what the loss of a unit does to its competitors.

    P(survivor > lost unit)                by what was measured before the session
    e_j = <L_i / (D_i - 1)>                over the inputs i of unit j: share of its competitors that a session removes

D_i is the number of units that input i drives, L_i how many of them the session removes: units that share an input
compete for explaining it. A part of a claim dataset with one seed goes in, numbers come out.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from analysis.experiment.measures import variable
from analysis.pruning.removal import LOST_OUTPUTS

Arrays = Sequence[np.ndarray]
DIGITS_OF_SHARE = 6  # sums over inputs differ in their last bits, which must not become ranks
COMPARABLE = 2  # a unit has about as many inputs as outputs if neither are more than so many times the others
COUNTS = {
    "n_lost": "lost units",
    "n_axonal": "units that lost their outputs alone",
    "n_comparable": "lost units that had about as many inputs as outputs",
    "n_axonal_comparable": "units with about as many inputs as outputs that lost these alone",
}


def probability_above(x: np.ndarray, y: np.ndarray) -> float:
    """P(x > y) + P(x = y) / 2 for one value drawn from each; NaN where either is empty."""
    if len(x) == 0 or len(y) == 0:
        return np.nan
    ranks = rankdata(np.concatenate([x, y]))
    return float((ranks[: len(x)].sum() - len(x) * (len(x) + 1) / 2) / (len(x) * len(y)))


def survival(part: xr.Dataset, measure: str, layer: int) -> float:
    """Mean over the lost units of P(survivor of its session > it), by the measure before that session; one seed."""
    cause, value = part[f"loss_cause_{layer}"].values, part[f"unit_{measure}_{layer}"].values
    found = [(probability_above(v[c == 0], v[c > 0]), (c > 0).sum()) for c, v in zip(cause, value)]
    return _weighted_mean([(p, n) for p, n in found if not np.isnan(p)])


def fates(run: xr.Dataset) -> xr.Dataset:
    """Measures of a run's units (session, unit_k) before each pruning, and their fates in it: (pruning, unit_k)."""
    causes = [name for name in run if str(name).startswith("loss_cause")]
    after = run[causes].isel(session=slice(1, None))
    before = run.drop_vars(causes).isel(session=slice(-1)).assign_coords(session=after["session"])
    return before.merge(after).rename(session="pruning")


def losses(run: xr.Dataset, measures: Sequence[str], layers: Sequence[int]) -> xr.Dataset:
    """What the units that one run lost had been like, all sessions together: a Dataset of (unit_measure, hidden_layer).

    survivor_above_lost (unit_measure, hidden_layer) : see `survival`, by those of the measures that the run has
    and the four counts (hidden_layer) of COUNTS, by the numbers of inputs and outputs before the session
    """
    part, measures = fates(run), [name for name in measures if f"unit_{name}_{layers[0]}" in run]
    above = [[survival(part, measure, layer) for layer in layers] for measure in measures]
    text = "P(survivor > lost unit of the same session), measured before it"
    found = {"survivor_above_lost": variable(("unit_measure", "hidden_layer"), above, text, "probability")}
    counts = zip(*(_counts(part, layer) for layer in layers))
    for (name, text), n in zip(COUNTS.items(), counts):
        found[name] = variable("hidden_layer", list(n), text, "counts")
    return xr.Dataset(found, {"unit_measure": measures, "hidden_layer": layers})


def _counts(part, layer):
    inputs, outputs = (part[f"unit_{side}_{layer}"].values for side in ("inputs", "outputs"))
    cause = part[f"loss_cause_{layer}"].values
    comparable = np.maximum(inputs, outputs) <= COMPARABLE * np.minimum(inputs, outputs)  # False for NaN: not there
    lost, axonal = cause > 0, cause == LOST_OUTPUTS
    return [chosen.sum() for chosen in (lost, axonal, lost & comparable, axonal & comparable)]


def competitors_lost(mask: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """e_j = <L_i / (D_i - 1)> over the inputs i of unit j: (n,), 0 for a unit without inputs, of no use for lost units.

    mask : (n_inputs, n), synapses before the session. lost : (n,), units that it removes.
    """
    mask = np.asarray(mask, dtype=np.float64)
    others, gone = mask.sum(axis=1) - 1, mask @ np.asarray(lost, dtype=np.float64)
    share = np.divide(gone, others, out=np.zeros_like(gone), where=others > 0)
    degree = mask.sum(axis=0)
    return np.round(np.divide(share @ mask, degree, out=np.zeros_like(degree), where=degree > 0), DIGITS_OF_SHARE)


def own_drive(weights: Arrays, removed: Arrays, rates: Arrays) -> np.ndarray:
    """- sum_i w_ij <x_i> over the synapses that unit j itself lost: (n,), nats, the change of its mean input.

    weights, removed : arrays (n_neighbours, n), one a neighbouring layer; rates : their (n_neighbours,).
    """
    return -np.sum([(w * gone).T @ rate for w, gone, rate in zip(weights, removed, rates)], axis=0)


def aftermath(run: xr.Dataset, layers: Sequence[int]) -> xr.Dataset:
    """What each pruning of a run did to the units that it left: (pruning, unit_k).

    unit_activity_pruned_k, before retraining; `competition`; connected_0, uint8, whether a pixel has a synapse; and of
    all units unit_input_weight_k, the sum of the weights of their inputs before the pruning
    """
    after = run.isel(session=slice(1, None)).rename(session="pruning")
    before = run.isel(session=slice(-1)).rename(session="pruning").assign_coords(pruning=after["pruning"])
    pairs = [(before.sel(pruning=s), after.sel(pruning=s)) for s in after["pruning"].values]
    found = xr.concat([competition(*pair, layers) for pair in pairs], after["pruning"])
    for k in layers:
        total = before[f"weight_{k}"].sum(f"unit_{k - 1}").where(before[f"unit_activity_{k}"].notnull())
        found[f"unit_input_weight_{k}"] = total.assign_attrs(long_name="sum of the unit's input weights", units="nats")
    connected = (after["unit_outputs_0"] > 0).astype(np.uint8)
    connected.attrs = {"long_name": "pixel has a synapse after the pruning", "units": "1"}
    return found.merge(after[[f"unit_activity_pruned_{k}" for k in layers]]).assign(connected_0=connected)


def competition(before: xr.Dataset, after: xr.Dataset, layers: Sequence[int]) -> xr.Dataset:
    """`competitors_lost` and `own_drive` of every unit that survives a session, NaN for others: a Dataset of (unit_k).

    before, after : two sessions of a run dataset, with weights, masks and activity. layers : 1, ..., L.
    """
    weights = {k: before[f"weight_{k}"].values.astype(np.float64) for k in layers}
    removed = {k: before[f"mask_{k}"].values > after[f"mask_{k}"].values for k in layers}
    rates = [np.nan_to_num(before[f"unit_activity_{k}"].values.astype(np.float64)) for k in (0, *layers)]
    found = {}
    for k in layers:
        cause = after[f"loss_cause_{k}"].values
        share = competitors_lost(before[f"mask_{k}"].values, cause > 0)
        neighbours = [(weights[k], removed[k], rates[k - 1])]
        if k < layers[-1]:
            neighbours.append((weights[k + 1].T, removed[k + 1].T, rates[k + 1]))
        drive = own_drive(*zip(*neighbours))
        text = "share of the unit's competitors that the session removes", "fraction"
        found[f"unit_competitors_lost_{k}"] = variable(f"unit_{k}", np.where(cause == 0, share, np.nan), *text)
        text = "change of the unit's mean input by its own lost synapses", "nats"
        found[f"unit_own_drive_{k}"] = variable(f"unit_{k}", np.where(cause == 0, drive, np.nan), *text)
    return xr.Dataset(found)


def rise(part: xr.Dataset, layer: int) -> float:
    """Partial rank correlation of the survivors' change of activity with the share of competitors lost; one seed.

    The change is that from before the pruning to right after it, before retraining. Ranks of both are replaced by their
    residuals from a line on the ranks of `own_drive`. Mean over sessions, weighted by survivors; sessions in which all
    survivors lost the same share can't tell.
    """
    names = ["unit_activity", "unit_activity_pruned", "unit_competitors_lost", "unit_own_drive"]
    columns, found = [part[f"{name}_{layer}"].values for name in ("loss_cause", *names)], []
    for cause, *measured in zip(*columns):
        before, after, lost, drive = (values[cause == 0] for values in measured)
        if not (cause > 0).any() or len(lost) <= 2 or np.ptp(lost) == 0:
            continue
        x, y = (residual(rankdata(z), rankdata(drive)) for z in (after.astype(np.float64) - before, lost))
        norm = np.sqrt((x @ x) * (y @ y))
        if norm > 1e-9 * len(x) ** 3:
            found.append((x @ y / norm, len(x)))
    return _weighted_mean(found)


def residual(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """y less its mean and its least-squares line on x."""
    x, y = x - x.mean(), y - y.mean()
    return y - x * (x @ y / (x @ x)) if x @ x > 0 else y


def _weighted_mean(found):
    return float(sum(value * n for value, n in found) / sum(n for _, n in found)) if found else np.nan
