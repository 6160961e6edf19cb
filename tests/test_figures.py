"""Panels draw the numbers of the dataset they get, in one look; figures are the same bytes; sliders move them."""

import io

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from PIL import Image
from scipy import stats

from analysis import claims, exact
from analysis.experiment.controls import CONTROLS
from analysis.figures import curves, fates, pictures, playground, proxies, style, units
from analysis.figures.forest import forest
from analysis.pruning import CRITERIA
from analysis.verdicts import effects, intervals
from analysis.verdicts.names import words

PANELS = {
    curves.loss_of_controls: (1, "patches", ("kl",)),
    units.loss_against_units: (2, "patches", ("kl", 0.02)),
    proxies.against_exact: (3, "patches", ("variance_fi", "stiff_eigenvectors")),
    proxies.rank_correlations: (3, "patches", ("exact_damage", "last", 0.5)),
    proxies.excess_loss: (3, "digits", (0.02,)),
    fates.what_units_tell: (4, "digits", ("input_information", "digit_information", 2)),
    fates.disconnected_by_entropy: (4, "digits", ()),
}
PICTURES = {  # and panels whose rows have names
    fates.losses_through_axons: (4, "digits", (1,)),
    fates.survivors_above_lost: (4, "digits", ("input_information", 0.1)),
    units.more_by_weight: (2, "digits", (20,)),
    units.units_left: (2, "digits", ()),
    units.more_for_function: (
        2,
        "patches",
        ({"more": "weight", "fewer": "variance_fi", "measure": "kl", "tolerance": 0.02}, 3),
    ),
    pictures.receptive_fields: (2, "patches", ("variance_fi",)),
    pictures.lost_pixels: (4, "digits", ()),
    pictures.pixel_entropy: (4, "digits", ()),
}


@pytest.mark.parametrize("panel", [*PANELS, *PICTURES], ids=lambda f: f.__name__)
def test_panel_returns_its_axes_with_data_and_labels_also_where_criteria_ran_on_fewer_seeds(panel, with_gaps, ax):
    number, experiment, arguments = (PANELS | PICTURES)[panel]
    assert panel(with_gaps(number, experiment), *arguments, ax) is ax
    assert ax.has_data()
    if panel in PANELS:
        assert ax.get_xlabel()
        assert ax.get_ylabel() or all(label.get_text() for label in ax.get_yticklabels())  # or rows with names


def test_a_row_of_units_is_those_left_by_weight_less_those_left_by_its_criterion(parts, ax):
    part = parts(2, "digits")
    units.more_by_weight(part, 20, ax)
    marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    asked = [{"more": "weight", "fewer": name, "layer": "all"} for name in part["criterion"].values]
    expected = [effects.units(part, pair).mean() for pair in asked if pair["fewer"] != "weight"]
    np.testing.assert_allclose(marks, expected)


def test_dreams_are_rows_of_the_images_of_data_and_machines_with_their_quality(parts):
    part = parts(3, "digits")
    figure = pictures.dreams(part, n_images=1)
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["data", "over-produced", *map(words, part["criterion"].values)]
    ax, machine = figure.axes[labels.index("|w|")], part.sel(criterion="weight", stage="retrained")
    expected = machine["example"].sel(shown="last").isel(image=0).values
    np.testing.assert_array_equal(ax.images[0].get_array(), pictures.layout(expected, part))
    share = machine["class_share"].isel(session=-1).values
    classes = np.mean([np.exp(stats.entropy(of_seed)) for of_seed in share])
    quality = machine["digit_quality"].isel(session=-1).mean()
    assert ax.texts[0].get_text() == f"quality {quality:.2f}, {classes:.1f} classes"
    plt.close(figure)


def test_excess_loss_is_that_of_the_prediction_of_the_same_pair(parts, ax):
    part = parts(3, "digits")
    proxies.excess_loss(part, 0.02, ax)
    row = [label.get_text() for label in ax.get_yticklabels()].index(words("weight"))
    pair = {"worse": "weight", "better": "pruned", "measure": "encoding_error", "session": "mean"}
    mean, low, high = intervals.interval(effects.loss(part, pair))
    np.testing.assert_allclose(ax.collections[row].get_segments()[0][:, 0], [low, high])
    assert ax.lines[2 * row + 1].get_xdata() == pytest.approx(mean)


@pytest.fixture
def with_gaps(parts):
    """As `parts`, but of every other criterion or control the last seed was not run."""

    def gappy(number, experiment):
        part = parts(number, experiment).copy(deep=True)
        dim = "condition" if "condition" in part.dims else "criterion"
        ran = xr.ones_like(part[dim], dtype=bool) * xr.ones_like(part["seed"], dtype=bool)
        ran[2::2, -1] = False
        return part.map(
            lambda values: values.where(ran) if {dim, "seed"} <= {*values.dims} else values, keep_attrs=True
        )

    return gappy


