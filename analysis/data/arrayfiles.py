"""Images and their classes in NPY, NPZ and NetCDF files of one's own, as their author meant them; or refused.

NetCDF is decoded as xarray does: fill values are missing, scale factors count, characters are words. Nothing is
unpickled.
"""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.data.images import reading

_FORMATS = (".npy", ".npz", ".nc")


def arrays(path: Path, variable: str | None, labels: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays of images and of labels in a file, as they are. variable : may be None, where there is one alone."""
    suffix, whole = path.suffix.lower(), "whole arrays of numbers; mend it, or choose another"
    if suffix not in _FORMATS and path.is_file():
        expected = f"{', '.join(_FORMATS)} or a folder of pictures"
        raise ValueError(f"dataset/path: found a file {path.name}, expected {expected}")
    with reading(path, whole):
        stream = io.BytesIO(path.read_bytes())  # HDF5 locks what it opens by name
        held = xr.open_dataset(stream, decode_times=False) if suffix == ".nc" else np.load(stream)
    if isinstance(held, np.ndarray):
        held = {"array": held}
    if variable is None and len(others := {*held} - {labels}) == 1:
        (variable,) = others
    for place, name in (("variable", variable), ("labels", labels)):
        if name not in held and (name is not None or place == "variable"):
            expected = f"one of {path.name}'s {', '.join(sorted(map(str, held))) or 'nothing'}"
            raise ValueError(f"dataset/{place}: found {name!r}, expected {expected}; choose it")
    with reading(path, whole):
        return np.asarray(held[variable]), None if labels is None else np.asarray(held[labels])


def check_images(images: np.ndarray, name: str) -> np.ndarray:
    """The images, whole numbers where they are booleans. Raises ValueError for what is no array of finite images."""
    found = f"an array {images.shape} of {images.dtype}"
    if images.dtype.kind not in "biuf" or images.ndim not in (3, 4) or images.size == 0:
        expected = "numbers (images, rows, columns[, channels]), of one image or more; choose others"
    elif images.ndim == 4 and images.shape[3] > 4:
        expected = "at most 4 channels, last; choose among them, or move them: np.moveaxis(images, 1, -1)"
    elif n_missing := images.size - int(np.isfinite(images).sum()):
        found = f"{n_missing:,} values that are NaN, infinite or NetCDF's _FillValue"
        expected = "finite numbers; fill them in, or remove the attribute"
    else:
        return images.astype(np.uint8) if images.dtype == bool else images
    raise ValueError(f"{name}: found {found}, expected {expected}")


def classes(labels: np.ndarray, n_images: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Classes counted from 0 in the order of their sorted labels, (n_images,) int64, and what each is called.

    Raises ValueError for a missing label: NaN, None or an empty word.
    """
    if labels.shape != (n_images,) or labels.dtype.kind not in "biufUSTO":
        found, expected = f"{labels.shape} of {labels.dtype} in {name}", f"({n_images},), a word or whole number each"
        raise ValueError(f"dataset/labels: found {found}, expected {expected}; choose others")
    if labels.dtype.kind == "S":
        labels = np.strings.decode(labels, "utf-8", "backslashreplace")
    values = pd.Series(labels.tolist()).replace(r"^\s*$", np.nan, regex=True)
    index, names = pd.factorize(values, sort=True)
    if len(missing := np.flatnonzero(index < 0)):
        found = f"{len(missing):,} images of {name} without a label, the first number {missing[0]}"
        raise ValueError(f"dataset/labels: found {found}, expected one an image; name them, or remove the images")
    return index.astype(np.int64), np.asarray(names).astype(str)
