"""From the files of runs, <runs>/<experiment>/<condition>/<seed>.nc, to the one small dataset that a notebook draws.

Runs are concatenated over criterion (or condition) and seed; a file is open only while what is needed is read.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import h5netcdf
import numpy as np
import xarray as xr

from analysis import data
from analysis.experiment import config as configuration
from analysis.experiment import protocol, record
from analysis.experiment.conditions import conditions
from analysis.experiment.settings import seeds
from analysis.files import netcdf, provenance
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import Activity, criteria_of, label
from analysis.verdicts import agreement
from analysis.verdicts.datasets import NOTEBOOKS, prefixed
from analysis.verdicts.survival import competition

N_FISHER_UNITS = 16  # hidden units whose block of the Fisher information matrix goes into the claim dataset
MANTISSA_BITS = 11  # kept of the measures of single units and synapses: relative error below 1/2000, half the file


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
        part = _Runs(Path(runs) / experiment, settings)
        parts.append(prefixed(_COLLECT[claim](part), experiment))
        names = [name for name in conditions(settings) if name != "overproduced"]
        found = [part.read(name, [], seed).attrs for name in names for seed in seeds(settings)]
        sources[experiment] = found[0].get("data", "")
        codes |= {of.get("code_fingerprint", "") for of in found}
    attrs = provenance.attributes(made_by, claim=claim, title=NOTEBOOKS[claim], data=sources, runs_code=sorted(codes))
    dataset = _join(*parts)
    wide = [name for name, variable in dataset.data_vars.items() if variable.dtype == np.float64]
    dataset = dataset.assign({name: dataset[name].astype(np.float32) for name in wide}).drop_encoding()
    dataset.attrs = attrs
    return dataset


class _Runs:
    """The runs that an experiment's settings ask for."""

    def __init__(self, folder: Path, settings: dict) -> None:
        self.folder, self.settings = folder, settings
        self.criteria, self.reference = [label(entry) for entry in settings["criteria"]], settings["reference"]
        self.layers = range(1, len(settings["machine"]["hidden"]) + 1)

    def read(self, name: str, wanted: Iterable[str], seed: int | None = None) -> xr.Dataset:
        """Those of the wanted variables that a run has. Raises ValueError where there is no file."""
        path = self.folder / name / f"{seeds(self.settings)[0] if seed is None else seed}.nc"
        if not path.is_file():
            raise ValueError(f"run: found no file {path}, expected one written by python -m analysis")
        # xarray would open every variable: ten times slower for a few of many
        with h5netcdf.File(path, "r", locking=False) as run:
            found = {name: _variable(run[name]) for name in wanted if name in run.variables}
            dims = {dim for variable in found.values() for dim in variable.dims}
            coords = {dim: _variable(run[dim]) for dim in sorted(dims) if dim in run.variables}
            return xr.Dataset(found, coords, dict(run.attrs))

    def over_seeds(self, name: str, wanted: list[str]) -> xr.Dataset:
        """Wanted variables of the runs of one condition."""
        numbers = seeds(self.settings)
        return _concat([self.read(name, wanted, seed) for seed in numbers], "seed", numbers)

    def over(self, dim: str, names: list[str], wanted: list[str]) -> xr.Dataset:
        """Wanted variables of the runs of some conditions."""
        return _concat([self.over_seeds(name, wanted) for name in names], dim, names)

    def of_first_seed(self, dim: str, names: list[str], wanted: list[str]) -> xr.Dataset:
        """Wanted variables of one run of each of some conditions."""
        return _concat([self.read(name, wanted) for name in names], dim, names)


def _overproduction(runs):
    """Reference run and controls: sizes and loss after (re)training."""
    names = [runs.reference, *runs.settings["controls"]]
    found = runs.over("condition", names, ["n_units", "n_synapses", *_LOSSES]).sel(stage="retrained", drop=True)
    found = found.assign_coords(condition=["pruned", *runs.settings["controls"]])
    return _join(found, runs.read(runs.reference, ["raw_pixel_error"]))


