"""What the verdicts rest on, as tables to be read: DataFrames of text, which `markdown` writes."""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from analysis.files.checkout import ROOT
from analysis.verdicts import datasets
from analysis.verdicts.intervals import interval
from analysis.verdicts.names import words


def readable(units: str) -> tuple[int, str]:
    """(factor, unit) in which texts and figures show values of these units: fractions are percentages."""
    percent = {"fraction": "%", "share of losses": "% of losses"}
    return (100, percent[units]) if units in percent else (1, units)


def of_difference(units: str) -> tuple[int, str]:
    """The same of a difference: that of two percentages is in percentage points."""
    factor, shown = readable(units)
    return factor, "percentage points" if shown == "%" else shown


def quote(mean: float, low: float, high: float, units: str = "1") -> str:
    """mean [low, high] units of a difference, with three digits of the largest of them."""
    factor, units = of_difference(units)
    mean, low, high = factor * mean, factor * low, factor * high
    if not np.isfinite(mean):
        return "no seed can tell"
    largest = max(abs(value) for value in (mean, low, high) if np.isfinite(value))
    exponent = int(f"{largest:.2e}".partition("e")[2])  # of the rounded number: no logarithm's last bit decides
    digits = min(max(2 - exponent, 0), 6) if largest else 0
    bounds = f" [{low:,.{digits}f}, {high:,.{digits}f}]" if np.isfinite(low) else ""  # one seed has none
    return f"{mean:,.{digits}f}{bounds}{'' if units == '1' else ' ' + units}"


def markdown(table: pd.DataFrame) -> str:
    """The table without its index, in Markdown."""
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def show(*shown: pd.DataFrame) -> Any:
    """The tables one below the other, as a notebook shows them."""
    from IPython.display import Markdown  # of the extra `workflow`: all else here does without

    return Markdown("\n\n".join(map(markdown, shown)))


def of_seeds(rows: dict[str, list], columns: list[str]) -> pd.DataFrame:
    """{name: cells}: a DataArray (seed) becomes its mean and 95 % interval, all else stays."""
    table = pd.DataFrame([(name, *cells) for name, cells in rows.items()], columns=columns)
    return table.map(lambda x: quote(*interval(x), x.attrs.get("units", "1")) if isinstance(x, xr.DataArray) else x)


def beside(rows: dict[str, tuple[float, list[xr.DataArray], str]], places: list[str]) -> pd.DataFrame:
    """{quantity: (the authors' one run, ours (seed) at each place, why they may differ)}; left out without ours.

    The same: the authors' number is within the range of our seeds.
    """
    found = []
    for name, (theirs, all_ours, why) in rows.items():
        pairs = [(_range(ours), "yes" if ours.min() <= theirs <= ours.max() else "no") for ours in all_ours]
        cells = [*chain(*pairs), *[""] * 2 * (len(places) - len(pairs))]
        found += [[name, f"{theirs:g}", *cells, why]] if pairs else []
    pairs = [(f"{place}: mean [lowest, highest seed]", "same?") for place in places]
    return pd.DataFrame(found, columns=["the paper's number", "authors, one run", *chain(*pairs), "why not"])


def origin(dataset: xr.Dataset, config: Path) -> pd.DataFrame:
    """Where a dataset comes from: its config, the data of its runs; and why it is stale, if it is."""
    command = "make figures" if config.name == "default.yaml" else f"snakemake --configfile config/{config.name}"
    rows = [("**stale**", f"{reason}; `{command}` renews it") for reason in datasets.stale(dataset, config)]
    rows.append(("config", config.name))
    told = ROOT / "config" / f"{datasets.BEYOND_FOLDERS.get(dataset.attrs['claim'], 'default')}.yaml"
    if not datasets.same_config(dataset, told):
        title = datasets.settings(dataset)["title"]
        rows.append(("**text**", f"sentences, and answers in tables, are on config/{told.name}; these runs: *{title}*"))
    if compared := datasets.seeds_compared(dataset):
        seeds = "; ".join(f"no. {', '.join(map(str, numbers))} of {name}" for name, numbers in compared.items())
        rows.append(("code", f"earlier; today's makes the same, compared in seeds {seeds}"))
    sources = datasets.sources(dataset)
    for text in dict.fromkeys(sources.values()):
        rows.append((f"data of {', '.join(name for name in sources if sources[name] == text)}", text))
    return pd.DataFrame(rows, columns=["this dataset", ""])


def runs(dataset: xr.Dataset) -> pd.DataFrame:
    """What was run, by experiment: its config, and the synapses that the reference runs have left, a layer each."""
    rows, experiments = [], datasets.settings(dataset)["experiments"]
    for name, part in datasets.parts(dataset).items():
        of = experiments[name]
        dim, pruned = ("condition", "pruned") if "condition" in part.dims else ("criterion", of["reference"])
        n_synapses = part["n_synapses"].sel({dim: pruned}).mean("seed")
        left = n_synapses.isel(session=-1) / n_synapses.isel(session=0)
        shares = np.atleast_2d(of["pruning"]["fraction"]).mean(axis=0)  # a layer, mean of sessions that differ
        texts = (map(str, of["machine"]["hidden"]), map("{:.0%}".format, shares), map("{:.1%}".format, left.values))
        units, removed, kept = map(" and ".join, texts)
        rows.append([name, units, of["pruning"]["n_sessions"], removed, kept, of["n_seeds"], words(of["reference"])])
    columns = ["experiment", "hidden units at the start", "sessions", "of the synapses each removes", "left at the end"]
    return pd.DataFrame(rows, columns=[*columns, "seeds", "reference criterion"])


def predictions(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of claims.evaluate. seeds that fail: what the model checks say against their machines, if anything."""
    effects = [quote(*row) for row in table[["mean", "low", "high", "units"]].itertuples(index=False)]
    found = table[["prediction"]].assign(session=table["session"].map(words), **{"effect [interval]": effects})
    margins = [(margin, *of_difference(units)) for margin, units in zip(table["margin"], table["units"])]
    found["does not matter below"] = [f"{factor * margin:g} {units}" for margin, factor, units in margins]
    found[["seeds", "verdict"]] = table[["n_seeds", "verdict"]]
    return found.assign(**{"seeds that fail a check": table["failed"]}) if any(table["failed"]) else found


def checks(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of quality.checks."""
    passed = table["passed"].map({True: "passed", False: "**failed**"})
    text = table.assign(**table[["mean", "worst"]].map("{:.3g}".format), passed=passed)
    return text.rename(columns={"worst": "worst seed", "n_seeds": "seeds", "passed": ""})


def _range(ours):
    mean, low, high = float(ours.mean()), float(ours.min()), float(ours.max())  # of the seeds run
    return quote(mean, low, high) if low < high else quote(mean, np.nan, np.nan)
