"""The table: what was measured beside what was wanted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.verdicts.tables import markdown
from benchmarks import peers
from benchmarks.work import DENSE_PEERS, FLOOR, OURS

ADDITIONS = "Gibbs, 100 %: additions of active neighbours"
# From issue 3, "Kernels at the limit of the machine", section "What must be true". With ≥ it is the ratio that counts,
# to the best peer (of the names given here: scikit-learn); with ≤ it is our own value, in the row's unit.
TARGETS = {
    "Gibbs, 100 % of the synapses": ("≥", 3.0),
    ADDITIONS: ("≥", 0.6),
    "Gibbs, 10 % of the synapses": ("≥", 8.0),
    "PCD, 100 % of the synapses": ("≥", 1.0),
    "PCD, 10 % of the synapses": ("≥", 4.0),
    "online": ("≤", 0.5),
    "epoch": ("≥", 4.0),
    "pseudo-log-likelihood": ("≥", 0.0),
    "log-likelihood": ("≥", 0.0),
    "variance": ("≥", 3.0),
    "information": ("≤", 0.5),
    "Gibbs, all synapses, 2 threads": ("≥", 1.7),
    "Gibbs, 10 %, 2 threads": ("≥", 1.7),
    "import": ("≤", 1.0),
    "memory": ("≤", 2.0),
}


BEHIND = " 🔴"  # beside a ratio that is below its goal
VARIABLES = "online", "epoch", "variance", "information"  # whose long_name says what work it is
DENSE_GOAL = 1.5


class Row(NamedTuple):
    """A line of the table, as text."""

    work: str
    unit: str
    ours: str
    peer: str = ""
    theirs: str = ""
    ratio: str = ""
    target: str = ""
    met: str = ""


def table(dataset):
    """The table and what it means, as Markdown."""
    rows = [*_gibbs(dataset), *_pcd(dataset), *_training(dataset), *_estimates(dataset)]
    rows += [*_scaling(dataset), *_first_use(dataset)]
    head = ("work", "unit", "ours: median [quartiles]", "peer", "peer's value", "ratio", "target", "met")
    text = markdown(pd.DataFrame(rows, columns=head))
    missed = "; ".join(f"{row.work} ({row.ratio or row.ours}, target {row.target})" for row in rows if row.met == "no")
    lost = "; ".join(f"{row.work} against {row.peer} ({row.ratio})" for row in rows if row.ratio.endswith(BEHIND))
    return (
        f"# Speed against peers\n\n{dataset.attrs['description']}\n\n{text}\n\n"
        f"Targets missed: {missed or 'none'}.\n\nIn red, where a peer is faster, or ours with all synapses less than "
        f"{DENSE_GOAL} times as fast: {lost or 'nothing'}.\n"
    )


def contest(dataset, variable, case=None):
    """Seconds (contender, round) of all who took part in a case, fastest first; ours is among them.

    Dense peers are measured with all synapses alone: where they are missing, that time is theirs.
    """
    seconds = dataset[variable]
    if case is not None:
        dim = seconds.dims[0]
        whole = seconds.sel({dim: "100 %"}) if "100 %" in seconds[dim] else seconds.sel({dim: case})
        seconds = seconds.sel({dim: case}).fillna(whole.where(whole["contender"].isin(DENSE_PEERS)))
    seconds = seconds.dropna("contender")
    return seconds.sortby(seconds.median("round"))


def ratio(seconds, peer):
    """Median over rounds of the peer's time in units of ours in the same round."""
    return float((seconds.sel(contender=peer) / seconds.sel(contender=OURS)).median())


# ---- rows ----------------------------------------------------------------------------------------------------------


def contest_rows(name, seconds, unit, optional=(), named="", all_peers=True):
    """A row for every peer, fastest first, or for the fastest alone; those that are optional and missing say so.

    The target stands in the row of the fastest peer whose name begins with `named`.
    """
    work = seconds.attrs["long_name"] if name in VARIABLES else name
    ours = seconds.sel(contender=OURS)
    rivals = [peer for peer in seconds["contender"].values if peer != OURS]
    aimed = next(peer for peer in rivals if peer.startswith(named))
    for peer in rivals if all_peers else [aimed]:
        value = ratio(seconds, peer)
        verdict = target(name, value, float(ours.median())) if peer == aimed else ()
        theirs = _spread(seconds.sel(contender=peer), unit)
        yield Row(
            work, unit, _spread(ours, unit), peer, theirs, _number(value) + BEHIND * (value < goal(work)), *verdict
        )
    for peer in optional if all_peers else ():
        if peer not in rivals:
            yield Row(work, unit, _spread(ours, unit), peer, "not installed")


