"""The command line: everything that a Snakemake rule does, by hand.

python -m analysis overproduce --experiment patches --seed 0 --output data/runs/patches/overproduced/0.nc
"""

import argparse
import errno
import logging
import sys
import tempfile
import time
from pathlib import Path

import h5py
import xarray as xr

from analysis.experiment import config
from analysis.files import provenance, whole

_LOG = logging.getLogger("analysis")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments=None):
    """Run one command; returns the exit status. Errors of the user's are one line, without a traceback."""
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        if hasattr(parsed, "output"):
            _check_output(Path(parsed.output))
        parsed.command(parsed)
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        print(f"python -m analysis {parsed.name}: {_text(error, parsed)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"python -m analysis {parsed.name}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _text(error, options):
    """An error as one line."""
    if getattr(error, "errno", None) in _FULL and hasattr(options, "output"):
        why, wanted = error.strerror, "room for it; make some, then the same command goes on from here"
        return f"output: found no room for {options.output} ({why}), expected {wanted}"
    return " ".join(str(error).split()) or "found no memory left, expected some; close other programs"


def overproduce(options):
    """Train the over-produced machine of a seed."""
    from analysis.experiment import protocol

    settings = _settings(options)
    dataset = protocol.overproduce(settings, options.seed, progress=True)
    _write(dataset, options, f"over-produced machine of {options.experiment}")


def run(options):
    """Prune an over-produced machine session by session by a criterion."""
    from analysis.experiment import protocol

    settings, machine = _settings(options), _read(options.machine, options, "bias_0", "state_0")
    arguments = settings, options.condition, options.seed, machine
    _run_by_sessions(protocol.prune_run, arguments, options, f"{options.experiment} pruned by {options.condition}")


def control(options):
    """Train machines of the sizes that a run reached by other ways."""
    from analysis.experiment import controls

    settings, reference = _settings(options), _read(options.reference, options, "loss_cause_0", "session")
    missing = sorted(set(settings["control_sessions"]) - set(reference["session"].values.tolist()))
    if missing:
        raise ValueError(f"dataset: found no sessions {missing} in {options.reference}, expected a run by this config")
    arguments = settings, options.condition, options.seed, reference
    _run_by_sessions(controls.control_run, arguments, options, f"{options.experiment}, control {options.condition}")


def proxy(options):
    """Compare local estimates with the exact Fisher information along a run."""
    from analysis.experiment.proxy import proxy_run

    settings, reference = _settings(options), _read(options.reference, options, "loss_cause_0", "session")
    dataset = proxy_run(settings, options.seed, reference)
    _write(dataset, options, f"{options.experiment}, local estimates and exact Fisher information")


def quality(options):
    """Measure likelihood and convergence of machines along a run."""
    from analysis.experiment import quality

    settings, reference = _settings(options), _read(options.reference, options, "loss_cause_0", "session")
    if settings["quality"] is None:
        raise ValueError(f"quality: found null in the config for {options.experiment}, expected settings")
    dataset = quality.quality_run(settings, options.seed, reference)
    _write(dataset, options, f"{options.experiment}, likelihood and convergence")


def map_cells(options):
    """Make the cells of one job of a map: start large and prune, or be born small."""
    from analysis.experiment import maps

    described, protocol = config.load_maps(options.config)
    if options.map not in described["maps"]:
        raise ValueError(f"map: found {options.map!r}, expected one of {', '.join(described['maps'])}")
    of = described["maps"][options.map]
    settings = config.experiment(protocol, of["experiment"])
    dataset = maps.run(of, settings, options.job, options.seed, progress=True)
    more = {"title": f"map {options.map}", "map": options.map, "job": options.job, "seed": options.seed}
    more |= {"settings": settings, "data": dict(_provenance(of["dataset"]))}
    whole.write(dataset.assign_attrs(provenance.attributes(described, **more)), options.output)
    _LOG.info("wrote %s", options.output)


def collect_maps(options):
    """Put the jobs of all maps together: data/maps.nc."""
    from analysis.verdicts import maps

    whole.write(maps.collect_maps(options.runs, options.config), options.output)


def compile_kernels(options):
    """Compile the kernels once, before jobs run side by side."""
    from analysis.workflow import compilation

    compilation.compile_all()
    Path(options.output).write_text("kernels compiled\n")


def summary(options):
    """Write the table of claims from the claim datasets."""
    from analysis.workflow import summary

    summary.write(*(Path(folder) for folder in (options.data, options.figures, options.results)))
    print((Path(options.figures) / "claims.md").read_text())


def verify(options):
    """Compare datasets and figures with what is committed: bytes, or else values."""
    from analysis.workflow import verify

    found = verify.compare()
    print(verify.text(found))
    if not all(same for _, same, _ in found):
        raise ValueError("verify: found outputs that are not as committed (above), expected the same values")


def times(options):
    """Print where the time of the last workflow went, rule by rule."""
    from analysis.workflow import times

    print(times.text(times.table(options.logs)))


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)  # examples keep their lines

    def error(self, message):
        """One line, as for every other error."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser():
    epilog = f"A run by hand, from the first command to the last:\n\n{_BY_HAND}\n\nThe whole paper: make figures"
    parser = _Parser(prog="python -m analysis", description=__doc__.splitlines()[0], epilog=epilog)
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    for name, function, wanted in (
        ("overproduce", overproduce, ("experiment", "seed")),
        ("run", run, ("experiment", "condition", "seed", "machine")),
        ("control", control, ("experiment", "condition", "seed", "reference")),
        ("proxy", proxy, ("experiment", "seed", "reference")),
        ("quality", quality, ("experiment", "seed", "reference")),
        ("map", map_cells, ("map", "job", "seed")),
        ("maps", collect_maps, ("runs",)),
        ("compile", compile_kernels, ()),
    ):
        example = f"example:\n{_EXAMPLES[name]}"
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__, epilog=example)
        command.set_defaults(command=function)
        default = "config/maps.yaml" if name.startswith("map") else "config/default.yaml"
        command.add_argument("--config", default=default, help="the config (default: %(default)s)")
        for option in wanted:
            kind, text = _OPTIONS[option]
            command.add_argument(f"--{option}", required=True, type=kind, help=text)
        command.add_argument("--output", required=True, help="the file to write")
        if function in (run, control):
            text = "keep the sessions so far as often, for the same command to go on from (default: %(default)s)"
            command.add_argument("--save-every", type=_seconds, default=30.0, metavar="SECONDS", help=text)
    command = commands.add_parser("summary", help=summary.__doc__, description=summary.__doc__)
    command.set_defaults(command=summary)
    command.add_argument("--data", default="data", help="folder of the claim datasets (default: %(default)s)")
    command.add_argument("--figures", default="figures", help="folder for the table (default: %(default)s)")
    command.add_argument("--results", default="results", help="folder for it as a page (default: %(default)s)")
    command = commands.add_parser("verify", help=verify.__doc__, description=verify.__doc__)
    command.set_defaults(command=verify)
    command = commands.add_parser("times", help=times.__doc__, description=times.__doc__)
    command.set_defaults(command=times)
    command.add_argument("--logs", default="logs", help="folder of the workflow's logs (default: %(default)s)")
    return parser


_START = "  python -m analysis {} --config config/smoke.yaml --experiment patches --seed 0"
_EXAMPLES = {
    "overproduce": _START.format("overproduce") + " \\\n    --output results/machine.nc",
    "run": _START.format("run") + " \\\n    --condition weight --machine results/machine.nc --output results/weight.nc",
    "control": _START.format("control")
    + " \\\n    --condition random_sparse --reference results/weight.nc --output results/random_sparse.nc",
    "proxy": _START.format("proxy") + " \\\n    --reference results/weight.nc --output results/fisher.nc",
    "quality": _START.format("quality") + " \\\n    --reference results/weight.nc --output results/quality.nc",
    "map": "  python -m analysis map --config config/maps_smoke.yaml --map patches --job all --seed 0"
    " \\\n    --output results/map.nc",
    "maps": "  python -m analysis maps --runs data/runs/maps --output results/maps.nc",
    "compile": "  python -m analysis compile --output results/kernels.txt",
}
_BY_HAND = "\n".join(_EXAMPLES[name] for name in ("overproduce", "run", "control", "proxy"))


def _seed(text):
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"found {text}, expected an integer from 0 to 2^64 - 1")
    return int(text)


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text}, expected a number of seconds, 0 or more")
    return seconds


_OPTIONS: dict[str, tuple] = {
    "experiment": (str, "name of an experiment in the config"),
    "condition": (str, "name of a criterion (run) or of a control (control)"),
    "map": (str, "name of a map in the config"),
    "job": (str, "all, or a start size where the map has one job a start size"),
    "runs": (str, "folder of the maps' jobs"),
    "seed": (_seed, "0, 1, ...: governs every random number"),
    "machine": (str, "dataset of the over-produced machine"),
    "reference": (str, "dataset of the reference criterion's run with the same seed"),
}


def _settings(options):
    settings = config.experiment(_config(options), options.experiment)
    _check_size(settings)
    return settings


def _config(options):
    """The config that the options name, read once."""
    if not hasattr(options, "loaded"):
        options.loaded = config.load(options.config)
    return options.loaded


def _check_size(settings):
    """Refuse machines and samples that memory can't hold before anything is trained."""
    from analysis import data
    from analysis.machine.model import check_memory

    n_units = (data.load(settings["dataset"]).sizes["pixel"], *settings["machine"]["hidden"])
    n_synapses = sum(n * m for n, m in zip(n_units, n_units[1:]))
    check_memory("machine/hidden", settings["machine"]["hidden"], 5 * n_synapses)  # weight and mask
    for name in ("n_chains", "n_measure_chains"):
        n_chains = settings["samples"][name]
        check_memory(f"samples/{name}", n_chains, n_chains * sum(n_units) * 9 // 8)  # a byte and a bit a unit
    for schedule in (settings["training"], settings["retraining"]):
        n_chains = schedule.get("n_chains", 1)
        check_memory("training/n_chains", n_chains, n_chains * sum(n_units) // 8)


def _check_output(path):
    """Refuse a file that can't be written before it is computed."""
    if path.is_dir():
        raise ValueError(f"output: found a directory {path}, expected the name of a file to write")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise ValueError(f"output: found a file {folder}, expected a folder for {path.name}; name another")
    try:
        tempfile.TemporaryFile(dir=folder).close()  # os.access says yes to root, whatever the file system
    except OSError as error:
        why = f"found that nothing can be written in {folder} ({error.strerror})"
        raise ValueError(f"output: {why}, expected a folder of yours; name another, or chmod it") from error


def _read(path, options=None, *names):
    """The dataset in a file; ValueError where it lacks names, or is of another experiment or seed than the options."""
    wanted = "expected one written by python -m analysis"
    if not Path(path).is_file():
        found = "a directory" if Path(path).is_dir() else "no file"
        raise ValueError(f"dataset: found {found} {path}, {wanted}")
    if not h5py.is_hdf5(path):
        raise ValueError(f"dataset: found no NetCDF in {path}, {wanted}")
    try:
        with h5py.File(path) as file:  # h5netcdf leaves a traceback on stderr where this fails
            list(file.attrs.items())
        with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort") as dataset:
            dataset.load()
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"dataset: found {path} damaged ({error}), {wanted}; remove it and make it again") from error
    missing = [name for name in names if name not in dataset]
    if missing:
        raise ValueError(f"dataset: found no {', '.join(missing)} in {path}, {wanted}; is it the right file?")
    for name in ("experiment", "seed") if options else ():
        found, expected = dataset.attrs.get(name), getattr(options, name)
        if found != expected:
            raise ValueError(f"dataset: found {name} {found} in {path}, expected {expected}; is it the right file?")
    return dataset


def _run_by_sessions(function, arguments, options, title):
    """Run, keeping the sessions so far beside the output now and then: after a kill the same command goes on."""
    kept, made_by = (
        Path(options.output).with_name(f".{Path(options.output).name}.sessions"),
        _attributes(options, title),
    )
    try:
        done = _read(kept) if kept.is_file() else None
    except ValueError as error:
        _LOG.info("starting over: %s", error)
        done = None
    if done is not None and done.attrs != made_by:
        _LOG.info("%s was made by other code or another config: starting over", kept)
        done = None
    elif done is not None:
        _LOG.info("going on after session %d, found in %s", done["session"][-1], kept)

    last = time.monotonic()

    def save(run):
        nonlocal last
        if time.monotonic() - last >= options.save_every:
            whole.write(run.dataset().assign_attrs(made_by), kept, level=0)
            last = time.monotonic()

    _write(function(*arguments, progress=True, done=done, save=save), options, title)
    kept.unlink(missing_ok=True)


def _write(dataset, options, title):
    whole.write(dataset.assign_attrs(_attributes(options, title)), options.output)
    _LOG.info("wrote %s", options.output)


def _attributes(options, title):
    settings = _config(options)
    source = dict(_provenance(settings["experiments"][options.experiment]["dataset"]))
    more = {"title": title, "experiment": options.experiment, "seed": options.seed, "data": source}
    if hasattr(options, "condition"):
        more["condition"] = options.condition
    return provenance.attributes(settings, **more)


def _provenance(name):
    from analysis import data

    return {k: v for k, v in data.load(name).attrs.items() if isinstance(v, (str, int, float))}


if __name__ == "__main__":
    sys.exit(main())
