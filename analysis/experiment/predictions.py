"""What the claims predict: the entries of each prediction, and which experiments can answer it.

A prediction holds where its effect is above `threshold`. Whether experiments can answer is asked before any run: the
notebooks would stumble too, but only after all of them.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import create_model, model_validator

from analysis.experiment.settings import Control, Name
from analysis.files.typed import LEFT_OUT, Count, Model, Natural, Number, Share, described, fault, short
from analysis.pruning import label

Estimate = Literal[
    "variance_fi", "heuristic_fi", "variance_fi_w2", "heuristic_fi_w2", "weight", "online_fi",
    "exact_diagonal", "exact_first_eigenvector", "sampled_first_eigenvector", "stiff_eigenvectors",
    "deletion_damage", "first_order_damage", "second_order_damage",
]  # fmt: skip
UnitMeasure = Literal[
    "activity", "fisher", "input_information", "digit_information", "sparseness", "pixel_tuning", "degree"
]
# The entries that predictions have, beside their threshold; a mapping has an entry an experiment.
_ENTRIES: dict[str, Any] = {
    "controls": list[Control],
    "criteria": list[str],
    "experiments": list[Name],
    "layers": dict[Name, list[Count | Literal["all"]]],
    "margin": dict[Name, Number],
    "measure": dict[Name, Literal["kl", "encoding_error", "digit_quality"]],
    "measures": Annotated[
        dict[Name, list[UnitMeasure]] | list[UnitMeasure],
        described("measures of units, or a list of them an experiment"),
    ],
    "proxies": list[Estimate],
    "regressors": list[UnitMeasure],
    "ridge": Number,
    "sessions": list[Literal["first", "last", "mean"]],  # over-produced; last; mean of all but the first
    "stages": list[Literal["pruned", "retrained"]],
    "targets": list[Estimate],
}
# Those of each prediction, which has the name of the function in `verdicts.effects` that measures the effect.
_READ = {
    "control_minus_pruned": "measure controls sessions",
    "weight_minus_reference": "layers sessions",
    "units_at_equal_function": "measure margin",
    "rank_correlation": "proxies targets sessions",
    "pruned_in_common": "proxies targets sessions",
    "saliency_rank_correlation": "proxies targets sessions",
    "saliency_pruned_in_common": "proxies targets sessions",
    "loss_minus_reference": "measure criteria stages sessions",
    "loss_minus_online": "measure criteria stages sessions",
    "reference_minus_quality": "measure criteria stages sessions",
    "survivors_above_lost": "layers measures",
    "survival_coefficient": "layers measures regressors ridge",
    "neighbours_rise": "layers",
    "axonal_share": "layers",
    "connected_above_disconnected": "experiments sessions",
}
_MODELS: dict[str, Any] = {
    name: create_model(name, __base__=Model, threshold=Number, **{entry: _ENTRIES[entry] for entry in entries.split()})
    for name, entries in _READ.items()
}
_LEFT_OUT: Any = {name: (model, LEFT_OUT) for name, model in _MODELS.items()}
Predictions = create_model("Predictions", __base__=Model, **_LEFT_OUT)


class Interval(Model):
    """The percentile bootstrap of a mean over seeds."""

    confidence: Share
    n_resamples: Count
    seed: Natural


class Limit(Model):
    """Of a check, at the worst moment of the worst seed."""

    at_most: Number = LEFT_OUT
    at_least: Number = LEFT_OUT

    @model_validator(mode="after")
    def _one(self):
        if len(self.model_fields_set) != 1:
            raise fault("", sorted(self.model_fields_set), "at_most or at_least")
        return self


_LIMITS: Any = dict.fromkeys(("log_z_error", "log_z_bias", "r_hat", "two_start_r_hat", "rank_correlation"), Limit)
Limits = create_model("Limits", __base__=Model, **_LIMITS)
_CLAIMS: Any = dict.fromkeys(("overproduction", "weight_pruning", "fisher_proxy", "neuron_loss"), Predictions)
Claims: Any = create_model("Claims", __base__=Model, interval=Interval, **_CLAIMS, model_quality=Limits)


class Difference(Model):
    """loss(worse) - loss(better)"""

    text: str
    worse: Control | Literal["pruned"]
    better: Control | Literal["pruned"]


class Trend(Difference):
    """The same along an axis: at its largest value minus at its smallest, all else equal."""

    axis: Literal["final", "growth", "sessions", "epochs"]


class Power(Model):
    """Of the test that says which effect so many seeds would have seen."""

    alpha: Share
    power: Share


class MapPredictions(Model):
    """What the cells should show, and how it is judged."""

    interval: Interval
    power: Power
    differences: list[Difference]
    trends: list[Trend]


# What the notebook of a claim draws, whatever else it judges; what an experiment must measure for a measure.
_DRAWN: dict[str, set[str]] = {
    "overproduction": set(),
    "weight_pruning": {"units_at_equal_function"},
    "fisher_proxy": set(),
    "neuron_loss": {"survivors_above_lost", "survival_coefficient"},
}
_NEEDED = {"kl": "kl", "encoding_error": "digits", "digit_quality": "digits", "digit_information": "digits"}


def check_answerable(config: dict) -> None:
    """Raise ValueError with the first place where the `claims:` ask what the `experiments:` can't answer."""
    for place, found, expected in _faults(config["claims"], config["experiments"]):
        raise ValueError(f"{place}: found {short(found)}, expected {expected}")


