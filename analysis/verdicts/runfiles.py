"""Reading the files of runs: <folder>/<condition>/<seed>.nc, of one experiment.

Runs are concatenated over criterion (or condition) and seed; a file is open only while what is needed is read.
"""

from collections.abc import Sequence
from pathlib import Path

import h5netcdf
import numpy as np
import xarray as xr

MANTISSA_BITS = 11  # kept of the measures of single units and synapses: relative error below 1/2000, half the file


def gather(
    folder: Path, settings: dict, dim: str, names: Sequence[str], wanted: list[str], n_seeds: int | None = None
) -> xr.Dataset:
    """Those of the wanted variables that runs have, over `dim` (names) and seed."""
    options: dict = {"join": "outer", "combine_attrs": "override", "coords": "minimal", "compat": "override"}
    seeds = xr.Variable("seed", np.arange(n_seeds or settings["n_seeds"]))
    runs = [
        xr.concat([read(folder / name / f"{k}.nc", wanted) for k in seeds.values], seeds, data_vars="all", **options)
        for name in names
    ]
    return xr.concat(runs, xr.Variable(dim, list(names)), data_vars="all", **options)


def constants(folder: Path, settings: dict, names: list[str]) -> xr.Dataset:
    """Variables that no run changes, from the reference run of the first seed."""
    return read(folder / settings["reference"] / "0.nc", names)


def first_and_last(dataset: xr.Dataset) -> xr.Dataset:
    """The first and the last session alone, over a dimension of their own."""
    if not dataset.data_vars:
        return xr.Dataset()
    return dataset.isel(session=[0, -1]).assign_coords(session=["first", "last"]).rename(session="shown")


def join(*datasets: xr.Dataset) -> xr.Dataset:
    """The variables of all of them in one dataset."""
    return xr.merge(datasets, join="outer", compat="no_conflicts", combine_attrs="override")


def read(path: Path, wanted: list[str]) -> xr.Dataset:
    """Those of the wanted variables that a run file has. Raises ValueError where there is no file."""
    if not path.is_file():
        raise ValueError(f"run: found no file {path}, expected one written by python -m analysis")
    # xarray would open every variable: ten times slower for a few of many
    with h5netcdf.File(path, "r", locking=False) as run:
        data = {name: _variable(run[name]) for name in wanted if name in run.variables}
        dims = {dim for variable in data.values() for dim in variable.dims}
        coords = {dim: _variable(run[dim]) for dim in sorted(dims) if dim in run.variables}
        return xr.Dataset(data, coords, dict(run.attrs))


def compact(dataset: xr.Dataset) -> xr.Dataset:
    """float64 as float32, without the encodings of the files it came from."""
    wide = [name for name, variable in dataset.data_vars.items() if variable.dtype == np.float64]
    return dataset.assign({name: dataset[name].astype(np.float32) for name in wide}).drop_encoding()


def round_mantissa(dataset: xr.Dataset) -> xr.Dataset:
    """Numbers rounded to MANTISSA_BITS bits, so that files compress; NaN stays."""
    step = np.float32(2.0**MANTISSA_BITS)

    def rounded(x):
        mantissa, exponent = np.frexp(x.astype(np.float32))
        return np.ldexp(np.round(mantissa * step) / step, exponent)

    return xr.apply_ufunc(rounded, dataset, keep_attrs=True)


def _variable(stored):
    values = np.asarray(stored[...])
    attrs = {name: value for name, value in stored.attrs.items() if name not in ("_FillValue", "coordinates")}
    return xr.Variable(stored.dimensions, values.astype(str) if values.dtype.kind in "OS" else values, attrs)
