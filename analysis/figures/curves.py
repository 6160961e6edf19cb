"""What starting large and pruning gain, beside controls: part of a claim dataset (claims.part) in, Axes out."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.experiment.controls import WITH_EQUAL_WORK
from analysis.figures.rows import rows
from analysis.figures.style import against_synapses, label, line, look
from analysis.verdicts import claims, effects
from analysis.verdicts.names import words


def loss_of_controls(part: xr.Dataset, measure: str, ax: Axes) -> Axes:
    """KL or encoding error of the pruned machines and the controls against their own number of synapses."""
    synapses, names = part["n_synapses"].sum("synapse_layer", skipna=False), part["condition"].values
    aside = 1.04 ** (np.arange(len(names)) - len(names) // 2)  # controls of one size stand side by side
    for name, factor in zip(names, aside):
        size = synapses.sel(condition=name) * (1 if name == "pruned" else factor)
        line(size, part[measure].sel(condition=name), name, ax)
    if measure == "encoding_error":
        error = float(part["raw_pixel_error"])
        ax.axhline(error, color="black", lw=0.8, linestyle="--")
        ax.text(0.02, error, "raw pixels", transform=ax.get_yaxis_transform(), va="bottom")
    return against_synapses(part, measure, ax)


def against_pruned(part: xr.Dataset) -> list[tuple[str, str]]:
    """What `differences` compares: the controls of the size of the pruned machine with it, each followed by that with
    as much work; then random with pruned wiring; at last the machine that has as many units and more synapses.
    """
    names = part["condition"].values.tolist()
    order = sorted(names[1:], key=lambda name: (names.index(name.removesuffix(WITH_EQUAL_WORK)), name))
    wirings = [("rewired", "reinitialised")] if {"rewired", "reinitialised"} <= {*names} else []
    pairs = [(name, names[0]) for name in order]
    larger = [pair for pair in pairs if pair[0] == "born_small_units"]
    return [*(pair for pair in pairs if pair not in larger), *wirings, *larger]


def differences(dataset: xr.Dataset, experiment: str, pairs: Sequence[tuple[str, str]], ax: Axes) -> Axes:
    """loss(worse) - loss(better) of each pair, last session; intervals are those of predictions of the same pair.

    Grey is the margin of the first prediction that compares losses of this measure, if there is one.
    """
    part, asked = claims.part(dataset, experiment), claims.settings(dataset)["claims"]
    measure, found, confidence = claims.loss(part), {}, {}
    judged = [of for of in asked.get(dataset.attrs["claim"][3:], {}).values() if of["experiment"] == experiment]
    margin = next((asked["margins"][of["margin"]]["value"] for of in judged if of.get("measure") == measure), None)
    for worse, better in pairs:
        plain = worse.removesuffix(WITH_EQUAL_WORK)  # of equal work nothing is said where all have it
        text = words(worse if plain in part["condition"].values else plain)
        pair = text if better == "pruned" else f"{text} − {words(better)}"
        pair = fill(pair, 27, break_on_hyphens=False)
        found[pair] = effects.loss(part, {"worse": worse, "better": better, "measure": measure}), look(worse)
        for prediction in judged:
            if {prediction.get("worse"), prediction.get("better")} == {worse, better}:
                confidence[pair] = claims.confidence(asked, dataset.attrs["claim"], prediction)
    ax.set_title(experiment)
    label(ax.xaxis, part, measure, "difference of {}\n← works better      works worse →")
    return rows(found, ax, margin, confidence)
