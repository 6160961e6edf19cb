"""Where the time of a workflow went."""

from pathlib import Path

import pandas as pd


def times(folder: Path) -> pd.DataFrame:
    """Jobs, seconds (sum, longest), share of all seconds, largest memory by experiment and other rule, costliest first.

    From Snakemake's benchmark files, <experiment>/<seed>.tsv and <rule>.tsv: seconds of the clock, since it looks at a
    job's CPU time every half a minute alone. Raises ValueError where there are none.
    """
    paths = sorted(path for path in folder.rglob("*.tsv") if path.stat().st_size)  # a full disk leaves none
    if not paths:
        raise ValueError(f"logs: found no benchmark files (*.tsv) in {folder}, expected those of a workflow that ran")
    rules = [", ".join(path.relative_to(folder).parts[:-1]) or path.stem for path in paths]
    jobs = pd.concat([pd.read_table(path, na_values="-").assign(rule=rule) for path, rule in zip(paths, rules)])
    found = jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), longest=("s", "max"), megabytes=("max_rss", "max")
    )
    found.insert(2, "share", found["seconds"] / found["seconds"].sum())
    return found.sort_values("seconds", ascending=False).round(2).reset_index()