def test_a_curve_is_the_mean_over_the_seeds_that_were_run_with_its_interval(with_gaps, ax):
    part = with_gaps(1, "patches")
    name = part["condition"].values[2]
    curves.loss_of_controls(part.sel(condition=["pruned", name]), "kl", ax)
    line = next(line for line in ax.lines if line.get_label() == words(name))
    assert part["kl"].sel(condition=name, session=3).isnull().any()
    values = part["kl"].isel(seed=slice(0, -1)).sel(condition=name).dropna("session")
    np.testing.assert_allclose(line.get_ydata(), values.mean("seed"), rtol=1e-6)
    band = ax.collections[1].get_paths()[0].vertices
    low, high = intervals.pointwise(values.transpose("seed", "session").values)
    assert band[:, 1].min() == pytest.approx(low.min())
    assert band[:, 1].max() == pytest.approx(high.max())


def test_a_row_is_the_mean_over_the_seeds_that_were_run(with_gaps, ax):
    part = with_gaps(2, "digits")
    name = part["criterion"].values[2]
    assert part["encoding_error"].sel(criterion=name).isnull().any()
    ran = part.isel(seed=slice(0, -1)).sel(criterion=name)
    units.units_left(part, ax)
    seeds, mean = ax.lines[4:6]
    n_units = ran["n_units"].sel(layer=slice(1, None)).sum("layer").isel(session=-1)
    np.testing.assert_array_equal(seeds.get_xdata(), np.sort(n_units))
    assert mean.get_xdata() == pytest.approx([n_units.mean().item()])


def test_differences_are_the_effects_of_the_predictions_with_their_intervals(collected, ax):
    dataset = collected("01_overproduction")
    table = claims.evaluate(dataset).set_index("id")
    for experiment in claims.parts(dataset):
        ax.clear()
        curves.differences(dataset, experiment, [("born_small_synapses", "pruned"), ("born_small_units", "pruned")], ax)
        for n, name in enumerate(("born_small", "as_many_units")):  # primary, secondary
            row, (seeds, mean) = table.loc[f"{experiment}_{name}"], ax.lines[2 * n : 2 * n + 2]
            assert ax.collections[n].get_segments()[0][:, 0] == pytest.approx([row["low"], row["high"]])
            assert mean.get_xdata() == pytest.approx([row["mean"]])
            assert seeds.get_xdata().mean() == pytest.approx(row["mean"])
        assert ax.get_yticklabels()[0].get_text().replace("\n", " ") == words("born_small_synapses")
        assert ax.patches[0].get_width() == pytest.approx(2 * row["margin"])


def test_dots_beside_the_exact_value_are_synapses_of_the_full_machine(parts, ax):
    proxies.against_exact(parts(3, "patches"), "variance_fi", "exact_diagonal", ax)
    full = parts(3, "patches")[["exact_diagonal", "variance_fi"]].isel(session=0).to_array().values.reshape(2, -1)
    np.testing.assert_array_equal(ax.lines[1].get_xydata().T, np.maximum(full, 1e-5))


def test_every_curve_stands_at_the_number_of_synapses_of_its_own_machines(parts, ax):
    part = parts(1, "patches")
    apart = xr.DataArray(2.0 ** np.arange(part.sizes["condition"]), dims="condition")
    part = part.assign(n_synapses=part["n_synapses"] * apart)
    curves.loss_of_controls(part, "kl", ax)
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    for name in part["condition"].values:
        known = part.sel(condition=name).dropna("session", subset=["kl"])
        synapses = known["n_synapses"].sum("synapse_layer").mean("seed")
        np.testing.assert_allclose(drawn[words(name)], synapses, rtol=0.25)  # side by side, where they are the same


def test_each_control_is_compared_with_the_pruned_machine_and_random_with_pruned_wiring(parts):
    pairs = curves.against_pruned(parts(1, "patches"))
    small = [pair for pair in pairs if pair[0].startswith("born_small_synapses")]
    assert small == [("born_small_synapses", "pruned"), ("born_small_synapses_work", "pruned")]
    assert pairs.index(small[1]) == pairs.index(small[0]) + 1
    assert pairs[-2:] == [("rewired", "reinitialised"), ("born_small_units", "pruned")]
    assert len(pairs) == parts(1, "patches").sizes["condition"]


