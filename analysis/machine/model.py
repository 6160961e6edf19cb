"""A Boltzmann machine as data.

    E(x) = - sum_l b_l . x_l - sum_l x_{l-1}^T W_l x_l,        P(x) = exp(-E(x)) / Z

with binary units in layers l = 0 (visible) to L. A restricted Boltzmann machine is the case L = 1; receptive
fields and pruning are one mechanism, the mask. Source: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8.
"""

import os
from dataclasses import dataclass

import numpy as np

from analysis.kernels.threads import share
from analysis.machine.randomness import normal

_MOST = 2**32 - 1  # chain, step and unit are 32-bit words of a random number's position: beyond, numbers repeat
_BYTES_A_SYNAPSE = 16  # of memory, present or masked, while a machine is made: weights, masks and copies of them


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
            biases, weights = (
                tuple(check_numbers(f"{name}[{layer}]", a).astype(np.float32) for layer, a in enumerate(arrays))
                for name, arrays in (("biases", self.biases), ("weights", self.weights))
            )
        masks = (np.ones(w.shape, dtype=bool) for w in weights) if self.masks is None else self.masks
        masks = tuple(check_numbers(f"masks[{layer}]", m) for layer, m in enumerate(masks))
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

    def _repr_html_(self):
        """What JupyterLab shows: units of each layer and its synapses with the layer below."""
        head = "<tr><th>layer</th><th>units</th><th>synapses from below</th><th>of all possible</th></tr>"
        rows = [f"<tr><td>0 (visible)</td><td>{self.n_units[0]:,}</td><td></td><td></td></tr>"]
        for layer, (n, mask) in enumerate(zip(self.n_units[1:], self.masks), start=1):
            cells = f"<td>{layer}</td><td>{n:,}</td><td>{mask.sum():,}</td><td>{mask.mean():.1%}</td>"
            rows.append(f"<tr>{cells}</tr>")
        return f"<table>{head}{''.join(rows)}</table>"

    def energy(self, states):
        """E(x) = - sum_l b_l . x_l - sum_l x_{l-1}^T W_l x_l, in nats.

        states : L + 1 arrays (n_chains, n_l), values in {0, 1}. Returns (n_chains,), float64.
        Raises ValueError for shapes that do not fit and values that are not finite.
        """
        states = [check_numbers(f"states[{k}]", x).astype(np.float64) for k, x in enumerate(states)]
        found, expected = [x.shape[-1] if x.ndim == 2 else x.shape for x in states], list(self.n_units)
        if found != expected:
            raise ValueError(f"states: found layers of {found} units, expected {expected}")
        if len({len(x) for x in states}) > 1 or not all(np.isfinite(x).all() for x in states):
            shapes = [x.shape for x in states]
            raise ValueError(f"states: found shapes {shapes}, expected as many chains in each, and finite numbers")
        energy = -sum(x @ b for x, b in zip(states, self.biases))
        for below, above, w in zip(states, states[1:], self.weights):
            energy = energy - np.einsum("ci,ij,cj->c", below, w, above, optimize=True)
        return energy

    @classmethod
    def random(cls, n_units, seed, weight_std=0.1, visible_bias=0.0, hidden_bias=-2.0, masks=None):
        """Weights ~ N(0, weight_std^2), the given biases (numbers or one value a visible unit).

        n_units : units a layer, visible first. The normal draws are exact sums of uniforms (see random.normal).
        Raises ValueError for fewer than two layers or an empty one, values that do not fit, and more synapses than the
        memory of this machine holds.
        """
        units = np.atleast_1d(np.asarray(n_units, dtype=object)).tolist()
        if len(units) < 2 or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in units):
            raise ValueError(f"n_units: found {units}, expected at least two layers of at least one unit")
        check_memory("n_units", units, _BYTES_A_SYNAPSE * sum(n * m for n, m in zip(units, units[1:])))
        _check_initial("weight_std", weight_std, "a finite number of at least 0", [()], smallest=0.0)
        _check_initial("visible_bias", visible_bias, f"a finite number, or {units[0]} of them", [(), (units[0],)])
        _check_initial("hidden_bias", hidden_bias, "a finite number", [()])
        biases = [np.broadcast_to(np.float32(visible_bias), n_units[0])]
        biases += [np.full(n, hidden_bias) for n in n_units[1:]]
        weights = [
            np.float32(weight_std) * normal(seed, layer, n * m).reshape(n, m)
            for layer, (n, m) in enumerate(zip(n_units, n_units[1:]))
        ]
        return cls(tuple(biases), tuple(weights), masks)

    def to_dataset(self):
        """The machine as an xarray.Dataset: bias_l (unit_l), weight_l and mask_l (unit_l-1, unit_l)."""
        import xarray as xr  # half of the time that importing the package would take

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


def _check_initial(name, value, expected, shapes, smallest=-np.inf):
    value = check_numbers(name, value)
    if value.shape not in shapes or not (np.isfinite(value) & (value >= smallest)).all():
        found = f"shape {value.shape}" if value.ndim else value.item()
        raise ValueError(f"{name}: found {found}, expected {expected}")


def check_count(name, value):
    """`value` as an int; ValueError unless it is an integer from 1 to 2^32 - 1, where random numbers would repeat."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name}: found {value!r}, expected a count of at least 1")
    if value > _MOST:
        raise ValueError(f"{name}: found {value}, expected a count of at most {_MOST}; lower it")
    return int(value)


def check_memory(name, found, n_bytes):
    """ValueError where so many bytes are more than this machine has; to be called before they are taken."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > memory:
        raise ValueError(
            f"{name}: found {found}, which needs {n_bytes / 2**30:,.1f} GiB, "
            f"expected no more than the {memory / 2**30:,.1f} GiB of this machine; lower it"
        )


def check_numbers(name, values):
    """`values` as an array; ValueError for rows of different lengths, text, objects and complex numbers."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: found rows of different lengths, expected an array of numbers") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: found values of type {array.dtype}, expected numbers; convert them first")
    return array


def check_binary(name, array, n_columns=None):
    """`array` as C-ordered uint8 (n, n_columns) with values in {0, 1}; ValueError names what was found instead."""
    array = check_numbers(name, array)
    if array.ndim != 2 or array.size == 0 or (n_columns is not None and array.shape[1] != n_columns):
        columns = "n_units" if n_columns is None else n_columns
        raise ValueError(f"{name}: found shape {array.shape}, expected (n, {columns}) with n >= 1")
    if not _is_binary(array):
        raise ValueError(f"{name}: found values other than 0 and 1, expected binary patterns (binarise them first)")
    return np.ascontiguousarray(array, dtype=np.uint8)


def _is_binary(array):
    return all(share(len(array), _are_binary, array))


def _are_binary(begin, end, array):
    part = array[begin:end]
    return bool(part.max() <= 1 if array.dtype.kind in "bu" else ((part == 0) | (part == 1)).all())
