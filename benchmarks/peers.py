"""The work of others: the same mathematics on dense matrices, other people's RBMs, and thrml's sparse sampling.

    block Gibbs   z = b + W^T x of one side,  x' = [r (1 + exp(-z)) < 1],  then the other side
    PCD           W <- W + V,  V <- momentum V + rate M (<x x^T>_data - <x x^T>_model),  mean field on the data

The best numpy that we can write: float32; the even and odd layers as two sides, so that a sweep is two products;
units are rows and chains columns; everything in place; random numbers by SFC64. The same lines run on PyTorch.
In their favour: matrices and patterns are prepared beforehand, and weights and biases are kept negative, which saves a
pass. Against them: no compiler joins their passes over the states, and numpy's own passes use one thread (`Shared`
gives each thread chains of its own instead). torch, learnergy, rbms and thrml are optional and imported where they are
used.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
from scipy.sparse import csr_array

from analysis.kernels import threads
from analysis.machine.exact import sides
from benchmarks.timing import blas_limited

OPTIONAL = {"PyTorch": "torch", "learnergy": "learnergy", "rbms": "rbms", "thrml": "thrml"}
NUMPY, SHARED, SPARSE, TORCH, THRML = "numpy", "numpy, chains shared", "SciPy sparse", "PyTorch", "thrml"


def installed(name):
    """Whether a peer can be measured here; what is not optional always can."""
    return name not in OPTIONAL or find_spec(OPTIONAL[name]) is not None


def numpy_arrays(seed):
    """What `Sampler` and `Learner` need of an array library, by numpy."""
    rng = np.random.Generator(np.random.SFC64(seed))
    return SimpleNamespace(
        array=lambda x: np.array(x, dtype=np.float32, order="C"),
        uniform=lambda out: rng.random(out=out, dtype=np.float32),
        **{name: getattr(np, name) for name in ("matmul", "exp", "reciprocal", "less")},
    )


def torch_arrays(seed):
    """The same by PyTorch, on as many threads as we use."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(threads.count())
    return SimpleNamespace(
        array=lambda x: torch.from_numpy(np.array(x, dtype=np.float32, order="C")),
        uniform=lambda out: torch.rand(out.shape, out=out),
        **{name: getattr(torch, name) for name in ("matmul", "exp", "reciprocal", "less")},
    )


# ---- sampling ------------------------------------------------------------------------------------------------------


class Sampler:
    """Block Gibbs sampling with dense products; states: one array (n_chains, n_l) a layer to start from."""

    def __init__(self, arrays, machine, states):
        even, odd, weights = sides(machine)
        self.arrays, self.n_units, self.weights = arrays, machine.n_units, arrays.array(-weights)
        self.biases = [arrays.array(-b[:, None]) for b in (even, odd)]
        self.sides = [arrays.array(np.concatenate(states[k::2], axis=1).T) for k in (0, 1)]
        self.inputs, self.random = ([arrays.array(np.zeros(x.shape)) for x in self.sides] for _ in range(2))

    def run(self, n_sweeps):
        for _ in range(n_sweeps):
            for side in (1, 0):
                z, r = self._input(side), self.random[side]
                z += self.biases[side]
                self.arrays.exp(z, out=z)
                z += 1
                self.arrays.uniform(r)
                z *= r
                self.arrays.less(z, 1, out=self.sides[side])

    def _input(self, side):
        weights = self.weights if side == 0 else self.weights.T
        return self.arrays.matmul(weights, self.sides[1 - side], out=self.inputs[side])

    def states(self):
        """One array (n_chains, n_l) a layer."""
        layers = [None] * len(self.n_units)
        for side in (0, 1):
            spans = np.cumsum(self.n_units[side::2])[:-1]
            layers[side::2] = np.split(np.asarray(self.sides[side]).T, spans, axis=1)
        return layers


class SparseSampler(Sampler):
    """The same with the synapses that are left alone, in compressed rows; numpy only."""

    def __init__(self, arrays, machine, states):
        super().__init__(arrays, machine, states)
        self.rows = csr_array(self.weights), csr_array(self.weights.T)

    def _input(self, side):
        return self.rows[side] @ self.sides[1 - side]


class Shared:
    """Chains shared among threads, each with a sampler, random numbers and products of its own."""

    def __init__(self, kind, machine, states):
        n = min(threads.count(), len(states[0]))
        self.parts = [kind(numpy_arrays(seed), machine, [x[seed::n] for x in states]) for seed in range(n)]
        self.pool = ThreadPoolExecutor(n)

    def run(self, n_sweeps):
        list(self.pool.map(lambda part: part.run(n_sweeps), self.parts))

    def states(self):
        return [np.concatenate(layers) for layers in zip(*(part.states() for part in self.parts))]


class Thrml:
    """Block Gibbs sampling by thrml as in its examples: a program of one chain, all chains by vmap, compiled by JAX."""

    def __init__(self, machine, states):
        os.environ |= {"JAX_PLATFORMS": "cpu", "NPROC": str(threads.count())}  # read when JAX and XLA start
        import jax
        from thrml import SamplingSchedule, sample_states

        program, blocks = ising(machine)

        def chain(n_sweeps, key, layers):
            schedule = SamplingSchedule(n_warmup=n_sweeps, n_samples=1, steps_per_sample=1)
            return [x[0] for x in sample_states(key, program, schedule, layers[1::2] + layers[::2], [], blocks)]

        def chains(n_sweeps, key, layers):
            keys = jax.random.split(key, 1 + len(layers[0]))
            return keys[0], jax.vmap(partial(chain, n_sweeps))(keys[1:], layers)

        self.chains, self.wait = jax.jit(chains, static_argnums=0), jax.block_until_ready
        self.key, self.layers = jax.random.key(0), [jax.numpy.array(x, dtype=bool) for x in states]

    def run(self, n_sweeps):
        self.key, self.layers = self.wait(self.chains(n_sweeps, self.key, self.layers))

    def states(self):
        return [np.asarray(x, dtype=np.float32) for x in self.layers]


