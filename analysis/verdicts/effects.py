"""What a claim predicts, as one number a seed: the prediction holds where the number is above its threshold.

    effect of a control       loss(control) - loss(pruned)
    effect of a criterion     loss(criterion) - loss(reference), at equal synapses
    survivors above lost      P(survivor > lost unit) - 1/2

Every function takes the parts of a claim dataset, {experiment: Dataset}, and one entry of the config's `claims:`, and
yields Effects. All differences are within a seed, whose runs start from the same over-produced machine.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from analysis.experiment.measures import share_in_common, spearman
from analysis.pruning import label
from analysis.verdicts.comparisons import (
    at_equal_function,
    at_equal_synapses,
    at_session,
    by_seed,
    coefficients,
    hidden_units,
    odds_of_survival,
    of_synapses,
)
from analysis.verdicts.names import words
from analysis.verdicts.survival import probability_above, rise


class Effect(NamedTuple):
    """A prediction in words, its effect (n_seeds,), NaN where a seed can't tell, and the unit."""

    prediction: str
    by_seed: np.ndarray
    units: str


def control_minus_pruned(parts, spec) -> Iterator[Effect]:
    """loss(control) - loss(pruned from large), both after (re)training, at the same session."""
    for experiment, part in _named(parts, spec["measure"]):
        measure = spec["measure"][experiment]
        loss = part[measure]
        for control in [name for name in spec["controls"] if name in loss["condition"]]:
            difference = (loss.sel(condition=control) - loss.sel(condition="pruned")).dropna("session", how="all")
            for session in spec["sessions"]:
                if session == "mean" and "last" in spec["sessions"] and difference.sizes["session"] == 1:
                    continue  # the same number again
                text = f"{experiment}: {words(control)} has the larger {words(measure)}, {words(session)}"
                yield Effect(text, at_session(difference, session), _units(loss))


def weight_minus_reference(parts, spec) -> Iterator[Effect]:
    """n_units(|w|) - n_units(reference) at equal synapses; layers: numbers, or all for the hidden units' sum."""
    for experiment, part, layer in _layers(parts, spec):
        what = "hidden units" if layer == "all" else f"units in layer {layer}"
        difference = at_equal_synapses(part, hidden_units(part, layer), "weight")
        for session in spec["sessions"]:
            text = f"{experiment}: |w| leaves more {what} than {words(part.attrs['reference'])}, {words(session)}"
            yield Effect(text, at_session(difference, session), "units")


def units_at_equal_function(parts, spec) -> Iterator[Effect]:
    """n_units(|w|) - n_units(reference), each at the last session whose retrained loss is within the margin."""
    for experiment, part in _named(parts, spec["measure"]):
        measure, margin = spec["measure"][experiment], spec["margin"][experiment]
        units = at_equal_function(part, hidden_units(part, "all"), measure, margin)
        reference = part.attrs["reference"]
        more = units.sel(criterion="weight") - units.sel(criterion=reference, drop=True)
        text = f"{experiment}: |w| needs more hidden units than {words(reference)} for equal {words(measure)}"
        yield Effect(text, more.values, "units")


def rank_correlation(parts, spec) -> Iterator[Effect]:
    """Spearman's rho of a local estimate with the exact matrix, over the synapses that exist."""
    yield from _of_proxies(parts, spec, spearman, "{} ranks synapses like the {}, {}", "rho")


def pruned_in_common(parts, spec) -> Iterator[Effect]:
    """Share of the half that a local estimate would prune which the exact matrix would prune too; 1/2 by chance."""
    yield from _of_proxies(parts, spec, share_in_common, "{} prunes the synapses that the {} prunes, {}", "share")


def loss_minus_reference(parts, spec) -> Iterator[Effect]:
    """loss(criterion) - loss(reference) at equal synapses."""
    yield from _of_criteria(parts, spec, 1.0, "{} has the larger {} than {}, {}, {}")


def loss_minus_online(parts, spec) -> Iterator[Effect]:
    """loss(criterion) - loss(online FI) at equal synapses; of the experiments that prune by online FI."""
    parts = {name: part.assign_attrs(reference="online_fi") for name, part in parts.items()}
    asked = [name for name, part in _named(parts, spec["measure"]) if "online_fi" in part["criterion"]]
    yield from loss_minus_reference(parts, spec | {"measure": {name: spec["measure"][name] for name in asked}})


def reference_minus_quality(parts, spec) -> Iterator[Effect]:
    """quality(reference) - quality(criterion) at equal synapses."""
    yield from _of_criteria(parts, spec, -1.0, "{} has the lower {} than {}, {}, {}")


def survivors_above_lost(parts, spec) -> Iterator[Effect]:
    """P(survivor > lost unit of the same session) - 1/2, by what was measured before the loss; reference criterion."""
    for experiment, part, layer in _layers(parts, spec):
        for measure in spec["measures"][experiment]:
            text = f"{experiment}: survivors in layer {layer} had more {words(measure)} than lost units, P − ½"
            yield Effect(text, odds_of_survival(part, measure, layer).values - 0.5, "probability")


