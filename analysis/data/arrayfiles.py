"""Images and their classes in NPY, NPZ and NetCDF files of one's own, as their author meant them; or refused.

NetCDF is decoded as xarray does: fill values are missing, scale factors count, characters are words. Words may be text
or bytes, UTF-8 or else Latin-1. Nothing is unpickled, nothing locked.
"""

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
import xarray as xr

from analysis.data.images import reading

_LARGEST = 2**53  # beyond, not every whole number is a float


def arrays(path: Path, variable: str | None, labels: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays of images and of labels in a file, as they are. variable : may be None, where there is one alone."""
    readers: dict[str, Callable[[BinaryIO], Any]] = {
        ".npy": lambda stream: {"array": np.load(stream)},
        ".npz": np.load,
        ".nc": _netcdf,
    }
    read = readers.get(path.suffix.lower())
    with reading(path, whole := "whole arrays of numbers; mend it, or choose another"):
        stream = open(path, "rb")
    with stream:
        if read is None:
            expected = f"{', '.join(readers)} or a folder of pictures"
            raise ValueError(f"dataset/path: found a file {path.name}, expected {expected}")
        with reading(path, whole):
            held = read(stream)
            names = sorted(map(str, held))
        if variable is None and len(others := set(names) - {labels}) == 1:
            (variable,) = others
        for place, name in (("variable", variable), ("labels", labels)):
            if name not in held and (name is not None or place == "variable"):
                expected = f"one of {path.name}'s {', '.join(names) or 'nothing'}"
                raise ValueError(f"dataset/{place}: found {name!r}, expected {expected}; choose it")
        with reading(path, whole):
            return np.asarray(held[variable]), None if labels is None else np.asarray(held[labels])


def _netcdf(stream: BinaryIO) -> Mapping[Any, Any]:
    """Variables, decoded when they are asked for. HDF5 locks what it opens by name, so it reads from the stream."""
    is_hdf5 = stream.read(4) == b"\x89HDF"
    stream.seek(0)
    if not is_hdf5:
        return xr.open_dataset(stream, engine="scipy", decode_times=False)
    h5py.File(stream, "r").close()  # h5netcdf leaves a traceback on stderr where this fails
    return xr.open_dataset(stream, engine="h5netcdf", decode_times=False, phony_dims="access")


def check_images(images: np.ndarray, name: str) -> np.ndarray:
    """The images, whole numbers where they are booleans. Raises ValueError for what is no array of finite images."""
    found = ""
    if images.dtype.kind not in "biuf" or images.ndim not in (3, 4) or images.size == 0:
        found = f"an array {images.shape} of {images.dtype}"
        expected = "numbers (images, rows, columns[, channels]), of one image or more; choose others"
    elif images.ndim == 4 and images.shape[3] > 4:
        first = images.shape[1] <= 4
        found = f"{'channels first' if first else f'{images.shape[3]} channels'}, in an array {images.shape}"
        remedy = "move them: np.moveaxis(images, 1, -1)" if first else "choose among them"
        expected = f"(images, rows, columns, channels), at most 4 channels, last; {remedy}"
    elif images.dtype.kind == "f" and (n := int(np.size(images) - np.isfinite(images).sum())):
        found = f"{n:,} values that are NaN, infinite or NetCDF's _FillValue"
        expected = "finite numbers; fill them in, or remove the attribute"
    if found:
        raise ValueError(f"{name}: found {found}, expected {expected}")
    return images.astype(np.uint8) if images.dtype == bool else images


def classes(labels: np.ndarray, n_images: int, name: str) -> tuple[np.ndarray, list[str]]:
    """Classes counted from 0 in the order of their sorted labels, (n_images,) int64, and what each is called.

    Whole numbers may be floats, as xarray makes them where there is a fill value. Raises ValueError for a missing
    label: NaN, None or an empty word.
    """
    if labels.shape != (n_images,) or labels.dtype.kind not in "biufUSTO":
        found, expected = f"{labels.shape} of {labels.dtype} in {name}", f"({n_images},), a word or whole number each"
        raise ValueError(f"dataset/labels: found {found}, expected {expected}; choose others")
    is_number = labels.dtype.kind in "biuf"
    values = labels if is_number else np.array([_word(label) for label in labels.tolist()])
    missing = np.flatnonzero(np.isnan(values) if is_number else values == "")
    if len(missing):
        found = f"{len(missing):,} images of {name} without a label, the first number {missing[0]}"
        raise ValueError(f"dataset/labels: found {found}, expected one an image; name them, or remove the images")
    if labels.dtype.kind == "f":
        if len(odd := values[(values % 1 != 0) | (np.abs(values) > _LARGEST)]):
            raise ValueError(f"dataset/labels: found {odd[0]:g} in {name}, expected whole numbers or words; round it")
        values = values.astype(np.int64)
    names, index = np.unique(values, return_inverse=True)
    return index.astype(np.int64), [str(k) for k in names]


def _word(label):
    """Text of a label, of one form for letters that can be written in several; "" where there is none."""
    if isinstance(label, bytes):
        try:
            label = label.decode()
        except UnicodeDecodeError:
            label = label.decode("latin-1")
    is_missing = label is None or label != label  # NaN is not itself
    return "" if is_missing else unicodedata.normalize("NFC", str(label)).strip()
