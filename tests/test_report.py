"""Every figure of a notebook has its caption, and the ends of logs say why a job failed."""

import json
import re

import jinja2
import pytest

from analysis.files.checkout import ROOT
from analysis.workflow import logs


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


def test_the_ends_of_failed_logs_are_told_and_those_of_notebooks_are_not(tmp_path):
    (tmp_path / "a b.log").write_text("\n".join(f"line {k}" for k in range(100)))
    (tmp_path / "a b.ipynb").write_text("{}")
    said = tmp_path / "snakemake.log"
    named = f"{tmp_path / 'a b.log'}, {tmp_path / 'a b.ipynb'} (check log file(s) for error details)"
    said.write_text(f"Error in rule claim:\n    log: {named}\n    log: {tmp_path / 'absent.log'} (check ...)\n")
    found = logs.ends_of_logs([said])
    assert found.splitlines() == ["", f"{tmp_path / 'a b.log'} ends with:", *(f"line {k}" for k in range(70, 100))]
