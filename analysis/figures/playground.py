"""A small patch machine to prune by hand: what is left of it, what it dreams, how far it is from the data.

For looking only: one session of pruning, one seed, short training. The claims rest on the runs.
"""

from functools import cache
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from analysis import data
from analysis.figures import style
from analysis.figures.pictures import show
from analysis.machine import exact
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import mean_field, sample
from analysis.machine.training import Schedule, train
from analysis.pruning import CRITERIA, Activity, prune
from analysis.pruning import criterion as record_of
from analysis.verdicts.names import words

N_PATTERNS, N_CHAINS, N_SWEEPS, N_SHOWN = 10_000, 2000, 200, 40
# CD never crosses from dark to bright patches; many persistent chains learn how often a patch is bright.
FINISHING = Schedule("pcd", 2, (0.02, 0.001), batch_size=200, n_chains=1000, n_gibbs_steps=5)
FRACTIONS = tuple(float(f) for f in np.round(np.linspace(0.05, 0.9, 18), 2))


class Look(NamedTuple):
    """What is left of a machine."""

    machine: BoltzmannMachine
    criterion: str
    fraction: float  # of its synapses that it lost
    dreams: np.ndarray  # (n_chains, n_0)
    kl: float  # exact, nats
    curve: np.ndarray  # (len(FRACTIONS),), what this criterion gives before retraining


def patterns() -> np.ndarray:
    """Patches (N_PATTERNS, 13), values in {0, 1}."""
    return data.load("patches")["train"].values[:N_PATTERNS]


@cache
def over_produce(n_hidden: int = 20, seed: int = 0) -> BoltzmannMachine:
    """A patch machine of n_hidden units, trained as in the runs: seconds. Raises ValueError for no count of units."""
    return _learn(BoltzmannMachine.random((patterns().shape[1], n_hidden), seed), 2, (0.05, 0.01), seed)


def look(
    machine: BoltzmannMachine, criterion: str = "variance_fi", fraction: float = 0.5, n_epochs: int = 0, seed: int = 0
) -> Look:
    """Prune the machine by a criterion and train it again for n_epochs (0: not at all); what is left, as a Look.

    fraction : of the synapses, in [0, 1); 0 leaves the machine as it is. seed governs scores, training and dreams.
    Raises ValueError for an unknown criterion and a fraction that leaves no unit.
    """
    importance = _importance(machine, criterion, seed)
    left = prune(machine, importance, fraction).machine if fraction else machine
    if n_epochs:
        left = _learn(left, n_epochs, (0.01, 0.01), seed)
    dreams = sample(left, N_CHAINS, N_SWEEPS, seed)[0]
    return Look(left, criterion, fraction, dreams, _kl(left), _curve(machine, criterion, seed))


def draw(look: Look) -> Figure:
    """Receptive fields of the units left, data above dreams, and the KL divergence by fraction pruned: a Figure."""
    style.theme()
    figure, axes = plt.subplot_mosaic("fec;fdc", figsize=(style.PAGE, 2.6), width_ratios=(1, 1, 1.1))
    fields, examples, dreams, curve = (axes[letter] for letter in "fedc")
    machine, (mask,), (weight,) = look.machine, look.machine.masks, look.machine.weights
    limit, patches = float(np.abs(weight).max()) or 1.0, xr.Dataset(attrs={"dataset": "patches"})
    for ax in (fields, examples, dreams):
        ax.set(facecolor="0.85", xticks=[], yticks=[])  # grey between patches and where there is no synapse
    show(np.where(mask, weight, np.nan).T, patches, 5, fields, cmap="RdBu_r", vmin=-limit, vmax=limit)
    fields.set_title(f"{machine.n_units[1]} units, {machine.n_synapses[0]} synapses left")
    for images, ax, title in ((patterns(), examples, "data"), (look.dreams, dreams, "dreams")):
        show(images[:N_SHOWN], patches, 10, ax, cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(title)
    colour, marker, dashes = style.look(look.criterion)
    curve.plot(FRACTIONS, look.curve, color=colour, linestyle=dashes, label="not retrained")
    curve.plot(look.fraction, look.kl, color="black", marker=marker, linestyle="", label="this machine")
    curve.set(xlabel="fraction pruned", ylabel="KL(data || model) (nats)", xlim=(0, 1), ylim=(0, None))
    curve.set_title(f"{words(look.criterion)}: {look.kl:.2f} nats")
    curve.legend()
    style.tidy(curve)
    return figure


def play(machine: BoltzmannMachine) -> Any:
    """Sliders for criterion, fraction, retraining and seed, and the picture that follows them: an ipywidgets box."""
    import ipywidgets as widgets  # of the extra `workflow`: all else here does without

    names = [(record.words, name) for name, record in CRITERIA.items()]
    late = {"continuous_update": False}
    sliders = {
        "criterion": widgets.Dropdown(options=names, description="criterion"),
        "fraction": widgets.FloatSlider(0.5, min=0, max=0.9, step=0.05, description="pruned", **late),
        "n_epochs": widgets.IntSlider(0, min=0, max=3, description="retraining", **late),
        "seed": widgets.IntSlider(0, min=0, max=9, description="seed", **late),
    }
    picture = widgets.Image(format="png")

    def follow(*_):
        figure, content = draw(look(machine, **{name: slider.value for name, slider in sliders.items()})), BytesIO()
        figure.savefig(content, format="png", dpi=110)
        plt.close(figure)
        picture.value = content.getvalue()

    for slider in sliders.values():
        slider.observe(follow, names="value")
    follow()
    return widgets.VBox([*sliders.values(), picture])


def _learn(machine, n_epochs, rates, seed):
    return train(train(machine, patterns(), Schedule("cd", n_epochs, rates), seed), patterns(), FINISHING, seed)


@cache
def _importance(machine, criterion, seed):
    activity = Activity(sample(machine, N_CHAINS, N_SWEEPS, seed), lambda: mean_field(machine, patterns()))
    return record_of(criterion)(machine, activity, seed)


@cache
def _curve(machine, criterion, seed):
    importance = _importance(machine, criterion, seed)
    return np.array([_kl(prune(machine, importance, fraction).machine) for fraction in FRACTIONS])


def _kl(machine):
    return exact.kl_divergence(patterns(), machine)
