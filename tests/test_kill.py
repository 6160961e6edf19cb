"""Killed at any moment: the same command again ends with the same bytes, and nobody ever sees half a file."""

import base64
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from analysis.__main__ import main
from analysis.files.checkout import ROOT

pytestmark = pytest.mark.slow

# Governs the moments of the kills.
SEED = 20211018
SMOKE = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
PATCHES = SMOKE["experiments"]["patches"] | {"n_seeds": 1, "proxy": False, "quality": None, "control_sessions": [1]}
N_KILLS = 20
NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-c"]  # where a user may mount


def write_config(path, **changes):
    path.write_text(yaml.safe_dump(SMOKE | {"experiments": {"patches": PATCHES | changes}}, sort_keys=False))


def start(arguments, folder, log, root=ROOT):
    """A process in a group of its own, in the folder, with what it says in a file."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with open(log, "ab") as file:
        command = [sys.executable, "-m", *arguments]
        streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
        return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)


def wait(process, until=lambda: False, seconds=180, look=lambda: None):
    """Look again and again until the process ends, something has happened or time is up; whether it ended."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end and not until():
        look()
        time.sleep(0.005)
    return process.poll() is not None


def kill(process, number=signal.SIGKILL):
    os.killpg(process.pid, number)
    return process.wait(timeout=30)


def readable(path):
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


# ---- one run -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """A folder with a config of eight sessions, an over-produced machine and a run without a break."""
    folder = tmp_path_factory.mktemp("single")
    samples = {"start": "data", "n_chains": 200, "n_steps": 5, "n_measure_chains": 100}
    write_config(folder / "config.yaml", pruning={"n_sessions": 8, "fraction": 0.2}, samples=samples)
    common = ["--config", str(folder / "config.yaml"), "--experiment", "patches", "--seed", "0"]
    assert main(["overproduce", *common, "--output", str(folder / "machine.nc")]) == 0
    process = start(run("whole.nc"), folder, folder / "whole.log")
    assert wait(process)
    assert process.returncode == 0, (folder / "whole.log").read_text()
    return folder


def run(output):
    options = {"config": "config.yaml", "experiment": "patches", "seed": "0", "condition": "weight"}
    options |= {"machine": "machine.nc", "output": output, "save-every": "0"}
    return ["analysis", "run", *(text for key, value in options.items() for text in (f"--{key}", value))]


def test_a_run_killed_at_random_moments_ends_with_the_bytes_of_a_run_without_a_break(single):
    """In turn soon after a session was kept, and any time after the start."""
    folder, kept = single, single / ".run.nc.sessions"
    output, log, expected = folder / "run.nc", folder / "run.log", (folder / "whole.nc").read_bytes()

    def look():
        assert not output.exists() or output.read_bytes() == expected

    def stamp():
        return kept.stat().st_mtime_ns if kept.exists() else 0

    for k, moment in enumerate(np.random.default_rng(SEED).uniform(0, 1, N_KILLS)):
        before, process = stamp(), start(run("run.nc"), folder, log)
        if k % 2 == 0:
            wait(process, lambda before=before: stamp() != before, look=look)
        if wait(process, seconds=moment * (0.5, 3.0)[k % 2], look=look):
            output.unlink()  # it was done before the moment came: once more
        else:
            kill(process)
        look()
        if kept.exists():
            assert readable(kept).sizes["session"] > 1
    process = start(run("run.nc"), folder, log)
    assert wait(process, look=look)
    assert process.returncode == 0, log.read_text()
    assert output.read_bytes() == expected
    assert "going on after session" in log.read_text()
    assert not kept.exists()


def test_sessions_in_a_damaged_file_are_made_again(single):
    kept = single / ".damaged.nc.sessions"
    for damaged in (b"", (single / "whole.nc").read_bytes()[:5000], b"no NetCDF"):
        kept.write_bytes(damaged)
        log = single / "damaged.log"
        process = start(run("damaged.nc"), single, log)
        assert wait(process)
        assert process.returncode == 0, log.read_text()
        assert "starting over" in log.read_text()
        assert (single / "damaged.nc").read_bytes() == (single / "whole.nc").read_bytes()
        assert not kept.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9], ids="{} of the file".format)
