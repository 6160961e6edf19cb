"""One function a panel: Dataset in, Axes out.

Datasets are the parts of a claim dataset (claims.part). The look is in analysis.style; panels of single machines are in
analysis.pictures, panels of units and their fates in analysis.fates.
"""

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib import pyplot as plt

from analysis.figures.style import (
    ORANGE,
    PAGE,
    STYLE,
    VERDICTS,
    against_synapses,
    line,
    shrinking,
    theme,
    tidy,
)
from analysis.verdicts import effects
from analysis.verdicts.effects import NAMES
from analysis.verdicts.intervals import interval

QUANTITIES = {
    "kl": "KL(data || model) (nats)",
    "encoding_error": "encoding error (fraction)",
    "digit_quality": "digit quality (probability)",
    "activity": "mean activity (probability)",
    "fisher": "Fisher information",
    "input_information": "I(unit; input) (nats)",
    "digit_information": "I(unit; digit) (nats)",
    "sparseness": "lifetime sparseness",
    "pixel_tuning": "largest |corr.| with a pixel",
}


def loss_of_criteria(part, measure, stage, ax):
    """KL, encoding error or digit quality against synapses left, by criterion, before or after retraining."""
    synapses = part["n_synapses"].sum("synapse_layer")
    for name in part["criterion"].values:
        values = part[measure].sel(criterion=name, stage=stage)
        against_synapses(values, synapses.sel(criterion=name), name, ax)
    _reference_lines(part, measure, ax)
    if measure == "kl":
        ax.set_yscale("log")
    ax.set_title(f"{part.attrs['experiment']}, {'before retraining' if stage == 'pruned' else 'retrained'}")
    ax.set_ylabel(QUANTITIES[measure])
    return shrinking(ax)


def loss_of_controls(part, measure, size, ax):
    """KL or encoding error of the pruned machines and the controls against their own size: synapses or hidden units."""
    sizes = {"synapses": part["n_synapses"].sum("synapse_layer"), "hidden units": effects.hidden_units(part, "all")}
    for name in part["condition"].values:
        against_synapses(part[measure].sel(condition=name), sizes[size].sel(condition=name), name, ax)
    _reference_lines(part, measure, ax)
    ax.set_title(part.attrs["experiment"])
    ax.set_ylabel(QUANTITIES[measure])
    return shrinking(ax, size)


def units_left(part, layer, ax):
    """Units left in a layer against synapses left, by criterion."""
    synapses = part["n_synapses"].sum("synapse_layer")
    for name in part["criterion"].values:
        values = effects.hidden_units(part, layer).sel(criterion=name)
        against_synapses(values, synapses.sel(criterion=name), name, ax)
    ax.set_title(f"{part.attrs['experiment']}, layer {layer}")
    ax.set_ylabel("units left")
    ax.set_ylim(bottom=0)
    return shrinking(ax)


def cost_at_equal_function(part, measure, margin, ax):
    """Synapses and hidden units that each criterion needs for the over-produced machine's loss plus a margin."""
    sizes = part["n_synapses"].sum("synapse_layer"), effects.hidden_units(part, "all")
    for name in part["criterion"].values:
        cost = [effects.at_equal_function(part, n, measure, margin).sel(criterion=name).values for n in sizes]
        (x, y), (x_error, y_error) = zip(*[(n.mean(), np.abs(interval(n) - n.mean())[:, None]) for n in cost])
        colour, marker, _ = STYLE[name]
        ax.errorbar(x, y, y_error, x_error, color=colour, marker=marker, ms=5, lw=1, ls="none", label=NAMES[name])
    start = [float(n.isel(session=0).mean()) for n in sizes]
    ax.plot(*start, color="black", marker="*", mfc="white", ms=9, ls="none", label="over-produced", zorder=0)
    ax.set(ylabel="hidden units needed", ylim=(0, 1.05 * start[1]))
    ax.set_title(part.attrs["experiment"])
    shrinking(ax).set_xlabel("synapses needed")
    return ax


def rank_agreement(part, against, layer, ax):
    """Synapses by their ranks, |w| and Fisher information, in units of what independent ranks give; mean over seeds."""
    shares = part[f"rank_histogram_{layer}"].sel(against=against).mean("seed").transpose("rank_fisher", "rank_weight")
    ratio = np.maximum(shares.values * shares.size, 1e-9)
    norm = mpl.colors.LogNorm(0.2, 5)
    image = ax.imshow(ratio, norm=norm, cmap="RdBu_r", origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, ticks=[0.2, 1, 5], extend="both")
    bar.ax.set_yticklabels(["0.2", "1", "5"])
    bar.ax.minorticks_off()
    ax.set(xlabel=f"rank by {NAMES['weight']}", ylabel=f"rank by {NAMES[against]}")
    ax.set_title(f"{part.attrs['experiment']}, layer {layer}")
    return ax


