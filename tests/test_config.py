"""A config is whole, or what differs from one; it is refused in one line: the place, what was found, what expected."""

import copy

import numpy as np
import pytest

from analysis import data
from analysis.experiment import config
from analysis.experiment.predictions import CLAIMS, EFFECTS, check_answerable
from analysis.files import yamlfile
from analysis.files.checkout import ROOT
from analysis.workflow import rules

FOLDER = ROOT / "config"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "data")
SMOKE, DEFAULT = (config.load(FOLDER / f"{name}.yaml") for name in ("smoke", "default"))
ABSENT = object()
PATCHES = SMOKE["experiments"]["patches"]
TWO_SESSIONS = PATCHES | {"pruning": {"n_sessions": 2, "fraction": 0.5}, "control_sessions": [2], "quality": None}
FEW_CONTROLS = PATCHES | {"controls": ["reinitialised"], "equal_work": []}
TWICE, NATS = {"n_sessions": 3, "fraction": [0.5, 0.5]}, "negative_log_likelihood"
SPLIT = {"born_small_synapses": {"split": 0.3}}
EARLY = {"controls": ["pruned_early"], "tuning": {"pruned_early": {"trained": 0.1, "rates": 2.0}}}
EARLY |= {key: value for key, value in SMOKE["experiments"]["digits"].items() if key not in EARLY}
FEW = {"n_seeds": 2, "criteria": ["weight"], "controls": []}
FEWER = FEW | {"criteria": ["variance_fi_w2", "online_fi"]}
LOSS = SMOKE["claims"]["overproduction"]["patches_born_small"]
RANKS = {"any": SMOKE["claims"]["fisher_proxy"]["patches_variance"]}
TO_EXTEND = "extends: smoke.yaml\nexperiments: {{mine: {{extends: {}}}}}"


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
UNITS, FUNCTION = f"{C}/weight_pruning/patches_units", f"{C}/weight_pruning/patches_function"
BORN, RANK = f"{C}/overproduction/patches_born_small", f"{C}/fisher_proxy/patches_variance"
LOST, EQUAL = f"{C}/neuron_loss/digits_information", f"{C}/weight_pruning/digits_equal_units"
WRONG = {
    "speed": ("high", "at top level: found the unknown key 'speed', expected keys among title, folder"),
    "title": (ABSENT, "at top level: found no title, expected all of title, experiments, claims"),
    "experiments": ([], "at experiments: found [], expected a mapping"),
    f"{P}/dropout": (0.5, f"at {P}: found the unknown key 'dropout', expected keys among dataset, machine"),
    f"{P}/machine/visible_bias": ("x", f"at {P}/machine/visible_bias: found 'x', expected a number or data"),
    f"{D}/machine/receptive_field": (4, "machine/receptive_field: found 4, expected an odd number"),
    f"{P}/samples/start": ("tempered", f"at {P}/samples/n_rungs: found nothing, expected a count of machines"),
    f"{P}/samples/n_rungs": (4, f"at {P}/samples/n_rungs: found 4, expected none without start: tempered"),
    f"{P}/quality/n_samples": (1001, "quality/n_samples: found 1001, expected at most 1000, as samples/n_chains"),
    f"{P}/machine/hidden": ([], "machine/hidden: found [], expected at least 1"),
    f"{P}/n_seeds": ("3", f"at {P}/n_seeds: found '3', expected integer"),
    f"{P}/training/momentum": ([0.5, 0.9], "momentum: found [0.5, 0.9], expected one from 0 to 0.9999, or 1, one an"),
    f"{P}/samples/n_chains": (10**12, "n_chains: found 1000000000000, expected less than or equal to 4294967295"),
    f"{P}/pruning": (TWICE, "fraction: found [0.5, 0.5], expected one number, or 1, one a layer of synapses"),
    f"{D}/pruning/fraction": (1, "pruning/fraction: found 1, expected a number above 0 and below 1, a list of them"),
    f"{D}/pruning": ({"n_sessions": 2}, f"at {D}/pruning: found no fraction, expected all of n_sessions, fraction"),
    f"{D}/training/tolerance": (np.inf, "tolerance: found inf, expected a finite number"),
    f"{D}/training/algorithm": ("adam", "training/algorithm: found 'adam', expected 'cd' or 'pcd'"),
    f"{D}/retraining/algorithm": ("cd", f"at {D}/retraining/algorithm: found 'cd', expected pcd, for more than one"),
    f"{D}/pretraining": ([SMOKE["experiments"]["digits"]["training"]], "expected no schedules or 2, one a hidden"),
    f"{D}/proxy": (True, f"at {D}/proxy: found True, expected false with more than one hidden layer"),
    f"{D}/criteria": (["variance_fi_w2", "eigenvector"], "criteria: found 'eigenvector', expected none with more"),
    f"{P}/criteria": (["variance_fi", "weight", "weight"], "criteria: found 'weight' twice, expected each once"),
    f"{P}/criteria/0": ("wait", f"at {P}/criteria/0: found 'wait', expected one of variance_fi"),
    f"{P}/criteria/1": ("no/mine.py:best", f"at {P}/criteria/1: found no/mine.py:best: FileNotFoundError"),
    f"{P}/reference": ("born", "reference: found 'born', expected one of criteria, variance_fi"),
    f"{P}/control_sessions": ([1, 4], "control_sessions: found [1, 4], expected sessions up to 3, as pruning"),
    f"{D}/control_sessions": ([], "control_sessions: found [], expected at least 1"),
    f"{P}/quality/sessions": ([0, 9], f"at {P}/quality/sessions: found [0, 9], expected sessions up to 3"),
    f"{P}/equal_work": (["rewired", "random"], f"at {P}/equal_work/1: found 'random', expected one of born"),
    f"{P}/controls": (["pruned_early"], f"at {P}/tuning/pruned_early: found nothing, expected shares or trained, for"),
    f"{D}/controls": (["rewired"], f"at {D}/tuning: found 'born_small_synapses', expected one of controls"),
    f"{D}/equal_work": (["pruned_early"], f"at {D}/equal_work: found 'pruned_early', expected controls trained from"),
    f"{D}/tuning": (
        {"rewired": {"trained": 0.1}},
        f"at {D}/tuning/rewired/trained: found 0.1, expected nothing but ra",
    ),
    f"{D}/tuning/rewired": ({"split": 0.3}, f"at {D}/tuning/rewired/split: found 0.3, expected nothing but rates, wh"),
    f"{P}/tuning": (SPLIT, f"at {P}/tuning/born_small_synapses/split: found 0.3, expected nothing but rates, which it"),
    f"{D}/tuning/born_small_synapses/rates": (0, "tuning/born_small_synapses/rates: found 0, expected greater than 0"),
    D: (EARLY, f"at {D}/tuning/pruned_early/rates: found 2.0, expected nothing but shares, trained, which it reads"),
    f"{D}/tuning/pruned_at_once": ({"shares": [0.5, 0.4]}, "that is to go, which sum to 1 instead of 0.9"),
    f"{P}/pruning/fraction": ([[0.5], [0.5]], "found 2 lists, expected 3, one a session as pruning/n_sessions"),
    f"{D}/pruning/fraction/1": ([0.5], "pruning/fraction: found [0.27, [0.5]], expected a number above 0 and below 1"),
    f"{P}/explored_seeds": (1, f"at {P}/first_seed: found 0, expected at least 1, explored_seeds: those below"),
    f"{P}/further_seeds": (FEW, "further_seeds/criteria: found ['weight'], expected variance_fi, the reference, am"),
    f"{D}/further_seeds": (FEWER, f"at {D}/further_seeds/criteria: found 'online_fi', expected one of criteria"),
    f"{P}/dataset": ({"path": "x", "binarise": "mean"}, f"at {P}/dataset: found no split, expected all of path"),
    f"{C}/confidence": (95, "claims/confidence: found 95, expected less than 1"),
    f"{C}/margins/kl": ({"value": 0.01, "units": "nats"}, f"at {C}/margins/kl: found no because, expected all of"),
    f"{C}/margins/kl/value": (0, f"at {C}/margins/kl/value: found 0, expected greater than 0"),
    f"{C}/model_quality/r_hat": ({"at_most": 1, "at_least": 0}, "found ['at_least', 'at_most'], expected at_most"),
    f"{BORN}/margin": (ABSENT, f"at {BORN}: found no margin, expected all of text, experiment, margin"),
    f"{BORN}/effect": ("difference", f"at {BORN}/effect: found 'difference', expected one of loss, units, units_at"),
    f"{UNITS}/effect": (ABSENT, f"at {UNITS}/effect: found None, expected one of loss, units, units_at"),
    f"{UNITS}/worse": ("weight", f"at {UNITS}: found the unknown key 'worse', expected keys among text, primary"),
    f"{UNITS}/layer": (0, f"at {UNITS}/layer: found 0, expected a hidden layer, from 1, or all"),
    f"{FUNCTION}/tolerance": (0, f"at {FUNCTION}/tolerance: found 0, expected greater than 0"),
    f"{RANK}/session": ("mean", f"at {RANK}/session: found 'mean', expected 'first' or 'last'"),
    f"{C}/overproduction": ({"It holds": None}, "found 'It holds', expected"),
}


