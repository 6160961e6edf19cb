"""Bad input, on the command line and in Python: one line with what was found and what was expected, nothing written.

The cases of data files that are downloaded stand in tests/test_download.py.
"""

import re

import numpy as np
import pytest
import yaml

from analysis import data, fisher, pruning
from analysis.experiment import conditions, config
from analysis.files import netcdf, whole
from analysis.machine.convergence import convergence
from analysis.machine.likelihood import log_partition
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import sample, trajectory
from analysis.machine.tempering import tempered
from analysis.machine.training import Schedule, mean_field, pretrain_greedily, train
from analysis.workflow.__main__ import main

SMOKE = config.load(config.ROOT / "config" / "smoke.yaml")
ABSENT = object()


def smoke(like="patches", **changes):
    """The smoke config with other settings of the patches, as text."""
    patches = SMOKE["experiments"][like] | changes
    return yaml.safe_dump(SMOKE | {"experiments": SMOKE["experiments"] | {"patches": patches}}, sort_keys=False)


def beyond_memory(part, **changes):
    digits = SMOKE["experiments"]["digits"]
    return smoke("digits", **{"machine": digits["machine"] | {"hidden": [10**4] * 2}} | {part: digits[part] | changes})


CONFIGS = {
    "config absent": (ABSENT, "config: found no file config.yaml, expected a YAML file such as config/default.yaml"),
    "config not YAML": ("title: [", "which is not YAML (while parsing a flow node"),
    "pruning that leaves nothing": (smoke(pruning={"n_sessions": 20, "fraction": 0.5}), "found 20 sessions of 0.5, wh"),
    "a wrong entry": (smoke(dataset="digit"), "at experiments/patches/dataset: found 'digit', expected one of digits"),
    "samples beyond memory": (beyond_memory("samples", n_chains=4 * 10**9), "samples/n_chains: found 4000000000, whic"),
    "a machine beyond memory": (beyond_memory("machine", hidden=[4 * 10**9] * 2), "which needs 74,505,813,"),
}
OPTIONS = {
    "seed -1": ({"seed": "-1"}, "seed: seed: found -1, expected an integer from 0 to 2^64 - 1"),
    "seed x": ({"seed": "x"}, "seed: argument --seed: invalid int value: 'x'; see"),
    "save every x s": ({"save-every": "x"}, "seed: argument --save-every: invalid seconds value: 'x'; see"),
    "save every -1 s": ({"save-every": "-1"}, "seed: argument --save-every: invalid seconds value: '-1'; see"),
    "unknown experiment": ({"experiment": "patch"}, "experiment: found 'patch', expected one of patches, digits"),
    "unknown condition": ({"only": "w"}, "only: found 'w', expected one of overproduced, variance_fi,"),
    "no experiment": ({"experiment": ABSENT}, "seed: the following arguments are required: --experiment; see"),
}
COMMANDS = {
    "unknown command": (["prune"], "analysis.workflow: argument command: invalid choice: 'prune' (choose from 'seed',"),
    "output where nothing can be": (["compile", "--output", "/proc/x"], "found that nothing can be written in /proc"),
    "output is a folder": (["compile", "--output", "."], "found a directory ., expected the name of a file to write"),
    "summary of nothing": (["summary"], "dataset: found no file data/01_overproduction.nc, expected one"),
    "verify outside git": (["verify"], "expected a git checkout in ."),
}


