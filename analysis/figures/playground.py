"""A small patch machine to prune by hand: what criteria leave of it, what that dreams, how far it is from the data.

For looking only: one session of pruning, one seed. The machine learns as those of the config's patches, with fewer
hidden units. The claims rest on the runs.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from analysis import data
from analysis.experiment import config, protocol
from analysis.figures import style
from analysis.figures.pictures import show
from analysis.files.checkout import ROOT
from analysis.machine import exact
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import CRITERIA, prune
from analysis.pruning import criterion as record_of
from analysis.verdicts.names import words

N_SHOWN = 48
SHOWN = ("variance_fi", "weight", "random")
_KEY = "A small picture is\na unit: its weights,\nas the patch it sees.\n\nred: excites\nblue: inhibits\ngrey: nothing"
FRACTIONS = np.round(np.linspace(0.05, 0.9, 18), 2).tolist()


class Left(NamedTuple):
    """What is left of a machine."""

    machine: BoltzmannMachine
    dreams: np.ndarray  # (N_SHOWN, n_0), drawn from the machine's exact distribution
    kl: float  # KL(data || machine), exact, nats


def patterns() -> np.ndarray:
    """Patches of photographs (n_patterns, 13), values in {0, 1}."""
    return data.load("patches")["train"].values


@cache
def over_produce(n_hidden: int = 30, seed: int = 0) -> BoltzmannMachine:
    """A patch machine of n_hidden units, trained as in the runs: seconds. Raises ValueError for no count of units."""
    settings = _settings()
    small = settings | {"machine": settings["machine"] | {"hidden": [n_hidden]}}
    return protocol.develop(settings, protocol.initial_machine(small, patterns(), seed), patterns(), 0, seed)


def leave(machine: BoltzmannMachine, criterion: str, fraction: float, n_retrained: int = 0, seed: int = 0) -> Left:
    """Prune the machine by a criterion and retrain it n_retrained times (0: not at all); what is left, as a Left.

    fraction : of the synapses, in [0, 1); 0 leaves the machine as it is. seed governs scores, training and dreams.
    Raises ValueError for an unknown criterion and a fraction that leaves no unit.
    """
    left = prune(machine, _importance(machine, criterion, seed), fraction).machine if fraction else machine
    for session in range(1, n_retrained + 1):
        left = protocol.retrain(_settings(), left, patterns(), session, seed)
    probability = np.exp(exact.visible_log_probabilities(left))
    drawn = np.random.default_rng(seed).choice(len(probability), N_SHOWN, p=probability / probability.sum())
    return Left(left, exact.states(left.n_units[0])[drawn], exact.kl_divergence(patterns(), left))


@cache
def curve(machine: BoltzmannMachine, criterion: str, seed: int = 0) -> list[float]:
    """KL(data || machine), nats, of what the criterion leaves when it takes each of FRACTIONS; nothing is retrained."""
    return [leave(machine, criterion, fraction, seed=seed).kl for fraction in FRACTIONS]


def compare(
    machine: BoltzmannMachine,
    criteria: Sequence[str] = SHOWN,
    fraction: float = 0.5,
    n_retrained: int = 0,
    seed: int = 0,
) -> Figure:
    """The full machine and what each criterion leaves of it, side by side: arguments as of `leave`.

    A column a machine: receptive fields above dreams, beside the data. Below, KL by the fraction pruned.
    """
    whole = leave(machine, SHOWN[0], 0, seed=seed)
    found = {name: leave(machine, name, fraction, n_retrained, seed) for name in criteria}
    style.theme()
    n_columns = len(found) + 2
    figure = plt.figure(figsize=(max(style.PAGE, 1.44 * n_columns), 5.0), layout="none")
    pictures = figure.add_gridspec(2, n_columns, left=0.01, right=0.99, top=0.9, bottom=0.42, wspace=0.08, hspace=0.2)
    fields, dreams = np.asarray(pictures.subplots())
    fields[0].text(0, 0.5, _KEY, va="center", transform=fields[0].transAxes)
    fields[0].set_axis_off()
    _patches(patterns()[:N_SHOWN], dreams[0], "patches of the data")
    columns = {"nothing pruned": whole} | {words(name): left for name, left in found.items()}
    for (name, left), above, below in zip(columns.items(), fields[1:], dreams[1:]):
        _fields(left.machine, above, name, machine.n_units[1])
        _patches(left.dreams, below, f"dreams, {left.kl:.2f} nats off")
    ax = figure.add_axes((0.08, 0.09, 0.71, 0.24))
    ax.axhline(whole.kl, color="black", lw=0.7, label="nothing pruned")
    for name, left in found.items():
        colour, marker, dashes = style.look(name)
        ax.plot(FRACTIONS, curve(machine, name, seed), color=colour, linestyle=dashes, label=words(name))
        ax.plot(fraction, left.kl, color=colour, marker=marker, ms=7, mec="black", linestyle="")
    ax.set(xlabel="fraction pruned", ylabel="KL divergence (nats)", xlim=(0, 1), yscale="log")
    ax.set_title("lines: before retraining; symbols: the machines above", loc="left")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def play(machine: BoltzmannMachine) -> Any:
    """Sliders for criteria, fraction, retraining and seed, and the picture that follows them: an ipywidgets box."""
    import ipywidgets as widgets  # of the extra `workflow`: all else here does without

    class Sliders(widgets.VBox):
        def __repr__(self):
            return "Sliders, which move in JupyterLab alone: run this cell there."

    late, names = {"continuous_update": False}, [(record.look.words, name) for name, record in CRITERIA.items()]
    sliders = {
        "criteria": widgets.SelectMultiple(options=names, value=SHOWN, rows=6, description="criteria"),
        "fraction": widgets.FloatSlider(0.5, min=0, max=0.9, step=0.05, description="pruned", **late),
        "n_retrained": widgets.IntSlider(0, min=0, max=3, description="retrained", **late),
        "seed": widgets.IntSlider(0, min=0, max=9, description="seed", **late),
    }
    picture = widgets.Image(format="png", width=900)

    def follow(*_):
        figure = compare(machine, **{name: slider.value for name, slider in sliders.items()})
        picture.value = style.png(figure)
        plt.close(figure)

    for slider in sliders.values():
        slider.observe(follow, names="value")
    follow()
    return Sliders([*sliders.values(), picture])


def _fields(machine, ax, name, n_at_least):
    (mask,), (weight,) = machine.masks, machine.weights
    limit = float(np.abs(weight).max()) or 1.0
    empty = [np.full(len(weight), np.nan)] * (n_at_least - len(weight.T))  # so that a unit is everywhere as large
    _grid([*np.where(mask, weight, np.nan).T, *empty], 6, ax, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(f"{name}\n{machine.n_units[1]} units\n{machine.n_synapses[0]} synapses")


def _patches(images, ax, title):
    _grid(images, 8, ax, cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(title)


def _grid(images, n_columns, ax, **options):
    show(images, xr.Dataset(attrs={"dataset": "patches"}), n_columns, ax, **options)
    ax.set_facecolor("0.85")  # grey between patches and where there is no synapse


@cache
def _settings():
    return config.experiment(config.load(ROOT / "config" / "default.yaml"), "patches")


@cache
def _importance(machine, criterion, seed):
    asleep = protocol.spontaneous(_settings(), machine, patterns(), seed)
    return record_of(criterion)(machine, protocol.activity(_settings(), machine, patterns(), asleep), seed)
