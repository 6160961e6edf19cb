"""The README says what the data, the config and the code say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.experiment.config import ROOT

README = (ROOT / "README.md").read_text()
RECIPES = (ROOT / "docs" / "recipes.md").read_text()


def test_the_table_of_claims_is_the_one_that_the_runs_gave():
    shown = README.partition("<!-- claims -->\n")[2].partition("\n<!-- /claims -->")[0]
    table = (ROOT / "figures" / "claims.md").read_text().partition("\n\n")[0]
    assert table.count("\n") == 5
    assert shown == table


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
def test_the_example_of_five_lines_makes_a_figure(tmp_path):
    ((_, code),) = blocks(README, "python").items()
    assert len([line for line in code.splitlines() if line and not line.startswith("from")]) <= 5
    assert run([sys.executable, "-c", code], tmp_path).startswith("BoltzmannMachine(13-")
    assert (tmp_path / "pruned.png").stat().st_size > 10_000


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
