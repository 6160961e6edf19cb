"""The conditions of an experiment: what is made for a seed, from what, and which settings move its bits.

    over-produced machine -> a run a criterion; from the reference criterion's: controls, Fisher information, quality

A condition and seed are one file, <runs>/<experiment>/<condition>/<seed>.nc.
"""

import json
import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from analysis import data
from analysis.experiment import controls, protocol, proxy, quality, sessions
from analysis.experiment.settings import Birth, Life
from analysis.files import netcdf, provenance
from analysis.pruning import label, source_text_hash

_LOG = logging.getLogger("analysis")
OVERPRODUCED = "overproduced"
BIRTH, LIFE = tuple(Birth.model_fields), tuple(Life.model_fields)


class Condition(NamedTuple):
    """What is made of an experiment and seed."""

    name: str
    title: str
    source: str  # the condition that it starts from, "" for none
    reads: tuple[str, ...]  # settings that move its bits
    criterion: str  # entry of the config, whose text moves them too where it is the user's own
    sessions: Callable[..., Iterator[xr.Dataset]]  # (settings, seed, source's dataset, done): a run of sessions


def conditions(settings: dict) -> dict[str, Condition]:
    """{name: Condition} of an experiment, in the order in which they are made."""
    found = [overproduced(), *map(pruned_by, settings["criteria"])]
    found += [control(name, settings) for name in settings["controls"]]
    found += [fisher(settings)] * settings["proxy"]
    found += [quality_of(settings)] if settings["quality"] is not None else []
    return {condition.name: condition for condition in found}


def overproduced() -> Condition:
    """The large machine, trained."""
    run = partial(_at_once, lambda settings, seed, _: protocol.overproduce(settings, seed, progress=True))
    return Condition(OVERPRODUCED, "over-produced machine of {}", "", BIRTH, "", run)


def pruned_by(entry: str) -> Condition:
    """The over-produced machine, pruned session by session by the criterion of an entry of the config."""

    def run(settings: dict, seed: int, source: xr.Dataset, done: xr.Dataset | None) -> Iterator[xr.Dataset]:
        return protocol.prune_sessions(settings, entry, seed, source, progress=True, done=done)

    return Condition(label(entry), f"{{}} pruned by {label(entry)}", OVERPRODUCED, LIFE, entry, run)


def control(name: str, settings: dict) -> Condition:
    """Machines of the sizes that the reference run reached, made in another way."""

    def run(settings: dict, seed: int, source: xr.Dataset, done: xr.Dataset | None) -> Iterator[xr.Dataset]:
        if missing := sorted(set(settings["control_sessions"]) - set(source["session"].values.tolist())):
            raise ValueError(f"reference: found no sessions {missing}, expected a run by this config")
        return controls.control_sessions(settings, name, seed, source, progress=True, done=done)

    return _after_reference(name, f"{{}}, control {name}", settings, ("control_sessions",), run)


def fisher(settings: dict) -> Condition:
    """Local estimates beside the exact Fisher information, along the reference run."""
    title = "{}, local estimates and exact Fisher information"
    return _after_reference("fisher", title, settings, (), partial(_at_once, proxy.proxy_run))


def quality_of(settings: dict) -> Condition:
    """Likelihood and convergence of machines along the reference run. Raises ValueError where the config has none."""
    if settings["quality"] is None:
        raise ValueError("quality: found null in the config, expected settings")
    run = partial(_at_once, quality.quality_run)
    return _after_reference("quality", "{}, likelihood and convergence", settings, ("quality",), run)


def _after_reference(name: str, title: str, settings: dict, more: tuple[str, ...], run: Callable) -> Condition:
    entry = protocol.reference_entry(settings)
    return Condition(name, title, label(entry), (*LIFE, "reference", *more), entry, run)


def _at_once(
    function: Callable, settings: dict, seed: int, source: xr.Dataset | None, done: xr.Dataset | None
) -> Iterator[xr.Dataset]:
    """As a run of sessions, for what is one dataset."""
    if done is None:
        yield function(settings, seed, source)


def make_missing(
    config: dict, experiment: str, seed: int, runs: Path, only: list[str] | None = None, save_every: float = 30.0
) -> None:
    """Make the files of a seed that are absent, damaged, or of other code, data or settings; others stay.

    only : names of conditions; what they start from is made too. Raises ValueError for unknown ones.
    """
    settings, read = config["experiments"][experiment], cache(netcdf.read)
    known = conditions(settings)
    if unknown := [name for name in only or () if name not in known]:
        raise ValueError(f"only: found {unknown[0]!r}, expected one of {', '.join(known)}")
    wanted = set(only or known)
    wanted |= {known[name].source for name in wanted}
    wanted |= {known[name].source for name in wanted - {""}}
    for name, condition in known.items():
        if name not in wanted:
            continue
        path = Path(runs, experiment, name, f"{seed}.nc")
        attrs = attributes(config, experiment, seed, condition)
        if _is_made(path, condition, attrs):
            _LOG.info("%s, seed %d: %s is there", experiment, seed, name)
            continue
        _LOG.info("%s, seed %d: %s begins", experiment, seed, name)
        source = read(Path(runs, experiment, condition.source, f"{seed}.nc")) if condition.source else None
        make(condition, settings, seed, source, path, attrs, save_every)


def make(
    condition: Condition,
    settings: dict,
    seed: int,
    source: xr.Dataset | None,
    path: Path,
    attrs: dict,
    save_every: float,
) -> None:
    """Write the file of a condition and seed. source : the dataset that it starts from."""
    begin = partial(condition.sessions, settings, seed, source)
    sessions.write(begin, path, attrs, save_every, partial(_alike, condition.reads))


def attributes(config: dict, experiment: str, seed: int, condition: Condition) -> dict:
    """Attributes of the file: what it is, and all that made it."""
    settings = config["experiments"][experiment]
    source = {k: v for k, v in data.load(settings["dataset"]).attrs.items() if isinstance(v, (str, int, float))}
    more = {"title": condition.title.format(experiment), "experiment": experiment, "seed": seed, "data": source}
    if condition.name in (*map(label, settings["criteria"]), *settings["controls"]):
        more["condition"] = condition.name
    if condition.criterion and (text := source_text_hash(condition.criterion)):
        more["criterion_sha256"] = text
    return provenance.attributes(config, **more)


def _is_made(path: Path, condition: Condition, attrs: dict) -> bool:
    """Whether the file is there, whole, and made alike."""
    try:
        return path.exists() and _alike(condition.reads, netcdf.read(path).attrs, attrs)
    except netcdf.Damaged as error:
        _LOG.info("making it again: %s", error)
        return False


def _alike(reads: tuple[str, ...], found: dict, wanted: dict) -> bool:
    """Whether both are attributes of the same code, data and settings, as far as they move bits."""
    return _made_by(found, reads) == _made_by(wanted, reads)


def _made_by(attrs: dict, reads: tuple[str, ...]) -> tuple[list, list]:
    settings = json.loads(attrs.get("config", "{}")).get("experiments", {}).get(attrs.get("experiment"), {})
    names = ("code_fingerprint", "experiment", "condition", "seed", "data", "criterion_sha256")
    return [attrs.get(name) for name in names], [settings.get(key) for key in reads]
