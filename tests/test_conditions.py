"""A command makes of a seed what is not there: absent, damaged, or made by other code, data or settings."""

import copy

import pytest
import xarray as xr

from analysis.experiment import conditions, config, controls, local_estimates, protocol, sampling_checks
from analysis.files import netcdf, provenance, whole
from analysis.machine.model import BoltzmannMachine

SMOKE = config.load(config.ROOT / "config" / "smoke.yaml")
SETTINGS = SMOKE["experiments"]["patches"]
FIRST, N_SESSIONS = "overproduced", 3
CONTROLS = [*SETTINGS["controls"], *(f"{name}_work" for name in SETTINGS["equal_work"])]


@pytest.fixture
def made(monkeypatch):
    """[(condition, session)] of what was computed, in its order; sessions cost nothing and hold their number."""
    found = []

    def one(name):
        def run(*_, **__):
            found.append((name, None))
            return BoltzmannMachine.random((3, 2), 0).to_dataset()

        return run

    def several(settings, name, seed, source, done=None):
        for k in range(0 if done is None else done.sizes["session"], N_SESSIONS):
            found.append((name, k))
            yield xr.Dataset({"x": ("session", [k])}, {"session": [k]})

    monkeypatch.setattr(protocol, "overproduce", one(FIRST))
    monkeypatch.setattr(local_estimates, "along", one("fisher"))
    monkeypatch.setattr(sampling_checks, "along", one("quality"))
    monkeypatch.setattr(protocol, "prune_sessions", several)
    monkeypatch.setattr(controls, "control_sessions", several)
    return found


def names(made):
    return list(dict.fromkeys(name for name, _ in made))


def make(folder, changed=SMOKE, **options):
    conditions.make_missing(changed, "patches", 0, folder, **options)


def with_settings(**changes):
    changed = copy.deepcopy(SMOKE)
    changed["experiments"]["patches"] |= changes
    return changed


def test_all_conditions_are_made_in_their_order_and_nothing_is_made_twice(made, tmp_path):
    make(tmp_path)
    assert names(made) == [FIRST, *SETTINGS["criteria"], *CONTROLS, "fisher", "quality"]
    assert all((tmp_path / "patches" / name / "0.nc").is_file() for name in names(made))
    made.clear()
    make(tmp_path)
    assert made == []


def test_of_a_further_seed_only_what_it_is_for_is_made(made, tmp_path):
    few = {"n_seeds": 1, "criteria": ["variance_fi", "weight"], "controls": ["rewired"]}
    conditions.make_missing(with_settings(n_seeds=1, further_seeds=few), "patches", 1, tmp_path)
    assert names(made) == [FIRST, "variance_fi", "weight", "rewired", "fisher"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [(["weight"], [FIRST, "weight"]), ([FIRST], [FIRST]), (["quality"], [FIRST, "variance_fi", "quality"])],
)
def test_only_some_are_made_and_what_they_start_from(made, tmp_path, only, expected):
    make(tmp_path, only=only)
    assert names(made) == expected
    with pytest.raises(ValueError, match=r"^only: found 'w', expected one of overproduced, variance_fi,"):
        make(tmp_path, only=["w"])


def test_what_is_absent_or_damaged_is_made_again_and_nothing_else(made, tmp_path):
    make(tmp_path)
    made.clear()
    (tmp_path / "patches" / "random" / "0.nc").unlink()
    damaged = tmp_path / "patches" / "weight" / "0.nc"
    damaged.write_bytes(damaged.read_bytes()[:3000])
    make(tmp_path)
    assert names(made) == ["weight", "random"]


LATER = {*SETTINGS["criteria"], *CONTROLS, "fisher", "quality"}
CHANGES = {
    "the title": ({}, set()),
    "the seeds": ({"n_seeds": 7}, set()),
    "other criteria": ({"criteria": ["variance_fi"]}, {"fisher"}),
    "the machine": ({"machine": SETTINGS["machine"] | {"hidden": [11]}}, {FIRST} | LATER),
    "retraining": ({"retraining": SETTINGS["retraining"] | {"n_epochs": 2}}, LATER),
    "sessions of controls": ({"control_sessions": [1]}, set(CONTROLS)),
    "tuning": ({"tuning": {"reinitialised": {"rates": 2.0}}}, set(CONTROLS)),
    "more equal work": ({"equal_work": ["rewired", "reinitialised"]}, {"rewired_work"}),
    "what finishes": ({"finishing": SETTINGS["finishing"] | {"n_epochs": 2}}, {FIRST} | LATER),
    "folds": ({"folds": 3}, {FIRST} | LATER),
    "quality": ({"quality": SETTINGS["quality"] | {"n_chains": 21}}, {"quality"}),
    "the reference": ({"reference": "weight"}, {*CONTROLS, "fisher", "quality"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_settings_makes_what_reads_them_again(made, tmp_path, change):
    make(tmp_path)
    made.clear()
    changes, expected = CHANGES[change]
    make(tmp_path, with_settings(**changes) | {"title": change})
    assert set(names(made)) == expected


@pytest.mark.slow
def test_other_code_and_other_data_make_all_again(made, tmp_path, monkeypatch):
    make(tmp_path)
    for module, name, changed in (
        (provenance, "fingerprint", lambda: "other"),
        (conditions, "data", type("other", (), {"load": lambda _: xr.Dataset(attrs={"sha256": "other"})})),
    ):
        made.clear()
        monkeypatch.setattr(module, name, changed)
        make(tmp_path)
        assert len(names(made)) == 1 + len(LATER)


class Killed(BaseException):
    """As a signal would end it."""


@pytest.mark.parametrize("n_done", range(1, N_SESSIONS + 1))
def test_a_killed_run_goes_on_after_its_last_kept_session_to_the_same_bytes(made, tmp_path, monkeypatch, n_done):
    make(tmp_path / "whole", only=["weight"])
    write, written = whole.write, []

    def killed(dataset, path, **options):
        if len(written) >= n_done:
            raise Killed
        written.append(path)
        write(dataset, path, **options)

    monkeypatch.setattr(whole, "write", killed)
    with pytest.raises(Killed):
        make(tmp_path / "killed", only=["weight"], save_every=0)
    monkeypatch.setattr(whole, "write", write)
    made.clear()
    make(tmp_path / "killed", only=["weight"], save_every=0)
    n_kept = n_done if n_done > 1 else 0  # the first that is written is the machine; one session alone is not kept
    assert made == [("weight", k) for k in range(n_kept, N_SESSIONS)]
    files = [tmp_path / name / "patches" / "weight" / "0.nc" for name in ("whole", "killed")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert list(files[1].parent.iterdir()) == [files[1]]


@pytest.mark.parametrize("what", ["other code", "damaged"])
def test_kept_sessions_that_can_not_be_used_are_made_again(made, tmp_path, what):
    path = tmp_path / "patches" / "weight" / "0.nc"
    part = xr.Dataset({"x": ("session", [7, 8])}, {"session": [0, 1]}, {"code_fingerprint": "other"})
    whole.write(part, path.with_name(".0.nc.sessions"))
    if what == "damaged":
        path.with_name(".0.nc.sessions").write_bytes(b"\x89HDF\r\n\x1a\n, and no more")
    make(tmp_path, only=["weight"])
    assert (netcdf.read(path)["x"].values.tolist(), list(path.parent.iterdir())) == ([0, 1, 2], [path])
