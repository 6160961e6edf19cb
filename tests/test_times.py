"""The table of a workflow's time adds up what its jobs took, the costliest rule first."""

from analysis import times


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