@pytest.mark.parametrize("place", WRONG)
def test_a_wrong_entry_is_refused_at_its_place(place):
    value, message = WRONG[place]
    assert message in refused(config.check, changed(place, value), "mine.yaml")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (f"{D}/measures", ["importance"], f"{D}/measures: found ['importance'], expected kl or digits among them"),
        (f"{BORN}/experiment", "patch", f"{BORN}/experiment: found 'patch', expected one of patches, digits"),
        (f"{BORN}/margin", "nats", f"{BORN}/margin: found 'nats', expected one of claims/margins, kl, error"),
        (f"{BORN}/worse", "born_big", f"{BORN}/worse: found 'born_big', expected one of pruned, born_small"),
        (f"{BORN}/worse", "rewired_work", f"{BORN}/worse: found 'rewired_work', expected one"),
        (P, FEW_CONTROLS, f"{BORN}/worse: found 'born_small_synapses', expected one of pruned, reinitialised of {P}"),
        (f"{BORN}/worse", "weight", f"{BORN}/worse: found 'weight', expected one of pruned, born_small_units"),
        (f"{BORN}/worse", "pruned", f"{BORN}/better: found 'pruned', expected another one than worse, of {P}"),
        (f"{BORN}/equal", "units", f"{BORN}/equal: found 'units', expected none, for controls are compared after"),
        (f"{BORN}/margin", "error", f"{BORN}/margin: found 'error in fraction', expected one in nats, as the effect"),
        (f"{UNITS}/margin", "kl", f"{UNITS}/margin: found 'kl in nats', expected one in units, as the effect"),
        (LOST, LOSS, f"{LOST}/effect: found 'loss', expected one of units, sur"),
        (f"{UNITS}/more", "variance_fi", f"{UNITS}/fewer: found 'variance_fi', expected another one than more, of {P}"),
        (f"{EQUAL}/worse", "rewired", f"{EQUAL}/worse: found 'rewired', expected one of pruned, variance_fi_w2"),
        (f"{EQUAL}/worse", "variance_fi_w2", f"{EQUAL}/better: found 'pruned', expected another one than worse, of"),
        (f"{RANK}/proxy", "stiff_eigenvectors", f"{RANK}/target: found 'stiff_eigenvectors', expected another one th"),
        (f"{LOST}/than", "variance_fi_w2", f"{LOST}/than: found 'variance_fi_w2', expected another one than reference"),
        (f"{C}/beyond_the_paper", RANKS, "any/target: found 'stiff_eigenvectors', expected one of variance_fi, heu"),
        (f"{RANK}/proxy", "awake_damage", f"{RANK}/proxy: found 'awake_damage', expected one of variance_fi,"),
        (f"{BORN}/measure", "encoding_error", f"{BORN}/measure: found 'encoding_error', expected what measures give"),
        (f"{BORN}/measure", NATS, f"{BORN}/measure: found '{NATS}', expected another measure, or likelihood among"),
        (f"{UNITS}/more", "pruned", f"{UNITS}/more: found 'pruned', expected one of variance_fi, heuristic_fi"),
        (f"{UNITS}/layer", 2, f"{UNITS}/layer: found 2, expected one of the hidden layers, 1 to 1, of {P}"),
        (f"{C}/neuron_loss/digits_axonal/layer", 2, "axonal/layer: found 2, expected a layer below the last one"),
        (f"{LOST}/than", "eigenvector", f"{LOST}/than: found 'eigenvector', expected one of variance_fi_w2"),
        (f"{P}/proxy", False, f"{RANK}/effect: found 'rank', expected a prediction that needs no proxy: true of {P}"),
        (P, TWO_SESSIONS, f"{FUNCTION}/effect: found '2 sessions of 0.5', expected at least 3 sessions of at most 0.6"),
        (f"{P}/pruning/fraction", 0.61, f"{FUNCTION}/effect: found '3 sessions of 0.61', expected at least 3 sessions"),
        (f"{D}/pruning/fraction", [0.3, 0.7], "digits_function/effect: found '3 sessions of [0.3, 0.7]', expected at"),
    ],
)
def test_predictions_that_no_experiment_can_answer_are_refused(place, value, message):
    config.check(changed(place, value))
    assert message in refused(check_answerable, changed(place, value))


