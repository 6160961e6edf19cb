"""Are the samples and likelihoods good enough for what is concluded from them?

    table      the checks: value in the mean and in the worst seed, limit, passed
    others     panels of notebook 05, Dataset in, Axes out

A check is passed where its worst moment or layer is within the limit for every seed; limits stand in the config's
claims/model_quality and were fixed before the runs. None of them is a claim of the paper's.
"""

import numpy as np
import pandas as pd

from analysis.figures.style import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION, tidy
from analysis.verdicts import claims
from analysis.verdicts.intervals import interval

NAMES = {
    "log_z_error": "standard error of log Z (nats)",
    "log_z_bias": "distance of log Z from enumeration (nats)",
    "r_hat": "R-hat, chains from noise",
    "two_start_r_hat": "R-hat, chains from noise and from data",
    "rank_correlation": "rank correlation of importance with long chains",
}
SAMPLES = {
    "repeat": ("the same again", BLACK, "o"),
    "noise": ("chains from noise", ORANGE, "^"),
    "long": ("from data, 10 times as long", BLUE, "s"),
}
_SESSIONS = (BLACK, ORANGE, SKY, GREEN, VERMILION)


def values(part, check):
    """The checked quantity (seed, session): the worst moment, or synapse layer; NaN where there is nothing to check."""
    if check == "log_z_bias":
        return abs(part["log_z"] - part["log_z_exact"])
    if check == "rank_correlation":
        return part[check].sel(sample="long").min("synapse_layer")
    return part[check].max("moment") if "moment" in part[check].dims else part[check]


def table(dataset):
    """One row a check, experiment and session: check, experiment, session, mean, worst, limit, n_seeds, passed."""
    rows, limits = [], claims.settings(dataset)["claims"]["model_quality"]
    for check in NAMES:
        ((kind, limit),) = limits[check].items()
        for experiment, part in _with_quality(dataset).items():
            found = values(part, check)
            for session in found["session"].values:
                known = found.sel(session=session).values
                known = known[~np.isnan(known)]
                if len(known):
                    worst = known.max() if kind == "at_most" else known.min()
                    passed = bool(worst <= limit if kind == "at_most" else worst >= limit)
                    sign = "≤" if kind == "at_most" else "≥"
                    row = [NAMES[check], experiment, int(session), known.mean(), worst, f"{sign} {limit:g}"]
                    rows.append([*row, len(known), passed])
    columns = ["check", "experiment", "session", "mean", "worst", "limit", "n_seeds", "passed"]
    return pd.DataFrame(rows, columns=columns)


def markdown(table):
    """The rows of `table` as a Markdown table."""
    lines = [
        "| check | experiment | session | mean | worst seed | limit | seeds | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        outcome = "passed" if row.passed else "**failed**"
        lines.append(
            f"| {row.check} | {row.experiment} | {row.session} | {row.mean:.3g} | {row.worst:.3g} | {row.limit} | "
            f"{row.n_seeds} | {outcome} |"
        )
    return "\n".join(lines)


def summary_markdown(table):
    """Which checks are passed by every machine, by some or by none, as sentences."""
    sentences = []
    for experiment, rows in table.groupby("experiment", sort=False):
        outcomes = rows.groupby("check", sort=False)["passed"].agg(["sum", "count"])
        words = [f"{check}: {row['sum']} of {row['count']}" for check, row in outcomes.iterrows()]
        sentences.append(f"Sessions of {experiment} at which every seed passes: {'; '.join(words)}.")
    failed = table.loc[~table["passed"], "check"].unique()
    verdict = f"Not in all: {', '.join(failed)} fail somewhere" if len(failed) else "In all that was checked"
    return " ".join([*sentences, f"So can the machines and their samples be trusted? {verdict}."])


def likelihood(part, ax):
    """Variational bound of training and test patterns by session, nats, with independent pixels of the same means."""
    for split, colour, marker in (("train", BLUE, "o"), ("test", ORANGE, "^")):
        _with_interval(part["bound"].sel(split=split), ax, color=colour, marker=marker, label=f"{split} patterns")
    pixels = float(part["base_rate"].sel(split="test").mean())
    ax.axhline(pixels, color=BLACK, ls=":", label="independent pixels, test")
    ax.set(xlabel="session", ylabel="log P(v), lower bound (nats)", title=part.attrs["experiment"])
    return tidy(ax)


def annealing(part, ax):
    """log Z less its exact value, each seed, with two standard errors."""
    bias, error = part["log_z"] - part["log_z_exact"], part["log_z_error"]
    n_seeds = part.sizes["seed"]
    for colour, session in zip(_SESSIONS, part["session"].values):
        y, e = (x.sel(session=session).transpose("seed").values for x in (bias, error))
        x = part["seed"].values + (0.15 if session else -0.15)
        ax.errorbar(x, y, 2 * e, color=colour, fmt="o", label=_moment(part, session), lw=0.8)
    ax.axhline(0, color=BLACK, lw=0.6)
    ax.set(xlabel="seed", ylabel="log Z − exact (nats)", title=part.attrs["experiment"], xlim=(-0.5, n_seeds - 0.5))
    return tidy(ax)


def converged(part, name, limit, ax):
    """Share of the moments whose R-hat (name) less 1 is at most x, by session, all seeds; the limit as a line."""
    for colour, session in zip(_SESSIONS, part["session"].values):
        found = np.sort(part[name].sel(session=session).values.ravel())
        found = found[np.isfinite(found)] - 1
        share = np.arange(1, len(found) + 1) / len(found)
        ax.step(np.maximum(found, 1e-4), share, where="post", color=colour, label=_moment(part, session))
    ax.axvline(limit - 1, color=BLACK, ls=":", label="limit" if name == "r_hat" else None)
    ax.set(xscale="log", xlabel=f"{NAMES[name]}, − 1", ylabel="share of moments ≤ x", ylim=(0, 1.02))
    ax.set_title(part.attrs["experiment"])
    return tidy(ax)


def _moment(part, session):
    """What a session is called: experiments may have their last ones at different numbers."""
    if session in (0, part["session"].values[-1]):
        return claims.NAMES["last" if session else "first"]
    return f"session {session}"


def agreement(part, layer, limit, ax):
    """Rank correlation of importance between the protocol's samples and others, by session; the limit as a line."""
    for sample, (label, colour, marker) in SAMPLES.items():
        found = part["rank_correlation"].sel(sample=sample, synapse_layer=layer)
        _with_interval(found, ax, color=colour, marker=marker, label=label)
    ax.axhline(limit, color=BLACK, ls=":")
    ax.set(xlabel="session", ylabel="rank correlation of importance")
    ax.set_title(f"{part.attrs['experiment']}, synapses of layer {layer}")
    return tidy(ax)


def _with_quality(dataset):
    """The parts that have quality runs."""
    return {name: part for name, part in claims.parts(dataset).items() if "log_z" in part}


def _with_interval(found, ax, color, marker, label):
    """Mean over seeds by session, and its interval."""
    x, y = found["session"].values, found.transpose("seed", "session").values
    ax.plot(x, y.mean(axis=0), color=color, marker=marker, label=label)
    ax.fill_between(x, *interval(y), color=color, alpha=0.18, lw=0)
    ax.set_xticks(x)
