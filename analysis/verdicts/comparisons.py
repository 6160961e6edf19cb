"""Numbers of a part of a claim dataset that compare its machines, one a seed.

at equal size        values(more) - values(fewer), each at the larger of both numbers of synapses, or of units
at equal function    sizes where  loss(retrained) = loss(over-produced) + tolerance  is crossed for the last time

Between sessions both are read on straight lines; nothing is extrapolated. A criterion "pruned" is the reference.
"""

import numpy as np
import xarray as xr

from analysis.experiment.measures import spearman


def hidden_units(part: xr.Dataset, layer: int | str) -> xr.DataArray:
    """Units of a hidden layer (1 to L), or of all of them ("all"): counts over the other dims of n_units."""
    n_units = part["n_units"]
    return n_units.sel(layer=slice(1, None)).sum("layer", skipna=False) if layer == "all" else n_units.sel(layer=layer)


def at_session(values: xr.DataArray, session: str) -> np.ndarray:
    """(n_seeds, ...) of (seed, session, ...) at the first (over-produced) or last session, or the mean of all after 0.

    Sessions without any value don't count; NaN where none has one.
    """
    values = values.transpose("seed", "session", ...)
    known = values.dropna("session", how="all")
    if known.sizes["session"] == 0:
        return values.isel(session=0).values
    if session == "mean":
        return known.where(known["session"] > 0, drop=True).mean("session").values
    return known.isel(session=0 if session == "first" else -1).values


def at_equal_size(part: xr.Dataset, values: xr.DataArray, more: str, fewer: str, size: str) -> xr.DataArray:
    """values(more) - values(fewer), (seed, session, ...), each at the larger of both sizes.

    values : (criterion, seed, session, ...). size : synapses, or units for the hidden ones. Criteria strand different
    units: the run that has fewer after a session is read between its own, linearly in the logarithm of the size.
    """
    pair = [part.attrs["reference"] if name == "pruned" else name for name in (more, fewer)]
    n_synapses = part["n_synapses"].sum("synapse_layer", skipna=False)
    sizes = xr.ufuncs.log(n_synapses if size == "synapses" else hidden_units(part, "all"))
    at = sizes.sel(criterion=pair).max("criterion", skipna=False)
    dims: dict = {"input_core_dims": [["session"]] * 2, "output_core_dims": [["session", "read"]]}

    def between_sessions(at, x):
        """(n_at, n_sessions): weights of the sessions of falling sizes x where a size is at; at its own, that session.

        Of sessions of one size np.interp takes the first.
        """
        weights = np.stack([np.interp(at, x[::-1], session[::-1]) for session in np.eye(len(x))], axis=-1)
        return np.where((at == x)[:, None], np.eye(len(x)), weights)

    def read(name):
        weights = xr.apply_ufunc(between_sessions, at, sizes.sel(criterion=name, drop=True), vectorize=True, **dims)
        return xr.dot(weights, values.sel(criterion=name, drop=True).rename(session="read"), dim="read")

    return (read(pair[0]) - read(pair[1])).transpose("seed", "session", ...).drop_attrs()


def units_at_equal_function(part: xr.Dataset, criterion: str, measure: str, tolerance: float) -> xr.DataArray:
    """Hidden units (seed,) where the retrained loss crosses loss(over-produced) + tolerance for the last time.

    That is between the last session that is within and the next one. Session 0 is within by definition. A run that
    still is at the last session might have gone on: what it has left then is an upper bound.
    """

    def crossed(loss, n_units):
        if np.isnan(loss).any():
            return np.nan  # a seed that was not asked for
        most = loss[0] + tolerance
        last = np.flatnonzero(loss <= most)[-1]
        return np.interp(most, loss[last : last + 2], n_units[last : last + 2])

    runs = part.sel(criterion=part.attrs["reference"] if criterion == "pruned" else criterion, drop=True)
    series = runs[measure].sel(stage="retrained", drop=True), hidden_units(runs, "all")
    return xr.apply_ufunc(crossed, *series, input_core_dims=[["session"]] * 2, vectorize=True).drop_attrs()


def rank_correlations(estimates: xr.Dataset) -> xr.DataArray:
    """Spearman's rho (estimate, session, other) of every two estimates (session, unit_0, unit_1) where both exist."""
    sessions, names = estimates["session"].values, list(estimates)
    rho = [estimates.sel(session=session, drop=True).to_dataframe().corr(spearman) for session in sessions]
    attrs = {"long_name": "Spearman's rho of two estimates over the synapses that exist", "units": "1"}
    found = xr.DataArray(rho, {"session": sessions, "estimate": names, "other": names}, name="rho", attrs=attrs)
    return found.transpose("estimate", "session", "other")
