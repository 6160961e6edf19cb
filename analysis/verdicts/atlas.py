"""The atlas of maps: its dataset, and what its cells say about the predictions of config/maps.yaml.

    gain in a cell = loss(born small) - loss(pruned from large), paired by seed

`collect` puts the jobs of analysis.maps together, `judge` gives one row a prediction, budget and cell.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.experiment import config as configuration
from analysis.experiment import maps
from analysis.files import provenance
from analysis.verdicts import claims
from analysis.verdicts.intervals import detectable, holm, interval, p_value

AXES = ["final", "growth", "sessions", "epochs"]
AXIS_NAMES = {
    "final": "final size (dense units)",
    "growth": "start size / final size",
    "sessions": "sessions",
    "epochs": "epochs, multiple",
}
_COLUMNS = {
    "final": ("dense units of the last layer with as many synapses as pruning leaves", "counts"),
    "growth": ("start size over final size", "1"),
    "sessions": ("pruning sessions", "counts"),
    "epochs": ("multiple of the protocol's epochs", "1"),
    "start": ("units of the last layer of the over-produced machine", "counts"),
}
_READ = ("machine", "pretraining", "training", "retraining", "reference", "measures")
BUDGET_NAMES = {"updates": "as many updates", "synapse_updates": "as many synapse-updates"}


def collect(folder, config):
    """The dataset of all maps: <map>_<variable> (<map>_cell, budget, condition, <map>_seed).

    folder : of <map>/<job>/<seed>.nc. config : path of the config of maps. Raises ValueError where a job is missing.
    """
    described, protocol = configuration.load_maps(config)
    parts, sources, codes = [], {}, set()
    for name, of in described["maps"].items():
        seeds = [_seed(Path(folder) / name, of, seed) for seed in range(of["n_seeds"])]
        part = xr.concat(seeds, xr.Variable("seed", np.arange(of["n_seeds"]), {"long_name": "seed"}))
        sources[name] = seeds[0].attrs["data"]
        codes |= {code for one in seeds for code in one.attrs["codes"]}
        columns = {
            axis: ("cell", [getattr(c, axis) for c in maps.cells(of)], {"long_name": text, "units": units})
            for axis, (text, units) in _COLUMNS.items()
        }
        part = part.assign_coords(columns).astype(np.float32)
        own = {*part.variables, *part.dims} - {"budget", "condition"}
        parts.append(part.rename({variable: f"{name}_{variable}" for variable in own}))
    dataset = xr.merge(parts, join="exact", compat="identical", combine_attrs="override")
    experiments = {m["experiment"]: read_of(protocol, m["experiment"]) for m in described["maps"].values()}
    more = {"title": described["title"], "protocol": experiments, "data": sources, "runs_code": sorted(codes)}
    more["order"] = list(described["maps"])
    dataset.attrs = provenance.attributes(described, **more)
    return dataset.drop_encoding()


def read_of(protocol, experiment):
    """What a map reads of an experiment of the protocol; sizes, lengths and samples are its own."""
    return {key: protocol["experiments"][experiment][key] for key in _READ}


def _seed(folder, described, seed):
    found = []
    for job in maps.jobs(described):
        path = folder / job / f"{seed}.nc"
        if not path.is_file():
            raise ValueError(f"map: found no file {path}, expected one that python -m analysis map wrote")
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            found.append(dataset.load())
    codes = [one.attrs["code_fingerprint"] for one in found]
    data = found[0].attrs["data"]
    return xr.concat(found, "cell").sortby("cell").assign_attrs(codes=codes, data=data)


def load(path):
    """The dataset that `collect` made. Raises ValueError where there is none."""
    if not Path(path).is_file():
        raise ValueError(f"maps: found no file {path}, expected one that python -m analysis maps wrote")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def described(dataset):
    """The config of maps that the dataset obeyed."""
    return json.loads(dataset.attrs["config"])


def part(dataset, name):
    """One map: its variables without its name in front, dims (seed, cell, budget, condition)."""
    start = f"{name}_"
    chosen = dataset[[v for v in dataset.data_vars if v.startswith(start)]]
    chosen = chosen.drop_vars(
        [c for c in chosen.coords if c not in ("budget", "condition") and not c.startswith(start)]
    )
    renamed = {v: v.removeprefix(start) for v in {*chosen.variables, *chosen.dims} if v.startswith(start)}
    return chosen.rename(renamed).assign_attrs(map=name)


def parts(dataset):
    """{name: map} in the order of the config; "<map> by likelihood" is that map with `negative_bound` for its loss."""
    found = {}
    for name in json.loads(dataset.attrs["order"]):
        one = found[name] = part(dataset, name)
        if "negative_bound" in one:
            again = f"{name} by likelihood"
            found[again] = one.assign(loss=one["negative_bound"]).assign_attrs(map=again)
    return found


def stale(dataset, config):
    """Why the dataset is not what this code makes under the config in that file: a list of reasons, empty if it is."""
    reasons, here = [], provenance.fingerprint()
    now, protocol = configuration.load_maps(config)
    if {*json.loads(dataset.attrs["runs_code"])} != {here}:
        reasons.append("it was made by other code")
    if described(dataset) != now:
        reasons.append(f"it obeyed another config than `{Path(config).name}`")
    obeyed = json.loads(dataset.attrs["protocol"])
    if any(name not in protocol["experiments"] or of != read_of(protocol, name) for name, of in obeyed.items()):
        reasons.append(f"its protocol is another than that of `{Path(now['protocol']).name}`")
    return reasons


def open_or_say_why(path, config):
    """(dataset or None, Markdown that says what it is, or that it is stale or absent)."""
    if not Path(path).is_file():
        return None, "> **No maps.** There is no `maps.nc` beside the claim datasets. `make maps` makes it."
    dataset = load(path)
    reasons = stale(dataset, config)
    if reasons:
        return (
            dataset,
            f"> **Stale data.** `maps.nc` is not of this checkout: {'; '.join(reasons)}. `make maps` renews it.",
        )
    seeds = ", ".join(f"{name} {of['n_seeds']}" for name, of in described(dataset)["maps"].items())
    return dataset, f"Data: `maps.nc`, made by the code of this checkout under `{Path(config).name}`. Seeds: {seeds}."


def gain(part, worse, better, budget):
    """loss(worse) - loss(better), (cell, seed), both with that budget; the pruned machine has but one."""
    losses = [
        part["loss"].sel(condition=name, budget=maps.BUDGETS[0] if name == maps.PRUNED else budget, drop=True)
        for name in (worse, better)
    ]
    return (losses[0] - losses[1]).assign_attrs(units=part["loss"].attrs["units"]).transpose("cell", "seed")


def judge(dataset):
    """One row a prediction, budget and cell.

    Columns: map, prediction, budget, cell (text), final, growth, sessions, epochs (of a trend: NaN along its axis),
    effect, low, high, units, n_seeds, verdict (rule of claims.row_verdict, threshold 0), n_comparisons, p (paired
    t-test), p_holm (corrected within map, prediction and budget), detectable (the smallest effect that so many seeds
    see with the power that the config names).
    """
    of, tables = described(dataset)["predictions"], []
    for name, one in parts(dataset).items():
        for budget in maps.BUDGETS:
            for spec, places in _effects(one, of, budget):
                table = pd.DataFrame([_row(name, spec, budget, place, x, of, one) for place, x in places])
                if len(table):
                    tables.append(table.assign(n_comparisons=len(table), p_holm=holm(table["p"])))
    return pd.concat(tables, ignore_index=True)


def _effects(part, predictions, budget):
    """(prediction, [(place, (n_seeds,))]) of every prediction."""
    for spec in predictions["differences"]:
        yield spec, list(_places(part, gain(part, spec["worse"], spec["better"], budget)))
    for spec in predictions["trends"]:
        yield spec, list(_ends(_places(part, gain(part, spec["worse"], spec["better"], budget)), spec["axis"]))


def _places(part, difference):
    """[(place, (n_seeds,))] of the cells where the difference is known."""
    for k in range(difference.sizes["cell"]):
        values = difference.isel(cell=k).values
        if np.isfinite(values).any():
            yield {axis: float(part[axis][k]) for axis in AXES}, values


def _ends(places, axis):
    """[(place without the axis, value at its largest minus value at its smallest)], where there are two or more."""
    lines = {}
    for place, values in places:
        rest = tuple((name, x) for name, x in place.items() if name != axis)
        lines.setdefault(rest, {})[place[axis]] = values
    for rest, line in lines.items():
        if len(line) > 1:
            yield dict(rest) | {axis: np.nan}, line[max(line)] - line[min(line)]


def _row(name, spec, budget, place, values, of, part):
    known = values[np.isfinite(values)]
    low, high = interval(known, **of["interval"])
    sd = np.std(known, ddof=1) if len(known) > 1 else np.nan
    cell = ", ".join(f"{axis} {x:g}" if np.isfinite(x) else f"{axis} largest - smallest" for axis, x in place.items())
    row = {"map": name, "prediction": spec["text"], "budget": budget, "cell": cell, **place, "effect": known.mean()}
    row |= {"low": low, "high": high, "units": part["loss"].attrs["units"], "n_seeds": len(known)}
    row |= {"verdict": claims.row_verdict(low, high, 0.0), "p": p_value(known)}
    return row | {"detectable": detectable(sd, len(known), **of["power"])}