def ising(machine):
    """thrml's program that samples the odd layers, then the even ones, and its blocks, layer by layer.

    Units x = (1 + s) / 2 of weights W and biases b are spins s of weights W / 4 and biases b / 2 + (W 1) / 4. A block
    is a layer, since thrml pads the neighbours of every unit of a block to the most that one of them has.
    """
    from jax import numpy
    from thrml import Block, SpinNode
    from thrml.models import IsingEBM, IsingSamplingProgram

    blocks = [Block([SpinNode() for _ in range(n)]) for n in machine.n_units]
    pairs = zip(blocks, blocks[1:], machine.masks)
    synapses = [(below[i], above[j]) for below, above, mask in pairs for i, j in np.argwhere(mask)]
    weights = np.concatenate([w[mask] / 4 for w, mask in zip(machine.weights, machine.masks)])
    biases = [b / 2 for b in machine.biases]
    for below, above, w in zip(biases, biases[1:], machine.weights):
        below += w.sum(axis=1) / 4
        above += w.sum(axis=0) / 4
    parameters = [numpy.array(x) for x in (np.concatenate(biases), weights, np.float32(1))]
    model = IsingEBM([spin for block in blocks for spin in block], synapses, *parameters)
    return IsingSamplingProgram(model, [tuple(blocks[1::2]), tuple(blocks[::2])], []), blocks


def samplers(machine, states, names):
    """{name: (sampler, its run with its number of BLAS threads)} of the peers of these names that are installed."""
    made = {
        NUMPY: (lambda: Sampler(numpy_arrays(0), machine, states), threads.count()),
        SHARED: (lambda: Shared(Sampler, machine, states), 1),
        SPARSE: (lambda: Shared(SparseSampler, machine, states), 1),
        TORCH: (lambda: Sampler(torch_arrays(0), machine, states), threads.count()),
        THRML: (lambda: Thrml(machine, states), threads.count()),
    }
    made = {name: (make(), n) for name, (make, n) in made.items() if name in names and installed(name)}
    return {name: (sampler, blas_limited(sampler.run, n)) for name, (sampler, n) in made.items()}


# ---- learning ------------------------------------------------------------------------------------------------------


class Learner(Sampler):
    """PCD of a machine of two hidden layers: mean field on the patterns, one sweep of the chains, one product.

    All that is missing in `machine` stays 0, by a mask on the gradient.
    """

    def __init__(self, arrays, machine, states, n_patterns, n_iterations):
        super().__init__(arrays, machine, states)
        (n_even, n_odd), n_visible = self.weights.shape, machine.n_units[0]
        n = n_patterns + len(states[0])
        self.n_visible, self.n_patterns, self.n_iterations = n_visible, n_patterns, n_iterations
        mask = np.concatenate([machine.masks[0], machine.masks[1].T])
        self.mask, shapes = arrays.array(mask), ((n_even, n_odd), (n_even, 1), (n_odd, 1))
        self.velocity, self.gradient = ([arrays.array(np.zeros(s)) for s in shapes] for _ in range(2))
        self.even, self.scaled, self.odd = (arrays.array(np.zeros((k, n))) for k in (n_even, n_even, n_odd))
        self.m1, self.base = (arrays.array(np.zeros((n_odd, n_patterns))) for _ in range(2))
        self.m2 = arrays.array(np.zeros((n_even - n_visible, n_patterns)))
        self.ones = arrays.array(np.ones((n, 1)))

    def update(self, patterns, rate, momentum):
        """One update from patterns (n_visible, n_patterns)."""
        n, n_visible, a = self.n_patterns, self.n_visible, self.arrays
        self._mean_field(patterns)
        self.run(1)
        self.even[:n_visible, :n], self.even[n_visible:, :n], self.even[:, n:] = patterns, self.m2, self.sides[0]
        self.odd[:, :n], self.odd[:, n:] = self.m1, self.sides[1]
        self.ones[:n], self.ones[n:] = rate / n, -rate / (self.even.shape[1] - n)
        self.scaled[:] = self.even
        self.scaled *= self.ones.T
        a.matmul(self.scaled, self.odd.T, out=self.gradient[0])
        self.gradient[0] *= self.mask
        a.matmul(self.even, self.ones, out=self.gradient[1])
        a.matmul(self.odd, self.ones, out=self.gradient[2])
        for parameter, velocity, gradient in zip((self.weights, *self.biases), self.velocity, self.gradient):
            velocity *= momentum
            velocity += gradient
            parameter -= velocity  # parameters are kept negative

    def _mean_field(self, patterns):
        """m1 = sigmoid(b1 + W1^T v + W2 m2), m2 = sigmoid(b2 + W2^T m1), from m1 = sigmoid(b1 + 2 W1^T v)."""
        a, below, above = self.arrays, self.weights[: self.n_visible], self.weights[self.n_visible :]
        a.matmul(below.T, patterns, out=self.base)
        self.m1[:] = self.base
        self.m1 += self.base
        for iteration in range(self.n_iterations + 1):
            if iteration:
                a.matmul(above.T, self.m2, out=self.m1)
                self.m1 += self.base
            self._sigmoid(self.m1, self.biases[1])
            a.matmul(above, self.m1, out=self.m2)
            self._sigmoid(self.m2, self.biases[0][self.n_visible :])

    def _sigmoid(self, z, bias):
        z += bias
        self.arrays.exp(z, out=z)
        z += 1
        self.arrays.reciprocal(z, out=z)
