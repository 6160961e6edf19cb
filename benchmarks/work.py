"""What is measured: one function a kind of work, (sizes) -> xarray.Dataset of seconds in every round.

All work is single precision on the same number of threads for everyone. Prepared beforehand, untimed: our graphs and
words, the peers' matrices and float32 patterns. Within our own times: the packing of patterns and of samples.
"""

from functools import partial

import numpy as np
import xarray as xr

from analysis import data, fisher, training
from analysis.kernels import threads
from analysis.machine.model import BoltzmannMachine
from analysis.machine.training import Schedule
from benchmarks import peers, quality, trainers
from benchmarks.ceiling import Additions
from benchmarks.machines import OurLearner, OurSampler, PeerLearner, born, digits, pruned, thinned
from benchmarks.timing import array, blas_limited, interleave, our_threads

OURS, FLOOR = "ours", "no synapses"
DENSE_PEERS = (peers.NUMPY, peers.SHARED, peers.TORCH)
SPARSE_PEERS = (peers.SPARSE, peers.THRML)


def gibbs(sizes):
    """Seconds a chain-sweep of block Gibbs by machine, and how many additions a second are possible.

    Dense peers take the same time whatever the share of synapses; they run with all of them, and at the own layer sizes
    of the pruned machines. SciPy and thrml run where few synapses are left, thrml with all of them, too. Everyone
    starts from the same states, after 20 sweeps. An addition is one active neighbour of one unit: their number comes
    from the states and the synapses that exist.
    """
    contenders, found = {}, []
    for label, (machine, names) in contested_machines(sizes).items():
        states, runs = samplers(machine, sizes.n_chains, names)
        found.append((machine, states))
        for name, run in runs.items():
            contenders[label, name] = partial(run, sizes.n_sweeps), sizes.n_sweeps * sizes.n_chains
    ceiling = Additions(sizes.n_units[1:], sizes.n_chains, activity=0.2, seed=0)
    contenders["ceiling"] = partial(ceiling.run, sizes.n_sweeps), sizes.n_sweeps * ceiling.n_additions
    seconds = interleave(contenders, sizes.n_rounds, sizes.shortest)
    rate, layers = 1.0 / seconds.pop("ceiling"), ("machine", "layer")
    activity = [[x.mean() for x in states] for _, states in found]
    share = [sum(machine.n_synapses) / sum(born(sizes).n_synapses) for machine, _ in found]
    additions = [n_additions(machine, states) for machine, states in found]
    return xr.Dataset(
        {
            "gibbs": array(seconds, ("machine", "contender"), "block Gibbs sampling, time of a sweep of one chain"),
            "addition_rate": ("round", rate, _named("additions of rows from the second-level cache", "1/s")),
            "activity": (layers, activity, _named("share of the layer's units that are active", "1")),
            "n_units": (layers, [machine.n_units for machine, _ in found], _named("units of the layer", "1")),
            "share": ("machine", share, _named("share of the synapses that are left", "1")),
            "n_additions": ("machine", additions, _named("active neighbours of all units, a sweep of one chain", "1")),
        }
    )


def samplers(machine, n_chains, names):
    """States after 20 of our sweeps, and {contender: its run} of ours and the peers of these names, from there on."""
    ours = OurSampler(machine, n_chains)
    ours.run(20)
    states = ours.states()
    return states, {OURS: ours.run} | {k: run for k, (_, run) in peers.samplers(machine, states, names).items()}


def contested_machines(sizes):
    """{label: (machine, the peers that are measured on it)}: thinned at random, pruned, and without synapses."""
    whole, machines = born(sizes), {}
    for share in sizes.shares:
        names = (*DENSE_PEERS, peers.THRML) if share == 1 else SPARSE_PEERS * (share in sizes.sparse_shares)
        machines[f"{100 * share:g} %"] = thinned(whole, share), names
    for machine in pruned(sizes):
        label = f"pruned to {100 * sum(machine.n_synapses) / sum(whole.n_synapses):.2g} %"
        machines[label] = machine, DENSE_PEERS + SPARSE_PEERS
    return machines | {FLOOR: (thinned(whole, 0.0), ())}


def n_additions(machine, states):
    """sum_u (active neighbours of u), mean over chains."""
    degrees = [np.zeros(n) for n in machine.n_units]
    for layer, mask in enumerate(machine.masks):
        degrees[layer] += mask.sum(axis=1)
        degrees[layer + 1] += mask.sum(axis=0)
    return float(sum((x @ degree).mean() for x, degree in zip(states, degrees)))


