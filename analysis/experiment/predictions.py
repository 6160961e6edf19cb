"""What the claims predict: one entry a prediction, and whether the experiments can answer it.

A prediction is one number a seed, positive where its text holds, and a margin within which a difference does not
matter. `effect` says which number (`verdicts.effects`). Whether experiments can answer is asked before any run.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union

import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from analysis.experiment import controls
from analysis.experiment.settings import Name, Positive
from analysis.files.typed import LEFT_OUT, Count, Model, Number, Share, described, fault, short
from analysis.pruning import CRITERIA, label

Estimate = Literal[
    "variance_fi", "heuristic_fi", "variance_fi_w2", "weight", "online_fi",
    "deletion_damage", "visible_curvature", "awake_damage", "awake_variance",
    "exact_diagonal", "stiff_eigenvectors", "exact_damage",
]  # fmt: skip
UnitMeasure = Literal["activity", "fisher", "input_information", "digit_information", "sparseness", "pixel_tuning"]
Loss = Literal["kl", "encoding_error", "digit_quality"]
Layer = Annotated[Count | Literal["all"], described("a hidden layer, from 1, or all")]
MOST_PRIMARY = 3  # a claim and experiment
LARGEST_STEP, FEWEST_SESSIONS = 0.6, 3  # of sessions that can be interpolated


class Prediction(Model):
    """A sentence that an experiment can bear out or contradict."""

    text: str
    primary: bool = LEFT_OUT  # the verdict counts it; else it is shown beside
    experiment: Name
    margin: str  # one of claims/margins


class LossDifference(Prediction):
    """loss(worse) - loss(better): of criteria at equal synapses or hidden units, of controls after the same session."""

    effect: Literal["loss"]
    worse: str
    better: str
    measure: Loss
    session: Literal["last", "mean"] = LEFT_OUT
    stage: Literal["pruned", "retrained"] = LEFT_OUT
    equal: Literal["units"] = LEFT_OUT  # synapses


class UnitsDifference(Prediction):
    """n_units(more) - n_units(fewer) at equal synapses."""

    effect: Literal["units"]
    more: str
    fewer: str
    layer: Layer
    session: Literal["last", "mean"] = LEFT_OUT


class UnitsAtEqualFunction(Prediction):
    """The same, or synapses, where the loss of either crosses that of the over-produced machine plus the tolerance."""

    effect: Literal["units_at_equal_function"]
    more: str
    fewer: str
    measure: Loss
    tolerance: Positive
    size: Literal["synapses"] = LEFT_OUT  # hidden units


class Rank(Prediction):
    """Spearman's rho of two estimates over the synapses that exist."""

    effect: Literal["rank"]
    proxy: Estimate
    target: Estimate
    session: Literal["first", "last"]


class Survivors(Prediction):
    """P(survivor > lost unit of its session) under the reference, less the same under another criterion, or 1/2."""

    effect: Literal["survivors"]
    measure: UnitMeasure
    layer: Layer
    than: str = LEFT_OUT


class Axonal(Prediction):
    """Share of lost units that lost their outputs alone; comparable: of those with about as many inputs as outputs."""

    effect: Literal["axonal"]
    layer: Layer
    comparable: bool = LEFT_OUT


class Disconnected(Prediction):
    """P(connected pixel tells more than a disconnected one) - 1/2, last session."""

    effect: Literal["disconnected"]


class Rise(Prediction):
    """Rank correlation of survivors' rise in activity with the share of lost competitors."""

    effect: Literal["rise"]
    layer: Count


EFFECTS = {
    "loss": LossDifference,
    "units": UnitsDifference,
    "units_at_equal_function": UnitsAtEqualFunction,
    "rank": Rank,
    "survivors": Survivors,
    "axonal": Axonal,
    "disconnected": Disconnected,
    "rise": Rise,
}


def _of_known_effect(prediction: Any) -> Any:
    if not isinstance(prediction, dict) or prediction.get("effect") not in EFFECTS:
        found = prediction.get("effect") if isinstance(prediction, dict) else prediction
        raise fault("effect", repr(found), f"one of {', '.join(EFFECTS)}")
    return prediction


_Kinds: Any = Union[tuple(Annotated[kind, Tag(f"<{effect}>")] for effect, kind in EFFECTS.items())]  # noqa: UP007
AnyPrediction = Annotated[
    _Kinds, Discriminator(lambda prediction: f"<{prediction['effect']}>"), BeforeValidator(_of_known_effect)
]
Predictions = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], AnyPrediction]


class Margin(Model):
    """A smaller difference does not matter, because."""

    value: Positive
    units: str
    because: str


