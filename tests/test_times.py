"""The table of a workflow's time adds up what its jobs took, the costliest rule first; jobs to come take as long."""

import os

import pytest

from analysis.workflow import times


def write(path, seconds, memory):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t{memory}\tNA\n")


def test_jobs_are_added_up_by_rule_and_experiment(tmp_path):
    for seed, seconds in enumerate((30.0, 50.0)):
        write(tmp_path / f"digits/weight/{seed}.tsv", seconds, 400 + seed)
    write(tmp_path / "digits/born_small_units/0.tsv", 15.0, "NA")
    write(tmp_path / "summary.tsv", 5.0, 200)
    found = times.table(tmp_path)
    assert found.index.tolist() == ["digits, weight", "digits, born small units", "summary"]
    assert found["jobs"].tolist() == [2, 1, 1]
    assert found["seconds"].tolist() == [80.0, 15.0, 5.0]
    assert found["longest"].tolist() == [50.0, 15.0, 5.0]
    assert found["share"].tolist() == [0.8, 0.15, 0.05]
    lines = times.text(found).splitlines()
    assert lines[2] == "| digits, weight | 2 | 80 | 80% | 50 | 401 |"
    assert lines[-1] == "| all | 4 | 100 | 100% | | 401 |"


def test_time_left_is_that_of_jobs_like_those_to_come(tmp_path):
    begun, planned = 1000.0, [f"digits/weight/{seed}.tsv" for seed in range(4)] + ["digits/random/0.tsv", "claim.tsv"]
    planned = [str(tmp_path / name) for name in planned]
    assert times.left_text(planned, tmp_path, begun, 2, 1100.0) == "0 of 6 jobs done in 2 min"
    for seed, (seconds, written) in enumerate(((300.0, 1100.0), (500.0, 1100.0), (700.0, 900.0))):
        path = tmp_path / f"digits/weight/{seed}.tsv"
        write(path, seconds, 400)
        os.utime(path, (written, written))
    # Two of weight to come, one of them known from an earlier workflow; random as weight, the claim as any job.
    assert times.left(planned, tmp_path, begun, 2) == (2, pytest.approx(4 * 500.0 / 2))
    write(tmp_path / "patches/weight/0.tsv", 100.0, 400)
    assert times.left(planned, tmp_path, begun, 1) == (2, pytest.approx(3 * 500.0 + 400.0))
    assert times.left_text(planned, tmp_path, begun, 1, 1300.0) == "2 of 6 jobs done in 5 min, about 32 min left"
