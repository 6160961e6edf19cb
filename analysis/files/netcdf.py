"""Reading NetCDF: a file that is damaged and one that is only out of reach are told apart."""

from pathlib import Path

import h5py
import xarray as xr

_WANTED = "expected one written by python -m analysis.workflow"


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
    without_locks = {"locking": False}  # some file systems have none, and our files are whole or absent
    try:
        with h5py.File(path, **without_locks) as file:  # h5netcdf leaves a traceback on stderr where this fails
            list(file.attrs.items())
        with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort", driver_kwds=without_locks) as dataset:
            return dataset.load().drop_encoding()
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if getattr(error, "errno", None):  # of the system's; HDF5's own errors have none
            expected = "one that can be read now; chmod it, or try again later"
            raise ValueError(f"dataset: found {path} out of reach ({error}), expected {expected}") from error
        again = f"{_WANTED}; remove it and make it again"
        raise Damaged(f"dataset: found {path} damaged ({error}), {again}") from error
