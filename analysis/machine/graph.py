"""A machine as the kernels read it: one row of synapses a unit, whatever the number of layers.

Units are numbered through all layers, visible first. Row u lists the neighbours of unit u in ascending order, so those
below come first; every synapse stands in the rows of both its units. Pruned synapses are absent: time and memory follow
the synapses that are left. Where most synapses of two layers exist, their weights stand in panels as well, 0 for what
is absent, which is faster to add.
"""

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from analysis.kernels import layouts
from analysis.kernels.layouts import PANEL, PATTERNS, pack
from analysis.machine.model import BoltzmannMachine

# Share of two layers' synapses, and units of the smaller one, from which panels are faster: measured, both in turn.
# Inputs have the same bits by panels and by rows; what is learnt is summed over patterns in another order, so that
# DENSE is the same everywhere. Sweeps alone take panels from `layouts.SWEPT` on.
DENSE, NARROWEST = 0.4, 64
_WIDEST = 2**16 // (PANEL // 2) - 1  # units of a layer with panels: binary.row_sum counts their rows in 16 bits


class Graph(NamedTuple):
    """Arrays of the n units and 2 S entries (S synapses)."""

    bias: np.ndarray  # (n,) float32
    start: np.ndarray  # (n + 1,) int64: row u is start[u] ... start[u + 1] - 1
    above: np.ndarray  # (n,) int64: where in row u the neighbours above begin
    neighbour: np.ndarray  # (2 S,) int32
    weight: np.ndarray  # (2 S,) float32
    twin: np.ndarray  # (2 S,) int32: the same synapse in the other unit's row
    layer: np.ndarray  # (L + 2,) int64: layer l is units layer[l] ... layer[l + 1] - 1
    panel: np.ndarray  # (P,) float32: blocks (neighbours + 1, PANEL); the last row is 0, the row of no neighbour
    panels_below: np.ndarray  # (L + 1,) int64: where the panels of layer l's weights from below begin; -1 for none
    panels_above: np.ndarray  # (L + 1,) int64: those from above


_SHARED: WeakKeyDictionary[BoltzmannMachine, dict[float, Graph]] = WeakKeyDictionary()


def of(machine: BoltzmannMachine, dense: float | None = None) -> Graph:
    """The Graph of a machine for those who only read it: built once, and kept as long as the machine is."""
    # Its arrays stay writeable: numba would compile every kernel once more for those that are not.
    kept, dense = _SHARED.setdefault(machine, {}), DENSE if dense is None else dense
    if dense not in kept:
        kept[dense] = build(machine, dense)
    return kept[dense]


def build(machine: BoltzmannMachine, dense: float) -> Graph:
    """The Graph of a machine for one who writes to it: arrays of its own.

    dense : share of two layers' synapses from which they have panels
    """
    layer = np.concatenate([[0], np.cumsum(machine.n_units)]).astype(np.int64)
    no_lower, no_upper = (np.zeros(machine.n_units[k], dtype=np.int64) for k in (0, -1))
    n_below = np.concatenate([no_lower, *(m.sum(axis=0) for m in machine.masks)])
    n_above = np.concatenate([*(m.sum(axis=1) for m in machine.masks), no_upper])
    start = np.concatenate([[0], np.cumsum(n_below + n_above)])
    above = start[:-1] + n_below
    neighbour, twin = (np.empty(start[-1], dtype=np.int32) for _ in range(2))
    weight = np.empty(start[-1], dtype=np.float32)
    for k, (matrix, mask) in enumerate(zip(machine.weights, machine.masks)):
        pre, post = (units + first for units, first in zip(np.nonzero(mask), layer[k:]))
        # Neighbours stand in ascending order: how many synapses come before in a row or column is a synapse's place.
        upwards = above[pre] + np.cumsum(mask, axis=1, dtype=np.int32)[mask] - 1
        downwards = start[post] + np.cumsum(mask, axis=0, dtype=np.int32)[mask] - 1
        for here, there, other in ((upwards, downwards, post), (downwards, upwards, pre)):
            neighbour[here], twin[here], weight[here] = other, there, matrix[mask]
    return Graph(np.concatenate(machine.biases), start, above, neighbour, weight, twin, layer, *panels(machine, dense))


