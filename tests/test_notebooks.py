"""Every notebook takes the parameters of the workflow, and is stored with outputs that can be compared."""

import ast
import re

import nbformat
import papermill
import pytest

from analysis.verdicts.datasets import BEYOND_FOLDERS, NOTEBOOKS, root

PARAMETERS = {"config": "config/default.yaml", "runs": "", "data": "data", "figures": "figures"}


def path(claim):
    return root() / "notebooks" / f"{claim}.ipynb"


@pytest.fixture(params=NOTEBOOKS)
def claim(request):
    return request.param


@pytest.fixture
def notebook(claim):
    return nbformat.read(path(claim), as_version=4)


def test_parameters_and_their_defaults(claim):
    found = papermill.inspect_notebook(str(path(claim)))
    folder = BEYOND_FOLDERS.get(claim)
    own = {"config": f"config/{folder}.yaml", "data": f"data/{folder}", "figures": f"figures/{folder}"}
    expected = PARAMETERS | (own if folder else {})
    assert {name: ast.literal_eval(entry["default"]) for name, entry in found.items()} == expected


def test_last_cell_asserts_on_the_data_and_not_on_the_verdict(notebook):
    last = ast.parse(notebook.cells[-1].source)
    asserts = [ast.unparse(node.test) for node in ast.walk(last) if isinstance(node, ast.Assert)]
    assert len(asserts) > 3
    assert not any("==" in text and "verdict" in text for text in asserts)


def test_stored_outputs_can_be_compared(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            text = output.get("text", "") + "".join(map(str, output.get("data", {}).get("text/plain", "")))
            assert not re.search(r"at 0x[0-9a-f]+", text)  # an address is another every time
