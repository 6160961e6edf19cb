"""Bad input, on the command line and in Python: one line with what was found and what was expected, nothing written.

The cases of data files that are downloaded stand in tests/test_download.py.
"""

import copy
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr
import yaml

from analysis import data, fisher, pruning
from analysis.__main__ import main
from analysis.experiment import config, controls, protocol, proxy, quality
from analysis.files import whole
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import sample
from analysis.machine.training import Schedule, mean_field, pretrain_greedily, train

SMOKE = yaml.safe_load((config.ROOT / "config" / "smoke.yaml").read_text())
HUGE = 10**12
FOLDER, ABSENT = object(), object()


# ---- the command line ----------------------------------------------------------------------------------------------


def smoke(place, value):
    """The smoke config with another value at a place, as text; ABSENT: without it."""
    changed = copy.deepcopy(SMOKE)
    *outer, last = [int(name) if name.isdigit() else name for name in place.split("/")]
    inner = changed
    for name in outer:
        inner = inner[name]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return yaml.safe_dump(changed, sort_keys=False)


def over_produced(**attrs):
    """What `overproduce` writes for the patches of the smoke config, made up."""
    machine = BoltzmannMachine.random((13, 12), 0)
    states = {f"state_{k}": (("chain", f"unit_{k}"), x) for k, x in enumerate(sample(machine, 100, 1, 0))}
    return machine.to_dataset().assign(states).assign_attrs({"experiment": "patches", "seed": 0} | attrs)


def content(made):
    """Bytes of a dataset in a file."""
    return bytes(made.to_netcdf(engine="h5netcdf"))


def plain_hdf5(path):
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros((3, 4))


def beyond_memory(part, **changes):
    digits = SMOKE["experiments"]["digits"]
    return digits | {"machine": digits["machine"] | {"hidden": [10**5]}} | {part: digits[part] | changes}


