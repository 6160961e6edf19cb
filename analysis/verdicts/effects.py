"""What a claim predicts, as one number a seed, positive where its sentence holds.

    loss        loss(worse) - loss(better)
    units       n_units(more) - n_units(fewer)
    rank        Spearman's rho(proxy, target)
    survivors   P(survivor > lost unit)

All differences are within a seed, whose runs start from the same over-produced machine. A part of a claim dataset goes
in, the runs of one experiment, and a prediction of the config's `claims:` (experiment/predictions.py has its entries).
"""

from collections.abc import Callable

import numpy as np
import xarray as xr

from analysis.verdicts import comparisons
from analysis.verdicts.comparisons import at_equal_size, at_session, hidden_units
from analysis.verdicts.survival import probability_above, rise


def of(part: xr.Dataset, prediction: dict) -> tuple[np.ndarray, str]:
    """(effect, its unit): (n_seeds,), or (n_seeds, n_images) of errors; NaN where a seed can't tell.

    Raises ValueError where the part lacks what the prediction names.
    """
    effect, units = EFFECTS[prediction["effect"]]
    values = np.asarray(effect(part, prediction), dtype=np.float64)
    return values, units or part[prediction["measure"]].attrs.get("units", "1")


def loss(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """loss(worse) - loss(better), retrained; of quality the other way round.

    Two criteria: at equal synapses, or hidden units. Controls: after the same session. Errors: test image by test
    image, (seed, image).
    """
    worse, better = prediction["worse"], prediction["better"]
    measure = _stored(part, prediction["measure"])
    if measure.name == "encoding_error":
        measure = _stored(part, "wrong")
    if "stage" in measure.dims:
        measure = measure.sel(stage="retrained")
    if "condition" in measure.dims:
        losses = [measure.sel(condition=_known(part, "condition", name), drop=True) for name in (worse, better)]
        difference = losses[0].astype(np.float64) - losses[1]
    else:
        worse, better = (_known(part, "criterion", name) for name in (worse, better))
        difference = at_equal_size(part, measure, worse, better, prediction.get("equal", "synapses"))
    values = at_session(difference, prediction.get("session", "last"))
    return -values if prediction["measure"] == "digit_quality" else values


def units(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """n_units(more) - n_units(fewer) at equal synapses; layer: a number, or all for the hidden units' sum."""
    more, fewer = (_known(part, "criterion", prediction[key]) for key in ("more", "fewer"))
    n_units = hidden_units(part, prediction["layer"])
    return at_session(at_equal_size(part, n_units, more, fewer, "synapses"), prediction.get("session", "last"))


def units_at_equal_function(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """The same where the loss of either crosses that of the over-produced machine plus the tolerance."""
    pair = [_known(part, "criterion", prediction[key]) for key in ("more", "fewer")]
    measure = _stored(part, prediction["measure"]).name
    more, fewer = (comparisons.units_at_equal_function(part, name, measure, prediction["tolerance"]) for name in pair)
    return (more - fewer).values


def rank(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """Spearman's rho of a local estimate with what the whole machine tells, over the synapses that exist."""
    pair = {"estimate": prediction["proxy"], "other": prediction["target"]}
    rho = _stored(part, "rho").sel({dim: _known(part, dim, name) for dim, name in pair.items()}, drop=True)
    return at_session(rho, prediction["session"])


def survivors(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """P(survivor > lost unit of its session) under the reference, less the same under another criterion, or 1/2."""
    reference, than = part.attrs["reference"], prediction.get("than")
    above = _above(part, prediction, reference)
    return above - (_above(part, prediction, than) if than else 0.5)


def axonal(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """n(lost their outputs alone) / n(lost), reference; comparable: of those with about as many inputs as outputs.

    NaN of the last layer, which has no outputs.
    """
    lost, gone = losses(part, prediction)
    has_outputs = prediction["layer"] != part["hidden_layer"].values[-1]
    return (gone / lost.where((lost > 0) & has_outputs)).values


def losses(part: xr.Dataset, prediction: dict) -> list[xr.DataArray]:
    """Counts (seed,) that `axonal` is the share of: lost units, and those of them that lost their outputs alone."""
    comparable = prediction.get("comparable", False)
    names = ("n_comparable", "n_axonal_comparable") if comparable else ("n_lost", "n_axonal")
    counts = [_stored(part, name).sel(criterion=part.attrs["reference"]) for name in names]
    if prediction["layer"] == "all":
        return [count.sum("hidden_layer") for count in counts]
    return [count.sel(hidden_layer=_known(part, "hidden_layer", prediction["layer"])) for count in counts]


def disconnected(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """P(entropy of a connected pixel > that of a disconnected one) - 1/2, last session, reference."""

    def above_rest(values, chosen):
        return probability_above(values[chosen], values[~chosen]) - 0.5

    pixels = _stored(part, "unit_entropy_0"), _stored(part, "connected_0").astype(bool)
    p = xr.apply_ufunc(above_rest, *pixels, input_core_dims=[["unit_0"]] * 2, vectorize=True)
    return at_session(p.rename(pruning="session"), "last")


def neighbours_rise(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """Partial rank correlation of a survivor's rise in activity with the share of competitors lost; reference."""
    _stored(part, f"unit_competitors_lost_{prediction['layer']}")
    return np.array([rise(part.isel(seed=k), prediction["layer"]) for k in range(part.sizes["seed"])])


EFFECTS: dict[str, tuple[Callable[[xr.Dataset, dict], np.ndarray], str]] = {
    "loss": (loss, ""),  # the measure's
    "units": (units, "units"),
    "units_at_equal_function": (units_at_equal_function, "units"),
    "rank": (rank, "rho"),
    "survivors": (survivors, "probability"),
    "axonal": (axonal, "share of losses"),
    "disconnected": (disconnected, "probability"),
    "rise": (neighbours_rise, "rho"),
}


def _above(part, prediction, criterion):
    """P(survivor > lost unit), (n_seeds,), by a measure; of all layers weighted by their losses."""
    above, name = _stored(part, "survivor_above_lost"), _known(part, "criterion", criterion)
    above = above.sel(unit_measure=_known(part, "unit_measure", prediction["measure"]), criterion=name)
    lost = _stored(part, "n_lost").sel(criterion=name)
    if prediction["layer"] != "all":
        return above.sel(hidden_layer=_known(part, "hidden_layer", prediction["layer"])).values
    return above.weighted(lost.where(above.notnull(), 0)).mean("hidden_layer").values


def _stored(part, name):
    """A variable of the part; ValueError where it has none."""
    if name not in part:
        raise ValueError(f"prediction: found no {name} of {part.attrs['experiment']}, expected what its runs measure")
    return part[name]


def _known(part, dim, name):
    """A name along a dim of the part; ValueError where it is none."""
    known = part[dim].values.tolist() if dim in part else []
    if name not in [*known, *(["pruned"] if dim == "criterion" else [])]:
        among = f"one of the {dim} values of {part.attrs['experiment']}: {', '.join(map(str, known)) or 'none'}"
        raise ValueError(f"prediction: found {name!r}, expected {among}")
    return name
