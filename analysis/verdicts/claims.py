"""From runs to verdicts.

    collect    the run files of a claim -> one small dataset, which its notebook draws and judges
    evaluate   that dataset -> a table: prediction, effect, 95 % interval over seeds, verdict
    summary    the tables of all claims -> figures/claims.md, figures/claims.svg, data/claims.nc, results/claims.html

Predictions, sessions and thresholds stand in the config's `claims:` section, which was fixed before the runs and which
every claim dataset carries in its attributes. A verdict is computed; "not reproduced" is a result like the others.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.experiment import config as configuration
from analysis.files import provenance, whole
from analysis.verdicts import effects, report
from analysis.verdicts.collection import CHECKS, CLAIMS, NOTEBOOKS, collect  # noqa: F401 (users write claims.collect)
from analysis.verdicts.effects import NAMES
from analysis.verdicts.intervals import coverage, detectable, holm, interval, p_value

REPRODUCED, MIXED, NOT_REPRODUCED = "reproduced", "mixed", "not reproduced"


def root():
    """The project's folder: the nearest one upwards from here that holds pyproject.toml and analysis/.

    Raises ValueError where there is none.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "pyproject.toml").is_file() and (folder / "analysis").is_dir():
            return folder
    raise ValueError(f"root: found no project above {Path.cwd()}, expected to run inside a checkout")


def save(dataset, path):
    """Write NetCDF, whole or not at all: under a temporary name in the same folder, then renamed."""
    whole.write(dataset, path)


def load(claim, folder="data"):
    """The claim dataset that `save` wrote to the folder. Raises ValueError for an unknown claim or a missing file."""
    _check_claim(claim)
    return _read(Path(folder) / f"{claim}.nc")


def settings(dataset):
    """The config that the dataset's runs obeyed, as a dict."""
    return json.loads(dataset.attrs["config"])


def same_config(dataset, path):
    """Whether the dataset's runs obeyed the config in that file."""
    return settings(dataset) == configuration.load(path)


def stale(dataset, path):
    """Why the dataset is not what this code makes under the config in that file: a list of reasons, empty if it is."""
    reasons, here = [], provenance.fingerprint()
    codes = {dataset.attrs.get("code_fingerprint"), *json.loads(dataset.attrs.get("runs_code", "[]"))}
    if codes != {here}:
        found = ", ".join(sorted(str(code) for code in codes - {here}))
        reasons.append(f"it was made by other code (fingerprint {found}; that of this checkout is {here})")
    if not same_config(dataset, path):
        reasons.append(f"its runs obeyed another config than `{Path(path).name}`")
    return reasons


def provenance_markdown(dataset, path):
    """Whether the dataset belongs to this code and to the config in that file, and where its data come from."""
    name, reasons = f"`{dataset.attrs['claim']}.nc`", stale(dataset, path)
    if reasons:
        return f"> **Stale data.** {name} is not of this checkout: {'; '.join(reasons)}. `make figures` renews it."
    lines = [f"Data: {name}, made by the code of this checkout under `{Path(path).name}` from", ""]
    for experiment, text in json.loads(dataset.attrs["data"]).items():
        data = json.loads(text)
        lines.append(f"- {experiment}: {data['title']}; {data['source']} ({data['licence']})")
    return "\n".join(lines)


def part(dataset, experiment):
    """The variables of one experiment without its name in front; attrs: experiment, reference (criterion)."""
    start = f"{experiment}_"
    names = [name for name in dataset.data_vars if str(name).startswith(start)]
    one = dataset[names].reset_coords(drop=False)
    one = one[[name for name in one.data_vars if str(name).startswith(start)]]
    one = one.rename({name: str(name)[len(start) :] for name in {*one.variables, *one.dims}})
    of = settings(dataset)["experiments"][experiment]
    return one.assign_attrs({"experiment": experiment, "reference": of["reference"], "dataset": of["dataset"]})


