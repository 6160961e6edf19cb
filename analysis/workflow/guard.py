"""Who may work where: one workflow at a time in a checkout, started in it, and stopped without harm."""

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NoReturn

import psutil
from snakemake.exceptions import WorkflowError


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Errors of the user's are a line of Snakemake's, without a traceback."""
    try:
        yield
    except ValueError as error:
        raise WorkflowError(" ".join(str(error).split())) from None
    except OSError as error:
        raise WorkflowError(f"{error.filename}: found {error.strerror}, expected a file to read or write") from None


def refuse_at_once(check: Callable[[], None]) -> None:
    """For functions that Snakemake calls while it plans: it would show an error of theirs with a traceback."""
    try:
        check()
    except ValueError as error:
        print(f"WorkflowError:\n{error}", file=sys.stderr, flush=True)
        os._exit(1)


def enter(checkout: str) -> None:
    """Refuse another working folder than the checkout; its python, package and kernels come before any other."""
    here = Path.cwd()
    if here.resolve() != Path(checkout).resolve():
        raise WorkflowError(f"checkout: found the working folder {here}, expected {checkout}; start Snakemake there")
    if not os.access(".", os.W_OK):
        raise WorkflowError(
            f"checkout: found no permission to write in {here}, expected a folder of one's own; copy it"
        )
    for name, first in (("PATH", str(Path(sys.executable).parent)), ("PYTHONPATH", checkout)):
        os.environ[name] = os.pathsep.join([first, *filter(None, [os.environ.get(name)])])


_HELD: list[IO[str]] = []  # until the process ends: what `onstart` itself opens is closed behind it


def take_over() -> None:
    """A lock, held as long as its file is open: Snakemake's own outlives a kill, the system lets go of this one."""
    lock = open(".snakemake/workflow.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise WorkflowError(
            f"checkout: found another workflow at work in {Path.cwd()}, expected none; wait for its end"
        ) from None
    except OSError:
        pass  # a file system without locks: nobody can hold one
    _HELD.append(lock)


def stop_at_once() -> None:
    """On Ctrl-C: every file is whole or absent at any moment, so there is nothing to wait for."""
    signal.signal(signal.SIGINT, _stop)


def _stop(*_: object) -> NoReturn:
    jobs = [process for process in psutil.Process().children(recursive=True) if _is_ours(process)]
    if not jobs:  # on a cluster Snakemake itself cancels what it has submitted
        raise KeyboardInterrupt
    for job in jobs:
        with contextlib.suppress(psutil.NoSuchProcess):
            job.terminate()
    print("\nInterrupted. What is done is kept: the same command goes on from here.", file=sys.stderr, flush=True)
    os._exit(130)


def _is_ours(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "-m analysis " in command or "papermill " in command