def pruned_by_one_only(part, against, layer, ax, n_bins=8):
    """Share of a unit's inputs that one criterion alone would prune, by the unit's activity (equal parts of units)."""
    rate = part[f"unit_rate_{layer}"].transpose("seed", f"unit_{layer}").values
    bins = np.array_split(np.argsort(rate, axis=1, kind="stable"), n_bins, axis=1)
    x = [np.take_along_axis(rate, units, 1).mean() for units in bins]
    for only, name in (("weight", "weight"), ("fisher", against)):
        share = part[f"unit_only_{layer}"].sel(against=against, only=only).transpose("seed", ...).values
        means = np.stack([np.take_along_axis(share, units, 1).mean(axis=1) for units in bins], axis=1)
        line(x, means, name, ax, label=f"by {NAMES[name]} alone")
    ax.set(xlabel="activity of the unit (probability)", ylabel="share of its inputs pruned", ylim=(0, None))
    ax.set_title(f"{part.attrs['experiment']}, layer {layer}")
    return tidy(ax)


def synapses_a_unit(part, layer, ax):
    """Share of the units left that have at least so many synapses, by |w| and the reference; all seeds."""
    for name in part["compared"].values:
        degree = part[f"unit_degree_{layer}"].sel(compared=name).values
        degree = np.sort(degree[degree > 0])[::-1]
        colour, _, dashes = STYLE[name]
        share = np.arange(1, len(degree) + 1) / len(degree)
        ax.step(degree, share, where="pre", color=colour, linestyle=dashes, label=NAMES[name])
    ax.set(xlabel="synapses of a unit, k", ylabel="share of units with ≥ k", ylim=(0, 1.02))
    ax.set_title(f"{part.attrs['experiment']}, layer {layer}")
    return tidy(ax)


def rank_frequency(part, stage, ax):
    """Probability of the visible pattern of each rank, after the last session, by criterion, with the data's."""
    rank, data = part["rank"].values, part["data_rank_probability"].values
    for name in part["criterion"].values:
        values = (
            part["rank_probability"].sel(criterion=name, shown="last", stage=stage).transpose("seed", "rank").values
        )
        colour, _, dashes = STYLE[name]
        ax.plot(rank, values.mean(axis=0), color=colour, linestyle=dashes, label=NAMES[name])
        ax.fill_between(rank, *interval(values), color=colour, alpha=0.18, lw=0)
    ax.plot(rank[data > 0], data[data > 0], color="black", lw=2.4, alpha=0.45, label="data", zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="rank of the pattern", ylabel="probability")
    ax.set_ylim(max(data[data > 0].min() / 10, 1e-8), 1.5)
    ax.set_title(f"last session, {'before retraining' if stage == 'pruned' else 'retrained'}")
    return tidy(ax)


def spectrum(part, shown, ax):
    """Eigenvalues of the Fisher information matrix in falling order: exact, and from samples."""
    for name, (colour, dashes) in {"exact": ("black", "-"), "sampled": (ORANGE, "--")}.items():
        values = part[f"spectrum_{name}"].sel(shown=shown).transpose("seed", "parameter").values
        n_known = int(np.isfinite(values).all(axis=0).sum())
        order = np.unique(np.geomspace(1, n_known, 120).astype(int))
        values = values[:, order - 1]
        ax.plot(order, values.mean(axis=0), color=colour, linestyle=dashes, label=name)
        ax.fill_between(order, *interval(values), color=colour, alpha=0.18, lw=0)
    ax.set(xscale="log", yscale="log", xlabel="order", ylabel="eigenvalue", ylim=(1e-6, None))
    ax.set_title(NAMES[shown])
    return tidy(ax)


def proxy_against_exact(part, proxy, target, ax):
    """Each synapse of the over-produced machines of all seeds: local estimate against the exact value."""
    x, y = (part[name].isel(session=0).values.ravel() for name in (proxy, target))
    exists = np.isfinite(x) & np.isfinite(y)
    ax.hexbin(x[exists], y[exists], gridsize=30, bins="log", mincnt=1, cmap="cividis", linewidths=0.1)
    rho = effects.of_synapses(effects.spearman, part, proxy, target).isel(session=0)
    ax.set(xlabel=NAMES[proxy], ylabel=NAMES[target])
    ax.set_title(f"ρ = {float(rho.mean()):.2f}")
    return tidy(ax)


def rank_correlations(part, target, ax):
    """Spearman's rho of the local estimates, and the sampled eigenvector, with an exact target, session by session."""
    local = "variance_fi", "heuristic_fi", "variance_fi_w2", "weight", "online_fi"
    for proxy in (*local, "sampled_first_eigenvector"):
        rho = effects.of_synapses(effects.spearman, part, proxy, target).transpose("seed", "session")
        line(part["session"].values, rho.values, proxy, ax)
    ax.set(xlabel="session", ylabel="rank correlation", xticks=part["session"].values, ylim=(-1.02, 1.02))
    ax.axhline(0, color="black", lw=0.5)
    ax.set_title(f"with the {NAMES[target]}")
    return tidy(ax)


