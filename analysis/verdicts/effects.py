"""What a claim predicts, as one number a seed: the prediction holds where the number is above its threshold.

    effect of a control       loss(control) - loss(pruned)
    effect of a criterion     loss(criterion) - loss(reference), at equal synapses
    survivors above lost      P(survivor > lost unit) - 1/2

Every function takes the parts of a claim dataset, {experiment: Dataset}, and one entry of the config's `claims:`, and
yields Effects. All differences are within a seed, whose runs start from the same over-produced machine.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

from analysis.experiment.controls import CONTROLS
from analysis.experiment.measures import share_in_common, spearman
from analysis.pruning import CRITERIA
from analysis.verdicts.survival import logistic, probability_above, rise, survival


class Names(dict[str, str]):
    """Words for names; what nobody has words for, a criterion of the user's own, is called as it is."""

    def __missing__(self, name):
        return name.replace("_", " ")


NAMES = Names({record.name: record.words for record in [*CRITERIA.values(), *CONTROLS.values()]})
NAMES |= {
    "heuristic_fi_w2": "heuristic FI × w²",
    "equilibrium": "variance FI, exact draws",
    "pruned": "pruned from large",
    "exact_diagonal": "exact diagonal",
    "exact_first_eigenvector": "exact first eigenvector",
    "sampled_first_eigenvector": "sampled first eigenvector",
    "stiff_eigenvectors": "stiff eigenvectors",
    "deletion_damage": "damage by deletion",
    "first_order_damage": "damage to first order",
    "second_order_damage": "first and second order together",
    "relative_error": "relative error",
    "diagonal_correlation": "rank correlation",
    "kl": "KL divergence",
    "encoding_error": "encoding error",
    "digit_quality": "digit quality",
    "activity": "activity",
    "fisher": "Fisher information",
    "input_information": "information on the input",
    "digit_information": "information on the digit",
    "sparseness": "lifetime sparseness",
    "pixel_tuning": "tuning to a pixel",
    "degree": "number of synapses",
    "first": "full machine",
    "last": "last session",
    "mean": "session mean",
}


SESSIONS = ("first", "last", "mean")


class Effect(NamedTuple):
    """A prediction in words, its effect (n_seeds,), NaN where a seed can't tell, the unit, and the threshold."""

    prediction: str
    by_seed: np.ndarray
    units: str
    threshold: float


def control_minus_pruned(parts, spec):
    """loss(control) - loss(pruned from large), both after (re)training, at the same session."""
    for experiment, part in _named(parts, spec["measure"]):
        measure = spec["measure"][experiment]
        loss = part[measure]
        for control in [name for name in spec["controls"] if name in loss["condition"]]:
            difference = (loss.sel(condition=control) - loss.sel(condition="pruned")).dropna("session", how="all")
            for session in spec["sessions"]:
                if session == "mean" and "last" in spec["sessions"] and difference.sizes["session"] == 1:
                    continue  # the same number again
                text = f"{experiment}: {NAMES[control]} has the larger {NAMES[measure]}, {NAMES[session]}"
                yield Effect(text, _at(difference, session), _units(loss), spec["threshold"])


def weight_minus_reference(parts, spec):
    """n_units(|w|) - n_units(reference) at equal synapses; layers: numbers, or all for the hidden units' sum."""
    for experiment, part in _named(parts, spec["layers"]):
        for layer in spec["layers"][experiment]:
            what = "hidden units" if layer == "all" else f"units in layer {layer}"
            difference = at_equal_synapses(part, hidden_units(part, layer), "weight")
            for session in spec["sessions"]:
                text = f"{experiment}: |w| leaves more {what} than {NAMES[part.attrs['reference']]}, {NAMES[session]}"
                yield Effect(text, _at(difference, session), "units", spec["threshold"])


def units_at_equal_function(parts, spec):
    """n_units(|w|) - n_units(reference), each at the last session whose retrained loss is within the margin."""
    for experiment, part in _named(parts, spec["measure"]):
        measure, margin = spec["measure"][experiment], spec["margin"][experiment]
        units = at_equal_function(part, hidden_units(part, "all"), measure, margin)
        weight, reference = (units.sel(criterion=name).values for name in _pair(part, "weight"))
        other = NAMES[part.attrs["reference"]]
        text = f"{experiment}: |w| needs more hidden units than {other} for equal {NAMES[measure]}"
        yield Effect(text, weight - reference, "units", spec["threshold"])


def rank_correlation(parts, spec):
    """Spearman's rho of a local estimate with the exact matrix, over the synapses that exist."""
    yield from _of_proxies(parts, spec, spearman, "{} ranks synapses like the {}, {}")


def pruned_in_common(parts, spec):
    """Share of the half that a local estimate would prune which the exact matrix would prune too; 1/2 by chance."""
    yield from _of_proxies(parts, spec, share_in_common, "{} prunes the synapses that the {} prunes, {}")


def saliency_rank_correlation(parts, spec):
    """As `rank_correlation`, of estimates times w^2, which are in the units of damage."""
    yield from rank_correlation(parts, spec)


