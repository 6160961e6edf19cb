"""Time and memory against size, beyond the paper's: python -m benchmarks.sizes [units ...]

Machines of 400 visible units and three hidden layers of n units each, all synapses or a tenth of them, each measured in
a process of its own on one thread. An epoch of persistent contrastive divergence (batches of 50, 100 chains, 10
iterations of mean field) on 60,000 patterns and a sampling of 60,000 chains by 200 sweeps are extrapolated from 100
patterns, or up to 100,000 where machines are small, and from 200 chains of 5 sweeps; the setup is in both, so they are
upper bounds. Scoring 60,000 samples by the variance of coincidences and pruning a tenth of the synapses is done once,
whole; the peak is that of all three, the bytes a synapse are what training alone adds to the process.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np

from analysis import pruning
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits
from analysis.machine.sampling import sample
from analysis.machine.training import Schedule, train
from benchmarks.fresh import peak

N_VISIBLE, N_CHAINS, N_STEPS = 400, 200, 5
BATCH, FEWEST, MOST, ENOUGH = 50, 2, 2000, 2 * 10**7  # updates, and synapse-updates that take a second or so
EPOCH, N_SAMPLES, CHAIN_SWEEPS = 60_000, 60_000, 60_000 * 200
SCHEDULE = Schedule("pcd", 1, (0.001, 0.001), batch_size=BATCH, n_chains=100, max_norm=6.0)


def measure(n_units, share):
    """Hours of an epoch and of sampling, GiB at the peak and the like: of one machine, in this process."""
    work(born(20, share), 1, 100)  # kernels are compiled, or read
    empty, machine = peak(), born(n_units, share)
    n_synapses = sum(machine.n_synapses)
    n_updates = int(np.clip(ENOUGH // n_synapses, FEWEST, MOST))
    begin, trained, sampled, pruned, learning = work(machine, n_updates, N_SAMPLES)
    return {
        "synapses": n_synapses,
        "epoch_h": (trained - begin) * EPOCH / (BATCH * n_updates) / 3600,
        "update_ns": (trained - begin) / n_updates / n_synapses * 1e9,
        "sweep_ps": (sampled - trained) / (N_CHAINS * N_STEPS) / n_synapses * 1e12,
        "bytes": (learning - empty) * 2**30 / n_synapses,
        "pruning_min": (pruned - sampled) / 60,
        "sampling_h": (sampled - trained) * CHAIN_SWEEPS / (N_CHAINS * N_STEPS) / 3600,
        "peak_gib": peak(),
    }


def born(n_units, share):
    """A machine of three such hidden layers with this share of the synapses."""
    sizes = (N_VISIBLE, n_units, n_units, n_units)
    masks = [np.ones(pair, dtype=bool) for pair in zip(sizes, sizes[1:])]
    if share < 1:
        masks = [(bits(k, 0, mask.size) < share * 2.0**32).reshape(mask.shape) for k, mask in enumerate(masks)]
    return BoltzmannMachine.random(sizes, 0, masks=masks)


def work(machine, n_updates, n_samples):
    """Learn, sample, score samples and prune: CPU seconds before each and at the end, and the peak after learning."""
    n_patterns = BATCH * n_updates
    patterns = (bits(9, 0, n_patterns * N_VISIBLE) & 1).reshape(n_patterns, N_VISIBLE).astype(np.uint8)
    begin = time.process_time()
    machine = train(machine, patterns, SCHEDULE, 0)
    trained, learning = time.process_time(), peak()
    states = sample(machine, N_CHAINS, N_STEPS, 0)
    sampled = time.process_time()
    states = [np.resize(x, (n_samples, x.shape[1])) for x in states]
    pruning.prune(machine, pruning.CRITERIA["variance_fi"](machine, states, 0), 0.1)
    return begin, trained, sampled, time.process_time(), learning


def table(sizes):
    """The measures of machines of these sizes as Markdown."""
    heads = ["units a hidden layer", "synapses", "epoch (h)", "sampling (h)", "pruning (min)", "peak (GiB)"]
    heads += ["a synapse and update (ns)", "a synapse, chain and sweep (ps)", "a synapse (bytes)"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for n_units in sizes:
        for share in (1.0, 0.1):
            command = [sys.executable, "-m", "benchmarks.sizes", "--one", str(n_units), str(share)]
            environment = os.environ | {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            one = json.loads(done.stdout)
            names = ("epoch_h", "sampling_h", "pruning_min", "peak_gib", "update_ns", "sweep_ps", "bytes")
            cells = [f"{n_units:,}", f"{one['synapses']:,}", *(f"{float(f'{one[name]:.2g}'):,g}" for name in names)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]), float(sys.argv[3]))))
    else:
        print(table([int(n) for n in sys.argv[1:]] or [20, 100, 500, 2000, 5000, 7000]))
