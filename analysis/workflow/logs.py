"""What the workflow says of its jobs from their logs."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def run_time(log: str) -> str:
    """How long a job took, from Snakemake's benchmark file beside its log: "12 s"; "unknown" where there is none."""
    path = Path(log).with_suffix(".tsv")
    return f"{pd.read_table(path)['s'].iloc[0]:.0f} s" if path.is_file() else "unknown"


def ends_of_logs(snakemake_logs: Iterable[str], n_lines: int = 30) -> str:
    """The last lines of the text logs that Snakemake's own logs name for failed jobs.

    With show-failed-logs Snakemake would show every log whole, that of a notebook with thousands of lines of JSON.
    """
    said = "\n".join(Path(path).read_text(errors="replace") for path in snakemake_logs)
    logs = dict.fromkeys(re.findall(r"^ +log: (.+?\.log)\b", said, re.MULTILINE))
    ends = {log: Path(log).read_text(errors="replace").splitlines()[-n_lines:] for log in logs if Path(log).is_file()}
    return "\n".join("\n".join(["", f"{log} ends with:", *lines]) for log, lines in ends.items())
