"""Who may work where: one workflow at a time in a checkout, started in it, and stopped without harm."""

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from ruamel.yaml import YAMLError
from snakemake.exceptions import WorkflowError


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Errors of the user's are a line of Snakemake's, without a traceback."""
    try:
        yield
    except (ValueError, YAMLError) as error:
        raise WorkflowError(" ".join(str(error).split())) from None
    except OSError as error:
        raise WorkflowError(f"{error.filename}: found {error.strerror}, expected a place to read and write") from None


def enter(checkout: str) -> None:
    """Refuse another working folder than the checkout; its python, package and Jupyter come before any other."""
    here = Path.cwd()
    if here.resolve() != Path(checkout).resolve():
        raise WorkflowError(f"checkout: found the working folder {here}, expected {checkout}; start Snakemake there")
    if not os.access(".", os.W_OK):
        raise WorkflowError(f"checkout: found no permission to write in {here}, expected a folder of one's own")
    python, jupyter = os.path.dirname(sys.executable), os.path.join(sys.prefix, "share", "jupyter")
    for name, first in (("PATH", python), ("PYTHONPATH", checkout), ("JUPYTER_PATH", jupyter)):
        os.environ[name] = os.pathsep.join([first, *filter(None, [os.environ.get(name)])])


def take_over() -> None:
    """A lock that the system lets go of when this process ends, however it ends: Snakemake's own outlives a kill.

    On Ctrl-C all jobs end at once: every file is whole or absent at any moment, so there is nothing to wait for.
    """
    lock = os.open(".snakemake/workflow.lock", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = f"another workflow at work in {Path.cwd()}"
        raise WorkflowError(f"checkout: found {found}, expected none; wait for its end") from None
    except OSError:
        pass  # a file system without locks: nobody can hold one
    signal.signal(signal.SIGINT, _stop)


def _stop(*_: object) -> None:
    stopped = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if "-m analysis.workflow " in command or "papermill " in command:
                process.terminate()
                stopped.append(process)
    if not stopped:  # on a cluster Snakemake itself cancels what it has submitted
        raise KeyboardInterrupt
    print("\nInterrupted. What is done is kept: the same command goes on from here.", file=sys.stderr, flush=True)
    os._exit(130)
