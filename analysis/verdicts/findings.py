"""What the maps and the claims say, in words and tables; every number and verdict comes from the data.

Tables: judged (atlas.judge, one row a cell) and table (claims.evaluate, one row a prediction of the claim).
"""

from pathlib import Path

from analysis.files.checkout import ROOT
from analysis.verdicts import atlas, claims
from analysis.verdicts.effects import NAMES

NEARLY_SILENT = 0.01  # probability to be on
PAPERS_CONFIGS = ["paper_digits", "paper"]  # both write to data/paper; the first is a part of the second
_SAID = {claims.REPRODUCED: "worse", claims.MIXED: "not told apart from it", claims.NOT_REPRODUCED: "at least as good"}
_VERDICTS = [claims.REPRODUCED, claims.MIXED, claims.NOT_REPRODUCED]


def counts_markdown(table):
    """How the cells of each prediction came out, as a Markdown table; with Holm's correction in brackets."""
    lines = ["| prediction | map | budget | cells | effects | reproduced | mixed | not reproduced |", "|---" * 8 + "|"]
    for (prediction, name, budget), rows in table.groupby(["prediction", "map", "budget"], sort=False):
        units = rows["units"].iloc[0]
        span = claims.quote(rows["effect"].mean(), rows["effect"].min(), rows["effect"].max(), units)
        cells = [f"{(rows['verdict'] == v).sum()}{_surviving(rows, v)}" for v in _VERDICTS]
        lines.append(
            f"| {prediction} | {name} | {atlas.BUDGET_NAMES[budget]} | {len(rows)} | {span} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _surviving(rows, verdict):
    """How many of the rows with a verdict for or against stand after Holm's correction, in brackets."""
    if verdict == claims.MIXED or not (rows["verdict"] == verdict).any():
        return ""
    return f" ({((rows['verdict'] == verdict) & (rows['p_holm'] < 0.05)).sum()})"


def power_markdown(table, of):
    """The smallest effects that so many seeds could have seen: median and largest over the rows of each map."""
    sentences = []
    for name, rows in table.groupby("map", sort=False):
        units, found = rows["units"].iloc[0], rows["detectable"]
        sentences.append(
            f"- {name}: {rows['n_seeds'].max()} seeds see an effect of {found.median():.2g} {units} in the median row "
            f"and of {found.max():.2g} {units} in the noisiest one."
        )
    power, alpha = of["power"]["power"], of["power"]["alpha"]
    lead = f"With power {power:.0%} in a two-sided paired t-test at {alpha:g}, for one comparison:"
    return "\n".join([lead, "", *sentences])


def conclusion_markdown(table, judged=None):
    """At most ten sentences: what the paper said, what is seen at the paper's point and on the maps, what is open.

    judged : None where there are no maps.
    """
    sentences = [
        "The paper said that pruning needs an over-populated network to start from.",
        f"In the runs above this comes out as {claims.conclusion(table)}.",
        *(_controls(experiment, rows) for experiment, rows in table.groupby(_experiments(table), sort=False)),
    ]
    if judged is None:
        return " ".join([*sentences, "The maps that vary these sizes are not there yet."])
    first = judged["prediction"].iloc[0]
    cells = judged[(judged["prediction"] == first) & judged["growth"].notna()]
    sentences += _maps(cells)
    sentences.append(_answer(cells))
    share = (judged["effect"].abs() < judged["detectable"]).mean()
    sentences.append(
        f"Of all effects on the maps {share:.0%} are smaller than what our seeds see with the stated power."
    )
    sentences.append(
        "Schedules tuned for each size, and machines so large that enumeration is out of reach, would settle the rest."
    )
    return " ".join(sentences)


def at_papers_size(folder, claim):
    """(dataset or None, Markdown that says what it is, or that it is stale or absent): the claim at the paper's size.

    folder : of the claim datasets, with those of the paper's size in a folder `paper`. Those stay when the code changes
    but no bit of a run does, as the changelog tells, and the Markdown says so.
    """
    path, made = Path(folder) / "paper" / f"{claim}.nc", "`snakemake --configfile config/paper_digits.yaml`"
    if not path.is_file():
        return None, f"> **No results at the paper's size.** There is no `paper/{claim}.nc` here. {made} makes it."
    dataset = claims.load(claim, path.parent)
    configs = [ROOT / "config" / f"{name}.yaml" for name in PAPERS_CONFIGS]
    config = next((path for path in configs if claims.same_config(dataset, path)), None)
    if config is None:
        why = f"its runs obeyed another config than `{configs[0].name}`"
        notice = f"> **Stale data.** `paper/{claim}.nc` is not of this checkout: {why}. {made} renews it."
    elif reasons := claims.stale(dataset, config):
        notice = f"Data: `paper/{claim}.nc`, under `{config.name}`; {reasons[0]}. "
        notice += f"Runs of hours are made again where a change moves a bit of them. {made} does so anyway."
    else:
        notice = f"Data: `paper/{claim}.nc`, made by the code of this checkout under `{config.name}`."
    return dataset, f"{notice}\n\n{claims.runs_markdown(dataset)}"


def at_both_sizes(parts, paper):
    """[part, the same experiment at the paper's size, ...] of the experiments in both, with titles that tell them."""
    there = claims.parts(paper)
    return [
        part.assign_attrs(experiment=f"{name}, {size}")
        for name in parts
        if name in there and parts[name].attrs["dataset"] != there[name].attrs["dataset"]
        for size, part in (("as above", parts[name]), ("the paper's size", there[name]))
    ]


def both_sizes_markdown(table, paper):
    """The predictions that stand in both tables, effects and verdicts side by side, and how far they agree.

    table, paper : of claims.evaluate, at this and at the paper's size. A side is that of the threshold, each its own.
    """
    both = table.merge(paper, on="prediction", suffixes=("", "_paper")).dropna(subset=["effect", "effect_paper"])
    heads = ["prediction", "effect here", "verdict here", "at the paper's size", "verdict there", "same side"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    above = both["effect"] > both["threshold"], both["effect_paper"] > both["threshold_paper"]
    same = above[0] == above[1]
    for row, agrees in zip(both.itertuples(), same):
        prediction = row.prediction.replace("|", "\\|")
        here = claims.quote(row.effect, row.low, row.high, row.units)
        there = claims.quote(row.effect_paper, row.low_paper, row.high_paper, row.units).replace(" [?, ?]", "")
        verdict = row.verdict_paper if row.n_seeds_paper > 1 else "one seed"
        lines.append(f"| {prediction} | {here} | {row.verdict} | {there} | {verdict} | {'yes' if agrees else 'no'} |")
    decided = both["verdict"] != claims.MIXED
    said = (
        f"Of {len(both)} predictions that are judged at both sizes, the paper's size falls on the same side of the "
        f"threshold in {same.sum()}; of the {decided.sum()} that the seeds here decide, in {(same & decided).sum()}."
    )
    for lead, rows in (("Decided here, on the other side there", ~same & decided), ("Open here", ~decided)):
        names = [f"*{p}* ({'above' if a else 'not above'})" for p, a in zip(both["prediction"][rows], above[1][rows])]
        said += f" {lead}, with the side there: {'; '.join(names)}." if names else ""
    if (both["n_seeds_paper"] < 2).all():
        said += " One seed has no interval, so no row there has a verdict."
    return "\n".join([*lines, "", said.replace("|", "\\|")])


def first_session_markdown(panels):
    """A line an experiment, layer and criterion whose first session takes units, how many of them were nearly silent,
    and how many units the reference takes in all sessions.

    panels : [(part of the claim on the loss of units, layer), ...]; nearly silent: on in less than NEARLY_SILENT
    """
    heads = ["", "layer", "criterion", "nearly silent at first", "lost in session 1", "of these nearly silent"]
    heads += ["lost in each later one"]
    lines, taken = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"], []
    for part, layer in panels:
        unit, silent = f"unit_{layer}", part[f"unit_activity_{layer}"].sel(pruning=1) < NEARLY_SILENT
        for name in part["criterion"].values:
            lost = (part[f"first_loss_cause_{layer}"] > 0).sel(criterion=name)
            if lost.any():
                later = -part["n_units"].sel(criterion=name, layer=layer).diff("session").isel(session=slice(1, None))
                of_lost = f"{(lost & silent).sum().item() / lost.sum().item():.0%}"
                counts = [f"{x.sum(unit).mean().item():.1f}" for x in (silent, lost)]
                cells = [part.attrs["experiment"], layer, NAMES[name], *counts, of_lost, f"{later.mean().item():.1f}"]
                lines.append(f"| {' | '.join(map(str, cells))} |".replace("|w|", "\\|w\\|"))
        n_lost = (part[f"loss_cause_{layer}"] > 0).sum([unit, "pruning"]).mean().item()
        reference = NAMES[part.attrs["reference"]]
        taken.append(f"{n_lost:.1f} of {part.sizes[unit]} by {reference} ({part.attrs['experiment']}, layer {layer})")
    silence = f"Nearly silent: on in less than {NEARLY_SILENT:.0%} of the samples before the session."
    said = f"Units: means over seeds, and over later sessions. {silence} Lost in all sessions: {'; '.join(taken)}."
    return "\n".join([*lines, "", said])


def _experiments(table):
    return table["prediction"].str.split(":").str[0]


def _controls(experiment, rows):
    """Which controls were worse than the pruned machine in every row of an experiment, which were not."""
    names = rows["prediction"].str.removeprefix(f"{experiment}: ").str.split(" has the larger").str[0]
    found = {}
    for name, some in rows.groupby(names, sort=False):
        verdicts = set(some["verdict"])
        words = _SAID[verdicts.pop()] if len(verdicts) == 1 else "not the same in all rows"
        found.setdefault(words, []).append(f"*{name}*")
    said = [f"{words}: {', '.join(controls)}" for words, controls in found.items()]
    return f"In {experiment}, beside the pruned machine, {'; '.join(said)}."


def _maps(cells):
    """A sentence a map; the same map by another measure is a part of its sentence."""
    found = {}
    for name, rows in cells.groupby("map", sort=False):
        where, _, measure = name.partition(" by ")
        parts = found.setdefault(where, [])
        for budget, some in rows.groupby("budget", sort=False):
            wins, losses = ((some["verdict"] == v).sum() for v in (claims.REPRODUCED, claims.NOT_REPRODUCED))
            words = f"starting large wins in {wins} of {len(some)} cells and is no better in {losses}"
            parts.append(f"{f'by {measure}, ' if measure else ''}with {atlas.BUDGET_NAMES[budget]} {words}")
    lead = "against being born small with as many synapses"
    return [f"On the map of {where}, {lead}, {'; '.join(parts)}." for where, parts in found.items()]


def _answer(cells):
    """Where starting large wins: the growths, final sizes and maps of the cells that were reproduced."""
    wins = cells[cells["verdict"] == claims.REPRODUCED]
    if wins.empty:
        return "So starting large wins in no cell of the maps."
    if len(wins) == len(cells):
        return "So starting large wins in every cell of the maps."
    where = [
        f"{name} with {atlas.BUDGET_NAMES[budget]}, from {_span(rows, 'growth')} times the final size"
        for (name, budget), rows in wins.groupby(["map", "budget"], sort=False)
    ]
    return f"So starting large wins only in part: {'; '.join(where)}."


def _span(rows, axis):
    low, high = rows[axis].min(), rows[axis].max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