def _weight_pruning(runs):
    """Sizes and loss by every criterion; by |w| and the reference the synapses of each unit, importance and weights;
    where both disagree in the over-produced machines."""
    pair = [runs.reference, "weight"]
    found = [runs.over("criterion", runs.criteria, ["n_units", "n_synapses", *_LOSSES]), _agreement(runs)]
    degrees = runs.over("compared", pair, [f"unit_degree_{k}" for k in runs.layers])
    found.append(degrees.isel(session=-1, drop=True))
    if "importance" in runs.settings["measures"]:
        found.append(runs.of_first_seed("compared", pair, ["importance_1", "weight_1", "mask_1"]))
    return _join(*found)


def _fisher_proxy(runs):
    """Function by every criterion; examples of one seed; local estimates beside the exact matrix."""
    wanted = ["n_units", "n_synapses", *_LOSSES, "digit_quality", "class_share"]
    found = [runs.over("criterion", runs.criteria, wanted)]
    found.append(_first_and_last(runs.over("criterion", runs.criteria, ["rank_probability"])))
    found.append(_first_and_last(runs.of_first_seed("criterion", runs.criteria, ["example"])))
    found.append(runs.read(runs.reference, [*_OF_DIGITS, "data_rank_probability"]))
    if runs.settings["proxy"]:
        proxies = runs.over_seeds("fisher", [*_PROXIES, *_SPECTRA])
        found += [_round_mantissa(proxies[_PROXIES]), _first_and_last(proxies[_SPECTRA]), _information_matrix(runs)]
        found.append(runs.over_seeds("fisher", ["relative_error", "diagonal_correlation"]))
        found.append(_first_and_last(runs.read(runs.reference, ["bias_0", "bias_1", "weight_1", "mask_1"])))
    return _join(*found)


def _neuron_loss(runs):
    """Each unit of the reference runs before each pruning, its fate in it and its activity right after; by every
    criterion activity, sizes, and the fate of each unit in the first pruning, which is of the same machine."""
    measured = [f"unit_{measure}_{k}" for k in runs.layers for measure in _MEASURES]
    fates, pruned = ([f"{name}_{k}" for k in runs.layers] for name in ("loss_cause", "unit_activity_pruned"))
    reference = runs.over_seeds(runs.reference, [*measured, *fates, *pruned, "unit_degree_0"])
    after = reference.isel(session=slice(1, None))
    before = reference[[name for name in measured if name in reference]].isel(session=slice(0, -1))
    before = _round_mantissa(before).assign_coords(session=after["session"])
    connected = (after["unit_degree_0"] > 0).astype(np.uint8)
    connected.attrs = {"long_name": "pixel has a synapse after the pruning", "units": "1"}
    right_after = _round_mantissa(after[pruned].merge(_competition(runs, after["session"])))
    units = before.merge(after[fates]).merge(right_after).assign(connected_0=connected).rename(session="pruning")
    by_criterion = runs.over("criterion", runs.criteria, ["activity", "n_synapses", "n_units", *fates])
    first = by_criterion[fates].isel(session=1, drop=True).rename({name: f"first_{name}" for name in fates})
    return _join(by_criterion.drop_vars(fates), first, units, runs.read(runs.reference, ["unit_entropy_0"]))


def _model_quality(runs):
    """Likelihood, convergence, and agreement of samples, along the reference runs."""
    return xr.Dataset() if runs.settings["quality"] is None else runs.over_seeds("quality", _QUALITY)


