"""From the files of runs to the one small dataset that a notebook draws and judges.

    collect(claim, runs, config)   <runs>/<experiment>/<condition>/<seed>.nc -> claim dataset

Runs are concatenated over criterion (or condition) and seed; a run file is open only while what is needed is read.
"""

from pathlib import Path

import h5netcdf
import numpy as np
import xarray as xr

from analysis.experiment import config as configuration
from analysis.files import provenance
from analysis.machine.model import BoltzmannMachine
from analysis.verdicts import agreement
from analysis.verdicts.survival import competition

CLAIMS = {
    "01_overproduction": "Activity-dependent pruning needs an over-populated network to start from",
    "02_weight_pruning": "Pruning by synaptic weight alone does not optimise network size",
    "03_fisher_proxy": "A local proxy of Fisher information tells important synapses and neurons from unimportant ones",
    "04_neuron_loss": "Neurons compete for activity, and only the important, selective ones stay",
}
CHECKS = {
    "05_model_quality": "The samples and likelihoods that the conclusions rest on can be trusted"
}  # not the paper's
NOTEBOOKS = CLAIMS | CHECKS
N_FISHER_UNITS = 16  # hidden units whose block of the Fisher information matrix goes into the claim dataset
MANTISSA_BITS = 11  # kept of the measures of single units and synapses: relative error below 1/2000, half the file


def collect(claim, runs, config):
    """The claim dataset: runs concatenated over criterion (or condition) and seed, what the notebook needs.

    claim : name, one of NOTEBOOKS. runs : folder of <experiment>/<condition>/<seed>.nc. config : path of the config.
    Variables, dimensions and coordinates of an experiment begin with its name: `patches_kl`, `digits_seed`.
    Raises ValueError for an unknown claim and where a run is missing.
    """
    if claim not in NOTEBOOKS:
        raise ValueError(f"claim: found {claim!r}, expected one of {', '.join(NOTEBOOKS)}")
    config = configuration.load(config)
    parts, sources, codes = [], {}, set()
    for experiment, settings in config["experiments"].items():
        folder = Path(runs) / experiment
        part = _COLLECT[claim](folder, settings)
        made = [_read(folder / name / f"{seed}.nc", []).attrs for name, seed in runs_of(settings)]
        sources[experiment] = made[0].get("data", "")
        codes |= {attrs.get("code_fingerprint", "") for attrs in made}
        parts.append(part.rename({name: f"{experiment}_{name}" for name in {*part.variables, *part.dims}}))
    attrs = provenance.attributes(config, claim=claim, title=NOTEBOOKS[claim], data=sources, runs_code=sorted(codes))
    dataset = _compact(_join(*parts))
    dataset.attrs = attrs
    return dataset


def runs_of(settings):
    """[(condition, seed)] of every run that an experiment's settings ask for, over-produced machines apart."""
    names = [*settings["criteria"], *settings["controls"], *["fisher"] * settings["proxy"]]
    names += ["quality"] * (settings["quality"] is not None)
    return [(name, seed) for name in names for seed in range(settings["n_seeds"])]


def _overproduction(folder, settings):
    """Reference run and controls: sizes and loss after (re)training."""
    names, wanted = [settings["reference"], *settings["controls"]], ["n_units", "n_synapses", *_LOSSES]
    runs = _gather(folder, settings, "condition", names, wanted).sel(stage="retrained", drop=True)
    return _join(
        runs.assign_coords(condition=["pruned", *settings["controls"]]),
        _constants(folder, settings, ["raw_pixel_error"]),
    )


def _weight_pruning(folder, settings):
    """Sizes and loss by every criterion; by |w| and the reference the synapses of each unit, importance and weights;
    where both disagree in the over-produced machines."""
    pair, layers = [settings["reference"], "weight"], _hidden_layers(settings)
    found = [_gather(folder, settings, "criterion", settings["criteria"], ["n_units", "n_synapses", *_LOSSES])]
    found.append(_agreement(folder, settings))
    degrees = _gather(folder, settings, "compared", pair, [f"unit_degree_{k}" for k in layers])
    found.append(degrees.isel(session=-1, drop=True))
    if "importance" in settings["measures"]:
        maps = ["importance_1", "weight_1", "mask_1"]
        found.append(_gather(folder, settings, "compared", pair, maps, n_seeds=1).isel(seed=0, drop=True))
    return _join(*found)


