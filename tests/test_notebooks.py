"""Every notebook takes the parameters of the workflow, and is stored with outputs that can be compared."""

import ast
import re

import nbformat
import papermill
import pytest

from analysis.verdicts.datasets import NOTEBOOKS, root
from analysis.workflow import rules

PARAMETERS = {"config": "config/default.yaml", "runs": "", "data": "data", "figures": "figures"}
LONGEST_FUNCTION = 8  # lines
LARGEST_FILE = 3 * 2**19  # 1.5 MiB: the third has twenty figures; GitHub shows notebooks up to ten times that
LARGEST_DATASET = 1.5 * 2**20


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


def test_notebook_is_valid_and_of_a_size_to_open(claim, notebook):
    nbformat.validate(notebook)
    assert path(claim).stat().st_size < LARGEST_FILE


def test_the_dataset_that_it_reads_is_there_and_small(claim):
    assert 0 < (root() / "data" / f"{claim}.nc").stat().st_size < LARGEST_DATASET


def test_parameters_and_their_defaults(claim):
    found = papermill.inspect_notebook(str(path(claim)))
    assert {name: ast.literal_eval(entry["default"]) for name, entry in found.items()} == PARAMETERS


def test_the_workflow_gives_no_parameter_that_the_notebooks_lack():
    assert set(rules.parameters(rules.places("out"))) <= set(PARAMETERS)


def test_parameters_stand_one_a_line(notebook):
    cells = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    assert all(re.fullmatch(r"\w+ = \S+", line) for line in cells[0].source.splitlines())


def test_kernel_is_python3(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_functions_are_short(notebook):
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


def test_last_cell_asserts_on_the_data_and_not_on_the_verdict(notebook):
    last = ast.parse(notebook.cells[-1].source)
    asserts = [ast.unparse(node.test) for node in ast.walk(last) if isinstance(node, ast.Assert)]
    assert len(asserts) > 3
    assert not any("==" in text and "verdict" in text for text in asserts)


def test_outputs_are_stored_in_the_order_of_the_cells(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert sum(bool(cell.outputs) for cell in code_cells(notebook)) > len(counts) / 2


def test_stored_outputs_can_be_compared(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            text = output.get("text", "") + "".join(map(str, output.get("data", {}).get("text/plain", "")))
            assert not re.search(r"at 0x[0-9a-f]+", text)  # an address is another every time


def test_no_cell_keeps_the_time_or_the_place_of_its_run(notebook):
    assert "papermill" not in notebook.metadata
    for cell in notebook.cells:
        assert not {"execution", "papermill"} & set(cell.metadata)


def test_figures_in_the_notebook_are_those_in_its_folder(claim, notebook):
    source = "\n".join(cell.source for cell in code_cells(notebook))
    named = set(re.findall(r'keep\(.*, f?"([a-z_{}]+)"\)', source))
    stored = {p.stem for p in (root() / "figures" / claim).glob("[!.]*")}
    patterns = [re.sub(r"\{\w+\}", r"[a-z]+", name) for name in named]
    assert all(any(re.fullmatch(pattern, stem) for stem in stored) for pattern in patterns)
    assert all(any(re.fullmatch(pattern, stem) for pattern in patterns) for stem in stored)
