"""The command line: everything that a Snakemake rule does, by hand."""

import argparse
import errno
import logging
import sys
from pathlib import Path
from typing import Any, NoReturn

from analysis.files import whole

_LOG = logging.getLogger("analysis")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors of the user's are one line, without a traceback."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        if hasattr(options, "output"):
            whole.check_output(options.output)
        options.command(options)
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        text = " ".join(str(error).split()) or "found no memory left, expected some; close other programs"
        if isinstance(error, OSError) and error.errno in _FULL:
            where = getattr(options, "output", None) or getattr(options, "runs", ".")
            wanted = "room for it; make some, then the same command goes on from here"
            text = f"output: found no room for {where} ({error.strerror}), expected {wanted}"
        elif isinstance(error, OSError) and error.filename:
            text = f"{error.filename}: found {error.strerror}, expected a place to read and write; chmod it"
        print(f"python -m analysis {options.name}: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"python -m analysis {options.name}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def seed(options: argparse.Namespace) -> None:
    """All runs of a seed that are missing or stale."""
    from analysis.experiment import conditions

    _settings(options)
    arguments = options.experiment, options.seed, Path(options.runs), options.only, options.save_every
    conditions.make_missing(options.loaded, *arguments)


def one(options: argparse.Namespace) -> None:
    """A condition, from a file of any name to another."""
    from analysis.experiment import conditions
    from analysis.files import netcdf

    settings = _settings(options)
    condition = conditions.condition(options.name, getattr(options, "condition", ""), settings)
    path, source = getattr(options, "machine", None) or getattr(options, "reference", ""), None
    if path:
        source = netcdf.read(path)
        names = ("bias_0", "state_0") if options.name == "run" else ("loss_cause_0", "session")
        netcdf.check(source, path, names, {"experiment": options.experiment, "seed": options.seed})
    attrs = conditions.attributes(options.loaded, options.experiment, options.seed, condition)
    every = getattr(options, "save_every", 0.0)
    conditions.make(condition, settings, options.seed, source, Path(options.output), attrs, every)


def compile_kernels(options: argparse.Namespace) -> None:
    """Every kernel, before jobs run side by side."""
    from analysis.workflow import compilation

    compilation.compile_all()
    Path(options.output).write_text("kernels compiled\n")


def summary(options: argparse.Namespace) -> None:
    """The table of claims."""
    from analysis.workflow import summary

    summary.write(Path(options.data), Path(options.figures))
    print((Path(options.figures) / "claims.md").read_text())


def article(options: argparse.Namespace) -> None:
    """The one page."""
    from analysis.workflow import article

    print(article.write(*map(Path, (options.data, options.figures, options.results, options.logs))))


def crate(options: argparse.Namespace) -> None:
    """The results, for an archive."""
    from analysis.workflow import crate

    print(crate.write(*map(Path, (options.data, options.figures, options.results))))


def verify(options: argparse.Namespace) -> None:
    """The outputs beside what is committed."""
    from analysis.workflow import verify

    found = verify.compare()
    print(verify.text(found))
    if not all(same for _, same, _ in found):
        raise ValueError("verify: found outputs that are not as committed (above), expected the same values")


def times(options: argparse.Namespace) -> None:
    """Where the time of the last workflow went."""
    from analysis.workflow import logs

    print(logs.text(logs.times(options.logs)))


def _settings(options: argparse.Namespace) -> dict:
    """The settings of the experiment that the options name, which data and memory give; the config is kept."""
    from analysis.experiment import config
    from analysis.experiment.protocol import check_feasible

    options.loaded = config.load(options.config)
    settings = config.experiment(options.loaded, options.experiment)
    check_feasible(settings, f"experiments/{options.experiment}")
    return settings


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other error."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    about = "Boltzmann machines over-produced, pruned and retrained: what a rule of the workflow does, by hand."
    example = "All runs of a seed: python -m analysis seed --experiment patches --seed 0. The whole paper: make figures"
    parser = _Parser(prog="python -m analysis", description=about, epilog=example)
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    for name, (function, text, options) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        for option in options.split():
            kind, default, what = _OPTIONS[option]
            default_told = " (default: %(default)s)" if default is not None else ""
            command.add_argument(
                f"--{option}", type=kind, default=default, required=default is None, help=what + default_told
            )
        if name == "seed":
            command.add_argument("--only", nargs="+", metavar="CONDITION", help="these, and what they start from")
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"found {text}, expected an integer from 0 to 2^64 - 1")
    return int(text)


def _seconds(text: str) -> float:
    if not text.replace(".", "", 1).isdecimal():
        raise argparse.ArgumentTypeError(f"found {text}, expected a number of seconds, 0 or more")
    return float(text)


_RUN = "config experiment seed"
_COMMANDS = {  # name: (function, what it does, options)
    "seed": (seed, "Make the runs of a seed that are absent or of other code.", f"{_RUN} runs save-every"),
    "overproduce": (one, "Train the over-produced machine of a seed.", f"{_RUN} output"),
    "run": (one, "Prune a machine by a criterion.", f"{_RUN} condition machine output save-every"),
    "control": (one, "Train machines of a run's sizes.", f"{_RUN} condition reference output save-every"),
    "proxy": (one, "Compare local estimates with the exact Fisher information.", f"{_RUN} reference output"),
    "quality": (one, "Measure training, likelihood and convergence along a run.", f"{_RUN} reference output"),
    "compile": (compile_kernels, "Compile the kernels once, before jobs run side by side.", "output"),
    "summary": (summary, "Write the table of claims from the claim datasets.", "data figures"),
    "article": (article, "Put README, notebooks and tables on one page; runs nothing.", "data figures results logs"),
    "crate": (crate, "Pack datasets, figures, notebooks and the article as an RO-Crate.", "data figures results"),
    "verify": (verify, "Compare datasets and figures with what is committed: bytes, or else values.", ""),
    "times": (times, "Print where the time of the last workflow went, rule by rule.", "logs"),
}
_OPTIONS: dict[str, tuple[Any, Any, str]] = {  # name: (type, default or None where it must be given, what it is)
    "config": (str, "config/default.yaml", "the config"),
    "experiment": (str, None, "name of an experiment in the config"),
    "seed": (_seed, None, "0, 1, ...: governs every random number"),
    "runs": (str, "data/runs", "folder of the runs"),
    "condition": (str, None, "a criterion (run), such as weight, or a control (control), such as rewired"),
    "machine": (str, None, "dataset of the over-produced machine"),
    "reference": (str, None, "dataset of the reference criterion's run with the same seed"),
    "output": (str, None, "the file to write"),
    "save-every": (_seconds, 30.0, "seconds after which the sessions so far are kept, for the same command to go on"),
    "data": (str, "data", "folder of the claim datasets"),
    "figures": (str, "figures", "folder for the table"),
    "results": (str, "results", "folder for the page; its notebooks/ are the executed ones"),
    "logs": (str, "logs", "folder of the workflow's logs"),
}


if __name__ == "__main__":
    sys.exit(main())