def parts(dataset):
    """{experiment: its part of the claim dataset}, shallow machines first."""
    experiments = settings(dataset)["experiments"]
    order = sorted(experiments, key=lambda name: len(experiments[name]["machine"]["hidden"]))
    return {experiment: part(dataset, experiment) for experiment in order}


def loss(part):
    """Name of the measure that tells how well a machine of the experiment works, lower is better."""
    return "kl" if "kl" in part else "encoding_error"


def runs_markdown(dataset):
    """What was run, and where it departs from the paper, from the config that the dataset carries."""
    lines = []
    for name in parts(dataset):
        of = settings(dataset)["experiments"][name]
        n_sessions, share = of["pruning"]["n_sessions"], of["pruning"]["fraction"]
        left = (1 - share) ** n_sessions
        hidden = " and ".join(str(n) for n in of["machine"]["hidden"])
        seeds = f"{of['n_seeds']} seed{'s' * (of['n_seeds'] > 1)}"
        lines.append(
            f"**{name}**: {of['description']} Hidden units at the start: {hidden}; {n_sessions} sessions that each "
            f"remove {share:.0%} of the synapses left, down to {left:.1%}; {seeds}; "
            f"reference criterion: {NAMES[of['reference']]}. Departures from the paper:"
        )
        lines += ["", *(f"- {departure}" for departure in of["departures"]), ""]
    return "\n".join(lines).strip()


def evaluate(dataset):
    """One row a prediction: claim, prediction, effect, low, high, units, threshold, n_seeds, p, p_holm, detectable,
    verdict.

    effect is the mean over seeds, [low, high] its bootstrap interval (see intervals). Row rule: reproduced
    if the whole interval lies above the threshold, not reproduced if the whole interval lies at or below it, else
    mixed; mixed too where fewer than two seeds can tell. p is that of the effect being the threshold, p_holm the same
    adjusted for all the rows of the claim, detectable the smallest distance from the threshold that so many seeds, as
    far apart as these, show with 80 % power (statistics.detectable); the verdict looks at none of them.
    """
    claim, judged = dataset.attrs["claim"], settings(dataset)["claims"]
    rows, machines = [], parts(dataset)
    for name, spec in effects.in_order(judged[claim[3:]]):
        for effect in effects.PREDICTIONS[name](machines, spec):
            known = effect.by_seed[np.isfinite(effect.by_seed)]
            low, high = interval(known, **judged["interval"])
            mean = known.mean() if len(known) else np.nan
            found = row_verdict(low, high, effect.threshold)
            row = [claim, effect.prediction, mean, low, high, effect.units, effect.threshold, len(known)]
            power = detectable(known.std(ddof=1), len(known)) if len(known) > 1 else np.nan
            rows.append([*row, p_value(known, effect.threshold), power, found])
    columns = [
        "claim",
        "prediction",
        "effect",
        "low",
        "high",
        "units",
        "threshold",
        "n_seeds",
        "p",
        "detectable",
        "verdict",
    ]
    table = report.Verdicts(rows, columns=columns)
    table.insert(columns.index("detectable"), "p_holm", holm(table["p"]))
    return table


def row_verdict(low, high, threshold):
    """The row rule of `evaluate`."""
    if low > threshold:
        return REPRODUCED
    return NOT_REPRODUCED if high <= threshold else MIXED


def verdict(table):
    """The verdict of a claim from its rows.

    reproduced if every prediction is; not reproduced if none is and at least one is contradicted (its row says not
    reproduced); mixed in every other case.
    """
    found = set(table["verdict"])
    if found == {REPRODUCED}:
        return REPRODUCED
    return NOT_REPRODUCED if REPRODUCED not in found and NOT_REPRODUCED in found else MIXED


def conclusion(table):
    """The verdict of a claim and how many of its predictions came out which way, in words."""
    return f"**{verdict(table)}** ({counts(table)}, of {len(table)} predictions)"


