"""Where |w| and Fisher information agree on the synapses of one machine, and where they do not.

    h_ab = share of synapses in bin a of the ranks by |w| and in bin b of the ranks by Fisher information
    only = what one of them would prune and the other would not

Looked at in the over-produced machines, from which every criterion starts.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from analysis import data
from analysis.experiment import protocol
from analysis.experiment.measures import variable
from analysis.experiment.settings import seeds
from analysis.files import netcdf
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import CRITERIA, Activity, Criterion, criteria_of
from analysis.pruning.removal import least_important

N_BINS = 20
ONLY = ["weight", "fisher"]


def of_runs(folder: Path, settings: dict) -> xr.Dataset:
    """`compare` of the over-produced machines of an experiment, with variance FI and the reference: over seed."""
    against = criteria_of(list(dict.fromkeys(["variance_fi", protocol.reference_entry(settings)])))
    patterns, found = data.load(settings["dataset"])["train"].values, []
    for seed in seeds(settings):
        stored = netcdf.read(folder / "overproduced" / f"{seed}.nc")
        machine = BoltzmannMachine.from_dataset(stored)
        states = [stored[f"state_{k}"].values for k in range(len(machine.n_units))]
        seen = protocol.activity(settings, machine, patterns, states)
        found.append(compare(machine, seen, against, settings["pruning"]["fraction"]))
    return xr.concat(found, xr.Variable("seed", seeds(settings)))


def compare(
    machine: BoltzmannMachine, activity: Activity, against: dict[str, Criterion], fraction: float | list[float]
) -> xr.Dataset:
    """Ranks by |w| beside ranks by each criterion in `against`, and what one alone would prune: a Dataset.

    Variables of each layer of synapses k: rank_histogram_k (against, rank_weight, rank_fisher), shares of synapses
    that sum to 1; share_of_only_k (against), share of synapses that |w| alone would prune;
    unit_only_k (against, only, unit_k), the same as a share of a unit's inputs, by |w| alone (only = weight) and by the
    other alone (fisher); rate_of_only_k (against, only), mean activity of the units above these synapses, each unit as
    often as it has one; unit_rate_k (unit_k). fraction : of the synapses of a layer, pruned; one, or one a layer.
    """
    weight, parts = CRITERIA["weight"](machine, activity, 0), []
    fractions = np.broadcast_to(fraction, len(weight))
    for criterion in against.values():
        scores = zip(machine.masks, weight, criterion(machine, activity, 0), activity.asleep[1:], fractions)
        parts.append(xr.merge([_of_layer(k, *layer) for k, layer in enumerate(scores, start=1)]))
    whole = xr.concat(parts, xr.Variable("against", list(against)), data_vars="all").assign_coords(only=ONLY)
    for k, states in enumerate(activity.asleep[1:], start=1):
        whole[f"unit_rate_{k}"] = variable(f"unit_{k}", states.mean(axis=0), "mean spontaneous activity", "probability")
    return whole


def _of_layer(k, mask, by_weight, by_fisher, post, fraction):
    synapses, rate = np.nonzero(mask), post.mean(axis=0)
    weight, fisher = ranks(by_weight[synapses]), ranks(by_fisher[synapses])
    by_weight, by_fisher = (least_important(x[synapses], fraction) for x in (by_weight, by_fisher))
    only = [by_weight & ~by_fisher, by_fisher & ~by_weight]
    units = [synapses[1][one] for one in only]
    counts = np.array([np.bincount(u, minlength=mask.shape[1]) for u in units])
    rates, of_inputs = [rate[u].mean() if len(u) else np.nan for u in units], counts / np.maximum(mask.sum(axis=0), 1)
    dims, text = ("rank_weight", "rank_fisher"), "share of synapses by ranks, |w| and Fisher information"
    found = {"rank_histogram": variable(dims, histogram(weight, fisher), text, "fraction")}
    text = "share of synapses that |w| alone would prune"
    found["share_of_only"] = variable((), only[0].mean(), text, "fraction")
    text = "activity above synapses that one alone would prune"
    found["rate_of_only"] = variable("only", rates, text, "probability")
    text = "share of the unit's inputs that one alone would prune"
    found["unit_only"] = variable(("only", f"unit_{k}"), of_inputs, text, "fraction")
    return xr.Dataset({f"{name}_{k}": values for name, values in found.items()})


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks in (0, 1), the least important first; ties by position, as in pruning."""
    return (rankdata(values, method="ordinal") - 0.5) / len(values)


def histogram(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Shares of the pairs of ranks in N_BINS x N_BINS bins, x slow."""
    cells = (x * N_BINS).astype(int) * N_BINS + (y * N_BINS).astype(int)
    return np.bincount(cells, minlength=N_BINS**2).reshape(N_BINS, N_BINS) / len(x)