PATCHES, DIGITS = "experiments/patches", "experiments/digits"
CONFIGS = {
    "config absent": (ABSENT, "config: found no file config.yaml, expected a YAML file such as config/default.yaml"),
    "config is a folder": (FOLDER, "config: found a directory config.yaml, expected a YAML file such as"),
    "config empty": ("", "at top level: found None, it must be object"),
    "config not YAML": ("title: [", "which is not YAML (while parsing a flow node expected"),
    "config not text": (b"\x80\x81", "which is not YAML ('utf-8' codec can't decode byte 0x80"),
    "config a list": ("- 1", "at top level: found [1], it must be object"),
    "config with code": (
        "!!python/object/apply:os.mkdir [ran]",
        "which is not YAML (could not determine a constructor",
    ),
    "config within itself": ("&a {title: *a}", "it must not lie deeper than 10 levels"),
    "a number as a name": (smoke(f"{PATCHES}/machine", {1: 2}), f"at {PATCHES}/machine/1: found 1, it must be text"),
    "a date": ("title: 2021-10-18", "at title: found datetime.date(2021, 10, 18), it must be text or a number; quote"),
    "no title": (smoke("title", ABSENT), "it must contain ['title'] properties"),
    "no experiments": (smoke("experiments", {}), "at experiments: found {}, it must contain at least 1 properties"),
    "experiments as a list": (smoke("experiments", []), "at experiments: found [], it must be object"),
    "no claims": (smoke("claims/interval", ABSENT), "at claims: found the keys"),
    "confidence 95": (smoke("claims/interval/confidence", 95), "at claims/interval/confidence: found 95, it must be"),
    "unknown key": (smoke(f"{PATCHES}/dropout", 0.5), r"it must not contain {'dropout'} properties"),
    "unknown criterion": (smoke(f"{PATCHES}/criteria", ["magnitude"]), "criteria/0: found 'magnitude', it must be one"),
    "unknown control": (smoke(f"{PATCHES}/controls", ["born"]), "controls/0: found 'born', it must be one of"),
    "unknown reference": (
        smoke(f"{PATCHES}/reference", "born"),
        "reference: found 'born', expected one of variance_fi",
    ),
    "unknown data set": (smoke(f"{PATCHES}/dataset", "digit"), "data set: found 'digit', expected one of digits"),
    "fraction 0": (smoke(f"{PATCHES}/pruning/fraction", 0), "fraction: found 0, it must be bigger than 0"),
    "fraction 1": (smoke(f"{PATCHES}/pruning/fraction", 1), "fraction: found 1, it must be smaller than 1"),
    "fraction -0.5": (smoke(f"{PATCHES}/pruning/fraction", -0.5), "fraction: found -0.5, it must be bigger than 0"),
    "fraction NaN": (smoke(f"{PATCHES}/pruning/fraction", np.nan), "fraction: found nan, it must be a finite number"),
    "fraction as text": (smoke(f"{PATCHES}/pruning/fraction", "half"), "fraction: found 'half', it must be number"),
    "infinite tolerance": (smoke(f"{DIGITS}/training/tolerance", np.inf), "tolerance: found inf, it must be a finite"),
    "no seeds": (smoke(f"{PATCHES}/n_seeds", 0), "n_seeds: found 0, it must be bigger than or equal to 1"),
    "-1 sessions": (smoke(f"{PATCHES}/pruning/n_sessions", -1), "n_sessions: found -1, it must be bigger"),
    "2.0 sessions": (smoke(f"{PATCHES}/pruning/n_sessions", 2.0), "n_sessions: found 2.0, it must be integer"),
    "True epochs": (smoke(f"{PATCHES}/training/n_epochs", True), "n_epochs: found True, it must be integer"),
    "10^12 chains": (smoke(f"{PATCHES}/samples/n_chains", HUGE), "samples/n_chains: found 1000000000000, it must be"),
    "samples beyond memory": (
        smoke(PATCHES, beyond_memory("samples", n_chains=4 * 10**9)),
        "samples/n_chains: found 4000000000, which needs 420,771.5 GiB, expected no more than the",
    ),
    "a machine beyond memory": (
        smoke(PATCHES, beyond_memory("machine", hidden=[4 * 10**9] * 2)),
        "machine/hidden: found [4000000000, 4000000000], which needs 74,505,813,",
    ),
    "no hidden layer": (smoke(f"{PATCHES}/machine/hidden", []), "machine/hidden: found [], it must contain at least 1"),
    "an empty layer": (smoke(f"{PATCHES}/machine/hidden", [0]), "machine/hidden/0: found 0, it must be bigger"),
    "cd of a deep machine": (
        smoke(f"{PATCHES}/machine/hidden", [9, 9]),
        "training/algorithm: found 'cd', expected pcd",
    ),
    "eigenvector of a deep machine": (
        smoke(f"{DIGITS}/criteria", ["variance_fi_w2", "eigenvector"]),
        f"at {DIGITS}/criteria: found 'eigenvector', expected none with more than one hidden layer",
    ),
    "a momentum too many": (
        smoke(f"{PATCHES}/training/momentum", [0.5, 0.9]),
        f"at {PATCHES}/training/momentum: found [0.5, 0.9], expected one value, or 1, one an epoch",
    ),
    "a control after the last session": (
        smoke(f"{PATCHES}/control_sessions", [1, 3]),
        f"at {PATCHES}/control_sessions: found [1, 3], expected sessions up to 2, as pruning/n_sessions",
    ),
    "pretraining of too few layers": (
        smoke(f"{DIGITS}/pretraining", [SMOKE["experiments"]["digits"]["training"]]),
        f"at {DIGITS}/pretraining: found [",
    ),
}
GOOD = over_produced()
MACHINES = {
    "machine absent": (ABSENT, "dataset: found no file machine.nc, expected one written by python -m analysis"),
    "machine is a folder": (FOLDER, "dataset: found a directory machine.nc, expected one written by"),
    "machine is text": (b"a machine\n", "dataset: found no NetCDF in machine.nc, expected one written by"),
    "machine empty": (b"", "dataset: found no NetCDF in machine.nc, expected one written by"),
    "machine truncated": (content(GOOD)[:8000], "dataset: found machine.nc damaged (Unable to synchronously open file"),
    "machine overwritten": (
        content(GOOD)[:3000] + 9000 * b"x" + content(GOOD)[12000:],
        "expected one written by python -m analysis; remove it and make it again",
    ),
    "other HDF5": (plain_hdf5, "dataset: found no bias_0, state_0 in machine.nc, expected one written by"),
    "other NetCDF": (content(xr.Dataset({"x": 1})), "dataset: found no bias_0, state_0 in machine.nc, expected one"),
    "no samples": (content(GOOD.drop_vars("state_0")), "dataset: found no state_0 in machine.nc, expected one written"),
    "no weights": (
        content(GOOD.drop_vars("weight_1")),
        "dataset: found no weight_1, expected what BoltzmannMachine.to",
    ),
    "machine of another experiment": (
        content(over_produced(experiment="digits")),
        "dataset: found experiment digits in machine.nc, expected patches; is it the right file?",
    ),
    "machine of another seed": (
        content(over_produced(seed=1)),
        "dataset: found seed 1 in machine.nc, expected 0; is it the right file?",
    ),
    "NaN weights": (
        content(GOOD.assign(weight_1=GOOD["weight_1"] * np.nan)),
        "weights[0]: found 156 values that are not",
    ),
    "samples of halves": (content(GOOD.assign(state_0=GOOD["state_0"] * 0.5)), "states[0]: found values other than 0"),
    "samples of other units": (
        content(GOOD.assign(state_1=(("chain", "other"), GOOD["state_0"].values))),
        "states[1]: found shape (100, 13), expected (n, 12) with n >= 1",
    ),
}
OPTIONS = {
    "seed -1": ({"seed": "-1"}, "run: argument --seed: found -1, expected an integer from 0 to 2^64 - 1; see"),
    "seed 2^64": ({"seed": str(2**64)}, "argument --seed: found 18446744073709551616, expected"),
    "save every -1 s": (
        {"save-every": "-1"},
        "run: argument --save-every: found -1, expected a number of seconds, 0 or",
    ),
    "seed 1.5": ({"seed": "1.5"}, "run: argument --seed: found 1.5, expected an integer"),
    "unknown experiment": ({"experiment": "patch"}, "experiment: found 'patch', expected one of patches, digits"),
    "unknown condition": ({"condition": "w"}, "criterion: found 'w', expected one of variance_fi,"),
    "no condition": ({"condition": ABSENT}, "run: the following arguments are required: --condition; see"),
    "unknown option": (
        {"threads": "2"},
        "analysis: unrecognized arguments: --threads 2; see python -m analysis --help",
    ),
    "output where nothing can be": ({"output": "/proc/made.nc"}, "output: found that nothing can be written in /proc"),
    "output is a folder": ({"output": "."}, "output: found a directory ., expected the name of a file to write"),
    "output in a file": ({"output": "config.yaml/run.nc"}, "config.yaml, expected a folder for run.nc; name another"),
}
COMMANDS = {
    "unknown command": (["prune"], "analysis: argument command: invalid choice: 'prune' (choose from 'seed',"),
    "unknown control": (
        ["control", "condition=born", "reference=short.nc", "config=short.yaml"],
        "control: found 'born', expected one of born_small_units",
    ),
    "control of a machine": (
        ["control", "reference=machine.nc"],
        "dataset: found no loss_cause_0, session in machine.nc",
    ),
    "control of a short run": (
        ["control", "reference=short.nc"],
        "reference: found no sessions [1, 2], expected",
    ),
    "proxy of a machine": (["proxy", "reference=machine.nc"], "dataset: found no loss_cause_0, session in machine.nc"),
    "overproduce with seed x": (
        ["overproduce", "seed=x"],
        "overproduce: argument --seed: found x, expected an integer from 0 to 2^64 - 1",
    ),
    "kernels into a folder": (["compile", "output=."], "output: found a directory ., expected the name of a file"),
    "summary of nothing": (["summary"], "claim dataset: found no file data/01_overproduction.nc, expected one that"),
    "times of nothing": (["times"], "logs: found no benchmark files (*.tsv) in logs, expected"),
    "verify outside git": (["verify"], "expected a git checkout in ."),
}
WANTED = {
    "overproduce": ("experiment", "seed"),
    "run": ("experiment", "condition", "seed", "machine"),
    "control": ("experiment", "condition", "seed", "reference"),
    "proxy": ("experiment", "seed", "reference"),
    "quality": ("experiment", "seed", "reference"),
}


