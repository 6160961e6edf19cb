"""The smoke workflow with a criterion of one's own, in a copy: complete; stale where it should be; from anywhere."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import xarray as xr
from test_same_bits import copy_checkout

from analysis.files.checkout import ROOT

CLAIMS = ["01_overproduction", "02_weight_pruning", "03_fisher_proxy", "04_neuron_loss"]
MINE = """
import numpy as np

def correlation(machine, activity, seed):
    pairs = zip(activity, activity[1:])
    return [np.abs(v.T.astype(float) @ h / len(v) - np.outer(v.mean(0), h.mean(0))) for v, h in pairs]
"""
CONFIG = """
extends: smoke.yaml
experiments:
  patches:
    criteria: [variance_fi, heuristic_fi, eigenvector, weight, random, random_units, anti_fi, "mine.py:correlation"]
"""


def start(folder, *arguments, check=True, **variables):
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text[-3000:]
    assert done.returncode == 0 or not check, text[-3000:]
    return text


def snakemake(folder, *arguments):
    options = ["--workflow-profile", "profiles/default", "--configfile", "config/mine.yaml", "--config", "out=smoke"]
    return start(folder, *arguments, *options)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the checkout in a folder with a space in its name, with a config and a criterion of one's own."""
    folder = copy_checkout(tmp_path_factory.mktemp("a checkout"))
    (folder / "mine.py").write_text(MINE)
    (folder / "config" / "mine.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def built(copied):
    """The copy, with the smoke workflow done in smoke/."""
    snakemake(copied)
    return copied


def planned(folder, *arguments):
    """{rule: number of jobs} that would run now."""
    return jobs(snakemake(folder, "--dry-run", *arguments))


def jobs(text):
    """{rule: number of jobs} that Snakemake says it runs."""
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


@pytest.mark.slow
def test_the_whole_workflow_makes_claims_figures_datasets_and_executed_notebooks(built):
    table = xr.load_dataset(built / "smoke/data/claims.nc", engine="h5netcdf")
    assert len(set(table["claim"].values)) == len(CLAIMS)
    for name in ("figures/claims.md", "figures/claims.svg"):
        assert (built / "smoke" / name).stat().st_size > 1000
    for claim in [*CLAIMS, "06_model_quality"]:
        assert xr.load_dataset(built / f"smoke/data/{claim}.nc", engine="h5netcdf").attrs["claim"] == claim
        assert {path.suffix for path in (built / "smoke/figures" / claim).glob("[!.]*")} == {".png", ".svg"}
        cells = json.loads((built / f"smoke/results/notebooks/{claim}.ipynb").read_text())["cells"]
        counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
        assert counts == list(range(1, len(counts) + 1))


@pytest.mark.slow
def test_a_criterion_of_ones_own_goes_through_the_whole_workflow(built):
    dataset = xr.load_dataset(built / "smoke/data/02_weight_pruning.nc", engine="h5netcdf")
    assert "correlation" in dataset["patches_criterion"]
    run = xr.load_dataset(built / "smoke/data/runs/patches/correlation/0.nc", engine="h5netcdf")
    assert run["n_synapses"][-1] < run["n_synapses"][0]
    assert run.attrs["criterion_sha256"]


def swapped(old, new):
    return lambda text: text.replace(old, new)


def other_cell(text, key, value):
    notebook = json.loads(text)
    next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")[key] = value
    return json.dumps(notebook)


JUDGED = {"claim": 5, "summary": 1}
ALL = {"seeds_of_digits": 2, "seeds_of_patches": 2, "further_seeds_of_patches": 1} | JUDGED
NOTEBOOK = "notebooks/02_weight_pruning.ipynb"
DIGITS = "  digits: {retraining: {n_epochs: 2}}\n"
EDITS = {
    "a notebook": (NOTEBOOK, lambda text: other_cell(text, "source", ["x = 1"]), {"claim": 1, "summary": 1}),
    "a figure": ("analysis/figures/style.py", swapped("SHOWN_DPI = 100", "SHOWN_DPI = 101"), JUDGED),
    "judging": ("config/mine.yaml", lambda text: f"{text}claims: {{confidence: 0.9}}\n", JUDGED),
    "a constant": ("analysis/kernels/layouts.py", swapped("CHAINS = 64", "CHAINS = 32"), {"compile": 1} | ALL),
    "one experiment": ("config/mine.yaml", lambda text: text + DIGITS, {"seeds_of_digits": 2} | JUDGED),
    "an own criterion": ("mine.py", swapped("np.abs", "np.square"), {"seeds_of_patches": 2} | JUDGED),
}


@pytest.mark.slow
def test_a_comment_in_a_kernel_and_stored_outputs_make_nothing_stale(built, edit):
    edit("analysis/kernels/gibbs.py", swapped("@kernel\n", "@kernel  # quick\n"))
    edit(NOTEBOOK, lambda text: other_cell(text, "outputs", []))
    assert planned(built) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_a_change_makes_exactly_what_depends_on_it_stale(built, edit, name):
    file, function, expected = EDITS[name]
    edit(file, function)
    assert planned(built) == expected


@pytest.mark.slow
def test_a_run_that_is_missing_is_made_alone_and_to_the_same_bytes(built):
    runs = built / "smoke/data/runs/patches"
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in runs.rglob("*.nc")}
    (runs / "random/1.nc").unlink()
    assert jobs(snakemake(built, "runs")) == {"seeds_of_patches": 1, "runs": 1}
    after = {path: (path.stat().st_ino, path.read_bytes()) for path in runs.rglob("*.nc")}
    assert {path: content for path, (_, content) in after.items()} == {p: content for p, (_, content) in before.items()}
    assert [path for path in after if after[path][0] != before[path][0]] == [runs / "random/1.nc"]
    assert planned(built) == {}  # claims of the same bytes are as good as new


