"""What a synapse can know of its importance, and what heeding it gains: part of a claim dataset in, Axes out."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from analysis.experiment.local_estimates import LOCAL
from analysis.figures.rows import rows
from analysis.figures.style import label, look, titled
from analysis.verdicts import datasets, effects
from analysis.verdicts.names import words


def against_exact(part: xr.Dataset, proxy: str, target: str, ax: Axes) -> Axes:
    """Each synapse of the first seed's over-produced machine: local estimate against exact value, both above 1e-5."""
    x, y = (np.maximum(part[name].isel(session=0).values.ravel(), 1e-5) for name in (target, proxy))
    ax.plot([1e-9, 1], [1e-9, 1], color="0.6", lw=0.8, zorder=0)
    ax.plot(x, y, ".", color=look(proxy)[0], ms=4, alpha=0.4, mew=0, rasterized=True)
    rho = effects.rank(part, {"proxy": proxy, "target": target, "session": "first"}).mean()
    ax.set(xlabel=words(target), ylabel="local estimate", title=f"{words(proxy)}, ρ = {rho:.2f}")
    ax.set(xscale="log", yscale="log", xlim=(8e-6, 0.5), ylim=(8e-6, 0.5))
    return ax


def rank_correlations(
    part: xr.Dataset, target: str, session: str, margin: float, ax: Axes, estimates: Sequence[str] = LOCAL
) -> Axes:
    """Spearman's rho of each local estimate with an exact target over the synapses of a session: first or last."""
    asked = {"target": target, "session": session}
    rows({words(name): (effects.rank(part, asked | {"proxy": name}), look(name)) for name in estimates}, ax, margin)
    ax.set(xlabel="rank correlation", xlim=(-1.05, 1.05), title=f"{words(target)}\n{words(session)}")
    return ax


def excess_loss(part: xr.Dataset, margin: float, ax: Axes) -> Axes:
    """loss(criterion) - loss(reference) at equal synapses, retrained, mean over sessions, by criterion."""
    measure, reference = datasets.loss(part), part.attrs["reference"]
    pair = {"better": "pruned", "measure": measure, "session": "mean"}
    others = [name for name in part["criterion"].values if name != reference]
    rows({words(name): (effects.loss(part, pair | {"worse": name}), look(name)) for name in others}, ax, margin)
    if max(abs(bound) for bound in ax.dataLim.intervalx) > 50 * margin:  # one bad machine would hide the others
        ax.set_xscale("symlog", linthresh=2 * margin, linscale=0.6)
        ax.xaxis.set(minor_locator=NullLocator(), major_formatter="{x:g}")
    label(ax.xaxis, part, measure, f"{{}}\nmore than by {words(reference)}")
    return titled(ax, part)
