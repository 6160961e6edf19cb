"""The table of a workflow's time adds up what its jobs took, the costliest rule first."""

from analysis.workflow import article


def test_jobs_are_added_up_by_experiment_and_other_rule(tmp_path):
    (tmp_path / "digits").mkdir()
    rows = [("digits/0", 30.0, 400), ("digits/1", 50.0, 401), ("summary", 5.0, "NA"), ("01_overproduction", 15.0, 200)]
    for name, seconds, memory in rows:
        (tmp_path / f"{name}.tsv").write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t{memory}\tNA\n")
    found = article.times(tmp_path)
    assert found["rule"].tolist() == ["digits", "01_overproduction", "summary"]
    assert (found["jobs"].tolist(), found["seconds"].tolist()) == ([2, 1, 1], [80.0, 15.0, 5.0])
    assert (found["longest"].tolist(), found["share"].tolist()) == ([50.0, 15.0, 5.0], [0.8, 0.15, 0.05])
    assert found["megabytes"].tolist()[0] == 401


def test_where_no_job_wrote_its_time_there_is_no_table(tmp_path):
    (tmp_path / "summary.tsv").touch()
    assert article.times(tmp_path) is None
