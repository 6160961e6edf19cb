"""The command line: everything that a Snakemake rule does, by hand.

python -m analysis overproduce --experiment patches --seed 0 --output data/runs/patches/overproduced/0.nc
"""

import argparse
import logging
import sys
from pathlib import Path

import h5py
import xarray as xr

from analysis import config, provenance

_LOG = logging.getLogger("analysis")


def main(arguments=None):
    """Run one command; returns the exit status. Errors of the user's are one line, without a traceback."""
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        parsed.command(parsed)
    except (ValueError, ArithmeticError, OSError) as error:
        print(f"python -m analysis {parsed.name}: {error}", file=sys.stderr)
        return 1
    return 0


def overproduce(options):
    """Train the over-produced machine of a seed."""
    from analysis import protocol

    settings = _settings(options)
    dataset = protocol.overproduce(settings, options.seed, progress=True)
    _write(dataset, options, f"over-produced machine of {options.experiment}")


def run(options):
    """Prune an over-produced machine session by session by a criterion."""
    from analysis import protocol

    settings, overproduced = _settings(options), _read(options.machine)
    dataset = protocol.prune_run(settings, options.condition, options.seed, overproduced, progress=True)
    _write(dataset, options, f"{options.experiment} pruned by {options.condition}")


def control(options):
    """Train machines from scratch at the sizes that a run reached."""
    from analysis import protocol

    settings, reference = _settings(options), _read(options.reference)
    dataset = protocol.control_run(settings, options.condition, options.seed, reference, progress=True)
    _write(dataset, options, f"{options.experiment}, control {options.condition}")


def proxy(options):
    """Compare local estimates with the exact Fisher information along a run."""
    from analysis import protocol

    dataset = protocol.proxy_run(_settings(options), options.seed, _read(options.reference))
    _write(dataset, options, f"{options.experiment}, local estimates and exact Fisher information")


def compile_kernels(options):
    """Compile the kernels once, before jobs run side by side."""
    from analysis import warmup

    _LOG.info("compiling kernels (once a machine, about a minute)")
    warmup.compile_all()
    Path(options.output).write_text("kernels compiled\n")


def summary(options):
    """Write the table of claims from the claim datasets."""
    from analysis import claims

    claims.summary(options.data, options.figures, options.data)
    print((Path(options.figures) / "claims.md").read_text())


def _parser():
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    for name, function, wanted in (
        ("overproduce", overproduce, ("experiment", "seed")),
        ("run", run, ("experiment", "condition", "seed", "machine")),
        ("control", control, ("experiment", "condition", "seed", "reference")),
        ("proxy", proxy, ("experiment", "seed", "reference")),
        ("compile", compile_kernels, ()),
    ):
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(command=function)
        command.add_argument("--config", default="config/default.yaml", help="the config (default: %(default)s)")
        for option in wanted:
            kind, text = _OPTIONS[option]
            command.add_argument(f"--{option}", required=True, type=kind, help=text)
        command.add_argument("--output", required=True, help="the file to write")
    command = commands.add_parser("summary", help=summary.__doc__, description=summary.__doc__)
    command.set_defaults(command=summary)
    command.add_argument("--data", default="data", help="folder of the claim datasets (default: %(default)s)")
    command.add_argument("--figures", default="figures", help="folder for the table (default: %(default)s)")
    return parser


_OPTIONS = {
    "experiment": (str, "name of an experiment in the config"),
    "condition": (str, "name of a criterion (run) or of a control (control)"),
    "seed": (int, "0, 1, ...: governs every random number"),
    "machine": (str, "dataset of the over-produced machine"),
    "reference": (str, "dataset of the reference criterion's run with the same seed"),
}


def _settings(options):
    return config.experiment(config.load(options.config), options.experiment)


def _read(path):
    if not Path(path).is_file():
        raise ValueError(f"dataset: found no file {path}, expected one written by python -m analysis")
    if not h5py.is_hdf5(path):
        raise ValueError(f"dataset: found no NetCDF in {path}, expected a file written by python -m analysis")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def _write(dataset, options, title):
    settings = config.load(options.config)
    source = dict(_provenance(settings["experiments"][options.experiment]["dataset"]))
    more = {"title": title, "experiment": options.experiment, "seed": options.seed, "data": source}
    if hasattr(options, "condition"):
        more["condition"] = options.condition
    provenance.write(dataset.assign_attrs(provenance.attributes(settings, **more)), options.output)
    _LOG.info("wrote %s", options.output)


def _provenance(name):
    from analysis import data

    return {k: v for k, v in data.load(name).attrs.items() if isinstance(v, (str, int, float))}


if __name__ == "__main__":
    sys.exit(main())
