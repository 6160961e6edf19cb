"""The command line: runs, kernels and tables as the workflow makes them, and what is made of its results."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from analysis.files import whole

DATA, FIGURES, RESULTS, LOGS = (Path(name) for name in ("data", "figures", "results", "logs"))
_NAME = "python -m analysis.workflow"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors of the user's are one line, without a traceback."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        options.command(options)
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        text = " ".join(str(error).split()) or "found no memory left, expected some; close other programs"
        if isinstance(error, OSError) and error.strerror:  # the system's
            text = f"{whole.in_words(error, vars(options).get('runs', '.'))}; then the same command goes on from here"
        print(f"{_NAME} {options.name}: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{_NAME} {options.name}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def seed(options: argparse.Namespace) -> None:
    """Make the runs of a seed that are absent or of other code, data or settings."""
    from analysis.experiment import conditions, config
    from analysis.experiment.protocol import check_feasible

    made, name = config.load(options.config), options.experiment
    whole.check_output(options.runs / name / "overproduced" / f"{options.seed}.nc")
    check_feasible(config.experiment(made, name), f"experiments/{name}")
    conditions.make_missing(made, name, options.seed, options.runs, options.only, options.save_every)


def compile_kernels(options: argparse.Namespace) -> None:
    """Compile the kernels once, before jobs run side by side."""
    from analysis.workflow import compilation

    whole.check_output(options.output)
    options.output.parent.mkdir(parents=True, exist_ok=True)
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

    print(article.write(DATA, FIGURES, RESULTS, LOGS))


def crate(options: argparse.Namespace) -> None:
    """Pack datasets, figures, notebooks and the article as an RO-Crate."""
    from analysis.workflow import crate

    print(crate.write(DATA, FIGURES, RESULTS))


def verify(options: argparse.Namespace) -> None:
    """Compare datasets and figures with what is committed: bytes, or else values."""
    from analysis.workflow import verify

    found = verify.compare()
    print(verify.text(found))
    if not all(same for _, same, _ in found):
        raise ValueError("verify: found outputs that are not as committed (above), expected the same values")


def renew(options: argparse.Namespace) -> None:
    """Note in datasets that today's code makes the same, of the seeds whose runs are there."""
    from analysis.workflow import renewal

    for experiment, numbers in renewal.renew(options.config, options.data).items():
        print(f"{experiment}: the same values, seeds {', '.join(map(str, numbers))}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other error."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def seconds(text: str) -> float:
    """An option's number of seconds, 0 or more; argparse makes one line of the ValueError."""
    if not 0 <= (value := float(text)) < float("inf"):
        raise ValueError
    return value


def _parser() -> argparse.ArgumentParser:
    about = "Boltzmann machines over-produced, pruned and retrained: what a rule of the workflow does, by hand."
    example = f"All runs of a seed: {_NAME} seed --experiment patches --seed 0. The whole paper: make figures"
    parser = _Parser(prog=_NAME, description=about, epilog=example)
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")

    def command(name: str, function: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        added.set_defaults(command=function)
        return added

    runs = command("seed", seed)
    runs.add_argument("--config", default="config/default.yaml", help="the config (%(default)s)")
    runs.add_argument("--experiment", required=True, help="name of an experiment in the config")
    runs.add_argument("--seed", type=int, required=True, help="0, 1, ...: governs every random number")
    runs.add_argument("--runs", type=Path, default=Path("data/runs"), help="folder of the runs (%(default)s)")
    runs.add_argument("--only", nargs="+", metavar="CONDITION", help="these, and what they start from")
    runs.add_argument("--save-every", type=seconds, default=30.0, help="seconds until sessions are kept (%(default)s)")
    command("compile", compile_kernels).add_argument("--output", type=Path, required=True, help="the file to write")
    table = command("summary", summary)
    table.add_argument("--data", type=Path, default=DATA, help="folder of the claim datasets (%(default)s)")
    table.add_argument("--figures", type=Path, default=FIGURES, help="folder for the table (%(default)s)")
    again = command("renew", renew)
    again.add_argument("--config", default="config/default.yaml", help="the config (%(default)s)")
    again.add_argument("--data", type=Path, default=DATA, help="folder of the datasets and of runs/ (%(default)s)")
    for function in (article, crate, verify):
        command(function.__name__, function)
    return parser


if __name__ == "__main__":
    sys.exit(main())
