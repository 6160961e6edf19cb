"""pyproject.toml, the source, environment.yml and requirements.txt, which pins, name the same packages and bounds."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from analysis.files.checkout import ROOT

LOCKED_EXTRAS = {"workflow", "test", "build", "install"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, EXTRAS = PYPROJECT["project"], PYPROJECT["project"]["optional-dependencies"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
ENTRIES = (ROOT / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
ENTRIES = [line for line in ENTRIES if line and not line.startswith("#")]  # a package's pin, its marker and its hashes


def specifiers(requirements):
    """{package: version specifier} of lines such as "numpy >=2.4"."""
    parsed = [Requirement(line) for line in requirements]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in parsed}


WANTED = specifiers(PROJECT["dependencies"] + [line for name in sorted(LOCKED_EXTRAS) for line in EXTRAS[name]])


def test_conda_has_the_same_packages_within_the_same_bounds():
    conda = specifiers(line for line in ENVIRONMENT if isinstance(line, str) and line != "pip")
    assert conda == WANTED | specifiers(["python" + PROJECT["requires-python"]])
    assert {"pip": ["-e ."]} in ENVIRONMENT


def test_every_package_is_locked_at_a_version_within_its_bounds():
    locked = {name: str(pin) for name, pin in specifiers(entry.split(" --hash=")[0] for entry in ENTRIES).items()}
    assert [name for name, bounds in WANTED.items() if locked[name].removeprefix("==") not in bounds] == []


def test_lock_holds_pins_and_hashes_and_names_no_index():
    whole = re.compile(r"[a-z0-9-]+==[0-9a-z.]+( ; [^:/@]+)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [entry for entry in ENTRIES if not whole.fullmatch(entry.strip())] == []
