"""The conditions of an experiment: what is made for a seed, from what, and which settings move its bits.

    over-produced machine -> a run a criterion -> (from the reference criterion's) controls, Fisher information, quality

A condition and seed are one file, <runs>/<experiment>/<condition>/<seed>.nc.
"""

import json
import logging
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from analysis import data
from analysis.experiment import sessions
from analysis.files import netcdf, provenance
from analysis.pruning import label, source_file, source_text_hash

_LOG = logging.getLogger("analysis")
OVERPRODUCED = "overproduced"
BIRTH = ("dataset", "machine", "pretraining", "training", "samples")
LIFE = (*BIRTH, "retraining", "pruning", "measures")
AFTER = (*LIFE, "reference")


class Condition(NamedTuple):
    """sessions(settings, seed, source, done) yields the datasets of a run that starts from the condition `source`."""

    title: str
    source: str
    reads: tuple[str, ...]  # keys of the settings
    sessions: Callable[..., Iterator[xr.Dataset]]
    criterion: str = ""  # its entry in the config, whose file moves the bits where it is the user's own


def conditions(settings: dict) -> dict[str, Condition]:
    """{name: Condition} of an experiment, in the order in which they are made."""
    found = {OVERPRODUCED: overproduced()}
    found |= {label(entry): pruned_by(entry) for entry in settings["criteria"]}
    found |= {name: control(name, settings) for name in settings["controls"]}
    if settings["proxy"]:
        found["fisher"] = fisher(settings)
    if settings["quality"] is not None:
        found["quality"] = quality(settings)
    return found


def overproduced() -> Condition:
    """The large machine, trained."""

    def run(settings, seed, source):
        from analysis.experiment.protocol import overproduce

        return overproduce(settings, seed, progress=True)

    return Condition("over-produced machine of {experiment}", "", BIRTH, _at_once(run))


def pruned_by(entry: str) -> Condition:
    """The over-produced machine, pruned session by session by a criterion."""

    def run(settings, seed, source, done):
        from analysis.experiment.protocol import prune_sessions

        return prune_sessions(settings, entry, seed, source, progress=True, done=done)

    return Condition(f"{{experiment}} pruned by {label(entry)}", OVERPRODUCED, LIFE, run, entry)


def control(name: str, settings: dict) -> Condition:
    """Machines of the sizes that the reference run reached, made in another way."""

    def run(settings, seed, source, done):
        from analysis.experiment.controls import control_sessions

        missing = sorted(set(settings["control_sessions"]) - set(source["session"].values.tolist()))
        if missing:
            raise ValueError(f"dataset: found no sessions {missing} in the reference, expected a run by this config")
        return control_sessions(settings, name, seed, source, progress=True, done=done)

    title = f"{{experiment}}, control {name}"
    return Condition(title, label(settings["reference"]), (*AFTER, "control_sessions"), run, settings["reference"])


def fisher(settings: dict) -> Condition:
    """Local estimates beside the exact Fisher information, along the reference run."""

    def run(settings, seed, source):
        from analysis.experiment.proxy import proxy_run

        return proxy_run(settings, seed, source)

    title = "{experiment}, local estimates and exact Fisher information"
    return Condition(title, label(settings["reference"]), AFTER, _at_once(run), settings["reference"])


def quality(settings: dict) -> Condition:
    """Likelihood and convergence of the machines along the reference run."""
    if settings["quality"] is None:
        raise ValueError("quality: found null in the config, expected settings")

    def run(settings, seed, source):
        from analysis.experiment.quality import quality_run

        return quality_run(settings, seed, source)

    title = "{experiment}, likelihood and convergence"
    return Condition(title, label(settings["reference"]), (*AFTER, "quality"), _at_once(run), settings["reference"])


def make_missing(
    config: dict, experiment: str, seed: int, runs: Path, only: list[str] | None = None, save_every: float = 30.0
) -> None:
    """Make the files of a seed that are absent, damaged, or of other code, data or settings; others stay.

    only : names of conditions; what they start from is made too
    """
    settings = config["experiments"][experiment]
    wanted = conditions(settings)
    for name in only or ():
        if name not in wanted:
            raise ValueError(f"only: found {name!r}, expected one of {', '.join(wanted)}")
    needed = _with_sources(wanted, only) if only else wanted
    read = cache(netcdf.read)
    for name in (name for name in wanted if name in needed):
        condition, path = wanted[name], Path(runs, experiment, name, f"{seed}.nc")
        attrs = attributes(config, experiment, seed, name, condition)
        if _is_made(path, condition, attrs):
            _LOG.info("%s, seed %d: %s is there", experiment, seed, name)
            continue
        _LOG.info("%s, seed %d: %s begins", experiment, seed, name)
        source = read(Path(runs, experiment, condition.source, f"{seed}.nc")) if condition.source else None
        make(condition, settings, seed, source, path, attrs, save_every)


def make(condition, settings, seed, source, path, attrs, save_every) -> None:
    """Write the file of a condition and seed; source : the dataset that it starts from."""
    sessions.write(
        lambda done: condition.sessions(settings, seed, source, done),
        Path(path),
        attrs,
        save_every,
        lambda found, wanted: _alike(found, wanted, condition.reads),
    )


def attributes(config: dict, experiment: str, seed: int, name: str, condition: Condition) -> dict:
    """Attributes of the file: what it is, and all that made it."""
    source = data.load(config["experiments"][experiment]["dataset"]).attrs
    more = {"title": condition.title.format(experiment=experiment), "experiment": experiment, "seed": seed}
    more["data"] = {k: v for k, v in source.items() if isinstance(v, (str, int, float))}
    if name not in (OVERPRODUCED, "fisher", "quality"):
        more["condition"] = name
    if source_file(condition.criterion) is not None:
        more["criterion_sha256"] = source_text_hash(condition.criterion)
    return provenance.attributes(config, **more)


def _at_once(run):
    """As a run of sessions, for what is one dataset."""

    def run_of_one(settings, seed, source, done):
        if done is None:
            yield run(settings, seed, source)

    return run_of_one


def _with_sources(wanted, names):
    found = set(names)
    while sources := {wanted[name].source for name in found} - found - {""}:
        found |= sources
    return found


def _is_made(path, condition, attrs):
    """Whether the file is there, whole, and made alike."""
    try:
        return path.exists() and _alike(netcdf.read(path).attrs, attrs, condition.reads)
    except netcdf.Damaged as error:
        _LOG.info("making it again: %s", error)
        return False


def _alike(found, wanted, reads):
    """Whether both are attributes of the same code, data and settings, as far as they move bits."""
    return _made_by(found, reads) == _made_by(wanted, reads)


def _made_by(attrs, reads):
    settings = json.loads(attrs.get("config", "{}")).get("experiments", {}).get(attrs.get("experiment"), {})
    names = ("code_fingerprint", "criterion_sha256", "experiment", "condition", "seed", "data")
    return [attrs.get(name) for name in names], [settings.get(key) for key in reads]
