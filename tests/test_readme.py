"""The README says what the data, the config and the code say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.files.checkout import ROOT

README = (ROOT / "README.md").read_text()
RECIPES = (ROOT / "docs" / "recipes.md").read_text()


def test_every_effect_of_the_readme_is_a_row_of_the_table_of_claims():
    effects = re.findall(r"(-?[\d.]+ \[-?[\d.]+, -?[\d.]+\])", README)
    rows = (ROOT / "figures" / "claims.md").read_text()
    assert len(effects) >= 10
    assert [effect for effect in effects if f"| {effect} " not in rows] == []


def blocks(text, language):
    """{heading: code} of the fenced blocks of a language."""
    sections = re.split(r"^#+ ", text, flags=re.MULTILINE)
    found = {part.partition("\n")[0]: re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL) for part in sections}
    return {heading: code for heading, codes in found.items() for code in codes}


def run(command, folder):
    """What the command prints, run in a folder that has the config and data of this checkout."""
    for name in ("config", "data"):  # the package comes from the checkout, with its compiled kernels
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("title", blocks(RECIPES, "python"))
def test_recipe_is_short_and_runs(title, tmp_path):
    code = blocks(RECIPES, "python")[title]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    (tmp_path / "mine.py").write_text(code)
    assert run([sys.executable, "mine.py"], tmp_path).strip()


@pytest.mark.slow
def test_recipes_by_hand_run(tmp_path):
    ((_, commands),) = blocks(RECIPES, "sh").items()
    run(["bash", "-euc", commands], tmp_path)
    made = {path.parent.name for path in (tmp_path / "results" / "by_hand").rglob("*.nc")}
    assert made == {"overproduced", "weight", "variance_fi", "fisher"}
