"""A config is whole, or what differs from one; it is refused in one line: the place, what was found, what expected."""

import copy

import numpy as np
import pytest

from analysis import data
from analysis.experiment import config
from analysis.experiment.config import Maps
from analysis.experiment.predictions import check_answerable
from analysis.files import typed, yamlfile
from analysis.files.checkout import ROOT
from analysis.verdicts import effects
from analysis.workflow import rules

FOLDER = ROOT / "config"
MAPS = ["maps", "maps_smoke"]
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in ("data", *MAPS))
SMOKE, DEFAULT = (config.load(FOLDER / f"{name}.yaml") for name in ("smoke", "default"))
ABSENT = object()


def changed(place, value, whole=SMOKE):
    """A config with another value at a place; ABSENT: without it."""
    found = copy.deepcopy(whole)
    *outer, last = [int(name) if name.isdigit() else name for name in place.split("/")]
    inner = found
    for name in outer:
        inner = inner[name]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return found


def refused(function, *arguments):
    with pytest.raises(ValueError, match=r": found .*, expected ") as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_valid_and_its_claims_are_about_what_its_experiments_have(name):
    found = config.load(FOLDER / f"{name}.yaml")
    check_answerable(found)
    for settings in found["experiments"].values():
        dataset = settings["dataset"]
        assert (dataset if isinstance(dataset, str) else dataset.get("name")) in (None, *data.DATASETS)


P, D, C = "experiments/patches", "experiments/digits", "claims"
LOST, SIZE = f"{C}/neuron_loss/survivors_above_lost", f"{C}/weight_pruning/units_at_equal_function"
WRONG = {
    "speed": ("high", "at top level: found the unknown key 'speed', expected keys among title, folder"),
    "title": (ABSENT, "at top level: found no title, expected all of title, experiments, claims"),
    "experiments": ([], "at experiments: found [], expected a mapping"),
    f"{P}/dropout": (0.5, f"at {P}: found the unknown key 'dropout', expected keys among dataset, machine"),
    f"{P}/machine/visible_bias": ("x", f"at {P}/machine/visible_bias: found 'x', expected a number or data"),
    f"{D}/machine/receptive_field": (4, "machine/receptive_field: found 4, expected an odd number"),
    f"{P}/quality/n_samples": (
        1001,
        f"at {P}/quality/n_samples: found 1001, expected at most 1000, as samples/n_chains",
    ),
    f"{P}/machine/hidden": ([], "machine/hidden: found [], expected at least 1"),
    f"{P}/n_seeds": ("3", f"at {P}/n_seeds: found '3', expected integer"),
    f"{P}/training/momentum": ([0.5, 0.9], "momentum: found [0.5, 0.9], expected one from 0 to 0.9999, or 1, one an"),
    f"{P}/samples/n_chains": (10**12, "n_chains: found 1000000000000, expected less than or equal to 4294967295"),
    f"{P}/pruning/fraction": ([0.5, 0.5], "fraction: found [0.5, 0.5], expected one number, or 1, one a layer of"),
    f"{D}/pruning/fraction": (1, "pruning/fraction: found 1, expected a number above 0 and below 1, or a list of them"),
    f"{D}/pruning": ({"n_sessions": 2}, f"at {D}/pruning: found no fraction, expected all of n_sessions, fraction"),
    f"{D}/training/tolerance": (np.inf, "tolerance: found inf, expected a finite number"),
    f"{D}/training/algorithm": ("adam", "training/algorithm: found 'adam', expected 'cd' or 'pcd'"),
    f"{D}/retraining/algorithm": ("cd", f"at {D}/retraining/algorithm: found 'cd', expected pcd, for more than one"),
    f"{D}/pretraining": ([SMOKE["experiments"]["digits"]["training"]], "expected no schedules or 2, one a hidden"),
    f"{D}/proxy": (True, f"at {D}/proxy: found True, expected false with more than one hidden layer"),
    f"{D}/criteria": (["variance_fi_w2", "eigenvector"], "criteria: found 'eigenvector', expected none with more"),
    f"{P}/criteria": (["variance_fi", "weight", "weight"], "criteria: found 'weight' twice, expected each once"),
    f"{P}/criteria/0": ("wait", f"at {P}/criteria/0: found 'wait', expected one of variance_fi"),
    f"{P}/criteria/1": ("no/mine.py:best", f"at {P}/criteria/1: found no/mine.py:best: no "),
    f"{P}/reference": ("born", "reference: found 'born', expected one of criteria, variance_fi"),
    f"{P}/control_sessions": ([1, 3], "control_sessions: found [1, 3], expected sessions up to 2, as pruning"),
    f"{P}/quality/sessions": ([0, 9], f"at {P}/quality/sessions: found [0, 9], expected sessions up to 2"),
    f"{P}/dataset": ({"path": "x", "binarise": "mean"}, f"at {P}/dataset: found no split, expected all of path"),
    f"{C}/interval/confidence": (95, "interval/confidence: found 95, expected less than 1"),
    f"{C}/model_quality/r_hat": ({"at_most": 1, "at_least": 0}, "found ['at_least', 'at_most'], expected at_most"),
    f"{C}/fisher_proxy/rank_correlation/proxies": (["fi"], "proxies/0: found 'fi', expected 'variance_fi'"),
}