@pytest.mark.slow
@pytest.mark.parametrize("name", ["data/02_weight_pruning.nc", "results/notebooks/02_weight_pruning.ipynb"])
def test_a_result_that_is_missing_is_made_again(built, name):
    away = (built / "smoke" / name).rename(built / "away")
    found = planned(built)
    away.rename(built / "smoke" / name)
    assert found == JUDGED | {"claim": 1}


@pytest.mark.slow
def test_another_folder_is_refused_in_a_line_and_the_checkout_named_works(copied, tmp_path):
    for options in ([], ["--directory", tmp_path]):
        text = start(tmp_path, "-n", "-s", copied / "Snakefile", *options, check=False)
        assert f"checkout: found the working folder {tmp_path}, expected {copied}; start Snakemake there" in text
    assert "Job stats" in start(tmp_path, "-n", "-s", copied / "Snakefile", "--directory", copied)


@pytest.mark.slow
def test_a_notebook_has_the_package_of_the_checkout_that_it_lies_in(copied, tmp_path):
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis/__init__.py").write_text("raise RuntimeError")
    shutil.copytree(ROOT / "profiles/ipython", tmp_path / "ipython/profile_default")  # as make env does for .venv
    cell = nbformat.v4.new_code_cell("import analysis; print(analysis.__file__)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), copied / "notebooks/where.ipynb")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout", "where.ipynb"]
    done = subprocess.run(command, cwd=copied / "notebooks", env=environment, capture_output=True, text=True)
    (copied / "notebooks/where.ipynb").unlink()
    assert str(copied / "analysis") in done.stdout, done.stderr[-3000:]


@pytest.mark.slow
def test_what_the_command_line_says_is_what_runs_or_is_refused(copied):
    smoke = ["--configfile", "config/smoke.yaml", "--config", "out=asked"]
    assert "snakemake: out: found no place" in start(copied, "-n", "--configfile", "config/smoke.yaml", check=False)
    few = 'experiments={"patches": {"n_seeds": 3}, "digits": {"criteria": ["random", "variance_fi_w2"]}}'
    for said, message in {
        'experiments={"patches": {"n_seed": 3}}': "--config: at experiments/patches: found the unknown key 'n_seed'",
        'experiments={"digits": {"proxy": true}}': "at experiments/digits/proxy: found True, expected false",
        few: "claims/weight_pruning/digits_units/more: found 'weight', expected one of random, variance_fi_w2",
        f"claims={json.dumps({name[3:]: None for name in CLAIMS})}": "claims: found none, expected one or more",
    }.items():
        assert message in start(copied, "-n", *smoke, said, check=False)
    assert jobs(start(copied, "runs", "-n", *smoke, few))["seeds_of_patches"] == 3
