"""Tempered chains cross between modes as enumeration says, and bracket log Z; plain ones stay where they began."""

import naive
import numpy as np
import pytest

from analysis import data, exact, likelihood
from analysis.experiment import config, protocol
from analysis.kernels.draws import exponential
from analysis.kernels.layouts import pack
from analysis.machine import sampling, tempering
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits
from analysis.machine.sampling import Samples

TWO_MODES = BoltzmannMachine(([-5.0] * 4, [-5.0] * 4), (np.full((4, 4), 2.5),))  # all dark or all bright, as likely
BRIGHT = [np.ones((2000, 4), dtype=np.uint8)] * 2


@pytest.mark.parametrize("initial", [None, BRIGHT], ids=["noise", "bright"])
def test_chains_find_both_modes_wherever_they_start(initial):
    plain = sampling.sample(TWO_MODES, 2000, 60, 0, initial)[0].mean()
    found = tempering.tempered(TWO_MODES, 2000, 60, 8, 0, np.repeat([[0], [1]], 4, axis=1), initial)
    assert abs(plain - 0.5) > 0.3
    assert abs(found.samples[0].mean() - 0.5) < 0.04
    assert found.round_trips > 1
    assert (found.acceptance > 0.2).all()


@pytest.mark.parametrize("density", [0.6, 1.1], ids=["rows", "panels"])
def test_samples_of_a_deep_machine_have_the_moments_that_enumeration_gives(density):
    machine, patterns = naive.machine_of((5, 4, 3), 2, 1.5, density), naive.patterns_of(20, 5)
    found = tempering.tempered(machine, 20_000, 40, 5, 1, patterns)
    assert found.samples.n == 8 * found.last.n
    for states in (found.last, tempering.sample(machine, 20_000, 40, 5, 3, patterns)):
        for x, p in zip(states, exact.moments(machine)[0]):
            naive.assert_within_error(x.mean(axis=0), p, 2 * np.sqrt(p * (1 - p) / 20_000))


def test_states_change_places_by_the_ratio_of_their_weights():
    n, rng = 150, np.random.default_rng(0)
    lower, upper = (rng.integers(0, 2, (n, 9)).astype(np.uint8) for _ in range(2))
    gains, words = rng.normal(0, 2, (2, n)), (pack(lower), pack(upper))
    moved = tempering._exchange(*words, gains, bits(7, 0, n))
    chance = exponential(np.minimum(gains[0] - gains[1], 0).astype(np.float32)[:, None])[:, 0]
    np.testing.assert_array_equal(moved, (bits(7, 0, n) >> 8) / 2**24 < chance)
    assert 0.4 < moved.mean() < 0.9
    for before, other, after in ((lower, upper, words[0]), (upper, lower, words[1])):
        np.testing.assert_array_equal(after, pack(np.where(moved[:, None], other, before)))


def test_estimates_from_below_and_from_above_bracket_log_z():
    """Five temperatures are too few for one estimate: 200 of them lie on either side of log Z on average."""
    machine = naive.machine_of((6, 5), 4, 2.0, 1.1)
    expected, n, states = exact.log_partition(machine), 50, exact.states(11)
    p = np.exp(-machine.energy(np.split(states, [6], axis=1)) - expected)
    drawn = states[np.random.default_rng(0).choice(len(p), 200 * n, p=p / p.sum())]
    samples = [Samples.of("x", np.split(part, [6], axis=1), (6, 5)) for part in np.split(drawn, 200)]
    below = [likelihood.log_partition(machine, n, 5, seed)[0] for seed in range(200)]
    above = [likelihood.log_partition_backwards(x, machine, 5, seed)[0] for seed, x in enumerate(samples)]
    errors = [np.std(x) / np.sqrt(200) for x in (below, above)]
    assert np.mean(below) < expected - 2 * errors[0]
    assert np.mean(above) > expected + 2 * errors[1]
    many, _ = likelihood.log_partition_backwards(Samples.of("x", np.split(drawn, [6], axis=1), (6, 5)), machine, 60, 0)
    assert abs(many - expected) < 0.1


def test_a_protocol_sleeps_in_tempered_chains_where_its_config_says_so():
    settings = config.load(config.ROOT / "config" / "smoke.yaml")["experiments"]["patches"]
    settings |= {"samples": {"start": "tempered", "n_chains": 90, "n_steps": 20, "n_measure_chains": 20, "n_rungs": 4}}
    machine, patterns = BoltzmannMachine.random((13, 5), 0), data.load("patches")["train"].values[:50]
    found = protocol.spontaneous(settings, machine, patterns, 3)
    naive.assert_same_bits(found, tempering.sample(machine, 90, 20, 4, 3, patterns))
    assert found.n == 90
