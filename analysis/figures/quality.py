"""Panels on machines and their samples: parts of a claim dataset in, Axes out."""

from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.rows import rows
from analysis.figures.style import label, titled
from analysis.files.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION
from analysis.verdicts import quality
from analysis.verdicts.names import words

SAMPLES = {
    "repeat": ("the same again", BLACK, "o"),
    "noise": ("from noise", ORANGE, "^"),
    "long": ("10 times as long", GREEN, "s"),
    "tempered": ("tempered", PURPLE, "D"),
}


def checked(parts: dict[str, xr.Dataset], check: str, limit: dict[str, float], ax: Axes) -> Axes:
    """What a check finds for each seed, by experiment and session; the limit is a dotted line.

    Dots are the worst moment or layer of a seed's machine. limit : {at_most: x} or {at_least: x}.
    """
    moments = [(name, session) for name, part in parts.items() for session in part["session"].values]
    for y, (name, session) in enumerate(moments):
        found = quality.values(parts[name], check).sel(session=session).dropna("seed").values
        passed, around = ~quality.beyond(found, limit), y + np.linspace(-0.25, 0.25, len(found))
        for chosen, colour, text in ((passed, BLUE, "within the limit"), (~passed, VERMILION, "beyond the limit")):
            ax.plot(found[chosen], around[chosen], "o", color=colour, ms=3.5, mew=0, alpha=0.7, label=text)
    ax.axvline(*limit.values(), color=BLACK, ls=":", zorder=0, label="limit")
    ax.locator_params(axis="x", nbins=3)
    labels = [f"{name}, {_moment(parts[name], session)}" for name, session in moments]
    ax.set(ylim=(len(moments) - 0.5, -0.5), yticks=range(len(moments)), yticklabels=labels)
    ax.set_xlabel(fill(quality.CHECKED[check], 22))
    ax.tick_params(axis="y", length=0)
    return ax


def sample_agreement(part: xr.Dataset, layer: int, limit: float, ax: Axes) -> Axes:
    """Rank correlation of importance between the protocol's samples and others; dots are seeds, the limit a line."""
    found = {}
    for session in part["session"].values:
        for sample, (text, *sample_look) in SAMPLES.items():
            values = part["rank_correlation"].sel(sample=sample, synapse_layer=layer, session=session).values
            found[f"{_moment(part, session)}, {text}"] = values, sample_look
    rows(found, ax)
    ax.axvline(limit, color=BLACK, ls=":", zorder=0)
    ax.locator_params(axis="x", nbins=4)
    ax.set(xlabel="rank correlation of importance")
    return titled(ax, part, f", layer {layer}")


def leaning(part: xr.Dataset, session: int, ax: Axes) -> Axes:
    """Which way dreams lean: share of bright ones, or of each digit, by where chains began; mean and range of seeds."""
    at, place = part.sel(session=session), np.arange(part.sizes["direction"])
    ax.bar(place, part["share_data"].mean("seed"), color="0.85", width=0.9, label="training patterns")
    shown = [(at["share"].sel(taken="protocol"), ("from the data", BLUE, "o"))]
    shown += [(at["share"].sel(taken=name), SAMPLES[name]) for name in ("noise", "tempered")]
    shown.append((at["share_exact"], ("enumerated", BLACK, "x")))
    for x, (share, (text, colour, marker)) in zip((-0.3, -0.1, 0.1, 0.3), shown):
        size = {"ms": 5} if marker == "x" else {"ms": 3.5, "mew": 0}
        ax.vlines(place + x, share.min("seed"), share.max("seed"), color=colour, lw=1)
        ax.plot(place + x, share.mean("seed"), marker, color=colour, label=text, **size)
    ax.set(xticks=place, xticklabels=part["direction"].values, ylim=(0, None))
    label(ax.yaxis, part, "share", "{}" if session == part["session"].values[0] else "")
    return titled(ax, part, f"\n{_moment(part, session)}")


def _moment(part, session):
    """What a session is called: experiments may have their last ones at different numbers."""
    if session in (0, part["session"].values[-1]):
        return words("last" if session else "first")
    return f"session {session}"
