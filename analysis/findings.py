"""What the maps and the first claim say, in words and tables; every number and verdict comes from the data.

Tables: judged (atlas.judge, one row a cell) and table (claims.evaluate, one row a prediction of the claim).
"""

from analysis import atlas, claims

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
        f"At its own sizes this comes out as {claims.conclusion(table)}.",
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
