"""A small patch machine to prune by hand: what is left of it, what it dreams, how far it is from the data.

    look(machine, criterion, fraction, ...)   score, prune, perhaps retrain, dream
    draw(look)                                receptive fields, dreams, exact KL divergence
    play(machine)                             both under sliders, in JupyterLab

For looking only: one session of pruning, one seed, short training. The claims rest on the runs.
"""

import io
from functools import cache
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt

from analysis import data
from analysis.figures import style
from analysis.figures.pictures import layout, tiled
from analysis.machine import exact
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import sample
from analysis.machine.training import Schedule, train
from analysis.pruning import CRITERIA, prune
from analysis.pruning import criterion as record_of
from analysis.verdicts.names import words

N_PATTERNS, N_CHAINS, N_SWEEPS, N_SHOWN = 10_000, 2000, 200, 60
FRACTIONS = tuple(float(f) for f in np.round(np.linspace(0.05, 0.9, 18), 2))


class Look(NamedTuple):
    """The machine that is left, the fraction it lost, its dreams (n_chains, n_0), its exact KL divergence in nats, and
    the KL divergences (len(FRACTIONS),) that this criterion gives before retraining, whatever the fraction."""

    machine: BoltzmannMachine
    criterion: str
    fraction: float
    dreams: np.ndarray
    kl: float
    curve: np.ndarray


def patterns():
    """Patches (N_PATTERNS, 13), values in {0, 1}."""
    return data.load("patches")["train"].values[:N_PATTERNS]


@cache
def over_produce(n_hidden=20, seed=0):
    """A patch machine of n_hidden units, trained for two epochs: seconds. Raises ValueError for no count of units."""
    machine = BoltzmannMachine.random((patterns().shape[1], n_hidden), seed)
    return train(machine, patterns(), Schedule("cd", 2, (0.05, 0.01)), seed)


def look(machine, criterion="variance_fi", fraction=0.5, n_epochs=0, seed=0):
    """Prune the machine by a criterion and train it again for n_epochs (0: not at all); what is left, as a Look.

    fraction : of the synapses, in [0, 1); 0 leaves the machine as it is. seed governs scores, training and dreams.
    Raises ValueError for an unknown criterion and a fraction that leaves no unit.
    """
    importance = _importance(machine, criterion, seed)
    left = prune(machine, importance, fraction).machine if fraction else machine
    if n_epochs:
        left = train(left, patterns(), Schedule("cd", n_epochs, (0.01, 0.01)), seed)
    dreams = sample(left, N_CHAINS, N_SWEEPS, seed)[0]
    return Look(left, criterion, fraction, dreams, _kl(left), _curve(machine, criterion, seed))


def draw(look):
    """Receptive fields of the units left, dreams, and the KL divergence against the fraction pruned: a Figure."""
    style.theme()
    figure, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.5), width_ratios=(1, 1, 1.1))
    machine, patches = look.machine, xr.Dataset(attrs={"dataset": "patches"})
    (mask,), (weight,) = machine.masks, machine.weights
    largest = float(np.abs(weight).max()) or 1.0
    for ax, images, options in (
        (axes[0], np.where(mask, weight, np.nan).T, {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}),
        (axes[1], look.dreams[:N_SHOWN], {"cmap": "gray_r", "vmin": 0, "vmax": 1}),
    ):
        n_columns = 5 if ax is axes[0] else 10
        ax.set_facecolor("0.85")  # where there is no synapse, and between patches
        ax.imshow(tiled([layout(image, patches) for image in images], n_columns), interpolation="nearest", **options)
        ax.set(xticks=[], yticks=[])
    axes[0].set_title(f"{machine.n_units[1]} units, {machine.n_synapses[0]} synapses left")
    axes[1].set_title("dreams")
    colour, marker, dashes = style.look(look.criterion)
    axes[2].plot(FRACTIONS, look.curve, color=colour, linestyle=dashes, label="not retrained")
    axes[2].plot(look.fraction, look.kl, color="black", marker=marker, linestyle="", label="this machine")
    axes[2].set(xlabel="fraction pruned", ylabel="KL(data || model) (nats)", xlim=(0, 1), ylim=(0, None))
    axes[2].set_title(f"{words(look.criterion)}: {look.kl:.2f} nats")
    axes[2].legend()
    style.tidy(axes[2])
    return figure


def png(figure):
    """The figure as the bytes of a PNG; it is closed."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()


def play(machine):
    """Sliders for criterion, fraction, retraining and seed, and the picture that follows them: an ipywidgets box."""
    import ipywidgets as widgets  # of the extra `workflow`: all else here does without

    sliders = {
        "criterion": widgets.Dropdown(
            options=[(record.words, name) for name, record in CRITERIA.items()], description="criterion"
        ),
        "fraction": widgets.FloatSlider(0.5, min=0, max=0.9, step=0.05, description="pruned", continuous_update=False),
        "n_epochs": widgets.IntSlider(0, min=0, max=3, description="retraining", continuous_update=False),
        "seed": widgets.IntSlider(0, min=0, max=9, description="seed", continuous_update=False),
    }
    picture = widgets.Image(format="png")

    def follow(*_):
        picture.value = png(draw(look(machine, **{name: slider.value for name, slider in sliders.items()})))

    for slider in sliders.values():
        slider.observe(follow, names="value")
    follow()
    return widgets.VBox([*sliders.values(), picture])


@cache
def _importance(machine, criterion, seed):
    return record_of(criterion)(machine, sample(machine, N_CHAINS, N_SWEEPS, seed), seed)


@cache
def _curve(machine, criterion, seed):
    importance = _importance(machine, criterion, seed)
    return np.array([_kl(prune(machine, importance, fraction).machine) for fraction in FRACTIONS])


def _kl(machine):
    return exact.kl_divergence(patterns(), machine)
