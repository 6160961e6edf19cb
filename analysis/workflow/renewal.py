"""Does today's code make what older code made? Compared seed by seed, and noted in the dataset.

A change of code that moves no bit makes datasets stale that would take hours to make again. Instead make some seeds of
each experiment, in `data/runs` or the config's own folder, and compare:
`python -m analysis.workflow renew --config ...`.
"""

import json
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.experiment import config as configuration
from analysis.experiment.conditions import conditions
from analysis.experiment.settings import of_seed, seeds
from analysis.files import netcdf, provenance
from analysis.verdicts import claims, datasets
from analysis.workflow.rules import notebooks


def renew(config: Path | str, data: Path = Path("data")) -> dict[str, list[int]]:
    """Note in a config's claim datasets of other code that today's makes the same: {experiment: seeds compared}.

    Compared are all values of the seeds whose runs are there, made by today's code. Raises ValueError where an
    experiment has no such seed, where a dataset obeyed another config, and where a value is another or missing.
    """
    made = configuration.load(config)
    folder = data / made.get("folder", "")
    alone = {name: _seeds_there(folder / "runs", name, made) for name in made["experiments"]}
    asked = [claim for names in notebooks(made) for claim in names]
    renewed = {claim: datasets.load(claim, folder) for claim in asked}
    for claim, dataset in renewed.items():
        if not datasets.same_config(dataset, Path(config)):
            raise ValueError(f"{claim}: found runs that obeyed another config, expected those of {config}")
        for name, by_seed in alone.items():
            for seed, one in by_seed.items():
                again = claims.collect(claim, folder / "runs", one)
                first = seed == seeds(made["experiments"][name])[0]
                if others := _others(again, dataset, name, first):
                    found = f"other values of {', '.join(others)} by today's code"
                    raise ValueError(f"{claim}, {name}, seed {seed}: found {found}, expected those of the dataset")
    compared = {name: [*by_seed] for name, by_seed in alone.items()}
    noted = json.dumps({"code": provenance.fingerprint(), "seeds": compared})
    for claim, dataset in renewed.items():
        if not datasets.of_today(dataset.attrs):
            claims.save(dataset.assign_attrs({datasets.SAME: noted}), folder / f"{claim}.nc")
    return compared


def _seeds_there(runs: Path, experiment: str, made: dict) -> dict[int, dict]:
    """{seed: the config with that seed alone} of all, but further ones, whose runs are there, of today's code."""
    settings, found = made["experiments"][experiment], {}
    for seed in seeds(settings)[: settings["n_seeds"]]:
        one = {k: v for k, v in of_seed(settings, seed).items() if k != "further_seeds"}
        files = [runs / experiment / name / f"{seed}.nc" for name in conditions(one)]
        if all(map(_of_today, files)):
            found[seed] = made | {"experiments": {experiment: one | {"first_seed": seed, "n_seeds": 1}}}
    if not found:
        whole = f"no seed with all its runs by today's code in {runs}"
        raise ValueError(f"{experiment}: found {whole}, expected one or more, as `snakemake runs` makes them")
    return found


def _of_today(run: Path) -> bool:
    return run.is_file() and datasets.of_today(netcdf.some(run, []).attrs)


def _others(again: xr.Dataset, dataset: xr.Dataset, experiment: str, first: bool) -> list[str]:
    """Variables that one has and the other has not, or of this seed otherwise; without a seed they are the first's."""
    names = {name for name in dataset.data_vars if str(name).startswith(f"{experiment}_")}
    found = names ^ {*again.data_vars}
    for name in names - found:
        values = again[name]
        if f"{experiment}_seed" in values.dims or first:
            there = {dim: values[dim] for dim in values.dims if dim in values.coords}
            kept = dataset[name].reindex(there).transpose(*values.dims)
            if not np.array_equal(kept, values, equal_nan=values.dtype.kind == "f"):
                found.add(name)
    return sorted(map(str, found))
