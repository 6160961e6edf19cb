"""A Boltzmann machine as data.

    E(x) = - sum_l b_l . x_l - sum_l x_{l-1}^T W_l x_l,        P(x) = exp(-E(x)) / Z

with binary units in layers l = 0 (visible) to L. A restricted Boltzmann machine is the case L = 1; receptive
fields and pruning are one mechanism, the mask. Source: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from analysis.random import normal


@dataclass(frozen=True, eq=False)
class BoltzmannMachine:
    """P(x) = exp(sum_l b_l . x_l + sum_l x_{l-1}^T W_l x_l) / Z for binary units in layers 0 (visible) to L.

    Parameters
    ----------
    biases : L + 1 arrays (n_l,), float32
    weights : L arrays (n_l, n_l+1), float32; forced to 0 where the mask is False
    masks : L arrays (n_l, n_l+1), bool, True where there is a synapse; None for all

    Raises
    ------
    ValueError : shapes that do not fit, values that are not finite, masks that are not binary

    Notes
    -----
    The arrays are read-only: every operation returns a new machine.
    """

    biases: tuple
    weights: tuple
    masks: tuple = None

    def __post_init__(self):
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused as such
            biases = tuple(np.array(b, dtype=np.float32) for b in self.biases)
            weights = tuple(np.array(w, dtype=np.float32) for w in self.weights)
        masks = self.masks
        if masks is None:
            masks = tuple(np.ones(np.shape(w), dtype=bool) for w in self.weights)
        _check_layers(biases, weights, masks)
        masks = tuple(np.array(m, dtype=bool) for m in masks)
        weights = tuple(np.where(m, w, np.float32(0)) for w, m in zip(weights, masks))
        for array in (*biases, *weights, *masks):
            array.flags.writeable = False
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "masks", masks)

    @property
    def n_units(self):
        """Units a layer, visible first: tuple of L + 1 counts."""
        return tuple(len(b) for b in self.biases)

    @property
    def n_synapses(self):
        """Synapses a layer, lowest first: tuple of L counts."""
        return tuple(int(m.sum()) for m in self.masks)

    def __repr__(self):
        layers = "-".join(str(n) for n in self.n_units)
        possible = sum(m.size for m in self.masks)
        return f"BoltzmannMachine({layers} units, {sum(self.n_synapses):,} of {possible:,} synapses)"

    def energy(self, states):
        """E(x) = - sum_l b_l . x_l - sum_l x_{l-1}^T W_l x_l, in nats.

        states : L + 1 arrays (n_chains, n_l), values in {0, 1}. Returns (n_chains,), float64.
        Raises ValueError for shapes that do not fit.
        """
        states = [np.asarray(x, dtype=np.float64) for x in states]
        found, expected = [x.shape[-1] for x in states], list(self.n_units)
        if found != expected:
            raise ValueError(f"states: found layers of {found} units, expected {expected}")
        energy = -sum(x @ b for x, b in zip(states, self.biases))
        for below, above, w in zip(states, states[1:], self.weights):
            energy = energy - np.einsum("ci,ij,cj->c", below, w, above, optimize=True)
        return energy

    @classmethod
    def random(cls, n_units, seed, weight_std=0.1, visible_bias=0.0, hidden_bias=-2.0, masks=None):
        """Weights ~ N(0, weight_std^2), the given biases (numbers or one value a visible unit).

        n_units : units a layer, visible first. The normal draws are exact sums of uniforms (see random.normal).
        Raises ValueError for fewer than two layers or an empty one.
        """
        whole = all(isinstance(n, (int, np.integer)) for n in n_units)
        if not whole or len(n_units) < 2 or min(n_units) < 1:
            raise ValueError(f"n_units: found {list(n_units)}, expected at least two layers of at least one unit")
        biases = [np.broadcast_to(np.float32(visible_bias), n_units[0])]
        biases += [np.full(n, hidden_bias) for n in n_units[1:]]
        weights = [
            np.float32(weight_std) * normal(seed, layer, n * m).reshape(n, m)
            for layer, (n, m) in enumerate(zip(n_units, n_units[1:]))
        ]
        return cls(tuple(biases), tuple(weights), masks)

    def to_dataset(self):
        """The machine as an xarray.Dataset: bias_l (unit_l), weight_l and mask_l (unit_l-1, unit_l)."""
        variables = {}
        for layer, bias in enumerate(self.biases):
            attrs = {"long_name": f"bias of layer {layer}", "units": "nats"}
            variables[f"bias_{layer}"] = (f"unit_{layer}", bias, attrs)
        for layer, (weight, mask) in enumerate(zip(self.weights, self.masks), start=1):
            dims = (f"unit_{layer - 1}", f"unit_{layer}")
            variables[f"weight_{layer}"] = (dims, weight, {"long_name": "synaptic weight", "units": "nats"})
            variables[f"mask_{layer}"] = (dims, mask.astype(np.uint8), {"long_name": "synapse exists", "units": "1"})
        return xr.Dataset(variables)

    @classmethod
    def from_dataset(cls, dataset):
        """The machine that `to_dataset` wrote. Raises ValueError where a variable is missing."""
        n_layers = sum(str(name).startswith("bias_") for name in dataset.data_vars)
        names = [f"bias_{k}" for k in range(max(n_layers, 2))]
        names += [f"{kind}_{k}" for k in range(1, n_layers) for kind in ("weight", "mask")]
        missing = [name for name in names if name not in dataset]
        if missing:
            raise ValueError(
                f"dataset: found no {', '.join(missing)}, expected what BoltzmannMachine.to_dataset writes"
            )
        layers = range(1, n_layers)
        return cls(
            tuple(dataset[f"bias_{k}"].values for k in range(n_layers)),
            tuple(dataset[f"weight_{k}"].values for k in layers),
            tuple(dataset[f"mask_{k}"].values for k in layers),
        )


def _check_layers(biases, weights, masks):
    if len(biases) < 2 or len(weights) != len(biases) - 1 or len(masks) != len(weights):
        raise ValueError(
            f"machine: found {len(biases)} biases, {len(weights)} weights, {len(masks)} masks, "
            "expected L + 1 biases, L weights and L masks with L >= 1"
        )
    for layer, bias in enumerate(biases):
        if bias.ndim != 1 or bias.size == 0:
            raise ValueError(f"biases[{layer}]: found shape {bias.shape}, expected (n_units,) with n_units >= 1")
    for layer, (weight, mask) in enumerate(zip(weights, masks)):
        expected = (biases[layer].size, biases[layer + 1].size)
        for name, array in (("weights", weight), ("masks", mask)):
            if np.shape(array) != expected:
                raise ValueError(f"{name}[{layer}]: found shape {np.shape(array)}, expected {expected}")
        if not np.isin(mask, (0, 1)).all():
            raise ValueError(f"masks[{layer}]: found values other than 0 and 1, expected a binary mask")
    for name, arrays in (("biases", biases), ("weights", weights)):
        for layer, array in enumerate(arrays):
            bad = int(np.size(array) - np.isfinite(array).sum())
            if bad:
                raise ValueError(f"{name}[{layer}]: found {bad} values that are not finite, expected finite numbers")


def check_count(name, value):
    """`value` as an int; ValueError unless it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name}: found {value!r}, expected a count of at least 1")
    return int(value)


def check_binary(name, array, n_columns=None):
    """`array` as C-ordered uint8 (n, n_columns) with values in {0, 1}; ValueError names what was found instead."""
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[0] == 0 or (n_columns is not None and array.shape[1] != n_columns):
        columns = "n_units" if n_columns is None else n_columns
        raise ValueError(f"{name}: found shape {array.shape}, expected (n, {columns}) with n >= 1")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name}: found values other than 0 and 1, expected binary patterns (binarise them first)")
    return np.ascontiguousarray(array, dtype=np.uint8)
