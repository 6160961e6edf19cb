"""Are the samples and likelihoods good enough for what is concluded from them?

A check is passed where its worst moment or layer is within the limit for every seed; limits stand in the config's
claims/model_quality and were fixed before the runs. None of them is a claim of the paper's.
"""

import operator

import pandas as pd
import xarray as xr

from analysis.verdicts import datasets

CHECKED = {
    "log_z_error": "standard error of log Z (nats)",
    "log_z_bias": "distance of log Z from enumeration (nats)",
    "r_hat": "R-hat, chains from noise",
    "two_start_r_hat": "R-hat, chains from noise and from data",
    "rank_correlation": "rank correlation of importance with long chains",
}


def with_quality(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """The parts that have quality runs."""
    return {name: part for name, part in datasets.parts(dataset).items() if "log_z" in part}


def values(part: xr.Dataset, check: str) -> xr.DataArray:
    """The checked quantity (seed, session): the worst moment, or synapse layer; NaN where there is nothing to check."""
    if check == "log_z_bias":
        return abs(part["log_z"] - part["log_z_exact"])
    if check == "rank_correlation":
        return part[check].sel(sample="long").min("synapse_layer")
    return part[check].max("moment") if "moment" in part[check].dims else part[check]


def checks(dataset: xr.Dataset) -> pd.DataFrame:
    """One row a check, experiment and session: check, experiment, session, mean, worst, limit, n_seeds, passed."""
    rows, limits = [], datasets.settings(dataset)["claims"]["model_quality"]
    for check, text in CHECKED.items():
        ((kind, limit),) = limits[check].items()
        sign, worst, holds = ("≤", max, operator.le) if kind == "at_most" else ("≥", min, operator.ge)
        for experiment, part in with_quality(dataset).items():
            for session in part["session"].values:
                known = values(part, check).sel(session=session).dropna("seed").values
                if len(known):
                    found = known.mean(), worst(known), f"{sign} {limit:g}", len(known)
                    rows.append([text, experiment, int(session), *found, bool(holds(worst(known), limit))])
    columns = ["check", "experiment", "session", "mean", "worst", "limit", "n_seeds", "passed"]
    return pd.DataFrame(rows, columns=columns)
