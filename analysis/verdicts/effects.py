"""What a claim predicts, as one number a seed: the prediction holds where the number is above its threshold.

    effect of a control       loss(control) - loss(pruned)
    effect of a criterion     loss(criterion) - loss(reference), at equal synapses
    survivors above lost      P(survivor > lost unit) - 1/2

All differences are within a seed, whose runs start from the same over-produced machine. A part of a claim dataset
goes in, the runs of one experiment; `asked` is what the config's `claims:` ask of it, with one of what each list has.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from analysis.experiment.measures import share_in_common, spearman
from analysis.verdicts import comparisons
from analysis.verdicts.comparisons import at_equal_synapses, hidden_units, of_synapses
from analysis.verdicts.names import STAGES, words
from analysis.verdicts.survival import probability_above, rise

PREDICTIONS: dict[str, tuple[str, str, Callable[[xr.Dataset, dict], Any]]] = {}
_LISTS = {"controls": "control", "layers": "layer", "measures": "measure", "proxies": "proxy", "targets": "target"}
_LISTS |= {"stages": "stage", "criteria": "criterion", "sessions": "session"}


def effects(name: str, parts: dict[str, xr.Dataset], entry: dict) -> Iterator[tuple[str, str, np.ndarray]]:
    """(prediction in words, unit, effect (n_seeds,), NaN where a seed can't tell) of all that an entry asks.

    entry : what `claims:` say of the prediction of that name; mappings have an entry an experiment.
    """
    text, units, effect = PREDICTIONS[name]
    experiments = [value for key, value in entry.items() if isinstance(value, dict) or key == "experiments"]
    for experiment, part in parts.items():
        if not all(experiment in named for named in experiments):
            continue
        own = {key: value[experiment] if isinstance(value, dict) else value for key, value in entry.items()}
        lists = {one: own[several] for several, one in _LISTS.items() if several in own}
        for chosen in product(*lists.values()):
            asked = own | dict(zip(lists, chosen))
            found = effect(part, asked)
            if found is None:
                continue
            values = comparisons.at_session(found, asked["session"]) if "session" in asked else np.asarray(found)
            unit = units or part[asked["measure"]].attrs.get("units", "1")
            yield f"{experiment}: {text.format(**_in_words(asked, part))}", unit, values


def _in_words(asked: dict, part: xr.Dataset) -> dict[str, Any]:
    named = asked | {"reference": part.attrs["reference"]}
    told = named | {key: words(value) for key, value in named.items() if isinstance(value, str)}
    units = "hidden units" if asked.get("layer") == "all" else f"units in layer {asked.get('layer')}"
    return told | {"units": units, "stage": STAGES.get(asked.get("stage", ""))}


def predicts(text: str, units: str = "") -> Callable:
    """Makes a function (part, asked) a prediction. It gives (seed,), or (seed, session) where sessions are asked for,
    None of an experiment that can't tell. text : filled with words for what is asked; units : none for the measure's.
    """

    def known(function: Callable) -> Callable:
        PREDICTIONS[function.__name__] = text, units, function
        return function

    return known


@predicts("{control} has the larger {measure}, {session}")
def control_minus_pruned(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """loss(control) - loss(pruned from large), both after (re)training, at the same session."""
    loss = part[asked["measure"]]
    if asked["control"] not in loss["condition"]:
        return None
    difference = loss.sel(condition=asked["control"]) - loss.sel(condition="pruned")
    n_sessions = difference.dropna("session", how="all").sizes["session"]
    again = asked["session"] == "mean" and n_sessions == 1 and "last" in asked["sessions"]  # the same number
    return None if again else difference


@predicts("|w| leaves more {units} than {reference}, {session}", "units")
def weight_minus_reference(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """n_units(|w|) - n_units(reference) at equal synapses; layer: a number, or all for the hidden units' sum."""
    return at_equal_synapses(part, hidden_units(part, asked["layer"]), "weight")


@predicts("|w| needs more hidden units than {reference} for equal {measure}", "units")
def units_at_equal_function(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """n_units(|w|) - n_units(reference), each at the last session whose retrained loss is within the margin."""
    units = comparisons.at_equal_function(part, hidden_units(part, "all"), asked["measure"], asked["margin"])
    return units.sel(criterion="weight") - units.sel(criterion=part.attrs["reference"], drop=True)


@predicts("{proxy} ranks synapses like the {target}, {session}", "rho")
def rank_correlation(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """Spearman's rho of a local estimate with the exact matrix, over the synapses that exist."""
    return of_synapses(spearman, part, asked["proxy"], asked["target"]) if "exact_diagonal" in part else None


@predicts("{proxy} prunes the synapses that the {target} prunes, {session}", "share")
def pruned_in_common(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """Share of the half that a local estimate would prune which the exact matrix would prune too; 1/2 by chance."""
    return of_synapses(share_in_common, part, asked["proxy"], asked["target"]) if "exact_diagonal" in part else None


for _name in ("rank_correlation", "pruned_in_common"):  # of estimates times w^2, which are in the units of damage
    PREDICTIONS[f"saliency_{_name}"] = PREDICTIONS[_name]


@predicts("{criterion} has the larger {measure} than {reference}, {stage}, {session}")
def loss_minus_reference(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """loss(criterion) - loss(reference) at equal synapses."""
    return at_equal_synapses(part, part[asked["measure"]].sel(stage=asked["stage"]), asked["criterion"])


@predicts(f"{{criterion}} has the larger {{measure}} than {words('online_fi')}, {{stage}}, {{session}}")
def loss_minus_online(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """loss(criterion) - loss(online FI) at equal synapses; of the experiments that prune by online FI."""
    pruned = "online_fi" in part["criterion"]
    return loss_minus_reference(part.assign_attrs(reference="online_fi"), asked) if pruned else None


@predicts("{criterion} has the lower {measure} than {reference}, {stage}, {session}")
def reference_minus_quality(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """quality(reference) - quality(criterion) at equal synapses."""
    return -loss_minus_reference(part, asked)


@predicts("survivors in layer {layer} had more {measure} than lost units, P − ½", "probability")
def survivors_above_lost(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """P(survivor > lost unit of the same session) - 1/2, by what was measured before the loss; reference criterion."""
    return comparisons.odds_of_survival(part, asked["measure"], asked["layer"]) - 0.5


@predicts("{measure} by itself raises the odds of survival in layer {layer}", "log odds a s.d.")
def survival_coefficient(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """b of a measure in logit P(survives) = a_s + sum_m b_m z_m, see survival.logistic; reference criterion."""
    return comparisons.coefficients(part, asked, asked["layer"]).sel(regressor=asked["measure"])


@predicts("{units} rise where more of their competitors are lost", "rho")
def neighbours_rise(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """Partial rank correlation of a survivor's rise in activity with the share of competitors lost; reference."""
    return comparisons.by_seed(rise, part, asked["layer"])


@predicts("{units} are lost because their outputs went", "share of losses")
def axonal_share(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """n(lost their outputs alone) / n(lost), all sessions; reference criterion."""
    cause = part[f"loss_cause_{asked['layer']}"]
    dims = [dim for dim in cause.dims if dim != "seed"]
    lost, axonal = (cause > 0).sum(dims), (cause == 2).sum(dims)
    return axonal / lost.where(lost > 0)


@predicts("disconnected pixels tell less than connected ones, {session}", "probability")
def connected_above_disconnected(part: xr.Dataset, asked: dict) -> xr.DataArray | None:
    """P(entropy of a connected pixel > that of a disconnected one) - 1/2; reference criterion."""

    def above_rest(values, chosen):
        return probability_above(values[chosen], values[~chosen]) - 0.5

    pixels = part["unit_entropy_0"], part["connected_0"].astype(bool)
    p = xr.apply_ufunc(above_rest, *pixels, input_core_dims=[["unit_0"]] * 2, vectorize=True)
    return p.rename(pruning="session")
