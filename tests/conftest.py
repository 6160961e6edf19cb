"""What all tests share."""

from contextlib import contextmanager
from functools import cache
from pathlib import Path

import fake_runs
import hypothesis
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import yaml
from hypothesis import configuration

from analysis import claims, data
from analysis.figures import style
from analysis.machine import graph

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")
hypothesis.settings.register_profile("project", derandomize=True, database=None, deadline=None, max_examples=40)
hypothesis.settings.load_profile("project")
mpl.use("Agg")


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is slow
def pytest_collection_modifyitems(items):
    """Made-up runs, and claims collected from them, take some 20 seconds: all tests that read them are slow."""
    for item in items:
        if "made_up_runs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="session")
def panels_of_any_width():
    """Narrow layers too have panels where they are dense: tests are about small machines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "NARROWEST", 1)
        yield


@pytest.fixture(params=[1, 3], ids="{} threads".format)
def n_threads(request, monkeypatch):
    """The number of threads that share the work: results must not notice."""
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(request.param))
    return request.param


@pytest.fixture(params=[0, 0.5, 2], ids=["panels", "both", "rows"])
def form(request, monkeypatch):
    """The share of synapses from which a pair of layers stands in panels: all pairs, those with many synapses, none."""
    monkeypatch.setattr(graph, "DENSE", request.param)
    return request.param


@pytest.fixture(scope="session")
def made_up_runs(tmp_path_factory):
    """A folder of made-up runs and the config that they obeyed; for reading."""
    folder = tmp_path_factory.mktemp("made_up_runs")
    made = fake_runs.config()
    fake_runs.write(folder, made)
    (folder / "config.yaml").write_text(yaml.safe_dump(made, sort_keys=False))
    return folder


@pytest.fixture(scope="session")
def collected(made_up_runs):
    """claim -> its dataset of the made-up runs; for reading."""
    return cache(lambda claim: claims.collect(claim, made_up_runs, made_up_runs / "config.yaml"))


@pytest.fixture
def parts(collected):
    """Function: the part of an experiment in the dataset of a claim's number."""
    return lambda number, experiment: claims.part(collected(list(claims.CLAIMS)[number - 1]), experiment)


@pytest.fixture(scope="session")
def few_patterns():
    """Data sets as they are loaded hold 320 patterns to train and 200 to test, as long as a module asks for it."""

    @contextmanager
    def few():
        load = data.load
        with pytest.MonkeyPatch.context() as patch:
            part = {"pattern": slice(0, 320), "test_pattern": slice(0, 200)}
            patch.setattr(data, "load", lambda name: load(name).isel(part))
            yield

    return few


@pytest.fixture
def ax():
    """Axes in our style."""
    style.theme()
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)