def _faults(claims: dict, experiments: dict) -> Iterator[tuple[str, Any, str]]:
    for name, settings in experiments.items():
        if not {"kl", "digits"} & set(settings["measures"]):
            yield f"experiments/{name}/measures", settings["measures"], "kl or digits among them: claims compare losses"
        if "weight" not in settings["criteria"] or settings["reference"] == "weight":
            found = f"{', '.join(settings['criteria'])} with reference {settings['reference']}"
            yield f"experiments/{name}/criteria", found, "weight, and another one as reference: claim 2 compares them"
    for claim, drawn in _DRAWN.items():
        for prediction, spec in claims[claim].items():
            yield from _faults_of(f"claims/{claim}/{prediction}", spec, experiments)
        answered = [name for name, spec in claims[claim].items() if _about(spec, experiments)]
        if not answered or not drawn <= set(answered):
            expected = f"{' and '.join(sorted(drawn)) or 'a prediction'} about one of {', '.join(experiments)}"
            yield f"claims/{claim}", ", ".join(answered) or "no prediction", expected


def _faults_of(place: str, spec: dict, experiments: dict) -> Iterator[tuple[str, Any, str]]:
    """Of a prediction that names what the experiments don't have."""
    named = {key: list(value) for key, value in spec.items() if isinstance(value, dict) or key == "experiments"}
    for key, names in named.items():
        if unknown := [name for name in names if name not in experiments]:
            yield f"{place}/{key}", unknown[0], f"one of the experiments {', '.join(experiments)}"
        if set(names) != set(first := next(iter(named.values()))):
            yield f"{place}/{key}", names, f"the same experiments as beside it, {', '.join(first)}"
    for name in _about(spec, experiments):
        settings = experiments[name]
        depth, labels = len(settings["machine"]["hidden"]), [label(entry) for entry in settings["criteria"]]
        for layer in spec.get("layers", {}).get(name, ()):
            if layer != "all" and layer > depth:
                yield f"{place}/layers/{name}", layer, f"one of the hidden layers, 1 to {depth}"
        for criterion in spec.get("criteria", ()):
            if criterion not in labels:
                yield place, criterion, f"one of experiments/{name}/criteria, {', '.join(labels)}"
        asked = [spec["measure"][name]] if "measure" in spec else []
        asked += spec["measures"][name] if isinstance(spec.get("measures"), dict) else []
        for measure in asked:
            if _NEEDED.get(measure) not in (None, *settings["measures"]):
                yield f"{place}/{name}", measure, f"what measures of experiments/{name} give, {settings['measures']}"


def _about(spec: dict, experiments: dict) -> list[str]:
    """Names of the experiments that a prediction judges."""
    if "proxies" in spec:
        return [name for name, settings in experiments.items() if settings["proxy"]]
    if "controls" in spec:
        controls = set(spec["controls"])
        return [name for name in spec["measure"] if controls & set(experiments[name]["controls"])]
    return list(spec.get("measure", spec.get("layers", spec.get("experiments", []))))
