"""The conditions of an experiment: what is made for a seed, from what, and which settings move its bits.

    over-produced machine -> a run a criterion; from the reference criterion's: controls, local estimates, checks

A condition and seed are one file, <runs>/<experiment>/<condition>/<seed>.nc. A run of sessions is a generator of
datasets, one a session. It can be killed at any moment: beside the file to write lies .<seed>.nc.sessions with the
sessions so far, after the last of which it goes on.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from analysis import data
from analysis.experiment import controls, local_estimates, protocol, sampling_checks
from analysis.experiment.record import join
from analysis.experiment.settings import OverproducedMachine, PruningRun, of_seed
from analysis.files import netcdf, provenance, whole
from analysis.pruning import label, source_text_hash

_LOG = logging.getLogger("analysis")


class Condition(NamedTuple):
    """What is made of an experiment and seed: its name, what it starts from and reads, and the run that makes it."""

    name: str
    title: str
    source: str  # the condition that it starts from, "" for none
    reads: tuple[str, ...]  # settings that move its bits
    criterion: str  # entry of the config, whose text moves them too where it is the user's own
    sessions: Callable[..., Iterator[xr.Dataset]]  # settings, seed, source's dataset, done: a run of sessions


def conditions(settings: dict) -> dict[str, Condition]:
    """{name: Condition} of an experiment, in the order in which they are made."""
    commands = [("overproduce", ""), *(("run", entry) for entry in settings["criteria"])]
    commands += [("control", name) for name in controls.names(settings)]
    commands += [("proxy", "")] * settings["proxy"] + [("quality", "")] * (settings["quality"] is not None)
    found = [condition(command, name, settings) for command, name in commands]
    return {condition.name: condition for condition in found}


def condition(command: str, name: str, settings: dict) -> Condition:
    """What a command makes: overproduce, run (name: a criterion), control (name: its own), proxy or quality.

    overproduce: the large machine, trained. run: that machine, pruned session by session. And from the run of the
    reference criterion: machines of the sizes that it reached, made in another way; local estimates beside the exact
    Fisher information; likelihood and convergence. Raises ValueError for a quality that the config does not have.
    """
    reads, reference = tuple(PruningRun.model_fields), protocol.reference_entry(settings)
    if command == "overproduce":
        reads = tuple(OverproducedMachine.model_fields)
        run = _at_once(lambda settings, seed, _: protocol.overproduce(settings, seed))
        return Condition("overproduced", "over-produced machine of {}", "", reads, "", run)
    if command == "run":
        run, title = partial(protocol.prune_sessions, name=name), f"{{}} pruned by {label(name)}"
        return Condition(label(name), title, "overproduced", reads, name, run)
    reads = (*reads, "reference")
    if command == "control":
        reads = (*reads, "control_sessions", "tuning")
        run = partial(controls.control_sessions, name=name)
        return Condition(name, f"{{}}, control {name}", label(reference), reads, reference, run)
    if command == "proxy":
        run, title = _at_once(local_estimates.along), "{}, local estimates and exact Fisher information"
        return Condition("fisher", title, label(reference), (*reads, "criteria"), reference, run)
    if settings["quality"] is None:
        raise ValueError("quality: found null in the config, expected settings")
    run, reads, title = _at_once(sampling_checks.along), (*reads, "quality"), "{}, likelihood and convergence"
    return Condition("quality", title, label(reference), reads, reference, run)


def _at_once(function: Callable[..., xr.Dataset]) -> Callable[..., Iterator[xr.Dataset]]:
    """A run of sessions that yields one dataset, what the function makes of (settings, seed, source), if not done."""
    return lambda settings, seed, source, done: iter([function(settings, seed, source)] if done is None else [])


def make_missing(
    config: dict, experiment: str, seed: int, runs: Path, only: list[str] | None = None, save_every: float = 30.0
) -> None:
    """Make the files of a seed that are absent, damaged, or of other code, data or settings; others stay.

    only : names of conditions; what they start from is made too. Raises ValueError for unknown ones.
    """
    settings, read = of_seed(config["experiments"][experiment], seed), cache(netcdf.read)
    known = conditions(settings)
    if unknown := [name for name in only or () if name not in known]:
        raise ValueError(f"only: found {unknown[0]!r}, expected one of {', '.join(known)}")
    wanted = set(only or known)
    for _ in range(2):  # of a control: the reference's run, and what that starts from
        wanted |= {known[name].source for name in wanted - {""}}
    for name, condition in known.items():
        path = Path(runs, experiment, name, f"{seed}.nc")
        if name not in wanted:
            continue
        attrs = attributes(config, experiment, seed, condition)
        if _usable(path, condition, attrs) is not None:
            _LOG.info("%s, seed %d: %s is there", experiment, seed, name)
            continue
        _LOG.info("%s, seed %d: %s begins", experiment, seed, name)
        source = read(Path(runs, experiment, condition.source, f"{seed}.nc")) if condition.source else None
        make(condition, settings, seed, source, path, attrs, save_every)


def make(
    condition: Condition, settings: dict, seed: int, source: xr.Dataset | None, path: Path, attrs: dict, every: float
) -> None:
    """Write the file of a condition and seed, going on after the sessions kept beside it.

    source : the dataset that it starts from; every : seconds between two writings of the sessions so far
    """
    kept, last = path.with_name(f".{path.name}.sessions"), time.monotonic()
    done = _usable(kept, condition, attrs)
    parts = [] if done is None else [done]
    if done is not None:
        _LOG.info("going on after session %d, found in %s", done["session"][-1], kept)
    for part in condition.sessions(settings=settings, seed=seed, source=source, done=done):
        parts.append(part)
        if "session" in part.dims:
            _LOG.info("session %d is done", part["session"][-1])
        if len(parts) > 1 and time.monotonic() - last >= every:
            whole.write(join(parts).assign_attrs(attrs), kept, level=0)
            last = time.monotonic()
    whole.write(join(parts).assign_attrs(attrs), path)
    _LOG.info("wrote %s", path)
    kept.unlink(missing_ok=True)


def attributes(config: dict, experiment: str, seed: int, condition: Condition) -> dict:
    """Attributes of the file: what it is, and all that made it."""
    settings = config["experiments"][experiment]
    source = {k: v for k, v in data.load(settings["dataset"]).attrs.items() if isinstance(v, (str, int, float))}
    more: dict = {"title": condition.title.format(experiment), "experiment": experiment, "condition": condition.name}
    more |= {"seed": seed, "data": source}
    if condition.criterion and (text := source_text_hash(condition.criterion)):
        more["criterion_sha256"] = text
    return provenance.attributes(config, **more)


def _usable(path: Path, condition: Condition, attrs: dict) -> xr.Dataset | None:
    """What a file holds that is there, whole, and of the same code, data and settings, as far as they move bits."""
    if not path.exists():
        return None
    try:
        found = netcdf.read(path)
    except netcdf.Damaged as error:
        _LOG.info("making it again: %s", error)
        return None
    if _made_by(found.attrs, condition.reads) != _made_by(attrs, condition.reads):
        _LOG.info("%s was made by other code or another config: making it again", path)
        return None
    return found


def _made_by(attrs: dict, reads: tuple[str, ...]) -> tuple[list, list]:
    settings = json.loads(attrs.get("config", "{}")).get("experiments", {}).get(attrs.get("experiment"), {})
    names = ("code_fingerprint", "experiment", "condition", "seed", "data", "criterion_sha256")
    return [attrs.get(name) for name in names], [settings.get(key) for key in reads]
