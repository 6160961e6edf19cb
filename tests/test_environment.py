"""pyproject.toml, environment.yml and requirements.txt name the same packages, with the same bounds.

pyproject.toml is the source: its dependencies and locked extras are listed with the same bounds in environment.yml, and
requirements.txt pins each of them, and all that they need, to one version within these bounds and its file hashes.
"""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKED_EXTRAS = {"workflow", "test", "build", "install"}
UNLOCKED_EXTRAS = {"bench", "cluster"}
FILES = ("pyproject.toml", "environment.yml", "requirements.txt")


PYPROJECT, ENVIRONMENT, LOCK = ((ROOT / name).read_text() for name in FILES)


def specifiers(requirements):
    """{package: version specifier} of lines such as "numpy >=2.4"."""
    parsed = [Requirement(line) for line in requirements]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in parsed}


def pyproject_specifiers(text):
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + [line for name in sorted(LOCKED_EXTRAS) for line in extras[name]]
    return specifiers([*lines, "python" + project["requires-python"]])


def environment_specifiers(text):
    lines = [line for line in yaml.safe_load(text)["dependencies"] if isinstance(line, str)]
    return specifiers(line for line in lines if line != "pip")


def lock_entries(text):
    """One string a package: its pin, its marker and its hashes."""
    return [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def locked_versions(text):
    """{package: the one version that requirements.txt allows}."""
    pins = [entry.split(" --hash=")[0] for entry in lock_entries(text)]
    return {name: str(pin).removeprefix("==") for name, pin in specifiers(pins).items()}


def disagreements(pyproject, environment, lock):
    """What a reader must mend so that the three files agree; empty if they do."""
    wanted, conda, locked = pyproject_specifiers(pyproject), environment_specifiers(environment), locked_versions(lock)
    found = [f"{name}: not in pyproject.toml" for name in conda if name not in wanted]
    for name, bounds in wanted.items():
        if name not in conda:
            found.append(f"{name}: not in environment.yml")
        elif conda[name] != bounds:
            found.append(f"{name}: environment.yml has {conda[name]}, pyproject.toml {bounds}")
        if name == "python":
            continue
        if name not in locked:
            found.append(f"{name}: not in requirements.txt")
        elif locked[name] not in bounds:
            found.append(f"{name}: requirements.txt has {locked[name]}, pyproject.toml {bounds}")
    return found


def faulty_entries(lock):
    """Entries that are more or less than a pinned version, a marker and SHA-256 hashes."""
    whole = re.compile(r"[a-z0-9-]+==[0-9a-z.]+( ; [^:/@]+)?( +--hash=sha256:[0-9a-f]{64})+")
    return [entry for entry in lock_entries(lock) if not whole.fullmatch(entry.strip())]


def test_the_three_files_agree():
    assert disagreements(PYPROJECT, ENVIRONMENT, LOCK) == []
    assert {"pip": ["-e ."]} in yaml.safe_load(ENVIRONMENT)["dependencies"]


def test_every_extra_is_either_locked_or_known_not_to_be_and_the_build_backend_is_locked():
    whole = tomllib.loads(PYPROJECT)
    extras = whole["project"]["optional-dependencies"]
    assert set(extras) == LOCKED_EXTRAS | UNLOCKED_EXTRAS
    assert whole["build-system"]["requires"] == extras["build"]


def test_lock_holds_pins_and_hashes_and_names_no_index():
    assert faulty_entries(LOCK) == []
