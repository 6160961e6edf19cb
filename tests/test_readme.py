"""The README says what the data, the config and the code say."""

import re
import subprocess
import sys

import pytest
import yaml

from analysis.config import ROOT, load

README = (ROOT / "README.md").read_text()


def test_the_table_of_claims_is_the_one_that_the_runs_gave():
    shown = README.partition("<!-- claims -->\n")[2].partition("\n<!-- /claims -->")[0]
    table = (ROOT / "figures" / "claims.md").read_text().partition("\n\n")[0]
    assert table.count("\n") == 5
    assert shown == table


@pytest.mark.parametrize("experiment", load(ROOT / "config" / "default.yaml")["experiments"])
def test_every_departure_of_the_config_is_listed(experiment):
    departures = load(ROOT / "config" / "default.yaml")["experiments"][experiment]["departures"]
    listed = " ".join(README.split())
    assert [text for text in departures if " ".join(text.split()) not in listed] == []


def test_the_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("BoltzmannMachine(13-")


def test_links_and_files_that_it_names_exist():
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", prose)
    assert len(targets) > 4
    assert [name for name in targets if not (ROOT / name).exists()] == []


def test_the_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert "10.1371/journal.pcbi.1009458" in str(citation)
