"""README and notebooks say what the data, the config and the code say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from analysis import claims
from analysis.files import netcdf
from analysis.files.checkout import ROOT
from analysis.verdicts import quality
from analysis.verdicts.datasets import BEYOND, BEYOND_FOLDERS, CLAIMS

README = (ROOT / "README.md").read_text()
RECIPES = (ROOT / "docs" / "recipes.md").read_text()
NUMBER = r"[-−]?\d[\d,.]*"
EFFECT = re.compile(rf"{NUMBER}[^\[\]\n]{{0,12}}\[{NUMBER}, {NUMBER}\]")  # mean [low, high], or a word between


def sentences(page):
    """Of README, or of the text of a notebook."""
    text = README
    if page in claims.NOTEBOOKS:
        cells = nbformat.read(ROOT / "notebooks" / f"{page}.ipynb", as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return [sentence for line in text.splitlines() for sentence in re.split(r"(?<=[.:;])\s", line)]


def rows_of_claims():
    """Of all tables of claims, in Markdown."""
    texts = [(ROOT / "figures" / name / "claims.md").read_text() for name in ("", *BEYOND_FOLDERS.values())]
    return [row for text in texts for row in text.splitlines() if row.startswith("| ")]


def test_readme_gives_each_effect_the_verdict_of_its_prediction():
    short = dict(zip(claims.VERDICTS, ("yes", "no", "the opposite", "too small to matter", "open")))
    stated = [row for row in README.splitlines() if row.startswith("|") and EFFECT.search(row)]
    assert len(stated) >= 11
    for row in stated:
        effect, said = EFFECT.search(row).group(), row.rstrip("|").rpartition("|")[2]
        rows = [of for of in rows_of_claims() if f"| {effect} " in of]
        verdicts = [verdict for of in rows for verdict in short if f"| {verdict} |" in of]
        assert {short[verdict] for verdict in verdicts} == {said}, row


@pytest.mark.parametrize(("page", "at_least"), [("README.md", 4), *((claim, 1) for claim in (*CLAIMS, *BEYOND))])
def test_every_number_with_an_interval_is_a_row_of_the_table_of_claims(page, at_least):
    rows = "\n".join(rows_of_claims())
    found = [(effect.replace("−", "-"), text) for text in sentences(page) for effect in EFFECT.findall(text)]
    assert len(found) >= at_least
    assert [text for effect, text in found if f"| {effect} " not in rows] == []


def counted():
    """(page, what it says) of the numbers without an interval in README and the conclusions, from the datasets."""
    primary = netcdf.read(ROOT / "data" / "claims.nc").to_dataframe().query("primary == 1")
    of = primary["verdict"].value_counts()
    yield "README.md", f"Of {len(primary)} primary predictions {of['reproduced']} are reproduced,"
    yield "README.md", f"{of['contradicted']} contradicted, {of['not reproduced']} not reproduced"
    yield "README.md", f"{of['no difference that matters']} differ by less than matters, {of['open']} are open"
    checks = claims.load("06_model_quality", ROOT / "data")
    shown = [row for row in rows_of_claims() for effect in EFFECT.findall(README) if f"| {effect} " in row]
    n_seeds = [int(row.split(" | ")[4]) for row in shown]
    yield "README.md", f"{min(n_seeds)} to {max(n_seeds)} seeds"
    patches = claims.part(claims.load("02_weight_pruning", ROOT / "data"), "patches")
    ranks = patches["check_rank_correlation"].dropna("seed", how="all")
    limit = claims.settings(checks)["claims"]["model_quality"]["rank_correlation"]
    first, *_, last = quality.beyond(ranks, limit).sum("seed").values
    text = f"in {first} of {ranks.sizes['seed']} seeds before pruning and in {last} after the last session"
    for claim in ("02_weight_pruning", "03_fisher_proxy", "04_neuron_loss"):
        yield claim, f"other samples give other ranks {text}"
    table = quality.checks(checks).query("experiment == 'patches'")
    trained = table[table["check"] == quality.CHECKED["trained"]].set_index("session")
    yield "06_model_quality", f"{trained['mean'][3]:.3g} nats above what exact gradients reach"


@pytest.mark.parametrize(("page", "text"), [*counted()])
def test_a_number_without_an_interval_is_that_of_the_data(page, text):
    assert text in " ".join(sentences(page))


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