class Limit(Model):
    """Of a check, at the worst moment of the worst seed."""

    at_most: Number = LEFT_OUT
    at_least: Number = LEFT_OUT

    @model_validator(mode="after")
    def _one(self):
        if len(self.model_fields_set) != 1:
            raise fault("", sorted(self.model_fields_set), "at_most or at_least")
        return self


class Limits(Model):
    """Of all checks of the machines and their samples."""

    trained: Limit
    log_z_error: Limit
    log_z_bias: Limit
    r_hat: Limit
    two_start_r_hat: Limit
    rank_correlation: Limit


class Claims(Model):
    """What each claim predicts; confidence: of all primary intervals of a claim together."""

    confidence: Share
    margins: dict[str, Margin]
    overproduction: Predictions = LEFT_OUT
    weight_pruning: Predictions = LEFT_OUT
    fisher_proxy: Predictions = LEFT_OUT
    neuron_loss: Predictions = LEFT_OUT
    beyond_the_paper: Predictions = LEFT_OUT
    when_to_prune: Predictions = LEFT_OUT
    model_quality: Limits


CLAIMS = ("overproduction", "weight_pruning", "fisher_proxy", "neuron_loss", "beyond_the_paper", "when_to_prune")


def check_answerable(config: dict) -> None:
    """Raise ValueError with the first place where the `claims:` ask what the `experiments:` can't answer."""
    for place, found, expected in _faults(config["claims"], config["experiments"]):
        raise ValueError(f"{place}: found {short(found)}, expected {expected}")


def _faults(claims: dict, experiments: dict) -> Iterator[tuple[str, Any, str]]:
    for name, settings in experiments.items():
        if not {"kl", "digits"} & set(settings["measures"]):
            yield f"experiments/{name}/measures", settings["measures"], "kl or digits among them: claims compare losses"
    for claim in CLAIMS:
        primary = list[str]()
        for name, prediction in claims.get(claim, {}).items():
            place, experiment = f"claims/{claim}/{name}", prediction["experiment"]
            if experiment not in experiments:
                yield f"{place}/experiment", experiment, f"one of {', '.join(experiments)}"
            if prediction["margin"] not in claims["margins"]:
                yield f"{place}/margin", prediction["margin"], f"one of claims/margins, {', '.join(claims['margins'])}"
            for key, found, expected in _unanswerable(prediction, experiments[experiment]):
                yield f"{place}/{key}", found, f"{expected} of experiments/{experiment}"
            primary += [experiment] * prediction.get("primary", False)
            if primary.count(experiment) > MOST_PRIMARY:
                yield f"{place}/primary", True, f"at most {MOST_PRIMARY} primary predictions a claim and experiment"


def _unanswerable(prediction: dict, settings: dict) -> Iterator[tuple[str, Any, str]]:
    """What a prediction names that its experiment does not have."""
    criteria, depth = [label(entry) for entry in settings["criteria"]], len(settings["machine"]["hidden"])
    machines = ["pruned", *criteria, *controls.names(settings)]
    known = {"worse": machines, "better": machines, "more": criteria, "fewer": criteria, "than": criteria}
    for key, names in known.items():
        if key in prediction and prediction[key] not in names:
            yield key, prediction[key], f"one of {', '.join(names)}"
    measure, pruning = prediction.get("measure", ""), settings["pruning"]
    needed = {"kl": "kl", "encoding_error": "digits", "digit_quality": "digits", "digit_information": "digits"}
    if needed.get(measure) not in (None, *settings["measures"]):
        yield "measure", measure, f"what measures give, {settings['measures']},"
    if prediction.get("layer", "all") != "all" and prediction["layer"] > depth:
        yield "layer", prediction["layer"], f"one of the hidden layers, 1 to {depth},"
    if prediction["effect"] == "rank" and not settings["proxy"]:
        yield "effect", "rank", "a prediction that needs no proxy: true"
    if (proxy := CRITERIA.get(prediction.get("proxy", ""))) and "awake" in proxy.needs and proxy.name not in criteria:
        yield "proxy", proxy.name, f"one of criteria, {', '.join(criteria)}, for it looks at activity awake,"
    if prediction.get("stage") == "pruned" and {prediction["worse"], prediction["better"]} & {*controls.CONTROLS}:
        yield "stage", "pruned", "retrained, since controls are not pruned,"
    if prediction["effect"] == "units_at_equal_function" or "equal" in prediction:
        if pruning["n_sessions"] < FEWEST_SESSIONS or np.max(pruning["fraction"]) > LARGEST_STEP:
            expected = f"at least {FEWEST_SESSIONS} sessions of at most {LARGEST_STEP} each, to interpolate between,"
            yield "effect", f"{pruning['n_sessions']} sessions of {pruning['fraction']}", expected
