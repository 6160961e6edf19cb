"""Which synapses matter: one record a criterion, (machine, activity, seed) -> importance, larger matters more.

To add one, write its function and its record here; one of your own needs a file and no edit (see `own`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from analysis.files.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Look, by_name
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits, derive
from analysis.machine.sampling import Samples
from analysis.pruning import damage, fisher, online
from analysis.pruning.removal import Layers


@dataclass(frozen=True, eq=False)
class Activity(Sequence[np.ndarray]):
    """What a criterion sees besides the weights; as a sequence the samples asleep, one uint8 array (n, n_l) a layer."""

    asleep: Any
    look: Callable[[], Layers] | None = None  # gives awake; called once, when that is first asked for
    _averages: dict[BoltzmannMachine, list[damage.Awake]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def awake(self) -> Layers:
        """<x_l> given each training pattern, (n_patterns, n_l) a layer, the patterns first; deep: by mean field."""
        if self.look is None:
            raise ValueError("activity.awake: found samples of sleep alone, expected Activity(asleep, look)")
        return self.look()

    def samples(self, machine: BoltzmannMachine) -> Samples:
        """The samples asleep, packed; ValueError where they do not fit the machine."""
        return Samples.of("states", self.asleep, machine.n_units)

    def averages(self, machine: BoltzmannMachine) -> list[damage.Awake]:
        """What synapses average while awake, computed once for all criteria that ask."""
        if machine not in self._averages:
            self._averages[machine] = damage.awake_averages(machine, self.awake)
        return self._averages[machine]

    def __getitem__(self, layer: Any) -> Any:
        return self.asleep[layer]

    def __len__(self) -> int:
        return len(self.asleep)


@dataclass(frozen=True)
class Criterion:
    """A criterion: what computes it, how it looks in words and figures, whether it sees activity awake."""

    name: str
    function: Callable[[BoltzmannMachine, Activity, int], list[np.ndarray]]
    look: Look
    awake: bool = False

    def __call__(self, machine: BoltzmannMachine, activity: Layers | None, seed: int) -> list[np.ndarray]:
        """Importance, larger matters more: one array (n_l, n_l+1) a layer; plain samples of sleep do for activity."""
        return self.function(machine, activity if isinstance(activity, Activity) else Activity(activity or ()), seed)


def variance_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """F_ij = Var(v_i h_j) asleep, the diagonal of the Fisher information matrix: the paper's variance estimate."""
    return fisher.variances(activity.samples(machine))


def variance_fi_w2(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """w_ij^2 Var(v_i h_j), twice the second-order change of KL(with || without the synapse): the paper's saliency."""
    return [f * w.astype(np.float64) ** 2 for f, w in zip(variance_fi(machine, activity, seed), machine.weights)]


def heuristic_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """p (1 - p), p = <h_j> sigmoid(logit<v_i> + w_ij (1 - <h_j>)): the paper's heuristic, of rates and the weight."""
    samples = activity.samples(machine)
    return [fisher.heuristic_estimate(*of_layer) for of_layer in zip(samples, samples[1:], machine.weights)]


def eigenvector(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """|u_ij| with F u = lambda_1 u over the parameters that exist, lambda_1 the largest; one hidden layer only."""
    if len(machine.weights) != 1:
        raise ValueError(f"criterion 'eigenvector': found {len(machine.weights)} layers of synapses, expected 1")
    mask, n_biases = machine.masks[0], sum(machine.n_units)
    matrix = fisher.information_matrix(*activity.samples(machine))
    alive = np.concatenate([np.ones(n_biases, dtype=bool), mask.ravel()])
    importance = np.zeros(len(alive))
    importance[alive] = fisher.first_eigenvector(matrix[np.ix_(alive, alive)])
    return [importance[n_biases:].reshape(mask.shape)]


def weight(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """|w_ij|, whatever the activity."""
    return [np.abs(w).astype(np.float64) for w in machine.weights]


def random(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """u_ij uniform in (0, 1], whatever the machine."""
    seed = derive(seed, "random importance")
    return [(bits(seed, k, w.size).reshape(w.shape) + 1.0) * 2.0**-32 for k, w in enumerate(machine.weights)]


def random_units(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """u_j uniform in (0, 1], the same for all inputs of a unit: whole units go, so those left keep their degrees."""
    seed = derive(seed, "random units")
    of_units = [(bits(seed, k, w.shape[1]) + 1.0) * 2.0**-32 for k, w in enumerate(machine.weights)]
    return [np.broadcast_to(u, w.shape) for u, w in zip(of_units, machine.weights)]


def anti_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """1 - Var(v_i h_j): the most informative synapses go first, as in the paper's anti-FI."""
    return [1.0 - f for f in variance_fi(machine, activity, seed)]


def online_fi(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """p (1 - p), p running averages of one network that dreams on from the first of the samples (see `online`)."""
    first = [x[0] for x in activity.samples(machine)]
    return online.importance(*online.dream(machine, first, online.N_SWEEPS, seed), online.N_SWEEPS)


def deletion_damage(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """What KL(data || model) grows by without the synapse (see `damage`): 0 where both units are never on together."""
    joint = fisher.joint_rates(activity.samples(machine))
    return [damage.deletion(p, x) for p, x in zip(joint, activity.averages(machine))]


def visible_curvature(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """w^2 (Var(v h) - <Var(v h | pattern)>) / 2: the second order of `deletion_damage` alone, signed as that."""
    joint = fisher.joint_rates(activity.samples(machine))
    return [damage.curvature(p, x) for p, x in zip(joint, activity.averages(machine))]


def awake_damage(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """The damage where p = <q>, without sleep: exactly 0, which goes at once, for a pixel that no pattern turns on."""
    return [damage.gap(x) for x in activity.averages(machine)]


def awake_variance(machine: BoltzmannMachine, activity: Activity, seed: int) -> list[np.ndarray]:
    """w^2 Var(q) / 2, the second order of `awake_damage`: from two running averages of a synapse that never sleeps."""
    return [damage.gap_second_order(x) for x in activity.averages(machine)]


CRITERIA: dict[str, Criterion] = by_name(
    Criterion("variance_fi", variance_fi, Look("variance FI", BLUE, "o", "-")),
    Criterion("variance_fi_w2", variance_fi_w2, Look("variance FI × w²", BLACK, "s", "-")),
    Criterion("heuristic_fi", heuristic_fi, Look("heuristic FI", SKY, "^", (0, (5, 1)))),
    Criterion("eigenvector", eigenvector, Look("eigenvector", GREEN, "D", "-.")),
    Criterion("weight", weight, Look("|w|", VERMILION, "X", (0, (3, 1, 1, 1, 1, 1)))),
    Criterion("random", random, Look("random synapses", GREY, "v", ":")),
    Criterion("random_units", random_units, Look("random units", GREY, "<", "--")),
    Criterion("anti_fi", anti_fi, Look("anti-FI", PURPLE, "P", "--")),
    Criterion("online_fi", online_fi, Look("online FI", ORANGE, "p", (0, (4, 1, 1, 1)))),
    Criterion("deletion_damage", deletion_damage, Look("damage by deletion", GREEN, "o", "-"), awake=True),
    Criterion("visible_curvature", visible_curvature, Look("visible FI × w²", GREEN, "P", ":"), awake=True),
    Criterion("awake_damage", awake_damage, Look("awake damage", PURPLE, "*", "-"), awake=True),
    Criterion("awake_variance", awake_variance, Look("awake variance × w²", ORANGE, "d", "-."), awake=True),
)
