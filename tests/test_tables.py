"""Tables say what the numbers say, digits are those of rounded numbers, and no name breaks a table."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from analysis import claims
from analysis.experiment import config
from analysis.verdicts import tables
from analysis.verdicts.intervals import pointwise
from analysis.workflow import summary


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
    assert tables.over_seeds(values) == text
    made = tables.of_seeds({("a", 1): [values, "text"]}, ["name", "layer", "x", "y"])
    assert made.to_numpy().tolist() == [["a", 1, text, "text"]]


def test_a_row_says_margin_and_verdict_and_what_speaks_against_its_machines():
    row = {"prediction": "P", "mean": 1.0, "low": 0.9, "high": 1.1, "units": "nats", "margin": 0.2, "n_seeds": 5}
    table = pd.DataFrame([row | {"verdict": "reproduced", "failed": ""}] * 2)
    shown = tables.predictions(table.assign(failed=["", "not trained: 1 of 5"]))
    assert shown.iloc[0].tolist() == ["P", "1.00 [0.90, 1.10] nats", "0.2 nats", 5, "reproduced", ""]
    assert shown["seeds that fail a check"].tolist()[1] == "not trained: 1 of 5"
    assert "seeds that fail a check" not in tables.predictions(table)


@pytest.fixture
def beside(small_runs, tmp_path):
    """A folder with a claim at the paper's size: the made-up runs, digits alone, on another data set."""
    whole = yaml.safe_load((small_runs / "config.yaml").read_text())
    made = config.lay_over(whole, {"experiments": {"patches": None}})
    made["experiments"]["digits"]["dataset"] = "mnist"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(made))
    dataset = claims.collect("01_overproduction", small_runs, tmp_path / "config.yaml")
    claims.save(dataset, tmp_path / "paper" / "01_overproduction.nc")
    return tmp_path


def test_a_claim_at_the_papers_size_is_found_or_said_to_be_missing(beside):
    paper, obeyed = claims.at_papers_size("01_overproduction", beside)
    assert list(claims.parts(paper)) == ["digits"]
    assert "another config than paper_digits.yaml" in tables.markdown(tables.origin(paper, obeyed))
    assert claims.at_papers_size("02_weight_pruning", beside)[0] is None
    assert "not made yet" in tables.origin(None, obeyed)


def test_the_summary_says_the_same_in_all_its_forms(collected, tmp_path):
    for claim in claims.CLAIMS:
        claims.save(collected(claim), tmp_path / f"{claim}.nc")
    table = summary.write(tmp_path, tmp_path / "figures")
    text = (tmp_path / "figures" / "claims.md").read_text()
    assert all(title in text for title in claims.CLAIMS.values())
    primary = text.partition("secondary")[0]
    for row in table.itertuples():
        cell = f"| {row.prediction.replace('|', chr(92) + '|')} | "
        assert (text.count(cell), primary.count(cell)) == (1, row.primary)
    with xr.open_dataset(tmp_path / "claims.nc", engine="h5netcdf") as dataset:
        assert dataset["verdict"].values.tolist() == table["verdict"].tolist()
        np.testing.assert_allclose(dataset["mean"], table["mean"], rtol=1e-6)
        assert dataset.attrs["config_sha256"] == claims.load("01_overproduction", tmp_path).attrs["config_sha256"]
    assert (tmp_path / "figures" / "claims.svg").stat().st_size > 0


def test_the_table_of_runs_says_what_is_left_and_not_what_fractions_would_leave(collected):
    dataset = collected("01_overproduction")
    synapses = claims.part(dataset, "digits")["n_synapses"].sel(condition="pruned").mean("seed")
    shares = (synapses.sel(session=3) / synapses.sel(session=0)).values
    found = tables.runs(dataset).set_index("experiment").loc["digits", "left at the end"]
    assert found == " and ".join(f"{share:.1%}" for share in shares)
