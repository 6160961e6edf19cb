"""The playground shows what the package computes, and its sliders move the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analysis.figures import playground
from analysis.machine import exact


@pytest.fixture(scope="module")
def machine():
    return playground.over_produce(n_hidden=8)


def test_nothing_pruned_is_the_same_machine_and_more_pruned_has_fewer_synapses(machine):
    assert playground.look(machine, "random", 0).machine is machine
    counts = [sum(playground.look(machine, "random", f).machine.n_synapses) for f in (0, 0.2, 0.5)]
    assert counts == [104, 83, 52]


def test_retraining_keeps_the_synapses_and_moves_their_weights(machine):
    before, after = (playground.look(machine, "weight", 0.5, n_retrained=n).machine for n in (0, 1))
    assert (before.masks[0] == after.masks[0]).all()
    assert (before.weights[0] != after.weights[0]).any()


def test_dreams_are_drawn_as_often_as_the_machine_has_them(machine):
    dreams = np.concatenate([playground.look(machine, "random", 0, seed=seed).dreams for seed in range(20)])
    (rates, _), _ = exact.moments(machine)
    assert np.abs(dreams.mean(axis=0) - rates).max() < 4 * 0.5 / len(dreams) ** 0.5


def test_the_machine_to_play_with_is_trained_as_well_as_those_of_the_runs():
    machine = playground.over_produce()
    assert exact.kl_divergence(playground.patterns(), machine) < 0.07  # nats; 0.06 in the runs


def test_the_figure_shows_data_beside_the_dreams_of_every_criterion(machine):
    looks = [playground.look(machine, name, f) for name, f in (("weight", 0), ("weight", 0.5), ("anti_fi", 0.5))]
    figure = playground.compare(machine, ("weight", "anti_fi"), 0.5)
    titles = [ax.get_title() for ax in figure.axes[:8]]
    assert titles[1] == "nothing pruned\n8 units\n104 synapses"
    assert titles[2] == f"|w|\n{looks[1].machine.n_units[1]} units\n52 synapses"
    shown = [playground.patterns()[: playground.N_SHOWN], *(look.dreams for look in looks)]
    for ax, patches, title in zip(figure.axes[4:8], shown, titles[4:]):
        assert np.nansum(ax.images[0].get_array()) == patches.sum(), title
    assert titles[6].split()[1] == f"{looks[1].kl:.2f}"
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