def has_panels(mask: np.ndarray, dense: float) -> bool:
    """Whether the synapses of two layers are dense enough for panels, and the layers neither too narrow nor wide."""
    return mask.mean() >= dense and min(mask.shape) >= NARROWEST and max(mask.shape) <= _WIDEST


def panels(machine: BoltzmannMachine, dense: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of dense pairs of layers in both directions: (panel, panels_below, panels_above)."""
    below, above = (np.full(len(machine.biases), -1, dtype=np.int64) for _ in range(2))
    blocks, size = [np.zeros(0, dtype=np.float32)], 0
    for k, (weight, mask) in enumerate(zip(machine.weights, machine.masks)):
        if has_panels(mask, dense):
            for place, layer, matrix in ((below, k + 1, weight), (above, k, weight.T)):
                place[layer] = size
                blocks.append(_blocks(matrix))
                size += blocks[-1].size
    # The kernels read whole groups of rows, beyond the last one too.
    panel = layouts.zeros((size + PANEL * PANEL if size else 0,), np.float32)
    np.concatenate(blocks, out=panel[:size])
    return panel, below, above


def _blocks(weights: np.ndarray) -> np.ndarray:
    """Weights (n_neighbours, n_units) in blocks (n_neighbours + 1, PANEL) of units, filled up with 0; flat."""
    n_neighbours, n_units = weights.shape
    whole = np.zeros((n_neighbours + 1, -(-n_units // PANEL) * PANEL), dtype=np.float32)
    whole[:-1, :n_units] = weights
    return whole.reshape(n_neighbours + 1, -1, PANEL).transpose(1, 0, 2).ravel()


def to_machine(graph: Graph, masks: Sequence[np.ndarray]) -> BoltzmannMachine:
    """The BoltzmannMachine of a graph with these masks; where there are panels, they count."""
    layer, weights = graph.layer, []
    for k, mask in enumerate(masks):
        (n, m), place = mask.shape, graph.panels_below[k + 1]
        if place >= 0:
            blocks = graph.panel[place : place + (n + 1) * -(-m // PANEL) * PANEL].reshape(-1, n + 1, PANEL)
            dense = blocks.transpose(1, 0, 2)[:-1].reshape(n, -1)[:, :m]
        else:
            dense = np.zeros(mask.shape, dtype=np.float32)
            rows = slice(graph.start[layer[k]], graph.start[layer[k + 1]])
            dense[mask] = graph.weight[rows][graph.neighbour[rows] >= layer[k + 1]]
        weights.append(dense)
    return BoltzmannMachine(np.split(graph.bias, layer[1:-1]), weights, masks)


def to_words(layers: Sequence[np.ndarray], n_units: int) -> np.ndarray:
    """Arrays (n, n_l) uint8 in {0, 1} of the first layers -> words (n_tiles, n_units); what is not given is 0."""
    given = np.concatenate([pack(x) for x in layers], axis=1)
    words = np.zeros((len(given), n_units), dtype=np.uint64)
    words[:, : given.shape[1]] = given
    return words


def to_tiles(patterns: np.ndarray, n_units: int) -> np.ndarray:
    """Patterns (n, n_0) -> tiles (n_tiles, n_units, PATTERNS) float32 with the hidden units at 0."""
    n, n_visible = patterns.shape
    tiles = layouts.zeros((-(-n // PATTERNS), n_units, PATTERNS), np.float32)
    for tile, first in zip(tiles, range(0, n, PATTERNS)):
        part = patterns[first : first + PATTERNS]
        tile[:n_visible, : len(part)] = part.T
    return tiles
