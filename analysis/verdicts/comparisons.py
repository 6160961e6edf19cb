"""Numbers of a part of a claim dataset that compare its machines, one a seed.

at equal synapses    n(criterion) - n(reference), each at the larger of both numbers of synapses
at equal function    n at the last session with  loss(retrained) <= loss(over-produced) + margin
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from analysis.verdicts.survival import logistic, survival


def hidden_units(part: xr.Dataset, layer: int | str) -> xr.DataArray:
    """Units of a hidden layer (1 to L), or of all of them ("all"): counts over the other dims of n_units."""
    n_units = part["n_units"]
    return n_units.sel(layer=slice(1, None)).sum("layer") if layer == "all" else n_units.sel(layer=layer)


def at_session(values: xr.DataArray, session: str) -> np.ndarray:
    """(n_seeds,) at the first (over-produced) or last session, or the mean of all sessions after 0."""
    values = values.transpose("seed", "session").dropna("session", how="all")
    if values.sizes["session"] == 0:
        return np.full(values.sizes["seed"], np.nan)
    if session == "mean":
        return values.where(values["session"] > 0, drop=True).mean("session").values
    return values.isel(session=0 if session == "first" else -1).values


def at_equal_synapses(part: xr.Dataset, values: xr.DataArray, criterion: str) -> xr.DataArray:
    """values(criterion) - values(reference), (seed, session), each at the larger of both numbers of synapses.

    Criteria strand different units, so after a session they may differ in synapses. The run that has fewer is read
    between its sessions, linearly in the logarithm of its synapses: nothing is extrapolated.
    """

    def difference(x, y, u, v):
        at = np.maximum(x, y)  # sizes fall from session to session
        return np.interp(at, x[::-1], u[::-1]) - np.interp(at, y[::-1], v[::-1])

    sizes = xr.ufuncs.log(part["n_synapses"].sum("synapse_layer"))
    pairs = [
        of.sel(criterion=name, drop=True) for of in (sizes, values) for name in (criterion, part.attrs["reference"])
    ]
    dims: dict = {"input_core_dims": [["session"]] * 4, "output_core_dims": [["session"]]}
    return xr.apply_ufunc(difference, *pairs, vectorize=True, **dims).drop_attrs()


def excess_loss(part: xr.Dataset, measure: str, stage: str, criterion: str) -> xr.DataArray:
    """loss(criterion) - loss(reference), (seed,), at equal synapses, mean over the sessions after 0."""
    difference = at_equal_synapses(part, part[measure].sel(stage=stage), criterion)
    mean = difference.where(part["session"] > 0).mean("session")
    return mean.assign_attrs(units=part[measure].attrs.get("units", "1"))


def at_equal_function(part: xr.Dataset, sizes: xr.DataArray, measure: str, margin: float) -> xr.DataArray:
    """sizes (criterion, seed) at the last session whose retrained loss is at most loss(over-produced) + margin.

    The last such session, whether or not an earlier one was beyond the margin; nothing is interpolated. Session 0 is
    within by definition, so a criterion that never is again costs what it started with. One that still is at the last
    session might have gone on: its cost is an upper bound.
    """
    within = within_margin(part, measure, margin)
    return sizes.sel(session=part["session"].where(within).max("session").astype(int))


def within_margin(part: xr.Dataset, measure: str, margin: float) -> xr.DataArray:
    """Whether the retrained loss is at most loss(over-produced) + margin: (criterion, seed, session)."""
    loss = part[measure].sel(stage="retrained")
    return loss <= loss.isel(session=0) + margin


def odds_of_survival(part: xr.Dataset, measure: str, layer: int) -> xr.DataArray:
    """P(survivor > lost unit of the same session), (seed,), by what was measured before the loss; reference."""
    return by_seed(survival, part, measure, layer)


def coefficients(part: xr.Dataset, spec: dict, layer: int) -> xr.DataArray:
    """Those of the logistic model of survival of an entry `survival_coefficient`: (seed, regressor); reference."""
    b = by_seed(logistic, part, spec["regressors"], layer, spec["ridge"])
    return b.assign_coords(regressor=spec["regressors"])


def by_seed(function: Callable, part: xr.Dataset, *arguments: Any) -> xr.DataArray:
    """function(the part of one seed, ...) of every seed: (seed,), or (seed, regressor)."""
    values = np.array([function(part.isel(seed=k), *arguments) for k in range(part.sizes["seed"])])
    return xr.DataArray(values, dims=("seed", "regressor")[: values.ndim])


def of_synapses(statistic: Callable, part: xr.Dataset, proxy: str, target: str) -> xr.DataArray:
    """statistic(proxy, target) over the synapses that exist, (seed, session)."""

    def over_existing(x, y):
        exists = np.isfinite(x) & np.isfinite(y)
        return statistic(x[exists], y[exists])

    dims = [["unit_0", "unit_1"]] * 2
    return xr.apply_ufunc(over_existing, part[proxy], part[target], input_core_dims=dims, vectorize=True).drop_attrs()