def pcd(sizes):
    """Seconds a PCD update: 10 mean-field steps without early end, 1 sweep of the chains, learning of all synapses.

    In the peers' favour: their batches are float32 matrices already; ours are packed from uint8 within the time. Their
    time does not depend on the share of synapses, and is measured with all of them.
    """
    whole, contenders = born(sizes), {}
    patterns = digits(sizes.n_patterns * sizes.n_updates, sizes.n_units[0])
    arguments = sizes.n_updates, 1e-4, 0.5
    for share in sizes.pcd_shares:
        ours = OurLearner(thinned(whole, share), patterns, sizes)
        contenders[f"{100 * share:g} %", OURS] = partial(ours.run, *arguments), sizes.n_updates
    for name, arrays in ((peers.NUMPY, peers.numpy_arrays), (peers.TORCH, peers.torch_arrays)):
        if peers.installed(name):
            peer = blas_limited(PeerLearner(arrays(0), whole, patterns, sizes).run, threads.count())
            contenders["100 %", name] = partial(peer, *arguments), sizes.n_updates
    return xr.Dataset({"pcd": contest(contenders, sizes, ("pcd_machine", "contender"), "PCD, time of an update")})


def online(sizes):
    """Seconds for two epochs of CD-1 of a 13-70 RBM on single patches.

    The peer is a numpy loop that makes a part of the updates; its time is scaled up. It computes on single vectors, so
    its time is that of some thirty calls an update: no contest, but what one would write without a compiler.
    """
    patterns = data.load("patches")["train"].values[: sizes.n_online]
    machine = BoltzmannMachine.random((patterns.shape[1], 70), 0)
    ours = partial(training.train, machine, patterns, Schedule("cd", 2, (0.1, 0.01), 0.5), 0)
    few = patterns[: sizes.n_online_peer].astype(np.float32)
    peer = partial(trainers.online_contrastive_divergence, few, 70, 0.1, 0.5, 0)
    contenders = {(OURS,): (ours, 1.0), (peers.NUMPY,): (blas_limited(peer, 1), len(few) / (2 * len(patterns)))}
    name = f"online CD-1 of a 13-70 RBM, {2 * len(patterns):,} updates"
    return xr.Dataset({"online": contest(contenders, sizes, ("contender",), name)})


def epoch(sizes):
    """Seconds for one epoch of an RBM in batches of 10, and how well everyone's RBM describes the test digits.

    Each learns by its own rule: ours and learnergy's is CD-1, that of scikit-learn and rbms PCD with 10 chains. All
    start from weights ~ N(0, 0.01^2) and biases of 0, with the rate that gives scikit-learn its largest log-likelihood.
    scikit-learn's products of 10 rows hardly gain from threads, so it runs with one BLAS thread as well.
    """
    patterns, n = digits(sizes.n_digits, 400), threads.count()
    test = data.load("digits")["test"].values[: sizes.n_test]
    arguments = patterns.astype(np.float32), sizes.n_hidden, 10

    def likelihood(machine):
        return quality.log_likelihood(machine, test, sizes.n_ais_chains, sizes.n_temperatures)

    by_rate = [likelihood(trainers.scikit_learn(*arguments, rate))[0] for rate in sizes.rates]
    rate = sizes.rates[int(np.argmax(by_rate))]
    start = BoltzmannMachine.random((400, sizes.n_hidden), 0, 0.01, 0.0, 0.0)
    calls = {OURS: partial(training.train, start, patterns, Schedule("cd", 1, (rate, rate), batch_size=10), 0)}
    calls |= {
        name: blas_limited(partial(trainer, *arguments, rate), n)
        for name, trainer in trainers.TRAINERS.items()
        if peers.installed(name)
    }
    machines = {name: call() for name, call in calls.items()}
    calls["scikit-learn, 1 thread"] = blas_limited(partial(trainers.scikit_learn, *arguments, rate), 1)
    contenders = {(name,): (call, 1.0) for name, call in calls.items()}
    name = f"an epoch of a 400-{sizes.n_hidden} RBM, {len(patterns):,} patterns in batches of 10"
    found = xr.Dataset({"epoch": contest(contenders, sizes, ("contender",), name)})
    values = np.array([[quality.pseudo_log_likelihood(m, test), *likelihood(m)] for m in machines.values()]).T
    labels = "pseudo_log_likelihood", "log_likelihood", "log_likelihood_error"
    for label, value in zip(labels, values):
        text = f"{label.replace('_', ' ')} of the test digits after an epoch, a digit"
        found[label] = xr.DataArray(value, {"contender": list(machines)}, attrs=_named(text, "nats"))
    attrs = _named("log likelihood of scikit-learn's RBM after an epoch, by learning rate", "nats")
    found["log_likelihood_by_rate"] = ("learning_rate", by_rate, attrs)
    found["rate"] = ((), rate, _named("learning rate of all", "1"))
    return found.assign_coords(learning_rate=list(sizes.rates))


def variance(sizes):
    """Seconds for the variance estimates of 400 x 676 synapses from uint8 samples, our packing included.

    The peer is one BLAS product of float32 samples that are prepared beforehand; its counts are equal to ours.
    """
    rng = np.random.default_rng(0)
    pre, post = ((rng.random((sizes.n_samples, n), np.float32) < 0.2).astype(np.uint8) for n in (400, sizes.n_hidden))
    dense_pre, dense_post = pre.astype(np.float32), post.astype(np.float32)
    if not np.array_equal(fisher.coincidences(pre, post), dense_pre.T @ dense_post):
        raise ArithmeticError("variance estimate: found other counts than those of the product")
    contenders = {
        (OURS,): (partial(fisher.variance_estimate, pre, post), 1.0),
        (peers.NUMPY,): (blas_limited(lambda: dense_pre.T @ dense_post, threads.count()), 1.0),
    }
    name = f"variance estimate, {sizes.n_samples:,} x (400 + {sizes.n_hidden})"
    return xr.Dataset({"variance": contest(contenders, sizes, ("contender",), name)})