def command(name="run", **changes):
    """The arguments of a command that is right but for the changes."""
    options = {"experiment": "patches", "seed": "0", "machine": "machine.nc", "reference": "run.nc"}
    options["condition"] = "reinitialised" if name == "control" else "variance_fi"
    options = {key: options[key] for key in WANTED.get(name, ())}
    if name in WANTED:
        options |= {"config": "config.yaml", "output": "made.nc"}
    options = {key: value for key, value in (options | changes).items() if value is not ABSENT}
    return [name, *(text for key, value in options.items() for text in (f"--{key}", value))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a config, an over-produced machine and a run of no sessions but the first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SMOKE, sort_keys=False))
    (tmp_path / "machine.nc").write_bytes(content(GOOD))
    (tmp_path / "short.yaml").write_text(smoke(f"{PATCHES}/control_sessions", []))
    short = xr.Dataset({"loss_cause_0": (("session", "unit_0"), np.zeros((1, 13)))}, {"session": [0]}, GOOD.attrs)
    (tmp_path / "short.nc").write_bytes(content(short))
    return tmp_path


def put(path, what):
    path.unlink()
    if what is FOLDER:
        path.mkdir()
    elif callable(what):
        what(path)
    elif what is not ABSENT:
        path.write_bytes(what.encode() if isinstance(what, str) else what)


