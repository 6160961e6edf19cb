"""All claims in one place: figures/claims.md, .svg and .png, data/claims.nc, results/claims.html."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.figures import forest, style
from analysis.files import whole
from analysis.verdicts import claims, tables

_COLUMNS = {
    "claim": ("claim", "1"),
    "prediction": ("what the claim predicts", "1"),
    "effect": ("mean effect over seeds", "see variable units"),
    "low": ("lower end of the 95 % interval", "see variable units"),
    "high": ("upper end of the 95 % interval", "see variable units"),
    "units": ("unit of effect, low, high and threshold", "1"),
    "threshold": ("the prediction holds above", "see variable units"),
    "n_seeds": ("seeds that can tell", "counts"),
    "p": ("p of the effect being the threshold, two-sided t test over seeds", "probability"),
    "p_holm": ("p adjusted for the predictions of the claim by Holm's method", "probability"),
    "detectable": ("smallest distance from the threshold that these seeds show, 80 % power", "see variable units"),
    "verdict": ("verdict", "1"),
}


def write(data: Path, figures: Path, results: Path) -> pd.DataFrame:
    """Judge every claim dataset in the folder `data`, and write the table in all its forms. Returns it."""
    found = {claim: claims.load(claim, data) for claim in claims.CLAIMS}
    judged = {claim: claims.evaluate(dataset) for claim, dataset in found.items()}
    pages = {"": tables.of_claims(list(judged.values()))}
    pages |= {f"{int(claim[:2])}. {claims.CLAIMS[claim]}": tables.predictions(t) for claim, t in judged.items()}
    lines = [f"## {title}\n\n" * bool(title) + tables.markdown(page) for title, page in pages.items()]
    with pd.option_context("display.max_colwidth", None):
        html = [page.to_html(index=False, classes="claims", border=0, justify="left") for page in pages.values()]
    shown = [f"<h3>{title}</h3>\n" * bool(title) + page for title, page in zip(pages, html)]
    title = "<!doctype html><meta charset='utf-8'><title>Claims</title>"
    for path, parts in ((figures / "claims.md", lines), (results / "claims.html", [title, *shown])):
        with whole.whole(path) as temporary:
            temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    table = pd.concat(judged.values(), ignore_index=True)
    style.save(forest.claims_figure(table), figures / "claims")
    claims.save(_as_dataset(table, next(iter(found.values())).attrs), data / "claims.nc")
    return table


def _as_dataset(table, made_by):
    """The table as a Dataset (row), with the provenance of a claim dataset, its attributes."""
    variables = {}
    for name, (text, units) in _COLUMNS.items():
        values = table[name].to_numpy()
        values = values.astype({"f": np.float32, "i": np.int64}.get(values.dtype.kind, str))
        variables[name] = ("row", values, {"long_name": text, "units": units})
    kept = {key: value for key, value in made_by.items() if key not in ("claim", "title")}
    return xr.Dataset(variables, attrs={"title": "Verdicts of the four claims"} | kept)
