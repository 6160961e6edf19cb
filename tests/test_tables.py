"""Tables say what the numbers say, digits are those of rounded numbers, and no name breaks a table."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from analysis import claims
from analysis.verdicts import datasets, tables
from analysis.verdicts.intervals import pointwise
from analysis.workflow import rules, summary


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.1234, 0.1, 0.15, "nats"), "0.123 [0.100, 0.150] nats"),
        ((12.34, 10, 1234, "units"), "12 [10, 1,234] units"),
        ((0.0, 0.0, 0.0, "units"), "0 [0, 0] units"),
        ((0.5, np.nan, np.nan, "1"), "0.500"),
        ((np.nan, np.nan, np.nan, "nats"), "no seed can tell"),
        ((1e-9, -1e-9, 1e-9, "1"), "0.000000 [-0.000000, 0.000000]"),
    ],
)
def test_quote_has_three_digits(numbers, expected):
    assert tables.quote(*numbers) == expected


@pytest.mark.parametrize("power", [0.001, 0.01, 0.1, 1.0, 10.0, 100.0])
def test_digits_do_not_depend_on_the_last_bits_of_a_number(power):
    near = [np.nextafter(power, 0), power, np.nextafter(power, 2 * power), float(np.float32(power)), power * (1 - 1e-7)]
    assert len({tables.quote(x, x, x) for x in near}) == 1
    assert tables.quote(0.01, 0.0, 0.01) == "0.0100 [0.0000, 0.0100]"


def test_a_mean_over_seeds_stands_with_its_interval_and_unit():
    values = xr.DataArray([0.1, 0.3, 0.7], dims="seed", attrs={"units": "nats"})
    low, high = pointwise(values.values)
    text = tables.quote(values.mean().item(), low, high, "nats")
    made = tables.of_seeds({"a": [values, "text"]}, ["name", "x", "y"])
    assert made.to_numpy().tolist() == [["a", text, "text"]]


def test_a_number_of_the_authors_is_the_same_within_the_range_of_our_seeds():
    ours = xr.DataArray([1.0, np.nan, 3.0], dims="seed")
    shown = tables.beside({str(x): (x, [ours], "") for x in (0.9, 1.0, 3.0, 3.1)}, ["ours"])
    assert shown["same?"].tolist() == ["no", "yes", "yes", "no"]


def test_a_row_says_session_margin_verdict_and_what_speaks_against_its_machines_with_fractions_in_percent():
    row = {"prediction": "P", "session": "last", "mean": 1.0, "low": 0.9, "high": 1.1, "units": "nats", "margin": 0.2}
    table = pd.DataFrame([row | {"n_seeds": 5, "verdict": "reproduced", "failed": ""}] * 2)
    shown = tables.predictions(table.assign(failed=["", "not trained: 1 of 5"]))
    assert shown.iloc[0].tolist() == ["P", "last session", "1.00 [0.90, 1.10] nats", "0.2 nats", 5, "reproduced", ""]
    assert shown["seeds that fail a check"].tolist()[1] == "not trained: 1 of 5"
    assert "seeds that fail a check" not in tables.predictions(table)
    fraction = {"session": "mean", "mean": 0.5, "low": 0.25, "high": 0.75, "units": "fraction", "margin": 0.02}
    told = tables.predictions(table[:1].assign(**fraction)).iloc[0].tolist()
    assert told[1:4] == ["mean of sessions", "50.0 [25.0, 75.0] percentage points", "2 percentage points"]


def test_a_claim_at_the_papers_size_is_found_where_it_was_made(collected, tmp_path):
    dataset = collected("01_overproduction")
    claims.save(dataset, tmp_path / "paper" / "01_overproduction.nc")
    xr.testing.assert_identical(claims.at_papers_size("01_overproduction", tmp_path), dataset)
    assert claims.at_papers_size("02_weight_pruning", tmp_path) is None


def test_the_summary_says_the_same_in_all_its_forms(collected, tmp_path):
    for claim in datasets.CLAIMS:
        claims.save(collected(claim), tmp_path / f"{claim}.nc")
    table = summary.write(tmp_path, tmp_path / "figures")
    text = (tmp_path / "figures" / "claims.md").read_text()
    assert text.startswith("# All predictions: Smoke test\n\n## 1. ")
    assert all(title in text for title in datasets.CLAIMS.values())
    primary = text.partition("secondary")[0]
    for row in table.itertuples():
        cell = f"| {row.prediction.replace('|', chr(92) + '|')} | "
        assert (text.count(cell), primary.count(cell)) == (1, row.primary)
    with xr.open_dataset(tmp_path / "claims.nc", engine="h5netcdf") as dataset:
        assert dataset["verdict"].values.tolist() == table["verdict"].tolist()
        np.testing.assert_allclose(dataset["mean"], table["mean"], rtol=1e-6)
        assert dataset.attrs["config_sha256"] == claims.load("01_overproduction", tmp_path).attrs["config_sha256"]
    assert (tmp_path / "figures" / "claims.svg").stat().st_size > 0


def test_later_tests_stand_below_the_same_prediction_with_their_own_numbers(collected, tmp_path, monkeypatch):
    """Of later tests, with runs of their own, only claim 1 is asked, and one of its predictions."""
    for claim in datasets.CLAIMS:
        claims.save(collected(claim), tmp_path / f"{claim}.nc")
    monkeypatch.setattr(summary.style, "save", lambda *_: None)  # pictures, which are not asked for
    once = summary.write(tmp_path, tmp_path / "figures")
    before = (tmp_path / "figures" / "claims.md").read_text().splitlines()
    dataset = collected("01_overproduction").isel(patches_seed=slice(2), digits_seed=slice(2))
    asked = claims.settings(dataset)
    kept = {"patches_born_small": asked["claims"]["overproduction"]["patches_born_small"]}
    asked["claims"] = {name: asked["claims"][name] for name in ("confidence", "margins", "model_quality")}
    later = dataset.assign_attrs(config=json.dumps(asked | {"claims": asked["claims"] | {"overproduction": kept}}))
    for folder in rules.LATER_TESTS.values():
        claims.save(later, tmp_path / folder / "01_overproduction.nc")
        (row,) = summary.write(tmp_path / folder, tmp_path / "figures" / folder).itertuples()
    assert summary.write(tmp_path, tmp_path / "figures").equals(once)
    after = (tmp_path / "figures" / "claims.md").read_text().splitlines()
    first = next(k for k, line in enumerate(after) if " test: " in line)
    assert after[:first] + after[first + 2 :] == before
    assert after[first - 1].startswith(f"| {row.prediction} |")
    for line, test in zip(after[first : first + 2], ("third test", "fourth test"), strict=True):
        assert line.startswith(f"| {test}: {row.prediction} |")
        assert f"| 2 | {row.verdict} |" in line
        assert tables.quote(row.mean, row.low, row.high, row.units) in line


def test_the_table_of_runs_says_what_is_left_and_not_what_fractions_would_leave(collected):
    dataset = collected("01_overproduction")
    synapses = claims.part(dataset, "digits")["n_synapses"].sel(condition="pruned").mean("seed")
    shares = (synapses.sel(session=3) / synapses.sel(session=0)).values
    found = tables.runs(dataset).set_index("experiment").loc["digits", "left at the end"]
    assert found == " and ".join(f"{share:.1%}" for share in shares)
