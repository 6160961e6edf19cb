"""RBMs that others train: a loop in numpy, scikit-learn and, where installed, learnergy and rbms.

Every trainer but the loop makes one epoch: (patterns (n, n_visible) float32, n_hidden, batch_size, rate) -> machine.
All of these begin with weights ~ N(0, 0.01^2) and biases of 0.
"""

import numpy as np

from analysis.kernels import threads
from analysis.machine.model import BoltzmannMachine


def online_contrastive_divergence(patterns, n_hidden, rate, momentum, seed):
    """CD-1 on single patterns (n, n_visible) float32, in numpy: one pass; returns weights and biases."""
    rng, n_visible = np.random.Generator(np.random.SFC64(seed)), patterns.shape[1]
    parameters = [rng.normal(0, 0.1, (n_visible, n_hidden)).astype(np.float32)]
    parameters += [np.zeros(n_visible, np.float32), np.full(n_hidden, -2, np.float32)]
    w, a, b = parameters
    velocities = [np.zeros_like(x) for x in parameters]
    for v in patterns:
        p = 1 / (1 + np.exp(-(b + v @ w)))
        h = (rng.random(n_hidden, np.float32) < p).astype(np.float32)
        v_model = (rng.random(n_visible, np.float32) < 1 / (1 + np.exp(-(a + w @ h)))).astype(np.float32)
        p_model = 1 / (1 + np.exp(-(b + v_model @ w)))
        gradients = np.outer(v, p) - np.outer(v_model, p_model), v - v_model, p - p_model
        for parameter, velocity, gradient in zip(parameters, velocities, gradients):
            velocity *= momentum
            velocity += rate * gradient
            parameter += velocity
    return parameters


def scikit_learn(patterns, n_hidden, batch_size, rate):
    """One epoch of BernoulliRBM: its rule is PCD with as many chains as a batch has patterns, not CD-1."""
    from sklearn.neural_network import BernoulliRBM

    rbm = BernoulliRBM(n_hidden, learning_rate=rate, batch_size=batch_size, n_iter=1, random_state=0).fit(patterns)
    return BoltzmannMachine((rbm.intercept_visible_, rbm.intercept_hidden_), (rbm.components_.T,))


def learnergy(patterns, n_hidden, batch_size, rate):
    """One epoch of learnergy's RBM: CD-1 by autograd; it also computes a pseudo-likelihood for every batch."""
    import torch
    from learnergy.models.bernoulli import RBM

    torch.manual_seed(0)
    torch.set_num_threads(threads.count())
    rbm = RBM(n_visible=patterns.shape[1], n_hidden=n_hidden, learning_rate=rate)
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(patterns), torch.zeros(len(patterns)))
    rbm.fit(dataset, batch_size=batch_size, epochs=1)
    a, b, w = (x.detach().numpy() for x in (rbm.a, rbm.b, rbm.W))
    return BoltzmannMachine((a, b), (w,))


def rbms(patterns, n_hidden, batch_size, rate):
    """One epoch of the loop in rbms.training.pcd.train: centred PCD, every gradient scaled to length 1.

    So its learning rate is not ours. Left out, in its favour: the log file that it writes at every update.
    """
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    torch.manual_seed(0)
    torch.set_num_threads(threads.count())
    n_visible, data, ones = patterns.shape[1], torch.from_numpy(patterns), torch.ones(batch_size)
    machine = BBRBM(0.01 * torch.randn(n_visible, n_hidden), torch.zeros(n_visible), torch.zeros(n_hidden))
    machine.init_grad()
    optimiser = torch.optim.SGD(machine.parameters(), lr=rate, maximize=True)
    with torch.no_grad():
        chains = machine.init_chains(batch_size)
        for _ in range(len(data) // batch_size):
            batch = data[torch.randperm(len(data))[:batch_size]], ones
            optimiser.zero_grad(set_to_none=False)
            chains, _ = fit_batch_pcd(batch, chains, machine, gibbs_steps=1, beta=1.0)
            optimiser.step()
    return BoltzmannMachine((machine.vbias.numpy(), machine.hbias.numpy()), (machine.weight_matrix.numpy(),))


TRAINERS = {"scikit-learn": scikit_learn, "learnergy": learnergy, "rbms": rbms}
