"""The machines and patterns that all work on, in which sizes, and our side of the contest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis import data, pruning, training
from analysis.experiment import protocol
from analysis.experiment.record import machine_of
from analysis.files import netcdf
from analysis.files.checkout import ROOT
from analysis.kernels import gibbs, threads
from analysis.kernels.layouts import SWEPT
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive, key, permutation
from analysis.machine.sampling import Samples, start_words
from analysis.machine.training import Task, minibatches
from benchmarks import peers


@dataclass(frozen=True)
class Sizes:
    """How much of everything; the defaults are those of issue 3."""

    n_rounds: int = 9
    shortest: float = 0.2  # seconds of a contender's turn
    n_units: tuple = (400, 400, 676)
    n_chains: int = 1000
    n_sweeps: int = 10
    shares: tuple = (1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.03)  # of the synapses; 1 and 0.1 have targets
    sparse_shares: tuple = (0.3, 0.2, 0.1, 0.03)  # at which SciPy's sparse product has a chance
    batches: tuple = (1, 10, 100, 1000)  # chains
    run: Path = ROOT / "data" / "runs" / "digits" / "variance_fi_w2" / "200.nc"
    pcd_shares: tuple = (1.0, 0.5, 0.3, 0.1, 0.03)
    n_patterns: int = 100
    n_pcd_chains: int = 100
    n_updates: int = 10
    n_online: int = 90_000
    n_online_peer: int = 2_000
    n_hidden: int = 676
    n_digits: int = 10_000
    n_test: int = 1_000
    rates: tuple = (0.01, 0.05, 0.1)
    n_ais_chains: int = 100
    n_temperatures: int = 200
    n_samples: int = 60_000
    n_information: int = 90_000
    widths: tuple = (64, 128, 256, 512, 1024, 2048, 4096)
    n_width_chains: int = 256
    n_imports: int = 5
    cold: bool = True  # kernels are compiled anew; or else both times are those of a warm cache
    n_experiment: int = 60_000


QUICK = Sizes(
    n_rounds=2,
    shortest=0.0,
    n_units=(100, 100, 60),
    n_chains=130,
    n_sweeps=2,
    shares=(1.0, 0.1),
    sparse_shares=(0.1,),
    batches=(1, 70),
    run=None,
    pcd_shares=(1.0, 0.1),
    n_patterns=20,
    n_pcd_chains=20,
    n_updates=2,
    n_online=500,
    n_online_peer=50,
    n_hidden=30,
    n_digits=200,
    n_test=20,
    n_ais_chains=10,
    n_temperatures=5,
    n_samples=500,
    n_information=500,
    widths=(16, 64),
    n_width_chains=70,
    n_imports=1,
    cold=False,
    n_experiment=200,
)


PRUNED_AFTER = (1, 2, 4)  # sessions


def born(sizes):
    """The machine of protocol B with random weights: 5 x 5 receptive fields; some 20 % of its units are active."""
    masks = protocol.initial_masks({"machine": {"hidden": sizes.n_units[1:], "receptive_field": 5}}, sizes.n_units[0])
    return BoltzmannMachine.random(sizes.n_units, 0, 0.1, -1.4, -2.0, masks)


def thinned(machine, share):
    """The machine with a random share of each layer's synapses, and all its units."""
    masks = [np.zeros_like(mask) for mask in machine.masks]
    for layer, (mask, old) in enumerate(zip(masks, machine.masks)):
        synapses = np.flatnonzero(old)
        mask.ravel()[synapses[choice(derive(0, "share", layer), len(synapses), round(share * len(synapses)))]] = True
    return BoltzmannMachine(machine.biases, machine.weights, tuple(masks))


def pruned(sizes):
    """Machines after 1, 2 and 4 sessions, units gone too: of a run on digits, or random weights pruned by |w|."""
    if sizes.run is not None and sizes.run.is_file():
        run = netcdf.read(sizes.run)
        return [machine_of(run, session) for session in PRUNED_AFTER]
    machines = [born(sizes)]
    for _ in range(max(PRUNED_AFTER)):
        machines.append(pruning.prune(machines[-1], [np.abs(w) for w in machines[-1].weights], 0.53).machine)
    return [machines[session] for session in PRUNED_AFTER]


def digits(n, n_visible):
    """(n, n_visible) uint8: the training digits in a fixed order, again and again; the first pixels alone."""
    patterns = data.load("digits")["train"].values
    return patterns[np.resize(permutation(0, len(patterns)), n), :n_visible]


class OurSampler:
    """Block Gibbs sampling as in sampling.sample, on words that stay packed."""

    def __init__(self, machine, n_chains):
        self.graph, self.n_chains, self.step = graph.of(machine, SWEPT), n_chains, 0
        self.words = start_words(self.graph, n_chains, 0)

    def run(self, n_sweeps):
        arguments = self.words, self.graph, key(0), self.step, n_sweeps, self.n_chains
        threads.share(len(self.words), gibbs.sweeps, *arguments)
        self.step += n_sweeps

    def states(self):
        return list(Samples(self.words, self.graph.layer, self.n_chains))


class OurLearner:
    """PCD as in training.train, minibatch by minibatch."""

    def __init__(self, machine, patterns, sizes):
        schedule = training.Schedule("pcd", 1, (1.0, 1.0), 0.0, sizes.n_patterns, 1, sizes.n_pcd_chains, 10, 0.0)
        self.epoch, self.trained = minibatches(Task(machine, patterns, schedule, 0, (1.0, 1.0)))
        self.order, self.n_patterns, self.update = np.arange(len(patterns)), sizes.n_patterns, 0

    def run(self, n_updates, rate, momentum):
        order = self.order[: n_updates * self.n_patterns]
        self.epoch(order, np.float32(rate), np.float32(momentum), self.update)
        self.update += n_updates


class PeerLearner:
    """PCD by a peer, on float32 batches that are prepared beforehand."""

    def __init__(self, arrays, machine, patterns, sizes):
        n = sizes.n_patterns
        states = OurSampler(machine, sizes.n_pcd_chains).states()
        states[0] = np.resize(patterns, states[0].shape)
        self.learner = peers.Learner(arrays, machine, states, n, n_iterations=10)
        self.batches = [arrays.array(patterns[k : k + n].T) for k in range(0, len(patterns), n)]

    def run(self, n_updates, rate, momentum):
        for batch in self.batches[:n_updates]:
            self.learner.update(batch, rate, momentum)