def goal(work):
    """The ratio from which on we are ahead: with all synapses BLAS does what it is made for."""
    return DENSE_GOAL if work.endswith(("dense", "100 % of the synapses")) else 1.0


def target(name, ratio, ours=np.nan):
    """(target, whether it is met) as text, from the ratio or from our own value; nothing where there is none."""
    if name not in TARGETS:
        return ()
    sign, bound = TARGETS[name]
    met = ratio >= bound if sign == "≥" else ours <= bound
    return f"{sign} {bound:g}", "yes" if met else "no"


def _gibbs(dataset):
    unit = "chain-sweeps/s"
    for case in dataset["machine"].values:
        seconds = contest(dataset, "gibbs", case)
        ours = seconds.sel(contender=OURS)
        if case == FLOOR:
            yield Row(f"Gibbs, {case}: random numbers and sigmoids", unit, _spread(ours, unit))
            continue
        name = f"Gibbs, {case}" if case.startswith("pruned") else f"Gibbs, {case} of the synapses"
        yield from contest_rows(name, seconds, unit, [peers.TORCH, peers.THRML], all_peers=name in TARGETS)
        if case == "100 %":
            time = 1e9 * ours / float(dataset["n_additions"].sel(machine=case))
            limit = 1e9 / dataset["addition_rate"]
            share, values = float((limit / time).median()), (_spread(x, "/s") for x in (time, limit))
            shown = next(values), "rows added from L2, nothing else", next(values), _number(share)
            yield Row(ADDITIONS, "G additions/s", *shown, *target(ADDITIONS, share))


def _pcd(dataset):
    for case in dataset["pcd_machine"].values:
        name, seconds = f"PCD, {case} of the synapses", contest(dataset, "pcd", case)
        yield from contest_rows(name, seconds, "updates/s", [peers.TORCH], all_peers=name in TARGETS)


def _training(dataset):
    yield from contest_rows("online", contest(dataset, "online"), "s")
    yield from contest_rows("epoch", contest(dataset, "epoch"), "s", ["learnergy", "rbms"], "scikit-learn")
    for name in ("pseudo-log-likelihood", "log-likelihood"):
        values = dataset[name.replace("-", "_")].dropna("contender")
        ours = float(values.sel(contender=OURS))
        for peer in values["contender"].values:
            theirs = float(values.sel(contender=peer))
            verdict = target(name, ours - theirs) if peer == "scikit-learn" else ()
            if peer != OURS:
                shown = f"{ours:.1f}", peer, f"{theirs:.1f}", f"difference {ours - theirs:+.1f}"
                yield Row(f"{name} after that epoch", "nats/digit", *shown, *verdict)


def _estimates(dataset):
    for name in ("variance", "information"):
        yield from contest_rows(name, contest(dataset, name), "s")


def _scaling(dataset):
    for work in dataset["scaled"].values:
        seconds, unit = dataset["scaling"].sel(scaled=work), "chain-sweeps/s" if "Gibbs" in work else "updates/s"
        one = seconds.sel(n_threads=1)
        for n in dataset["n_threads"].values[1:]:
            name, many = f"{work}, {n} threads", seconds.sel(n_threads=n)
            gain = float((one / many).median())
            shown = _spread(many, unit), "ours, 1 thread", _spread(one, unit), _number(gain)
            yield Row(name, unit, *shown, *target(name, gain))
    for case in dataset["batch_of"].values if "batch" in dataset else ():
        yield from contest_rows(f"Gibbs, {case}", contest(dataset, "batch", case), "chain-sweeps/s", all_peers=False)
    for n in dataset["width"].values:
        seconds = contest(dataset, "wide", n)
        yield from contest_rows(f"Gibbs, {n}-{n} dense", seconds, "chain-sweeps/s", all_peers=False)


def _first_use(dataset):
    imports, memory = dataset["importing"], float(dataset["memory"])
    nothing = "", "", ""
    yield Row("import", "s", _spread(imports, "s"), *nothing, *target("import", np.nan, float(imports.median())))
    for cache in dataset["cache"].values:
        yield Row(f"compile, {cache} cache", "s", _number(float(dataset["compiling"].sel(cache=cache))))
    yield Row("memory", "GiB", _number(memory), *nothing, *target("memory", np.nan, memory))


def _spread(seconds, unit):
    """Median [lower quartile, upper quartile] of seconds, or of what is done in a second."""
    values = 1 / seconds if unit.endswith("/s") else seconds
    low, median, high = (_number(x) for x in np.quantile(values, [0.25, 0.5, 0.75]))
    return f"{median} [{low}, {high}]"


def _number(x):
    """Three digits."""
    return f"{float(f'{x:.3g}'):,.0f}" if abs(x) >= 1000 else f"{x:#.3g}".rstrip(".")
