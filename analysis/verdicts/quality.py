"""Are machines trained, and samples and likelihoods good enough, for what is concluded from them?

A check is passed where its worst moment or layer is within the limit (the config's claims/model_quality) for every
seed. Where one of the DECISIVE checks fails, the rows of the experiment's predictions say so.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from analysis.verdicts import datasets

CHECKED = {
    "trained": "KL above what exact gradients reach (nats)",
    "log_z_error": "standard error of log Z (nats)",
    "log_z_gap": "distance of log Z from below and from above (nats)",
    "log_z_bias": "distance of log Z from enumeration (nats)",
    "r_hat": "R-hat, chains from noise",
    "two_start_r_hat": "R-hat, chains from noise and from data",
    "tempered_r_hat": "R-hat, tempered chains from noise and from data",
    "rank_correlation": "rank correlation of importance with long chains",
}
DECISIVE = {"trained": "not trained to the end", "rank_correlation": "other samples rank synapses otherwise"}
READ = ["kl", "kl_reachable", "rank_correlation", "log_z"]  # for the DECISIVE ones


def with_quality(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """The parts that have quality runs."""
    return {name: part for name, part in datasets.parts(dataset).items() if "log_z" in part}


def values(part: xr.Dataset, check: str) -> xr.DataArray:
    """The checked quantity (seed, session): the worst moment, or synapse layer; NaN where there is nothing to check."""
    if check == "trained":
        return part["kl"] - part["kl_reachable"] if "kl_reachable" in part else np.nan * part["log_z"]
    if check == "log_z_bias":
        return abs(part["log_z"] - part["log_z_exact"])
    if check == "log_z_gap":
        return abs(part["log_z_backwards"] - part["log_z"])
    if check == "rank_correlation":
        return part[check].sel(sample="long").min("synapse_layer")
    return part[check].max("moment") if "moment" in part[check].dims else part[check]


def checks(dataset: xr.Dataset) -> pd.DataFrame:
    """One row a check, experiment and session: check, experiment, session, mean, worst, limit, n_seeds, passed."""
    rows, limits = [], datasets.settings(dataset)["claims"]["model_quality"]
    for check in CHECKED:
        ((kind, bound),) = limits[check].items()
        sign, worst = ("≤", np.max) if kind == "at_most" else ("≥", np.min)
        for experiment, part in with_quality(dataset).items():
            for session in part["session"].values:
                known = values(part, check).sel(session=session).dropna("seed").values
                if len(known):
                    row = [CHECKED[check], experiment, int(session), known.mean(), worst(known), f"{sign} {bound:g}"]
                    rows.append([*row, len(known), not beyond(known, limits[check]).any()])
    columns = ["check", "experiment", "session", "mean", "worst", "limit", "n_seeds", "passed"]
    return pd.DataFrame(rows, columns=columns)


def failed(part: xr.Dataset, limits: dict, session: str = "") -> list[str]:
    """What machines of an experiment fail of the DECISIVE checks, and how many of the seeds that were checked.

    session : "first", of full machines alone; else of all sessions, which what is pruned went through.
    """
    rows = []
    for name, text in DECISIVE.items():
        if f"check_{name}" in part:
            found = part[f"check_{name}"]  # of some sessions, of some seeds
            found = found.isel(session=slice(1 if session == "first" else None))
            n_failed, n = (int(x.any("session").sum()) for x in (beyond(found, limits[name]), found.notnull()))
            rows += [f"{text}: {n_failed} of {n}"] * (n_failed > 0)
    return rows


def beyond(found: Any, limit: dict) -> Any:
    """Where numbers are beyond {at_most: bound} or {at_least: bound}; NaN is not."""
    ((kind, bound),) = limit.items()
    return found > bound if kind == "at_most" else found < bound
