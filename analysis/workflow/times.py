"""Where the time of a workflow went: what Snakemake's benchmark files say, added up by rule.

share = seconds of a rule's jobs / seconds of all jobs

Seconds are those of the clock, from a job's start to its end: Snakemake looks at a job's CPU time every half a minute
alone. As many jobs run at a time as there are cores.
"""

from pathlib import Path

import pandas as pd


def table(folder):
    """Jobs, seconds (sum, and of the longest job), share of all and largest memory by experiment and other rule.

    folder : where the workflow keeps its logs, <experiment>/<seed>.tsv and <rule>.tsv.
    Returns a pandas.DataFrame, the costliest first. Raises ValueError where there are no benchmark files.
    """
    jobs = _jobs(sorted(Path(folder).rglob("*.tsv")), folder)
    if jobs is None:
        raise ValueError(f"logs: found no benchmark files (*.tsv) in {folder}, expected those of a workflow that ran")
    found = jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), longest=("s", "max"), megabytes=("max_rss", "max")
    )
    found.insert(2, "share", found["seconds"] / found["seconds"].sum())
    return found.sort_values("seconds", ascending=False)


def text(found):
    """The table as Markdown, with its sums."""
    lines = ["| rule | jobs | seconds, sum | share | longest job, s | memory, MB |", "|---|---|---|---|---|---|"]
    for rule, row in found.iterrows():
        numbers = f"{row.jobs:.0f} | {row.seconds:.0f} | {row.share:.0%} | {row.longest:.0f} | {row.megabytes:.0f}"
        lines.append(f"| {rule} | {numbers} |")
    lines.append(f"| all | {found.jobs.sum()} | {found.seconds.sum():.0f} | 100% | | {found.megabytes.max():.0f} |")
    return "\n".join(lines)


def _jobs(paths, folder):
    """A row a job, with its rule; None for no jobs."""
    if not paths:
        return None
    jobs = pd.concat([pd.read_csv(path, sep="\t").assign(rule=_rule(path, folder)) for path in paths])
    jobs["max_rss"] = pd.to_numeric(jobs["max_rss"], errors="coerce")
    return jobs


def _rule(path, folder):
    parts = path.relative_to(folder).parts
    return parts[0].removesuffix(".tsv") if len(parts) == 1 else ", ".join(parts[:-1]).replace("_", " ")
