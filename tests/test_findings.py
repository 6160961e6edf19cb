"""What is said of a claim at the paper's own size follows its numbers."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from analysis import claims
from analysis.experiment import config
from analysis.verdicts import findings


def table(effects, verdicts, n_seeds):
    """Rows as those of `claims.evaluate`, threshold 0, whose intervals reach 0.1 either way."""
    rows = pd.DataFrame({"prediction": [f"p{k}" for k in range(len(effects))], "effect": effects, "verdict": verdicts})
    reach = 0.1 if n_seeds > 1 else np.nan
    rows = rows.assign(low=rows["effect"] - reach, high=rows["effect"] + reach, units="nats", threshold=0.0)
    return rows.assign(n_seeds=n_seeds)


HERE = table([1.0, 0.5, 0.05, -1.0], ["reproduced", "reproduced", "mixed", "not reproduced"], 5)


def test_sides_are_counted_and_the_rows_that_part_are_named():
    text = findings.both_sizes_markdown(HERE, table([2.0, -0.5, 0.3, -2.0], ["mixed"] * 4, 1))
    assert "Of 4 predictions" in text
    assert "same side of the threshold in 3; of the 3 that the seeds here decide, in 2." in text
    assert "Decided here, on the other side there, with the side there: *p1* (not above)." in text
    assert "Open here, with the side there: *p2* (above)." in text
    assert "no row there has a verdict" in text
    assert "| p1 | 0.500 [0.400, 0.600] nats | reproduced | -0.500 nats | one seed | no |" in text


def test_rows_that_one_size_lacks_or_cannot_tell_are_left_out():
    paper = table([2.0, np.nan, 0.3, -2.0], ["reproduced"] * 4, 3).assign(prediction=["p0", "p1", "else", "p3"])
    text = findings.both_sizes_markdown(HERE, paper)
    assert "Of 2 predictions" in text
    assert "| p0 | 1.00 [0.90, 1.10] nats | reproduced | 2.00 [1.90, 2.10] nats | reproduced | yes |" in text
    assert "no row there has a verdict" not in text


@pytest.fixture
def beside(made_up_runs, tmp_path):
    """A folder with a claim at the paper's size: the made-up runs, digits alone, on another data set."""
    made = yaml.safe_load((made_up_runs / "config.yaml").read_text())
    del made["experiments"]["patches"]
    made["experiments"]["digits"]["dataset"] = "mnist"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(made))
    dataset = claims.collect("01_overproduction", made_up_runs, tmp_path / "config.yaml")
    claims.save(dataset, tmp_path / "paper" / "01_overproduction.nc")
    return tmp_path


def test_a_claim_at_the_papers_size_says_when_it_is_not_of_this_checkout(beside, monkeypatch):
    dataset, notice = findings.at_papers_size(beside, "01_overproduction")
    assert claims.settings(dataset)["experiments"]["digits"]["dataset"] == "mnist"
    assert "> **Stale data.** `paper/01_overproduction.nc` is not of this checkout" in notice
    assert "--configfile config/paper_digits.yaml" in notice
    monkeypatch.setattr(claims, "same_config", lambda dataset, path: path.stem == "paper")
    _, notice = findings.at_papers_size(beside, "01_overproduction")
    assert "under `paper.yaml`; it was made by other code (fingerprint fake; that of this checkout is" in notice
    monkeypatch.setattr(claims, "stale", lambda dataset, path: [])
    _, notice = findings.at_papers_size(beside, "01_overproduction")
    assert notice.startswith("Data: `paper/01_overproduction.nc`, made by the code of this checkout under `paper.yaml`")
    none, notice = findings.at_papers_size(beside, "02_weight_pruning")
    assert none is None
    assert "There is no `paper/02_weight_pruning.nc` here" in notice


def test_parts_stand_side_by_side_where_both_sizes_have_the_experiment(beside, made_up_runs):
    paper, _ = findings.at_papers_size(beside, "01_overproduction")
    here = claims.collect("01_overproduction", made_up_runs, made_up_runs / "config.yaml")
    both = findings.at_both_sizes(claims.parts(here), paper)
    assert [part.attrs["experiment"] for part in both] == ["digits, as above", "digits, the paper's size"]
    assert [part.attrs["dataset"] for part in both] == ["digits", "mnist"]
    assert findings.at_both_sizes(claims.parts(paper), paper) == []


def test_what_the_first_session_takes_is_told_by_silence_before_it():
    activity = [[[0.001, np.nan], [0.3, 0.2], [0.2, 0.001], [0.004, 0.1]], [[0.002, np.nan], *[[0.2, 0.2]] * 3]]
    first = [[[1, 2, 0, 0], [1, 0, 0, 0]], np.zeros((2, 4)), [[0, 0, 0, 0], [0, 3, 0, 0]]]
    n_units = [[[4, 2, 1], [4, 3, 3]], [[4, 4, 4]] * 2, [[4, 4, 4], [4, 3, 3]]]
    part = xr.Dataset(
        {
            "unit_activity_1": (("seed", "unit_1", "pruning"), activity),
            "first_loss_cause_1": (("criterion", "seed", "unit_1"), first),
            "loss_cause_1": (
                ("seed", "unit_1", "pruning"),
                [[[1, -1], [2, -1], [0, 3], [0, 0]], [[1, -1]] + 3 * [[0, 0]]],
            ),
            "n_units": (("layer", "criterion", "seed", "session"), [n_units]),
        },
        {"pruning": [1, 2], "criterion": ["variance_fi", "random", "weight"], "layer": [1], "session": [0, 1, 2]},
        {"experiment": "digits", "reference": "variance_fi"},
    )
    lines = findings.first_session_markdown([(part, 1)]).splitlines()
    assert lines[2:4] == [
        "| digits | 1 | variance FI | 1.5 | 1.5 | 67% | 0.5 |",
        "| digits | 1 | \\|w\\| | 1.5 | 0.5 | 0% | 0.0 |",
    ]
    assert "random" not in "".join(lines)
    assert lines[-1].endswith("Lost in all sessions: 2.0 of 4 by variance FI (digits, layer 1).")


def test_the_configs_at_the_papers_size_write_beside_the_main_job():
    for name in findings.PAPERS_CONFIGS:
        assert config.load(config.ROOT / "config" / f"{name}.yaml")["folder"] == "paper"
