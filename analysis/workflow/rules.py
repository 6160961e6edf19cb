"""What the Snakefile asks for: the config that a workflow obeys, what its jobs depend on, and ask a cluster for."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from analysis.data import load, own
from analysis.experiment.conditions import conditions
from analysis.experiment.config import merged
from analysis.experiment.predictions import check_answerable
from analysis.experiment.settings import RunsOfASeed, of_seed, read_by, seeds
from analysis.files import provenance, yamlfile
from analysis.files.checkout import ROOT
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import source_file, source_text_hash
from analysis.pruning.criteria import Activity
from analysis.pruning.own import criterion
from analysis.verdicts.datasets import BEYOND, CHECKS, CLAIMS

LATER_TESTS = {"third test": "more_seeds", "fourth test": "other_digits"}  # folders of the configs that ask again


def changes(arguments: list[str]) -> dict:
    """What `--config key=value ...` says, by our own reader: in Snakemake's `config` 3 and null are text."""
    return {key: yamlfile.parse(value) for key, value in (argument.split("=", 1) for argument in arguments)}


def place(out: object, config: dict) -> Path:
    """The folder for results, made if need be. Raises ValueError where those of the main job would be written over."""
    if not out and "folder" not in config and config != merged([ROOT / "config" / "default.yaml"]):
        found = "no place for the results of a config that is not the main job's"
        raise ValueError(
            f"out: found {found}, expected one, as in --config out=results/mine, or a folder in the config"
        )
    folder = Path(str(out or "."))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def obeyed(settings: dict) -> str:
    """What the runs of a seed depend on: settings, code, the files of one's own. As text, other text is other runs."""
    criteria = [source_text_hash(entry) for entry in settings["criteria"]]
    read = [read_by(RunsOfASeed, settings), provenance.fingerprint(), own.signature(settings["dataset"]), criteria]
    return json.dumps(read, sort_keys=True)


def own_criteria(settings: dict) -> list[str]:
    """The user's files that runs of an experiment read."""
    return [str(path) for path in map(source_file, settings["criteria"]) if path is not None]


def try_own_criteria(settings: dict) -> None:
    """Score a machine with the experiment's layers and random states by each criterion of one's own.

    So its fault is a ValueError before any run.
    """
    if entries := [entry for entry in settings["criteria"] if source_file(entry) is not None]:
        n_pixels, random = load(settings["dataset"]).sizes["pixel"], np.random.default_rng(0)
        machine = BoltzmannMachine.random((n_pixels, *settings["machine"]["hidden"]), 0)
        states = [random.integers(0, 2, (64, n), np.uint8) for n in machine.n_units]
        awake = [states[0], *(random.random(x.shape, np.float32) for x in states[1:])]
        for entry in entries:
            criterion(entry)(machine, Activity(states, lambda: awake), 0)


def runs(folder: str, experiments: dict) -> list[str]:
    """Files of all runs."""
    return [
        f"{folder}/{name}/{condition}/{seed}.nc"
        for name, settings in experiments.items()
        for seed in seeds(settings)
        for condition in conditions(of_seed(settings, seed))
    ]


def later_tests(data: Path | str) -> dict[str, Path]:
    """The tables of tests, on other seeds, of what the main job left open: those that are there."""
    paths = {test: Path(data, folder, "claims.nc") for test, folder in LATER_TESTS.items()}
    return {test: path for test, path in paths.items() if path.is_file()}


def notebooks(config: dict) -> tuple[list[str], list[str]]:
    """The claims that a config asks about, and checks of the machines where it has any; of BEYOND that alone."""
    asked = [name for name in (CLAIMS | BEYOND) if name[3:] in config["claims"]]
    beyond = [name for name in asked if name in BEYOND]
    checked = any(settings["quality"] for settings in config["experiments"].values())
    return (beyond, []) if beyond else (asked, [*CHECKS] if checked else [])


def jobs(experiments: dict) -> dict[str, tuple[str, dict, str, str]]:
    """{rule: (experiment, settings, what they obey, pattern of the seeds)} of all seeds that are asked for the same."""
    found = {}
    for name, settings in experiments.items():
        numbers, n = seeds(settings), settings["n_seeds"]
        for rule, part in {"seeds_of": numbers[:n], "further_seeds_of": numbers[n:]}.items():
            if part:
                asked = of_seed(settings, part[0])
                found[f"{rule}_{name}"] = name, asked, obeyed(asked), "|".join(map(str, part))
    return found


def megabytes(settings: dict) -> int:
    """To ask a cluster for: twice what was measured, with 2,000 chains of 1,076 hidden units and with 60,000."""
    return 2 * math.ceil(400 + 17e-6 * settings["samples"]["n_chains"] * sum(settings["machine"]["hidden"]))


def minutes(settings: dict) -> int:
    """To ask a cluster for: ten times the seconds that its runs took with the default config, more with more sweeps."""
    seconds, usual = (2, 90_000 * 50) if "kl" in settings["measures"] else (12, 2000 * 100)
    samples = settings["samples"]
    more = max(1, samples["n_chains"] * samples["n_steps"] * samples.get("n_rungs", 1) / usual)
    return math.ceil(10 / 60 * (20 + seconds * len(conditions(settings))) * more)


def refuse(error: object) -> NoReturn:
    """End the process with a line, to which Snakemake would add several, or a traceback."""
    print("snakemake:", " ".join(str(error).split()), file=sys.stderr, flush=True)
    os._exit(1)


def asked_of(config: dict, wildcards: Any) -> str:
    """The config of claims as text; ends the process where it asks nothing, or what its experiments can't answer."""
    if not notebooks(config)[0]:
        refuse("claims: found none, expected one or more; `snakemake runs --configfile ...` makes runs alone")
    try:
        check_answerable(config)
    except ValueError as error:
        refuse(error)
    return json.dumps(config, sort_keys=True)


def notebook_source(wildcards: Any) -> str:
    """The code and text of notebooks/<claim>.ipynb without its stored outputs."""
    notebook = json.loads((ROOT / "notebooks" / f"{wildcards.claim}.ipynb").read_text("utf-8"))  # nbformat comes slowly
    return json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]])
