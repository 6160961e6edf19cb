"""Can the experiments of a config answer what its claims ask? Notebooks would stumble too, but only after all runs."""

from analysis.verdicts.effects import NAMES, in_order

# The entries of each claim that its notebook draws, whatever else it judges.
_DRAWN: dict[str, set[str]] = {
    "overproduction": set(),
    "weight_pruning": {"units_at_equal_function"},
    "fisher_proxy": set(),
    "neuron_loss": {"survivors_above_lost", "survival_coefficient"},
}
# What an entry says beside its threshold.
_OF_PROXIES, _OF_CRITERIA = {"proxies", "targets", "sessions"}, {"measure", "criteria", "stages", "sessions"}
_FIELDS = {
    "control_minus_pruned": {"measure", "controls", "sessions"},
    "weight_minus_reference": {"layers", "sessions"},
    "units_at_equal_function": {"measure", "margin"},
    "rank_correlation": _OF_PROXIES,
    "pruned_in_common": _OF_PROXIES,
    "saliency_rank_correlation": _OF_PROXIES,
    "saliency_pruned_in_common": _OF_PROXIES,
    "loss_minus_reference": _OF_CRITERIA,
    "loss_minus_online": _OF_CRITERIA,
    "reference_minus_quality": _OF_CRITERIA,
    "survivors_above_lost": {"layers", "measures"},
    "survival_coefficient": {"layers", "measures", "regressors", "ridge"},
    "neighbours_rise": {"layers"},
    "axonal_share": {"layers"},
    "connected_above_disconnected": {"experiments", "sessions"},
}
# The measures that an experiment must have for one.
_NEEDED = {"kl": "kl", "encoding_error": "digits", "digit_quality": "digits", "digit_information": "digits"}


def check(config):
    """Raise ValueError with the first place where the `claims:` ask what the `experiments:` can't answer."""
    for place, found, expected in _faults(config["claims"], config["experiments"]):
        raise ValueError(f"{place}: found {found!r}, expected {expected}")


def _faults(claims, experiments):
    for name, of in experiments.items():
        if not {"kl", "digits"} & set(of["measures"]):
            yield f"experiments/{name}/measures", of["measures"], "kl or digits among them: claims compare losses"
        if "weight" not in of["criteria"] or of["reference"] == "weight":
            found = f"{', '.join(of['criteria'])} with reference {of['reference']}"
            yield f"experiments/{name}/criteria", found, "weight, and another one as reference: claim 2 compares them"
    for claim, drawn in _DRAWN.items():
        predictions = in_order(claims[claim])
        for name, spec in predictions:
            yield from _faults_of_entry(f"claims/{claim}/{name}", name, spec, experiments)
        answered = [name for name, spec in predictions if _about(spec, experiments)]
        if not answered or not drawn <= set(answered):
            expected = f"{' and '.join(sorted(drawn)) or 'a prediction'} about one of {', '.join(experiments)}"
            yield f"claims/{claim}", ", ".join(answered) or "no prediction", expected


def _faults_of_entry(place, prediction, spec, experiments):
    """(place, found, expected) of what a prediction lacks, or names and the experiments don't have."""
    if lacking := _FIELDS.get(prediction, set()) - set(spec):
        yield place, ", ".join(spec), f"also {', '.join(sorted(lacking))}"
        return
    for key in ("controls", "proxies", "targets", "regressors"):
        for name in spec.get(key, []):
            if name not in NAMES:
                yield f"{place}/{key}", name, "a name of analysis.verdicts.effects.NAMES"
    named = {key: list(value) for key, value in spec.items() if isinstance(value, dict) or key == "experiments"}
    for key, names in named.items():
        for name in names:
            if name not in experiments:
                yield f"{place}/{key}", name, f"one of the experiments {', '.join(experiments)}"
        if set(names) != set(first := next(iter(named.values()))):
            yield f"{place}/{key}", names, f"the same experiments as beside it, {', '.join(first)}"
    for name in _about(spec, experiments):
        of = experiments[name]
        allowed = [*range(1, len(of["machine"]["hidden"]) + 1), *["all"] * (prediction == "weight_minus_reference")]
        for layer in spec["layers"][name] if "layers" in spec else []:
            if layer not in allowed:
                yield f"{place}/layers/{name}", layer, f"one of {', '.join(map(str, allowed))}"
        for criterion in spec.get("criteria", []):
            if criterion not in of["criteria"]:
                yield f"{place}", criterion, f"one of experiments/{name}/criteria, {', '.join(of['criteria'])}"
        asked = [spec["measure"][name]] if "measure" in spec else []
        asked += spec["measures"][name] if isinstance(spec.get("measures"), dict) else []
        for measure in asked:
            if measure not in NAMES or _NEEDED.get(measure) not in (None, *of["measures"]):
                yield f"{place}/{name}", measure, f"what measures of experiments/{name} give, {of['measures']}"


def _about(spec, experiments):
    """Names of the experiments that an entry judges."""
    if "proxies" in spec:
        return [name for name, of in experiments.items() if of["proxy"]]
    if "controls" in spec:
        return [name for name in spec.get("measure", []) if set(spec["controls"]) & set(experiments[name]["controls"])]
    return list(spec.get("measure", spec.get("layers", spec.get("experiments", []))))
