"""Mean field of the hidden units while the visible ones are clamped: m_u = sigmoid(b_u + sum_k w_uk m_k)."""

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import meanfield
from analysis.kernels.threads import share
from analysis.machine import graph
from analysis.machine.arguments import check_binary, check_count, is_number
from analysis.machine.model import BoltzmannMachine


def mean_field(
    machine: BoltzmannMachine, patterns: ArrayLike, n_iterations: int = 50, tolerance: float = 1e-7
) -> list[np.ndarray]:
    """m_u = sigmoid(b_u + sum_k w_uk m_k) for the hidden units of each pattern: one float32 array (n, n_l) a layer.

    The first array is the clamped patterns (n, n_0), values in {0, 1}; exact for one hidden layer. Starts with a pass
    upwards; ends after n_iterations more (0: none), or when no unit moved by `tolerance` or more. Raises ValueError for
    patterns that are not binary or do not fit, a negative count or a tolerance that is no number >= 0.
    """
    visible = check_binary("patterns", patterns, machine.n_units[0])
    if n_iterations != 0:
        check_count("n_iterations", n_iterations)
    if not is_number(tolerance) or not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance: found {tolerance!r}, expected a finite number of at least 0")
    built = graph.of(machine)
    tiles = graph.to_tiles(visible, len(built.bias))
    share(len(tiles), meanfield.mean_field, tiles, built, n_iterations, np.float32(tolerance), len(visible))
    return graph.from_tiles(tiles, built.layer, len(visible))
