"""What all tests share."""

import fcntl
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import hypothesis
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from hypothesis import configuration

from analysis import claims, data
from analysis.experiment import conditions, sampling_checks
from analysis.experiment.config import merged
from analysis.experiment.settings import seeds
from analysis.figures import style
from analysis.files import yamlfile
from analysis.files.checkout import ROOT
from analysis.machine import graph, sampling
from analysis.verdicts.datasets import CLAIMS

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")
hypothesis.settings.register_profile("project", derandomize=True, database=None, deadline=None, max_examples=40)
hypothesis.settings.load_profile("project")
mpl.use("Agg")


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is slow
def pytest_collection_modifyitems(items):
    """Small runs, and claims collected from them, take half a minute: all tests that read them are slow."""
    items.sort(key=lambda item: item.path.name != "test_workflow.py")  # longest: at its end a process would wait for it
    for item in items:
        if "small_runs" in getattr(item, "fixturenames", ()):
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
    monkeypatch.setattr(sampling, "SWEPT", request.param)
    return request.param


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory, worker_id, few_patterns):
    """A folder of all runs of small machines on few patterns, of three seeds, and the config that they obeyed."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "small_runs"  # all processes of a test run share it
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "config.yaml").exists():  # which is written last
            make_small_runs(folder, few_patterns)
    return folder


def make_small_runs(folder, few_patterns):
    config = merged([ROOT / "config" / "smoke.yaml"])
    for name, hidden in (("patches", [12]), ("digits", [16, 10])):
        settings = config["experiments"][name]
        settings["machine"] |= {"hidden": hidden, "receptive_field": None}
        settings["samples"] |= {"n_chains": 300, "n_steps": 5, "n_measure_chains": 100}
        settings |= {"n_seeds": 3, "control_sessions": [1, 3]}
        for key in ("further_seeds", "folds"):
            settings.pop(key, None)
        with few_patterns(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampling_checks, "N_ITERATIONS", 10)
            for seed in seeds(settings):
                conditions.make_missing(config, name, seed, folder)
    yamlfile.write(config, folder / "config.yaml")


@pytest.fixture(scope="session")
def collected(small_runs):
    """claim -> its dataset of the small runs; for reading."""
    return cache(lambda claim: claims.collect(claim, small_runs, small_runs / "config.yaml"))


@pytest.fixture
def parts(collected):
    """Function: the part of an experiment in the dataset of a claim's number."""
    return lambda number, experiment: claims.part(collected(list(CLAIMS)[number - 1]), experiment)


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
