"""What starting large and pruning gain, beside controls: part of a claim dataset (claims.part) in, Axes out."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.experiment.controls import WITH_EQUAL_WORK
from analysis.figures.rows import rows
from analysis.figures.style import label, line, look, shrinking
from analysis.verdicts import claims, effects
from analysis.verdicts.names import words

_REFERENCES = {
    "encoding_error": [("raw_pixel_error", "raw pixels", "--")],
    "digit_quality": [("digit_quality_test", "test digits", "--"), ("digit_quality_random", "random patterns", ":")],
}


def loss_of_controls(part: xr.Dataset, measure: str, ax: Axes) -> Axes:
    """KL, encoding error or quality of the pruned machines and the controls against their own number of synapses."""
    synapses, names = part["n_synapses"].sum("synapse_layer", skipna=False), part["condition"].values
    aside = 1.04 ** (np.arange(len(names)) - len(names) // 2)  # controls of one size stand side by side
    for name, factor in zip(names, aside):
        size = synapses.sel(condition=name) * (1 if name == "pruned" else factor)
        line(size, part[measure].sel(condition=name), name, ax)
    for name, text, dashes in _REFERENCES.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes)
        ax.text(0.02, float(part[name]), text, transform=ax.get_yaxis_transform(), va="bottom")
    ax.set_title(part.attrs["experiment"])
    label(ax.yaxis, part, measure)
    return shrinking(ax, "synapses left")


def against_pruned(part: xr.Dataset) -> list[tuple[str, str]]:
    """What `differences` compares: the controls of the size of the pruned machine with it, each followed by that with
    as much work; then random with pruned wiring; at last the machine that has as many units and more synapses.
    """
    names = part["condition"].values.tolist()
    order = sorted(names[1:], key=lambda name: (names.index(name.removesuffix(WITH_EQUAL_WORK)), name))
    wirings = [("rewired", "reinitialised")] if {"rewired", "reinitialised"} <= {*names} else []
    larger = [(name, names[0]) for name in order if name == "born_small_units"]
    return [*((name, names[0]) for name in order if name != "born_small_units"), *wirings, *larger]


def differences(dataset: xr.Dataset, experiment: str, pairs: Sequence[tuple[str, str]], ax: Axes) -> Axes:
    """loss(worse) - loss(better) of each pair, last session: seeds as dots, mean and interval; the margin as a band.

    dataset : of a claim. An interval is that of the prediction that compares the pair, if there is one (see evaluate).
    """
    part, asked = claims.part(dataset, experiment), claims.settings(dataset)["claims"]
    measure, found, confidence = claims.loss(part), {}, {}
    margin = asked["margins"]["kl" if measure == "kl" else "error"]["value"]
    judged = [of for of in asked.get(dataset.attrs["claim"][3:], {}).values() if of["experiment"] == experiment]
    for worse, better in pairs:
        pair = words(worse) if better == "pruned" else f"{words(worse)} − {words(better)}"
        pair = fill(pair, 27, break_on_hyphens=False)
        found[pair] = effects.loss(part, {"worse": worse, "better": better, "measure": measure}), look(worse)
        for prediction in judged:
            if {prediction.get("worse"), prediction.get("better")} == {worse, better}:
                confidence[pair] = claims.confidence(asked, dataset.attrs["claim"], prediction)
    ax.set_title(experiment)
    label(ax.xaxis, part, measure, "difference of {}\n← works better      works worse →")
    return rows(found, ax, margin, confidence)
