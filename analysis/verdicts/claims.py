"""From runs to verdicts.

    collect    the run files of a claim -> one small dataset, which its notebook draws and judges
    evaluate   that dataset -> a table, one row a prediction: effect, interval, margin, verdict

Predictions, margins and seeds stand in the config, which was fixed before the runs and which every claim dataset
carries in its attributes. A verdict is computed; "contradicted" is a result like the others.
"""

# ruff: noqa: F401  much is offered here that others define
import pandas as pd
import xarray as xr

from analysis.files.whole import write as save
from analysis.verdicts import effects, quality
from analysis.verdicts.collection import collect
from analysis.verdicts.datasets import NOTEBOOKS, at_papers_size, load, loss, part, parts, root, same_config, settings
from analysis.verdicts.intervals import interval, those_that_tell

VERDICTS = ("reproduced", "not reproduced", "contradicted", "no difference that matters", "open")
COLUMNS = {
    "claim": ("claim", "1"),
    "id": ("name of the prediction in the config", "1"),
    "prediction": ("what the claim predicts", "1"),
    "primary": ("1 if the prediction is primary", "1"),
    "experiment": ("experiment", "1"),
    "effect": ("kind of effect", "1"),
    "session": ("session of the effect, or mean of the sessions", "1"),
    "mean": ("mean effect over seeds, positive where the prediction holds", "see variable units"),
    "low": ("lower end of the interval", "see variable units"),
    "high": ("upper end of the interval", "see variable units"),
    "units": ("unit of mean, low, high and margin", "1"),
    "margin": ("a smaller difference does not matter", "see variable units"),
    "n_seeds": ("seeds that can tell", "counts"),
    "verdict": ("verdict", "1"),
    "failed": ("model checks that machines of the experiment fail", "1"),
}


def evaluate(dataset: xr.Dataset) -> pd.DataFrame:
    """One row a prediction, columns COLUMNS: the primary ones first.

    mean : of the effect over seeds, [low, high] its interval (see intervals). failed : what machines of the experiment
    fail, and how many. Raises ValueError where the dataset lacks what a prediction names.
    """
    claim, judged, experiments = dataset.attrs["claim"], settings(dataset)["claims"], parts(dataset)
    asked, rows, order = judged.get(claim[3:], {}), [], list(experiments)
    for name, prediction in sorted(asked.items(), key=lambda item: order.index(item[1]["experiment"])):
        runs, margin = experiments[prediction["experiment"]], judged["margins"][prediction["margin"]]["value"]
        row = {"claim": claim, "id": name, "prediction": prediction["text"], "primary": False}
        row["session"] = "last" if prediction["effect"] in ("loss", "units") else ""
        row |= prediction | outcome(runs, prediction, confidence(judged, claim, prediction), margin)
        failed = quality.failed(runs, judged["model_quality"], row["session"])
        rows.append(row | {"failed": "; ".join(failed)})
    table = pd.DataFrame(rows, columns=[*COLUMNS]).astype({"primary": bool})
    return table.sort_values("primary", ascending=False, kind="stable", ignore_index=True)


def confidence(judged: dict, claim: str, prediction: dict) -> float:
    """Of the interval of a prediction's effect. judged : the config's `claims`.

    Intervals of the n primary predictions hold together with the confidence of the config, each with
    1 - (1 - confidence) / n (Bonferroni); each secondary one holds by itself.
    """
    n_primary = sum(asked.get("primary", False) for asked in judged[claim[3:]].values())
    return 1 - (1 - judged["confidence"]) / (n_primary if prediction.get("primary", False) else 1)


def outcome(runs: xr.Dataset, prediction: dict, confidence: float, margin: float) -> dict:
    """Effect, interval and verdict of a prediction; runs: the part of a claim dataset that it is about."""
    values, units = effects.of(runs, prediction)
    mean, low, high = interval(values, confidence)
    if prediction["effect"] == "axonal" and mean == 0:  # seeds agree on none: their pooled counts tell
        from scipy.stats import binomtest  # SciPy takes as long to import as much else

        n_lost = int(effects.losses(runs, prediction)[0].sum())
        exact = binomtest(0, n_lost).proportion_ci(confidence, method="exact")
        low, high = exact.low, exact.high
    found = {"mean": mean, "low": low, "high": high, "units": units, "margin": margin}
    return found | {"n_seeds": len(those_that_tell(values)), "verdict": verdict(low, high, margin)}


def verdict(low: float, high: float, margin: float) -> str:
    """One of VERDICTS, by where the interval lies; docs/reference.md says what they mean."""
    if low > margin:
        return "reproduced"
    if high < -margin:
        return "contradicted"
    if not high <= margin:  # NaN neither
        return "open"
    return "no difference that matters" if low >= -margin else "not reproduced"
