"""Panels of notebook 05, on machines and their samples: part of a claim dataset in, Axes out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.style import band, tidy, titled
from analysis.files.palette import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION
from analysis.verdicts.names import words
from analysis.verdicts.quality import CHECKED

SAMPLES = {
    "repeat": ("the same again", BLACK, "o"),
    "noise": ("chains from noise", ORANGE, "^"),
    "long": ("from data, 10 times as long", BLUE, "s"),
}
_SESSIONS = (BLACK, ORANGE, SKY, GREEN, VERMILION)


def likelihood(part: xr.Dataset, ax: Axes) -> Axes:
    """Variational bound of training and test patterns by session, nats, with independent pixels of the same means."""
    for split, colour, marker in (("train", BLUE, "o"), ("test", ORANGE, "^")):
        _with_interval(part["bound"].sel(split=split), ax, color=colour, marker=marker, label=f"{split} patterns")
    pixels = float(part["base_rate"].sel(split="test").mean())
    ax.axhline(pixels, color=BLACK, ls=":", label="independent pixels, test")
    return titled(ax, part, xlabel="session", ylabel="log P(v), lower bound (nats)")


def annealing(part: xr.Dataset, ax: Axes) -> Axes:
    """log Z less its exact value, each seed, with two standard errors."""
    bias, error = part["log_z"] - part["log_z_exact"], part["log_z_error"]
    n_seeds = part.sizes["seed"]
    for colour, session in zip(_SESSIONS, part["session"].values):
        y, e = (x.sel(session=session).transpose("seed").values for x in (bias, error))
        x = part["seed"].values + (0.15 if session else -0.15)
        ax.errorbar(x, y, 2 * e, color=colour, fmt="o", label=_moment(part, session), lw=0.8)
    ax.axhline(0, color=BLACK, lw=0.6)
    return titled(ax, part, xlabel="seed", ylabel="log Z − exact (nats)", xlim=(-0.5, n_seeds - 0.5))


def converged(part: xr.Dataset, name: str, limit: float, ax: Axes) -> Axes:
    """Share of the moments whose R-hat (name) less 1 is at most x, by session, all seeds; the limit as a line."""
    for colour, session in zip(_SESSIONS, part["session"].values):
        found = np.sort(part[name].sel(session=session).values.ravel())
        found = found[np.isfinite(found)] - 1
        share = np.arange(1, len(found) + 1) / len(found)
        ax.step(np.maximum(found, 1e-4), share, where="post", color=colour, label=_moment(part, session))
    ax.axvline(limit - 1, color=BLACK, ls=":", label="limit" if name == "r_hat" else None)
    ax.set(xscale="log", xlabel=f"{CHECKED[name]}, − 1", ylabel="share of moments ≤ x", ylim=(0, 1.02))
    return titled(ax, part)


def sample_agreement(part: xr.Dataset, layer: int, limit: float, ax: Axes) -> Axes:
    """Rank correlation of importance between the protocol's samples and others, by session; the limit as a line."""
    for sample, (label, colour, marker) in SAMPLES.items():
        found = part["rank_correlation"].sel(sample=sample, synapse_layer=layer)
        _with_interval(found, ax, color=colour, marker=marker, label=label)
    ax.axhline(limit, color=BLACK, ls=":")
    ax.set(xlabel="session", ylabel="rank correlation of importance")
    ax.set_title(f"{part.attrs['experiment']}, synapses of layer {layer}")
    return tidy(ax)


def _with_interval(found, ax, **options):
    """Mean over seeds by session, and its interval."""
    band(found["session"].values, found.transpose("seed", "session").values, ax, **options)
    ax.set_xticks(found["session"].values)


def _moment(part, session):
    """What a session is called: experiments may have their last ones at different numbers."""
    if session in (0, part["session"].values[-1]):
        return words("last" if session else "first")
    return f"session {session}"
