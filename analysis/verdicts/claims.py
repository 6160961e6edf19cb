"""From runs to verdicts.

    collect    the run files of a claim -> one small dataset, which its notebook draws and judges
    evaluate   that dataset -> a table: prediction, effect, 95 % interval over seeds, verdict

Predictions, sessions and thresholds stand in the config's `claims:` section, which was fixed before the runs and which
every claim dataset carries in its attributes. A verdict is computed; "not reproduced" is a result like the others.
"""

import numpy as np
import pandas as pd
import xarray as xr

from analysis.verdicts import effects
from analysis.verdicts.collection import collect
from analysis.verdicts.datasets import (
    CLAIMS,
    NOTEBOOKS,
    at_both_sizes,
    at_papers_size,
    load,
    loss,
    part,
    parts,
    root,
    same_config,
    save,
    settings,
    stale,
)
from analysis.verdicts.intervals import detectable, holm, interval, p_value

__all__ = ["CLAIMS", "NOTEBOOKS", "at_both_sizes", "at_papers_size", "collect", "evaluate", "load", "loss", "part"]
__all__ += ["parts", "root", "same_config", "save", "settings", "stale", "verdict"]

REPRODUCED, MIXED, NOT_REPRODUCED = VERDICTS = ("reproduced", "mixed", "not reproduced")
COLUMNS = ["claim", "prediction", "effect", "low", "high", "units", "threshold", "n_seeds", "p", "p_holm"]
COLUMNS += ["detectable", "verdict"]


def evaluate(dataset: xr.Dataset) -> pd.DataFrame:
    """One row a prediction, columns COLUMNS.

    effect is the mean over seeds, [low, high] its bootstrap interval (see intervals). Row rule: reproduced
    if the whole interval lies above the threshold, not reproduced if the whole interval lies at or below it, else
    mixed; mixed too where fewer than two seeds can tell. p is that of the effect being the threshold, p_holm the same
    adjusted for all the rows of the claim, detectable the smallest distance from the threshold that so many seeds, as
    far apart as these, show with 80 % power (intervals.detectable); the verdict looks at none of them.
    """
    claim, judged = dataset.attrs["claim"], settings(dataset)["claims"]
    asked, machines = judged[claim[3:]], parts(dataset)
    rows = [
        {"claim": claim, "prediction": text, "units": units}
        | outcome(by_seed, asked[name]["threshold"], judged["interval"])
        for name in effects.PREDICTIONS
        if name in asked
        for text, units, by_seed in effects.effects(name, machines, asked[name])
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(p_holm=holm(table["p"]))


def outcome(by_seed: np.ndarray, threshold: float, intervals: dict, power: dict | None = None) -> dict:
    """Effect, interval, test and verdict of one number a seed, NaN where the seed can't tell.

    intervals : options of intervals.interval. power : those of intervals.detectable.
    """
    known = by_seed[np.isfinite(by_seed)]
    low, high = interval(known, **intervals)
    sd = known.std(ddof=1) if len(known) > 1 else np.nan
    return {
        "effect": known.mean() if len(known) else np.nan,
        "low": low,
        "high": high,
        "threshold": threshold,
        "n_seeds": len(known),
        "p": p_value(known, threshold),
        "detectable": detectable(sd, len(known), **(power or {})),
        "verdict": row_verdict(low, high, threshold),
    }


def row_verdict(low: float, high: float, threshold: float) -> str:
    """The row rule of `evaluate`."""
    if low > threshold:
        return REPRODUCED
    return NOT_REPRODUCED if high <= threshold else MIXED


def verdict(table: pd.DataFrame) -> str:
    """The verdict of a claim from its rows.

    reproduced if every prediction is; not reproduced if none is and at least one is contradicted (its row says not
    reproduced); mixed in every other case.
    """
    found = set(table["verdict"])
    if REPRODUCED in found:
        return REPRODUCED if len(found) == 1 else MIXED
    return NOT_REPRODUCED if NOT_REPRODUCED in found else MIXED