def counts(table):
    """How many of the predictions came out which way, in words."""
    found = [f"{(table['verdict'] == word).sum()} {word}" for word in (REPRODUCED, MIXED, NOT_REPRODUCED)]
    return ", ".join(found)


def summary_markdown(table):
    """The verdict of a claim, and how its predictions came out in each experiment, as sentences."""
    title = CLAIMS[table["claim"].iloc[0]]
    sentences = [f"*{title}*: {conclusion(table)}."]
    for experiment, rows in table.groupby(table["prediction"].str.split(":").str[0], sort=False):
        sentences.append(f"For {experiment}: {counts(rows)}.")
    return " ".join(sentences)


def sizes_markdown(part):
    """What machines cost and how well they work after the last session that all of them have, as a Markdown table."""
    dim, measure = "condition" if "condition" in part.dims else "criterion", loss(part)
    last = part[["n_synapses", "n_units", measure]].dropna("session").isel(session=-1)
    last = last.sel(stage="retrained") if "stage" in last.dims else last
    lines = [f"| {part.attrs['experiment']} | synapses | hidden units | {NAMES[measure]} |", "|---|---|---|---|"]
    for name in last[dim].values:
        one = last.sel({dim: name})
        cost = one["n_synapses"].sum("synapse_layer"), effects.hidden_units(one, "all")
        cells = [f"{float(x.mean()):,.0f}" for x in cost] + [over_seeds(one[measure])]
        lines.append(f"| {NAMES[name]} | {' | '.join(cells)} |".replace("|w|", "\\|w\\|"))
    return "\n".join(lines)


def table_markdown(table):
    """The rows of `evaluate` as a Markdown table, and how many comparisons their p was adjusted for."""
    lines = [
        "| prediction | effect [95 % interval] | holds above | seeds | p (Holm) | visible | verdict |",
        "|---" * 7 + "|",
    ]
    for row in table.itertuples():
        prediction, effect = row.prediction.replace("|", "\\|"), quote(row.effect, row.low, row.high, row.units)
        cells = [prediction, effect, f"{row.threshold:g}", row.n_seeds, _quote_p(row.p_holm)]
        cells += ["?" if np.isnan(row.detectable) else f"{row.detectable:.2g}", row.verdict]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", _note(table)])


def _note(table):
    """How to read the rows of `table_markdown`."""
    n_tests = int(np.isfinite(table["p"]).sum())
    if (table["n_seeds"] < 2).all():
        return "One seed has neither an interval nor a p, so it can't decide: every row is mixed, which is to say open."
    held = [f"{coverage(n):.0%} with {n}" for n in sorted(set(table["n_seeds"])) if n > 1]
    return (
        "p: two-sided t test over seeds that the effect is the number that it has to be above, adjusted by Holm's "
        f"method for {n_tests} comparisons. Visible: the smallest distance from that number that these seeds show with "
        "80 % power, given how far they differ. Verdicts go by the intervals alone; mixed: that number lies within, so "
        "these seeds leave it open. The intervals are percentile bootstraps, fixed before the runs: of few seeds they "
        f"are narrow and hold the mean of normal seeds less often than 95 % ({', '.join(held)})."
        " A verdict whose p is not small is as open as a mixed one."
    )


def _quote_p(p):
    return "?" if np.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def quote(mean, low, high, units):
    """mean [low, high] units, with three digits of the largest of them."""
    if not np.isfinite(mean):
        return "no seed can tell"
    largest = max(abs(value) for value in (mean, low, high) if np.isfinite(value))
    digits = int(np.clip(2 - np.floor(np.log10(largest or 100)), 0, 6))
    low, high = (f"{value:,.{digits}f}" if np.isfinite(value) else "?" for value in (low, high))
    return f"{mean:,.{digits}f} [{low}, {high}]{'' if units == '1' else ' ' + units}"