def only_line(text):
    """The one line that is no log and no notice of compilation."""
    (line,) = (x for x in text.splitlines() if not re.match(r"\d{4}-\d\d-\d\d |analysis: compiling", x))
    return line


CASES = (
    {name: ({"config.yaml": what}, command("overproduce"), message) for name, (what, message) in CONFIGS.items()}
    | {name: ({"machine.nc": what}, command(), message) for name, (what, message) in MACHINES.items()}
    | {name: ({}, command(**changes), message) for name, (changes, message) in OPTIONS.items()}
    | {
        name: ({}, command(first, **dict(change.split("=") for change in changes)), message)
        for name, ((first, *changes), message) in COMMANDS.items()
    }
)


@pytest.mark.parametrize(("files", "arguments", "message"), CASES.values(), ids=CASES)
def test_a_wrong_command_ends_with_one_line_and_writes_nothing(folder, capfd, files, arguments, message):
    for name, what in files.items():
        put(folder / name, what)
    before = sorted(folder.rglob("*"))
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    found = capfd.readouterr()
    line = only_line(found.err)
    assert status in (1, 2)
    assert line.startswith("python -m analysis")
    assert message in line
    assert re.search("found .*(expected|it must)|; see|; use", line)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_files_that_are_not_ours_are_refused(folder, capfd):
    for name, mode, message in (
        ("config.yaml", 0o000, "config: found no permission to read config.yaml, expected a readable file; chmod it"),
        (".", 0o500, "output: found that nothing can be written in"),
    ):
        (folder / name).chmod(mode)
        assert main(command("overproduce")) == 1
        (folder / name).chmod(0o700)
        assert message in capfd.readouterr().err
    assert not (folder / "made.nc").exists()


def test_the_command_that_the_cases_change_is_right(folder, monkeypatch):
    """Or else they would fail for another reason than they say."""
    for module, name in ((protocol, "overproduce"), (proxy, "proxy_run"), (quality, "quality_run")):
        monkeypatch.setattr(module, name, lambda *_, **__: xr.Dataset())
    for module, name in ((protocol, "prune_sessions"), (controls, "control_sessions")):
        monkeypatch.setattr(module, name, lambda *_, **__: iter([xr.Dataset()]))
    run = {"loss_cause_0": (("session", "unit_0"), np.zeros((3, 13)))}
    whole.write(xr.Dataset(run, {"session": [0, 1, 2]}, GOOD.attrs), "run.nc")
    for name in WANTED:
        assert main(command(name)) == 0
        (folder / "made.nc").unlink()


