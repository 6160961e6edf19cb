"""The command line: everything that a Snakemake rule does, by hand."""

import argparse
import errno
import logging
import sys
from collections.abc import Callable
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
    """Make the runs of a seed that are absent or of other code, data or settings."""
    from analysis.experiment import conditions, config
    from analysis.experiment.protocol import check_feasible

    made, name = config.load(options.config), options.experiment
    check_feasible(config.experiment(made, name), f"experiments/{name}")
    conditions.make_missing(made, name, options.seed, options.runs, options.only, options.save_every)


def compile_kernels(options: argparse.Namespace) -> None:
    """Compile the kernels once, before jobs run side by side."""
    from analysis.workflow import compilation

    compilation.compile_all()
    options.output.write_text("kernels compiled\n")


def summary(options: argparse.Namespace) -> None:
    """Write the table of claims from the claim datasets."""
    from analysis.workflow import summary

    summary.write(options.data, options.figures)
    print((options.figures / "claims.md").read_text())


def article(options: argparse.Namespace) -> None:
    """Put README, notebooks and tables on one page; runs nothing."""
    from analysis.workflow import article

    print(article.write(options.data, options.figures, options.results, options.logs))


def crate(options: argparse.Namespace) -> None:
    """Pack datasets, figures, notebooks and the article as an RO-Crate."""
    from analysis.workflow import crate

    print(crate.write(options.data, options.figures, options.results))


def verify(options: argparse.Namespace) -> None:
    """Compare datasets and figures with what is committed: bytes, or else values."""
    from analysis.workflow import verify

    found = verify.compare()
    print(verify.text(found))
    if not all(same for _, same, _ in found):
        raise ValueError("verify: found outputs that are not as committed (above), expected the same values")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other error."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    about = "Boltzmann machines over-produced, pruned and retrained: what a rule of the workflow does, by hand."
    example = "All runs of a seed: python -m analysis seed --experiment patches --seed 0. The whole paper: make figures"
    parser = _Parser(prog="python -m analysis", description=about, epilog=example)
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    for name, (function, options) in _COMMANDS.items():
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(command=function)
        for option in options.split():
            kind, default, what = _OPTIONS[option]
            told = what if default is None else f"{what} (default: {default})"
            command.add_argument(f"--{option}", type=kind, default=default, required=default is None, help=told)
        if name == "seed":
            command.add_argument("--only", nargs="+", metavar="CONDITION", help="these, and what they start from")
    return parser


def seconds(text: str) -> float:
    """An option's number of seconds, 0 or more; argparse makes one line of the ValueError."""
    if not 0 <= (value := float(text)) < float("inf"):
        raise ValueError
    return value


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], None], str]] = {  # name: (function, options)
    "seed": (seed, "config experiment seed runs save-every"),
    "compile": (compile_kernels, "output"),
    "summary": (summary, "data figures"),
    "article": (article, "data figures results logs"),
    "crate": (crate, "data figures results"),
    "verify": (verify, ""),
}
_OPTIONS: dict[str, tuple[Any, Any, str]] = {  # name: (type, default or None where it must be given, what it is)
    "config": (str, "config/default.yaml", "the config"),
    "experiment": (str, None, "name of an experiment in the config"),
    "seed": (int, None, "0, 1, ...: governs every random number"),
    "runs": (Path, "data/runs", "folder of the runs"),
    "save-every": (seconds, 30.0, "seconds after which the sessions so far are kept, for the same command to go on"),
    "output": (Path, None, "the file to write"),
    "data": (Path, "data", "folder of the claim datasets"),
    "figures": (Path, "figures", "folder for the table"),
    "results": (Path, "results", "folder for the page; its notebooks/ are the executed ones"),
    "logs": (Path, "logs", "folder of the workflow's logs"),
}


if __name__ == "__main__":
    sys.exit(main())
