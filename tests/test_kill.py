"""Killed at any moment, a moment after a file has come: the same command again ends with the same bytes."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from test_same_bits import copy_checkout

from analysis.experiment import config
from analysis.files import netcdf, yamlfile
from analysis.files.checkout import ROOT

pytestmark = pytest.mark.slow

DELAYS = np.random.default_rng(20211018).uniform(0, 0.3, 6)  # seconds, from what was waited for to the kill
SMOKE = config.load(ROOT / "config" / "smoke.yaml")
PATCHES = SMOKE["experiments"]["patches"] | {"n_seeds": 1, "proxy": False, "quality": None, "control_sessions": [1]}
PATCHES["equal_work"] = []
PATCHES.pop("further_seeds")


def write_config(path, **changes):
    yamlfile.write(SMOKE | {"experiments": {"patches": PATCHES | changes}}, path)


def start(arguments, folder, log):
    """A process in a group of its own, in the folder, with what it says in a file."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    with open(log, "ab") as file:
        streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
        command = [sys.executable, "-m", *arguments]
        return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)


def wait(process, until=lambda: False, seconds=300):
    """Wait until the process ends or something has happened; whether it ended."""
    end = time.monotonic() + seconds
    while process.poll() is None and not until():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.002)
    return process.poll() is not None


def kill(process, number=signal.SIGKILL):
    os.killpg(process.pid, number)
    return process.wait(timeout=5)


def finish(process, log):
    assert wait(process)
    assert process.returncode == 0, Path(log).read_text()[-3000:]


def happens(folder, pattern):
    """A function: has a file that fits come, or changed, since now?"""

    def stamps():
        return {(path, path.stat().st_mtime_ns) for path in folder.rglob(pattern) if path.exists()}

    before = stamps()
    return lambda: bool(stamps() - before)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout, with the runs of a small config done without a break in whole/."""
    folder = copy_checkout(tmp_path_factory.mktemp("a checkout"))
    write_config(folder / "config" / "small.yaml", criteria=["variance_fi", "weight"], controls=["reinitialised"])
    finish(workflow(folder, "whole"), folder / "whole.log")
    return folder


def workflow(folder, out, config="small"):
    options = ["--workflow-profile", "profiles/default", "--configfile", f"config/{config}.yaml"]
    options += ["--config", f"out={out}"]
    return start(["snakemake", "runs", *options], folder, folder / f"{out}.log")


def runs(folder, out):
    """{name: dataset} of the runs that a reader finds."""
    paths = sorted((folder / out / "data" / "runs").rglob("[!.]*.nc"))
    return {str(path.relative_to(folder / out)): netcdf.read(path) for path in paths}


def files(folder, out):
    """{path: the file itself} of the runs that are there: one that is made again is another file."""
    return {path: path.stat().st_ino for path in (folder / out / "data" / "runs").rglob("[!.]*.nc")}


def assert_same_as_whole(folder, out):
    found, whole = ({name: Path(folder, of, name).read_bytes() for name in runs(folder, of)} for of in (out, "whole"))
    assert len(found) == 4
    assert [name for name in found | whole if found.get(name) != whole.get(name)] == []
    assert not list((folder / out).rglob(".*.sessions"))


def kill_again_and_again(begin, folder, out, *patterns):
    """Kill what begins a moment after a file that fits a pattern came or changed; the runs that are there at the end.

    Runs that are done are whole and stay as they are.
    """
    done, n_kills = {}, 0
    for delay, pattern in zip(DELAYS, itertools.cycle(patterns)):
        seen = happens(folder / out, pattern)
        process = begin()
        if wait(process, seen):
            break
        time.sleep(delay)
        kill(process)
        n_kills += 1
        runs(folder, out)  # each is readable
        now = files(folder, out)
        assert done.items() <= now.items()
        done = now
    assert n_kills > 1
    finish(begin(), folder / f"{out}.log")
    assert done
    assert done.items() <= files(folder, out).items()
    assert_same_as_whole(folder, out)


def test_a_seed_killed_at_random_moments_goes_on_after_the_sessions_that_it_kept(checkout):
    options = {"config": "whole/results/config.yaml", "experiment": "patches", "seed": "0", "save-every": "0"}
    options["runs"] = "seed/data/runs"
    command = ["analysis.workflow", "seed", *(text for key, value in options.items() for text in (f"--{key}", value))]
    log = checkout / "seed.log"
    kill_again_and_again(lambda: start(command, checkout, log), checkout, "seed", ".*.sessions")
    assert "going on after session" in log.read_text()


def test_a_workflow_killed_at_random_moments_goes_on_and_repeats_no_finished_run(checkout):
    kill_again_and_again(lambda: workflow(checkout, "killed"), checkout, "killed", "*.log", "*.nc")


def test_a_failed_seed_keeps_the_runs_that_it_made_and_its_log_is_shown(checkout):
    bad = "def bad(machine, activity, seed):\n    return 1 / 0 if seed else [abs(w) for w in machine.weights]\n"
    (checkout / "bad.py").write_text(bad)  # it is tried beforehand, with seed 0
    write_config(checkout / "config" / "bad.yaml", criteria=["variance_fi", "bad.py:bad"], controls=[])
    process = workflow(checkout, "bad", "bad")
    assert wait(process)
    assert process.returncode == 1
    assert sorted(path.parent.name for path in files(checkout, "bad")) == ["overproduced", "variance_fi"]
    said = (checkout / "bad.log").read_text()
    assert "criterion bad.py:bad: found ZeroDivisionError in line 2 (division by zero), expected importance" in said
    assert "What is done is kept: the same command goes on from here." in said


def test_a_second_workflow_is_refused_and_an_interrupted_one_says_how_to_go_on(checkout):
    seen = happens(checkout / "interrupted", "0.log")
    first = workflow(checkout, "interrupted")
    assert not wait(first, seen)
    os.killpg(first.pid, signal.SIGSTOP)  # or it could be done before the second asks
    assert wait(second := workflow(checkout, "second"))
    assert second.returncode != 0
    found = f"checkout: found another workflow at work in {checkout}, expected none; wait for its end"
    assert found in (checkout / "second.log").read_text()
    assert not (checkout / "second" / "results").exists()
    os.killpg(first.pid, signal.SIGCONT)
    jobs = psutil.Process(first.pid).children(recursive=True)
    assert kill(first, signal.SIGINT) == 130
    _, alive = psutil.wait_procs(jobs, timeout=1)
    assert [job for job in alive if job.status() != psutil.STATUS_ZOMBIE] == []
    assert "Traceback" not in (said := (checkout / "interrupted.log").read_text())
    assert "Interrupted. What is done is kept: the same command goes on from here." in said
    finish(workflow(checkout, "interrupted"), checkout / "interrupted.log")
    assert_same_as_whole(checkout, "interrupted")
