"""Reading NetCDF: a file that is damaged and one that is only out of reach are told apart."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import xarray as xr

_WITHOUT_LOCKS = {"locking": False}  # some file systems have none, and our files are whole or absent
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
    with _told(path):
        with h5py.File(path, **_WITHOUT_LOCKS) as file:  # h5netcdf leaves a traceback on stderr where this fails
            list(file.attrs.items())
        with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort", driver_kwds=_WITHOUT_LOCKS) as dataset:
            return dataset.load().drop_encoding()


def some(path: Path | str, names: Iterable[str]) -> xr.Dataset:
    """Those of the named variables that are in a file of ours, their coordinates, and all attributes, undecoded.

    Raises what `read` does.
    """
    # xarray opens every variable, ten times slower for a few of many; h5netcdf is three times slower, too
    with _told(path), h5py.File(path, "r", **_WITHOUT_LOCKS) as file:
        found = {name: _variable(file[name]) for name in names if name in file and not _is_length(file[name])}
        dims = {dim for variable in found.values() for dim in variable.dims}
        coords = {dim: _variable(file[dim]) for dim in sorted(dims) if not _is_length(file[dim])}
        return xr.Dataset(found, coords, _attributes(file))


@contextmanager
def _told(path: Path | str) -> Iterator[None]:
    """Errors in words."""
    if not Path(path).is_file():
        found = "a directory" if Path(path).is_dir() else "no file"
        raise ValueError(f"dataset: found {found} {path}, {_WANTED}")
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if getattr(error, "errno", None):  # of the system's; HDF5's own errors have none
            expected = "one that can be read now; chmod it, or try again later"
            raise ValueError(f"dataset: found {path} out of reach ({error}), expected {expected}") from error
        again = f"{_WANTED}; remove it and make it again"
        raise Damaged(f"dataset: found {path} damaged ({error}), {again}") from error


def _variable(stored):
    """The xarray.Variable that a NetCDF variable in a HDF5 file is."""
    dims = [stored] if stored.is_scale else [scales[0] for scales in stored.dims]
    values = stored.asstr()[...].astype(str) if stored.dtype.kind == "O" else stored[...]
    return xr.Variable([dim.name.strip("/") for dim in dims], values, _attributes(stored))


def _attributes(stored):
    """Ours: NetCDF's own begin with a capital or _, and xarray's says what other variables are coordinates."""
    return {name: x for name, x in stored.attrs.items() if name[0].islower() and name != "coordinates"}


def _is_length(stored):
    """Is it a dimension alone, without a variable of its name?"""
    return b"not a netCDF variable" in stored.attrs.get("NAME", b"")
