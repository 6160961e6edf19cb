"""The config: every number that a protocol has a choice about, validated before anything runs."""

import hashlib
import json
from pathlib import Path

import fastjsonschema
import yaml

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "config" / "schema.yaml"


def load(path):
    """The config file as a dict. Raises ValueError: no such file, not YAML, or what the schema refuses, in one line."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"config: found no file {path}, expected a YAML file such as config/default.yaml")
    try:
        config = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"config: {path} is not YAML: {' '.join(str(error).split())}") from error
    check(config, path)
    return config


def check(config, name="config"):
    """Raise ValueError with the first place where the config departs from config/schema.yaml, or from itself."""
    schema = yaml.safe_load(SCHEMA.read_text())
    try:
        fastjsonschema.validate(schema, config)
    except fastjsonschema.JsonSchemaValueException as error:
        place = "/".join(error.path[1:]) or "top level"
        raise ValueError(
            f"{name}: at {place}: found {_short(error.value)}, it {error.message.partition(' ')[2]}"
        ) from error
    for title, settings in config["experiments"].items():
        if settings["reference"] not in settings["criteria"]:
            found, known = settings["reference"], ", ".join(settings["criteria"])
            raise ValueError(f"{name}: at experiments/{title}/reference: found {found!r}, expected one of {known}")


def _short(value):
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