def saliency_pruned_in_common(parts, spec):
    """As `pruned_in_common`, of estimates times w^2."""
    yield from pruned_in_common(parts, spec)


def loss_minus_reference(parts, spec):
    """loss(criterion) - loss(reference) at equal synapses."""
    yield from _of_criteria(parts, spec, 1.0, "{} has the larger {} than {}, {}, {}")


def loss_minus_online(parts, spec):
    """loss(criterion) - loss(online FI) at equal synapses; of the experiments that prune by online FI."""
    parts = {name: part.assign_attrs(reference="online_fi") for name, part in parts.items()}
    asked = [name for name, part in _named(parts, spec["measure"]) if "online_fi" in part["criterion"]]
    yield from loss_minus_reference(parts, spec | {"measure": {name: spec["measure"][name] for name in asked}})


def reference_minus_quality(parts, spec):
    """quality(reference) - quality(criterion) at equal synapses."""
    yield from _of_criteria(parts, spec, -1.0, "{} has the lower {} than {}, {}, {}")


def survivors_above_lost(parts, spec):
    """P(survivor > lost unit of the same session) - 1/2, by what was measured before the loss; reference criterion."""
    for experiment, part in _named(parts, spec["measures"]):
        for layer in spec["layers"][experiment]:
            for measure in spec["measures"][experiment]:
                text = f"{experiment}: survivors in layer {layer} had more {NAMES[measure]} than lost units, P − ½"
                by_seed = [survival(part.isel(seed=k), measure, layer) for k in range(part.sizes["seed"])]
                yield Effect(text, np.array(by_seed) - 0.5, "probability", spec["threshold"])


def survival_coefficient(parts, spec):
    """b of a measure in logit P(survives) = a_s + sum_m b_m z_m, see survival.logistic; reference criterion."""
    for experiment, part in _named(parts, spec["layers"]):
        for layer in spec["layers"][experiment]:
            by_seed = coefficients(part, spec, layer)
            for measure in spec["measures"]:
                text = f"{experiment}: {NAMES[measure]} by itself raises the odds of survival in layer {layer}"
                yield Effect(text, by_seed.sel(regressor=measure).values, "log odds a s.d.", spec["threshold"])


def neighbours_rise(parts, spec):
    """Partial rank correlation of a survivor's rise in activity with the share of competitors lost; reference."""
    for experiment, part in _named(parts, spec["layers"]):
        for layer in spec["layers"][experiment]:
            text = f"{experiment}: units in layer {layer} rise where more of their competitors are lost"
            by_seed = [rise(part.isel(seed=k), layer) for k in range(part.sizes["seed"])]
            yield Effect(text, np.array(by_seed), "rho", spec["threshold"])


def axonal_share(parts, spec):
    """n(lost their outputs alone) / n(lost), all sessions; reference criterion."""
    for experiment, part in _named(parts, spec["layers"]):
        for layer in spec["layers"][experiment]:
            cause = part[f"loss_cause_{layer}"]
            dims = [dim for dim in cause.dims if dim != "seed"]
            lost, axonal = (cause > 0).sum(dims), (cause == 2).sum(dims)
            share = (axonal / lost.where(lost > 0)).values
            text = f"{experiment}: units in layer {layer} are lost because their outputs went"
            yield Effect(text, share, "share of losses", spec["threshold"])


def connected_above_disconnected(parts, spec):
    """P(entropy of a connected pixel > that of a disconnected one) - 1/2; reference criterion."""
    for experiment, part in _named(parts, spec["experiments"]):
        connected, entropy = part["connected_0"].astype(bool), part["unit_entropy_0"]
        values = xr.apply_ufunc(_above_rest, entropy, connected, input_core_dims=[["unit_0"]] * 2, vectorize=True) - 0.5
        values = values.rename(pruning="session")
        for session in spec["sessions"]:
            text = f"{experiment}: disconnected pixels tell less than connected ones, {NAMES[session]}"
            yield Effect(text, _at(values, session), "probability", spec["threshold"])


PREDICTIONS = {
    f.__name__: f
    for f in (
        control_minus_pruned,
        weight_minus_reference,
        units_at_equal_function,
        rank_correlation,
        pruned_in_common,
        saliency_rank_correlation,
        saliency_pruned_in_common,
        loss_minus_reference,
        loss_minus_online,
        reference_minus_quality,
        survivors_above_lost,
        survival_coefficient,
        neighbours_rise,
        axonal_share,
        connected_above_disconnected,
    )
}


def in_order(predictions):
    """(name, entry) of a claim's predictions in the order of PREDICTIONS; ValueError: unknown names, sessions."""
    for name, spec in predictions.items():
        if name not in PREDICTIONS:
            raise ValueError(f"claims: found prediction {name!r}, expected one of {', '.join(PREDICTIONS)}")
        for session in spec.get("sessions", []):
            if session not in SESSIONS:
                raise ValueError(f"claims: found session {session!r}, expected one of {', '.join(SESSIONS)}")
    return [(name, predictions[name]) for name in PREDICTIONS if name in predictions]


