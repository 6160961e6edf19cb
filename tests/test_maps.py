"""Maps: cells are what they say, both budgets come out equal, and the atlas judges the numbers that it was given."""

import copy
import json

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from analysis import claims, data
from analysis.__main__ import main
from analysis.experiment import config, maps
from analysis.experiment.controls import CONTROLS
from analysis.figures import charts
from analysis.files import whole
from analysis.verdicts import atlas, findings

mpl.use("Agg")
FOLDER = config.ROOT / "config"
CONFIG, PROTOCOL = config.load_maps(FOLDER / "maps_smoke.yaml")


def few(load):
    return lambda name: load(name).isel(pattern=slice(0, 320), test_pattern=slice(0, 200))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with every job of the smoke config, made through the command line on few patterns."""
    folder = tmp_path_factory.mktemp("maps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", few(data.load))
        for name, of in CONFIG["maps"].items():
            for job in maps.jobs(of):
                for seed in range(of["n_seeds"]):
                    options = {"config": FOLDER / "maps_smoke.yaml", "map": name, "job": job, "seed": seed}
                    options["output"] = folder / name / job / f"{seed}.nc"
                    assert main(["map", *(f"--{key}={value}" for key, value in options.items())]) == 0
    return folder


@pytest.fixture(scope="module")
def dataset(jobs):
    return atlas.collect(jobs, FOLDER / "maps_smoke.yaml")


def described(**changes):
    grid = {"final": [4], "growth": [2], "sessions": [3], "epochs": [1], "updates": [], "synapse_updates": []}
    return {"jobs": "seed", "grids": [grid | changes]}


def made_up(gain, n_seeds=10, noise=0.0):
    """A dataset of one map in whose cells, growth by epochs, born small loses by gain(growth, epochs)."""
    of = copy.deepcopy(CONFIG) | {"maps": {"patches": copy.deepcopy(CONFIG["maps"]["patches"])}}
    grid = described(growth=[2, 4, 8], epochs=[1, 2], updates=["born_small_synapses"])["grids"]
    of["maps"]["patches"] |= {"grids": grid, "n_seeds": n_seeds}
    cells, conditions = maps.cells(of["maps"]["patches"]), [maps.PRUNED, *CONTROLS]
    loss = np.full((n_seeds, len(cells), 2, len(conditions)), np.nan)
    rng = np.random.default_rng(0)
    for k, cell in enumerate(cells):
        loss[:, k, 0, 0] = 1 + rng.random(n_seeds)
        shift = gain(cell.growth, cell.epochs) + noise * rng.standard_normal(n_seeds)
        loss[:, k, 0, conditions.index("born_small_synapses")] = loss[:, k, 0, 0] + shift
    dims = ("patches_seed", "patches_cell", "budget", "condition")
    found = {"patches_loss": (dims, loss, {"units": "nats"}), "patches_synapse_updates": (dims, loss * 0 + 100)}
    coords = {"budget": maps.BUDGETS, "condition": conditions, "patches_seed": np.arange(n_seeds)}
    for axis in [*atlas.AXES, "start"]:
        coords[f"patches_{axis}"] = ("patches_cell", [float(getattr(c, axis)) for c in cells])
    return xr.Dataset(found, coords, {"config": json.dumps(of), "order": '["patches"]'})


def test_unknown_maps_jobs_and_missing_files_are_refused(jobs, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"^job: found '13', expected one of 12, 18$"):
        maps.run(CONFIG["maps"]["digits"], PROTOCOL["experiments"]["digits"], "13", 0)
    with pytest.raises(ValueError, match=r"^map: found no file .*/patches/all/0.nc, expected one that python -m"):
        atlas.collect(tmp_path, FOLDER / "maps_smoke.yaml")
    arguments = ["--map=china", "--job=all", "--seed=0", f"--output={tmp_path / 'x.nc'}"]
    assert main(["map", f"--config={FOLDER / 'maps_smoke.yaml'}", *arguments]) == 1
    assert "map: found 'china', expected one of patches, digits" in capsys.readouterr().err


def test_the_dataset_carries_its_provenance_and_survives_its_file(dataset, tmp_path):
    whole.write(dataset, tmp_path / "maps.nc")
    found, text = atlas.open_or_say_why(tmp_path / "maps.nc", FOLDER / "maps_smoke.yaml")
    xr.testing.assert_equal(found, dataset)
    assert text.startswith("Data: `maps.nc`")
    assert {"code_fingerprint", "config", "versions", "data", "protocol"} <= set(found.attrs)
    assert "another config" in atlas.open_or_say_why(tmp_path / "maps.nc", FOLDER / "maps.yaml")[1]
    assert all(found[name].attrs["units"] and found[name].attrs["long_name"] for name in found.data_vars)


@pytest.mark.parametrize(("key", "stale"), [("criteria", False), ("retraining", True)])
def test_maps_are_stale_where_what_they_read_of_the_protocol_changed(dataset, monkeypatch, key, stale):
    changed = copy.deepcopy(PROTOCOL)
    changed["experiments"]["digits"][key] = None
    monkeypatch.setattr(config, "load_maps", lambda path: (CONFIG, changed))
    reasons = atlas.stale(dataset, FOLDER / "maps_smoke.yaml")
    assert any("its protocol is another" in reason for reason in reasons) == stale


def test_absent_maps_are_said_to_be_absent(tmp_path):
    found, text = atlas.open_or_say_why(tmp_path / "maps.nc", FOLDER / "maps.yaml")
    assert found is None
    assert "There is no `maps.nc`" in text


def test_the_likelihood_of_a_map_is_that_of_enumeration_and_is_judged_as_a_map_of_its_own(dataset, jobs):
    names = list(atlas.parts(dataset))
    assert names == ["patches", "digits", "digits by likelihood"]
    own, again = (atlas.part(dataset, "digits"), atlas.parts(dataset)["digits by likelihood"])
    xr.testing.assert_identical(again["loss"].drop_attrs(), own["negative_bound"].rename("loss").drop_attrs())
    assert (own["negative_bound"].notnull() == own["loss"].notnull()).all()
    assert again["loss"].attrs["units"] == "nats"
    judged = atlas.judge(dataset)
    cells = judged[(judged["prediction"] == judged["prediction"].iloc[0]) & judged["growth"].notna()]
    assert set(cells["map"]) == set(names)
    sentences = findings._maps(cells)
    assert len(sentences) == 2
    assert "; by likelihood, with as many updates starting large wins in" in sentences[1]


@pytest.mark.parametrize(("gain", "verdict"), [(0.1, "reproduced"), (-0.1, "not reproduced"), (0.0, "mixed")])
def test_cells_are_judged_by_the_gain_that_they_were_given(gain, verdict):
    table = atlas.judge(made_up(lambda growth, epochs: gain, noise=0.01))
    rows = table[table["sessions"].notna() & table["growth"].notna()]
    assert len(rows) == 6
    assert rows["n_comparisons"].unique().tolist() == [6]
    assert (rows["p_holm"] >= rows["p"]).all()
    if gain:
        assert set(rows["verdict"]) == {verdict}
        assert (rows["p_holm"] < 0.05).all()
    else:
        assert (rows["p_holm"] > 0.05).all()
    np.testing.assert_allclose(rows["effect"], gain, atol=0.02)


def test_a_trend_is_the_gain_at_the_largest_less_that_at_the_smallest():
    table = atlas.judge(made_up(lambda growth, epochs: 0.1 * growth * epochs, noise=0.001))
    rows = table[table["growth"].isna()].sort_values("epochs")
    assert rows["epochs"].tolist() == [1, 2]
    np.testing.assert_allclose(rows["effect"], [0.6, 1.2], atol=0.005)


def test_texts_count_what_the_table_says():
    made = made_up(lambda growth, epochs: 0.1 if growth > 2 else -0.1, noise=0.001)
    table = atlas.judge(made)
    assert "| 6 | 0.033 [-0.100, 0.100] nats | 4 (4) | 0 | 2 (2) |" in findings.counts_markdown(table)
    assert "10 seeds see an effect of" in findings.power_markdown(table, atlas.described(made)["predictions"])


@pytest.mark.parametrize(
    ("gain", "words"),
    [(0.1, "in every cell"), (-0.1, "in no cell"), (None, "only in part: patches with as many updates, from 8 times")],
)
def test_the_conclusion_follows_the_verdicts_in_at_most_ten_sentences(gain, words):
    judged = atlas.judge(made_up(lambda growth, epochs: gain or growth - 4, noise=0.001))
    rows = [[f"patches: control {k} has the larger KL divergence, last", v] for k, v in enumerate(findings._VERDICTS)]
    table = claims.pd.DataFrame(rows, columns=["prediction", "verdict"])
    text = findings.conclusion_markdown(table, judged)
    assert f"starting large wins {words}" in text
    assert "worse: *control 0*; not told apart from it: *control 1*; at least as good: *control 2*." in text
    assert text.count(". ") < 10
    assert "not there yet" in findings.conclusion_markdown(table)


def test_a_gain_map_shows_each_mean_at_its_place_and_marks_what_excludes_0(ax):
    part = atlas.part(made_up(lambda growth, epochs: growth - 4, noise=0.01), "patches")
    assert charts.gain_map(part, "born_small_synapses", "updates", ax, rows="epochs") is ax
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown, [[-2, 0, 4], [-2, 0, 4]], atol=0.02)
    assert [text.get_text().startswith("●") for text in ax.texts][::2] == [True, True, False]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2×", "4×", "8×"]


def test_lines_of_the_charts_are_means_along_their_axis(ax):
    part = atlas.part(made_up(lambda growth, epochs: 1.0 + epochs), "patches")
    charts.loss_against_work(part, ax)
    charts.gain_along(part, "epochs", "born_small_synapses", ax)
    np.testing.assert_allclose(ax.lines[-2].get_ydata(), [2, 3], rtol=1e-5)
    assert [line.get_label() for line in ax.lines][:2] == ["pruned from large", "born small, as many synapses"]