def test_a_claim_has_at_most_three_primary_predictions_of_an_experiment():
    claims = SMOKE["claims"]["overproduction"]
    secondary = [name for name in claims if not claims[name].get("primary")]
    for name, experiment in [(name, claims[name]["experiment"]) for name in secondary]:
        place = f"{C}/overproduction/{name}/primary"
        message = f"{place}: found True, expected at most 3 primary predictions a claim and experiment"
        assert refused(check_answerable, changed(place, True)) == message, experiment
    n_patches = sum(of["experiment"] == "patches" and of.get("primary", False) for of in claims.values())
    assert n_patches == 3  # and as many of digits are no reason against them
    check_answerable(SMOKE)


@pytest.mark.parametrize("kind", EFFECTS)
def test_an_entry_that_an_effect_reads_may_not_lack(kind):
    claims = DEFAULT["claims"]
    entries = [(claim, name, of["effect"]) for claim in CLAIMS for name, of in claims.get(claim, {}).items()]
    claim, name, _ = next(entry for entry in entries if entry[2] == kind)
    required = [field for field, of in EFFECTS[kind].model_fields.items() if of.is_required() and field != "effect"]
    for field in required:
        lacking = changed(f"claims/{claim}/{name}/{field}", ABSENT, DEFAULT)
        assert f"at claims/{claim}/{name}: found no {field}, expected" in refused(config.check, lacking)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at top level: found None, expected a mapping"),
        ("a: [", "is not YAML"),
        (b"\x80\x81", "is not YAML ('utf-8' codec can't decode byte 0x80"),
        ("title: a\ntitle: b", 'mine.yaml: at line 2: found duplicate key "title", expected each key once'),
        ("title:\tx\n\ty: 1", "is not YAML"),
        ("!!python/object/apply:os.mkdir [ran]", "is not YAML (could not determine a constructor"),
        ("title: 2021-10-18\nexperiments: {}\nclaims: {}", "expected text; quote it"),
        ("extends: nowhere.yaml", "at extends: found 'nowhere.yaml', expected another file beside it or in config/"),
        ("extends: mine.yaml", "at extends: found 'mine.yaml', expected another file"),
        (TO_EXTEND.format("cifar"), "experiments/mine/extends: found 'cifar', expected another experiment of the"),
        (TO_EXTEND.format("mine"), "experiments/mine/extends: found 'mine', expected another experiment"),
        (TO_EXTEND.format("[patches]"), "experiments/mine/extends: found ['patches'], expected another experiment"),
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