def test_a_full_disk_is_an_error_of_one_line_and_leaves_no_half_of_a_file(single, share):
    """A limit to the size of files stands for the disk."""
    size, output = int(share * (single / "whole.nc").stat().st_size), single / f"full {share}.nc"
    done = subprocess.run(
        [sys.executable, "-m", *run(output.name)],
        cwd=single,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    message = f"python -m analysis run: output: found no room for {output.name} (File too large), expected room for it"
    assert done.stderr.strip().splitlines()[-1].startswith(message)
    assert not output.exists()
    left = sorted(path.name for path in single.glob(f".{output.name}*"))
    assert left in ([], [f".{output.name}.sessions"])
    assert all(readable(single / name).sizes["session"] > 1 for name in left)


@pytest.mark.skipif(subprocess.run([*NAMESPACE, "true"]).returncode != 0, reason="no mounts for this user")
def test_a_file_system_without_room_is_an_error_of_one_line_and_takes_no_half_of_a_file(single):
    disk = single / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=24k none disk && { "$@"; echo "$?"; ls -A disk; }'
    done = subprocess.run(
        [*NAMESPACE, script, "sh", sys.executable, "-m", *run("disk/run.nc")],
        cwd=single,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    said = "found no room for disk/run.nc (No space left on device), expected room for it"
    assert said in done.stderr.strip().splitlines()[-1]
    assert done.stdout.split() in (["1"], ["1", ".run.nc.sessions"])


# ---- the workflow --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout, with the runs of a small config done without a break in whole/."""
    folder = tmp_path_factory.mktemp("a checkout")
    for name in ("analysis", "config", "notebooks", "profiles", "report"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    write_config(folder / "config" / "small.yaml", criteria=["variance_fi", "weight"], controls=["reinitialised"])
    complete(folder, "whole")
    return folder


def workflow(folder, out):
    options = ["--workflow-profile", "profiles/default", "--configfile", "config/small.yaml", "--config", f"out={out}"]
    return start(["snakemake", "runs", *options], folder, folder / f"{out}.log", root=folder)


def complete(folder, out):
    process = workflow(folder, out)
    assert wait(process)
    assert process.returncode == 0, (folder / f"{out}.log").read_text()[-3000:]


def runs(folder, out):
    """{name: dataset} of the runs that a reader finds."""
    paths = sorted((folder / out / "data" / "runs").rglob("[!.]*.nc"))
    return {str(path.relative_to(folder / out)): readable(path) for path in paths}


def finished(folder, out):
    """{path: time} of the runs that are done as far as Snakemake knows."""
    marks = (folder / ".snakemake" / "incomplete").iterdir()
    begun = {folder / base64.urlsafe_b64decode(mark.name).decode() for mark in marks}
    paths = set((folder / out / "data" / "runs").rglob("[!.]*.nc")) - begun
    return {path: path.stat().st_mtime_ns for path in paths}


def has_begun_a_job(folder, out):
    """A function: is there a log that was not written to before now?"""
    now = time.time()
    return lambda: any(path.stat().st_mtime > now for path in (folder / out / "logs").rglob("*/*/*.log"))


def assert_same_as_whole(folder, out):
    found, expected = runs(folder, out), runs(folder, "whole")
    assert list(found) == list(expected)
    assert len(found) == 4
    for name, dataset in found.items():
        xr.testing.assert_identical(dataset, expected[name])
    assert not list((folder / out).rglob(".*.sessions"))


def test_a_workflow_killed_at_random_moments_goes_on_and_repeats_no_finished_run(checkout):
    """Soon after the start, between the jobs and within them; whenever all is done, from the beginning."""
    done, n_whole = {}, 0
    for moment in np.random.default_rng(SEED).uniform(0, 8, N_KILLS):
        process = workflow(checkout, "killed")
        if wait(process, seconds=moment):
            assert process.returncode == 0
            assert_same_as_whole(checkout, "killed")
            shutil.rmtree(checkout / "killed")
            done, n_whole = {}, n_whole + 1
            continue
        kill(process)
        runs(checkout, "killed")  # each is readable
        assert done == {path: path.stat().st_mtime_ns for path in done}
        done |= finished(checkout, "killed")
    complete(checkout, "killed")
    assert done or n_whole
    assert done == {path: path.stat().st_mtime_ns for path in done}
    assert_same_as_whole(checkout, "killed")


@pytest.mark.skipif(subprocess.run([*NAMESPACE, "true"]).returncode != 0, reason="no mounts for this user")
def test_a_workflow_in_a_folder_to_read_only_is_refused(checkout):
    script = 'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && "$@"'
    done = subprocess.run(
        [*NAMESPACE, script, "sh", sys.executable, "-m", "snakemake", "--configfile", "config/small.yaml"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"checkout: found no permission to write in {checkout}, expected a folder of one's own" in done.stderr


def test_a_second_workflow_is_refused_and_an_interrupted_one_says_how_to_go_on(checkout):
    begun, first = has_begun_a_job(checkout, "interrupted"), workflow(checkout, "interrupted")
    assert not wait(first, begun)
    second = workflow(checkout, "second")
    assert wait(second)
    refused = (checkout / "second.log").read_text()
    assert second.returncode != 0
    assert f"checkout: found another workflow at work in {checkout}, expected none; wait for its end" in refused
    assert not (checkout / "second").exists()
    assert not wait(first, seconds=0)
    begin = time.monotonic()
    assert kill(first, signal.SIGINT) == 130
    assert time.monotonic() - begin < 5
    said = (checkout / "interrupted.log").read_text()
    assert "Traceback" not in said
    assert "Interrupted. What is done is kept: the same command goes on from here." in said
    complete(checkout, "interrupted")
    assert_same_as_whole(checkout, "interrupted")