def samples_needed(part, measure, ax):
    """Error of estimates of the exact diagonal against the number of samples; hollow: sizes that few seeds have."""
    for name in part["estimate"].values:
        values, n = part[measure].sel(estimate=name).transpose("seed", "n_samples").values, part["n_samples"].values
        known, (colour, marker, _) = np.isfinite(values).all(axis=0), STYLE[name]
        line(n[known], values[:, known], name, ax)
        if not known.all():
            ax.plot(n[~known], np.nanmean(values[:, ~known], axis=0), marker, color=colour, mfc="white")
    ax.set(xscale="log", xlabel="samples (online: sweeps)", ylabel=NAMES[measure])
    if measure == "relative_error":
        ax.set_yscale("log")
    return tidy(ax)


def class_shares(part, criterion, stage, ax):
    """Share of each digit among the generated images, session by session; dashed: equal shares."""
    shares = part["class_share"].sel(criterion=criterion, stage=stage).mean("seed").transpose("digit", "session")
    edges = np.vstack([np.zeros(shares.sizes["session"]), shares.cumsum("digit").values])
    colours = sns.color_palette("cividis", shares.sizes["digit"])
    for digit, colour in enumerate(colours):
        ax.fill_between(part["session"], edges[digit], edges[digit + 1], color=colour, lw=0.4, ec="white")
        if edges[digit + 1, -1] - edges[digit, -1] > 0.04:
            ax.text(part["session"].values[-1], edges[digit : digit + 2, -1].mean(), f" {digit}", va="center")
    ax.set(xlabel="session", ylabel="share of images", ylim=(0, 1), xlim=part["session"].values[[0, -1]])
    ax.set_title(NAMES[criterion])
    return tidy(ax)


def diversity(part, stage, ax):
    """Entropy of the classes among generated images, as an effective number of digits, exp H, by criterion."""
    share = part["class_share"].sel(stage=stage)
    entropy = -(share * np.log(share.where(share > 0))).sum("digit")
    for name in part["criterion"].values:
        synapses = part["n_synapses"].sum("synapse_layer").sel(criterion=name)
        against_synapses(np.exp(entropy.sel(criterion=name)), synapses, name, ax)
    ax.axhline(share.sizes["digit"], color="black", lw=0.8, linestyle="--")
    ax.set(ylabel="effective number of digits", ylim=(0, 1.05 * share.sizes["digit"]))
    ax.set_title("before retraining" if stage == "pruned" else "retrained")
    return shrinking(ax)


def activity(part, layer, ax):
    """Mean spontaneous activity of a layer against synapses left, retrained, by criterion."""
    for name in part["criterion"].values:
        synapses = part["n_synapses"].sum("synapse_layer").sel(criterion=name)
        against_synapses(part["activity"].sel(criterion=name, stage="retrained", layer=layer), synapses, name, ax)
    ax.set_title(f"{part.attrs['experiment']}, layer {layer}{' (visible)' if layer == 0 else ''}")
    ax.set_ylabel(QUANTITIES["activity"])
    return shrinking(ax)


def forest(table, ax):
    """Effects of a table of predictions, each less its threshold and in units of its largest bound; right: holds."""
    bounds = table[["effect", "low", "high"]].sub(table["threshold"], axis=0)
    scaled = bounds.div(bounds.abs().max(axis=1).replace(0, 1), axis=0)
    for y, (row, effect, low, high) in enumerate(zip(table["verdict"], *scaled.to_numpy().T)):
        colour, marker = VERDICTS[row]
        ax.plot([low, high], [y, y], color=colour, lw=1.6)
        ax.plot(effect, y, color=colour, marker=marker, ms=5)
    ax.axvline(0, color="black", lw=0.7)
    ax.tick_params(axis="y", labelsize=6.5)  # small, to leave room for the intervals
    ax.set(yticks=range(len(table)), yticklabels=table["prediction"], ylim=(len(table) - 0.4, -0.6), xlim=(-1.08, 1.08))
    ax.set(xticks=[-1, 0, 1], xticklabels=["against", "0", "for"])
    return tidy(ax)


def claims_figure(table):
    """Every prediction of every claim, one panel a claim."""
    theme()
    groups = list(table.groupby("claim", sort=True))
    heights = [len(rows) + 2 for _, rows in groups]
    figure, axes = plt.subplots(len(groups), figsize=(PAGE, 0.17 * sum(heights)), height_ratios=heights, squeeze=False)
    for (claim, rows), ax in zip(groups, axes.ravel()):
        forest(rows, ax).set_title(f"{int(claim[:2])}. {claim[3:].replace('_', ' ')}", loc="left", fontweight="bold")
    marks = [mpl.lines.Line2D([], [], color=c, marker=m, label=word) for word, (c, m) in VERDICTS.items()]
    figure.legend(handles=marks, loc="outside lower right", ncols=3)
    return figure


def _reference_lines(part, measure, ax):
    lines = {
        "encoding_error": [("raw_pixel_error", "raw pixels", "--")],
        "digit_quality": [
            ("digit_quality_test", "test digits", "--"),
            ("digit_quality_random", "random patterns", ":"),
        ],
    }
    for name, label, dashes in lines.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes, label=label)
