"""What all tests share."""

from pathlib import Path

import hypothesis
import pytest
from hypothesis import configuration

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")
hypothesis.settings.register_profile("project", derandomize=True, database=None, deadline=None, max_examples=40)
hypothesis.settings.load_profile("project")


@pytest.fixture(params=[1, 2, 3], ids="{} threads".format)
def n_threads(request, monkeypatch):
    """The number of threads that share the work: results must not notice."""
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(request.param))
    return request.param
