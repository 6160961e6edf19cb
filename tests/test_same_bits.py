"""The runs of the smoke config hold the same bits whatever made them: a function of (code, config, seed) alone.

Not of how many threads share a job, how many jobs run side by side and in which order, which processor the code is
compiled for, or which environment of the locked versions. Compared is all but attributes that state library versions.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from analysis.experiment import config
from analysis.files import netcdf, yamlfile
from analysis.files.checkout import ROOT
from analysis.kernels import jit

pytestmark = pytest.mark.slow

FOLDERS = ("analysis", "config", "notebooks", "profiles")
FILES = ("Snakefile", "Makefile", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")
ENVIRONMENT = ("versions", "package_version")  # attributes
DAEMONS = [shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("munged", "slurmctld", "slurmd")]
PLUGIN = importlib.util.find_spec("snakemake_executor_plugin_slurm")
X86 = (sys.platform, platform.machine()) == ("linux", "x86_64")
# An x86-64 of 2004 as far as numba, NumPy, BLAS (NumPy's and SciPy's) and the C library's exp and log can tell. fma
# alone may use the processor's own: it is exact in software too, but makes training ten times slower.
OLD_PROCESSOR = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name]),
    "OPENBLAS_CORETYPE": "Prescott",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA4,-AVX512F,-AVX512VL,-SSE4_1,-SSE4_2",
}


def copy_checkout(folder, source=ROOT):
    no_source = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in FOLDERS:
        shutil.copytree(source / name, folder / name, ignore=no_source)
    for name in FILES:
        shutil.copy(source / name, folder / name)
    sources = [f"{root / 'analysis/kernels'}".encode() for root in (source, folder)]
    here, there = (f"{jit.CACHE_FOLDER.name}/kernels_{hashlib.sha1(path).hexdigest()}" for path in sources)  # numba's
    if (source / ".cache" / here).is_dir():  # what is compiled serves the copy
        shutil.copytree(source / ".cache" / here, folder / ".cache" / there, ignore=shutil.ignore_patterns("tmp*"))
    return folder


def make_runs(folder, out, *options, python=sys.executable, profile="default", within=(), **variables):
    """The folder of the runs that the workflow made in a copy of the checkout, within what takes a command."""
    command = [*within, str(python), "-m", "snakemake", "runs", "--workflow-profile", f"profiles/{profile}"]
    command += ["--configfile", "config/smoke.yaml", "--config", f"out={out}", *options]
    path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return folder / out / "data" / "runs"


def names(runs):
    """Of all datasets in a folder of runs, in the order in which they were finished."""
    paths = sorted(runs.rglob("[!.]*.nc"), key=lambda path: path.stat().st_mtime_ns)
    return [path.relative_to(runs).as_posix() for path in paths]


def differences(found, expected):
    """Runs of two folders that do not hold the same variables, attributes and bits."""
    assert sorted(names(found)) == sorted(names(expected))
    pairs = {name: [folder / name for folder in (found, expected)] for name in names(expected)}
    others = {name: map(netcdf.read, (a, b)) for name, (a, b) in pairs.items() if a.read_bytes() != b.read_bytes()}
    return [name for name, (a, b) in others.items() if not same(a, b)]


def same(a, b):
    """All but the attributes that state the versions of libraries; zeros of one sign, and NaNs of one kind."""
    plain, other = (dataset.assign_attrs(dict.fromkeys(ENVIRONMENT)) for dataset in (a, b))
    numbers = [name for name in a.variables if a[name].dtype != object]
    return plain.identical(other) and all(a[name].values.tobytes() == b[name].values.tobytes() for name in numbers)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy with one seed; random and anti-FI pruning compute nothing that the others do not."""
    folder = copy_checkout(tmp_path_factory.mktemp("a checkout"))
    smoke = config.load(folder / "config" / "smoke.yaml")
    for experiment in smoke["experiments"].values():
        experiment["n_seeds"] = 1
        experiment.pop("further_seeds", None)
        experiment["criteria"] = [name for name in experiment["criteria"] if name not in ("random", "anti_fi")]
    yamlfile.write(smoke, folder / "config" / "smoke.yaml")
    return folder


@pytest.fixture(scope="module")
def reference(checkout):
    """Two threads for one experiment, four for the other, two jobs or more at a time."""
    return make_runs(checkout, "reference", "--cores", "8", "--set-threads", "seeds_of_patches=4", "seeds_of_digits=2")


@pytest.fixture(scope="module")
def one_by_one(checkout, reference, tmp_path_factory):
    """One thread a job, one job at a time, in another order, kernels compiled anew; on the old processor if it can."""
    cache, order = tmp_path_factory.mktemp("compiled"), names(reference)
    last = order[-1].split("/")[0]
    first = [f"one_by_one/data/runs/{name}" for name in order if name.startswith(last)]
    variables = {"NUMBA_CACHE_DIR": str(cache)} | (OLD_PROCESSOR if X86 else {})
    found = make_runs(checkout, "one_by_one", "--cores", "1", "--prioritize", *first, **variables)
    assert not names(found)[-1].startswith(last)
    return found, cache


def test_no_bit_depends_on_threads_the_order_of_jobs_or_the_processor(one_by_one, reference):
    assert differences(one_by_one[0], reference) == []


def test_every_kernel_is_compiled_before_the_first_job(one_by_one):
    runs, cache = one_by_one
    modules = [import_module(f"analysis.kernels.{path.stem}") for path in Path(jit.__file__).parent.glob("*.py")]
    functions = {value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
    kernels = [function for function in functions if not function.targetoptions.get("forceinline")]
    expected = {f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}" for kernel in kernels}
    compiled = {path.name.partition("-")[0]: path.stat().st_mtime_ns for path in cache.rglob("*.nbi")}
    assert len(expected) > 30
    assert expected == compiled.keys()
    (done,) = runs.glob("kernels-*.txt")
    assert max(compiled.values()) < done.stat().st_mtime_ns


@pytest.mark.skipif(None in DAEMONS, reason="needs munged, slurmctld and slurmd: Debian's slurm-wlm")
@pytest.mark.skipif(PLUGIN is None, reason="needs snakemake-executor-plugin-slurm: the extra `cluster`")
def test_runs_made_by_slurm_jobs_hold_the_same_bits(checkout, reference):
    """The profile, unchanged, on the one-node SLURM of tests/slurm.sh."""
    found = make_runs(checkout, "slurm", profile="slurm", within=[str(ROOT / "tests" / "slurm.sh")])
    assert differences(found, reference) == []
    (log,) = [text for path in (checkout / ".snakemake/log").glob("*.log") if "SLURM" in (text := path.read_text())]
    assert log.count("has been submitted with SLURM jobid") == 3  # the kernels, and a seed of each experiment
