"""The table of claims as a page of HTML, which the report opens with, and what the report says of each figure.

A page is one file: it fetches nothing. Tables of claims show themselves like that in JupyterLab, too.
"""

import json
import re
from html import escape
from pathlib import Path

import pandas as pd

STYLE = """<style>
.claims {border-collapse: collapse; font: 14px/1.4 system-ui, sans-serif; margin: 1em 0}
.claims th, .claims td {padding: .2em .8em .2em 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ccc}
.claims td:last-child {white-space: nowrap}
</style>
"""
_COLUMNS = ("prediction", "effect [95 % interval]", "holds above", "seeds", "verdict")
_SIGNS = {"reproduced": "●", "mixed": "■", "not reproduced": "✕"}  # as in the figures; the words follow


def page(claims, tables, attrs):
    """HTML of the claims with their verdicts, then of each table of predictions, and what made them.

    claims : rows (number, claim, counts, verdict). tables : {title: a table of claims.evaluate}. attrs : provenance,
    the attributes of a claim dataset.
    """
    head = "<!doctype html><meta charset='utf-8'><title>Claims</title>\n" + STYLE
    parts = [head, table_html(("", "claim", "of its predictions", "verdict"), [(*c[:3], sign(c[3])) for c in claims])]
    for title, table in tables.items():
        parts += [f"<h3>{escape(title)}</h3>", verdicts_html(table)]
    return "\n".join([*parts, f"<p>{escape(made_by(attrs))}</p>\n"])


def verdicts_html(table):
    """The rows of `claims.evaluate` as a table of HTML."""
    from analysis.verdicts.claims import quote  # which imports this module

    rows = (
        (r.prediction, quote(r.effect, r.low, r.high, r.units), f"{r.threshold:g}", r.n_seeds, sign(r.verdict))
        for r in table.itertuples()
    )
    return table_html(_COLUMNS, rows)


def table_html(columns, rows):
    """A table of HTML; cells are text, and escaped."""
    cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    return "\n".join([f'<table class="claims"><tr>{head}</tr>', *(f"<tr>{row}</tr>" for row in cells), "</table>"])


def sign(verdict):
    """A verdict with the mark that the figures give it."""
    return f"{_SIGNS[verdict]} {verdict}"


def made_by(attrs):
    """What made a dataset, in a sentence: fingerprint of the code, checksum of the config, versions."""
    versions = ", ".join(f"{name} {version}" for name, version in json.loads(attrs["versions"]).items())
    code, config = attrs["code_fingerprint"], attrs["config_sha256"][:16]
    return f"Made by developmental-pruning {attrs['package_version']} (code {code}, config {config}) with {versions}."


def run_time(log):
    """How long a job took, from Snakemake's benchmark file beside its log: "12 s"; "unknown" where there is none."""
    path = Path(log).with_suffix(".tsv")
    if not path.is_file():
        return "unknown"
    seconds = pd.read_csv(path, sep="\t")["s"].iloc[0]
    return f"{seconds:.0f} s"


def ends_of_logs(snakemake_logs, n_lines=30):
    """The last lines of the text logs that Snakemake's own logs name for failed jobs.

    With show-failed-logs Snakemake would show every log whole, that of a notebook with thousands of lines of JSON.
    """
    said = "\n".join(Path(path).read_text(errors="replace") for path in snakemake_logs)
    logs = dict.fromkeys(re.findall(r"^ +log: (.+?\.log)\b", said, re.MULTILINE))
    ends = {log: Path(log).read_text(errors="replace").splitlines()[-n_lines:] for log in logs if Path(log).is_file()}
    return "\n".join("\n".join(["", f"{log} ends with:", *lines]) for log, lines in ends.items())


class Verdicts(pd.DataFrame):
    """A table of predictions that shows itself as `claims.table_markdown` does; what is derived is a plain table."""

    @property
    def _constructor(self):
        return pd.DataFrame

    def _repr_html_(self):
        return STYLE + verdicts_html(self)
