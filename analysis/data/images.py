"""Images in files of one's own: a folder of pictures, NPY, NPZ or NetCDF -> one array, whole or refused.

A folder holds pictures of one size that Pillow reads; hidden files are passed over, any other file is refused. Colours
of palettes become R, G and B, transparency is dropped. Nothing is unpickled.
"""

import hashlib
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from PIL import Image, UnidentifiedImageError

from analysis.files.checkout import ROOT

_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B")
_BROKEN = (OSError, EOFError, SyntaxError, KeyError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile)


def read(path, variable=None, labels=None):
    """Images (n_images, rows, columns) or (n_images, rows, columns, n_channels), the class of each, and a SHA-256.

    path : absolute, or relative to the repository. variable, labels : names in an NPZ or NetCDF file; of a folder,
    labels "folders" takes the pictures in its folders, whose names are the classes. Classes are counted from 0, in the
    order of their sorted labels: (n_images,) int64, or None without labels. The SHA-256 is that of the file, or of the
    names and contents of a folder's pictures. Raises ValueError for what can't be read or is no set of images.
    """
    path = ROOT / path
    if path.is_dir():
        images, classes, digest = _folder(path, labels)
    elif path.is_file():
        images, classes = _file(path, variable, labels)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    else:
        raise ValueError(f"dataset/path: found nothing at {path}, expected a file or folder of images; correct it")
    return _checked_images(images, path.name), _checked_labels(classes, len(images), path.name), digest


def files(path: str | Path, labels: str | None = None) -> list[Path]:
    """The files that `read` reads, sorted: the pictures of a folder, or of its folders; else the one file."""
    path = ROOT / path
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.glob("*/*" if labels else "*") if not p.name.startswith("."))
    return [p for p in found if p.parent == path or not p.parent.name.startswith(".")]


def signature(path: str | Path, labels: str | None = None) -> str:
    """SHA-256 of the file, or of the names and contents of a folder's pictures, in hexadecimal digits."""
    digest, path = hashlib.sha256(), ROOT / path
    for file in files(path, labels):
        if path.is_dir():
            digest.update(os.fsencode(file.relative_to(path).as_posix()) + b"\0")
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _file(path, variable, labels):
    """The arrays of images and of labels in a file, as they are."""
    readers = {".npy": _npy, ".npz": _npz, ".nc": _netcdf}
    if path.suffix.lower() not in readers:
        raise ValueError(
            f"dataset/path: found a file {path.name}, expected {', '.join(readers)} or a folder of pictures"
        )
    try:
        with open(path, "rb") as file:
            arrays = readers[path.suffix.lower()](file, [variable, labels])
    except _BROKEN as error:
        why = " ".join(str(error).split())
        raise ValueError(
            f"{path.name}: found a file that can't be read ({why[:120]}), expected arrays of numbers; write it anew"
        ) from error
    if variable is None and len(set(arrays) - {labels}) == 1:
        (variable,) = set(arrays) - {labels}
    for place, name in (("variable", variable), ("labels", labels)):
        if name not in arrays and (name is not None or place == "variable"):
            names = ", ".join(sorted(arrays)) or "nothing"
            raise ValueError(f"dataset/{place}: found {name!r}, expected one of {path.name}'s {names}")
    return arrays[variable], arrays.get(labels)


def _npy(stream, _):
    return {"array": np.load(stream, allow_pickle=False)}


def _npz(stream, wanted):
    with np.load(stream, allow_pickle=False) as file:
        return {name: file[name] if name in wanted or None in wanted[:1] else None for name in file.files}


def _netcdf(stream, wanted):
    engine = "scipy"
    if h5py.is_hdf5(stream.name):
        h5py.File(stream.name).close()  # h5netcdf leaves a traceback on stderr where this fails
        engine = "h5netcdf"
    with xr.open_dataset(stream if engine == "scipy" else stream.name, engine=engine) as file:
        names = [name for name in file.variables if name in file.data_vars or name in wanted]
        return {name: file[name].values if name in wanted or None in wanted[:1] else None for name in names}


def _folder(path, labels):
    """The pictures of a folder as one array, sorted by name; their classes; the SHA-256 of names and contents."""
    if labels not in (None, "folders"):
        raise ValueError(f"dataset/labels: found {labels!r}, expected folders, for a folder of pictures")
    files = sorted(p for p in path.glob("*/*" if labels else "*") if not p.name.startswith("."))
    files = [p for p in files if not p.parent.name.startswith(".") or p.parent == path]
    if not files:
        raise ValueError(f"{path.name}: found no pictures in it, expected a folder of them; see dataset/labels")
    digest, pictures = hashlib.sha256(), []
    for file in files:
        pictures.append(_picture(file))
        digest.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
        if pictures[-1].shape != pictures[0].shape:
            found, first = ("x".join(map(str, k.shape)) for k in (pictures[-1], pictures[0]))
            raise ValueError(f"{file.name}: found {found} pixels, expected {first}, as in {files[0].name}; crop it")
    return np.stack(pictures), [p.parent.name for p in files] if labels else None, digest.hexdigest()


def _picture(file):
    """(rows, columns) or (rows, columns, 3) of a picture's levels."""
    try:
        with Image.open(file) as picture:
            n_frames = getattr(picture, "n_frames", 1)
            if n_frames > 1:
                raise ValueError(f"{n_frames} frames")
            return np.asarray(picture if picture.mode in _GREY_MODES else picture.convert(_colours(picture.mode)))
    except (UnidentifiedImageError, Image.DecompressionBombError, *_BROKEN) as error:
        why = "no image format" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise ValueError(
            f"{file.name}: found a file that is no whole picture ({why[:120]}), expected pictures alone; move it away"
        ) from error


def _colours(mode):
    return "L" if mode in ("LA", "La") else "RGB"


def _checked_images(images, name):
    if images.dtype.kind not in "biuf" or images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(
            f"{name}: found an array {images.shape} of {images.dtype}, expected numbers "
            "(images, rows, columns) or (images, rows, columns, channels), one image or more"
        )
    if images.dtype.kind == "f" and (n := int(np.size(images) - np.isfinite(images).sum())):
        raise ValueError(f"{name}: found {n:,} values that are NaN or infinite, expected finite numbers; fill them in")
    return images.astype(np.uint8) if images.dtype == bool else images


def _checked_labels(labels, n_images, name):
    """Classes counted from 0; None without labels."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.shape != (n_images,) or labels.dtype.kind not in "biuUSTO":
        raise ValueError(
            f"dataset/labels: found {labels.shape} of {labels.dtype} in {name}, expected ({n_images},), an integer or "
            "a word an image"
        )
    if labels.dtype.kind in "SO":
        labels = labels.astype(str)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
