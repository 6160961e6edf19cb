"""Runs made by SLURM jobs are those made here: the profile, unchanged, on the one-node SLURM of tests/slurm.sh.

The smoke config with one seed and fewer conditions: every rule of runs has a job, and every value is compared.
"""

import importlib.util
import os
import shutil

import pytest
from test_same_bits import copy_checkout, differences, make_runs, names

from analysis.experiment import config
from analysis.files import yamlfile
from analysis.files.checkout import ROOT

SLURM = [str(ROOT / "tests" / "slurm.sh")]
DAEMONS = [shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("munged", "slurmctld", "slurmd")]
PLUGIN = importlib.util.find_spec("snakemake_executor_plugin_slurm")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(None in DAEMONS, reason="needs munged, slurmctld and slurmd: Debian's slurm-wlm"),
    pytest.mark.skipif(PLUGIN is None, reason="needs snakemake-executor-plugin-slurm: the extra `cluster`"),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = copy_checkout(tmp_path_factory.mktemp("a checkout"))
    smoke = config.load(folder / "config" / "smoke.yaml")
    for experiment in smoke["experiments"].values():
        experiment["n_seeds"] = 1
        experiment["criteria"] = [experiment["reference"], "weight"]
        experiment["controls"] = ["born_small_synapses"]
    yamlfile.write(smoke, folder / "config" / "smoke.yaml")
    return folder


def test_runs_made_by_slurm_jobs_hold_the_same_bits(checkout):
    found = make_runs(checkout, "slurm", profile="slurm", within=SLURM)
    assert len(names(found)) == 11
    (log,) = (checkout / ".snakemake" / "log").glob("*.log")
    submitted = [line for line in log.read_text().splitlines() if "has been submitted with SLURM jobid" in line]
    assert len(submitted) == 3  # the kernels, and a seed of each experiment
    assert differences(found, make_runs(checkout, "here")) == []
