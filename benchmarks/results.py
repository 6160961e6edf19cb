"""Measurements as one dataset, with all that made them but the date."""

import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numba
import xarray as xr
from threadpoolctl import threadpool_info

from analysis.files import provenance, whole
from analysis.files.checkout import ROOT
from analysis.kernels import threads
from benchmarks import fresh, peers, work
from benchmarks.machines import QUICK, Sizes

WORK = (
    work.gibbs,
    work.pcd,
    work.online,
    work.epoch,
    work.variance,
    work.information,
    work.batches,
    work.scaling,
    work.width,
    fresh.first_use,
    fresh.memory,
)


def measure(quick, folder):
    """Measure all work; returns the dataset, which stands in folder/bench.nc then."""
    sizes, parts = QUICK if quick else Sizes(), []
    for function in WORK:
        print(f"benchmarks: {function.__name__}", file=sys.stderr, flush=True)
        parts.append(function(sizes))
    dataset = xr.merge(parts, join="outer", compat="no_conflicts").assign_attrs(attributes(sizes))
    whole.write(dataset, Path(folder) / "bench.nc")
    return dataset


def attributes(sizes):
    blas = {
        f"{x['internal_api']} {x['version']} {x.get('architecture', '')}" for x in threadpool_info() if x["version"]
    }
    found = {name: version(p) if peers.installed(name) else "not installed" for name, p in peers.OPTIONAL.items()}
    processor, n = _processor(), threads.count()
    description = (
        f"{processor}, {n} threads for everyone, single precision. Contenders take turns of {sizes.shortest:g} s or "
        f"more, {sizes.n_rounds} rounds after a warm-up; ratio: median over rounds of the peer's time in units of ours "
        "in the same round."
    )
    config = {k: _relative(v) if isinstance(v, Path) else v for k, v in asdict(sizes).items()}
    more = {"title": "speed against peers", "description": description, "processor": processor, "n_threads": n}
    return provenance.attributes(config, **more, blas=sorted(blas), peers=found)


def _relative(path):
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name)


def _processor():
    """The processor's name, and what it was taken for."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name} as a {numba.config.CPU_NAME}, without AVX-512" if numba.config.CPU_NAME else name
