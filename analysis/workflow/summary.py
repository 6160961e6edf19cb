"""All claims in one place: figures/claims.md, .svg and .png, data/claims.nc."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.figures import forest, style
from analysis.files import whole
from analysis.verdicts import claims, tables
from analysis.verdicts.datasets import BEYOND, CLAIMS

_COLUMNS = {
    "claim": ("claim", "1"),
    "id": ("name of the prediction in the config", "1"),
    "prediction": ("what the claim predicts", "1"),
    "primary": ("1 if the prediction is primary", "1"),
    "experiment": ("experiment", "1"),
    "effect": ("kind of effect", "1"),
    "mean": ("mean effect over seeds, positive where the prediction holds", "see variable units"),
    "low": ("lower end of the interval", "see variable units"),
    "high": ("upper end of the interval", "see variable units"),
    "units": ("unit of mean, low, high and margin", "1"),
    "margin": ("a smaller difference does not matter", "see variable units"),
    "n_seeds": ("seeds that can tell", "counts"),
    "verdict": ("verdict", "1"),
    "failed": ("model checks that machines of the experiment fail", "1"),
}


def write(data: Path, figures: Path) -> pd.DataFrame:
    """Judge every claim dataset in the folder `data`, and write the table in all its forms. Returns it.

    They are those of the paper, or what is beyond it alone. Raises ValueError where one is missing.
    """
    beyond = [claim for claim in BEYOND if Path(data, f"{claim}.nc").is_file()]
    found = {claim: claims.load(claim, data) for claim in beyond or CLAIMS}
    table = pd.concat([claims.evaluate(dataset) for dataset in found.values()], ignore_index=True)
    pages = _pages(table)
    lines = [f"## {title}\n\n{tables.markdown(page)}" for title, page in pages.items()]
    with whole.whole(figures / "claims.md") as temporary:
        temporary.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    style.save(forest.forest(table[table["primary"]]), figures / "claims")
    claims.save(_as_dataset(table, next(iter(found.values())).attrs), data / "claims.nc")
    return table


def _pages(table):
    """{title: rows}: the primary predictions of every claim, then the secondary ones of every claim."""
    kinds = ((True, "{}"), (False, "{}: secondary, each judged by itself"))
    pages = {}
    for primary, title in kinds:
        for claim, rows in table[table["primary"] == primary].groupby("claim"):
            pages[title.format(f"{int(claim[:2])}. {claims.NOTEBOOKS[claim]}")] = tables.predictions(rows)
    return pages


def _as_dataset(table, made_by):
    """The table as a Dataset (row), with the provenance of a claim dataset, its attributes."""
    variables = {}
    for name, (text, units) in _COLUMNS.items():
        values = table[name].to_numpy()
        values = values.astype({"f": np.float32, "i": np.int64, "b": np.int64}.get(values.dtype.kind, str))
        variables[name] = ("row", values, {"long_name": text, "units": units})
    kept = {key: value for key, value in made_by.items() if key not in ("claim", "title")}
    return xr.Dataset(variables, attrs={"title": "Verdicts of the claims"} | kept)
