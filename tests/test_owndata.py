"""Images of one's own become the patterns that the rule says, whatever file holds them; or one line says why not."""

import hashlib
import json
import re

import numpy as np
import pytest
import xarray as xr
import yaml
from PIL import Image

from analysis import data
from analysis.data import own
from analysis.experiment import config
from analysis.figures import pictures
from analysis.files import yamlfile
from analysis.files.netcdf import read
from analysis.machine.randomness import choice, derive
from analysis.workflow.__main__ import main

SPLIT = {"test_fraction": 0.25, "seed": 3}
LEVELS = np.random.default_rng(0).integers(0, 256, (12, 7, 9), dtype=np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (8, 6, 6, 3), dtype=np.uint8)
WORDS = np.array(["cat", "ant", "bee"] * 4)


def rule(path, **more):
    return {"path": str(path), "binarise": "mean", "split": SPLIT} | more


def put(folder, images, folders=None):
    """The images as PNG in a folder; in folders of these names."""
    for k, image in enumerate(images):
        place = folder / folders[k] if folders is not None else folder
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{k:03}.png")
    return folder


def all_patterns(dataset):
    """Patterns to train and to test as one set of bytes."""
    return sorted(row.tobytes() for name in ("train", "test") for row in dataset[name].values)


def rows(binary):
    return sorted(row.tobytes() for row in binary.reshape(len(binary), -1).astype(np.uint8))


def assert_classes(found, classes):
    """Every pattern has the class of the image that it was."""
    expected = {image.tobytes(): k for image, k in zip((LEVELS > LEVELS.mean()).astype(np.uint8), classes)}
    for name in ("train", "test"):
        assert [expected[row.tobytes()] for row in found[name].values] == found[f"{name}_label"].values.tolist()


def as_npy(path):
    np.save(path / "a.npy", LEVELS)
    return rule(path / "a.npy")


def as_npz(path):
    np.savez(path / "a.npz", pixels=LEVELS, words=WORDS)
    return rule(path / "a.npz", variable="pixels", labels="words")


def as_netcdf(path, words=WORDS, pixels=LEVELS, encoding=None):
    made = {"pixels": (("n", "y", "x"), pixels), "words": ("n", words)}
    xr.Dataset(made).to_netcdf(path / "a.nc", engine="h5netcdf", encoding=encoding or {})
    return rule(path / "a.nc", variable="pixels", labels="words")


def as_folder(path):
    (put(path / "a", LEVELS) / ".hidden").write_text("no picture")
    return rule(path / "a")


@pytest.mark.parametrize(
    "make", [as_npy, as_npz, as_netcdf, as_folder, lambda path: rule(put(path / "a", LEVELS, WORDS), labels="folders")]
)
def test_every_format_gives_the_same_patterns_and_labels(tmp_path, make):
    wanted = make(tmp_path)
    found = data.load(wanted)
    assert (found.sizes["pattern"], found.sizes["test_pattern"]) == (9, 3)
    assert all_patterns(found) == rows(LEVELS > LEVELS.mean())
    if "labels" in wanted:
        assert_classes(found, np.unique(WORDS, return_inverse=True)[1])
    assert len(found.attrs["sha256"]) == 64
    assert str(tmp_path) not in str(found.attrs)
    found.to_netcdf(tmp_path / "saved.nc", engine="h5netcdf")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"binarise": "median"}, LEVELS > np.median(LEVELS)),
        ({"binarise": 99.5}, LEVELS > 99.5),
        ({"binarise": "image_median"}, np.array([k > np.median(k) for k in LEVELS])),
        ({"crop": [1, 6, 2, 9]}, LEVELS[:, 1:6, 2:9] > LEVELS[:, 1:6, 2:9].mean()),
    ],
    ids=str,
)
def test_patterns_are_above_the_threshold_of_the_rule(tmp_path, more, expected):
    found = data.load(as_npy(tmp_path) | more)
    assert all_patterns(found) == rows(expected)
    assert (found.attrs["rows"], found.attrs["columns"]) == expected.shape[1:]
    image = np.zeros(expected.shape[1:], np.uint8)
    image[found.pixel_y, found.pixel_x] = found.train.values[0]
    np.testing.assert_array_equal(image.ravel(), found.train.values[0])


@pytest.mark.parametrize(
    ("grey", "values"), [("sum", COLOURS.astype(int).sum(3)), ("mean", COLOURS.mean(3)), (2, COLOURS[..., 2])]
)
@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_colours_become_grey_by_the_rule(tmp_path, grey, values, kind):
    np.save(tmp_path / "a.npy", COLOURS.astype(kind))
    assert all_patterns(data.load(rule(tmp_path / "a.npy", grey=grey))) == rows(values > values.mean())


