"""What a criterion sees of a machine besides its weights: what it does asleep, and what it does awake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

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
        """<x_l> given each training pattern, (n_patterns, n_l) a layer, the patterns first; deep: mean field.

        Raises ValueError where no patterns were given.
        """
        if self.look is None:
            raise ValueError("activity.awake: found samples of sleep alone, expected Activity(asleep, look)")
        return self.look()

    def __getitem__(self, layer: Any) -> Any:
        return self.asleep[layer]

    def __len__(self) -> int:
        return len(self.asleep)
