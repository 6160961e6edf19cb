"""The playground shows what the package computes, and its sliders move the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analysis.figures import playground


@pytest.fixture(scope="module")
def machine():
    return playground.over_produce(n_hidden=8)


def test_the_curve_passes_through_the_machine_that_is_not_retrained(machine):
    look = playground.look(machine, "variance_fi", 0.6)
    assert look.curve[playground.FRACTIONS.index(0.6)] == look.kl


def test_nothing_pruned_is_the_same_machine_and_more_pruned_has_fewer_synapses(machine):
    assert playground.look(machine, "random", 0).machine is machine
    counts = [sum(playground.look(machine, "random", f).machine.n_synapses) for f in (0, 0.2, 0.5)]
    assert counts == [104, 83, 52]


def test_retraining_keeps_the_synapses_and_moves_their_weights(machine):
    before, after = (playground.look(machine, "weight", 0.5, n_epochs=n).machine for n in (0, 1))
    assert (before.masks[0] == after.masks[0]).all()
    assert (before.weights[0] != after.weights[0]).any()


def test_the_figure_says_what_is_left(machine):
    look = playground.look(machine, "weight", 0.5)
    figure = playground.draw(look)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0] == f"{look.machine.n_units[1]} units, 52 synapses left"
    assert titles[2] == f"|w|: {look.kl:.2f} nats"
    for ax, patches in ((figure.axes[1], playground.patterns()), (figure.axes[3], look.dreams)):
        assert np.nansum(ax.images[0].get_array()) == patches[: playground.N_SHOWN].sum()
    plt.close(figure)


def test_every_slider_moves_the_picture(machine):
    pytest.importorskip("ipywidgets")
    *sliders, picture = playground.play(machine).children
    for slider, value in zip(sliders, ("random", 0.7, 1, 3)):
        before = picture.value
        slider.value = value
        assert picture.value != before, slider.description
    assert picture.value[:4] == b"\x89PNG"