@pytest.mark.parametrize("n_images", [1, 3])
def test_patches_are_the_discs_of_the_images_each_position_at_most_once(tmp_path, n_images):
    images = LEVELS[:n_images]
    np.save(tmp_path / "a.npy", images)
    n = n_images * 5 * 7
    patch = {"radius": 1, "n_train": n - 5, "n_test": 5}
    found = data.load(rule(tmp_path / "a.npy", patch=patch, split={"seed": 3}))
    bright, offsets = images > images.mean(), [(-1, 0), (0, -1), (0, 0), (0, 1), (1, 0)]
    discs = [[k[r + y, c + x] for y, x in offsets] for k in bright for r in range(1, 6) for c in range(1, 8)]
    drawn = np.array(discs)[choice(derive(3, "patches"), n, n)]  # every position, once
    np.testing.assert_array_equal(found["train"], drawn[:-5])
    np.testing.assert_array_equal(found["test"], drawn[-5:])


def test_the_split_is_a_function_of_its_seed(tmp_path):
    wanted = as_npy(tmp_path)
    again, other = own.load(wanted), own.load(wanted | {"split": SPLIT | {"seed": 4}})
    assert own.load(wanted).identical(again)
    assert not other.test.equals(again.test)


def refused(wanted, message):
    with pytest.raises(ValueError, match=message) as caught:
        data.load(wanted)
    assert "\n" not in str(caught.value)
    assert re.search("found .*expected", str(caught.value))


PATCH = {"patch": {"radius": 1, "n_train": 420, "n_test": 1}, "split": {"seed": 0}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"path": "absent.npy"}, "dataset/path: found nothing at .*absent.npy"),
        ({"path": __file__}, "test_owndata.py: found a file that can't be read .* expected whole arrays of num"),
        ({"variable": "b"}, "dataset/variable: found 'b', expected one of a.npz's pixels, words"),
        ({"labels": "b"}, "dataset/labels: found 'b'"),
        ({"labels": "pixels", "variable": "pixels"}, r"dataset/labels: found \(12, 7, 9\) of uint8"),
        ({"variable": "words"}, r"a.npz: found an array \(12,\) of <U3, expected numbers"),
        ({"crop": [0, 8, 0, 9]}, r"dataset/crop: found \[0, 8, 0, 9\], expected y0 < y1 <= 7, x0 < x1 <= 9"),
        ({"grey": "sum"}, "dataset/grey: found 'sum' for 0 channels of a.npz, expected None"),
        ({"binarise": 255}, "dataset/binarise: found only 0 in the binary images"),
        ({"binarise": "none"}, "dataset/binarise: found values other than 0 and 1"),
        ({"split": {"test_fraction": 0.01, "seed": 0}}, "dataset/split: found 12 images, 0 to test"),
        ({"split": {"seed": 0}}, "dataset: at split: found .* expected test_fraction for images, none with patch"),
        (PATCH | {"labels": "words"}, "dataset: at labels: .* a patch has no"),
        (PATCH | {"patch": PATCH["patch"] | {"radius": 4}}, "dataset/patch: found 0 positions of 9 x 9 pixels"),
        (PATCH, "dataset/patch: found 420 positions"),
    ],
    ids=str,
)
def test_a_rule_that_the_images_do_not_fit_is_refused(tmp_path, more, message):
    wanted = as_npz(tmp_path)
    del wanted["labels"]
    refused(wanted | more, message)


@pytest.mark.parametrize(
    ("array", "more", "message"),
    [
        (np.array([[None]]), {}, "found a file that can't be read .Object arrays cannot be loaded"),
        (LEVELS[0], {}, r"found an array \(7, 9\) of uint8, expected numbers \(images, rows, columns.?, 1 to 4 ch"),
        (LEVELS.astype(complex), {}, "of complex128"),
        (np.where(LEVELS == LEVELS[0, 0, 0], np.nan, LEVELS), {}, "values that are NaN, infinite or"),
        (np.full((4, 5, 5), 7), {}, "found only 0 in the binary images"),
        (COLOURS.transpose(0, 3, 1, 2), {"grey": "sum"}, r"array \(8, 3, 6, 6\) .*4 channels.*moveaxis"),
        (np.repeat(COLOURS, 2, axis=3)[..., :4], {"grey": "sum"}, "found 'sum' for 4 channels .*expected 0 or 1 or 2"),
        (COLOURS, {}, "dataset/grey: found None for 3 channels of a.npy, expected sum or mean or 0"),
    ],
    ids=range(8),
)
def test_an_array_that_is_no_set_of_images_is_refused(tmp_path, array, more, message):
    np.save(tmp_path / "a.npy", array)
    refused(rule(tmp_path / "a.npy", **more), message)


@pytest.mark.parametrize("make", [as_npz, as_netcdf])
def test_a_damaged_file_is_refused(tmp_path, make):
    wanted = make(tmp_path)
    path = tmp_path / wanted["path"]
    whole = path.read_bytes()
    for damaged in (whole[:-200], b"", b"no such format"):
        path.write_bytes(damaged)
        refused(wanted, "a.n[pc]z?: found a file that can't")


