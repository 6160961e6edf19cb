"""Reading NetCDF: a file that is damaged and one that is only out of reach are told apart."""

from collections.abc import Iterable
from pathlib import Path

import h5py
import xarray as xr

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WANTED = "expected one written by python -m analysis"


class Damaged(ValueError):
    """A file that can be read, but holds no whole NetCDF."""


def read(path: Path | str) -> xr.Dataset:
    """The dataset in a file, in memory.

    Raises
    ------
    Damaged : what is in the file is no whole NetCDF
    ValueError : no such file, or one that can't be read now, which says nothing of what is in it
    """
    if not Path(path).is_file():
        found = "a directory" if Path(path).is_dir() else "no file"
        raise ValueError(f"dataset: found {found} {path}, {_WANTED}")
    try:
        with open(path, "rb") as file:
            if file.read(len(_SIGNATURE)) != _SIGNATURE:
                raise Damaged(f"dataset: found no NetCDF in {path}, {_WANTED}")
        return _load(path)
    except PermissionError as error:
        raise ValueError(f"dataset: found no permission to read {path}, expected a readable file; chmod it") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, Damaged):
            raise
        if getattr(error, "errno", None):  # of the system's; HDF5's own errors have none
            why = f"{path} out of reach ({error})"
            raise ValueError(f"dataset: found {why}, expected one that can be read now; try again later") from error
        again = f"{_WANTED}; remove it and make it again"
        raise Damaged(f"dataset: found {path} damaged ({error}), {again}") from error


def check(dataset: xr.Dataset, path: Path | str, names: Iterable[str], attrs: dict) -> None:
    """Raise ValueError where the dataset of a file lacks variables of these names, or has other attributes."""
    if missing := [name for name in names if name not in dataset]:
        raise ValueError(f"dataset: found no {', '.join(missing)} in {path}, {_WANTED}; is it the right file?")
    for name, expected in attrs.items():
        if (found := dataset.attrs.get(name)) != expected:
            raise ValueError(f"dataset: found {name} {found} in {path}, expected {expected}; is it the right file?")


def _load(path: Path | str) -> xr.Dataset:
    """Without locks: some file systems have none, and our files are whole or absent."""
    with h5py.File(path, locking=False) as file:  # h5netcdf leaves a traceback on stderr where this fails
        list(file.attrs.items())
    without_locks = {"locking": False}
    with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort", driver_kwds=without_locks) as dataset:
        return dataset.load().drop_encoding()
