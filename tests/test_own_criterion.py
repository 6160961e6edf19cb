"""A criterion of one's own is one file and one line of config; what is wrong with it is said in one line."""

import re
import shutil
import subprocess
import sys

import naive
import numpy as np
import pytest
import xarray as xr

from analysis import pruning, training
from analysis.experiment import config
from analysis.experiment.controls import CONTROLS
from analysis.figures.style import look
from analysis.files.checkout import ROOT
from analysis.files.palette import by_name
from analysis.pruning import CRITERIA, Activity, criteria_of, criterion, label, source_file, source_text_hash
from analysis.verdicts.names import words

MACHINE = naive.machine_of((4, 3), density=1.1)
STATES = [np.random.default_rng(k).integers(0, 2, (50, n)).astype(np.uint8) for k, n in enumerate((4, 3))]
PATTERNS = np.random.default_rng(2).integers(0, 2, (20, 4)).astype(np.uint8)
FILE = """
import numpy as np

def correlation(machine, activity, seed):
    return [np.abs(np.cov(v.T, h.T)[: v.shape[1], v.shape[1] :]) for v, h in zip(activity, activity[1:])]

def first_order(machine, activity, seed):
    (v, h), (x, y) = activity.awake, activity.asleep
    return [np.abs(machine.weights[0] * (v.T @ h / len(v) - (x.T @ y.astype(float)) / len(x)))]

def careless(machine, activity, seed):
    activity.asleep[0][:] = 0
    return [np.ones(m.shape) for m in machine.masks]
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    return f"{tmp_path / 'mine.py'}:"


def test_an_own_criterion_is_a_record_as_any_other(mine):
    found = criterion(f"{mine}correlation")
    assert (found.name, found.words) == ("correlation", words("correlation"))
    assert criterion(f"{mine}first_order").words == words("first_order") == "first order"
    assert (found.colour, found.marker, found.line) == look("correlation")
    others = [(x.colour, x.marker, x.line) for x in [*CRITERIA.values(), *CONTROLS.values()]]
    assert (found.colour, found.marker, found.line) not in others
    v, h = STATES
    covariance = [[abs(np.cov(v[:, i], h[:, j])[0, 1]) for j in range(3)] for i in range(4)]
    for activity in (STATES, tuple(STATES), Activity(STATES)):
        np.testing.assert_allclose(found(MACHINE, activity, 0)[0], covariance)
    pruning.prune(MACHINE, found(MACHINE, STATES, 0), 0.5)


def test_awake_is_what_hidden_units_do_while_the_machine_sees_the_patterns(mine):
    """<v h> of the data less <v h> asleep, times w: the damage to first order."""
    calls = []

    def look():
        calls.append(1)
        return training.mean_field(MACHINE, PATTERNS)

    activity = Activity(STATES, look)
    (found,) = criterion(f"{mine}first_order")(MACHINE, activity, 0)
    probability = 1 / (1 + np.exp(-(MACHINE.biases[1] + PATTERNS @ MACHINE.weights[0])))
    asleep = STATES[0].T @ STATES[1].astype(float) / 50
    expected = np.abs(MACHINE.weights[0] * (PATTERNS.T @ probability / 20 - asleep))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    criterion(f"{mine}first_order")(MACHINE, activity, 0)
    criterion(f"{mine}correlation")(MACHINE, activity, 0)
    assert len(calls) == 1  # once for all who ask


def test_who_needs_sleep_alone_does_not_pay_for_waking(mine):
    asleep = Activity(STATES, lambda: pytest.fail("looked"))
    for each in [*CRITERIA.values(), criterion(f"{mine}correlation")]:
        each(MACHINE, asleep, 0)
    with pytest.raises(ValueError, match=r"first_order: found ValueError in line 8 \(activity.awake: found samples"):
        criterion(f"{mine}first_order")(MACHINE, STATES, 0)


def test_a_criterion_can_not_change_the_samples_that_the_run_goes_on_with(mine):
    before = [x.copy() for x in STATES]
    criterion(f"{mine}careless")(MACHINE, STATES, 0)
    assert all((a == b).all() for a, b in zip(STATES, before))


def test_labels_and_files_of_entries(mine, tmp_path):
    assert [label("variance_fi"), label(f"{mine}correlation")] == ["variance_fi", "correlation"]
    assert source_file("variance_fi") is source_text_hash("variance_fi") is None
    assert source_file(f"{mine}correlation") == tmp_path / "mine.py"
    assert source_file("own/mine.py:f").parts[-2:] == ("own", "mine.py")
    assert list(criteria_of(["weight", f"{mine}correlation"])) == ["weight", "correlation"]


def test_an_edited_file_has_another_hash_and_is_what_runs(mine, tmp_path):
    hashes, found = [], []
    for text in (FILE, FILE.replace("np.abs(np.cov", "2 * np.abs(np.cov"), FILE):
        (tmp_path / "mine.py").write_text(text)
        hashes.append(source_text_hash(f"{mine}correlation"))
        found.append(criterion(f"{mine}correlation")(MACHINE, STATES, 0)[0])
    assert hashes[0] == hashes[2] != hashes[1]
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found[1], 2 * found[0])


# ---- bad input: one line each --------------------------------------------------------------------------------------

LIST = "expected a list of arrays, one a layer of synapses, of shapes (4, 3)"
RESULTS = {
    "None": f"importance: found None, {LIST}",
    "[]": f"importance: found 0 arrays, {LIST}",
    "np.float64(1)": f"importance: found a float64, {LIST}",
    "(x for x in ())": f"importance: found 0 arrays, {LIST}",
    "[np.ones((3, 4))]": "importance[0]: found shape (3, 4), expected (4, 3)",
    "[np.full((4, 3), np.nan)]": "importance[0]: found values that are not finite, expected a number a",
    "[[['a'] * 3] * 4]": "importance[0]: found values of type <U1, expected numbers",
    "1 / 0": "found ZeroDivisionError in line 4 (division by zero), expected importance",
    "(1 / 0 for x in 'a')": "found ZeroDivisionError in line 4 (division by zero), expected importance",
    "activity[7]": "found IndexError in line 4 (list index out of range), expected importance",
    "exit(3)": "found SystemExit in line 4 (3), expected importance",
    "g()": "found KeyError in line 7 ('two lines'), expected importance",
}


@pytest.mark.parametrize("result", RESULTS)
def test_what_an_own_function_gives_wrong_is_said_in_one_line(tmp_path, result):
    text = f"import numpy as np\n\ndef f(machine, activity, seed):\n    return {result}\n\ndef g():\n"
    (tmp_path / "mine.py").write_text(text + "    raise KeyError('two lines')\n")
    entry = f"{tmp_path / 'mine.py'}:"
    with pytest.raises(ValueError, match="^" + re.escape(f"criterion {entry}f: {RESULTS[result]}")) as error:
        criterion(f"{entry}f")(MACHINE, STATES, 0)
    assert "\n" not in str(error.value)


def test_a_keyboard_interrupt_passes_and_a_generator_is_as_good_as_a_list(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def stop(*_):\n    raise KeyboardInterrupt\n\n\n"
        "def f(machine, activity, seed):\n    for mask in machine.masks:\n        yield mask.astype(float)\n"
    )
    with pytest.raises(KeyboardInterrupt):
        criterion(f"{tmp_path}/mine.py:stop")(MACHINE, STATES, 0)
    np.testing.assert_array_equal(criterion(f"{tmp_path}/mine.py:f")(MACHINE, STATES, 0), [np.ones((4, 3))])


FILES = {
    "def f(:": "found SyntaxError in line 3 (",
    "import nothing_of_this_name": "found ModuleNotFoundError in line 3 (No module named",
    "import sys; sys.exit(3)": "found SystemExit in line 3 (3), expected a file that imports",
    "raise RuntimeError('a\\nb')": "found RuntimeError in line 3 (a b), expected a file that imports",
    "g = 1": "found no function f in the file, expected one",
    "f = 1": "found no function f in the file, expected one",
}


@pytest.mark.parametrize("line", FILES)
def test_a_file_without_the_function_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "mine.py").write_text(f"\n\n{line}\n")
    entry = f"{tmp_path / 'mine.py'}:f"
    with pytest.raises(ValueError, match="^" + re.escape(f"criterion {entry}: {FILES[line]}")) as error:
        criterion(entry)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_name_that_is_taken_are_refused(mine, tmp_path):
    with pytest.raises(ValueError, match=r"^criterion no.py:f: found no readable file \(No such file.*\), expected a"):
        criterion("no.py:f")
    with pytest.raises(ValueError, match=r"^criterion no.py:f: found no readable file"):
        source_text_hash("no.py:f")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    with pytest.raises(ValueError, match=r"latin.py:f: found no readable file \('utf-8' codec can't decode"):
        criterion(f"{tmp_path}/latin.py:f")
    with pytest.raises(ValueError, match=r"mine.py:weight: found the name of a criterion of the package"):
        criterion(f"{mine}weight")
    (tmp_path / "other.py").write_text(FILE)
    with pytest.raises(ValueError, match=r"^correlation: found two records of this name, expected one; rename one$"):
        criteria_of([f"{mine}correlation", f"{tmp_path / 'other.py'}:correlation"])
    with pytest.raises(ValueError, match=r"^weight: found two records"):
        by_name(CRITERIA["weight"], CRITERIA["random"], CRITERIA["weight"])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("no.py:f", r"found no.py:f: no readable file \(No such file.*\), expected a file of Python, its path"),
        ("MINE:correlation", "found 'correlation' twice, expected each once"),
        ("MINE:weight", "found .*mine.py:weight: the name of a criterion of the package, expected"),
        ("MINE:pruned_once", "found .*, expected another name: runs or controls of this one are there"),
        ("weigth", "found 'weigth', expected one of variance_fi, .*, online_fi, or mine.py:name"),
    ],
)
def test_a_config_refuses_it_before_any_run(mine, tmp_path, entry, expected):
    (tmp_path / "mine.py").write_text(f"{FILE}\npruned_once = fisher = careless\n")
    described = config.load("config/smoke.yaml")
    criteria = [f"{mine}correlation", entry.replace("MINE:", mine)]
    described["experiments"]["patches"]["criteria"] += criteria
    with pytest.raises(ValueError, match=f"^config: at experiments/patches/criteria.*: {expected}"):
        config.check(described)


# ---- through the workflow ------------------------------------------------------------------------------------------

CONFIG = """
extends: smoke.yaml
experiments:
  digits: null
  patches: {criteria: [variance_fi, weight, mine.py:correlation], controls: [reinitialised], control_sessions: [2],
            n_seeds: 1, proxy: false, quality: null}