def _fisher_proxy(folder, settings):
    """Function by every criterion; examples of one seed; local estimates beside the exact matrix."""
    criteria = settings["criteria"]
    wanted = ["n_units", "n_synapses", *_LOSSES, "digit_quality", "class_share"]
    found = [_gather(folder, settings, "criterion", criteria, wanted)]
    found.append(_first_and_last(_gather(folder, settings, "criterion", criteria, ["rank_probability"])))
    examples = _gather(folder, settings, "criterion", criteria, ["example"], n_seeds=1)
    found.append(_first_and_last(examples.isel(seed=0, drop=True)))
    found.append(_constants(folder, settings, _REFERENCES))
    if settings["proxy"]:
        proxies = _gather(folder, settings, "file", ["fisher"], [*_PROXIES, *_SPECTRA]).isel(file=0, drop=True)
        found += [_round_mantissa(proxies[_PROXIES]), _first_and_last(proxies[_SPECTRA]), _information_matrix(folder)]
        found.append(_gather(folder, settings, "file", ["fisher"], _SAMPLES_NEEDED).isel(file=0, drop=True))
        machines = _gather(folder, settings, "file", [settings["reference"]], _MACHINE, n_seeds=1)
        found.append(_first_and_last(machines.isel(file=0, seed=0, drop=True)))
    return _join(*found)


def _neuron_loss(folder, settings):
    """Each unit of the reference runs before each pruning, its fate in it and its activity right after; by every
    criterion activity, sizes, and the fate of each unit in the first pruning, which is of the same machine."""
    layers, reference = _hidden_layers(settings), [settings["reference"]]
    measured = [f"unit_{measure}_{k}" for k in layers for measure in _MEASURES]
    fates = [f"loss_cause_{k}" for k in layers]
    pruned = [f"unit_activity_pruned_{k}" for k in layers]
    wanted = [*measured, *fates, *pruned, "unit_degree_0"]
    runs = _gather(folder, settings, "file", reference, wanted).isel(file=0, drop=True)
    after = runs.isel(session=slice(1, None))
    measured = [name for name in measured if name in runs]
    before = _round_mantissa(runs[measured].isel(session=slice(0, -1))).assign_coords(session=after["session"])
    connected = (after["unit_degree_0"] > 0).astype(np.uint8)
    connected.attrs = {"long_name": "pixel has a synapse after the pruning", "units": "1"}
    right_after = _round_mantissa(after[pruned].merge(_competition(folder, settings, after["session"])))
    units = before.merge(after[fates]).merge(right_after).assign(connected_0=connected).rename(session="pruning")
    wanted = ["activity", "n_synapses", "n_units", *fates]
    by_criterion = _gather(folder, settings, "criterion", settings["criteria"], wanted)
    first = by_criterion[fates].isel(session=1, drop=True).rename({name: f"first_{name}" for name in fates})
    return _join(by_criterion.drop_vars(fates), first, units, _constants(folder, settings, ["unit_entropy_0"]))


def _model_quality(folder, settings):
    """Likelihood, convergence, and agreement of samples, along the reference runs."""
    if settings["quality"] is None:
        return xr.Dataset()
    return _gather(folder, settings, "file", ["quality"], _QUALITY).isel(file=0, drop=True)


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
    whole = _read(folder / "fisher" / "0.nc", ["information_matrix_exact", "exact_diagonal"])
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
    against, seeds = list(dict.fromkeys(["variance_fi", settings["reference"]])), range(settings["n_seeds"])
    found = []
    for seed in seeds:
        stored = _read_whole(folder / "overproduced" / f"{seed}.nc")
        machine = BoltzmannMachine.from_dataset(stored)
        states = [stored[f"state_{k}"].values for k in range(len(machine.n_units))]
        found.append(agreement.compare(machine, states, against, settings["pruning"]["fraction"]))
    return xr.concat(found, xr.Variable("seed", list(seeds)))


