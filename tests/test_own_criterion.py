"""A criterion of one's own is one file and one line of config; what is wrong with it is said in one line."""

import re

import naive
import numpy as np
import pytest

from analysis import pruning, training
from analysis.experiment import config, protocol
from analysis.experiment.controls import CONTROLS
from analysis.figures.style import look
from analysis.pruning import CRITERIA, Activity, criterion, source_text_hash
from analysis.verdicts.names import words
from analysis.workflow import rules

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
    assert (found.name, found.look.words) == ("correlation", words("correlation"))
    assert criterion(f"{mine}first_order").look.words == words("first_order") == "first order"
    assert found.look[1:] == look("correlation")
    assert found.look[1:] not in [x.look[1:] for x in [*CRITERIA.values(), *CONTROLS.values()]]
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
    for each in [*(x for x in CRITERIA.values() if not x.awake), criterion(f"{mine}correlation")]:
        each(MACHINE, asleep, 0)
    with pytest.raises(ValueError, match=r"first_order: found ValueError in line 8 \(activity.awake: found samples"):
        criterion(f"{mine}first_order")(MACHINE, STATES, 0)


def test_a_criterion_can_not_change_the_samples_that_the_run_goes_on_with(mine):
    before = [x.copy() for x in STATES]
    criterion(f"{mine}careless")(MACHINE, STATES, 0)
    assert all((a == b).all() for a, b in zip(STATES, before))


def test_a_run_that_finds_nothing_important_names_its_criterion(tmp_path, few_patterns):
    (tmp_path / "mine.py").write_text("def none(machine, *_):\n    return [0 * mask for mask in machine.masks]\n")
    entry, settings = f"{tmp_path / 'mine.py'}:none", config.load("config/smoke.yaml")["experiments"]["patches"]
    with few_patterns():
        source = protocol.overproduce(settings, 1)
        with pytest.raises(ValueError, match=f"^criterion {entry}: importance.0.: found 0 for all"):
            protocol.prune_run(settings, entry, 1, source)


def test_an_edited_file_has_another_hash_and_is_what_runs(mine, tmp_path):
    hashes, found = [], []
    for text in (FILE, FILE.replace("np.abs(np.cov", "2 * np.abs(np.cov"), FILE):
        (tmp_path / "mine.py").write_text(text)
        hashes.append(source_text_hash(f"{mine}correlation"))
        found.append(criterion(f"{mine}correlation")(MACHINE, STATES, 0)[0])
    assert hashes[0] == hashes[2] != hashes[1]
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found[1], 2 * found[0])


def refused(function, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        function()
    assert "\n" not in str(error.value)


LIST = "expected a list of arrays, one a layer, of shapes (4, 3)"
RESULTS = {
    "None": f"importance: found NoneType, {LIST}",
    "[]": f"importance: found 0 arrays, {LIST}",
    "np.array(1)": f"importance: found ndarray, {LIST}",
    "(x for x in ())": f"importance: found generator, {LIST}",
    "[np.ones((3, 4))]": "importance[0]: found shape (3, 4), expected (4, 3)",
    "[np.full((4, 3), np.nan)]": "importance[0]: found values that are not finite, expected a number a",
    "[[['a'] * 3] * 4]": "importance[0]: found values of type <U1, expected numbers",
    "1 / 0": "found ZeroDivisionError in line 4 (division by zero), expected importance",
    "activity[7]": "found IndexError in line 4 (list index out of range), expected importance",
    "exit(3)": "found SystemExit in line 4 (3), expected importance",
    "g()": "found KeyError in line 7 ('two lines'), expected importance",
}


@pytest.mark.parametrize("result", RESULTS)
def test_what_an_own_function_gives_wrong_is_said_in_one_line(tmp_path, result):
    text = f"import numpy as np\n\ndef f(machine, activity, seed):\n    return {result}\n\ndef g():\n"
    (tmp_path / "mine.py").write_text(text + "    raise KeyError('two lines')\n")
    entry = f"{tmp_path / 'mine.py'}:f"
    refused(lambda: criterion(entry)(MACHINE, STATES, 0), f"criterion {entry}: {RESULTS[result]}")


def test_a_workflow_tries_an_own_criterion_on_the_experiment_s_layers_before_any_run(mine):
    settings = config.load("config/smoke.yaml")["experiments"]["digits"]
    for name in ("correlation", "careless"):
        rules.try_own_criteria(settings | {"criteria": ["weight", f"{mine}{name}"]})
    with pytest.raises(ValueError, match=r"mine.py:first_order: found ValueError in line 8 .*expected importance$"):
        rules.try_own_criteria(settings | {"criteria": [f"{mine}first_order"]})  # unpacks two layers of three


def test_a_keyboard_interrupt_passes(tmp_path):
    (tmp_path / "mine.py").write_text("def stop(*_):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        criterion(f"{tmp_path}/mine.py:stop")(MACHINE, STATES, 0)


FILES = {
    "def f(:": "found SyntaxError (invalid syntax (mine.py, line 3)), expected a file that imports",
    "import nothing_of_this_name": "found ModuleNotFoundError in line 3 (No module named",
    "import sys; sys.exit(3)": "found SystemExit in line 3 (3), expected a file that imports",
    "raise RuntimeError('a\\nb')": "found RuntimeError in line 3 (a b), expected a file that imports",
    "g = 1": "found no function f in the file, expected one",
}


@pytest.mark.parametrize("line", FILES)
def test_a_file_without_the_function_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "mine.py").write_text(f"\n\n{line}\n")
    entry = f"{tmp_path / 'mine.py'}:f"
    refused(lambda: criterion(entry), f"criterion {entry}: {FILES[line]}")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("no.py:f", r"found no.py:f: FileNotFoundError \(.*No such file.*\), expected a file that imports; its path"),
        ("MINE:correlation", "found 'correlation' twice, expected each once"),
        ("MINE:weight", "found .*mine.py:weight: a name that stands for something else, expected"),
        ("MINE:kl", "found .*mine.py:kl: a name that stands for something else, expected another one"),
        ("MINE:born_small_units", "found .*, expected another name: runs or controls of this one are there"),
        ("weigth", "found 'weigth', expected one of variance_fi, .*, awake_variance, or mine.py:name"),
    ],
)
def test_a_config_refuses_it_before_any_run(mine, tmp_path, entry, expected):
    (tmp_path / "mine.py").write_text(f"{FILE}\nborn_small_units = careless\n")
    described = config.load("config/smoke.yaml")
    criteria = [f"{mine}correlation", entry.replace("MINE:", mine)]
    described["experiments"]["patches"]["criteria"] += criteria
    with pytest.raises(ValueError, match=f"^config: at experiments/patches/criteria.*: {expected}"):
        config.check(described)