@pytest.mark.parametrize("place", WRONG)
def test_a_wrong_entry_is_refused_at_its_place(place):
    value, message = WRONG[place]
    assert message in refused(config.check, changed(place, value), "mine.yaml")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("experiments", {"mine": SMOKE["experiments"]["patches"]}, "found 'patches', expected one of the"),
        (f"{D}/measures", [], f"{D}/measures: found [], expected kl or digits"),
        (f"{D}/reference", "weight", f"{D}/criteria: found "),
        (f"{D}/criteria", ["variance_fi_w2", "weight"], "loss_minus_reference: found 'random'"),
        (f"{LOST}/layers/patches", [2], "layers/patches: found 2, expected one of the hidden layers, 1 to 1"),
        (f"{LOST}/measures/patches", ["digit_information"], "expected what measures of"),
        (f"{SIZE}/margin", {"patches": 0.1}, "expected the same experiments as beside it, patches, digits"),
        (f"{C}/weight_pruning", {}, "claims/weight_pruning: found 'no prediction', expected units_at_equal_function"),
    ],
)
def test_claims_about_what_no_experiment_has_are_refused(place, value, message):
    assert message in refused(check_answerable, changed(place, value))


@pytest.mark.parametrize("prediction", effects.PREDICTIONS)
def test_an_entry_that_a_prediction_reads_may_not_lack(prediction):
    claim = next(claim for claim, spec in DEFAULT["claims"].items() if prediction in spec)
    for field in DEFAULT["claims"][claim][prediction]:
        lacking = changed(f"claims/{claim}/{prediction}/{field}", ABSENT, DEFAULT)
        assert f"at claims/{claim}/{prediction}: found no {field}, expected" in refused(config.check, lacking)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at top level: found None, expected a mapping"),
        ("- 1\n- 2", "at top level: found [1, 2], expected a mapping"),
        ("a: [", "is not YAML"),
        (b"\x80\x81", "is not YAML ('utf-8' codec can't decode byte 0x80"),
        ("title: a\ntitle: b", 'mine.yaml: at line 2: found duplicate key "title", expected each key once'),
        ("title:\tx\n\ty: 1", "is not YAML"),
        ("!!python/object/apply:os.mkdir [ran]", "is not YAML (could not determine a constructor"),
        ("&a {title: *a}", "is not YAML"),
        ("title: 2021-10-18\nexperiments: {}\nclaims: {}", "expected text; quote it"),
        ("extends: nowhere.yaml", "at extends: found 'nowhere.yaml', expected another file beside it or in config/"),
        ("extends: mine.yaml", "at extends: found 'mine.yaml', expected another file"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, text, message):
    file = tmp_path / "mine.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert message in refused(config.load, file)


def test_yaml_is_that_of_today_whatever_an_editor_makes_of_it(tmp_path):
    text = "extends: smoke.yaml\nexperiments: {patches: {training: {learning_rates: [1e-2, 2.5E-3]}}}\n"
    (tmp_path / "mine.yaml").write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    found = config.load(tmp_path / "mine.yaml")
    assert found == changed(f"{P}/training/learning_rates", [0.01, 0.0025])


