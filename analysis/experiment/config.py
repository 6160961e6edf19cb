"""The config: every number that a protocol has a choice about, validated before anything runs."""

import hashlib
import json
import math
import re
from pathlib import Path

import fastjsonschema
import yaml

from analysis.files.checkout import ROOT

SCHEMA = ROOT / "config" / "schema.yaml"
MAPS_SCHEMA = ROOT / "config" / "maps_schema.yaml"
# JSON Schema takes 3.0 for a count
_COUNTS = re.compile("n_.+|batch_size|hidden|receptive_field|control_sessions|seed|crop")
_DEEPEST = 10


def load(path):
    """The config file as a dict. Raises ValueError: no such file, not YAML, or what the schema refuses, in one line."""
    config = _read(path)
    check(config, path)
    return config


def load_maps(path):
    """The config of maps in that file, and that of the protocol which it names. Raises ValueError as `load`."""
    maps = _read(path)
    check_schema(maps, path, MAPS_SCHEMA)
    protocol = load(ROOT / maps["protocol"])
    for described in maps["maps"].values():
        experiment(protocol, described["experiment"])
    return maps, protocol


def _read(path):
    path = Path(path)
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no file"
        raise ValueError(f"config: found {found} {path}, expected a YAML file such as config/default.yaml")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise ValueError(f"config: found no permission to read {path}, expected a readable file; chmod it") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise ValueError(
            f"config: found {path}, which is not YAML ({why}), expected one as config/default.yaml"
        ) from error
    return config


def check(config, name="config"):
    """Raise ValueError with the first place where the config departs from config/schema.yaml, or from itself."""
    check_schema(config, name, SCHEMA)
    for title, settings in config["experiments"].items():
        for place, found, expected in _contradictions(settings):
            raise ValueError(f"{name}: at experiments/{title}/{place}: found {_short(found)}, expected {expected}")


def check_schema(config, name, schema):
    """Raise ValueError with the first place where the config departs from the schema in that file."""
    for place, value, rule in _departures(config):
        raise ValueError(f"{name}: at {'/'.join(place)}: found {_short(value)}, it {rule}")
    _validate(_schema(schema), config, name)


def check_dataset(dataset):
    """Raise ValueError where a `dataset:` departs from its part of config/schema.yaml, or from itself."""
    of_dataset = {"$ref": "#/definitions/dataset", "definitions": _schema(SCHEMA)["definitions"]}
    _validate(of_dataset, dataset, "dataset")
    for place, found, expected in _faults_of_dataset(dataset):
        raise ValueError(f"{place}: found {_short(found)}, expected {expected}")


def _schema(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _validate(schema, value, name):
    try:
        fastjsonschema.validate(schema, value)
    except fastjsonschema.JsonSchemaValueException as error:
        place, described = "/".join(error.path[1:]) or "top level", error.definition.get("description")
        rule = f"expected {described}" if described else f"it {error.message.partition(' ')[2]}"
        raise ValueError(f"{name}: at {place}: found {_short(error.value)}, {rule}") from error


def _departures(value, place=()):
    """(place, value, rule) of what JSON Schema lets pass, or stumbles over."""
    if len(place) > _DEEPEST:
        yield place, value, f"must not lie deeper than {_DEEPEST} levels"
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and not isinstance(key, str):
                yield (*place, str(key)), key, "must be text, as every name; quote it"
            yield from _departures(inner, (*place, str(key)))
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield place, value, "must be a finite number"
        elif any(_COUNTS.fullmatch(name) for name in place[-2:]):
            yield place, value, "must be integer"
    elif not isinstance(value, str | int | None):
        yield place, value, "must be text or a number; quote it"


def _contradictions(settings):
    """(place, found, expected) of what an experiment's parts say against each other."""
    dataset = settings["dataset"]
    yield from _faults_of_dataset(dataset)
    if isinstance(dataset, dict) and "path" in dataset:
        if "digits" in settings["measures"] and "labels" not in dataset:
            yield "measures", settings["measures"], "no digits without dataset/labels"
        if "patch" in dataset and settings["machine"]["receptive_field"] is not None:
            yield "machine/receptive_field", settings["machine"]["receptive_field"], "null for circular patches"
    depth, criteria = len(settings["machine"]["hidden"]), settings["criteria"]
    n_sessions = settings["pruning"]["n_sessions"]
    if settings["reference"] not in criteria:
        yield "reference", settings["reference"], f"one of {', '.join(criteria)}"
    if max(settings["control_sessions"], default=0) > n_sessions:
        yield "control_sessions", settings["control_sessions"], f"sessions up to {n_sessions}, as pruning/n_sessions"
    if settings["quality"] is not None and max(settings["quality"]["sessions"]) > n_sessions:
        yield "quality/sessions", settings["quality"]["sessions"], f"sessions up to {n_sessions}, as pruning/n_sessions"
    if len(settings["pretraining"]) not in (0, depth):
        yield "pretraining", settings["pretraining"], f"no schedules or {depth}, one a hidden layer"
    for place in ("training", "retraining"):
        if depth > 1 and settings[place]["algorithm"] == "cd":
            yield f"{place}/algorithm", "cd", "pcd, for more than one hidden layer"
    if depth > 1 and (settings["proxy"] or "eigenvector" in criteria):
        place, found = ("proxy", True) if settings["proxy"] else ("criteria", "eigenvector")
        yield place, found, "none with more than one hidden layer"
    schedules = {f"pretraining/{k}": schedule for k, schedule in enumerate(settings["pretraining"])}
    for place, schedule in (schedules | {name: settings[name] for name in ("training", "retraining")}).items():
        momenta = schedule["momentum"]
        if isinstance(momenta, list) and len(momenta) != schedule["n_epochs"]:
            yield f"{place}/momentum", momenta, f"one value, or {schedule['n_epochs']}, one an epoch"


def _faults_of_dataset(dataset):
    """(place, found, expected) of what the entries of a `dataset:` say against each other."""
    if isinstance(dataset, str):
        return
    keys, own = set(dataset), {"binarise", "split"}
    if "path" not in keys:
        if "name" not in keys or keys - {"name", "n_train", "n_test"}:
            yield "dataset", sorted(keys), "name, n_train and n_test, or a path and its rule"
    elif keys & {"name", "n_train", "n_test"} or not own <= keys:
        yield "dataset", sorted(keys), "with path also binarise and split, and neither name nor numbers of patterns"
    elif "patch" in keys and "labels" in keys:
        yield "dataset/labels", dataset["labels"], "none with patch, for a patch has no class"
    elif ("patch" in keys) == ("test_fraction" in dataset["split"]):
        yield "dataset/split", dataset["split"], "test_fraction and seed for whole images, seed alone with patch"


def _short(value):
    if isinstance(value, dict) and value:
        return f"the keys {', '.join(map(str, value))}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def experiment(config, name):
    """The settings of an experiment. Raises ValueError with the known names for an unknown one."""
    if name not in config["experiments"]:
        raise ValueError(f"experiment: found {name!r}, expected one of {', '.join(config['experiments'])}")
    return config["experiments"][name]


def notebook_source(wildcards):
    """SHA-256 of the code and text of notebooks/<claim>.ipynb without its stored outputs, for Snakemake."""
    cells = json.loads((ROOT / "notebooks" / f"{wildcards.claim}.ipynb").read_text())["cells"]
    source = json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in cells])
    return hashlib.sha256(source.encode()).hexdigest()