def test_a_folder_of_other_things_is_refused(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    refused(rule(folder), "a: found no pictures in it")
    put(folder, LEVELS)
    refused(rule(folder, labels="words"), "dataset: found labels 'words' and .*, expected labels: folders")
    refused(rule(folder, variable="pixels"), "dataset: found .* variable 'pixels' for a folder .* no variable")
    (folder / "zzz.png").write_bytes((folder / "003.png").read_bytes()[:60])
    refused(rule(folder), "zzz.png: found a file that can't be read .*truncated.*move it away")
    Image.fromarray(LEVELS[0, :3]).save(folder / "zzz.png")
    refused(rule(folder), "a/zzz.png: found 3 rows of 9 pixels, grey, uint8, expected 7 rows of 9 .* a/000.png; crop")
    (folder / "zzz.png").unlink()
    put(folder / "deeper", LEVELS)
    refused(rule(folder), "a/deeper: found a folder among pictures, expected pictures alone")


@pytest.mark.parametrize("names", [[0, 1, 2], ["Küste", "Moor", "森"], [b"K\xf6ste", b"K\xfcste", b"Moor"]], ids=str)
def test_labels_of_every_kind_are_the_classes_that_their_author_named(tmp_path, names):
    which, encoding = np.arange(12) * 7 % 3, {"_FillValue": -1, "dtype": "int32"} if names[0] == 0 else {}
    assert_classes(data.load(as_netcdf(tmp_path, np.array(names)[which], encoding={"words": encoding})), which)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(["ant", " ", "cat", "bee"] * 3), "found 3 images of a.npz without a label, the first number 1"),
        (np.array([1, np.nan, 2, 3] * 3), "found 3 images of a.npz without a label, the first number 1"),
        (np.array(["ant", "bee", "cat"]), r"labels: found \(3,\) of <U3, expected 12 words"),
        (np.array([f"class {k}" for k in range(12)]), "labels: found 9 classes to train and 3 others to test"),
        (np.array(["Küste"] * 12), "labels: found 1 classes to train and 0 others"),
    ],
    ids=range(5),
)
def test_labels_that_are_missing_or_make_no_classes_are_refused(tmp_path, labels, message):
    np.savez(tmp_path / "a.npz", pixels=LEVELS, words=labels)
    refused(rule(tmp_path / "a.npz", variable="pixels", labels="words"), message)


def test_packed_levels_count_by_their_scale_and_fill_values_are_no_levels(tmp_path):
    packed = {"dtype": "int16", "scale_factor": -0.5, "add_offset": 3.0, "_FillValue": -9999}
    found = data.load(as_netcdf(tmp_path, WORDS, LEVELS / 2, {"pixels": packed}))
    assert all_patterns(found) == rows(LEVELS > LEVELS.mean())
    wanted = as_netcdf(tmp_path, np.arange(12) % 4, encoding={"words": {"_FillValue": 3}})
    refused(wanted, "found 3 images of a.nc without a label, the first number 3")
    wanted = as_netcdf(tmp_path, WORDS, LEVELS, {"pixels": {"_FillValue": LEVELS[0, 0, 0]}})
    refused(wanted, f"a.nc: found {(LEVELS == LEVELS[0, 0, 0]).sum()} values that are NaN, infinite or _FillValue")


def test_a_file_that_changed_is_read_anew_by_the_same_process(tmp_path):
    first = data.load(as_npy(tmp_path))
    assert data.load(as_npy(tmp_path)).identical(first)
    np.save(tmp_path / "a.npy", LEVELS[::-1])
    assert not data.load(rule(tmp_path / "a.npy")).train.equals(first.train)


@pytest.mark.slow
def test_the_documented_images_with_classes_go_through_the_digits_protocol(tmp_path):
    from sklearn.datasets import load_digits

    (text,) = re.findall(r"```yaml\n(.*?)```", (config.ROOT / "docs" / "data.md").read_text(), re.DOTALL)
    source = load_digits()
    np.savez(tmp_path / "digits.npz", images=source.images[:400], classes=source.target[:400])
    dataset = yaml.safe_load(text)["dataset"] | {"path": str(tmp_path / "digits.npz")}
    smoke = config.load(config.ROOT / "config" / "smoke.yaml")
    settings = smoke["experiments"]["digits"] | {"dataset": dataset, "control_sessions": [1]}
    settings["machine"] |= {"hidden": [64, 16]}
    yamlfile.write(smoke | {"experiments": {"digits": settings}}, tmp_path / "own.yaml")
    conditions = [settings["reference"], "born_small_units"]
    options = ["--config", str(tmp_path / "own.yaml"), "--experiment", "digits", "--seed", "0", "--only", *conditions]
    assert main(["seed", *options, "--runs", str(tmp_path)]) == 0
    run, born = (read(tmp_path / "digits" / name / "0.nc") for name in conditions)
    assert run.sizes["unit_0"] == 64
    assert 0 < run["encoding_error"].max() <= 1
    assert born["encoding_error"].notnull().all()
    source = json.loads(run.attrs["data"])
    assert source["source"] == "digits.npz"
    assert source["sha256"] == hashlib.sha256((tmp_path / "digits.npz").read_bytes()).hexdigest()
    part = xr.Dataset(attrs={"dataset": dataset})
    assert pictures.layout(np.arange(64), part).shape == (8, 8)