def information(sizes):
    """Seconds for the Fisher information matrix of a 13-70 RBM from uint8 samples.

    The peer: products s = v_i h_j and s^T s in float32, in chunks of 10,000 samples; its counts are equal to ours.
    """
    rng = np.random.default_rng(0)
    v, h = ((rng.random((sizes.n_information, n), np.float32) < 0.3).astype(np.uint8) for n in (13, 70))
    dense_v, dense_h = v.astype(np.float32), h.astype(np.float32)

    def product():
        counts = 0
        for k in range(0, len(v), 10_000):
            a, b = dense_v[k : k + 10_000], dense_h[k : k + 10_000]
            s = np.concatenate([a, b, (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)], axis=1)
            counts = counts + s.T @ s
        mean = np.diag(counts) / np.float32(len(v))
        return counts / np.float32(len(v)) - mean[:, None] * mean

    if not np.allclose(fisher.information_matrix(v, h), product(), rtol=0, atol=1e-6):
        raise ArithmeticError("Fisher information: found another matrix than that of the product")
    contenders = {
        (OURS,): (partial(fisher.information_matrix, v, h), 1.0),
        (peers.NUMPY,): (blas_limited(product, threads.count()), 1.0),
    }
    name = f"Fisher information matrix of a 13-70 RBM, {len(v):,} samples"
    return xr.Dataset({"information": contest(contenders, sizes, ("contender",), name)})


def scaling(sizes):
    """Seconds of our sampling and PCD on 1, 2, 4, ... threads."""
    counts = sorted({2**k for k in range(16) if 2**k < threads.count()} | {threads.count()})
    whole, patterns = born(sizes), digits(sizes.n_patterns * sizes.n_updates, sizes.n_units[0])
    calls = {}
    for label, machine in {"all synapses": whole, "10 %": thinned(whole, 0.1)}.items():
        sampler, learner = OurSampler(machine, sizes.n_chains), OurLearner(machine, patterns, sizes)
        calls[f"Gibbs, {label}"] = partial(sampler.run, sizes.n_sweeps), sizes.n_sweeps * sizes.n_chains
        calls[f"PCD, {label}"] = partial(learner.run, sizes.n_updates, 1e-4, 0.5), sizes.n_updates
    contenders = {(name, n): (our_threads(n)(call), work) for name, (call, work) in calls.items() for n in counts}
    name = "time of a sweep of one chain, or of an update"
    return xr.Dataset({"scaling": contest(contenders, sizes, ("scaled", "n_threads"), name)})


def batches(sizes):
    """Seconds a chain-sweep by number of chains, with all synapses and with a tenth of them."""
    contenders = {}
    for label, share, names in (("100 %", 1.0, DENSE_PEERS), ("10 %", 0.1, (peers.SPARSE,))):
        machine = thinned(born(sizes), share)
        for n in sizes.batches:
            n_sweeps = sizes.n_sweeps * max(1, 100 // n)
            for name, run in samplers(machine, n, names)[1].items():
                contenders[f"{label}, {n:,} chain{'s' * (n > 1)}", name] = partial(run, n_sweeps), n_sweeps * n
    name = "block Gibbs sampling, a sweep of one chain"
    return xr.Dataset({"batch": contest(contenders, sizes, ("batch_of", "contender"), name)})


def width(sizes):
    """Seconds a chain-sweep of a dense RBM with as many visible as hidden units.

    Weights ~ N(0, 4 / n), so that the input of a unit varies as much at every n; some 20 to 30 % are active.
    """
    contenders, activity = {}, []
    for n in sizes.widths:
        machine = BoltzmannMachine.random((n, n), 0, 2 / np.sqrt(n), -1.8, -1.8)
        states, runs = samplers(machine, sizes.n_width_chains, DENSE_PEERS)
        activity.append([x.mean() for x in states])
        n_sweeps = max(1, 2**21 // n**2)
        for name, run in runs.items():
            contenders[n, name] = partial(run, n_sweeps), n_sweeps * sizes.n_width_chains
    found = contest(contenders, sizes, ("width", "contender"), "dense RBM, a sweep of one chain")
    attrs = _named("share of the layer's units that are active", "1")
    return xr.Dataset({"wide": found, "wide_activity": (("width", "side"), activity, attrs)})


def contest(contenders, sizes, dims, long_name):
    """Seconds of contenders that take turns: DataArray (*dims, round), see `timing`."""
    return array(interleave(contenders, sizes.n_rounds, sizes.shortest), dims, long_name)


def _named(long_name, units):
    return {"long_name": long_name, "units": units}