claims:
  fisher_proxy: {loss_minus_online: null, loss_minus_reference: {criteria: [correlation]}}
"""


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", *arguments, "--workflow-profile", "profiles/default"]
    command += ["--configfile", "config/mine.yaml", "--config", "out=own"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_an_own_criterion_goes_through_the_workflow_and_its_text_makes_its_runs_stale_alone(tmp_path):
    for name in ("analysis", "config", "notebooks", "profiles", "report"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "config" / "mine.yaml").write_text(CONFIG)
    runs, claim = tmp_path / "own/data/runs/patches", "03_fisher_proxy"

    status, text = snakemake(tmp_path, f"own/data/{claim}.nc")
    assert status == 0, text[-3000:]
    dataset = xr.load_dataset(tmp_path / f"own/data/{claim}.nc", engine="h5netcdf")
    assert dataset["patches_criterion"].values.tolist() == ["variance_fi", "weight", "correlation"]
    assert "correlation has the larger KL divergence" in (tmp_path / f"own/results/notebooks/{claim}.ipynb").read_text()
    assert any("<!-- correlation -->" in path.read_text() for path in (tmp_path / f"own/figures/{claim}").glob("*.svg"))

    before = {path: (path.stat().st_ino, xr.load_dataset(path)) for path in runs.glob("*/0.nc")}
    (tmp_path / "mine.py").write_text(FILE.replace("np.abs(np.cov", "1 - np.abs(np.cov"))
    status, text = snakemake(tmp_path, "runs")
    assert status == 0, text[-3000:]
    made = {path.parent.name for path, (inode, _) in before.items() if path.stat().st_ino != inode}
    assert made == {"correlation"}  # Snakemake gives all of them a new time
    after, earlier = xr.load_dataset(runs / "correlation/0.nc"), before[runs / "correlation/0.nc"][1]
    assert after.attrs["criterion_sha256"] != earlier.attrs["criterion_sha256"]
    assert (after["mask_1"] != earlier["mask_1"]).any()

    (tmp_path / "mine.py").write_text("x = 1 / 0\n")
    status, text = snakemake(tmp_path, "runs")
    assert status != 0
    assert "patches/criteria/2: found mine.py:correlation: ZeroDivisionError in line 1 (division by zero), exp" in text
    assert "Traceback" not in text
