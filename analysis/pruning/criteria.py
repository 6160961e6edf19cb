"""Which synapses matter: one record a criterion, (machine, activity, seed) -> importance, larger matters more.

To add one, write its function here under `@entered`; one of your own needs a file and no edit (see `own`).
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, "Pruning criteria" of the methods.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.files.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Line
from analysis.machine.model import BoltzmannMachine, check_binary
from analysis.machine.randomness import bits, derive
from analysis.pruning import fisher, online
from analysis.pruning.activity import Activity, Layers
from analysis.pruning.removal import check_importance, check_one_a_layer

Function = Callable[[BoltzmannMachine, Activity, int], list[np.ndarray]]


@dataclass(frozen=True)
class Criterion:
    """A criterion by its name: what computes it, what it is called and how it is drawn, what activity it needs."""

    name: str
    function: Function
    words: str
    colour: str
    marker: str
    line: Line
    needs: tuple[str, ...] = ("asleep",)

    def __call__(self, machine: BoltzmannMachine, activity: Layers | None, seed: int) -> list[np.ndarray]:
        """Importance of each synapse, one array (n_l, n_l+1) a layer; activity: an Activity, or plain samples of sleep.

        Raises ValueError for samples that do not fit, and for what is no finite number a synapse.
        """
        if not isinstance(activity, Activity):
            activity = Activity(() if activity is None else activity)
        if "asleep" in self.needs:
            check_one_a_layer("states", activity.asleep, machine.biases)
            asleep = zip(activity.asleep, machine.n_units)
            given, asleep = activity, [check_binary(f"states[{k}]", x, n) for k, (x, n) in enumerate(asleep)]
            activity = Activity(asleep, lambda: given.awake)
        importance = self.function(machine, activity, seed)
        try:
            return check_importance(machine, importance)
        except ValueError as error:
            raise ValueError(f"criterion {self.name}: {error}") from None


CRITERIA: dict[str, Criterion] = {}


def entered(
    words: str, colour: str, marker: str, line: Line, needs: Sequence[str] = ("asleep",)
) -> Callable[[Function], Criterion]:
    """Make of a function the record under its name in CRITERIA."""

    def enter(function: Function) -> Criterion:
        name = function.__name__
        if name in CRITERIA:
            raise ValueError(f"criterion {name}: found the name taken, expected a new one; rename the function")
        CRITERIA[name] = Criterion(name, function, words, colour, marker, line, tuple(needs))
        return CRITERIA[name]

    return enter


@entered(words="variance FI", colour=BLUE, marker="o", line="-")
def variance_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """F_ij = Var(v_i h_j) asleep: the diagonal of the Fisher information matrix (the paper's variance estimate)."""
    return [fisher.variance_estimate(pre, post) for pre, post in zip(activity.asleep, activity.asleep[1:])]


@entered(words="variance FI × w²", colour=BLACK, marker="s", line="-")
def variance_fi_w2(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """w_ij^2 Var(v_i h_j): twice the second-order change of KL(with || without the synapse) (the paper's saliency)."""
    return [f * w.astype(np.float64) ** 2 for f, w in zip(variance_fi(machine, activity, seed), machine.weights)]


@entered(words="heuristic FI", colour=SKY, marker="^", line=(0, (5, 1)))
def heuristic_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """p (1 - p), p = <h_j> sigmoid(logit<v_i> + w_ij (1 - <h_j>)): rates and weight alone (the paper's heuristic)."""
    layers = zip(activity.asleep, activity.asleep[1:], machine.weights)
    return [fisher.heuristic_estimate(pre, post, w) for pre, post, w in layers]


@entered(words="eigenvector", colour=GREEN, marker="D", line="-.")
def eigenvector(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """|u_ij| with F u = lambda_1 u over the parameters that exist, lambda_1 the largest; one hidden layer only."""
    if len(machine.weights) != 1:
        raise ValueError(f"criterion 'eigenvector': found {len(machine.weights)} layers of synapses, expected 1")
    mask = machine.masks[0]
    alive = np.concatenate([np.ones(sum(machine.n_units), dtype=bool), mask.ravel()])
    matrix = fisher.information_matrix(*activity.asleep)
    importance = np.zeros(len(matrix))
    importance[alive] = fisher.first_eigenvector(matrix[np.ix_(alive, alive)])
    return [importance[sum(machine.n_units) :].reshape(mask.shape)]


@entered(words="|w|", colour=VERMILION, marker="X", line=(0, (3, 1, 1, 1, 1, 1)), needs=())
def weight(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """|w_ij|: the magnitude of the weight, no activity."""
    return [np.abs(w).astype(np.float64) for w in machine.weights]


@entered(words="random", colour=GREY, marker="v", line=":", needs=())
def random(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """u_ij uniform in (0, 1]: a function of seed and position alone."""
    seed = derive(seed, "random importance")
    return [(bits(seed, k, w.size).reshape(w.shape) + 1.0) * 2.0**-32 for k, w in enumerate(machine.weights)]


@entered(words="anti-FI", colour=PURPLE, marker="P", line="--")
def anti_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """1 - Var(v_i h_j): the most informative synapses go first."""
    return [1.0 - f for f in variance_fi(machine, activity, seed)]


@entered(words="online FI", colour=ORANGE, marker="p", line=(0, (4, 1, 1, 1)))
def online_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """p (1 - p) from running averages of one network that dreams on from the first of the samples (see `online`)."""
    states, n_sweeps = [x[0] for x in activity.asleep], online.N_SWEEPS
    _, averages = online.dream(machine, states, n_sweeps, n_sweeps, seed)
    return online.importance(averages, n_sweeps)
