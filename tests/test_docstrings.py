"""Public names say what they are, what they raise, the shapes of their arrays, and nats where they give nats."""

import ast
import re

import pytest

from analysis.files.checkout import ROOT

# Kernels take padded arrays, whose layout is told once, by the modules that lay them out.
KERNELS = {"kernels", "lanes", "rbm", "simd", "spectrum", "words"}
# Parameters that are arrays, or one array a layer, wherever else they occur.
ARRAYS = {
    "patterns",
    "states",
    "visible",
    "hidden",
    "matrix",
    "pre",
    "post",
    "importance",
    "initial",
    "labels",
    "images",
}
IN_NATS = re.compile(r"(^|_)(energy|kl|log|entropy|likelihood)(_|$)")
RAISES = re.compile(r"Raises|\b[A-Z]\w*Error\b")
SHAPE = re.compile(r"\((n_?\w*|2\^n\w*)( or \w+)?,|\(n\)|one array a layer|as `\w+`|any shape")


def documented(node, prefix="", context=""):
    """(name, node, its docstring with that of its class) of every public function, class and method under a node."""
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and not child.name.startswith("_"):
            text = ast.get_docstring(child) or ""
            yield f"{prefix}{child.name}", child, f"{text}\n{context}" if text else ""
            if isinstance(child, ast.ClassDef):
                yield from documented(child, f"{prefix}{child.name}.", text)


def faults(source, module=""):
    """What the docstrings of a module lack. Those of __main__ are help texts, and its errors one line."""
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else ["the module: no docstring"]
    of_all = ast.get_docstring(tree) or ""  # what a module says once holds for its functions
    said = {name: own for name, _, own in documented(tree)}
    for name, node, own in documented(tree):
        text = f"{own}\n{of_all}"
        if not own:
            found.append(f"{name}: no docstring")
        if isinstance(node, ast.ClassDef):
            continue
        calls = (getattr(n.func, "id", getattr(n.func, "attr", "")) for n in ast.walk(node) if isinstance(n, ast.Call))
        refuses = any(isinstance(n, ast.Raise) for n in ast.walk(node)) or any(
            call.lstrip("_").startswith("check_") for call in calls
        )
        if refuses and module != "__main__" and not RAISES.search(text):
            found.append(f"{name}: does not say what it raises")
        arrays = sorted(ARRAYS & {argument.arg for argument in node.args.args})
        if arrays and module not in KERNELS and not SHAPE.search(text):
            found.append(f"{name}: does not say the shape of {', '.join(arrays)}")
        same = re.match(r"`(\w+)`", own)  # a docstring that begins with another function's name gives its quantity
        if IN_NATS.search(node.name) and "nats" not in text + (said.get(same[1], "") if same else ""):
            found.append(f"{name}: does not say its unit")
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "analysis").glob("*.py")), ids=lambda path: path.stem)
def test_every_public_name_is_documented(path):
    assert faults(path.read_text(), path.stem) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f(): pass", "the module: no docstring"),
        ('"""M."""\ndef f(): pass', "f: no docstring"),
        ('"""M."""\ndef f(x):\n    """Twice x."""\n    raise ValueError(x)', "f: does not say what it raises"),
        ('"""M."""\ndef f(x):\n    """Twice x."""\n    check_count(x)', "f: does not say what it raises"),
        ('"""M."""\ndef f(states):\n    """Mean of the states."""', "f: does not say the shape of states"),
        (
            '"""M."""\nclass C:\n    """C."""\n    def log_partition(self):\n        """log Z"""',
            "C.log_partition: does not say its unit",
        ),
        (
            '"""M."""\ndef log_z():\n    """log Z"""\ndef log_near():\n    """`log_z` from elsewhere."""',
            "log_near: does not say its unit",
        ),
    ],
    ids=["module", "function", "raise", "check", "shape", "unit", "unit of another"],
)
def test_a_docstring_that_lacks_something_is_noticed(source, fault):
    assert fault in faults(source)