@pytest.mark.parametrize("files", [{"config.yaml": ABSENT}, {"machine.nc": content(GOOD)[:8000]}])
def test_a_process_ends_in_the_same_way(folder, files):
    for name, what in files.items():
        put(folder / name, what)
    environment = {**os.environ, "PYTHONPATH": str(config.ROOT)}
    run = [sys.executable, "-m", "analysis", *command()]
    done = subprocess.run(run, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert only_line(done.stderr).startswith("python -m analysis run: ")
    assert done.stdout == ""
    assert not (folder / "made.nc").exists()


# ---- Python --------------------------------------------------------------------------------------------------------

MACHINE, DEEP = BoltzmannMachine.random((4, 3), 0), BoltzmannMachine.random((4, 3, 2), 0)
CD = Schedule("cd", 1, (0.1, 0.1))
PATTERNS = np.arange(40).reshape(10, 4) % 3 % 2
STATES = [PATTERNS, PATTERNS[:, :3]]
RAGGED = [[0, 1, 0, 1], [0, 1]]
NOT_BINARY = "found values other than 0 and 1, expected binary patterns (binarise them first)"
NOT_NUMBERS = "expected numbers; convert them first"
UNEVEN = "found rows of different lengths, expected an array of numbers"
NO_FRACTION = "expected a number between 0 and 1, both excluded"
ONES = [np.ones((4, 3))]


def cut(fraction=0.5, importance=ONES):
    return pruning.prune(MACHINE, importance, fraction)


def machine(biases=([0, 0], [0, 0]), weights=([[1, 1], [1, 1]],), masks=None):
    return BoltzmannMachine(biases, weights, masks)


CALLS = {
    # Counts and seeds
    "sample 0 chains": (lambda: sample(MACHINE, 0, 1, 0), "n_chains: found 0, expected a count of at least 1"),
    "sample -1 sweeps": (lambda: sample(MACHINE, 1, -1, 0), "n_steps: found -1, expected a count of at least 1"),
    "sample 2.0 chains": (lambda: sample(MACHINE, 2.0, 1, 0), "n_chains: found 2.0, expected a count of at least 1"),
    "sample 'two' chains": (
        lambda: sample(MACHINE, "two", 1, 0),
        "n_chains: found 'two', expected a count of at least",
    ),
    "sample 10^12 chains": (
        lambda: sample(MACHINE, HUGE, 1, 0),
        "n_chains: found 1000000000000, expected a count of at",
    ),
    "sample 4 10^9 chains of 100 units": (
        lambda: sample(BoltzmannMachine.random((50, 50), 0), 4 * 10**9, 1, 0),
        "n_chains: found 4,000,000,000 chains, which needs",
    ),
    "mean field of -1 iterations": (
        lambda: mean_field(MACHINE, np.zeros((1, 4)), -1),
        "n_iterations: found -1, expected a count of at least 1",
    ),
    "mean field to NaN": (
        lambda: mean_field(MACHINE, np.zeros((1, 4)), 1, np.nan),
        "tolerance: found nan, expected a finite number of at least 0",
    ),
    "mean field to 'small'": (
        lambda: mean_field(MACHINE, np.zeros((1, 4)), 1, "small"),
        "tolerance: found 'small', expected a finite number of at least 0",
    ),
    "sample 10^12 sweeps": (
        lambda: sample(MACHINE, 1, HUGE, 0),
        "n_steps: found 1000000000000, expected a count of at",
    ),
    "sample by seed -1": (lambda: sample(MACHINE, 1, 1, -1), "seed: found -1, expected an integer from 0 to 2^64 - 1"),
    "sample by seed NaN": (
        lambda: sample(MACHINE, 1, 1, np.nan),
        "seed: found nan, expected an integer from 0 to 2^64",
    ),
    "10^12 epochs": (
        lambda: Schedule("cd", HUGE, (1, 1)),
        "n_epochs: found 1000000000000, expected a count of at most",
    ),
    "10^12 units": (lambda: BoltzmannMachine.random((HUGE, 9), 0), "n_units: found [1000000000000, 9], which needs"),
    "10^6 by 10^6": (
        lambda: BoltzmannMachine.random((10**6,) * 2, 0),
        "n_units: found [1000000, 1000000], which needs",
    ),
    "units as a number": (lambda: BoltzmannMachine.random(9, 0), "n_units: found [9], expected at least two layers"),
    "units as text": (
        lambda: BoltzmannMachine.random(("4", "3"), 0),
        "n_units: found ['4', '3'], expected at least two",
    ),
    # Names
    "name of a criterion": (
        lambda: pruning.criterion("fisher"),
        "criterion: found 'fisher', expected one of variance_fi",
    ),
    "name of a data set": (lambda: data.load("digit"), "data set: found 'digit', expected one of digits, patches"),
    "name of an algorithm": (
        lambda: Schedule("adam", 1, (1, 1)),
        "algorithm: found 'adam', expected one of ['cd', 'pcd'",
    ),
    "name of an experiment": (lambda: config.experiment(SMOKE, "x"), "experiment: found 'x', expected one of patches"),
    # Patterns
    "train on no patterns": (
        lambda: train(MACHINE, PATTERNS[:0], CD, 0),
        "patterns: found shape (0, 4), expected (n, 4)",
    ),
    "train on no pixels": (
        lambda: train(MACHINE, PATTERNS[:, :0], CD, 0),
        "patterns: found shape (10, 0), expected (n,",
    ),
    "train on one vector": (lambda: train(MACHINE, PATTERNS[0], CD, 0), "patterns: found shape (4,), expected (n, 4)"),
    "train on a stack": (
        lambda: train(MACHINE, PATTERNS[None], CD, 0),
        "patterns: found shape (1, 10, 4), expected (n,",
    ),
    "train on other units": (lambda: train(MACHINE, PATTERNS[:, :3], CD, 0), "patterns: found shape (10, 3), expected"),
    "train on NaN": (lambda: train(MACHINE, PATTERNS * np.nan, CD, 0), f"patterns: {NOT_BINARY}"),
    "train on grey values": (lambda: train(MACHINE, PATTERNS * 255, CD, 0), f"patterns: {NOT_BINARY}"),
    "train on signs": (lambda: train(MACHINE, 2 * PATTERNS - 1, CD, 0), f"patterns: {NOT_BINARY}"),
    "train on text": (
        lambda: train(MACHINE, PATTERNS.astype(str), CD, 0),
        f"patterns: found values of type <U21, {NOT_NUMBERS}",
    ),
    "train on objects": (
        lambda: train(MACHINE, PATTERNS.astype(object), CD, 0),
        f"patterns: found values of type object, {NOT_NUMBERS}",
    ),
    "train on complex numbers": (
        lambda: train(MACHINE, PATTERNS * 1j, CD, 0),
        f"patterns: found values of type complex128, {NOT_NUMBERS}",
    ),
    "train on ragged rows": (lambda: train(MACHINE, RAGGED, CD, 0), f"patterns: {UNEVEN}"),
    "pretrain by one schedule": (
        lambda: pretrain_greedily(DEEP, PATTERNS, [CD], 0),
        "schedules: found 1, expected one",
    ),
    "mean field of NaN": (lambda: mean_field(MACHINE, PATTERNS * np.nan), f"patterns: {NOT_BINARY}"),
    "mean field of nothing": (
        lambda: mean_field(MACHINE, None),
        "patterns: found values of type object, expected numb",
    ),
    "mean field of ragged rows": (lambda: mean_field(MACHINE, RAGGED), f"patterns: {UNEVEN}"),
    "start from one layer": (lambda: sample(MACHINE, 10, 1, 0, STATES[:1]), "initial: found 1 layers, expected 2"),
    "start from fewer chains": (
        lambda: sample(MACHINE, 11, 1, 0, STATES),
        "initial: found [10, 10] chains, expected 11",
    ),
    "start from NaN": (lambda: sample(MACHINE, 10, 1, 0, [PATTERNS * np.nan, STATES[1]]), f"initial[0]: {NOT_BINARY}"),
    "energy of NaN": (
        lambda: MACHINE.energy([PATTERNS * np.nan, STATES[1]]),
        "states: found shapes [(10, 4), (10, 3)],",
    ),
    "energy of uneven chains": (
        lambda: MACHINE.energy([PATTERNS[:9], STATES[1]]),
        "states: found shapes [(9, 4), (10,",
    ),
    "energy of numbers": (
        lambda: MACHINE.energy([1.0, 0.0]),
        "states: found layers of [(), ()] units, expected [4, 3]",
    ),
    # Fisher information
    "coincidences of no units": (
        lambda: fisher.coincidences(PATTERNS[:, :0], PATTERNS),
        "pre: found shape (10, 0), exp",
    ),
    "coincidences of no samples": (
        lambda: fisher.coincidences(PATTERNS[:0], PATTERNS[:0]),
        "pre: found shape (0, 4), e",
    ),
    "variance of uneven samples": (
        lambda: fisher.variance_estimate(PATTERNS, PATTERNS[:9]),
        "post: found 9 samples, exp",
    ),
    "heuristic of NaN": (
        lambda: fisher.heuristic_estimate(*STATES, ONES[0] * np.nan),
        "weights: found values that are not finite in float",
    ),
    "heuristic beyond float32": (
        lambda: fisher.heuristic_estimate(*STATES, ONES[0] * 1e39),
        "weights: found values that are not finite in float32",
    ),
    "heuristic of text": (
        lambda: fisher.heuristic_estimate(*STATES, [["1"] * 3] * 4),
        f"weights: found values of type <U1, {NOT_NUMBERS}",
    ),
    "heuristic of another shape": (
        lambda: fisher.heuristic_estimate(*STATES, ONES[0].T),
        "weights: found shape (3, 4), expected (4, 3)",
    ),
    "an information matrix beyond memory": (
        lambda: fisher.information_matrix(*np.zeros((2, 1, 3000), np.uint8)),
        "information matrix: found 9,006,000 parameters, which needs 2,417,207.8 GiB, expected no more than the",
    ),
    "eigenvector of NaN": (
        lambda: fisher.first_eigenvector([[np.nan]]),
        "matrix: found shape (1, 1), expected a square",
    ),
    "eigenvector of nothing": (
        lambda: fisher.first_eigenvector(np.zeros((0, 0))),
        "matrix: found shape (0, 0), expected",
    ),
    "eigenvector of ragged rows": (lambda: fisher.first_eigenvector(RAGGED), f"matrix: {UNEVEN}"),
    "criterion on one layer": (
        lambda: pruning.CRITERIA["variance_fi"](MACHINE, STATES[:1], 0),
        "states: found 1 arrays, expected 2",
    ),
    "criterion on other units": (
        lambda: pruning.CRITERIA["heuristic_fi"](MACHINE, STATES[:1] * 2, 0),
        "states[1]: found shape (10, 4",
    ),
    "eigenvector on other units": (
        lambda: pruning.CRITERIA["eigenvector"](MACHINE, STATES[:1] * 2, 0),
        "states[1]: found shape (10, ",
    ),
    "eigenvector of a deep machine": (
        lambda: pruning.CRITERIA["eigenvector"](DEEP, STATES, 0),
        "criterion 'eigenvector': found 2 l",
    ),
    # Pruning
    "fraction 0": (lambda: cut(0.0), f"fraction: found 0.0, {NO_FRACTION}"),
    "fraction 1": (lambda: cut(1), f"fraction: found 1, {NO_FRACTION}"),
    "fraction -0.5": (lambda: cut(-0.5), f"fraction: found -0.5, {NO_FRACTION}"),
    "fraction NaN": (lambda: cut(np.nan), f"fraction: found nan, {NO_FRACTION}"),
    "fraction as text": (lambda: cut("0.5"), f"fraction: found '0.5', {NO_FRACTION}"),
    "no fraction": (lambda: cut(None), f"fraction: found None, {NO_FRACTION}"),
    "importance of NaN": (
        lambda: cut(0.5, [ONES[0] * np.nan]),
        "importance[0]: found values that are not finite, expect",
    ),
    "importance of text": (
        lambda: cut(0.5, [ONES[0].astype("U3")]),
        f"importance[0]: found values of type <U3, {NOT_NUMBERS}",
    ),
    "importance of nothing": (
        lambda: cut(0.5, [np.full((4, 3), None)]),
        f"importance[0]: found values of type object, {NOT_NUMBERS}",
    ),
    "importance without its list": (lambda: cut(0.5, ONES[0]), "importance: found 4 arrays, expected 1, one a layer"),
    "importance of another shape": (
        lambda: cut(0.5, [ONES[0].T]),
        "importance[0]: found shape (3, 4), expected (4, 3)",
    ),
    "importance of zeros": (
        lambda: cut(0.5, [0 * ONES[0]]),
        "pruning: found no unit left in layer 1, expected one at le",
    ),
    "a mask of zeros": (
        lambda: pruning.remove_stranded(MACHINE, [ONES[0] < 0]),
        "pruning: found no unit left in layer 1, expected one at",
    ),
    "a mask of another shape": (
        lambda: pruning.remove_stranded(MACHINE, [ONES[0].T > 0]),
        "masks[0]: found bool (3, 4), expected bool (4, 3)",
    ),
    "a mask of more synapses": (
        lambda: pruning.remove_stranded(machine(masks=(np.eye(2),)), [np.ones((2, 2), bool)]),
        "masks[0]: found synapses that the machine has not, expected some of its own",
    ),
    # Machines
    "one layer": (lambda: machine((np.zeros(2),), ()), "machine: found 1 biases, 0 weights, 0 masks, expected L + 1"),
    "an empty layer": (
        lambda: machine((np.zeros(2), [])),
        "biases[1]: found shape (0,), expected (n_units,) with n_units",
    ),
    "biases of text": (lambda: machine((["1", "2"], [0, 0])), f"biases[0]: found values of type <U1, {NOT_NUMBERS}"),
    "biases of nothing": (
        lambda: machine(([None] * 2, [0, 0])),
        "biases[0]: found values of type object, expected numb",
    ),
    "biases of NaN": (
        lambda: machine(([0, np.nan], [0, 0])),
        "biases[0]: found 1 values that are not finite, expected",
    ),
    "weights of ragged rows": (lambda: machine(weights=(RAGGED,)), f"weights[0]: {UNEVEN}"),
    "weights beyond float32": (
        lambda: machine(weights=(np.full((2, 2), 1e39),)),
        "weights[0]: found 4 values that are",
    ),
    "weights of another shape": (
        lambda: machine(weights=(ONES[0],)),
        "weights[0]: found shape (4, 3), expected (2, 2)",
    ),
    "masks of halves": (
        lambda: machine(masks=([[0.5, 1], [1, 1]],)),
        "masks[0]: found values other than 0 and 1, expect",
    ),
    "masks of text": (
        lambda: machine(masks=([["1", "0"]] * 2,)),
        "masks[0]: found values of type <U1, expected numbers",
    ),
    "a standard deviation below 0": (
        lambda: BoltzmannMachine.random((2, 2), 0, -1.0),
        "weight_std: found -1.0, expected a finite number of at least 0",
    ),
    "a standard deviation of NaN": (
        lambda: BoltzmannMachine.random((2, 2), 0, np.nan),
        "weight_std: found nan, expected a finite number of at least 0",
    ),
    "visible biases of three units": (
        lambda: BoltzmannMachine.random((2, 2), 0, 0.1, [0, 1, 2]),
        "visible_bias: found shape (3,), expected a finite number, or 2 of them",
    ),
    "a hidden bias of text": (
        lambda: BoltzmannMachine.random((2, 2), 0, 0.1, 0, "low"),
        f"hidden_bias: found values of type <U3, {NOT_NUMBERS}",
    ),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_a_wrong_call_is_refused_with_what_was_found_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        call()
    assert type(error.value) is ValueError
    assert re.fullmatch("[^\n]+: found [^\n]+expected [^\n]+", str(error.value))
