"""What a fresh process needs: time to import and to compile, and memory for a whole experiment."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import xarray as xr

from analysis import fisher, sampling, training
from analysis.files.checkout import ROOT

_IMPORT = "import time; t = time.perf_counter(); from analysis import *; print(time.perf_counter() - t)"


def first_use(sizes):
    """Seconds to import all public names, and to compile the kernels with an empty and with a warm cache."""
    imports = [float(_python("-c", _IMPORT)) for _ in range(sizes.n_imports)]
    with tempfile.TemporaryDirectory() as folder:
        compiling = []
        for _ in ("empty", "warm"):
            begin = time.perf_counter()
            variables = {"NUMBA_CACHE_DIR": folder} if sizes.cold else {}
            _python("-m", "analysis.workflow", "compile", "--output", f"{folder}/done", **variables)
            compiling.append(time.perf_counter() - begin)
    attrs = {"long_name": "python -m analysis.workflow compile, from start to exit", "units": "s"}
    return xr.Dataset(
        {
            "importing": ("repeat", imports, {"long_name": "from analysis import *, in a fresh process", "units": "s"}),
            "compiling": ("cache", compiling, attrs),
        },
        {"cache": ["empty", "warm"]},
    )


def memory(sizes):
    """Peak of the memory of a process that runs `experiment`."""
    peak = float(_python("-m", "benchmarks.fresh", str(sizes.n_experiment)))
    attrs = {"long_name": "peak memory: an epoch, samples and variance estimates", "units": "GiB"}
    return xr.Dataset({"memory": ((), peak, attrs)})


def experiment(n):
    """n digits (drawn again from those there are): an epoch of PCD, n chains of 5 sweeps, variance estimates."""
    from benchmarks.machines import Sizes, born, digits

    schedule = training.Schedule("pcd", 1, (1e-3, 1e-3), batch_size=32, n_chains=96)
    machine = training.train(born(Sizes()), digits(n, 400), schedule, seed=0)
    states = sampling.sample(machine, n, 5, seed=0)
    return [fisher.variance_estimate(pre, post) for pre, post in zip(states, states[1:])]


def peak():
    """Largest memory of this process so far, GiB."""
    if Path("/proc/self/status").is_file():  # where ru_maxrss begins with that of the process that started this one
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def _python(*arguments, **environment):
    environment = {**os.environ, **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    experiment(int(sys.argv[1]))
    print(peak())
