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


def arrays(path: Path, variable: str | None, labels: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays of images and of labels in a file, as they are. variable : may be None, where there is one alone."""
    whole = "whole arrays of numbers in .npy, .npz or .nc, or a folder of pictures; mend it, or choose another"
    with reading(path, whole):
        stream = io.BytesIO(path.read_bytes())  # HDF5 locks what it opens by name
        is_netcdf = path.suffix.lower() == ".nc"
        held = xr.open_dataset(stream, decode_times=False) if is_netcdf else np.load(stream)
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
    n_channels = max(images.shape[3:], default=0)
    if images.dtype.kind not in "biuf" or images.ndim not in (3, 4) or images.size == 0 or n_channels > 4:
        expected = "numbers (images, rows, columns[, 1 to 4 channels]); choose others, or see np.moveaxis"
        raise ValueError(f"{name}: found an array {images.shape} of {images.dtype}, expected {expected}")
    if n_missing := images.size - int(np.isfinite(images).sum()):
        raise ValueError(f"{name}: found {n_missing:,} values that are NaN, infinite or _FillValue, expected numbers")
    return images.astype(np.uint8) if images.dtype == bool else images


def classes(labels: np.ndarray, n_images: int, name: str) -> np.ndarray:
    """Classes counted from 0 in the order of their sorted labels, (n_images,) int64."""
    if labels.shape != (n_images,) or labels.dtype.kind not in "biufUSTO":
        raise ValueError(f"dataset/labels: found {labels.shape} of {labels.dtype}, expected {n_images} words or counts")
    if labels.dtype.kind == "S":
        labels = np.strings.decode(labels, "utf-8", "backslashreplace")
    values = pd.Series(labels.tolist()).replace(r"^\s*$", np.nan, regex=True)  # an empty word is missing, as NaN is
    index, _ = pd.factorize(values, sort=True)
    if len(missing := np.flatnonzero(index < 0)):
        found = f"{len(missing):,} images of {name} without a label, the first number {missing[0]}"
        raise ValueError(f"dataset/labels: found {found}, expected one an image; name them, or remove the images")
    return index.astype(np.int64)
