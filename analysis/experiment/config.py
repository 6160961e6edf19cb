"""The config: every number that a protocol has a choice about, validated before anything runs.

`config/default.yaml` is whole. Another file names the one that it `extends`, beside it or in config/, and says what
differs: mappings are laid over mappings, key by key; all else, lists too, stands instead of what was there. `null`
takes a key away, but where null is a value (`quality`, `receptive_field`, ...). An experiment that is taken away takes
the predictions about it along; one may itself say what differs from another, which it `extends`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field, model_validator

from analysis.data.own import OwnImages
from analysis.experiment.controls import CONTROLS, WITH_EQUAL_WORK
from analysis.experiment.predictions import Claims
from analysis.experiment.settings import Experiment, Name
from analysis.files import typed, yamlfile
from analysis.files.checkout import ROOT
from analysis.pruning import label

Fault = tuple[str, Any, str]


def _no_folder_of_ours(folder: str) -> str:
    if folder in ("runs", "raw"):
        raise typed.fault("", repr(folder), "another name: data/runs and data/raw are taken")
    return folder


class Config(typed.Model):
    """A protocol: its experiments, and what the claims predict of them."""

    title: str
    folder: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$"), AfterValidator(_no_folder_of_ours)] = typed.LEFT_OUT
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]
    claims: Claims

    @model_validator(mode="after")
    def _contradictions(self):
        for name, experiment in self.experiments.items():
            for place, found, expected in contradictions(experiment):
                raise typed.fault(f"experiments/{name}/{place}", found, expected)
        return self


def load(path: Path | str) -> dict:
    """The config in a file as a plain dict, whole. Raises ValueError, one line: the place, what was found, expected."""
    config = merged([path])
    check(config, path)
    return config


def check(config: Any, name: Path | str = "config") -> None:
    """Raise ValueError with the first place where the config departs from its model, or from itself."""
    typed.check(Config, config, str(name))


def experiment(config: dict, name: str) -> dict:
    """The settings of an experiment. Raises ValueError with the known names for an unknown one."""
    if name not in config["experiments"]:
        raise ValueError(f"experiment: found {name!r}, expected one of {', '.join(config['experiments'])}")
    return config["experiments"][name]


def merged(paths: list, changes: dict | None = None) -> Any:
    """What the first file says and extends, with the other files, and then the changes, laid over it."""
    config = _extended(Path(paths[0]), ())
    for path in paths[1:]:
        config = lay_over(config, _own(Path(path))[0])
    config = lay_over(config, changes) if changes else config
    experiments = config.get("experiments") if isinstance(config, dict) else None
    if isinstance(experiments, dict):
        config["experiments"] = {name: _whole(experiments, name) for name in experiments}
    return config


def _whole(experiments: dict, name: str, above: tuple[str, ...] = ()) -> Any:
    """An experiment, with what it does not say itself from the one that it extends."""
    settings = experiments[name]
    if not isinstance(settings, dict) or "extends" not in settings:
        return settings
    base, above = settings["extends"], (*above, name)
    if not isinstance(base, str) or base not in experiments or base in above:
        raise ValueError(f"experiments/{name}/extends: found {base!r}, expected another experiment of the config")
    own = {key: value for key, value in settings.items() if key != "extends"}
    return _merge(_whole(experiments, base, above), own)


def _own(path: Path) -> tuple[Any, Any]:
    """What a file itself says, and what it extends, None for nothing."""
    content = yamlfile.read(path)
    return content, content.pop("extends", None) if isinstance(content, dict) else None


def _extended(path: Path, above: tuple[Path, ...]) -> Any:
    content, base = _own(path)
    if base is None:
        return lay_over({}, content)
    found = [folder / str(base) for folder in (path.parent, ROOT / "config") if (folder / str(base)).is_file()]
    if not found or found[0].resolve() in (*above, path.resolve()):
        raise ValueError(f"{path}: at extends: found {base!r}, expected another file beside it or in config/")
    return lay_over(_extended(found[0], (*above, path.resolve())), content)


def lay_over(base: Any, changes: Any) -> Any:
    """The base with the changes, by the rules above."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    result, experiments = _merge(base, changes), changes.get("experiments")
    gone = {name for name, of in experiments.items() if of is None} if isinstance(experiments, dict) else set()
    if gone and isinstance(result.get("claims"), dict):
        result["claims"] = {claim: _without(entries, gone) for claim, entries in result["claims"].items()}
    return result


def _without(entries: Any, gone: set[str]) -> Any:
    """The predictions of a claim without those about experiments that are gone."""
    if not isinstance(entries, dict):
        return entries
    return {name: of for name, of in entries.items() if not (isinstance(of, dict) and of.get("experiment") in gone)}


def _merge(base: Any, changes: Any) -> Any:
    if not isinstance(changes, dict):
        return changes
    result = dict(base) if isinstance(base, dict) else {}
    extends = "extends" in {**result, **changes}  # what it takes away is in another experiment
    for key, value in changes.items():
        if value is None and key not in _NULL_IS_A_VALUE and not extends:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def _models(model: type[typed.Model]):
    yield model
    for below in model.__subclasses__():
        yield from _models(below)


_NULL_IS_A_VALUE = {
    name
    for model in _models(typed.Model)
    for name, field in model.model_fields.items()
    if type(None) in get_args(field.annotation)
}


def contradictions(experiment: Experiment) -> Iterator[Fault]:
    """Where entries of an experiment contradict one another: (place, what was found, what was expected) of each."""
    for faults in (_of_depth, _of_samples, _of_images, _of_names, _of_lengths, _of_seeds):
        yield from faults(experiment)


def _of_depth(experiment: Experiment) -> Iterator[Fault]:
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


def _of_samples(experiment: Experiment) -> Iterator[Fault]:
    samples = experiment.samples
    if (samples.start == "tempered") != (samples.n_rungs is not None):
        expected = "a count of machines on the path" if samples.n_rungs is None else "none without start: tempered"
        yield "samples/n_rungs", "nothing" if samples.n_rungs is None else samples.n_rungs, expected


def _of_images(experiment: Experiment) -> Iterator[Fault]:
    if isinstance(experiment.dataset, OwnImages):
        if "digits" in experiment.measures and experiment.dataset.labels is None:
            yield "measures", experiment.measures, "no digits without dataset/labels"
        if experiment.dataset.patch and experiment.machine.receptive_field is not None:
            yield "machine/receptive_field", experiment.machine.receptive_field, "null for circular patches"


def _of_names(experiment: Experiment) -> Iterator[Fault]:
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
        given = tuning[name].model_dump(exclude_unset=True) if name in tuning else {}
        if from_large and not {"shares", "trained"} & given.keys():
            yield f"tuning/{name}", "nothing", "shares or trained, for it is pruned from large"
        read = ["shares", "trained"] if from_large else ["rates"]
        read += ["split"] * (name == "born_small_synapses" and len(experiment.machine.hidden) > 1)
        for key in sorted(given.keys() - read):
            yield f"tuning/{name}/{key}", given[key], f"nothing but {', '.join(read)}, which it reads"
    if experiment.reference not in labels:
        yield "reference", repr(experiment.reference), f"one of criteria, {', '.join(labels)}"


def _of_seeds(experiment: Experiment) -> Iterator[Fault]:
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


def _of_lengths(experiment: Experiment) -> Iterator[Fault]:
    n_sessions, quality = experiment.pruning.n_sessions, experiment.quality
    fraction: Any = experiment.pruning.fraction
    depth = len(experiment.machine.hidden)
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
