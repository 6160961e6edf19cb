"""How far a workflow is, once a minute, in the midst of what Snakemake says of its jobs."""

import re
import sys
import threading
import time
from pathlib import Path

_STEPS = re.compile(r"^(\d+) of (\d+) steps \(.*\) done", re.MULTILINE)


def tell(logs: list[str]) -> None:
    """Begin to tell, in a thread that ends with the workflow; `logs` are Snakemake's own."""
    threading.Thread(target=_tell, args=(logs, time.monotonic()), daemon=True).start()


def _tell(logs: list[str], begun: float) -> None:
    while True:
        time.sleep(60)
        said = "".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs)
        print(text(said, time.monotonic() - begun), file=sys.stderr, flush=True)


def text(log: str, seconds: float) -> str:
    """Jobs done, and the minutes that those to come take if they take as long as these."""
    steps = _STEPS.findall(log)
    n_done, n = map(int, steps[-1]) if steps else (0, 0)
    if not n_done:
        return f"no job done in {round(seconds / 60)} min"
    left = max(1, round(seconds / n_done * (n - n_done) / 60))
    return f"{n_done} of {n} jobs done in {round(seconds / 60)} min, about {left} min left"
