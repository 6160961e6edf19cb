"""Who survives a pruning session, and what the loss of a unit does to its competitors.

    P(survivor > lost unit)                by what was measured before the session
    e_j = <L_i / (D_i - 1)>                over the inputs i of unit j: share of its competitors that a session removes

D_i is the number of units that input i drives, L_i how many of them the session removes: units that share an input
compete for explaining it. A run of one seed goes in; datasets and numbers come out.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import xarray as xr

from analysis.experiment.measures import spearman, variable
from analysis.pruning.removal import LOST_OUTPUTS

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
    from scipy.stats import rankdata  # SciPy takes as long to import as much else

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
    """What the units that one run lost had been like: `survival` by those of the measures that it has, and COUNTS."""
    part, measures = fates(run), [name for name in measures if f"unit_{name}_{layers[0]}" in run]
    above = [[survival(part, measure, layer) for layer in layers] for measure in measures]
    text = "P(survivor > lost unit of the same session), measured before it"
    found = {"survivor_above_lost": variable(("unit_measure", "hidden_layer"), above, text, "probability")}
    counts = []
    for layer in layers:
        names = f"unit_inputs_{layer}", f"unit_outputs_{layer}", f"loss_cause_{layer}"
        inputs, outputs, cause = (part[name].values for name in names)
        comparable = np.maximum(inputs, outputs) <= COMPARABLE * np.minimum(inputs, outputs)  # False for NaN: not there
        lost, axonal = cause > 0, cause == LOST_OUTPUTS
        counts.append([chosen.sum() for chosen in (lost, axonal, lost & comparable, axonal & comparable)])
    for (name, text), n in zip(COUNTS.items(), np.transpose(counts)):
        found[name] = variable("hidden_layer", n, text, "counts")
    return xr.Dataset(found, {"unit_measure": measures, "hidden_layer": layers})


def aftermath(run: xr.Dataset, layers: Sequence[int]) -> xr.Dataset:
    """What each pruning of a run did to its units (pruning, unit_k); their input weights are those before it."""
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
    """What each unit (unit_k) that survives a session lost, NaN for others; before, after: two sessions of a run.

    unit_competitors_lost_k, see `competitors_lost`; unit_own_drive_k, - sum_i w_ij <x_i> over the synapses that unit j
    itself lost, the change of its mean input, nats
    """
    weights = {k: before[f"weight_{k}"].values.astype(np.float64) for k in layers}
    removed = {k: before[f"mask_{k}"].values > after[f"mask_{k}"].values for k in layers}
    rates = [np.nan_to_num(before[f"unit_activity_{k}"].values.astype(np.float64)) for k in (0, *layers)]
    found = {}
    for k in layers:
        cause = after[f"loss_cause_{k}"].values
        neighbours = [(weights[k] * removed[k], rates[k - 1])]
        if k < layers[-1]:
            neighbours.append(((weights[k + 1] * removed[k + 1]).T, rates[k + 1]))
        share = competitors_lost(before[f"mask_{k}"].values, cause > 0)
        drive = -np.sum([gone.T @ rate for gone, rate in neighbours], axis=0)
        text = "share of the unit's competitors that the session removes", "fraction"
        found[f"unit_competitors_lost_{k}"] = variable(f"unit_{k}", np.where(cause == 0, share, np.nan), *text)
        text = "change of the unit's mean input by its own lost synapses", "nats"
        found[f"unit_own_drive_{k}"] = variable(f"unit_{k}", np.where(cause == 0, drive, np.nan), *text)
    return xr.Dataset(found)


def competitors_lost(mask: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """e_j of each unit left (n,), 0 without inputs. mask : (n_inputs, n), before the session; lost : (n,), by it."""
    mask = np.asarray(mask, dtype=np.float64)
    others, gone = mask.sum(axis=1) - 1, mask @ np.asarray(lost, dtype=np.float64)
    share = np.divide(gone, others, out=np.zeros_like(gone), where=others > 0)
    degree = mask.sum(axis=0)
    return np.round(np.divide(share @ mask, degree, out=np.zeros_like(degree), where=degree > 0), DIGITS_OF_SHARE)


def rise(part: xr.Dataset, layer: int) -> float:
    """rho_xy.z = (rho_xy - rho_xz rho_yz) / sqrt((1 - rho_xz^2) (1 - rho_yz^2)), ranks of the survivors of a session.

    x: change of activity from before the pruning to right after it, before retraining; y: share of competitors lost;
    z: own drive. Mean over sessions, weighted by survivors; one in which all lost the same share can't tell. One seed.
    """
    names = ["unit_activity", "unit_activity_pruned", "unit_competitors_lost", "unit_own_drive"]
    columns, found = [part[f"{name}_{layer}"].values for name in ("loss_cause", *names)], []
    for cause, *measured in zip(*columns):
        before, after, lost, drive = (values[cause == 0] for values in measured)
        xy, xz, yz = (spearman(*pair) for pair in combinations((after.astype(np.float64) - before, lost, drive), 2))
        xz, yz = np.nan_to_num([xz, yz])  # a drive that all lost alike explains nothing
        norm = np.sqrt((1 - xz**2) * (1 - yz**2))
        if len(lost) > 2 and np.isfinite(xy) and norm > 1e-9:
            found.append(((xy - xz * yz) / norm, len(lost)))
    return _weighted_mean(found)


def _weighted_mean(found):
    return float(sum(value * n for value, n in found) / sum(n for _, n in found)) if found else np.nan
