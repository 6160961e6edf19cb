"""From the files of runs to the one small dataset that a notebook draws and judges.

collect(claim, runs, config)   <runs>/<experiment>/<condition>/<seed>.nc -> claim dataset
"""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from analysis import data
from analysis.experiment import config as configuration
from analysis.experiment import record
from analysis.files import provenance
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import Activity, criteria_of, label
from analysis.verdicts import agreement
from analysis.verdicts.datasets import NOTEBOOKS
from analysis.verdicts.runfiles import compact, constants, first_and_last, gather, join, read, round_mantissa
from analysis.verdicts.survival import competition

N_FISHER_UNITS = 16  # hidden units whose block of the Fisher information matrix goes into the claim dataset


def collect(claim: str, runs: Path | str, config: Path | str) -> xr.Dataset:
    """The claim dataset: runs concatenated over criterion (or condition) and seed, what the notebook needs.

    claim : name, one of NOTEBOOKS. runs : folder of <experiment>/<condition>/<seed>.nc. config : path of the config.
    Variables, dimensions and coordinates of an experiment begin with its name: `patches_kl`, `digits_seed`.
    Raises ValueError for an unknown claim and where a run is missing.
    """
    if claim not in NOTEBOOKS:
        raise ValueError(f"claim: found {claim!r}, expected one of {', '.join(NOTEBOOKS)}")
    made_by = configuration.load(config)
    parts, sources, codes = [], {}, set[str]()
    for experiment, settings in made_by["experiments"].items():
        folder, entries = Path(runs) / experiment, {label(entry): entry for entry in settings["criteria"]}
        part = _COLLECT[claim](folder, settings | {"criteria": entries, "reference": label(settings["reference"])})
        made = [read(folder / name / f"{seed}.nc", []).attrs for name, seed in runs_of(settings)]
        sources[experiment] = made[0].get("data", "")
        codes |= {attrs.get("code_fingerprint", "") for attrs in made}
        parts.append(part.rename({name: f"{experiment}_{name}" for name in {*part.variables, *part.dims}}))
    attrs = provenance.attributes(made_by, claim=claim, title=NOTEBOOKS[claim], data=sources, runs_code=sorted(codes))
    dataset = compact(join(*parts))
    dataset.attrs = attrs
    return dataset


def runs_of(settings: dict) -> list[tuple[str, int]]:
    """[(condition, seed)] of every run that an experiment's settings ask for, over-produced machines apart."""
    names = [*map(label, settings["criteria"]), *settings["controls"], *["fisher"] * settings["proxy"]]
    names += ["quality"] * (settings["quality"] is not None)
    return [(name, seed) for name in names for seed in range(settings["n_seeds"])]


def _overproduction(folder, settings):
    """Reference run and controls: sizes and loss after (re)training."""
    names, wanted = [settings["reference"], *settings["controls"]], ["n_units", "n_synapses", *_LOSSES]
    runs = gather(folder, settings, "condition", names, wanted).sel(stage="retrained", drop=True)
    runs = runs.assign_coords(condition=["pruned", *settings["controls"]])
    return join(runs, constants(folder, settings, ["raw_pixel_error"]))


def _weight_pruning(folder, settings):
    """Sizes and loss by every criterion; by |w| and the reference the synapses of each unit, importance and weights;
    where both disagree in the over-produced machines."""
    pair, layers = [settings["reference"], "weight"], range(1, len(settings["machine"]["hidden"]) + 1)
    found = [gather(folder, settings, "criterion", settings["criteria"], ["n_units", "n_synapses", *_LOSSES])]
    found.append(_agreement(folder, settings))
    degrees = gather(folder, settings, "compared", pair, [f"unit_degree_{k}" for k in layers])
    found.append(degrees.isel(session=-1, drop=True))
    if "importance" in settings["measures"]:
        maps = ["importance_1", "weight_1", "mask_1"]
        found.append(gather(folder, settings, "compared", pair, maps, n_seeds=1).isel(seed=0, drop=True))
    return join(*found)


def _fisher_proxy(folder, settings):
    """Function by every criterion; examples of one seed; local estimates beside the exact matrix."""
    criteria = settings["criteria"]
    wanted = ["n_units", "n_synapses", *_LOSSES, "digit_quality", "class_share"]
    found = [gather(folder, settings, "criterion", criteria, wanted)]
    found.append(first_and_last(gather(folder, settings, "criterion", criteria, ["rank_probability"])))
    examples = gather(folder, settings, "criterion", criteria, ["example"], n_seeds=1)
    found.append(first_and_last(examples.isel(seed=0, drop=True)))
    found.append(constants(folder, settings, _REFERENCES))
    if settings["proxy"]:
        proxies = gather(folder, settings, "file", ["fisher"], [*_PROXIES, *_SPECTRA]).isel(file=0, drop=True)
        found += [round_mantissa(proxies[_PROXIES]), first_and_last(proxies[_SPECTRA]), _information_matrix(folder)]
        found.append(gather(folder, settings, "file", ["fisher"], _SAMPLES_NEEDED).isel(file=0, drop=True))
        machines = gather(folder, settings, "file", [settings["reference"]], _MACHINE, n_seeds=1)
        found.append(first_and_last(machines.isel(file=0, seed=0, drop=True)))
    return join(*found)


