"""The config: every number that a protocol has a choice about, validated before anything runs.

`config/default.yaml` is whole. Another file names the one that it `extends`, beside it or in config/, and says what
differs: mappings are laid over mappings, key by key; all else, lists too, stands instead of what was there. `null`
takes a key away, but where null is a value (`quality`, `receptive_field`, ...). An experiment that is taken away takes
the predictions about it along; one may itself say what differs from another, which it `extends`.
"""

from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field

from analysis.experiment.predictions import Claims
from analysis.experiment.settings import Experiment, Name
from analysis.files import typed, yamlfile
from analysis.files.checkout import ROOT


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
    """Predictions about other experiments than those."""
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
