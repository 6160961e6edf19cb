"""Every notebook takes the parameters of the workflow, and is stored with outputs that can be compared."""

import ast
import re

import nbformat
import papermill
import pytest

from analysis.verdicts.datasets import BEYOND, NOTEBOOKS, root
from analysis.workflow import logs

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
    own = {"config": "config/beyond.yaml", "data": "data/beyond", "figures": "figures/beyond"}
    expected = PARAMETERS | (own if claim in BEYOND else {})
    assert {name: ast.literal_eval(entry["default"]) for name, entry in found.items()} == expected


def test_last_cell_asserts_on_the_data_and_not_on_the_verdict(notebook):
    last = ast.parse(notebook.cells[-1].source)
    asserts = [ast.unparse(node.test) for node in ast.walk(last) if isinstance(node, ast.Assert)]
    assert len(asserts) > 3
    assert not any("==" in text and "verdict" in text for text in asserts)


def test_stored_outputs_can_be_compared(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            text = output.get("text", "") + "".join(map(str, output.get("data", {}).get("text/plain", "")))
            assert not re.search(r"at 0x[0-9a-f]+", text)  # an address is another every time


def test_the_ends_of_failed_logs_are_told_and_those_of_notebooks_are_not(tmp_path):
    (tmp_path / "a b.log").write_text("\n".join(f"line {k}" for k in range(100)))
    (tmp_path / "a b.ipynb").write_text("{}")
    said = tmp_path / "snakemake.log"
    named = f"{tmp_path / 'a b.log'}, {tmp_path / 'a b.ipynb'} (check log file(s) for error details)"
    said.write_text(f"Error in rule claim:\n    log: {named}\n    log: {tmp_path / 'absent.log'} (check ...)\n")
    found = logs.ends_of_logs([said])
    assert found.splitlines() == ["", f"{tmp_path / 'a b.log'} ends with:", *(f"line {k}" for k in range(70, 100))]
