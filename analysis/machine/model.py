"""A Boltzmann machine as data.

    E(x) = - sum_l b_l . x_l - sum_l x_{l-1}^T W_l x_l,        P(x) = exp(-E(x)) / Z

with binary units in layers l = 0 (visible) to L. A restricted Boltzmann machine is the case L = 1; receptive
fields and pruning are one mechanism, the mask. Source: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from analysis.machine.arguments import check_count, check_memory, check_numbers, is_number
from analysis.machine.randomness import normal

if TYPE_CHECKING:
    import xarray as xr

_BYTES_A_SYNAPSE = 16  # of memory, present or masked, while a machine is made: weights, masks and copies of them
_Arrays = Sequence[ArrayLike]


@dataclass(frozen=True, eq=False, init=False)
class BoltzmannMachine:
    """P(x) = exp(-E(x)) / Z for binary units in layers 0 (visible) to L.

    The arrays are read-only: every operation returns a new machine. Raises ValueError for shapes that do not fit,
    values that are not finite, masks that are not binary.
    """

    biases: tuple[np.ndarray, ...]  # L + 1 arrays (n_l,), float32
    weights: tuple[np.ndarray, ...]  # L arrays (n_l, n_l+1), float32; forced to 0 where the mask is False
    masks: tuple[np.ndarray, ...]  # the same, bool, True where there is a synapse; None for all

    def __init__(self, biases: _Arrays, weights: _Arrays, masks: _Arrays | None = None) -> None:
        n, n_masks = len(biases), len(weights if masks is None else masks)
        if n < 2 or len(weights) != n - 1 or n_masks != n - 1:
            raise ValueError(
                f"machine: found {n} biases, {len(weights)} weights, {n_masks} masks, "
                "expected L + 1 biases, L weights and L masks with L >= 1"
            )
        b = tuple(_as_float32(f"biases[{layer}]", x) for layer, x in enumerate(biases))
        for layer, x in enumerate(b):
            if x.ndim != 1 or x.size == 0:
                raise ValueError(f"biases[{layer}]: found shape {x.shape}, expected (n_units,) with n_units >= 1")
        shapes = list(zip(map(len, b), map(len, b[1:])))
        w = tuple(_as_float32(f"weights[{layer}]", *pair) for layer, pair in enumerate(zip(weights, shapes)))
        given = [np.ones(shape, dtype=bool) for shape in shapes] if masks is None else masks
        m = tuple(_as_bool(f"masks[{layer}]", *pair) for layer, pair in enumerate(zip(given, shapes)))
        w = tuple(np.where(present, x, np.float32(0)) for x, present in zip(w, m))
        for name, arrays in (("biases", b), ("weights", w), ("masks", m)):
            for array in arrays:
                array.flags.writeable = False
            object.__setattr__(self, name, arrays)

    @property
    def n_units(self) -> tuple[int, ...]:
        """Units a layer, visible first."""
        return tuple(len(b) for b in self.biases)

    @property
    def n_synapses(self) -> tuple[int, ...]:
        """Synapses a layer, lowest first: tuple of L counts."""
        return tuple(int(m.sum()) for m in self.masks)

    def __repr__(self) -> str:
        layers = "-".join(str(n) for n in self.n_units)
        possible = sum(m.size for m in self.masks)
        return f"BoltzmannMachine({layers} units, {sum(self.n_synapses):,} of {possible:,} synapses)"

    def _repr_html_(self) -> str:
        """What JupyterLab shows: units of each layer and its synapses with the layer below."""
        rows = ["<th>layer</th><th>units</th><th>synapses from below</th><th>of all possible</th>"]
        rows += [f"<td>0 (visible)</td><td>{self.n_units[0]:,}</td><td></td><td></td>"]
        for layer, (n, mask) in enumerate(zip(self.n_units[1:], self.masks), start=1):
            rows += [f"<td>{layer}</td><td>{n:,}</td><td>{mask.sum():,}</td><td>{mask.mean():.1%}</td>"]
        return f"<table><tr>{'</tr><tr>'.join(rows)}</tr></table>"

    def energy(self, states: Sequence[ArrayLike]) -> np.ndarray:
        """E(x), in nats, (n_chains,) float64, of states, L + 1 arrays (n_chains, n_l), values in [0, 1]."""
        if len(states) != len(self.n_units):
            raise ValueError(f"states: found {len(states)} layers, expected {len(self.n_units)}")
        shapes = [(*np.shape(states[0])[:1], n) for n in self.n_units]
        layers = [check_numbers(f"states[{k}]", *pair).astype(np.float64) for k, pair in enumerate(zip(states, shapes))]
        energy = -sum((x @ b for x, b in zip(layers, self.biases)), np.zeros(len(layers[0])))
        for below, above, w in zip(layers, layers[1:], self.weights):
            energy = energy - np.einsum("ci,ij,cj->c", below, w, above, optimize=True)
        return energy

    @classmethod
    def random(
        cls,
        n_units: Sequence[int],
        seed: int,
        weight_std: float = 0.1,
        visible_bias: ArrayLike = 0.0,
        hidden_bias: float = -2.0,
        masks: _Arrays | None = None,
    ) -> "BoltzmannMachine":
        """Weights ~ N(0, weight_std^2) (see randomness.normal), the given biases (numbers or one a visible unit)."""
        units = [check_count("n_units", n) for n in n_units]
        check_memory("n_units", units, _BYTES_A_SYNAPSE * sum(n * m for n, m in zip(units, units[1:])))
        if not is_number(weight_std) or not 0 <= weight_std < np.inf:
            raise ValueError(f"weight_std: found {weight_std!r}, expected a finite number of at least 0")
        visible, shape = _as_float32("visible_bias", visible_bias), tuple(units[:1])
        if visible.shape not in ((), shape):
            raise ValueError(f"visible_bias: found shape {visible.shape}, expected () or {shape}")
        biases = [np.broadcast_to(visible, shape), *(np.full(n, hidden_bias) for n in units[1:])]
        pairs, std = enumerate(zip(units, units[1:])), np.float32(weight_std)
        weights = [std * normal(seed, layer, n * m).reshape(n, m) for layer, (n, m) in pairs]
        return cls(biases, weights, masks)

    def to_dataset(self) -> "xr.Dataset":
        """The machine as an xarray.Dataset: bias_l (unit_l), weight_l and mask_l (unit_l-1, unit_l)."""
        import xarray as xr  # half of the time that importing the package would take

        variables: dict[str, tuple] = {
            f"bias_{k}": (f"unit_{k}", bias, {"long_name": f"bias of layer {k}", "units": "nats"})
            for k, bias in enumerate(self.biases)
        }
        for layer, (weight, mask) in enumerate(zip(self.weights, self.masks), start=1):
            dims = (f"unit_{layer - 1}", f"unit_{layer}")
            variables[f"weight_{layer}"] = (dims, weight, {"long_name": "synaptic weight", "units": "nats"})
            variables[f"mask_{layer}"] = (dims, mask.astype(np.uint8), {"long_name": "synapse exists", "units": "1"})
        return xr.Dataset(variables)

    @classmethod
    def from_dataset(cls, dataset: "xr.Dataset") -> "BoltzmannMachine":
        """The machine that `to_dataset` wrote. Raises ValueError where a variable is missing."""
        n_layers = max(2, sum(str(name).startswith("bias_") for name in dataset.data_vars))
        names = [[f"{kind}_{k}" for k in range(kind != "bias", n_layers)] for kind in ("bias", "weight", "mask")]
        if missing := [name for kind in names for name in kind if name not in dataset]:
            raise ValueError(f"dataset: found no {', '.join(missing)}, expected what to_dataset writes")
        return cls(*([dataset[name].values for name in kind] for kind in names))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), for x of any size and shape: a binary unit of input x, summed over its states."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), for x of any size and shape."""
    return np.exp(-softplus(-x))


def entropy(p: ArrayLike) -> np.ndarray:
    """H(p) = - p log p - (1 - p) log(1 - p), in nats; H(0) = H(1) = 0. p : probabilities of any shape."""
    p = np.asarray(p, dtype=np.float64)
    inner = np.clip(p, np.finfo(float).tiny, None), np.clip(1 - p, np.finfo(float).tiny, None)
    return -p * np.log(inner[0]) - (1 - p) * np.log(inner[1])


def _as_float32(name: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused as such
        array = check_numbers(name, values, shape).astype(np.float32)
    if bad := int(array.size - np.isfinite(array).sum()):
        raise ValueError(f"{name}: found {bad} values that are not finite, expected finite numbers")
    return array


def _as_bool(name: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    array = check_numbers(name, values, shape)
    if not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name}: found values other than 0 and 1, expected a binary mask")
    return np.array(array, dtype=bool)
