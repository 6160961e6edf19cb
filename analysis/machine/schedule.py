"""The numbers of a training, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.machine.arguments import check_count, is_number

ALGORITHMS = ("cd", "pcd")


@dataclass(frozen=True)
class Schedule:
    """How to train: one rule and its numbers. Raises ValueError for numbers out of range."""

    algorithm: str  # "cd" (one hidden layer) or "pcd"
    n_epochs: int  # passes over the patterns
    learning_rates: tuple[float, float]  # (first, last), log-spaced over the epochs
    # m' of the standard rule dW <- m' dW + rate grad, one value, or one an epoch. The paper's dW <- rate (m dW + grad)
    # has m = m' / rate.
    momentum: Sequence[float] | float = 0.0
    batch_size: int = 1  # patterns an update (1: online)
    n_gibbs_steps: int = 1  # sweeps an update: k of CD-k, or steps of the persistent chains
    n_chains: int = 100  # persistent chains (pcd)
    n_mean_field_steps: int = 10  # at most, for an update (pcd)
    tolerance: float = 1e-3  # at which mean field ends before (pcd)
    max_norm: float | None = None  # cap of the Euclidean norm of a unit's synapses from below

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm: found {self.algorithm!r}, expected {' or '.join(map(repr, ALGORITHMS))}")
        for name in ("n_epochs", "batch_size", "n_gibbs_steps", "n_chains", "n_mean_field_steps"):
            check_count(name, getattr(self, name))
        rates, momenta = self.learning_rates, np.atleast_1d(self.momentum).tolist()
        if np.shape(rates) != (2,) or not all(is_number(r) and 1e-9 <= r < np.inf for r in rates):
            raise ValueError(f"learning_rates: found {rates!r}, expected (first, last), both at least 1e-9")
        shapes = ((), (self.n_epochs,))
        if np.shape(self.momentum) not in shapes or not all(is_number(m) and 0 <= m <= 0.9999 for m in momenta):
            raise ValueError(
                f"momentum: found {self.momentum!r}, expected one from 0 to 0.9999, or {self.n_epochs}, one an epoch"
            )
        if not is_number(self.tolerance) or not self.tolerance >= 0:
            raise ValueError(f"tolerance: found {self.tolerance!r}, expected a number of at least 0")
        if self.max_norm is not None and not (is_number(self.max_norm) and self.max_norm > 0):
            raise ValueError(f"max_norm: found {self.max_norm!r}, expected a positive number or None")

    @property
    def epochs(self) -> list[tuple[np.float32, np.float32]]:
        """(learning rate, momentum) an epoch, float32; rounded first, since powers come from the C library."""
        rates = np.geomspace(*self.learning_rates, self.n_epochs)
        momenta = np.broadcast_to(self.momentum, self.n_epochs)
        return [(np.float32(round(float(r), 9)), np.float32(m)) for r, m in zip(rates, momenta)]

    def n_updates(self, n_patterns: int) -> int:
        """Parameter updates that the schedule makes on so many patterns."""
        return self.n_epochs * -(-n_patterns // self.batch_size)
