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

NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
CHAPTERS = {"index": "Overview"} | {name: name.replace("_", " ") for name in NOTEBOOKS}
CHAPTERS |= {"claims": "All predictions", "provenance": "What made this"}
# nbconvert's plain HTML of a notebook, with the code folded
_FOLDED = """{%- extends "basic/index.html.j2" -%}
{%- block input_group -%}<details><summary>code</summary>{{- super() -}}</details>{%- endblock input_group -%}"""
_MADE_BY = "package_version", "runs_code", "code_fingerprint", "config_sha256", "versions"


def write(data: Path, figures: Path, results: Path, log_folder: Path) -> Path:
    """Write results/report.html and a page a chapter into results/report/. Returns the one page.

    Raises ValueError where the table of claims is missing.
    """
    if not (figures / "claims.md").is_file():
        raise ValueError(f"article: found no {figures / 'claims.md'}, expected it; make figures makes it")
    judged = [figures, *(figures / name for name in datasets.BEYOND_FOLDERS.values())]
    table = "\n\n".join(path.read_text(encoding="utf-8") for folder in judged for path in folder.glob("claims.md"))
    chapters = {"index": _chapter("index", _page((ROOT / "README.md").read_text(encoding="utf-8")), ROOT)}
    for name in NOTEBOOKS:
        try:
            notebook = nbformat.read(path := executed(name, results), 4)
        except nbformat.reader.NotJSONError:
            raise ValueError(f"article: found {path} damaged, expected a notebook; make it again") from None
        chapters[name] = _chapter(name, notebook, ROOT / "notebooks")
    chapters["claims"] = _chapter("claims", _page(table), figures)
    chapters["provenance"] = _chapter("provenance", _page(provenance(data / "claims.nc", log_folder)), ROOT)
    for name, html in chapters.items():
        page = re.sub(r'href="#(\w+)"', r'href="\1.html"', _rendered({name: html}))
        _save(page, results / "report" / f"{name}.html")
    return _save(_rendered(chapters), results / "report.html")


def provenance(dataset: Path, log_folder: Path) -> str:
    """Markdown: code, config, libraries and data that made a dataset, and run times."""
    made = netcdf.read(dataset)
    rows = {name.replace("_", " "): made.attrs.get(name, "") for name in _MADE_BY}
    rows |= {f"data: {name}": text for name, text in datasets.sources(made).items()}
    table = tables.markdown(pd.DataFrame(rows.items(), columns=[dataset.name, ""]))
    took = times(log_folder)
    seconds = "The workflow has not run in this checkout." if took is None else tables.markdown(took)
    return f"# What made this\n\n{table}\n\n## Run times\n\n{seconds}\n"


def times(folder: Path) -> pd.DataFrame | None:
    """Jobs, seconds (sum, longest), share of all seconds, largest memory by experiment and other rule, costliest first.

    From Snakemake's benchmark files, <experiment>/<seed>.tsv and <rule>.tsv, if there are any: seconds of the clock,
    since it looks at a job's CPU time every half a minute alone.
    """
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        if path.stat().st_size:  # a full disk leaves none
            rule = ", ".join(path.relative_to(folder).parts[:-1]) or path.stem
            jobs.append(pd.read_table(path, na_values="-").assign(rule=rule))
    if not jobs:
        return None
    columns = {"jobs": ("s", "size"), "seconds": ("s", "sum"), "longest": ("s", "max"), "megabytes": ("max_rss", "max")}
    found = pd.concat(jobs).groupby("rule").agg(**columns)
    found.insert(2, "share", found["seconds"] / found["seconds"].sum())
    return found.sort_values("seconds", ascending=False).round(2).reset_index()


def executed(name: str, results: Path) -> Path:
    """The notebook that the workflow executed, or else the committed one."""
    path = results / "notebooks" / datasets.BEYOND_FOLDERS.get(name, "") / f"{name}.ipynb"
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
        if name in CHAPTERS:
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


def _chapter(heading, notebook, folder):
    """The notebook as HTML; a figure's alternative text is the heading above it."""
    for cell in notebook.cells:
        found = re.findall(r"^#+ (.+)", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        heading = found[-1] if found else heading
        cell.metadata.setdefault("alt", heading)
    exporter = _Exporter(template_name="basic", raw_template=_FOLDED)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    return exporter.from_notebook_node(notebook, {"metadata": {"path": str(folder)}})[0]


def _rendered(chapters):
    title = "The information theory of developmental pruning, rebuilt and tested"
    template = jinja2.Template(Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8"))
    highlighting = HtmlFormatter().get_style_defs(".highlight")
    return template.render(title=title, contents=CHAPTERS, chapters=chapters, highlighting=highlighting)


def _save(page, path):
    with whole.whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path
