"""Where the time of a workflow went."""

from pathlib import Path

import pandas as pd


def times(folder: Path | str) -> pd.DataFrame:
    """Jobs, seconds (sum, longest), share of all seconds, largest memory by experiment and other rule, costliest first.

    From Snakemake's benchmark files, <experiment>/<seed>.tsv and <rule>.tsv: seconds of the clock, since it looks at a
    job's CPU time every half a minute alone. Raises ValueError where there are none.
    """
    paths = sorted(path for path in Path(folder).rglob("*.tsv") if path.stat().st_size)  # a full disk leaves none
    if not paths:
        raise ValueError(f"logs: found no benchmark files (*.tsv) in {folder}, expected those of a workflow that ran")
    rules = [", ".join(path.relative_to(folder).parts[:-1]) or path.stem for path in paths]
    jobs = pd.concat([pd.read_table(path, na_values="-").assign(rule=rule) for path, rule in zip(paths, rules)])
    found = jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), longest=("s", "max"), megabytes=("max_rss", "max")
    )
    found.insert(2, "share", found["seconds"] / found["seconds"].sum())
    return found.sort_values("seconds", ascending=False)


def text(found: pd.DataFrame) -> str:
    """The table of times as Markdown, with its sums."""
    lines = ["| rule | jobs | seconds, sum | share | longest job, s | memory, MB |", "|---|---|---|---|---|---|"]
    for rule, row in found.iterrows():
        numbers = f"{row.jobs:.0f} | {row.seconds:.0f} | {row.share:.0%} | {row.longest:.0f} | {row.megabytes:.0f}"
        lines.append(f"| {rule} | {numbers} |")
    lines.append(f"| all | {found.jobs.sum()} | {found.seconds.sum():.0f} | 100% | | {found.megabytes.max():.0f} |")
    return "\n".join(lines)