def test_an_experiment_that_is_taken_away_takes_the_predictions_about_it_along():
    alone = config.lay_over(DEFAULT, {"experiments": {"digits": None}})
    config.check(alone)
    check_answerable(alone)
    assert list(alone["experiments"]) == ["patches"]
    for claim in {*CLAIMS} & {*DEFAULT["claims"]}:
        of_patches = {name: of for name, of in DEFAULT["claims"][claim].items() if of["experiment"] == "patches"}
        assert alone["claims"][claim] == of_patches
    assert alone["claims"]["margins"] == DEFAULT["claims"]["margins"]


def test_an_experiment_may_say_what_differs_from_another(tmp_path):
    own = "{aaa: {extends: mine, n_seeds: 7}, mine: {extends: patches, finishing: null, machine: {hidden: [7]}}}"
    (tmp_path / "mine.yaml").write_text(f"extends: smoke.yaml\nexperiments: {own}\n")
    found = config.load(tmp_path / "mine.yaml")["experiments"]
    expected = PATCHES | {"machine": PATCHES["machine"] | {"hidden": [7]}}
    del expected["finishing"]
    assert [found[name] for name in ("patches", "mine", "aaa")] == [PATCHES, expected, expected | {"n_seeds": 7}]


def test_the_command_line_changes_what_it_names_and_numbers_are_numbers(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: smoke.yaml\ntitle: '7'\nexperiments: {patches: {n_seeds: 1e0}}\n")
    files = [FOLDER / "smoke.yaml", tmp_path / "mine.yaml"]
    changes = rules.changes(["out=a=b", "experiments={digits: null, patches: {n_seeds: 3, proxy: false}}"])
    assert changes == {"out": "a=b", "experiments": {"digits": None, "patches": {"n_seeds": 3, "proxy": False}}}
    found = config.merged(files, changes)
    assert (found["title"], found["experiments"]["patches"]["n_seeds"]) == ("7", 3)


def test_a_job_is_a_seed_of_those_asked_for_the_same_and_obeys_the_images_of_ones_own(tmp_path):
    patterns = {rule: pattern for rule, (*_, pattern) in rules.jobs(SMOKE["experiments"]).items()}
    assert patterns == {"seeds_of_patches": "0|1", "further_seeds_of_patches": "2", "seeds_of_digits": "0|1"}
    images, obeyed = tmp_path / "a.npy", set()
    for content in (b"some", b"more of them"):
        images.write_bytes(content)
        obeyed.add(rules.obeyed(PATCHES | {"dataset": {"path": str(images)}}))
    assert len(obeyed) == 2
