"""Configs are whole, validated, and refused in one line that names the place; so is a wrong command line."""

import copy
import shlex
import subprocess
import sys

import pytest
import yaml

from analysis import __main__, data, pruning
from analysis.__main__ import main
from analysis.experiment import config, controls
from analysis.verdicts import answerable, effects

# No protocols: what a config may say, where data files come from, and maps (tests/test_maps.py).
OTHERS = {"schema.yaml", "data.yaml", "maps.yaml", "maps_smoke.yaml", "maps_schema.yaml"}
CONFIGS = sorted({path.name for path in config.SCHEMA.parent.glob("*.yaml")} - OTHERS)


def dataset_name(settings):
    """The named set that an experiment takes all or the first patterns of; None for a file of one's own."""
    dataset = settings["dataset"]
    return dataset if isinstance(dataset, str) else dataset.get("name")


def changed(place, value):
    found = copy.deepcopy(config.load(config.ROOT / "config" / "smoke.yaml"))
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_valid_and_names_what_exists(name):
    found = config.load(config.SCHEMA.parent / name)
    answerable.check(found)
    for settings in found["experiments"].values():
        assert set(settings["criteria"]) <= set(pruning.CRITERIA)
        assert set(settings["controls"]) <= set(controls.CONTROLS)
        assert dataset_name(settings) in (None, *data.DATASETS)
        assert max(settings["control_sessions"], default=0) <= settings["pruning"]["n_sessions"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("experiments", "patches", "n_seeds"), 0, "at experiments/patches/n_seeds: found 0, it must be bigger"),
        (("experiments", "patches", "n_seeds"), "3", "at experiments/patches/n_seeds: found '3', it must be integer"),
        (("experiments", "patches", "criteria"), ["wait"], "at experiments/patches/criteria/0: found 'wait', it must"),
        (("experiments", "patches", "reference"), "random2", "at experiments/patches/reference: found 'random2'"),
        (("experiments", "digits", "pruning", "fraction"), 1.5, "at experiments/digits/pruning/fraction: found 1.5"),
        (("experiments", "digits", "pruning", "fraction"), 0, "at experiments/digits/pruning/fraction: found 0"),
        (("experiments", "digits", "pruning"), {"n_sessions": 2}, r"at experiments/digits/pruning: .*\['fraction'\]"),
        (("experiments", "digits", "training", "algorithm"), "adam", "at experiments/digits/training/algorithm"),
        (
            ("experiments", "digits", "machine", "visible_bias"),
            "x",
            "visible_bias: found 'x', expected a number or data",
        ),
        (
            ("experiments", "digits", "machine", "hiden"),
            [9],
            r"the keys .* hiden, .* must not contain \{'hiden'\}",
        ),
        (("experiments", "digits", "dropout"), 1, r"at experiments/digits: .*\{'dropout'\}"),
        (("speed",), "high", r"at top level: .*\{'speed'\}"),
    ],
)
def test_a_wrong_config_is_refused_at_its_place(tmp_path, place, value, message):
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(changed(place, value)))
    with pytest.raises(ValueError, match=message) as error:
        config.load(file)
    assert "\n" not in str(error.value)


SURVIVORS = ("claims", "neuron_loss", "survivors_above_lost")
EQUAL_FUNCTION = ("claims", "weight_pruning", "units_at_equal_function")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("experiments",), {}, "claims/overproduction/control_minus_pruned/measure: found 'patches', expected one of"),
        (("experiments", "digits", "measures"), [], "experiments/digits/measures: found .*, expected kl or digits"),
        (("experiments", "digits", "reference"), "weight", "experiments/digits/criteria: found .* reference weight"),
        (("experiments", "digits", "criteria"), ["variance_fi_w2", "weight"], "loss_minus_reference: found 'random'"),
        ((*SURVIVORS, "layers", "patches"), [2], "survivors_above_lost/layers/patches: found 2, expected one of 1"),
        ((*SURVIVORS, "measures", "patches"), ["digit_information"], "found 'digit_information', expected what"),
        ((*EQUAL_FUNCTION, "margin"), {"patches": 0.1}, "margin: found .*, expected the same experiments as beside"),
        (EQUAL_FUNCTION[:2], {}, "claims/weight_pruning: found 'no prediction', expected units_at_equal_function"),
        (("claims", "fisher_proxy", "rank_correlation", "proxies"), ["fi"], "rank_correlation/proxies: found 'fi'"),
        (("claims", "fisher_proxy", "rank_correlation"), {"threshold": 0}, "expected also proxies, sessions, targets"),
    ],
)
def test_claims_about_what_no_experiment_has_are_refused(place, value, message):
    with pytest.raises(ValueError, match=message) as error:
        answerable.check(changed(place, value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("prediction", effects.PREDICTIONS)
def test_an_entry_that_lacks_what_its_prediction_reads_is_refused(prediction):
    whole = config.load(config.ROOT / "config" / "default.yaml")
    place = next((claim, of[prediction]) for claim, of in whole["claims"].items() if prediction in of)
    for field in set(place[1]) - {"threshold"}:
        lacking = copy.deepcopy(whole)
        del lacking["claims"][place[0]][prediction][field]
        with pytest.raises(ValueError, match=f"claims/{place[0]}/{prediction}: found .*, expected also {field}"):
            answerable.check(lacking)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "at top level: found None"), ("a: [", "is not YAML"), ("- 1\n- 2", "at top level: found")],
    ids=["empty", "no yaml", "a list"],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, text, message):
    file = tmp_path / "no.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        config.load(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "absent.yaml"], "config: found no file absent.yaml, expected a YAML file"),
        (["--experiment", "patch"], "experiment: found 'patch', expected one of patches, digits"),
        (["--machine", "absent.nc"], "dataset: found no file absent.nc"),
    ],
    ids=["config", "experiment", "machine"],
)
def test_the_command_line_says_what_is_wrong_in_one_line_and_writes_nothing(tmp_path, capsys, arguments, message):
    output = tmp_path / "run.nc"
    settings = {"--config": str(config.ROOT / "config" / "smoke.yaml"), "--experiment": "patches", "--seed": "0"}
    settings |= {"--condition": "weight", "--machine": __file__, "--output": str(output)}
    settings |= dict([arguments])
    assert main(["run", *(text for pair in settings.items() for text in pair)]) == 1
    found = capsys.readouterr().err
    assert message in found
    assert found.count("\n") == 1
    assert not output.exists()


def test_every_command_explains_itself():
    found = subprocess.run(
        [sys.executable, "-m", "analysis", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name in ("overproduce", "run", "control", "proxy", "quality", "compile", "summary"):
        assert name in found


@pytest.mark.parametrize("name", __main__._EXAMPLES)
def test_the_example_of_every_help_is_a_command(name):
    arguments = shlex.split(__main__._EXAMPLES[name].replace("\\\n", " "))
    assert arguments[:4] == ["python", "-m", "analysis", name]
    assert __main__._parser().parse_args(arguments[3:]).name == name