def _competition(folder, settings, sessions):
    """Of each hidden unit, the share of its competitors that a session removes, and what its own lost synapses do."""
    layers, found = [0, *_hidden_layers(settings)], []
    names = [f"unit_activity_{k}" for k in layers] + [f"loss_cause_{k}" for k in layers]
    names += [f"{name}_{k}" for name in ("weight", "mask") for k in layers[1:]]
    for seed in range(settings["n_seeds"]):
        run = _read(folder / settings["reference"] / f"{seed}.nc", names)
        pairs = [(run.sel(session=s - 1), run.sel(session=s)) for s in sessions.values]
        found.append(xr.concat([competition(*pair, layers) for pair in pairs], sessions))
    return xr.concat(found, xr.Variable("seed", np.arange(settings["n_seeds"])))


def _gather(folder, settings, dim, names, wanted, n_seeds=None):
    """Those of the wanted variables that runs have, over `dim` (names) and seed."""
    options: dict = {"join": "outer", "combine_attrs": "override", "coords": "minimal", "compat": "override"}
    seeds = xr.Variable("seed", np.arange(n_seeds or settings["n_seeds"]))
    runs = [
        xr.concat([_read(folder / name / f"{k}.nc", wanted) for k in seeds.values], seeds, data_vars="all", **options)
        for name in names
    ]
    return xr.concat(runs, xr.Variable(dim, list(names)), data_vars="all", **options)


def _constants(folder, settings, names):
    """Variables that no run changes, from the reference run of the first seed."""
    return _read(folder / settings["reference"] / "0.nc", names)


def _first_and_last(dataset):
    """The first and the last session alone, over a dimension of their own."""
    if not dataset.data_vars:
        return xr.Dataset()
    return dataset.isel(session=[0, -1]).assign_coords(session=["first", "last"]).rename(session="shown")


def _hidden_layers(settings):
    return range(1, len(settings["machine"]["hidden"]) + 1)


def _join(*datasets):
    return xr.merge(datasets, join="outer", compat="no_conflicts", combine_attrs="override")


def _read(path, wanted):
    if not path.is_file():
        raise ValueError(f"run: found no file {path}, expected one written by python -m analysis")
    with h5netcdf.File(path, "r") as run:  # xarray would open every variable: ten times slower for a few of many
        data = {name: _variable(run[name]) for name in wanted if name in run.variables}
        dims = {dim for variable in data.values() for dim in variable.dims}
        coords = {dim: _variable(run[dim]) for dim in sorted(dims) if dim in run.variables}
        return xr.Dataset(data, coords, dict(run.attrs))


def _read_whole(path):
    if not path.is_file():
        raise ValueError(f"run: found no file {path}, expected one written by python -m analysis")
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


def _variable(stored):
    values = np.asarray(stored[...])
    attrs = {name: value for name, value in stored.attrs.items() if name not in ("_FillValue", "coordinates")}
    return xr.Variable(stored.dimensions, values.astype(str) if values.dtype.kind in "OS" else values, attrs)


def _compact(dataset):
    """float64 as float32, without the encodings of the files it came from."""
    wide = [name for name, variable in dataset.data_vars.items() if variable.dtype == np.float64]
    return dataset.assign({name: dataset[name].astype(np.float32) for name in wide}).drop_encoding()


def _round_mantissa(dataset):
    """Numbers rounded to MANTISSA_BITS bits, so that files compress; NaN stays."""
    step = np.float32(2.0**MANTISSA_BITS)

    def rounded(x):
        mantissa, exponent = np.frexp(x.astype(np.float32))
        return np.ldexp(np.round(mantissa * step) / step, exponent)

    return xr.apply_ufunc(rounded, dataset, keep_attrs=True)
