"""How well a synapse can know its own importance: local estimates beside what only the whole machine tells.

    exact_diagonal          F_kk, F the Fisher information matrix, enumerated
    stiff_eigenvectors      sum_m lambda_m u_mk^2 over the fewest eigenvectors that hold 90 % of the trace
    exact_damage            KL(data || model without synapse k) - KL(data || model), nothing retrained

For restricted machines that can be enumerated. Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458;
the last two targets are ours.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment.measures import stable, variable
from analysis.experiment.protocol import activity, spontaneous
from analysis.experiment.record import in_place, kept_units, machine_of
from analysis.machine import exact
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive
from analysis.pruning import fisher

LOCAL = ("variance_fi", "heuristic_fi", "variance_fi_w2", "weight", "online_fi")  # the criteria's functions
TARGETS = ("exact_diagonal", "stiff_eigenvectors", "exact_damage")
NATS = ("weight", "exact_damage")


def local(settings: dict) -> list[str]:
    """LOCAL, and those of the experiment's criteria that look at activity awake."""
    known = [pruning.CRITERIA[name] for name in settings["criteria"] if name in pruning.CRITERIA]
    return [*LOCAL, *(criterion.name for criterion in known if criterion.awake)]


def along(settings: dict, seed: int, reference: xr.Dataset) -> xr.Dataset:
    """Local estimates and exact targets for the machine after every session of the reference run.

    Variables (session, unit_0, unit_1), NaN where there is no synapse: those of `local`, and TARGETS; spectrum_exact
    (session, parameter), descending, of the parameters that exist.
    """
    patterns, sessions = data.load(settings["dataset"])["train"].values, []
    shape = reference.sizes["unit_0"], reference.sizes["unit_1"]
    for session in reference["session"].values:
        machine, kept = machine_of(reference, session), kept_units(reference, session)
        states = spontaneous(settings, machine, patterns, derive(seed, "proxy", session))
        seen, sub_seed = activity(settings, machine, patterns, states), derive(seed, "online", session)
        importance = {name: pruning.CRITERIA[name](machine, seen, sub_seed)[0] for name in local(settings)}
        sessions.append(_compare(machine, importance, patterns, kept, shape))
    return xr.concat(sessions, xr.Variable("session", reference["session"].values))


def _compare(
    machine: BoltzmannMachine, estimates: dict[str, np.ndarray], patterns: np.ndarray, kept: Sequence, shape: tuple
) -> xr.Dataset:
    mask, n_biases = machine.masks[0], sum(machine.n_units)
    maps = estimates | {"exact_damage": exact.deletion_damage(patterns, machine)}
    exists = np.concatenate([np.ones(n_biases, dtype=bool), mask.ravel()])
    matrix = exact.fisher_information(machine)[np.ix_(exists, exists)]
    targets = {"exact_diagonal": np.diag(matrix), "stiff_eigenvectors": fisher.stiff_importance(matrix)}
    for name, values in targets.items():
        maps[name] = np.zeros(mask.shape)
        maps[name][mask] = values[n_biases:]
    variables = {}
    for name, values in maps.items():
        values, unit = stable(np.where(mask, values, np.nan)), "nats" if name in NATS else "1"
        variables[name] = in_place(kept, shape, (0, 1), values, name.replace("_", " "), unit, np.nan)
    spectrum = np.full(sum(shape) + shape[0] * shape[1], np.nan)  # of all the parameters that there were
    # LAPACK's errors are absolute, 1e-15; adding 0 makes the zero that they may leave a positive one.
    spectrum[: len(matrix)] = np.round(np.linalg.eigvalsh(matrix)[::-1], 9) + 0.0
    text = "eigenvalues of the exact Fisher information matrix"
    variables["spectrum_exact"] = variable("parameter", spectrum, text, "1")
    return xr.Dataset(variables)