def at_equal_synapses(part, values, criterion):
    """values(criterion) - values(reference), (seed, session), each at the larger of both numbers of synapses.

    Criteria strand different units, so after a session they may differ in synapses. The run that has fewer is read
    between its sessions, linearly in the logarithm of its synapses: nothing is extrapolated.
    """
    synapses = np.log(part["n_synapses"].sum("synapse_layer"))
    x, y = (synapses.sel(criterion=name).transpose("seed", "session").values for name in _pair(part, criterion))
    u, v = (values.sel(criterion=name).transpose("seed", "session").values for name in _pair(part, criterion))
    common = np.maximum(x, y)
    first, second = ([_interpolate(*row) for row in zip(common, *run)] for run in ((x, u), (y, v)))
    return xr.DataArray(np.subtract(first, second), {"session": part["session"]}, ("seed", "session"))


def at_equal_function(part, sizes, measure, margin):
    """sizes (criterion, seed) at the last session whose retrained loss is at most loss(over-produced) + margin.

    The last such session, whether or not an earlier one was beyond the margin; nothing is interpolated. Session 0 is
    within by definition, so a criterion that never is again costs what it started with. One that still is at the last
    session might have gone on: its cost is an upper bound.
    """
    loss = part[measure].sel(stage="retrained")
    within = loss <= loss.isel(session=0) + margin
    return sizes.sel(session=part["session"].where(within).max("session").astype(int))


def coefficients(part, spec, layer):
    """Those of the logistic model of survival of an entry `survival_coefficient`: (seed, regressor)."""
    seeds, regressors = part["seed"].values, spec["regressors"]
    b = [logistic(part.isel(seed=k), regressors, layer, spec["ridge"]) for k in range(len(seeds))]
    return xr.DataArray(b, {"seed": seeds, "regressor": regressors}, ("seed", "regressor"))


def of_synapses(statistic, part, proxy, target):
    """statistic(proxy, target) over the synapses that exist, (seed, session)."""

    def over_existing(x, y):
        exists = np.isfinite(x) & np.isfinite(y)
        return statistic(x[exists], y[exists])

    dims = [["unit_0", "unit_1"], ["unit_0", "unit_1"]]
    found = xr.apply_ufunc(over_existing, part[proxy], part[target], input_core_dims=dims, vectorize=True)
    return found.drop_attrs()


def _of_proxies(parts, spec, statistic, text):
    for experiment in [name for name, part in parts.items() if "exact_diagonal" in part]:
        for proxy in spec["proxies"]:
            for target in spec["targets"]:
                values = of_synapses(statistic, parts[experiment], proxy, target)
                for session in spec["sessions"]:
                    words = text.format(NAMES[proxy], NAMES[target], NAMES[session])
                    units = "rho" if statistic is spearman else "share"
                    yield Effect(f"{experiment}: {words}", _at(values, session), units, spec["threshold"])


def _of_criteria(parts, spec, sign, text):
    for experiment, part in _named(parts, spec["measure"]):
        measure = spec["measure"][experiment]
        for stage in spec["stages"]:
            when = "before retraining" if stage == "pruned" else "retrained"
            for name in spec["criteria"]:
                difference = sign * at_equal_synapses(part, part[measure].sel(stage=stage), name)
                for session in spec["sessions"]:
                    reference = NAMES[part.attrs["reference"]]
                    words = text.format(NAMES[name], NAMES[measure], reference, when, NAMES[session])
                    by_seed, units = _at(difference, session), _units(part[measure])
                    yield Effect(f"{experiment}: {words}", by_seed, units, spec["threshold"])


def _above_rest(values, chosen):
    return probability_above(values[chosen], values[~chosen])


def _interpolate(at, x, y):
    """y at `at`, where x falls from session to session."""
    return np.interp(at, x[::-1], y[::-1])


def _named(parts, experiments):
    """(experiment, part) of those that an entry names, in the order of the parts."""
    for experiment in experiments:
        if experiment not in parts:
            raise ValueError(f"claims: found experiment {experiment!r}, expected one of {', '.join(parts)}")
    return [(experiment, part) for experiment, part in parts.items() if experiment in experiments]


def _pair(part, criterion):
    known = part["criterion"].values.tolist()
    if criterion not in known:
        raise ValueError(f"claims: found criterion {criterion!r}, expected one of {', '.join(known)}")
    return criterion, part.attrs["reference"]


def hidden_units(part, layer):
    """Units of a hidden layer (1 to L), or of all of them ("all"): counts over the other dims of n_units."""
    n_units = part["n_units"]
    return n_units.sel(layer=slice(1, None)).sum("layer") if layer == "all" else n_units.sel(layer=layer)


def _at(values, session):
    """(n_seeds,) at the first (over-produced) or last session, or the mean of all sessions after 0."""
    values = values.transpose("seed", "session").dropna("session", how="all")
    if values.sizes["session"] == 0:
        return np.full(values.sizes["seed"], np.nan)
    if session == "mean":
        return values.where(values["session"] > 0, drop=True).mean("session").values
    return values.isel(session=0 if session == "first" else -1).values


def _units(variable):
    return variable.attrs.get("units", "1")
