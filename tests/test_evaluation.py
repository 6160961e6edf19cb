"""Measures agree with values computed by hand and with their definitions."""

import naive
import numpy as np
import pytest
import xarray as xr

from analysis.experiment import measures, record
from analysis.machine.sampling import Samples, mean_field


@pytest.fixture(scope="module")
def clouds():
    """400 patterns of 3 features, two to a class: class 0 low, 1 and 2 high in one feature; noise below the gap."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2, 2], 100)
    features = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])[labels] + rng.uniform(-0.2, 0.2, (400, 3))
    return features, labels


def test_images_are_misread_whose_test_label_is_another(clouds):
    features, labels = clouds
    assert not measures.misread(features, labels, features, labels).any()
    wrong = labels.copy()
    wrong[:100] = (wrong[:100] + 1) % 3
    np.testing.assert_array_equal(measures.misread(features, labels, features, wrong), np.arange(400) < 100)
    odd = np.where(np.arange(400) == 4, 1 - labels, labels)  # by folds all are read, each by the others' classifier
    assert np.flatnonzero(measures.misread(features[:300], odd[:300], features[300:], odd[300:], 4)).tolist() == [4]


def test_quality_and_share_follow_the_classifiers_probabilities(clouds):
    features, labels = clouds
    classifier = measures.classifier().fit(features, labels)
    p = classifier.predict_proba(features)
    winners = p.max(axis=1)
    assert measures.digit_quality(classifier, features) == pytest.approx(sum(winners) / 400, abs=5e-4)
    assert 1 / 3 < measures.digit_quality(classifier, features) < 1
    np.testing.assert_allclose(measures.class_share(classifier, features), [0.25, 0.25, 0.5])


def test_images_are_read_by_a_classifier_of_the_patterns_at_hand(clouds):
    """Though it is fitted once a process to patterns that stay the same."""
    features, labels = clouds
    for truth in (labels, 2 - labels):
        patterns = xr.Dataset(
            {"train": (("pattern", "pixel"), (features > 0.5).astype(np.uint8)), "train_label": ("pattern", truth)}
        )
        found = record.raw_pixel_classifier({"measures": ["digits"]}, patterns)
        np.testing.assert_array_equal(found.predict(features > 0.5), truth)


def test_a_machine_views_patterns_with_the_mean_field_of_its_retraining():
    machine, patterns = naive.machine_of((4, 3, 2)), naive.patterns_of(20, 4)
    schedule = {"algorithm": "pcd", "n_epochs": 1, "learning_rates": (0.1, 0.1), "n_mean_field_steps": 3}
    for tolerance in (0.0, 0.1):
        found = record.views({"retraining": schedule | {"tolerance": tolerance}}, machine, patterns)
        naive.assert_same_bits(found, mean_field(machine, patterns, 3, tolerance))


def test_information_on_inputs_and_labels_is_the_mutual_information_of_the_joint_distribution():
    rng = np.random.default_rng(0)
    p, labels = rng.random((60, 5)), rng.integers(3, 7, 60)
    cases = (measures.input_information(p), np.arange(60)), (measures.label_information(p, labels), labels)
    for information, given in cases:
        for x, found in zip(p.T, information, strict=True):
            joint = np.array([[y[given == c].sum() / 60 for y in (x, 1 - x)] for c in np.unique(given)])
            independent = joint.sum(axis=0) * joint.sum(axis=1, keepdims=True)
            assert found == pytest.approx((joint * np.log(joint / independent)).sum())


def test_sparseness_follows_its_definition_and_knows_no_scale():
    p = np.random.default_rng(0).random((50, 4))
    by_hand = [(1 - np.mean(r) ** 2 / np.mean(r**2)) / (1 - 1 / 50) for r in p.T]
    np.testing.assert_allclose(measures.lifetime_sparseness(p), by_hand)
    np.testing.assert_allclose(measures.lifetime_sparseness(p / 8), by_hand)


def test_tuning_is_the_largest_correlation_with_a_pixel():
    rng = np.random.default_rng(0)
    p, v = rng.random((80, 6)), rng.integers(0, 2, (80, 5))
    v[:, 4] = 1  # a pixel that never changes tells nothing
    by_hand = [max(abs(np.corrcoef(x, pixel)[0, 1]) for pixel in v.T[:4]) for x in p.T]
    np.testing.assert_allclose(measures.pixel_tuning(p, v), by_hand, rtol=1e-6)


def test_activity_information_and_numbers_of_inputs_and_outputs_are_means_and_sums_over_synapses():
    machine = naive.machine_of((5, 4, 3), density=0.6)
    rng = np.random.default_rng(0)
    pruned, states = ([rng.integers(0, 2, (50, n)).astype(np.uint8) for n in machine.n_units] for _ in range(2))
    found = measures.unit_activity(machine, pruned, Samples.of("states", states, machine.n_units))
    for k, n in enumerate(machine.n_units):
        np.testing.assert_allclose(found["activity", k][0], states[k].mean(axis=0))
        np.testing.assert_allclose(found["activity_pruned", k][0], pruned[k].mean(axis=0))
        information, n_inputs, n_outputs = np.zeros((3, n))
        for layer, mask in enumerate(machine.masks):
            for i, j in np.argwhere(mask):
                variance = (states[layer][:, i] * states[layer + 1][:, j]).var()
                for place, unit, count in ((layer, i, n_outputs), (layer + 1, j, n_inputs)):
                    if place == k:
                        information[unit] += variance
                        count[unit] += 1
        np.testing.assert_allclose(found["fisher", k][0], information)
        np.testing.assert_array_equal(found["inputs", k][0], n_inputs)
        np.testing.assert_array_equal(found["outputs", k][0], n_outputs)
