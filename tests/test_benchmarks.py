"""The benchmark compares like with like: peers sample, learn and count what we do, and the table says what it found."""

import os
import subprocess
import sys

import naive
import numpy as np
import pytest

from analysis import exact
from analysis.files.checkout import ROOT
from analysis.machine.model import BoltzmannMachine
from benchmarks import machines, peers
from benchmarks.machines import OurLearner, OurSampler, PeerLearner

SAMPLERS = [
    pytest.param(name, marks=pytest.mark.skipif(not peers.installed(name), reason="not installed: the extra `bench`"))
    for name in (peers.NUMPY, peers.SHARED, peers.SPARSE, peers.TORCH, peers.THRML)
]
ARRAYS = {peers.NUMPY: peers.numpy_arrays, peers.TORCH: peers.torch_arrays}
ARRAYS = {name: arrays for name, arrays in ARRAYS.items() if peers.installed(name)}
# rbms, a peer, compiles its functions in a way that PyTorch wants to give up; it is there with the extra `bench` alone.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def small(*n_units):
    """A machine with a quarter of its synapses missing."""
    masks = [np.arange(n * m).reshape(n, m) % 4 != 1 for n, m in zip(n_units, n_units[1:])]
    return BoltzmannMachine.random(n_units, 0, 0.8, -0.7, -0.5, masks)


@pytest.mark.parametrize("n_units", [(3, 2), (3, 2, 2), (9, 7, 6)], ids=str)
@pytest.mark.parametrize("name", SAMPLERS)
def test_peers_sample_from_the_same_machine(name, n_units):
    machine, n_chains = small(*n_units), 20_000
    sampler, run = peers.samplers(machine, OurSampler(machine, n_chains).states(), [name])[name]
    run(30)
    states, (means, both) = sampler.states(), exact.moments(machine)
    assert {0, 1} == {*np.unique(np.concatenate(states, axis=1))}
    pairs = [x.T @ y / n_chains for x, y in zip(states, states[1:])]
    for found, p in zip([x.mean(axis=0) for x in states] + pairs, means + both, strict=True):
        naive.assert_within_error(found, p, np.sqrt(p * (1 - p) / n_chains))


@pytest.mark.parametrize("arrays", ARRAYS.values(), ids=ARRAYS)
def test_peers_learn_in_the_same_direction(arrays):
    machine = small(9, 7, 6)
    patterns = np.random.default_rng(0).integers(0, 2, (20, 9)).astype(np.uint8)
    n_chains = 16_000  # so many that the noise of both takes 0.015 from their correlation, measured
    sizes = machines.Sizes(n_patterns=20, n_pcd_chains=n_chains)
    ours, peer = OurLearner(machine, patterns, sizes), PeerLearner(arrays(0), machine, patterns, sizes)
    for learner in (ours, peer):
        learner.run(1, 1.0, 0.0)
    learned = ours.trained()
    joint, biases = -np.asarray(peer.learner.weights), [-np.asarray(b)[:, 0] for b in peer.learner.biases]
    error = 5 * np.sqrt(2 * 0.25 / n_chains)  # of two model terms, one by each; the data term is the same
    for layer, weights in enumerate((joint[:9], joint[9:].T)):
        np.testing.assert_allclose(weights, learned.weights[layer], rtol=0, atol=error)
        assert not weights[~machine.masks[layer]].any()
        change, ours_change = (w - machine.weights[layer] for w in (weights, learned.weights[layer]))
        assert np.corrcoef(change.ravel(), ours_change.ravel())[0, 1] > 0.95
    for found, expected in zip(biases, (np.concatenate(learned.biases[::2]), learned.biases[1])):
        np.testing.assert_allclose(found, expected, rtol=0, atol=error)


@pytest.mark.slow
def test_the_whole_runs_and_draws_again(tmp_path):
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell"}
    command = [sys.executable, "-m", "benchmarks", "--quick", "--output", str(tmp_path)]
    for more in ([], ["--redraw"]):
        done = subprocess.run([*command, *more], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "quick/table.md").read_text() in done.stdout
    assert {path.name for path in (tmp_path / "quick").iterdir()} > {"bench.nc", "table.md", "thread_scaling.svg"}
