"""Every notebook takes the parameters of the workflow, and is stored with outputs that can be compared."""

import ast
import re
from types import SimpleNamespace

import jinja2
import nbformat
import papermill
import pytest

from analysis.verdicts.datasets import NOTEBOOKS, root
from analysis.workflow import logs, rules

PARAMETERS = {"config": "config/default.yaml", "runs": "", "data": "data", "figures": "figures"}


def path(claim):
    return root() / "notebooks" / f"{claim}.ipynb"


@pytest.fixture(params=NOTEBOOKS)
def claim(request):
    return request.param


@pytest.fixture
def notebook(claim):
    return nbformat.read(path(claim), as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_parameters_and_their_defaults(claim):
    found = papermill.inspect_notebook(str(path(claim)))
    assert {name: ast.literal_eval(entry["default"]) for name, entry in found.items()} == PARAMETERS


def test_last_cell_asserts_on_the_data_and_not_on_the_verdict(notebook):
    last = ast.parse(notebook.cells[-1].source)
    asserts = [ast.unparse(node.test) for node in ast.walk(last) if isinstance(node, ast.Assert)]
    assert len(asserts) > 3
    assert not any("==" in text and "verdict" in text for text in asserts)


def test_a_notebook_is_read_in_ten_minutes(notebook):
    assert len(notebook.cells) <= 25
    assert sum(len(re.findall(r"\bkeep\(", cell.source)) for cell in code_cells(notebook)) <= 5


def test_stored_outputs_can_be_compared(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            text = output.get("text", "") + "".join(map(str, output.get("data", {}).get("text/plain", "")))
            assert not re.search(r"at 0x[0-9a-f]+", text)  # an address is another every time


def test_figures_in_the_notebook_are_those_in_its_folder(claim, notebook):
    source = "\n".join(cell.source for cell in code_cells(notebook))
    named = set(re.findall(r'(?s)\bkeep\(.*?,\s*f?"([a-z0-9_{}]+)"', source))
    stored = {p.stem for p in (root() / "figures" / claim).glob("[!.]*")}
    patterns = [re.sub(r"\{\w+\}", r"[a-z]+", name) for name in named]
    assert all(any(re.fullmatch(pattern, stem) for stem in stored) for pattern in patterns)
    assert all(any(re.fullmatch(pattern, stem) for pattern in patterns) for stem in stored)


@pytest.fixture
def caption():
    """Function: the caption of a figure, from its name and a notebook's headings."""
    output = {"dataset": "data/x.nc", "notebook": "results/x.ipynb"}
    text = (root() / "report" / "figure.rst").read_text()
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text)

    def render(name, headings):
        wildcards = {"claim": "01_overproduction", "name": name}
        params = {"headings": headings}
        return template.render(snakemake={"wildcards": wildcards, "output": output, "params": params})

    return render


def test_every_figure_of_a_notebook_has_the_heading_above_it_as_caption(claim, caption):
    headings = rules.headings(SimpleNamespace(claim=claim))
    for path in (root() / "figures" / claim).glob("*.png"):
        assert len(caption(path.stem, headings).partition("Dataset:")[0].split()) > 1


def test_a_caption_is_text_and_a_figure_without_one_does_not_fail(caption, tmp_path, monkeypatch):
    cells = [
        nbformat.v4.new_markdown_cell("## Of all\n\n### |w| keeps *more*\nText."),
        nbformat.v4.new_code_cell('keep(draw(part, loc="left"), f"units_{name}", alt="a, b")'),
        nbformat.v4.new_code_cell('keep(figure, "units_left")'),
        nbformat.v4.new_markdown_cell("## Next"),
        nbformat.v4.new_code_cell('keep(\n    figure,\n    "units"\n)'),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "mine.ipynb")
    monkeypatch.setattr(rules, "ROOT", tmp_path)
    headings = rules.headings(SimpleNamespace(claim="mine"))
    text = r"\|w\| keeps \*more\*"
    assert headings == {"units_": text, "units_left": text, "units": "Next"}
    of = {name: caption(name, headings).partition("Dataset:")[0].strip() for name in ("units", "units_mine", "other")}
    assert of == {"units": "Next", "units_mine": text, "other": ""}


def test_the_ends_of_failed_logs_are_told_and_those_of_notebooks_are_not(tmp_path):
    (tmp_path / "a b.log").write_text("\n".join(f"line {k}" for k in range(100)))
    (tmp_path / "a b.ipynb").write_text("{}")
    said = tmp_path / "snakemake.log"
    named = f"{tmp_path / 'a b.log'}, {tmp_path / 'a b.ipynb'} (check log file(s) for error details)"
    said.write_text(f"Error in rule claim:\n    log: {named}\n    log: {tmp_path / 'absent.log'} (check ...)\n")
    found = logs.ends_of_logs([said])
    assert found.splitlines() == ["", f"{tmp_path / 'a b.log'} ends with:", *(f"line {k}" for k in range(70, 100))]