_COLLECT = dict(zip(NOTEBOOKS, (_overproduction, _weight_pruning, _fisher_proxy, _neuron_loss, _model_quality)))
_LOSSES = ["kl", "encoding_error"]
_MEASURES = ["activity", "fisher", "input_information", "digit_information", "sparseness", "pixel_tuning", "degree"]
_OF_DIGITS = ["raw_pixel_error", "digit_quality_test", "digit_quality_random", "test_class_share"]
_PROXIES = ["exact_diagonal", "exact_first_eigenvector", "stiff_eigenvectors", "deletion_damage"]
_PROXIES += ["variance_fi", "heuristic_fi", "variance_fi_w2", "heuristic_fi_w2", "weight", "online_fi"]
_PROXIES += ["sampled_first_eigenvector", "first_order_damage", "second_order_damage"]
_SPECTRA = ["spectrum_exact", "spectrum_sampled"]
_QUALITY = ["log_z", "log_z_error", "log_z_exact", "bound", "base_rate", "kind", "r_hat", "two_start_r_hat"]
_QUALITY += ["autocorrelation_time", "rank_correlation", "in_common", "activity", "activity_exact"]


def _information_matrix(runs):
    """The block of the exact matrix that belongs to the visible units and the most informative hidden ones."""
    whole = runs.read("fisher", ["information_matrix_exact", "exact_diagonal"])
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


def _agreement(runs):
    """|w| beside the Fisher information of synapses in the over-produced machines, over seed."""
    settings, found = runs.settings, []
    against = criteria_of(list(dict.fromkeys(["variance_fi", protocol.reference_entry(settings)])))
    for seed in seeds(settings):
        stored = netcdf.read(runs.folder / "overproduced" / f"{seed}.nc")
        machine = BoltzmannMachine.from_dataset(stored)
        states = [stored[f"state_{k}"].values for k in range(len(machine.n_units))]
        activity = Activity(states, partial(_views, settings, machine))
        found.append(agreement.compare(machine, activity, against, settings["pruning"]["fraction"]))
    return xr.concat(found, xr.Variable("seed", seeds(settings)))


def _views(settings, machine):
    return record.views(settings, machine, data.load(settings["dataset"])["train"].values)


def _competition(runs, sessions):
    """Of each hidden unit, the share of its competitors that a session removes, and what its own lost synapses do."""
    layers, found = [0, *runs.layers], []
    wanted = [f"{name}_{k}" for name in ("unit_activity", "loss_cause", "weight", "mask") for k in layers]
    for seed in seeds(runs.settings):
        run = runs.read(runs.reference, wanted, seed)
        pairs = [(run.sel(session=s - 1), run.sel(session=s)) for s in sessions.values]
        found.append(xr.concat([competition(*pair, layers) for pair in pairs], sessions))
    return xr.concat(found, xr.Variable("seed", seeds(runs.settings)))


def _first_and_last(dataset):
    """The first and the last session alone, over a dimension of their own."""
    if not dataset.data_vars:
        return xr.Dataset()
    return dataset.isel(session=[0, -1]).assign_coords(session=["first", "last"]).rename(session="shown")


def _concat(datasets, dim, values):
    options: dict = {"join": "outer", "combine_attrs": "override", "coords": "minimal", "compat": "override"}
    return xr.concat(datasets, xr.Variable(dim, list(values)), data_vars="all", **options)


def _join(*datasets):
    """The variables of all of them in one dataset."""
    return xr.merge(datasets, join="outer", compat="no_conflicts", combine_attrs="override")


def _round_mantissa(dataset):
    """Numbers rounded to MANTISSA_BITS bits, so that files compress; NaN stays."""
    step = np.float32(2.0**MANTISSA_BITS)

    def rounded(x):
        mantissa, exponent = np.frexp(x.astype(np.float32))
        return np.ldexp(np.round(mantissa * step) / step, exponent)

    return xr.apply_ufunc(rounded, dataset, keep_attrs=True)


def _variable(stored):
    values = np.asarray(stored[...])
    attrs = {name: value for name, value in stored.attrs.items() if name not in ("_FillValue", "coordinates")}
    return xr.Variable(stored.dimensions, values.astype(str) if values.dtype.kind in "OS" else values, attrs)
