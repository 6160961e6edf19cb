"""Measure all work, then print the table; writes table.md, bench.nc and the figures."""

import argparse
import os
import sys
from pathlib import Path


def main(arguments=None):
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes and two rounds, to see that it runs")
    parser.add_argument("--output", default="benchmarks/results", help="folder for the results (default: %(default)s)")
    parser.add_argument("--redraw", action="store_true", help="table and figures from the dataset there, no measuring")
    options = parser.parse_args(arguments)
    from benchmarks import figures, results, table

    folder = Path(options.output)
    dataset = results.read(folder) if options.redraw else results.measure(options.quick, folder)
    text = table.table(dataset)
    (folder / "table.md").write_text(text)
    figures.draw(dataset, folder)
    print(text)
    return 0


if __name__ == "__main__":
    if "OPENBLAS_CORETYPE" in os.environ:  # it may halve the peers' BLAS, and is read when numpy is imported
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], environment)
    sys.exit(main())
