"""When starting large pays: the dataset of all maps, and what cells say about the predictions of config/maps.yaml.

gain in a cell = loss(born small) - loss(pruned from large), paired by seed
"""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.experiment import config as configuration
from analysis.experiment import maps
from analysis.experiment.settings import seeds
from analysis.files import netcdf, provenance
from analysis.verdicts import claims, datasets, tables
from analysis.verdicts.intervals import interval
from analysis.verdicts.names import words

AXES = ["final", "growth", "sessions", "epochs"]
_COLUMNS = {
    "final": ("dense units of the last layer with as many synapses as pruning leaves", "counts"),
    "growth": ("start size over final size", "1"),
    "sessions": ("pruning sessions", "counts"),
    "epochs": ("multiple of the protocol's epochs", "1"),
    "start": ("units of the last layer of the over-produced machine", "counts"),
}


def collect_maps(folder: Path | str, config: Path | str) -> xr.Dataset:
    """The dataset of all maps: <map>_<variable> (<map>_cell, budget, condition, <map>_seed).

    folder : of <map>/<job>/<seed>.nc. config : path of the config of maps. Raises ValueError where a job is missing.
    """
    described, protocol = configuration.load_maps(config)
    parts, sources, codes = [], {}, set()
    for name, of in described["maps"].items():
        runs = [[netcdf.read(Path(folder, name, job, f"{k}.nc")) for job in maps.jobs(of)] for k in seeds(of)]
        sources[name] = runs[0][0].attrs["data"]
        codes |= {job.attrs["code_fingerprint"] for jobs in runs for job in jobs}
        numbers = xr.Variable("seed", list(seeds(of)), {"long_name": "seed"})
        part = xr.concat([xr.concat(jobs, "cell").sortby("cell") for jobs in runs], numbers)
        for axis, (text, units) in _COLUMNS.items():
            attrs = {"long_name": text, "units": units}
            part = part.assign_coords({axis: ("cell", [getattr(c, axis) for c in maps.cells(of)], attrs)})
        parts.append(datasets.prefixed(part.astype(np.float32), name, ("budget", "condition")))
    dataset = xr.merge(parts, join="exact", compat="identical", combine_attrs="override")
    experiments = {m["experiment"]: read_of(protocol, m["experiment"]) for m in described["maps"].values()}
    more = {"title": described["title"], "protocol": experiments, "data": sources, "runs_code": sorted(codes)}
    dataset.attrs = provenance.attributes(described, **more, order=list(described["maps"]))
    return dataset.drop_encoding()


def read_of(protocol: dict, experiment: str) -> dict:
    """What a map reads of an experiment of the protocol; sizes, lengths and samples are its own."""
    read = ("machine", "pretraining", "training", "finishing", "retraining", "reference", "tuning", "measures")
    settings = protocol["experiments"][experiment]
    return {key: settings[key] for key in read if key in settings}


def with_likelihood(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """{name: map} in the order of the config; "<map> by likelihood" is that map with `negative_bound` for its loss."""
    found = {}
    for name in json.loads(dataset.attrs["order"]):
        one = found[name] = datasets.part(dataset, name)
        if "negative_bound" in one:
            again = f"{name} by likelihood"
            found[again] = one.assign(loss=one["negative_bound"]).assign_attrs(experiment=again)
    return found


def stale_maps(dataset: xr.Dataset, path: Path) -> list[str]:
    """Why the dataset is not what this code makes under the config in that file; empty if it is."""
    reasons, (now, protocol) = datasets.other_code(dataset), configuration.load_maps(path)
    if datasets.settings(dataset) != now:
        reasons.append(f"it obeyed another config than {path.name}")
    obeyed = json.loads(dataset.attrs["protocol"])
    if any(name not in protocol["experiments"] or of != read_of(protocol, name) for name, of in obeyed.items()):
        reasons.append(f"its protocol is another than that of {Path(now['protocol']).name}")
    return reasons


def gain(part: xr.Dataset, worse: str, better: str, budget: str) -> xr.DataArray:
    """loss(worse) - loss(better), (cell, seed), both with that budget; the pruned machine has but one."""
    losses = [
        part["loss"].sel(condition=name, budget=maps.BUDGETS[0] if name == maps.PRUNED else budget, drop=True)
        for name in (worse, better)
    ]
    return (losses[0] - losses[1]).assign_attrs(units=part["loss"].attrs["units"]).transpose("cell", "seed")


def evaluate_cells(dataset: xr.Dataset) -> pd.DataFrame:
    """One row a prediction, budget and cell.

    Columns: map, prediction, budget, cell (text), final, growth, sessions, epochs, mean, low, high, units, margin,
    n_seeds, verdict (rule of claims.verdict). The intervals of all cells of a prediction, map and budget hold together
    with the confidence of the config (Bonferroni). Raises ValueError where a map has no margin.
    """
    asked, order, rows = datasets.settings(dataset)["predictions"], json.loads(dataset.attrs["order"]), []
    if missing := [name for name in order if name not in asked["margins"]]:
        raise ValueError(f"predictions/margins: found none of the map {missing[0]}, expected one of every map")
    for name, budget in product(order, maps.BUDGETS):
        part, margin = datasets.part(dataset, name), asked["margins"][name]
        for spec in asked["differences"]:
            gains = gain(part, spec["worse"], spec["better"], budget).dropna("cell", how="all")
            confidence = 1 - (1 - asked["confidence"]) / max(gains.sizes["cell"], 1)
            shared = {"map": name, "prediction": spec["text"], "budget": budget, "units": gains.attrs["units"]}
            for cell in gains.transpose("cell", "seed"):
                place = {axis: float(cell[axis]) for axis in AXES}
                mean, low, high = interval(cell.values, confidence)
                row = {"cell": ", ".join(f"{axis} {value:g}" for axis, value in place.items()), **place}
                row |= {"mean": mean, "low": low, "high": high, "margin": margin}
                row |= {"n_seeds": int(cell.notnull().sum()), "verdict": claims.verdict(low, high, margin)}
                rows.append(shared | row)
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """How the cells of each prediction came out. effects: mean over cells, smallest and largest."""
    rows = []
    for (prediction, name, budget), cells in table.groupby(["prediction", "map", "budget"], sort=False):
        effects = tables.quote(cells["mean"].mean(), cells["mean"].min(), cells["mean"].max(), cells["units"].iloc[0])
        found = [(cells["verdict"] == verdict).sum() for verdict in claims.VERDICTS]
        rows.append([prediction, name, words(budget), len(cells), effects, *found])
    return pd.DataFrame(rows, columns=["prediction", "map", "budget", "cells", "effects", *claims.VERDICTS])
