"""A machine as the kernels read it: one row of synapses a unit, whatever the number of layers.

Units are numbered through all layers, visible first. Row u lists the neighbours of unit u in ascending order, so those
below come first; every synapse stands in the rows of both its units, and `twin` leads from one entry to the other.
Pruned synapses are absent: time and memory follow the synapses that are left.
"""

from typing import NamedTuple

import numpy as np

from analysis.lanes import LANES
from analysis.model import BoltzmannMachine


class Graph(NamedTuple):
    """Arrays of the n units and 2 S entries (S synapses)."""

    bias: np.ndarray  # (n,) float32
    start: np.ndarray  # (n + 1,) int64: row u is start[u] ... start[u + 1] - 1
    above: np.ndarray  # (n,) int64: where in row u the neighbours above begin
    neighbour: np.ndarray  # (2 S,) int32
    weight: np.ndarray  # (2 S,) float32
    twin: np.ndarray  # (2 S,) int64: the same synapse in the other unit's row
    layer: np.ndarray  # (L + 2,) int64: layer l is units layer[l] ... layer[l + 1] - 1


def build(machine):
    """The Graph of a BoltzmannMachine; a copy, so that kernels may write to it."""
    layer = np.concatenate([[0], np.cumsum(machine.n_units)]).astype(np.int64)
    pairs = [np.argwhere(m) + layer[k : k + 2] for k, m in enumerate(machine.masks)]
    pre, post = np.concatenate(pairs).T
    weight = np.concatenate([w[m] for w, m in zip(machine.weights, machine.masks)])
    n, synapses = layer[-1], np.arange(len(pre))
    unit, neighbour = np.concatenate([pre, post]), np.concatenate([post, pre])
    order = np.lexsort((neighbour, unit))
    position = np.empty(2 * len(pre), dtype=np.int64)
    position[order] = np.arange(2 * len(pre))
    twin = position[np.concatenate([synapses + len(pre), synapses])][order]
    degree_below = np.bincount(post, minlength=n)
    start = np.concatenate([[0], np.cumsum(degree_below + np.bincount(pre, minlength=n))])
    return Graph(
        np.concatenate(machine.biases),
        start.astype(np.int64),
        (start[:-1] + degree_below).astype(np.int64),
        neighbour[order].astype(np.int32),
        np.concatenate([weight, weight])[order],
        twin.astype(np.int64),
        layer,
    )


def to_machine(graph, masks):
    """The BoltzmannMachine of a graph with these masks, inverse of `build`."""
    layer = graph.layer
    unit = np.repeat(np.arange(len(graph.bias)), np.diff(graph.start))
    upwards = graph.neighbour > unit
    pre, post, weight = unit[upwards], graph.neighbour[upwards], graph.weight[upwards]
    weights = []
    for k, mask in enumerate(masks):
        dense = np.zeros(mask.shape, dtype=np.float32)
        here = (pre >= layer[k]) & (pre < layer[k + 1])
        dense[pre[here] - layer[k], post[here] - layer[k + 1]] = weight[here]
        weights.append(dense)
    biases = np.split(graph.bias, layer[1:-1])
    return BoltzmannMachine(tuple(biases), tuple(weights), masks)


def to_tiles(layers, n_units):
    """Arrays (n, n_l) of the first layers -> tiles (n_tiles, n_units, LANES) float32; what is not given is 0."""
    n = len(layers[0])
    tiles = np.zeros((-(-n // LANES), n_units, LANES), dtype=np.float32)
    first = 0
    for array in layers:
        padded = np.zeros((tiles.shape[0] * LANES, array.shape[1]), dtype=np.float32)
        padded[:n] = array
        tiles[:, first : first + array.shape[1]] = padded.reshape(-1, LANES, array.shape[1]).transpose(0, 2, 1)
        first += array.shape[1]
    return tiles


def from_tiles(tiles, layer, n, dtype):
    """Tiles -> one array (n, n_l) a layer, of the given dtype."""
    split = np.split(tiles, layer[1:-1], axis=1)
    return [np.ascontiguousarray(s.transpose(0, 2, 1).reshape(-1, s.shape[1])[:n], dtype=dtype) for s in split]
