"""The article holds README, notebooks and tables, and needs nothing but itself. What it is cited by agrees."""

import json
import re
import tomllib
import zipfile
from pathlib import Path
from unittest.mock import Mock

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from analysis.files.checkout import ROOT
from analysis.workflow import article, crate, renewal, verify
from analysis.workflow.__main__ import main

DATA, FIGURES = ROOT / "data", ROOT / "figures"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folder of the article, made where notebooks 02 and 08 were executed and a job was timed."""
    folder = tmp_path_factory.mktemp("made")
    for at, name in (("", "02_weight_pruning.ipynb"), ("when", "08_when_to_prune.ipynb")):
        notebook = nbformat.read(ROOT / "notebooks" / name, 4)
        notebook.cells += [nbformat.v4.new_markdown_cell("Executed *here*. See [the config](../config/default.yaml).")]
        (folder / "notebooks" / at).mkdir()
        nbformat.write(notebook, folder / "notebooks" / at / name)
    (folder / "logs" / "digits").mkdir(parents=True)
    (folder / "logs" / "digits" / "7.tsv").write_text("s\tmax_rss\n12.5\t300\n")
    article.write(DATA, FIGURES, folder, folder / "logs")
    return folder


@pytest.fixture(scope="module")
def pages(results):
    """{path: soup} of the one page and of the folder of pages."""
    paths = [results / "report.html", *(results / "report").iterdir()]
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}


@pytest.fixture(scope="module")
def whole(pages, results):
    return pages[results / "report.html"]


def test_pages_load_nothing_and_every_link_leads_somewhere(pages, results):
    for path, page in pages.items():
        assert not page.find_all(["script", "link", "iframe"])
        assert all(image["src"].startswith("data:image/") for image in page.find_all("img"))
        assert "url(" not in page.style.string
        for link in page.find_all("a"):
            file, _, name = link["href"].partition("#")
            assert file.startswith("https://") or not file or (path.parent / file).is_file(), link
            assert not name or file or page.find(id=name), link
    for path, link in (("report.html", "#{}"), ("report/index.html", "{}.html")):
        found = {anchor["href"] for anchor in pages[results / path].find(id="index").find_all("a")}
        assert found > {link.format(name) for name in ("01_overproduction", "04_neuron_loss", "claims")}


def test_figures_have_words_and_formulas_are_set(whole):
    images = whole.find_all("img")
    assert len(images) > 20
    assert all(len(image["alt"].split()) > 2 and "No description" not in image["alt"] for image in images)
    assert len(whole.find_all("math")) > 50
    assert not re.search(r"\$|\\[a-z]+", whole.find(id="01_overproduction").get_text().replace("\\n", ""))


def test_code_is_folded_and_its_outputs_are_not(whole):
    for name in article.NOTEBOOKS:
        cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells
        folded = whole.find(id=name).find_all("details")
        assert len(folded) == sum(cell.cell_type == "code" for cell in cells)
        assert not any(details.has_attr("open") or details.find("img") for details in folded)


def test_notebooks_that_the_workflow_executed_stand_in_for_the_committed_ones(whole):
    for name in ("02_weight_pruning", "08_when_to_prune"):
        assert "Executed here. See the config." in whole.find(id=name).get_text()


def test_every_prediction_is_there_with_what_made_it(whole):
    lines = (FIGURES / "claims.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ")[2] for line in lines if line.startswith("| ")]  # the effects
    found = whole.find(id="claims").get_text()
    assert len(rows) > 20
    assert [row for row in rows if row not in found and row != "---"] == []
    made = article.netcdf.read(DATA / "claims.nc").attrs
    text = whole.find(id="provenance").get_text()
    assert all(value in text for value in (made["code_fingerprint"], made["config_sha256"], "xarray"))
    assert re.search(r"digits\s+1\s+12\.5\s+1\.0", text)  # a job, its seconds


def test_without_runs_it_says_so_and_without_claims_it_is_refused_as_a_crate_without_it(tmp_path):
    (tmp_path / "summary.tsv").touch()  # as a full disk leaves it
    assert article.times(tmp_path) is None
    assert "has not run" in article.provenance(DATA / "claims.nc", tmp_path)
    with pytest.raises(ValueError, match=r"^article: found no .*claims\.md, expected it; make figures"):
        article.write(DATA, tmp_path, tmp_path, tmp_path)
    with pytest.raises(ValueError, match=r"^crate: found no .*report\.html, expected the article"):
        crate.write(DATA, FIGURES, tmp_path)


def test_the_crate_holds_what_it_lists_and_names_the_paper(results):
    with pytest.raises(ValueError, match=r"^crate: found no 01_overproduction\.nc, .* expected all"):
        crate.write(FIGURES, FIGURES, results)
    with zipfile.ZipFile(crate.write(DATA, FIGURES, results)) as packed:
        graph = {entity["@id"]: entity for entity in json.loads(packed.read("ro-crate-metadata.json"))["@graph"]}
        listed = [part["@id"] for part in graph["./"]["hasPart"]]
        assert sorted([*listed, "ro-crate-metadata.json"]) == sorted(packed.namelist())
        for name in listed:
            assert len(packed.read(name)) == int(graph[name].get("contentSize", len(packed.read(name))))
        assert b"Executed *here*" in packed.read("notebooks/02_weight_pruning.ipynb")
    assert {f"data/{path.name}" for path in DATA.glob("*.nc")} < set(listed)
    assert graph["data/claims.nc"]["name"] == article.netcdf.read(DATA / "claims.nc").attrs["title"]
    assert graph["./"]["isBasedOn"]["@id"] == "https://doi.org/10.1371/journal.pcbi.1009458"


def test_commands_say_what_they_made_or_that_they_were_interrupted(monkeypatch, capsys):
    monkeypatch.setattr(article, "write", Mock(return_value="page"))
    monkeypatch.setattr(renewal, "renew", Mock(return_value={"patches": [1]}))
    monkeypatch.setattr(verify, "compare", Mock(return_value=[("a.nc", False, "moved")]))
    monkeypatch.setattr(crate, "write", Mock(side_effect=KeyboardInterrupt))
    assert [main([name]) for name in ("article", "renew", "verify", "crate")] == [0, 0, 1, 130]
    said = capsys.readouterr()
    assert said.out.splitlines()[:3] == ["page", "patches: the same values, seeds 1", "DIFF a.nc: moved"]
    assert "crate: interrupted; the same command goes on from here" in said.err


def test_version_and_date_are_the_same_wherever_one_cites_them():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    newest = re.search(r"(?m)^## (\d\S+) \((\S+)\)", Path(ROOT, "CHANGELOG.md").read_text())
    assert (citation["version"], zenodo["version"], newest[1]) == (version,) * 3
    assert str(citation["date-released"]) == newest[2]
    assert zenodo["related_identifiers"][0]["identifier"] == citation["preferred-citation"]["doi"]


def test_jobs_are_added_up_by_experiment_and_other_rule(tmp_path):
    (tmp_path / "digits").mkdir()
    rows = [("digits/0", 30.0, 400), ("digits/1", 50.0, 401), ("summary", 5.0, "NA"), ("01_overproduction", 15.0, 200)]
    for name, seconds, memory in rows:
        (tmp_path / f"{name}.tsv").write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t{memory}\tNA\n")
    found = article.times(tmp_path)
    assert found["rule"].tolist() == ["digits", "01_overproduction", "summary"]
    assert (found["jobs"].tolist(), found["seconds"].tolist()) == ([2, 1, 1], [80.0, 15.0, 5.0])
    assert (found["longest"].tolist(), found["share"].tolist()) == ([50.0, 15.0, 5.0], [0.8, 0.15, 0.05])
    assert found["megabytes"].tolist()[0] == 401
