"""The page of claims is one file and says what the tables say; every figure of a notebook has its caption."""

import json
import re

import jinja2
import numpy as np
import pytest

from analysis import claims
from analysis.files.checkout import ROOT
from analysis.verdicts import report

ATTRS = {"package_version": "1", "code_fingerprint": "c0de", "config_sha256": 64 * "f", "versions": '{"numpy": "2"}'}


@pytest.fixture(scope="module")
def tables(made_up_runs):
    return [claims.evaluate(claims.collect(c, made_up_runs, made_up_runs / "config.yaml")) for c in claims.CLAIMS]


def figures():
    """(notebook, name of a figure that it keeps)"""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        source = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
        for name in re.findall(r'keep\(.*, f?"([a-z_0-9{}]+)"\)', source):
            yield from (name.replace("{experiment}", e) for e in (("patches", "digits") if "{" in name else ("",)))


def caption(name):
    class Snakemake:
        wildcards = type("Wildcards", (), {"name": name, "claim": "01_overproduction"})
        output = type("Output", (), {"dataset": "data/x.nc", "notebook": "results/x.ipynb"})

    template = (ROOT / "report" / "figure.rst").read_text()
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(snakemake=Snakemake)


@pytest.mark.parametrize("name", sorted(set(figures())))
def test_every_figure_of_a_notebook_has_a_caption(name):
    text = caption(name)
    assert len(text.split("Dataset:")[0].split()) > 5
    assert "|" not in text  # which begins a substitution in reStructuredText


def test_a_figure_of_an_own_experiment_has_a_caption():
    assert "Units of the machines before each session" in caption("survivors_and_lost_mine")


def test_a_figure_without_a_caption_is_noticed():
    with pytest.raises(jinja2.UndefinedError, match="unheard_of"):
        caption("unheard_of")


def test_the_page_holds_every_prediction_and_verdict_and_needs_no_other_file(tables):
    page = claims.all_html(tables, ATTRS)
    assert page.count("<tr>") == 1 + len(tables) + len(tables) + sum(map(len, tables))
    for table in tables:
        assert f"{report.sign(claims.verdict(table))}</td>" in page
        for row in table.itertuples():
            assert row.prediction.replace("<", "&lt;") in page
    assert "code c0de, config ffffffffffffffff" in page
    assert not re.search(r"https?:|<script|<link|<img|@import", page)


def test_cells_are_escaped():
    assert report.table_html(["a"], [["|w| < 1 & 2"]]).endswith("<tr><td>|w| &lt; 1 &amp; 2</td></tr>\n</table>")


def test_a_table_of_predictions_shows_itself_and_what_is_derived_is_a_plain_table(tables):
    (table, *_) = tables
    assert all(claims.quote(r.effect, r.low, r.high, r.units) in table._repr_html_() for r in table.itertuples())
    assert type(table[["claim"]]) is not type(table)
    assert type(table[table["effect"] > np.inf]) is not type(table)


def test_summary_writes_the_page_where_it_is_asked_to(tables, made_up_runs, tmp_path):
    for claim in claims.CLAIMS:
        claims.save(claims.collect(claim, made_up_runs, made_up_runs / "config.yaml"), tmp_path / f"{claim}.nc")
    claims.summary(tmp_path, tmp_path, tmp_path, tmp_path / "results")
    assert "Neurons compete for activity" in (tmp_path / "results" / "claims.html").read_text()


def test_run_time_is_that_of_the_benchmark_file(tmp_path):
    (tmp_path / "a.tsv").write_text("s\th:m:s\n12.3\t0:00:12\n")
    assert report.run_time(tmp_path / "a.log") == "12 s"
    assert report.run_time(tmp_path / "b.log") == "unknown"


def test_the_ends_of_failed_logs_are_told_and_those_of_notebooks_are_not(tmp_path):
    (tmp_path / "a b.log").write_text("\n".join(f"line {k}" for k in range(100)))
    (tmp_path / "a b.ipynb").write_text("{}")
    said = tmp_path / "snakemake.log"
    logs = f"{tmp_path / 'a b.log'}, {tmp_path / 'a b.ipynb'} (check log file(s) for error details)"
    said.write_text(f"Error in rule claim:\n    log: {logs}\n    log: {tmp_path / 'absent.log'} (check ...)\n")
    found = report.ends_of_logs([said])
    assert found.splitlines() == ["", f"{tmp_path / 'a b.log'} ends with:", *(f"line {k}" for k in range(70, 100))]
