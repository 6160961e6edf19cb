"""Every public function of the package says what it is; those of the machine room also what they take and give."""

import ast

import pytest

from analysis.files.checkout import ROOT

MODULES = sorted((ROOT / "analysis").rglob("*.py"))


def public(node):
    """The public functions, classes and methods under a node of the syntax tree."""
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT / "analysis").as_posix())
def test_every_public_name_is_documented_and_in_the_machine_room_annotated(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in public(tree):
        assert ast.get_docstring(node), node.name
        if isinstance(node, ast.FunctionDef) and path.parent.name == "machine":
            arguments = [*node.args.args, *node.args.kwonlyargs]
            assert node.returns is not None, node.name
            assert all(a.annotation for a in arguments if a.arg not in ("self", "cls")), node.name