def test_bars_are_the_units_lost_and_those_of_them_that_lost_their_outputs_alone(parts, ax):
    part = parts(4, "digits")
    fates.losses_through_axons(part, 1, ax)
    for bars, name in zip(ax.containers, ("n_lost", "n_axonal")):
        expected = part[name].sel(hidden_layer=1).mean("seed")
        np.testing.assert_allclose([bar.get_width() for bar in bars], expected)


def test_pixels_are_shown_as_disconnected_that_have_no_synapse_in_the_end(ax):
    dims, connected = ("seed", "pruning", "unit_0"), [[[1, 1, 1, 1], [1, 1, 0, 0]]] * 2
    part = xr.Dataset({"connected_0": (dims, connected), "unit_entropy_0": ("unit_0", [0.4, 0.3, 0.2, 0.1])})
    fates.disconnected_by_entropy(part, ax, n_bins=2)
    assert ax.lines[0].get_ydata().tolist() == [1, 0]


def test_dots_of_survivors_are_seeds_and_the_last_row_is_their_difference_from_weight(parts, ax):
    part = parts(4, "patches")  # one layer: no mean over layers
    assert fates.survivors_above_lost(part, "activity", 0.1, ax) is ax
    above = part["survivor_above_lost"].sel(unit_measure="activity").isel(hidden_layer=0)
    first, weight = (above.sel(criterion=name).values for name in (part.attrs["reference"], "weight"))
    dots = [line.get_xdata() for line in ax.lines if line.get_markersize() == 2.5]
    assert [text.get_text() for text in ax.get_yticklabels()][:2] == [words(part.attrs["reference"]), "|w|"]
    for shown, expected in zip((dots[0], dots[1], dots[-1]), (first - 0.5, weight - 0.5, first - weight)):
        np.testing.assert_allclose(shown, np.sort(expected[np.isfinite(expected)]), rtol=1e-6)


def test_an_image_puts_every_pixel_at_its_place(parts):
    part = parts(2, "patches")
    image = pictures.layout(np.arange(13.0), part)
    assert image.shape == (5, 5)
    np.testing.assert_array_equal(image[0], [np.nan, np.nan, 0, np.nan, np.nan])  # a disc of radius 2.1
    np.testing.assert_array_equal(image[2], [4, 5, 6, 7, 8])
    assert np.isfinite(image).sum() == 13


def test_a_control_with_as_much_work_looks_like_its_control_but_for_the_line():
    assert style.look("rewired_work")[:2] == style.look("rewired")[:2]
    assert style.look("rewired_work")[2] != style.look("rewired")[2]
    assert (words("rewired_work"), words("mine_work")) == (f"{words('rewired')}, as much work", "mine work")


def test_axes_placed_by_hand_stay_where_they_are_in_every_drawing(tmp_path):
    style.theme()
    figure, ax = plt.subplots(layout="none")
    place = ax.get_position().bounds
    style.save(figure, tmp_path / "first")
    style.save(figure, tmp_path / "second")
    assert ax.get_position().bounds == place
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_a_saved_figure_is_the_same_bytes_every_time(parts, tmp_path):
    for folder in ("a", "b"):
        style.theme()
        figure, ax = plt.subplots()
        units.units_left(parts(2, "patches"), ax)
        style.save(figure, tmp_path / folder / "units.left")  # a dot in the name is no suffix
        plt.close(figure)
    for suffix in (".svg", ".png"):
        first, second = ((tmp_path / folder / f"units.left{suffix}").read_bytes() for folder in ("a", "b"))
        assert first == second
        assert len(first) > 0


def test_a_figure_in_a_notebook_is_twice_as_fine_as_it_is_shown_and_has_its_text(parts, monkeypatch):
    style.theme()
    figure, ax = plt.subplots(figsize=(style.PAGE, 3))
    units.units_left(parts(2, "digits"), ax)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda content, metadata, raw: shown.extend((content, metadata)))
    style.keeper(None)(figure, "units_left", "Units left.")
    content, metadata = shown
    picture = Image.open(io.BytesIO(content["image/png"]))
    assert content["text/plain"] == metadata["image/png"]["alt"] == "Units left."
    assert picture.width == 2 * metadata["image/png"]["width"] == 1440
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=200, format="png")
    off = np.abs(np.array(picture.convert("RGB"), int) - np.array(Image.open(drawn).convert("RGB"), int))
    assert off.mean() < 0.5  # of 256 levels
    assert off.max() < 64
    assert len(content["image/png"]) < len(drawn.getvalue()) / 2
    plt.close(figure)


