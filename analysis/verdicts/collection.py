"""From the files of runs, <runs>/<experiment>/<condition>/<seed>.nc, to the one small dataset that a notebook draws.

Runs are concatenated over criterion (or condition) and seed; a file is open only while what is needed is read.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from analysis.experiment import config as configuration
from analysis.experiment import controls
from analysis.experiment.conditions import conditions
from analysis.experiment.local_estimates import LOCAL, TARGETS
from analysis.experiment.settings import of_seed, seeds
from analysis.files import netcdf, provenance
from analysis.pruning import label
from analysis.verdicts import quality, survival
from analysis.verdicts.comparisons import rank_correlations
from analysis.verdicts.datasets import CLAIMS, NOTEBOOKS

MANTISSA_BITS = 11  # kept of the measures of single units and synapses: relative error below 1/2000, half the file


def collect(claim: str, runs: Path | str, config: Path | str | dict) -> xr.Dataset:
    """The claim dataset: runs concatenated over criterion (or condition) and seed, what the notebook needs.

    claim : name, one of NOTEBOOKS. runs : folder of <experiment>/<condition>/<seed>.nc. config : its path, or itself.
    Variables, dimensions and coordinates of an experiment begin with its name: `patches_kl`, `digits_seed`.
    Raises ValueError for an unknown claim and where a run is missing.
    """
    if claim not in NOTEBOOKS:
        raise ValueError(f"claim: found {claim!r}, expected one of {', '.join(NOTEBOOKS)}")
    made_by = config if isinstance(config, dict) else configuration.load(config)
    parts, sources, codes = [], {}, set[str]()
    for experiment, settings in made_by["experiments"].items():
        there = _Runs(Path(runs) / experiment, settings)
        part = _join(_COLLECT[claim](there), _checks(there) if claim in CLAIMS else xr.Dataset())
        parts.append(part.rename({name: f"{experiment}_{name}" for name in {*part.variables, *part.dims}}))
        attributes = [there.read(name, [], seed).attrs for name in conditions(settings) for seed in there.seeds(name)]
        sources[experiment] = attributes[0]["data"]
        codes |= {of["code_fingerprint"] for of in attributes}
    attrs = provenance.attributes(made_by, claim=claim, title=NOTEBOOKS[claim], data=sources, runs_code=sorted(codes))
    dataset = _join(*parts)
    wide = [name for name, variable in dataset.data_vars.items() if variable.dtype == np.float64]
    dataset = dataset.assign({name: dataset[name].astype(np.float32) for name in wide}).drop_encoding()
    dataset.attrs = attrs
    return dataset


class _Runs:
    """The runs that an experiment's settings ask for; what is read of them, and what is made of it."""

    def __init__(self, folder, settings):
        self.folder, self.settings = folder, settings
        self.criteria, self.reference = [label(entry) for entry in settings["criteria"]], settings["reference"]
        self.layers = range(1, len(settings["machine"]["hidden"]) + 1)
        self.conditions = {seed: conditions(of_seed(settings, seed)) for seed in seeds(settings)}

    def seeds(self, name):
        """Those of a condition: not all are made of further seeds."""
        return [seed for seed, made in self.conditions.items() if name in made]

    def read(self, name, wanted, seed=None):
        """Those of the wanted variables that a run has, the first seed's unless another is named."""
        seed = seeds(self.settings)[0] if seed is None else seed
        run = netcdf.some(path := self.folder / name / f"{seed}.nc", wanted)
        of = run.attrs
        made = of.get("experiment"), of.get("condition"), *np.ravel(of.get("seed", -1)).tolist()
        if made != (asked := (self.folder.name, name, seed)):
            raise ValueError(f"run: found that of {made} in {path}, expected {asked}; remove it and make it again")
        return run

    def over_seeds(self, name, wanted, reduce=lambda run: run, n=None):
        """Of a condition, by seed (the first n), what `reduce` makes of a run; nothing where the settings have none."""
        numbers = self.seeds(name)[:n]
        runs = [reduce(self.read(name, wanted, seed)) for seed in numbers]
        return _concat(runs, "seed", numbers) if runs else xr.Dataset()

    def over(self, dim, names, wanted, reduce=lambda run: run):
        """The same of some conditions, NaN where a seed was not asked for."""
        return _concat([self.over_seeds(name, wanted, reduce) for name in names], dim, names)

    def of_first_seed(self, dim, names, wanted):
        return _concat([self.read(name, wanted) for name in names], dim, names)


def _overproduction(runs):
    """Reference run and controls, with as many updates and with as much work: sizes and function after (re)training."""
    names = controls.names(runs.settings)
    found = runs.over("condition", [runs.reference, *names], _FUNCTION)
    found = found.isel(stage=-1, drop=True, missing_dims="ignore")  # retrained; likelihood has no other stage
    return _join(found.assign_coords(condition=["pruned", *names]), runs.read("overproduced", ["raw_pixel_error"]))


def _weight_pruning(runs):
    """Sizes and function by every criterion; of one hidden layer, what one seed has left by |w| and the reference."""
    found = runs.over("criterion", runs.criteria, _FUNCTION)
    if len(runs.layers) > 1:
        return found
    pair = [name for name in dict.fromkeys([runs.reference, "weight"]) if name in runs.criteria]
    return _join(found, runs.of_first_seed("compared", pair, ["weight_1", "mask_1"]).isel(session=-1, drop=True))