def survival_coefficient(parts, spec) -> Iterator[Effect]:
    """b of a measure in logit P(survives) = a_s + sum_m b_m z_m, see survival.logistic; reference criterion."""
    for experiment, part, layer in _layers(parts, spec):
        b = coefficients(part, spec, layer)
        for measure in spec["measures"]:
            text = f"{experiment}: {words(measure)} by itself raises the odds of survival in layer {layer}"
            yield Effect(text, b.sel(regressor=measure).values, "log odds a s.d.")


def neighbours_rise(parts, spec) -> Iterator[Effect]:
    """Partial rank correlation of a survivor's rise in activity with the share of competitors lost; reference."""
    for experiment, part, layer in _layers(parts, spec):
        text = f"{experiment}: units in layer {layer} rise where more of their competitors are lost"
        yield Effect(text, by_seed(rise, part, layer), "rho")


def axonal_share(parts, spec) -> Iterator[Effect]:
    """n(lost their outputs alone) / n(lost), all sessions; reference criterion."""
    for experiment, part, layer in _layers(parts, spec):
        cause = part[f"loss_cause_{layer}"]
        dims = [dim for dim in cause.dims if dim != "seed"]
        lost, axonal = (cause > 0).sum(dims), (cause == 2).sum(dims)
        text = f"{experiment}: units in layer {layer} are lost because their outputs went"
        yield Effect(text, (axonal / lost.where(lost > 0)).values, "share of losses")


def connected_above_disconnected(parts, spec) -> Iterator[Effect]:
    """P(entropy of a connected pixel > that of a disconnected one) - 1/2; reference criterion."""
    for experiment, part in _named(parts, spec["experiments"]):
        connected, entropy = part["connected_0"].astype(bool), part["unit_entropy_0"]
        values = xr.apply_ufunc(_above_rest, entropy, connected, input_core_dims=[["unit_0"]] * 2, vectorize=True) - 0.5
        for session in spec["sessions"]:
            text = f"{experiment}: disconnected pixels tell less than connected ones, {words(session)}"
            yield Effect(text, at_session(values.rename(pruning="session"), session), "probability")


PREDICTIONS = {
    "control_minus_pruned": control_minus_pruned,
    "weight_minus_reference": weight_minus_reference,
    "units_at_equal_function": units_at_equal_function,
    "rank_correlation": rank_correlation,
    "pruned_in_common": pruned_in_common,
    "saliency_rank_correlation": rank_correlation,  # of estimates times w^2, which are in the units of damage
    "saliency_pruned_in_common": pruned_in_common,
    "loss_minus_reference": loss_minus_reference,
    "loss_minus_online": loss_minus_online,
    "reference_minus_quality": reference_minus_quality,
    "survivors_above_lost": survivors_above_lost,
    "survival_coefficient": survival_coefficient,
    "neighbours_rise": neighbours_rise,
    "axonal_share": axonal_share,
    "connected_above_disconnected": connected_above_disconnected,
}


def in_order(predictions: dict) -> list[tuple[str, dict]]:
    """(name, entry) of a claim's predictions in the order of PREDICTIONS."""
    return [(name, predictions[name]) for name in PREDICTIONS if name in predictions]


def _of_proxies(parts, spec, statistic, text, units):
    for experiment in [name for name, part in parts.items() if "exact_diagonal" in part]:
        for proxy in spec["proxies"]:
            for target in spec["targets"]:
                values = of_synapses(statistic, parts[experiment], proxy, target)
                for session in spec["sessions"]:
                    said = text.format(words(proxy), words(target), words(session))
                    yield Effect(f"{experiment}: {said}", at_session(values, session), units)


def _of_criteria(parts, spec, sign, text):
    for experiment, part in _named(parts, spec["measure"]):
        measure, reference = spec["measure"][experiment], words(part.attrs["reference"])
        for stage in spec["stages"]:
            when = "before retraining" if stage == "pruned" else "retrained"
            for name in map(label, spec["criteria"]):
                difference = sign * at_equal_synapses(part, part[measure].sel(stage=stage), name)
                for session in spec["sessions"]:
                    said = text.format(words(name), words(measure), reference, when, words(session))
                    yield Effect(f"{experiment}: {said}", at_session(difference, session), _units(part[measure]))


def _above_rest(values, chosen):
    return probability_above(values[chosen], values[~chosen])


def _named(parts, experiments):
    """(experiment, part) of those that an entry names, in the order of the parts."""
    return [(experiment, part) for experiment, part in parts.items() if experiment in experiments]


def _layers(parts, spec):
    """(experiment, part, layer) of those that an entry names."""
    for experiment, part in _named(parts, spec["layers"]):
        for layer in spec["layers"][experiment]:
            yield experiment, part, layer


def _units(variable):
    return variable.attrs.get("units", "1")
