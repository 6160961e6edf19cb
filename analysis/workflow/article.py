"""The article: README's claims, every notebook as it was executed, every prediction, and what made them, on one page.

results/report.html holds all, results/report/ a page a chapter. Both are read without a network: pictures are in them,
formulas are MathML. Nothing is run.
"""

import re
from pathlib import Path

import jinja2
import nbformat
import pandas as pd
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from analysis.files import netcdf, whole
from analysis.files.checkout import ROOT
from analysis.verdicts import datasets, tables
from analysis.workflow import logs

NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
TITLES = {"index": "Overview", "claims": "All predictions", "provenance": "What made this"}
_PROVENANCE = {
    "package_version": "version",
    "runs_code": "code of the runs",
    "code_fingerprint": "code of the tables",
    "config_sha256": "config, SHA-256",
    "versions": "libraries",
}


def write(data: Path, figures: Path, results: Path, log_folder: Path) -> Path:
    """Write results/report.html and a page a chapter into results/report/. Returns the one page.

    Notebooks are those of results/notebooks where the workflow has executed them there, else the committed ones.
    Raises ValueError where the table of claims or its dataset is missing.
    """
    for path in (figures / "claims.md", data / "claims.nc"):
        if not path.is_file():
            raise ValueError(f"article: found no {path}, expected the table of claims; make figures makes it")
    notebooks = {name: executed(name, results) for name in NOTEBOOKS}
    chapters = [_chapter("index", _page((ROOT / "README.md").read_text(encoding="utf-8")), ROOT)]
    chapters += [_chapter(name, nbformat.read(path, 4), ROOT / "notebooks") for name, path in notebooks.items()]
    folders = [figures, *(figures / name for name in datasets.BEYOND_FOLDERS.values())]
    judged = [path for folder in folders if (path := folder / "claims.md").is_file()]
    table = "\n\n".join(path.read_text(encoding="utf-8") for path in judged)
    made = provenance(data / "claims.nc", log_folder)
    chapters += [_chapter("claims", _page(table), figures), _chapter("provenance", _page(made), ROOT)]
    for chapter in chapters:
        elsewhere = re.sub(r'href="#(\w+)"', r'href="\1.html"', chapter["html"])
        _save([chapter | {"html": elsewhere}], results / "report" / f"{chapter['name']}.html", "{}.html")
    return _save(chapters, results / "report.html", "#{}")


def provenance(dataset: Path, log_folder: Path) -> str:
    """Markdown: code, config, libraries and data that made a dataset, and run times."""
    made = netcdf.read(dataset)
    rows = {words: made.attrs.get(name, "") for name, words in _PROVENANCE.items()}
    rows |= {f"data: {name}": text for name, text in datasets.sources(made).items()}
    try:
        seconds = tables.markdown(logs.times(log_folder))
    except ValueError:
        seconds = "The workflow has not run in this checkout: what is shown is what was committed."
    table = tables.markdown(pd.DataFrame(rows.items(), columns=[dataset.name, ""]))
    return f"# What made this\n\n{table}\n\n## Run times\n\n{seconds}\n"


def executed(name: str, results: Path) -> Path:
    """The notebook that the workflow executed, or else the committed one."""
    path = results / "notebooks" / f"{name}.ipynb"
    return path if path.is_file() else ROOT / "notebooks" / path.name


class _Renderer(IPythonRenderer):
    """Formulas as MathML; links lead to chapters or the web, and other files of the checkout are named only."""

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        name = Path(url.partition("#")[0]).stem.replace("README", "index")
        if "://" in url:
            return super().link(text, url, title)
        if name in (*TITLES, *NOTEBOOKS):
            return super().link(text, f"#{name}", title)
        return f'<span class="file" title="{self.escape_html(url)}">{text}</span>'


class _Exporter(HTMLExporter):
    @jinja2.pass_context
    def markdown2html(self, context: jinja2.runtime.Context, source: str) -> str:
        """Markdown of a cell or an output, for `_Renderer`."""
        folder = context["resources"]["metadata"]["path"]
        renderer = _Renderer(escape=False, embed_images=True, exclude_anchor_links=True, path=folder)
        return MarkdownWithMath(renderer=renderer).render(source)


def _mathml(formula, display):
    spaced = '<mo lspace="0.17em" rspace="0.17em">log</mo>'  # or p log p would be set without spaces
    return convert(formula, display=display).replace("<mi>log</mi>", spaced)


def _page(text):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


def _chapter(name, notebook, folder):
    """The notebook as HTML; a figure's alternative text is the heading above it."""
    heading = name
    for cell in notebook.cells:
        found = re.findall(r"^#+ (.+)", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        heading = found[-1] if found else heading
        cell.metadata.setdefault("alt", heading)
    exporter = _Exporter(template_name="chapter", extra_template_basedirs=[str(ROOT / "report")])
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    return {"name": name, "html": exporter.from_notebook_node(notebook, {"metadata": {"path": str(folder)}})[0]}


def _save(chapters, path, link):
    names = ["index", *NOTEBOOKS, "claims", "provenance"]
    contents = [(name, TITLES.get(name, name.replace("_", " ")), link.format(name)) for name in names]
    title = "The information theory of developmental pruning, rebuilt and tested"
    template = jinja2.Template((ROOT / "report" / "page.html.j2").read_text(encoding="utf-8"))
    highlighting = HtmlFormatter().get_style_defs(".highlight")
    page = template.render(title=title, contents=contents, chapters=chapters, highlighting=highlighting)
    with whole.whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path