def _neuron_loss(folder, settings):
    """Each unit of the reference runs before each pruning, its fate in it and its activity right after; by every
    criterion activity, sizes, and the fate of each unit in the first pruning, which is of the same machine."""
    layers, reference = range(1, len(settings["machine"]["hidden"]) + 1), [settings["reference"]]
    measured = [f"unit_{measure}_{k}" for k in layers for measure in _MEASURES]
    fates = [f"loss_cause_{k}" for k in layers]
    pruned = [f"unit_activity_pruned_{k}" for k in layers]
    wanted = [*measured, *fates, *pruned, "unit_degree_0"]
    runs = gather(folder, settings, "file", reference, wanted).isel(file=0, drop=True)
    after = runs.isel(session=slice(1, None))
    measured = [name for name in measured if name in runs]
    before = round_mantissa(runs[measured].isel(session=slice(0, -1))).assign_coords(session=after["session"])
    connected = (after["unit_degree_0"] > 0).astype(np.uint8)
    connected.attrs = {"long_name": "pixel has a synapse after the pruning", "units": "1"}
    right_after = round_mantissa(after[pruned].merge(_competition(folder, settings, after["session"])))
    units = before.merge(after[fates]).merge(right_after).assign(connected_0=connected).rename(session="pruning")
    wanted = ["activity", "n_synapses", "n_units", *fates]
    by_criterion = gather(folder, settings, "criterion", settings["criteria"], wanted)
    first = by_criterion[fates].isel(session=1, drop=True).rename({name: f"first_{name}" for name in fates})
    return join(by_criterion.drop_vars(fates), first, units, constants(folder, settings, ["unit_entropy_0"]))


def _model_quality(folder, settings):
    """Likelihood, convergence, and agreement of samples, along the reference runs."""
    if settings["quality"] is None:
        return xr.Dataset()
    return gather(folder, settings, "file", ["quality"], _QUALITY).isel(file=0, drop=True)


_COLLECT = dict(zip(NOTEBOOKS, (_overproduction, _weight_pruning, _fisher_proxy, _neuron_loss, _model_quality)))
_LOSSES = ["kl", "encoding_error"]
_MEASURES = ["activity", "fisher", "input_information", "digit_information", "sparseness", "pixel_tuning", "degree"]
_REFERENCES = ["raw_pixel_error", "digit_quality_test", "digit_quality_random", "test_class_share"]
_REFERENCES += ["data_rank_probability"]
_PROXIES = ["exact_diagonal", "exact_first_eigenvector", "stiff_eigenvectors", "deletion_damage"]
_PROXIES += ["variance_fi", "heuristic_fi", "variance_fi_w2", "heuristic_fi_w2", "weight", "online_fi"]
_PROXIES += ["sampled_first_eigenvector", "first_order_damage", "second_order_damage"]
_SAMPLES_NEEDED = ["relative_error", "diagonal_correlation"]
_QUALITY = ["log_z", "log_z_error", "log_z_exact", "bound", "base_rate", "kind", "r_hat", "two_start_r_hat"]
_QUALITY += ["autocorrelation_time", "rank_correlation", "in_common", "activity", "activity_exact"]
_MACHINE = ["bias_0", "bias_1", "weight_1", "mask_1"]
_SPECTRA = ["spectrum_exact", "spectrum_sampled"]


def _information_matrix(folder):
    """The block of the exact matrix that belongs to the visible units and the most informative hidden ones."""
    whole = read(folder / "fisher" / "0.nc", ["information_matrix_exact", "exact_diagonal"])
    n, m = whole.sizes["unit_0"], whole.sizes["unit_1"]
    information = whole["exact_diagonal"].isel(session=0).sum("unit_0").values
    units = np.sort(np.argsort(-information, kind="stable")[:N_FISHER_UNITS])
    shown = np.concatenate([np.arange(n), n + units, (n + m + np.arange(n)[:, None] * m + units).ravel()])
    matrix = whole["information_matrix_exact"].values[np.ix_(shown, shown)]
    attrs = {
        "long_name": "exact Fisher information of the over-produced machine, seed 0",
        "units": "1",
        "comment": f"biases and synapses of the {len(units)} hidden units of largest Fisher information",
        "n_visible": n,
        "n_hidden": len(units),
    }
    return xr.Dataset({"information_matrix": (("parameter_row", "parameter_column"), matrix, attrs)})


def _agreement(folder, settings):
    """|w| beside the Fisher information of synapses in the over-produced machines, over seed."""
    entries = {"variance_fi": "variance_fi", settings["reference"]: settings["criteria"][settings["reference"]]}
    against, seeds = criteria_of(list(entries.values())), range(settings["n_seeds"])
    found = []
    for seed in seeds:
        stored = xr.load_dataset(folder / "overproduced" / f"{seed}.nc", engine="h5netcdf")
        machine = BoltzmannMachine.from_dataset(stored)
        states = [stored[f"state_{k}"].values for k in range(len(machine.n_units))]
        activity = Activity(states, partial(_awake, settings, machine))
        found.append(agreement.compare(machine, activity, against, settings["pruning"]["fraction"]))
    return xr.concat(found, xr.Variable("seed", list(seeds)))


def _awake(settings, machine):
    return record.views(settings, machine, data.load(settings["dataset"])["train"].values)


def _competition(folder, settings, sessions):
    """Of each hidden unit, the share of its competitors that a session removes, and what its own lost synapses do."""
    layers, found = [0, *range(1, len(settings["machine"]["hidden"]) + 1)], []
    names = [f"unit_activity_{k}" for k in layers] + [f"loss_cause_{k}" for k in layers]
    names += [f"{name}_{k}" for name in ("weight", "mask") for k in layers[1:]]
    for seed in range(settings["n_seeds"]):
        run = read(folder / settings["reference"] / f"{seed}.nc", names)
        pairs = [(run.sel(session=s - 1), run.sel(session=s)) for s in sessions.values]
        found.append(xr.concat([competition(*pair, layers) for pair in pairs], sessions))
    return xr.concat(found, xr.Variable("seed", np.arange(settings["n_seeds"])))
