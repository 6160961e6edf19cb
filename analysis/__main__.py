"""The command line: everything that a Snakemake rule does, by hand.

python -m analysis overproduce --experiment patches --seed 0 --output data/runs/patches/overproduced/0.nc
"""

import argparse
import errno
import logging
import sys
import tempfile
from pathlib import Path

from analysis.experiment import config
from analysis.files import netcdf, provenance, whole

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


def seed(options):
    """Make every run of an experiment and seed that is not there yet, or was made by other code or settings."""
    from analysis.experiment import conditions

    _settings(options)
    runs = Path(options.runs)
    conditions.make_missing(_config(options), options.experiment, options.seed, runs, options.only, options.save_every)


def overproduce(options):
    """Train the over-produced machine of a seed."""
    from analysis.experiment import conditions

    _make(conditions.OVERPRODUCED, conditions.overproduced(), options, None)


def run(options):
    """Prune an over-produced machine session by session by a criterion."""
    from analysis.experiment import conditions

    source = options.machine, "bias_0", "state_0"
    _make(options.condition, conditions.pruned_by(options.condition), options, source)


def control(options):
    """Train machines of the sizes that a run reached by other ways."""
    from analysis.experiment import conditions

    condition = conditions.control(options.condition, _settings(options))
    _make(options.condition, condition, options, (options.reference, "loss_cause_0", "session"))


def proxy(options):
    """Compare local estimates with the exact Fisher information along a run."""
    from analysis.experiment import conditions

    _make("fisher", conditions.fisher(_settings(options)), options, (options.reference, "loss_cause_0", "session"))


def quality(options):
    """Measure likelihood and convergence of machines along a run."""
    from analysis.experiment import conditions

    _make("quality", conditions.quality(_settings(options)), options, (options.reference, "loss_cause_0", "session"))


def _make(name, condition, options, source):
    """One condition by hand, from and to files of any names."""
    from analysis.experiment import conditions

    settings, source = _settings(options), source and _read(*source, options=options)
    attrs = conditions.attributes(_config(options), options.experiment, options.seed, name, condition)
    every = getattr(options, "save_every", 0.0)
    conditions.make(condition, settings, options.seed, source, options.output, attrs, every)


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
        ("seed", seed, ("experiment", "seed")),
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
        if function is seed:
            text = "folder of the runs: <runs>/<experiment>/<condition>/<seed>.nc (default: %(default)s)"
            command.add_argument("--runs", default="data/runs", help=text)
            text = "these alone, and what they start from"
            command.add_argument("--only", nargs="+", metavar="CONDITION", help=text)
        else:
            command.add_argument("--output", required=True, help="the file to write")
        if function in (seed, run, control):
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
    "seed": _START.format("seed") + " --runs results/runs",
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


def _read(path, *names, options):
    """The dataset in a file; ValueError where it lacks names, or is of another experiment or seed than the options."""
    dataset = netcdf.read(path)
    missing = [name for name in names if name not in dataset]
    if missing:
        wanted = "expected one written by python -m analysis; is it the right file?"
        raise ValueError(f"dataset: found no {', '.join(missing)} in {path}, {wanted}")
    for name in ("experiment", "seed"):
        found, expected = dataset.attrs.get(name), getattr(options, name)
        if found != expected:
            raise ValueError(f"dataset: found {name} {found} in {path}, expected {expected}; is it the right file?")
    return dataset


def _provenance(name):
    from analysis import data

    return {k: v for k, v in data.load(name).attrs.items() if isinstance(v, (str, int, float))}


if __name__ == "__main__":
    sys.exit(main())
