"""Images of one's own as a data set, by the rule in the config.

    x_i = [grey_i > threshold],  grey = sum, mean or one of the channels,  threshold = mean, median or a number

An example stands in docs/data.md.
"""

import hashlib
import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field, model_validator

from analysis.data import arrayfiles, images, patterns
from analysis.files.checkout import ROOT
from analysis.files.typed import LEFT_OUT, Count, Model, Natural, Number, Share, described, fault
from analysis.machine.randomness import derive, permutation


class Patch(Model):
    """Circular patches: how large (pixels), and how many positions are drawn from all images."""

    radius: Annotated[float, Field(ge=1, le=1000)]
    n_train: Count
    n_test: Count


class Split(Model):
    """What tests, drawn by the seed: a share of whole images; with `patch` its n_test positions."""

    seed: Natural
    test_fraction: Share = LEFT_OUT


class OwnImages(Model):
    """Images of one's own: where they lie, and the rule that makes binary patterns of them."""

    path: Annotated[str, Field(min_length=1)]  # .npy, .npz, .nc or a folder of pictures; relative to the repository
    variable: str = LEFT_OUT  # of the images in .npz and .nc: (images, rows, columns) or (..., channels)
    labels: str = LEFT_OUT  # variable of the classes; "folders" where a folder's pictures lie in one folder a class
    crop: Annotated[list[Natural], Field(min_length=4, max_length=4)] = LEFT_OUT  # [y0, y1, x0, x1], ends left out
    grey: Annotated[
        Literal["sum", "mean"] | Natural, described("sum or mean of the channels, or the number of one from 0 on")
    ] = LEFT_OUT
    binarise: Annotated[  # 1 above it
        Literal["mean", "median", "image_median", "none"] | Number,
        described("mean, median, image_median, none, or a number, the level"),
    ]
    patch: Patch = LEFT_OUT
    split: Split

    @model_validator(mode="after")
    def _contradictions(self):
        if self.patch and self.labels is not None:
            raise fault("labels", self.labels, "none with patch, for a patch has no class")
        if (self.patch is None) == (self.split.test_fraction is None):
            raise fault("split", self.split.model_dump(exclude_none=True), "test_fraction for images, none with patch")
        return self


def load(rule: dict) -> xr.Dataset:
    """The Dataset that `data.load` describes, of the images at rule["path"]; every order is a function of split's seed.

    With `patch`, positions of circular patches are drawn from all images without replacement: neighbours share pixels,
    so those to test are new positions, not new images.
    """
    levels, classes, how_read = _read(rule)
    name, n_images, seed, labels = Path(rule["path"]).name, len(levels), rule["split"]["seed"], ()
    if "crop" in rule:
        (rows, columns), (y0, y1, x0, x1) = levels.shape[1:3], rule["crop"]
        if not (y0 < y1 <= rows and x0 < x1 <= columns):
            raise ValueError(f"dataset/crop: found {rule['crop']}, expected y0 < y1 <= {rows}, x0 < x1 <= {columns}")
        levels = levels[:, y0:y1, x0:x1]
    binary, how_binarised = _binarise(_grey(levels, rule.get("grey"), name), rule["binarise"], name)
    if "patch" in rule:
        patch, layout = rule["patch"], patterns.disc(rule["patch"]["radius"])
        counts, key = (patch["n_train"], patch["n_test"]), derive(seed, "patches")
        train, test, how = patterns.draw_patches(binary, layout, counts, seed, key)
        what = f"circular {len(layout[0])}-pixel patches of {n_images:,} images"
    else:
        layout, what = patterns.grid(*binary.shape[1:]), "images"
        n_test, order = round(rule["split"]["test_fraction"] * n_images), permutation(derive(seed, "split"), n_images)
        if not 0 < n_test < n_images:
            raise ValueError(f"dataset/split: found {n_images:,} images, {n_test:,} to test, expected some of each")
        chosen = np.sort(order[n_test:]), np.sort(order[:n_test])
        how = f"{n_test:,} of {n_images:,} images drawn to test (seed {seed}), the others train, in the source's order"
        train, test = (binary[k].reshape(len(k), -1) for k in chosen)
        if classes is not None:
            labels = [classes[k] for k in chosen]
    return patterns.dataset(
        train,
        test,
        layout,
        labels=labels,
        title=f"{what} in {name}, binary",
        source=name,
        licence="not stated",
        sha256=signature(rule),
        sha256_of="the file, or the names and contents of the folder's pictures",
        binarised=how_binarised + how_read,
        split=how,
    )