def over_seeds(values):
    """Mean and 95 % interval over the seeds of a DataArray (seed), as text."""
    low, high = interval(values.values)
    return quote(float(values.mean("seed")), low, high, values.attrs.get("units", "1"))


def summary(folder, figures, data, results=None):
    """Judge every claim dataset in the folder: figures/claims.md and claims.svg, data/claims.nc. Returns the table.

    results : folder for claims.html, the same table as a page; None for no page
    """
    from analysis.figures import plotting, style

    datasets = [load(claim, folder) for claim in CLAIMS]
    tables = [evaluate(dataset) for dataset in datasets]
    table = pd.concat(tables, ignore_index=True)
    figures = Path(figures)
    with whole.whole(figures / "claims.md") as temporary:
        temporary.write_text(all_markdown(tables), encoding="utf-8")
    if results is not None:
        with whole.whole(Path(results) / "claims.html") as temporary:
            temporary.write_text(all_html(tables, datasets[0].attrs), encoding="utf-8")
    style.save(plotting.claims_figure(table), figures / "claims")
    save(summary_dataset(table, datasets[0]), Path(data) / "claims.nc")
    return table


def all_markdown(tables):
    """A table of claims with their verdicts, then the predictions of each."""
    claims = [t["claim"].iloc[0] for t in tables]
    lines = ["| | claim | of its predictions | verdict |", "|---|---|---|---|"]
    lines += [f"| {int(c[:2])} | {CLAIMS[c]} | {counts(t)} | **{verdict(t)}** |" for c, t in zip(claims, tables)]
    for claim, t in zip(claims, tables):
        lines += ["", f"## {int(claim[:2])}. {CLAIMS[claim]}", "", table_markdown(t)]
    return "\n".join(lines) + "\n"


def all_html(tables, attrs):
    """The same as a page of HTML; attrs: provenance, those of a claim dataset."""
    claims = [t["claim"].iloc[0] for t in tables]
    rows = [(int(c[:2]), CLAIMS[c], counts(t), verdict(t)) for c, t in zip(claims, tables)]
    return report.page(rows, {f"{int(c[:2])}. {CLAIMS[c]}": t for c, t in zip(claims, tables)}, attrs)


def summary_dataset(table, like):
    """The table as a Dataset (prediction), with the provenance of a claim dataset."""
    described = {
        "claim": ("claim", "1"),
        "prediction": ("what the claim predicts", "1"),
        "effect": ("mean effect over seeds", "see variable units"),
        "low": ("lower end of the 95 % interval", "see variable units"),
        "high": ("upper end of the 95 % interval", "see variable units"),
        "units": ("unit of effect, low, high and threshold", "1"),
        "threshold": ("the prediction holds above", "see variable units"),
        "n_seeds": ("seeds that can tell", "counts"),
        "p": ("p of the effect being the threshold, two-sided t test over seeds", "probability"),
        "p_holm": ("p adjusted for the predictions of the claim by Holm's method", "probability"),
        "detectable": ("smallest distance from the threshold that these seeds show, 80 % power", "see variable units"),
        "verdict": ("verdict", "1"),
    }
    variables = {}
    for name, (text, units) in described.items():
        values = table[name].to_numpy()
        values = values.astype({"f": np.float32, "i": np.int64}.get(values.dtype.kind, str))
        variables[name] = ("row", values, {"long_name": text, "units": units})
    kept = {key: value for key, value in like.attrs.items() if key not in ("claim", "title")}
    return xr.Dataset(variables, attrs={"title": "Verdicts of the four claims"} | kept)


def _read(path):
    if not path.is_file():
        raise ValueError(f"claim dataset: found no file {path}, expected one that claims.save wrote")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def _check_claim(claim):
    if claim not in NOTEBOOKS:
        raise ValueError(f"claim: found {claim!r}, expected one of {', '.join(NOTEBOOKS)}")
