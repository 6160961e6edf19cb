"""What a claim predicts, as one number a seed, positive where its sentence holds: (part, prediction) -> (seed,).

All differences are within a seed, whose runs start from the same over-produced machine. part : of a claim dataset, the
runs of one experiment. prediction : of the config's `claims:`; experiment/predictions.py says what its entries mean.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr

from analysis.experiment.predictions import UNITS
from analysis.verdicts import comparisons
from analysis.verdicts.comparisons import at_equal_size, at_session, hidden_units
from analysis.verdicts.survival import probability_above, rise


def of(part: xr.Dataset, prediction: dict) -> tuple[np.ndarray, str]:
    """(effect, its unit), NaN where a seed can't tell. Raises ValueError where the part lacks what is named."""
    effect = prediction["effect"]
    try:
        values = np.asarray(EFFECTS[effect](part, prediction), dtype=np.float64)
    except KeyError as error:
        lacking, experiment = " ".join(str(error.args[0]).split()), part.attrs["experiment"]
        message = f"found {prediction}, expected names that runs of {experiment} have ({lacking})"
        raise ValueError(f"prediction: {message}") from error
    return values, part[prediction["measure"]].attrs.get("units", "1") if effect == "loss" else UNITS[effect]


def loss(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """loss(worse) - loss(better), retrained; quality the other way round; errors of shared images (seed, image)."""
    worse, better, name = (prediction[key] for key in ("worse", "better", "measure"))
    measure = part["wrong" if name == "encoding_error" and "wrong" in part else name]
    if "stage" in measure.dims:
        measure = measure.sel(stage="retrained")
    if "condition" in measure.dims:
        losses = [measure.sel(condition=condition, drop=True) for condition in (worse, better)]
        difference = losses[0].astype(np.float64) - losses[1]
    else:
        difference = at_equal_size(part, measure, worse, better, prediction.get("equal", "synapses"))
    values = at_session(difference, prediction.get("session", "last"))
    return -values if name == "digit_quality" else values


def units(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """n_units(more) - n_units(fewer) at equal synapses."""
    n_units = hidden_units(part, prediction["layer"])
    difference = at_equal_size(part, n_units, prediction["more"], prediction["fewer"], "synapses")
    return at_session(difference, prediction.get("session", "last"))


def units_at_equal_function(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """n_units(more) - n_units(fewer), each where its loss crosses that of the over-produced machine plus tolerance."""
    asked, pair = (prediction["measure"], prediction["tolerance"]), (prediction["more"], prediction["fewer"])
    more, fewer = (comparisons.units_at_equal_function(part, name, *asked) for name in pair)
    return (more - fewer).values


def rank(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """Spearman's rho of a local estimate with what the whole machine tells, over the synapses that exist."""
    rho = part["rho"].sel(estimate=prediction["proxy"], other=prediction["target"], drop=True)
    return at_session(rho, prediction["session"])


def survivors(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """P(survivor > lost unit of its session), reference, less that of another criterion or 1/2; by losses a layer."""
    above, layer = part["survivor_above_lost"].sel(unit_measure=prediction["measure"]), prediction["layer"]
    if layer == "all":
        above = above.weighted(part["n_lost"].where(above.notnull(), 0)).mean("hidden_layer")
    else:
        above = above.sel(hidden_layer=layer)
    than = above.sel(criterion=prediction["than"]) if "than" in prediction else 0.5
    return (above.sel(criterion=part.attrs["reference"]) - than).values


def axonal(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """n(lost their outputs alone) / n(lost), reference; NaN of the last layer, which has no outputs."""
    lost, gone = losses(part, prediction)
    has_outputs = prediction["layer"] != part["hidden_layer"].values[-1]
    return (gone / lost.where((lost > 0) & has_outputs)).values


def losses(part: xr.Dataset, prediction: dict) -> list[xr.DataArray]:
    """Counts (seed,) that `axonal` is the share of: lost units, and those of them that lost their outputs alone."""
    comparable, layer = prediction.get("comparable", False), prediction["layer"]
    names = ["n_comparable", "n_axonal_comparable"] if comparable else ["n_lost", "n_axonal"]
    counts = part[names].sel(criterion=part.attrs["reference"])
    counts = counts.sum("hidden_layer") if layer == "all" else counts.sel(hidden_layer=layer)
    return [counts[name] for name in names]


def disconnected(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """P(entropy of a connected pixel > that of a disconnected one) - 1/2, last session, reference."""
    entropy, connected = part["unit_entropy_0"].values, part["connected_0"].rename(pruning="session")
    last = at_session(connected.transpose("seed", "session", "unit_0"), "last").astype(bool)
    return np.array([probability_above(entropy[pixels], entropy[~pixels]) - 0.5 for pixels in last])


def neighbours_rise(part: xr.Dataset, prediction: dict) -> np.ndarray:
    """See survival.rise; reference."""
    return np.array([rise(part.isel(seed=k), prediction["layer"]) for k in range(part.sizes["seed"])])


EFFECTS: dict[str, Callable[[xr.Dataset, dict], np.ndarray]] = {"loss": loss, "units": units, "rank": rank}
EFFECTS |= {"units_at_equal_function": units_at_equal_function, "survivors": survivors, "axonal": axonal}
EFFECTS |= {"disconnected": disconnected, "rise": neighbours_rise}