def _fisher_proxy(runs):
    """Function by every criterion; examples of one seed; local estimates beside the exact matrix."""
    found = [runs.over("criterion", runs.criteria, [*_FUNCTION, "class_share"]), runs.read("overproduced", _OF_DIGITS)]
    some = runs.of_first_seed("criterion", runs.criteria, ["example"]), runs.over_seeds("fisher", ["spectrum_exact"])
    return _join(*found, _estimates(runs, TARGETS + LOCAL), *map(_first_and_last, some))


def _beyond_the_paper(runs):
    """Sizes and function by every criterion; estimates by the criteria beside the exact damage."""
    damage = _estimates(runs, ["exact_damage", *runs.criteria])
    return _join(runs.over("criterion", runs.criteria, _FUNCTION), damage)


def _estimates(runs, names):
    """Rank correlations of estimates for the full machine and after the last session; maps of the first seed alone."""

    def first_and_last(run):
        return _round_mantissa(run.isel(session=[0, -1]))

    rho = runs.over_seeds("fisher", names, lambda run: rank_correlations(first_and_last(run)).to_dataset())
    first = runs.over_seeds("fisher", names, first_and_last, 1)
    return _join(rho, first.isel(seed=0, drop=True, missing_dims="ignore"))


def _neuron_loss(runs):
    """By every criterion activity, sizes, and what lost units were like; of the reference each unit and its fate."""
    layers, sizes = runs.layers, ["activity", "n_synapses", "n_units"]
    before = ["loss_cause", *(f"unit_{name}" for name in (*_MEASURES, "inputs", "outputs"))]
    after = ["loss_cause", "unit_activity", "unit_activity_pruned", "weight", "mask"]
    before, after = ([f"{name}_{k}" for name in names for k in layers] for names in (before, after))
    after += ["unit_activity_0", "unit_outputs_0"]

    def losses(run):
        return run[sizes].merge(survival.losses(run, _MEASURES, layers))

    lost = runs.over("criterion", runs.criteria, [*sizes, *before], losses)
    n = runs.settings["n_seeds"]  # further seeds would double the file, for predictions that are decided
    fates = runs.over_seeds(runs.reference, before, survival.fates, n)
    rises = runs.over_seeds(runs.reference, after, lambda run: survival.aftermath(run, layers), n)
    return _join(lost, *map(_round_mantissa, (fates, rises)), runs.read("overproduced", ["unit_entropy_0"]))


def _checks(runs):
    """Values of the model checks that conclusions rest on, (seed, session), of machines that are checked so."""
    found = runs.over_seeds("quality", quality.READ)
    values = {name: quality.values(found, name).reset_coords(drop=True) for name in quality.DECISIVE if found}
    return xr.Dataset({f"check_{name}": checked for name, checked in values.items() if checked.notnull().any()})


_COLLECT = {
    "01_overproduction": _overproduction,
    "02_weight_pruning": _weight_pruning,
    "03_fisher_proxy": _fisher_proxy,
    "04_neuron_loss": _neuron_loss,
    "05_beyond_the_paper": _beyond_the_paper,
    "06_model_quality": lambda runs: runs.over_seeds("quality", _QUALITY),
    "08_when_to_prune": _overproduction,
}
_FUNCTION = ["n_units", "n_synapses", "kl", "encoding_error", "digit_quality", "wrong"]
_FUNCTION += ["negative_log_likelihood", "log_z_gap"]
_MEASURES = ["activity", "fisher", "input_information", "digit_information", "sparseness", "pixel_tuning"]
_OF_DIGITS = ["raw_pixel_error", "digit_quality_test", "digit_quality_random"]
_QUALITY: list[str] = ["log_z", "log_z_error", "log_z_exact", "bound", "base_rate", "kl", "kl_reachable", "activity"]
_QUALITY += ["activity_exact", "kind", "r_hat", "two_start_r_hat", "autocorrelation_time", "rank_correlation"]
_QUALITY += ["in_common", "log_z_backwards", "log_z_backwards_error", "tempered_r_hat", "acceptance", "round_trips"]
_QUALITY += ["share", "share_exact", "share_data"]


def _first_and_last(dataset):
    """The first and the last session alone, over a dimension of their own."""
    if not dataset.data_vars:
        return xr.Dataset()
    return dataset.isel(session=[0, -1]).assign_coords(session=["first", "last"]).rename(session="shown")


def _concat(datasets, dim, values):
    options: dict = {"join": "outer", "combine_attrs": "override", "coords": "minimal", "compat": "override"}
    return xr.concat(datasets, xr.Variable(dim, list(values)), data_vars="all", **options)


def _join(*datasets):
    return xr.merge(datasets, join="outer", compat="no_conflicts", combine_attrs="override")


def _round_mantissa(dataset):
    """Fractions rounded to MANTISSA_BITS bits, so that files compress; NaN and integers stay."""
    step = np.float32(2.0**MANTISSA_BITS)

    def rounded(x):
        if x.dtype.kind != "f":
            return x
        mantissa, exponent = np.frexp(x.astype(np.float32))
        return np.ldexp(np.round(mantissa * step) / step, exponent)

    return xr.apply_ufunc(rounded, dataset, keep_attrs=True)
