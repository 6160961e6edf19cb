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

from analysis.files import whole
from analysis.workflow.rules import refuse


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Errors of the user's are a line, without a traceback."""
    try:
        yield
    except (ValueError, YAMLError) as error:
        refuse(error)
    except OSError as error:
        refuse(whole.in_words(error, Path.cwd()))


def enter(checkout: str) -> None:
    """Refuse another working folder than the checkout; its python, package and Jupyter come before any other."""
    here = Path.cwd()
    if here.resolve() != Path(checkout).resolve():
        refuse(f"checkout: found the working folder {here}, expected {checkout}; start Snakemake there")
    if not os.access(".", os.W_OK):
        refuse(f"checkout: found no permission to write in {here}, expected a folder of one's own")
    python, jupyter = os.path.dirname(sys.executable), os.path.join(sys.prefix, "share", "jupyter")
    for name, first in (("PATH", python), ("PYTHONPATH", checkout), ("JUPYTER_PATH", jupyter)):
        os.environ[name] = os.pathsep.join([first, *filter(None, [os.environ.get(name)])])


def take_over(jobs_are_here: bool) -> None:
    """A lock that the system lets go of when this process ends, however it ends: Snakemake's own outlives a kill.

    On Ctrl-C all jobs of this machine end at once: every file is whole or absent at any moment, so there is nothing to
    wait for. Jobs of a cluster Snakemake itself cancels.
    """
    lock = os.open(".snakemake/workflow.lock", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = f"another workflow at work in {Path.cwd()}"
        refuse(f"checkout: found {found}, expected none; wait for its end, or work in a second clone")
    except OSError:
        pass  # a file system without locks: nobody can hold one
    signal.signal(signal.SIGINT, _stop if jobs_are_here else signal.default_int_handler)


def _stop(*_: object) -> None:
    print("\nInterrupted. What is done is kept: the same command goes on from here.", file=sys.stderr, flush=True)
    begun: list[psutil.Process] = []
    while new := [process for process in psutil.Process().children(recursive=True) if process not in begun]:
        for process in new:
            with contextlib.suppress(psutil.Error):
                process.suspend()  # or it could begin another, which would outlive it
        begun += new
    for process in begun:
        with contextlib.suppress(psutil.Error):
            process.kill()
    os._exit(130)