def command(**changes):
    """The arguments of a command that is right but for the changes."""
    options = {"config": "config.yaml", "experiment": "patches", "seed": "0", "runs": "runs"} | changes
    return ["seed", *(text for k, value in options.items() if value is not ABSENT for text in (f"--{k}", value))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a config."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SMOKE, sort_keys=False))
    return tmp_path


def only_line(text):
    """The one line that is no log and no notice of compilation."""
    (line,) = (x for x in text.splitlines() if not re.match(r"\d{4}-\d\d-\d\d |analysis: compiling", x))
    return line


CASES = {name: (config, command(), message) for name, (config, message) in CONFIGS.items()}
CASES |= {name: (None, command(**changes), message) for name, (changes, message) in OPTIONS.items()}
CASES |= {name: (None, arguments, message) for name, (arguments, message) in COMMANDS.items()}


@pytest.mark.parametrize(("config", "arguments", "message"), CASES.values(), ids=CASES)
def test_a_wrong_command_ends_with_one_line_and_writes_nothing(folder, capfd, config, arguments, message):
    if config is ABSENT:
        (folder / "config.yaml").unlink()
    elif config is not None:
        (folder / "config.yaml").write_text(config)
    before = sorted(folder.rglob("*"))
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    found = capfd.readouterr()
    line = only_line(found.err)
    assert status in (1, 2)
    assert line.startswith("python -m analysis.workflow")
    assert message in line
    assert re.search("found .*(expected|it must)|; see|; use", line)
    assert sorted(folder.rglob("*")) == before


def test_the_command_that_the_cases_change_is_right(folder, monkeypatch):
    """Or else they would fail for another reason than they say."""
    monkeypatch.setattr(conditions, "make_missing", lambda *_: None)
    assert main(command()) == 0


RUN = bytes(BoltzmannMachine.random((13, 12), 0).to_dataset().to_netcdf(engine="h5netcdf"))
FILES = {
    "absent": (None, "dataset: found no file machine.nc, expected one written by python -m analysis.workflow"),
    "truncated": (RUN[:8000], "dataset: found machine.nc damaged (Unable to synchronously open file"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_whole_netcdf_is_refused(folder, content, message):
    if content is not None:
        (folder / "machine.nc").write_bytes(content)
    for read in (netcdf.read, lambda path: netcdf.some(path, [])):
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            read("machine.nc")


def test_a_place_where_no_run_can_be_written_is_named_before_any_work_and_after(tmp_path, capfd, monkeypatch):
    (tmp_path / "runs").write_text("")
    seed = ["seed", "--config", str(config.ROOT / "config" / "smoke.yaml"), "--experiment", "patches", "--seed", "0"]
    seed += ["--runs", str(tmp_path / "runs"), "--only", "overproduced"]
    assert main(seed) == 1
    assert "runs, expected a folder for 0.nc; name another" in only_line(capfd.readouterr().err)
    monkeypatch.setattr(whole, "check_output", lambda path: None)
    assert main(seed) == 1
    assert re.search(r"runs/patches.*: found Not a directory, expected a place to read", capfd.readouterr().err)


MACHINE, DEEP = BoltzmannMachine.random((4, 3), 0), BoltzmannMachine.random((4, 3, 2), 0)
CD = Schedule("cd", 1, (0.1, 0.1))
PATTERNS = np.arange(40).reshape(10, 4) % 3 % 2
STATES = [PATTERNS, PATTERNS[:, :3]]
THREE = [*STATES, PATTERNS[:, :2]]
RAGGED = [[0, 1, 0, 1], [0, 1]]
NOT_BINARY = "found values other than 0 and 1, expected binary patterns (binarise them first)"
UNEVEN = "found rows of different lengths, expected an array of numbers"
MANY = np.zeros((1, 3000), np.uint8)
NO_FRACTION = "expected a number above 0 and below 1, or one a layer"
ONES = [np.ones((4, 3))]


def cut(fraction=0.5, importance=ONES):
    return pruning.prune(MACHINE, importance, fraction)


def machine(biases=([0, 0], [0, 0]), weights=([[1, 1], [1, 1]],), masks=None):
    return BoltzmannMachine(biases, weights, masks)


CALLS = {
    "sample 0 chains": (lambda: sample(MACHINE, 0, 1, 0), "n_chains: found 0, expected a count of at least 1"),
    "0 records": (lambda: list(trajectory(MACHINE, 1, 0, 0)), "n_records: found 0, expected a count of at least 1"),
    "stride 0": (lambda: [*trajectory(MACHINE, 1, 1, 0, stride=0)], "stride: found 0, expected a count of at least 1"),
    "temper 1 chain": (lambda: tempered(MACHINE, 1, 10, 4, 0), "n_chains: found 1, expected a count of at least 2"),
    "temper by 1 rung": (lambda: tempered(MACHINE, 3, 10, 1, 0), "n_rungs: found 1, expected a count of at least 2"),
    "temper for 0 sweeps": (lambda: tempered(MACHINE, 3, 0, 4, 0), "n_steps: found 0, expected a count of at least"),
    "temper other states": (lambda: tempered(MACHINE, 5, 4, 3, 0, None, STATES), "initial: found 10 states, expect"),
    "anneal 1 chain": (lambda: log_partition(MACHINE, 1, 10, 0), "n_chains: found 1, expected a count of at least 2"),
    "anneal to 1 beta": (lambda: log_partition(MACHINE, 10, 1, 0), "n_temperatures: found 1, expected a count of at l"),
    "follow 3 sweeps": (lambda: convergence(MACHINE, PATTERNS, 10, 5, 3, 4, 0), "n_sweeps: found 3, expected a count"),
    "mean field to NaN": (lambda: mean_field(MACHINE, PATTERNS, 1, np.nan), "tolerance: found nan, expected a finite"),
    "sample by seed -1": (lambda: sample(MACHINE, 1, 1, -1), "seed: found -1, expected an integer from 0 to 2^64 - 1"),
    "10^18 synapses": (lambda: BoltzmannMachine.random((10**9, 10**9), 0), "n_units: found [1000000000, 1000000000]"),
    "name of a criterion": (lambda: pruning.criterion("fisher"), "criterion: found 'fisher', expected one of variance"),
    "name of a data set": (lambda: data.load("digit"), "dataset: at top level: found 'digit', expected one of"),
    "train on no patterns": (lambda: train(MACHINE, PATTERNS[:0], CD, 0), "patterns: found shape (0, 4), expected (n,"),
    "train on other units": (lambda: train(MACHINE, PATTERNS[:, :3], CD, 0), "patterns: found shape (10, 3), expected"),
    "train on NaN": (lambda: train(MACHINE, PATTERNS * np.nan, CD, 0), f"patterns: {NOT_BINARY}"),
    "train on grey values": (lambda: train(MACHINE, PATTERNS * 255, CD, 0), f"patterns: {NOT_BINARY}"),
    "train on text": (lambda: train(MACHINE, PATTERNS.astype(str), CD, 0), "patterns: found values of type <U21, "),
    "pretrain by one schedule": (lambda: pretrain_greedily(DEEP, PATTERNS, [CD], 0), "schedules: found 1, expected on"),
    "start from one layer": (lambda: sample(MACHINE, 10, 1, 0, STATES[:1]), "initial: found 1 layers, expected 2"),
    "start from fewer chains": (lambda: sample(MACHINE, 11, 1, 0, STATES), "initial: found 10 states, expected 11"),
    "start from more chains": (lambda: sample(MACHINE, 9, 1, 0, STATES), "initial: found 10 states, expected 9"),
    "variance of uneven samples": (lambda: fisher.variance_estimate(PATTERNS, PATTERNS[:9]), "samples: found [10, 9"),
    "heuristic of NaN": (lambda: fisher.heuristic_estimate(*STATES, ONES[0] * np.nan), "weights: found values that ar"),
    "a matrix beyond memory": (lambda: fisher.information_matrix(MANY, MANY), "information matrix: found 9,006,000"),
    "eigenvector of NaN": (lambda: fisher.first_eigenvector([[np.nan]]), "matrix: found shape (1, 1) with 1 values"),
    "eigenvector of no square": (lambda: fisher.first_eigenvector(ONES[0]), "matrix: found shape (4, 3) with 0 value"),
    "criterion on one layer": (lambda: pruning.CRITERIA["variance_fi"](MACHINE, STATES[:1], 0), "states: found 1 laye"),
    "a deep machine's eigenvector": (lambda: pruning.CRITERIA["eigenvector"](DEEP, THREE, 0), "criterion 'eigenvecto"),
    "fraction 0": (lambda: cut(0.0), f"fraction: found 0.0, {NO_FRACTION}"),
    "importance of NaN": (lambda: cut(0.5, [ONES[0] * np.nan]), "importance[0]: found values that are not finite, exp"),
    "importance without its list": (lambda: cut(0.5, ONES[0]), "importance: found ndarray, expected a list of a"),
    "importance of another shape": (lambda: cut(0.5, [ONES[0].T]), "importance[0]: found shape (3, 4), expected (4, 3"),
    "importance of zeros": (lambda: cut(0.5, [0 * ONES[0]]), "importance[0]: found 0 for all 12 synapses, expec"),
    "an empty layer": (lambda: machine((np.zeros(2), [])), "biases[1]: found shape (0,), expected (n_units,) with n_u"),
    "biases of NaN": (lambda: machine(([0, np.nan], [0, 0])), "biases[0]: found 1 values that are not finite, expecte"),
    "weights of ragged rows": (lambda: machine(weights=(RAGGED,)), f"weights[0]: {UNEVEN}"),
    "a standard deviation below 0": (lambda: BoltzmannMachine.random((2, 2), 0, -1.0), "weight_std: found -1.0, expec"),
    "visible biases of three units": (lambda: BoltzmannMachine.random((2, 2), 0, 0.1, [0, 1, 2]), "visible_bias: foun"),
    "masks of halves": (lambda: machine(masks=([[0.5, 1], [1, 1]],)), "masks[0]: found values other than 0 and 1, exp"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_a_wrong_call_is_refused_with_what_was_found_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        call()
    assert type(error.value) is ValueError
    assert re.fullmatch("[^\n]+: found [^\n]+expected [^\n]+", str(error.value))
