"""How well a synapse can know its own importance: local estimates beside what only the whole machine tells.

    exact_diagonal          F_kk, F the Fisher information matrix, enumerated
    exact_first_eigenvector |u_1k|
    stiff_eigenvectors      sum_m lambda_m u_mk^2 over the fewest eigenvectors that hold 90 % of the trace
    deletion_damage         KL(data || model without synapse k) - KL(data || model), nothing retrained

For restricted machines that can be enumerated. Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458;
the last two targets are ours.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment.measures import spearman, stable, variable
from analysis.experiment.protocol import spontaneous
from analysis.experiment.record import in_place, kept_units, machine_of
from analysis.experiment.settings import seeds
from analysis.machine import exact
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, uniform
from analysis.machine.sampling import Samples, sample, trajectory
from analysis.pruning import fisher, online

LOCAL = ("variance_fi", "heuristic_fi", "variance_fi_w2", "weight", "online_fi")  # the criteria's functions
TARGETS = ("exact_diagonal", "exact_first_eigenvector", "stiff_eigenvectors", "deletion_damage")
ESTIMATES = ("variance_fi", "heuristic_fi", "online_fi", "equilibrium")
MOST_CHAINS, MOST_SAMPLES, READING_GAP = 10_000, 100_000, 10  # of samples_needed; sweeps from a reading to the next
NATS = ("weight", "deletion_damage")


def along(settings: dict, seed: int, reference: xr.Dataset) -> xr.Dataset:
    """Local estimates and exact targets for the machine after every session of the reference run.

    Variables (session, unit_0, unit_1), NaN where there is no synapse: LOCAL and TARGETS; spectrum_exact
    (session, parameter), descending, of the parameters that exist; those of `samples_needed`; information_matrix_exact
    of session 0 for the first seed.
    """
    patterns, sessions = data.load(settings["dataset"])["train"].values, []
    shape = reference.sizes["unit_0"], reference.sizes["unit_1"]
    for session in reference["session"].values:
        machine, kept = machine_of(reference, session), kept_units(reference, session)
        states = spontaneous(settings, machine, patterns, derive(seed, "proxy", session))
        sessions.append(_compare(machine, states, patterns, kept, shape, derive(seed, "online", session)))
    dataset, large = xr.concat(sessions, xr.Variable("session", reference["session"].values)), machine_of(reference, 0)
    if seed == seeds(settings)[0]:
        dims, text = ("parameter", "parameter_2"), "exact Fisher information matrix of the over-produced machine"
        matrix = exact.fisher_information(large).astype(np.float32)
        dataset["information_matrix_exact"] = variable(dims, matrix, text, "1")
    return dataset.merge(samples_needed(settings, seed, large, patterns))


def samples_needed(settings: dict, seed: int, machine: BoltzmannMachine, patterns: np.ndarray) -> xr.Dataset:
    """Error of local estimates of the exact diagonal against the number of samples.

    relative_error = sqrt(sum_k (x_k - F_kk)^2 / sum_k F_kk^2) and diagonal_correlation, Spearman's rho of x and F_kk,
    over the synapses k: (estimate, n_samples). Estimates: variance_fi and heuristic_fi from samples of chains, which
    start where the config says and sleep as long as it says, at most MOST_CHAINS of them: for more samples each is read
    again every READING_GAP sweeps; online_fi from one network after as many sweeps; equilibrium, the variance of exact
    draws from the model, which has the error of the sampling without that of the mixing.
    n_samples: powers of ten, to 25 times the config's n_chains, at most MOST_SAMPLES.
    """
    largest = min(settings["samples"]["n_chains"] * 25, MOST_SAMPLES)
    sizes = [10**k for k in range(2, 6) if 10**k <= largest] or [largest]
    mask = machine.masks[0]
    diagonal = np.diag(exact.fisher_information(machine))[sum(machine.n_units) :].reshape(mask.shape)
    chains = _read_often(settings, machine, patterns, sizes[-1], derive(seed, "chains"))
    draws = draw_exactly(machine, sizes[-1], derive(seed, "draws"))
    state, averages = [x[0] for x in chains], None
    errors = np.empty((2, len(ESTIMATES), len(sizes)), dtype=np.float32)
    for k, n in enumerate(sizes):
        n_more = n - (sizes[k - 1] if k else 0)
        state, averages = online.dream(machine, state, n_more, derive(seed, "online"), averages)
        (visible, hidden), drawn = ([x[:n] for x in states] for states in (chains, draws))
        found = {
            "variance_fi": fisher.variance_estimate(visible, hidden),
            "heuristic_fi": fisher.heuristic_estimate(visible, hidden, machine.weights[0]),
            "online_fi": online.importance(averages)[0],
            "equilibrium": fisher.variance_estimate(*drawn),
        }
        for row, name in enumerate(ESTIMATES):
            x, y = found[name][mask], diagonal[mask]
            errors[0, row, k] = np.sqrt(((x - y) ** 2).sum() / (y**2).sum())
            errors[1, row, k] = spearman(*stable([x, y]))
    dims = ("estimate", "n_samples")
    variables = {
        "relative_error": variable(dims, errors[0], "relative RMS error of the exact diagonal", "1"),
        "diagonal_correlation": variable(dims, errors[1], "rank correlation with the exact diagonal", "1"),
    }
    return xr.Dataset(variables, {"estimate": list(ESTIMATES), "n_samples": sizes})


def _read_often(settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, n: int, seed: int) -> list[np.ndarray]:
    """n samples of at most MOST_CHAINS chains: all of them, then all of them READING_GAP sweeps later, and so on."""
    n_chains = min(n, MOST_CHAINS)
    many = settings | {"samples": settings["samples"] | {"n_chains": n_chains}}
    readings = [spontaneous(many, machine, patterns, seed)]
    if n > n_chains:
        n_more = -(-n // n_chains) - 1
        readings += trajectory(machine, n_chains, n_more, derive(seed, "on"), readings[0], READING_GAP)
    return [np.concatenate(layer)[:n] for layer in zip(*readings)]


def draw_exactly(machine: BoltzmannMachine, n: int, seed: int) -> Samples:
    """n independent samples of P(v, h), by enumeration of P(v): visible and hidden states, uint8.

    Ends of the cumulative P(v) may differ in the last bits between machines; none of the 2^32 random numbers is there.
    """
    cumulative = np.cumsum(np.exp(exact.visible_log_probabilities(machine)))
    pattern = np.searchsorted(cumulative[:-1], uniform(seed, 0, n), side="right")
    visible = exact.states(machine.n_units[0])[pattern]
    nothing = np.zeros((n, machine.n_units[1]), dtype=np.uint8)
    return sample(machine, n, 1, derive(seed, "hidden"), [visible, nothing])  # h given v, then v given h


def _compare(
    machine: BoltzmannMachine, states: Samples, patterns: np.ndarray, kept: Sequence, shape: tuple, seed: int
) -> xr.Dataset:
    mask, n_biases = machine.masks[0], sum(machine.n_units)
    maps = {name: pruning.CRITERIA[name](machine, states, seed)[0] for name in LOCAL}
    maps["deletion_damage"] = exact.deletion_damage(patterns, machine)
    exists = np.concatenate([np.ones(n_biases, dtype=bool), mask.ravel()])
    matrix = exact.fisher_information(machine)[np.ix_(exists, exists)]
    of_parameters = {
        "exact_diagonal": np.diag(matrix),
        "exact_first_eigenvector": fisher.first_eigenvector(matrix),
        "stiff_eigenvectors": fisher.stiff_importance(matrix),
    }
    for name, values in of_parameters.items():
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
