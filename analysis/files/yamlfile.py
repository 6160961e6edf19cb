"""YAML 1.2 files: 1e-2 is a number, and a key that is there twice is refused."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError

from analysis.files import whole


def read(path: Path | str) -> Any:
    """What stands in the file. Raises ValueError, one line: no such file, not YAML; OSError: not to be read."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"config: found no file {path}, expected a YAML file such as config/default.yaml")
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except DuplicateKeyError as error:
        found = error.problem.partition(" with value")[0]
        raise ValueError(f"{path}: at line {error.problem_mark.line + 1}: {found}, expected each key once") from error
    except (YAMLError, ValueError) as error:
        found = f"{path}, which is not YAML ({' '.join(str(error).split())})"
        raise ValueError(f"config: found {found}, expected one as config/default.yaml") from error


def parse(text: str) -> Any:
    """The value that a text in YAML 1.2 stands for. Raises YAMLError."""
    return YAML(typ="safe", pure=True).load(text)


def write(content: Any, path: Path | str) -> None:
    """Write the file, whole or not at all."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, False  # type: ignore[assignment]
    yaml.representer.ignore_aliases = lambda data: True  # no anchors: who reads it wants to see the numbers
    with whole.whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