def test_a_forest_has_a_panel_a_claim_and_draws_intervals_as_multiples_of_their_margins():
    bounds = {"mean": [0.6, -0.4, 9.0], "low": [0.5, -0.5, 8.0], "high": [0.7, -0.3, 9.5], "margin": [0.1, 0.1, 2.0]}
    texts = {"prediction": ["a", "b " * 40, "c"], "units": ["nats", "nats", "units"], "verdict": [*claims.VERDICTS][:3]}
    claim = ["01_overproduction", "01_overproduction", "02_weight_pruning"]
    table = pd.DataFrame(bounds | texts | {"claim": claim, "id": ["x", "y", "z"]})
    figure = forest(table)
    segments = [[bars.get_segments()[0][:, 0] for bars in ax.collections] for ax in figure.axes]
    np.testing.assert_allclose(np.concatenate(segments), [[5, 7], [-5, -3], [4, 4.75]])
    assert [(band.get_x(), band.get_width()) for ax in figure.axes for band in ax.patches] == [(-1, 2)] * 2
    beside = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert beside[2] == f"9.00 [8.00, 9.50] units\n{claims.VERDICTS[2]}"
    plt.close(figure)
    many = pd.concat([table.iloc[:1].assign(id=k) for k in (0, 1, 1, *range(2, 12))])  # of one prediction a third test
    assert len(forest(many).axes[0].get_yticks()) == 7
    plt.close("all")
    forest(table.iloc[:0])


def test_criteria_and_controls_differ_in_colour_marker_or_line_and_those_of_one_figure_in_marker():
    for together in ([r for r in CRITERIA.values() if r.name != "online_fi"], CONTROLS.values()):
        assert len({record.look[1:] for record in together}) == len(together)
    first = ["variance_fi", "variance_fi_w2", "heuristic_fi", "eigenvector", "weight", "random", "anti_fi"]
    for names in (first, ["pruned", "born_small_units", "born_small_synapses", "rewired", "reinitialised"]):
        colours, markers, _ = zip(*map(style.look, names))
        assert len({*markers}) == len({*colours}) == len(names)


@pytest.fixture(scope="module")
def machine():
    return playground.over_produce(n_hidden=8)


def test_nothing_pruned_is_the_same_machine_and_more_pruned_has_fewer_synapses(machine):
    assert playground.leave(machine, "random", 0).machine is machine
    counts = [sum(playground.leave(machine, "random", f).machine.n_synapses) for f in (0, 0.2, 0.5)]
    assert counts == [104, 83, 52]


def test_retraining_keeps_the_synapses_and_moves_their_weights(machine):
    before, after = (playground.leave(machine, "weight", 0.5, n_retrained=n).machine for n in (0, 1))
    assert (before.masks[0] == after.masks[0]).all()
    assert (before.weights[0] != after.weights[0]).any()


def test_dreams_are_drawn_as_often_as_the_machine_has_them(machine):
    dreams = np.concatenate([playground.leave(machine, "random", 0, seed=seed).dreams for seed in range(20)])
    (rates, _), _ = exact.moments(machine)
    assert np.abs(dreams.mean(axis=0) - rates).max() < 4 * 0.5 / len(dreams) ** 0.5


def test_the_machine_to_play_with_is_trained_as_well_as_those_of_the_runs():
    machine = playground.over_produce()
    assert exact.kl_divergence(playground.patterns(), machine) < 0.07  # nats; 0.06 in the runs


def test_the_figure_shows_data_beside_the_dreams_of_every_criterion(machine):
    seen = [playground.leave(machine, name, f) for name, f in (("weight", 0), ("weight", 0.5), ("anti_fi", 0.5))]
    figure = playground.compare(machine, ("weight", "anti_fi"), 0.5)
    titles = [ax.get_title() for ax in figure.axes[:8]]
    assert titles[1] == "nothing pruned\n8 units\n104 synapses"
    assert titles[2] == f"|w|\n{seen[1].machine.n_units[1]} units\n52 synapses"
    shown = [playground.patterns()[: playground.N_SHOWN], *(left.dreams for left in seen)]
    for ax, patches, title in zip(figure.axes[4:8], shown, titles[4:]):
        assert np.nansum(ax.images[0].get_array()) == patches.sum(), title
    assert titles[6].split()[1] == f"{seen[1].kl:.2f}"
    plt.close(figure)


def test_every_slider_moves_the_picture_which_says_what_it_is_where_there_are_no_widgets(machine):
    pytest.importorskip("ipywidgets")
    box = playground.play(machine)
    *sliders, picture = box.children
    for slider, value in zip(sliders, (("random", "weight"), 0.7, 1, 3), strict=True):
        before = picture.value
        slider.value = value
        assert picture.value != before, slider.description
    assert picture.value[:4] == b"\x89PNG"
    assert "JupyterLab" in box._repr_mimebundle_()["text/plain"]