@pytest.mark.parametrize("name", NAMES)
def test_a_config_is_read_back_as_it_was_written(tmp_path, name):
    found = config.load(FOLDER / f"{name}.yaml")
    yamlfile.write(found, tmp_path / "whole.yaml")
    assert config.load(tmp_path / "whole.yaml") == found
    assert "*" not in (tmp_path / "whole.yaml").read_text().replace("w*", "")


def test_what_differs_is_laid_over_key_by_key_and_null_takes_a_key_away():
    base = {"title": "a", "list": [1, 2], "inner": {"a": 1, "b": 2}}
    changes = {"list": [3], "inner": {"b": None, "c": {"d": None, "e": 4}, "quality": None}, "new": 5}
    expected = {"title": "a", "list": [3], "inner": {"a": 1, "c": {"e": 4}, "quality": None}, "new": 5}
    assert config.lay_over(base, changes) == expected
    assert base["inner"] == {"a": 1, "b": 2}


def test_an_experiment_that_is_taken_away_leaves_the_claims():
    alone = config.lay_over(DEFAULT, {"experiments": {"digits": None}})
    config.check(alone)
    check_answerable(alone)
    assert list(alone["experiments"]) == ["patches"]
    assert alone["claims"]["overproduction"]["control_minus_pruned"]["measure"] == {"patches": "kl"}
    gone = {"axonal_share", "connected_above_disconnected"}  # which are about digits alone
    assert set(DEFAULT["claims"]["neuron_loss"]) - set(alone["claims"]["neuron_loss"]) == gone


def test_the_command_line_changes_what_it_names_and_numbers_are_numbers(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: smoke.yaml\ntitle: '7'\nexperiments: {patches: {n_seeds: 1e0}}\n")
    files = [FOLDER / "smoke.yaml", tmp_path / "mine.yaml"]
    asked = {"out": "o", "experiments": {"digits": None, "patches": {"n_seeds": "3", "proxy": "false", "title": "["}}}
    changes = rules.typed(asked)
    assert changes["experiments"]["patches"] == {"n_seeds": 3, "proxy": False, "title": "["}
    found = config.merged(files, changes)
    assert (found["title"], found["experiments"]["patches"]["n_seeds"]) == ("7", 3)


@pytest.mark.parametrize("name", MAPS)
def test_maps_name_experiments_of_their_protocol(name):
    maps, protocols = config.load_maps(FOLDER / f"{name}.yaml")
    assert {described["experiment"] for described in maps["maps"].values()} <= set(protocols["experiments"])
    for place, value, message in (
        ("maps/patches/grids/0/growth", [1], "maps/patches/grids/0/growth/0: found 1, expected greater than 1"),
        ("maps/patches/jobs", "all", "maps/patches/jobs: found 'all', expected 'seed' or 'start'"),
        ("predictions/trends/0/axis", "size", "trends/0/axis: found 'size', expected 'final', 'growth'"),
        ("predictions/differences/0/worse", "none", "differences/0/worse"),
        ("maps/patches/dataset", "digit", "maps/patches/dataset: found 'digit', expected one of digits"),
        ("maps/patches/sizes", 1, "maps/patches: found the unknown key 'sizes'"),
    ):
        assert message in refused(typed.check, Maps, changed(place, value, maps), "maps.yaml")


@pytest.mark.parametrize(("given", "expected"), [({}, ""), ({"out": 3}, "3"), ({"out": None}, ""), ({"out": "o"}, "o")])
def test_any_word_names_the_folder_of_results(given, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"title": "x"} | given
    assert rules.taken_out(changes) == expected
    assert changes == {"title": "x"}


@pytest.mark.parametrize(
    ("out", "found"), [("a file", "found a file"), ("/proc/x", "found that nothing can be written")]
)
def test_a_folder_of_results_that_can_be_none_is_refused(out, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").touch()
    with pytest.raises(ValueError, match=f"^output: {found}.*, expected a folder"):
        rules.taken_out({"out": out})
