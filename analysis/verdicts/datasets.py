"""Claim datasets: their files, their parts (the variable patches_kl is kl of patches), and whether they are stale."""

import json
from collections.abc import Mapping
from pathlib import Path

import xarray as xr

from analysis.experiment import config as configuration
from analysis.files import netcdf, provenance

CLAIMS = {
    "01_overproduction": "Activity-dependent pruning needs an over-populated network to start from",
    "02_weight_pruning": "Pruning by synaptic weight alone does not optimise network size",
    "03_fisher_proxy": "A local proxy of Fisher information tells important synapses and neurons from unimportant ones",
    "04_neuron_loss": "Neurons compete for activity, and only the important, selective ones stay",
}
# Not the paper's: what this package adds, by a config of its own; and what the claims rest on.
BEYOND = {
    "05_beyond_the_paper": "What deleting a synapse costs is known at the synapse, and makes a rule of pruning",
    "08_when_to_prune": "When and how fast synapses go decides what the machine learns",
}
BEYOND_FOLDERS = {"05_beyond_the_paper": "beyond", "08_when_to_prune": "when"}  # in data/, figures/, as in configs
CHECKS = {"06_model_quality": "The samples and likelihoods that the conclusions rest on can be trusted"}
NOTEBOOKS = CLAIMS | BEYOND | CHECKS
SAME = "same_by_other_code"  # attribute {code: a fingerprint, seeds: {experiment: those of which it makes the same}}


def root() -> Path:
    """The nearest folder upwards from here that holds pyproject.toml and analysis/. Raises ValueError without one."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "pyproject.toml").is_file() and (folder / "analysis").is_dir():
            return folder
    raise ValueError(f"root: found no project above {Path.cwd()}, expected to run inside a checkout")


def load(claim: str, folder: Path | str = "data") -> xr.Dataset:
    """The claim dataset in the folder. Raises ValueError for a missing file, and for what is another dataset."""
    dataset = netcdf.read(path := Path(folder) / f"{claim}.nc")
    if (found := dataset.attrs.get("claim")) != claim:
        raise ValueError(f"claim dataset: found one of claim {found} in {path}, expected {claim}; make it again")
    return dataset


def settings(dataset: xr.Dataset) -> dict:
    """The config that the dataset's runs obeyed."""
    return json.loads(dataset.attrs["config"])


def sources(dataset: xr.Dataset) -> dict[str, str]:
    """{experiment: title, source and licence of its data}."""
    found = {name: json.loads(text) for name, text in json.loads(dataset.attrs["data"]).items()}
    return {name: f"{of['title']}; {of['source']} ({of['licence']})" for name, of in found.items()}


def same_config(dataset: xr.Dataset, path: Path) -> bool:
    """Whether the dataset's runs obeyed the config in that file."""
    return settings(dataset) == configuration.load(path)


def stale(dataset: xr.Dataset, path: Path) -> list[str]:
    """Why the dataset is not what this code makes under the config in that file; empty if it is."""
    reasons = [] if same_config(dataset, path) else [f"its runs obeyed another config than {path.name}"]
    known = of_today(dataset.attrs) or seeds_compared(dataset)
    return ([] if known else ["it, or a run of it, was made by other code"]) + reasons


def of_today(attrs: Mapping) -> bool:
    """Whether today's code made what has these attributes: a run, or a claim dataset and all its runs."""
    return {attrs.get("code_fingerprint"), *json.loads(attrs.get("runs_code", "[]"))} == {provenance.fingerprint()}


def seeds_compared(dataset: xr.Dataset) -> dict[str, list[int]]:
    """{experiment: seeds of which today's code makes the same}, as `renewal` noted; none after a change of code."""
    noted = json.loads(dataset.attrs.get(SAME, "{}"))
    return noted["seeds"] if noted.get("code") == provenance.fingerprint() else {}


def part(dataset: xr.Dataset, name: str) -> xr.Dataset:
    """The variables of one experiment, without its name in front; attrs: experiment, dataset (patterns), reference."""
    start, of = f"{name}_", settings(dataset)["experiments"][name]
    one = dataset[[v for v in dataset.data_vars if str(v).startswith(start)]]
    attrs = {"experiment": name, "dataset": of["dataset"], "reference": of["reference"]}
    return one.rename({v: str(v).removeprefix(start) for v in {*one.variables, *one.dims}}).assign_attrs(attrs)


def parts(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """{experiment: its part of the claim dataset}, shallow machines first."""
    experiments = settings(dataset)["experiments"]
    order = sorted(experiments, key=lambda name: len(experiments[name]["machine"]["hidden"]))
    return {experiment: part(dataset, experiment) for experiment in order}


def loss(part: xr.Dataset) -> str:
    """Name of the measure that tells how well a machine of the experiment works, lower is better."""
    return next(name for name in ("kl", "encoding_error", "negative_log_likelihood") if name in part)


def at_papers_size(claim: str, folder: Path) -> xr.Dataset | None:
    """The claim at the paper's size, in the folder `paper` of this one; None where it was not made."""
    return load(claim, folder / "paper") if (folder / "paper" / f"{claim}.nc").is_file() else None
