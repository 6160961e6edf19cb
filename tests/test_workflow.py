"""The workflow on the smoke config, in a copy of the checkout: it completes; a change makes the right things stale."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import pytest
import xarray as xr
import yaml

from analysis.files.checkout import ROOT

pytestmark = pytest.mark.slow

CLAIMS = ["01_overproduction", "02_weight_pruning", "03_fisher_proxy", "04_neuron_loss"]
NOTEBOOKS = [*CLAIMS, "05_model_quality"]
FOLDERS = ("analysis", "config", "notebooks", "profiles", "report")


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/default"]
    command += ["--configfile", "config/smoke.yaml", "--config", "out=smoke", *arguments]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    return text


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the checkout in a folder with a space in its name, with the smoke workflow done in smoke/."""
    folder = tmp_path_factory.mktemp("a checkout")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    snakemake(folder)
    return folder


def planned(folder):
    """{rule: number of jobs} that would run now."""
    text = snakemake(folder, "--dry-run", "--rerun-triggers", "code", "input", "mtime", "params")
    table = re.search(r"Job stats:\njob\s+count\n[-\s]+\n(.*?)\ntotal", text, re.DOTALL)
    rows = (line.split() for line in table[1].splitlines()) if table else ()
    return {rule: int(count) for rule, count in rows if rule != "all"}


@pytest.fixture
def edit(built):
    """Change a file of the copy; put it back, with its time, after the test."""
    changed = []

    def change(name, function):
        path = built / name
        text, status = path.read_text(), path.stat()
        new = function(text)
        assert new != text
        changed.append((path, text, status))
        path.write_text(new)

    yield change
    for path, text, status in changed:
        path.write_text(text)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_whole_workflow_makes_claims_figures_datasets_and_executed_notebooks(built):
    assert (built / "smoke/figures/claims.md").read_text().count("|") > 20
    assert (built / "smoke/figures/claims.svg").stat().st_size > 1000
    table = xr.load_dataset(built / "smoke/data/claims.nc", engine="h5netcdf")
    assert len(set(table["claim"].values)) == len(CLAIMS)
    for claim in NOTEBOOKS:
        assert xr.load_dataset(built / f"smoke/data/{claim}.nc", engine="h5netcdf").attrs["claim"] == claim
        pictures = list((built / "smoke/figures" / claim).glob("[!.]*"))
        assert {path.suffix for path in pictures} == {".png", ".svg"}
        cells = json.loads((built / f"smoke/results/notebooks/{claim}.ipynb").read_text())["cells"]
        counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
        assert counts == list(range(1, len(counts) + 1))


def test_nothing_is_left_to_do_afterwards(built):
    assert planned(built) == {}


@pytest.mark.skipif(browser.CHROMIUM is None, reason="needs Chromium or Chrome")
def test_the_report_shows_the_claims_and_every_figure_and_fetches_nothing(built, tmp_path):
    snakemake(built, "--report", str(tmp_path / "report.html"), "--report-stylesheet", "report/style.css")
    seen = browser.look_at_report(tmp_path / "report.html", tmp_path)
    assert seen["refused"] == []
    for claim in CLAIMS:
        assert f"{int(claim[:2])}. {claim[3:].replace('_', ' ')}" in seen["front"]
    assert seen["front"].count("reproduced") > len(CLAIMS)
    figures = sorted(path.relative_to(built).as_posix() for path in (built / "smoke/figures").rglob("[!.]*.svg"))
    assert sorted(seen["pictures"]) == figures
    for picture in seen["pictures"].values():
        assert picture["width"] > 200
        assert picture["colours"] > 10
        assert "Dataset: " in picture["text"]
        assert "Code: " in picture["text"]


EVERYTHING = {
    "compile": 1,
    "overproduce": 4,
    "run": 28,
    "control": 20,
    "proxy": 2,
    "quality": 4,
    "claim": 5,
    "summary": 1,
}


def retrained_longer(text):
    changed = yaml.safe_load(text)
    digits = changed["experiments"]["digits"]
    digits["retraining"] = {**digits["retraining"], "n_epochs": digits["retraining"]["n_epochs"] + 1}
    return yaml.safe_dump(changed)


def judged_otherwise(text):
    changed = yaml.safe_load(text)
    changed["claims"]["interval"]["seed"] += 1
    return yaml.safe_dump(changed)


def other_source(text):
    changed = json.loads(text)
    changed["cells"][0]["source"] = ["# Another title"]
    return json.dumps(changed)


def other_output(text):
    changed = json.loads(text)
    (cell, *_) = (cell for cell in changed["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["another output\n"]}]
    return json.dumps(changed)


@pytest.mark.parametrize(
    ("name", "function", "expected"),
    [
        ("analysis/plotting.py", lambda text: text + "\n# changed\n", {"claim": 5, "summary": 1}),
        ("config/smoke.yaml", judged_otherwise, {"claim": 5, "summary": 1}),
        ("config/smoke.yaml", retrained_longer, {"run": 14, "control": 8, "quality": 2, "claim": 5, "summary": 1}),
        ("notebooks/02_weight_pruning.ipynb", other_source, {"claim": 1, "summary": 1}),
        ("notebooks/02_weight_pruning.ipynb", other_output, {}),
        ("analysis/pruning.py", lambda text: text + "\n# changed\n", EVERYTHING),
        ("analysis/kernels.py", lambda text: text + "\n# changed\n", EVERYTHING),
    ],
    ids=["drawing", "judging", "one experiment's protocol", "a notebook", "stored outputs", "simulation", "kernels"],
)
def test_a_change_makes_exactly_what_depends_on_it_stale(built, edit, name, function, expected):
    edit(name, function)
    assert planned(built) == expected
