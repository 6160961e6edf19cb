"""Where the time of a workflow went: what Snakemake's benchmark files say, added up by rule.

share = seconds of a rule's jobs / seconds of all jobs

Seconds are those of the clock, from a job's start to its end: Snakemake looks at a job's CPU time every half a minute
alone. As many jobs run at a time as there are cores.
"""

from pathlib import Path

import pandas as pd


def table(folder):
    """Jobs, seconds (sum, and of the longest job), share of all and largest memory by experiment and condition.

    folder : where the workflow keeps its logs, <experiment>/<condition>/<seed>.tsv and <rule>.tsv.
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


def left(planned, folder, begun, n_at_a_time):
    """(jobs done, seconds left) of a workflow that began at the time `begun` (of the clock, s); NaN before any is done.

    planned : benchmark files that its jobs write into the folder. A job takes as long as those of its rule and
    condition took on average, else as those of its experiment, else as any, now or when the workflow ran before.
    """
    known = _jobs(sorted(Path(folder).rglob("*.tsv")), folder)
    waiting = [Path(path) for path in planned if not _is_done(Path(path), begun)]
    n_done = len(planned) - len(waiting)
    if known is None:
        return n_done, float("nan")
    rules, experiments = (known.groupby(key)["s"].mean() for key in (known["rule"], known["rule"].map(_experiment)))
    names = [_rule(path, folder) for path in waiting]
    seconds = [rules.get(name, experiments.get(_experiment(name), known["s"].mean())) for name in names]
    return n_done, sum(seconds) / n_at_a_time


def left_text(planned, folder, begun, n_at_a_time, now):
    """What `left` finds at the time `now`, as a line."""
    n_done, seconds = left(planned, folder, begun, n_at_a_time)
    guess = f", about {max(1, round(seconds / 60))} min left" if seconds == seconds else ""
    return f"{n_done} of {len(planned)} jobs done in {round((now - begun) / 60)} min{guess}"


def _is_done(path, begun):
    return path.is_file() and path.stat().st_mtime >= begun


def _jobs(paths, folder):
    """A row a job, with its rule; None for no jobs."""
    if not paths:
        return None
    jobs = pd.concat([pd.read_csv(path, sep="\t").assign(rule=_rule(path, folder)) for path in paths])
    jobs["max_rss"] = pd.to_numeric(jobs["max_rss"], errors="coerce")
    return jobs


def _experiment(rule):
    return rule.partition(",")[0]


def _rule(path, folder):
    parts = path.relative_to(folder).parts
    return parts[0].removesuffix(".tsv") if len(parts) == 1 else ", ".join(parts[:-1]).replace("_", " ")
