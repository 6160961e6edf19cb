"""Maps: cells are judged by the gain that they were given, and panels draw it."""

import copy
import json

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from analysis import claims
from analysis.experiment import config
from analysis.experiment.controls import CONTROLS
from analysis.experiment.maps import BUDGETS, PRUNED
from analysis.experiment.maps import cells as cells_of
from analysis.figures.maps import gain_map
from analysis.verdicts import maps
from analysis.verdicts.intervals import interval

mpl.use("Agg")
CONFIG, _ = config.load_maps(config.ROOT / "config" / "maps_smoke.yaml")
CONFIG["predictions"]["margins"]["patches"] = 0.01


def described(**changes):
    grid = {"final": [4], "growth": [2], "sessions": [3], "epochs": [1], "updates": [], "synapse_updates": []}
    return {"jobs": "seed", "grids": [grid | changes]}


def made_up(gain, n_seeds=10, noise=0.0):
    """A dataset of one map in whose cells, growth by epochs, born small loses by gain(growth, epochs)."""
    of = copy.deepcopy(CONFIG) | {"maps": {"patches": copy.deepcopy(CONFIG["maps"]["patches"])}}
    grid = described(growth=[2, 4, 8], epochs=[1, 2], updates=["born_small_synapses"])["grids"]
    of["maps"]["patches"] |= {"grids": grid, "n_seeds": n_seeds}
    cells, conditions = cells_of(of["maps"]["patches"]), [PRUNED, *CONTROLS]
    loss = np.full((n_seeds, len(cells), 2, len(conditions)), np.nan)
    rng = np.random.default_rng(0)
    for k, cell in enumerate(cells):
        loss[:, k, 0, 0] = 1 + rng.random(n_seeds)
        shift = gain(cell.growth, cell.epochs) + noise * rng.standard_normal(n_seeds)
        loss[:, k, 0, conditions.index("born_small_synapses")] = loss[:, k, 0, 0] + shift
    dims = ("patches_seed", "patches_cell", "budget", "condition")
    found = {"patches_loss": (dims, loss, {"units": "nats"}), "patches_synapse_updates": (dims, loss * 0 + 100)}
    coords = {"budget": BUDGETS, "condition": conditions, "patches_seed": np.arange(n_seeds)}
    for axis in [*maps.AXES, "start"]:
        coords[f"patches_{axis}"] = ("patches_cell", [float(getattr(c, axis)) for c in cells])
    return xr.Dataset(found, coords, {"config": json.dumps(of), "order": '["patches"]'})


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.1, "reproduced"), (-0.1, "contradicted"), (0.0, "no difference that matters"), (0.0105, "open")],
)
def test_cells_are_judged_by_the_gain_that_they_were_given(gain, verdict):
    table = maps.evaluate_cells(made_up(lambda growth, epochs: gain, noise=0.002))
    assert len(table) == 6
    assert set(table["verdict"]) == {verdict}
    np.testing.assert_allclose(table["mean"], gain, atol=0.005)
    assert (set(table["margin"]), set(table["n_seeds"])) == ({0.01}, {10})


def test_the_cells_of_a_prediction_share_the_confidence():
    dataset = made_up(lambda growth, epochs: 0.1, noise=0.01)
    first = maps.evaluate_cells(dataset).iloc[0]
    gains = maps.gain(claims.part(dataset, "patches"), "born_small_synapses", PRUNED, "updates").isel(cell=0)
    np.testing.assert_allclose([first["low"], first["high"]], interval(gains.values, 1 - 0.05 / 6)[1:])


def test_the_summary_counts_what_the_table_says():
    table = maps.evaluate_cells(made_up(lambda growth, epochs: 0.1 if growth > 2 else -0.1, noise=0.001))
    row = maps.summary(table).iloc[0]
    assert row["effects"] == "0.033 [-0.100, 0.100] nats"
    assert row[["cells", *claims.VERDICTS]].tolist() == [6, 4, 2, 0, 0]


def test_a_gain_map_shows_each_mean_at_its_place_and_marks_what_excludes_0(ax):
    part = claims.part(made_up(lambda growth, epochs: growth - 4, noise=0.01), "patches")
    assert gain_map(part, "born_small_synapses", "updates", ax, rows="epochs") is ax
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown, [[-2, 0, 4], [-2, 0, 4]], atol=0.02)
    assert [text.get_text().startswith("●") for text in ax.texts][::2] == [True, True, False]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2×", "4×", "8×"]
    assert "(nats)" in ax.images[0].colorbar.ax.get_ylabel()
