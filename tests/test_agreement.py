"""Ranks, histograms and disagreements of two criteria are those of a naive count."""

import numpy as np
import pytest

from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import sample
from analysis.pruning import CRITERIA, Activity, criteria_of, prune
from analysis.verdicts import agreement

AGAINST = criteria_of(["variance_fi", "variance_fi_w2"])


@pytest.fixture(scope="module")
def machine():
    return BoltzmannMachine.random((12, 10, 8), 0, weight_std=1.0)


@pytest.fixture(scope="module")
def states(machine):
    return sample(machine, 500, 20, 0)


def test_what_one_alone_prunes_is_what_pruning_removes(machine, states):
    found = agreement.compare(machine, Activity(states), AGAINST, 0.5)
    masks = {}
    for name in ("weight", *AGAINST):
        importance = CRITERIA[name](machine, states, 0)
        masks[name] = [np.ones(m.shape, dtype=bool) for m in machine.masks]
        for k, mask in enumerate(masks[name]):
            lowest = np.argsort(importance[k].ravel(), kind="stable")[: mask.size // 2]
            mask.ravel()[lowest] = False
        pruned = prune(machine, importance, 0.5)
        expected = [m[np.ix_(*pair)] for m, pair in zip(masks[name], zip(pruned.kept, pruned.kept[1:]))]
        assert all((a == b).all() for a, b in zip(pruned.machine.masks, expected))
    for name in AGAINST:
        for k, (by_weight, by_fisher) in enumerate(zip(masks["weight"], masks[name]), start=1):
            weight_alone, fisher_alone = ~by_weight & by_fisher, by_weight & ~by_fisher
            one = found.sel(against=name)
            assert float(one[f"share_of_only_{k}"]) == weight_alone.mean() == fisher_alone.mean()
            np.testing.assert_allclose(one[f"unit_only_{k}"].sel(only="weight"), weight_alone.mean(axis=0))
            np.testing.assert_allclose(one[f"unit_only_{k}"].sel(only="fisher"), fisher_alone.mean(axis=0))
            rates = np.broadcast_to(states[k].mean(axis=0), weight_alone.shape)
            expected = [rates[weight_alone].mean(), rates[fisher_alone].mean()]
            np.testing.assert_allclose(one[f"rate_of_only_{k}"], expected)


def test_histogram_counts_every_synapse_once(machine, states):
    found = agreement.compare(machine, Activity(states), AGAINST, 0.5)
    for k in (1, 2):
        shares = found[f"rank_histogram_{k}"].sel(against="variance_fi")
        assert float(shares.sum()) == pytest.approx(1)
        edges = shares.sum("rank_fisher").values  # ranks are uniform: no bin has more than one synapse too many
        assert abs(edges - 1 / agreement.N_BINS).max() <= 1 / machine.masks[k - 1].size + 1e-12


def test_ranks_are_in_the_order_of_pruning():
    np.testing.assert_allclose(agreement.ranks(np.array([5.0, 1.0, 1.0, 9.0])), [0.625, 0.125, 0.375, 0.875])
