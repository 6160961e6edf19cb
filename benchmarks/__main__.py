"""Measure all work, then print the table; writes table.md, bench.nc and the figures."""

import argparse
import os
import sys
from pathlib import Path

AVX2 = {  # a processor without AVX-512, as most laptops have, as far as numba, BLAS, PyTorch and XLA can tell
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",  # those that the name implies
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}


def main(arguments=None):
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes and two rounds, to see that it runs; to a folder quick"
    )
    # In full alone: what libraries see of the processor is decided before they are imported (below).
    parser.add_argument("--avx2", action="store_true", help="everybody without AVX-512; results go to a folder avx2")
    parser.add_argument("--output", default="benchmarks/results", help="folder for the results (default: %(default)s)")
    parser.add_argument("--redraw", action="store_true", help="table and figures from the dataset there, no measuring")
    options = parser.parse_args(arguments)
    from analysis.files import netcdf
    from benchmarks import figures, results, table

    folder = Path(options.output, "quick" if options.quick else "", "avx2" if options.avx2 else "")
    if options.redraw:
        dataset = netcdf.read(folder / "bench.nc")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        dataset = results.measure(options.quick, folder)
    text = table.table(dataset)
    (folder / "table.md").write_text(text)
    figures.draw(dataset, folder)
    print(text)
    return 0


def processor(avx2):
    """The environment in which all contenders see the processor as it is, or without AVX-512."""
    # OPENBLAS_CORETYPE may halve the peers' BLAS
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    if not avx2:
        return environment
    from numpy._core._multiarray_umath import __cpu_dispatch__

    wide = [name for name in __cpu_dispatch__ if name.startswith(("AVX512", "X86_V4"))]
    return environment | AVX2 | {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)}


if __name__ == "__main__":
    if (environment := processor("--avx2" in sys.argv)) != os.environ:  # which libraries read when they are imported
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], environment)
    sys.exit(main())
