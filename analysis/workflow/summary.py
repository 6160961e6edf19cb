"""All claims in one place: figures/claims.md, .svg and .png, data/claims.nc."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.figures import forest, style
from analysis.files import netcdf, whole
from analysis.files.checkout import ROOT
from analysis.verdicts import claims, tables
from analysis.verdicts.datasets import BEYOND, CLAIMS
from analysis.workflow.rules import later_tests, notebooks


def write(data: Path, figures: Path) -> pd.DataFrame:
    """Judge the claim datasets in the folder `data`, and write the table in all its forms. Returns it.

    They are those that the config of any of them asks about. Raises ValueError where one is missing.
    """
    there = [claim for claim in CLAIMS | BEYOND if (data / f"{claim}.nc").is_file()]
    asked, _ = notebooks(claims.settings(claims.load([*there, *CLAIMS][0], data)))
    found = [claims.load(claim, data) for claim in asked]
    table = pd.concat([claims.evaluate(dataset) for dataset in found], ignore_index=True)
    shown = table
    for test, path in later_tests(data).items():
        shown = _with_later_test(shown, test, path)
    lines = [f"# All predictions: {claims.settings(found[0])['title']}"]
    for primary, kind in ((True, ""), (False, ": secondary, each judged by itself")):
        for claim, rows in shown[shown["primary"] == primary].groupby("claim"):
            page = tables.markdown(tables.predictions(rows))
            lines.append(f"## {int(claim[:2])}. {claims.NOTEBOOKS[claim]}{kind}\n\n{page}")
    meaning = os.path.relpath(ROOT / "docs/reference.md", figures)
    lines.append(f"[What a verdict means]({meaning}#what-a-verdict-means)")
    with whole.whole(figures / "claims.md") as temporary:
        temporary.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    style.save(forest.forest(shown[shown["primary"]]), figures / "claims")
    claims.save(_as_dataset(table, found[0].attrs), data / "claims.nc")
    return table


def _with_later_test(table, test, path):
    """The table, where a prediction was tested once more below it the row of that test: its own seeds and interval."""
    place = table[["claim", "id"]].reset_index(names="place").drop_duplicates(["claim", "id"], keep="last")
    more = netcdf.read(path).to_dataframe().astype({"primary": bool}).merge(place).set_index("place")
    more["prediction"] = f"{test}: " + more["prediction"]
    return pd.concat([table, more]).sort_index(kind="stable", ignore_index=True)


def _as_dataset(table, made_by):
    """The table as a Dataset (row), with the provenance of a claim dataset, its attributes."""
    variables = {}
    for name, (text, units) in claims.COLUMNS.items():
        values = table[name].to_numpy()
        values = values.astype({"f": np.float32, "i": np.int64, "b": np.int64}.get(values.dtype.kind, str))
        variables[name] = ("row", values, {"long_name": text, "units": units})
    kept = {key: value for key, value in made_by.items() if key not in ("claim", "title")}
    return xr.Dataset(variables, attrs={"title": "Verdicts of the claims"} | kept)
