"""Where the entries of an experiment contradict one another: (place, what was found, what was expected) of each."""

from collections.abc import Iterator
from typing import Any

from analysis.data.own import OwnImages
from analysis.experiment.controls import CONTROLS, WITH_EQUAL_WORK
from analysis.pruning import label

Fault = tuple[str, Any, str]


def of(experiment: Any) -> Iterator[Fault]:
    """The contradictions of a settings.Experiment."""
    for faults in (_of_depth, _of_images, _of_names, _of_lengths, _of_seeds):
        yield from faults(experiment)


def _of_depth(experiment: Any) -> Iterator[Fault]:
    depth = len(experiment.machine.hidden)
    if len(experiment.pretraining) not in (0, depth):
        found = [schedule.model_dump() for schedule in experiment.pretraining]
        yield "pretraining", found, f"no schedules or {depth}, one a hidden layer"
    if depth > 1:
        for place in ("training", "retraining", "finishing"):
            if (schedule := getattr(experiment, place)) and schedule.algorithm == "cd":
                yield f"{place}/algorithm", "'cd'", "pcd, for more than one hidden layer"
        if experiment.proxy:
            yield "proxy", True, "false with more than one hidden layer"
        if "eigenvector" in experiment.criteria:
            yield "criteria", "'eigenvector'", "none with more than one hidden layer"


def _of_images(experiment: Any) -> Iterator[Fault]:
    if isinstance(experiment.dataset, OwnImages):
        if "digits" in experiment.measures and experiment.dataset.labels is None:
            yield "measures", experiment.measures, "no digits without dataset/labels"
        if experiment.dataset.patch and experiment.machine.receptive_field is not None:
            yield "machine/receptive_field", experiment.machine.receptive_field, "null for circular patches"


def _of_names(experiment: Any) -> Iterator[Fault]:
    labels = [label(entry) for entry in experiment.criteria]
    for name in labels:
        if name.removesuffix(WITH_EQUAL_WORK) in {*CONTROLS, "overproduced", "pruned", "fisher", "quality"}:
            yield "criteria", repr(name), "another name: runs or controls of this one are there"
    for place in ("equal_work", "tuning"):
        for name in getattr(experiment, place) or ():
            if name not in experiment.controls:
                yield place, repr(name), f"one of controls, {', '.join(experiment.controls)}"
    if experiment.reference not in labels:
        yield "reference", repr(experiment.reference), f"one of criteria, {', '.join(labels)}"


def _of_seeds(experiment: Any) -> Iterator[Fault]:
    first, explored = experiment.first_seed or 0, experiment.explored_seeds or 0
    if first < explored:
        yield "first_seed", first, f"at least {explored}, explored_seeds: those below have been looked at"
    if further := experiment.further_seeds:
        for place in ("criteria", "controls"):
            for name in getattr(further, place):
                if name not in getattr(experiment, place):
                    yield f"further_seeds/{place}", repr(name), f"one of {place}, as those of all seeds"
        if experiment.reference not in map(label, further.criteria):
            yield "further_seeds/criteria", further.criteria, f"{experiment.reference}, the reference, among them"


def _of_lengths(experiment: Any) -> Iterator[Fault]:
    n_sessions, quality = experiment.pruning.n_sessions, experiment.quality
    fraction, depth = experiment.pruning.fraction, len(experiment.machine.hidden)
    if isinstance(fraction, list) and len(fraction) != depth:
        yield "pruning/fraction", fraction, f"one number, or {depth}, one a layer of synapses"
    asked = {"control_sessions": experiment.control_sessions}
    asked |= {"quality/sessions": quality.sessions} if quality else {}
    for place, sessions in asked.items():
        if max(sessions, default=0) > n_sessions:
            yield place, sessions, f"sessions up to {n_sessions}, as pruning/n_sessions"
    if quality and quality.n_samples > experiment.samples.n_chains:
        yield "quality/n_samples", quality.n_samples, f"at most {experiment.samples.n_chains}, as samples/n_chains"
