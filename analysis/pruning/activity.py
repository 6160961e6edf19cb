"""What a criterion sees of a machine besides its weights: what it does asleep, and what it does awake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.machine.arguments import check_binary
from analysis.machine.model import BoltzmannMachine

Layers = Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class Activity(Sequence[np.ndarray]):
    """`asleep`, and `awake` where `look` is given; as a sequence the former, so that it passes for plain samples.

    asleep : samples of the machine's spontaneous activity, one uint8 array (n, n_l) a layer
    look : () -> awake; called once, when first asked for, so that it costs nothing where no criterion wants it
    """

    asleep: Layers
    look: Callable[[], Layers] | None = None

    @cached_property
    def awake(self) -> Layers:
        """<x_l> given each training pattern, (n_patterns, n_l) a layer, the patterns first; deep: by mean field."""
        if self.look is None:
            raise ValueError("activity.awake: found samples of sleep alone, expected Activity(asleep, look)")
        return self.look()

    def __getitem__(self, layer: Any) -> Any:
        return self.asleep[layer]

    def __len__(self) -> int:
        return len(self.asleep)


def check_states(name: str, states: Layers, machine: BoltzmannMachine) -> list[np.ndarray]:
    """The states as uint8, one array (n, n_l) a layer; ValueError where they do not fit the machine."""
    check_one_a_layer(name, states, machine.n_units)
    return [check_binary(f"{name}[{k}]", x, n) for k, (x, n) in enumerate(zip(states, machine.n_units))]


def check_one_a_layer(name: str, arrays: Any, expected: Sequence[Any]) -> None:
    """ValueError unless they are as many as expected."""
    if not hasattr(arrays, "__len__") or len(arrays) != len(expected):
        found = f"{len(arrays)} arrays" if hasattr(arrays, "__len__") else repr(arrays)
        raise ValueError(f"{name}: found {found}, expected {len(expected)}, one a layer")
