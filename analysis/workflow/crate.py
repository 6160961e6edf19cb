"""The results as one RO-Crate, to put into an archive: files, what each is, and the paper that they test.

Source: RO-Crate, https://w3id.org/ro/crate (Soiland-Reyes et al. 2022, doi:10.3233/DS-210053).
"""

from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from analysis.files import netcdf, whole, yamlfile
from analysis.files.checkout import ROOT
from analysis.verdicts.datasets import CLAIMS
from analysis.workflow.article import NOTEBOOKS, executed

_SOURCES = ["README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "requirements.txt", "pyproject.toml", "docs/*.md"]
_SOURCES += ["config/*.*", "analysis/**/*.py", "analysis/**/*.j2"]


def write(data: Path, figures: Path, results: Path) -> Path:
    """Write results/crate.zip: datasets, figures, notebooks, the article. Raises ValueError where that is missing."""
    if not (results / "report.html").is_file():
        raise ValueError(f"crate: found no {results / 'report.html'}, expected the article; make report makes it")
    if missing := [f"{name}.nc" for name in (*CLAIMS, "claims") if not (data / f"{name}.nc").is_file()]:
        raise ValueError(f"crate: found no {', '.join(missing)} in {data}, expected all; make figures makes them")
    citation, crate = yamlfile.read(ROOT / "CITATION.cff"), ROCrate()
    paper = citation["preferred-citation"]
    crate.name, crate.description, crate.license = citation["title"], citation["abstract"], citation["license"]
    crate.keywords, crate.root_dataset["version"] = list(citation["keywords"]), citation["version"]
    about = {"@type": "ScholarlyArticle", "name": paper["title"]}
    crate.root_dataset["isBasedOn"] = crate.add(ContextEntity(crate, f"https://doi.org/{paper['doi']}", about))
    crate.add_workflow(ROOT / "Snakefile", "Snakefile", main=True, lang="snakemake")
    sources = sorted(path for pattern in _SOURCES for path in ROOT.glob(pattern))
    found = {path.relative_to(ROOT).as_posix(): path for path in sources} | {"report.html": results / "report.html"}
    datasets = sorted([*data.glob("*.nc"), *data.glob("*/*.nc")])  # not the runs, which lie deeper, nor own images
    datasets = [path for path in datasets if path.parent != data / "raw"]
    found |= {f"data/{path.relative_to(data).as_posix()}": path for path in datasets}
    shown = sorted([*figures.rglob("claims.md"), *figures.rglob("[!.]*.png")])
    found |= {f"figures/{path.relative_to(figures).as_posix()}": path for path in shown}
    found |= {f"notebooks/{name}.ipynb": executed(name, results) for name in NOTEBOOKS}
    for name, path in found.items():
        title = netcdf.some(path, []).attrs["title"] if path.suffix == ".nc" else path.stem.replace("_", " ")
        crate.add_file(path, name, properties={"name": title}, record_size=True)
    with whole.whole(results / "crate.zip") as temporary:
        crate.write_zip(temporary)
    return results / "crate.zip"