def files(rule: dict | str) -> list[Path]:
    """Every file that a `dataset:` reads where it lies, sorted; with `labels` those of the folders in the folder."""
    if not (isinstance(rule, dict) and "path" in rule):
        return []
    path = ROOT / rule["path"]
    if not path.is_dir():
        return [path]
    folders = [path] if "labels" not in rule else [folder for folder in _visible(path) if folder.is_dir()]
    return [file for folder in folders for file in _visible(folder)]


def signature(rule: Any) -> str:
    """SHA-256 of the names and contents of `files(rule)`: another where one changed, came or went; of none, ""."""
    digest, names = hashlib.sha256(), files(rule)
    for file in names:
        if (folder := ROOT / rule["path"]).is_dir():
            digest.update(os.fsencode(file.relative_to(folder).as_posix()) + b"\0")
        with images.reading(file, "pictures alone; move it away"):
            digest.update(file.read_bytes())
    return digest.hexdigest() if names else ""


def _visible(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read(rule):
    """Levels (n, rows, columns[, channels]); classes (n,), or None; how they were read."""
    path, labels, named, how = ROOT / rule["path"], rule.get("labels"), None, ""
    if path.is_dir():
        if labels not in (None, "folders") or "variable" in rule:
            found = f"labels {labels!r} and variable {rule.get('variable')!r} for a folder of pictures"
            raise ValueError(f"dataset: found {found}, expected labels: folders, or none, and no variable")
        if not (names := files(rule)):
            raise ValueError(f"{path.name}: found no pictures in it, expected a folder of them; see dataset/labels")
        levels = images.pictures(names)
        how = ", of pictures as they are seen: turned as their tags say, transparency composed on white"
        if labels:
            named = np.array([file.parent.name for file in names])
    else:
        levels, named = arrayfiles.arrays(path, rule.get("variable"), labels)
    levels = arrayfiles.check_images(levels, path.name)
    return levels, None if named is None else arrayfiles.classes(named, len(levels), path.name), how


def _grey(images, rule, name):
    """(n_images, rows, columns): the channels' sum, mean, or one of them; images without channels as they are."""
    channels = range(images.shape[3]) if images.ndim == 4 else ()
    joined = ("sum", "mean") if len(channels) in (1, 3) else ()  # of two or four the last may be transparency
    if rule not in (known := [*joined, *channels] or [None]):
        found = f"{rule!r} for {len(channels)} channels of {name}"
        raise ValueError(f"dataset/grey: found {found}, expected {' or '.join(map(str, known))}; mend it")
    if rule not in joined:
        return images if rule is None else images[..., rule]
    total = images.sum(axis=3, dtype=np.float64 if images.dtype.kind == "f" else np.int64)
    return total / len(channels) if rule == "mean" else total


def _binarise(images, rule, name):
    """Booleans of the same shape, and the rule in words."""
    if rule == "none":
        threshold, text = 0, "not: values are 0 and 1"
        if not np.isin(images, (0, 1)).all():
            raise ValueError(f"dataset/binarise: found values other than 0 and 1 in {name}, expected another than none")
    elif rule == "image_median":
        threshold = np.median(images, axis=(1, 2), keepdims=True)
        text = "1 where a pixel is above the median of its image"
    else:
        threshold = rule
        if rule == "median":
            threshold = float(np.median(images))
        elif rule == "mean":  # fsum: correctly rounded, on every machine
            total = math.fsum(images.ravel()) if images.dtype.kind == "f" else int(images.sum(dtype=np.int64))
            threshold = total / images.size
        text = f"1 where a pixel is above {threshold:.6g}" + (f", the {rule} over all images" * isinstance(rule, str))
    binary = images > threshold
    if binary.all() or not binary.any():
        found = f"only {int(binary.any())} in the binary images of {name}"
        raise ValueError(f"dataset/binarise: found {found}, expected pixels of both kinds; choose another threshold")
    return binary, text
