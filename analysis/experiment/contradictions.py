"""Where the entries of an experiment contradict one another: (place, what was found, what was expected) of each."""

from collections.abc import Iterator
from typing import Any

from analysis.data.own import OwnImages
from analysis.experiment.controls import CONTROLS, WITH_EQUAL_WORK
from analysis.pruning import label

Fault = tuple[str, Any, str]


def of(experiment: Any) -> Iterator[Fault]:
    """The contradictions of a settings.Experiment."""
    for faults in (_of_depth, _of_samples, _of_images, _of_names, _of_lengths, _of_seeds):
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


def _of_samples(experiment: Any) -> Iterator[Fault]:
    samples = experiment.samples
    if (samples.start == "tempered") != (samples.n_rungs is not None):
        expected = "a count of machines on the path" if samples.n_rungs is None else "none without start: tempered"
        yield "samples/n_rungs", "nothing" if samples.n_rungs is None else samples.n_rungs, expected


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
    made, tuning = [*experiment.controls, *(experiment.equal_work or ())], experiment.tuning or {}
    for name in tuning:
        if name not in made:
            yield "tuning", repr(name), f"one of controls, {', '.join(made)}"
    for name in made:
        from_large = CONTROLS[name].wiring is None
        if from_large and name in (experiment.equal_work or ()):
            yield "equal_work", repr(name), "controls trained from scratch: those pruned from large work as much anyway"
        when = any(getattr(tuning.get(name), key, None) for key in ("shares", "trained"))
        if from_large and not when:
            yield f"tuning/{name}", "nothing", "shares or trained, for it is pruned from large"
        if when and not from_large:
            yield f"tuning/{name}", "shares or trained", "neither, for it is trained from scratch"
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
    by_session = isinstance(fraction, list) and isinstance(fraction[0], list)
    if by_session and len(fraction) != n_sessions:
        yield "pruning/fraction", f"{len(fraction)} lists", f"{n_sessions}, one a session as pruning/n_sessions"
    for layers in fraction if by_session else [fraction]:
        if isinstance(layers, list) and len(layers) != depth:
            yield "pruning/fraction", layers, f"one number, or {depth}, one a layer of synapses"
    asked = {"control_sessions": experiment.control_sessions}
    asked |= {"quality/sessions": quality.sessions} if quality else {}
    for place, sessions in asked.items():
        if max(sessions, default=0) > n_sessions:
            yield place, sessions, f"sessions up to {n_sessions}, as pruning/n_sessions"
    if quality and quality.n_samples > experiment.samples.n_chains:
        yield "quality/n_samples", quality.n_samples, f"at most {experiment.samples.n_chains}, as samples/n_chains"
