"""States of a machine, one bit each until somebody reads them: what sampling gives and what criteria take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels.layouts import unpack
from analysis.machine.arguments import check_binary
from analysis.machine.graph import to_words


@dataclass(frozen=True, eq=False)
class Samples(Sequence[np.ndarray]):
    """n states of a machine: reads like a list of uint8 arrays (n, n_l), one a layer, unpacked at every reading.

    words : (ceil(n / 64), n_units) uint64; bit c of words[t, u] is unit u in state 64 t + c; spare bits are 0
    layer : (L + 2,) layer l is units layer[l] ... layer[l + 1] - 1
    """

    words: np.ndarray
    layer: np.ndarray
    n: int

    def __len__(self) -> int:
        return len(self.layer) - 1

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[layer] for layer in range(len(self))[k]]
        return unpack(self.words_of(k), self.n)

    def words_of(self, k: int) -> np.ndarray:
        """The words of layer k: (ceil(n / 64), n_k) uint64, C-contiguous. Raises IndexError beyond the last layer."""
        k = range(len(self))[k]
        return np.ascontiguousarray(self.words[:, self.layer[k] : self.layer[k + 1]])

    def rates(self) -> list[np.ndarray]:
        """<x_u> over the states: one float64 array (n_l,) a layer, equal to the means of the unpacked arrays."""
        return np.split(np.bitwise_count(self.words).sum(axis=0, dtype=np.int64) / self.n, self.layer[1:-1])

    @classmethod
    def of(cls, name: str, states: Sequence[ArrayLike], n_units: Sequence[int]) -> "Samples":
        """These states, packed unless they are: one array (n, n_l) a layer, values in {0, 1}, n_units[l] = n_l.

        Raises ValueError, beginning with `name`, for states that do not fit, are not binary or differ in their number.
        """
        if len(states) != len(n_units):
            raise ValueError(f"{name}: found {len(states)} layers, expected {len(n_units)}")
        bounds = np.concatenate([[0], np.cumsum(n_units)])
        if isinstance(states, cls):
            if not np.array_equal(states.layer, bounds):
                found = tuple(np.diff(states.layer).tolist())
                raise ValueError(f"{name}: found layers of {found} units, expected {tuple(n_units)}")
            return states
        layers = [check_binary(f"{name}[{k}]", x, n) for k, (x, n) in enumerate(zip(states, n_units))]
        if len({len(x) for x in layers}) > 1:
            raise ValueError(f"{name}: found {[len(x) for x in layers]} states, expected as many in every layer")
        return cls(to_words(layers, sum(n_units)), bounds, len(layers[0]))
