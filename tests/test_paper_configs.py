"""The configs of the paper's own scale say what the paper did, predict what the main job predicts, and run."""

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.experiment import config, protocol
from analysis.verdicts import answerable

PAPER, DIGITS, ONLINE, DEFAULT = (
    config.load(config.ROOT / "config" / f"{name}.yaml")
    for name in ("paper", "paper_digits", "paper_online", "default")
)


@pytest.mark.parametrize("found", [PAPER, ONLINE], ids=["paper", "paper_online"])
def test_they_have_the_papers_sizes_and_folders_of_their_own(found):
    patches, digits = found["experiments"]["patches"], found["experiments"]["digits"]
    assert (patches["dataset"], digits["dataset"]) == ("cifar10", "mnist")
    assert (len(patches["criteria"]), len(digits["criteria"])) == (6, 5)
    assert patches["samples"]["n_chains"] == 90_000
    assert digits["samples"]["n_chains"] == 60_000
    assert digits["pruning"] == {"n_sessions": 10, "fraction": 0.1}
    epochs = [s["n_epochs"] for s in (*digits["pretraining"], digits["training"], digits["retraining"])]
    assert epochs == [20, 20, 20, 10]
    assert found["folder"] in ("paper", "paper_online")


@pytest.mark.parametrize("found", [PAPER, ONLINE], ids=["paper", "paper_online"])
def test_they_predict_what_the_main_job_predicts(found):
    assert found["claims"] == DEFAULT["claims"]


def of_digits(spec):
    """What a prediction says of digits."""
    return {k: {"digits": v["digits"]} if isinstance(v, dict) else v for k, v in spec.items()}


def test_the_digits_alone_are_those_of_the_whole_config():
    assert DIGITS["experiments"] == {"digits": PAPER["experiments"]["digits"]}
    assert DIGITS["folder"] == PAPER["folder"]
    for claim, predictions in PAPER["claims"].items():
        if claim in ("interval", "model_quality"):
            assert DIGITS["claims"][claim] == predictions
            continue
        # The proxy is compared with a matrix that digits are too large for, and no digits are pruned online.
        known = {k: v for k, v in predictions.items() if "proxies" not in v and k != "loss_minus_online"}
        assert DIGITS["claims"][claim] == {name: of_digits(spec) for name, spec in known.items()}
    answerable.check(DIGITS)


def few_digits():
    """The authors' setting on 40 digits, an epoch a step, a small last layer."""
    settings = copy.deepcopy(ONLINE["experiments"]["digits"])
    settings["dataset"] = {"name": "digits", "n_train": 40, "n_test": 20}
    settings["machine"]["hidden"] = [400, 16]
    for schedule in (*settings["pretraining"], settings["training"], settings["retraining"]):
        momentum = schedule["momentum"]
        schedule |= {"n_epochs": 1, "momentum": momentum if isinstance(momentum, float) else momentum[:1]}
    settings["samples"] |= {"n_chains": 200, "n_steps": 5, "n_measure_chains": 100}
    settings["pruning"]["n_sessions"], settings["control_sessions"] = 1, [1]
    settings["quality"]["sessions"] = [1]
    return settings


def test_the_authors_setting_runs_on_few_digits():
    settings = few_digits()
    config.check(ONLINE | {"experiments": {"digits": settings}})
    machine = protocol.overproduce(settings, 0)
    run = protocol.prune_run(settings, settings["reference"], 0, machine)
    sizes = run["n_synapses"].values
    assert (sizes[1] <= np.ceil(0.9 * sizes[0])).all()  # fewer where more have no importance at all
    assert np.isfinite(run["encoding_error"]).all()
    with pytest.raises(AssertionError):  # it learned: other weights than it started with
        np.testing.assert_array_equal(run["weight_1"][0], run["weight_1"][1])


def test_their_results_mix_with_no_others():
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/default", "-n", "--quiet", "rules"]
    command += ["--configfile", "config/paper.yaml", "--forceall", "--summary"]
    done = subprocess.run(command, cwd=config.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outputs = [line.split("\t")[0] for line in done.stdout.splitlines() if "\t" in line][1:]
    assert len(outputs) > 100
    assert [path for path in outputs if Path(path).parts[1] != "paper" and "results/notebooks/paper/" not in path] == []
