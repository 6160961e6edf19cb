"""What the claims predict: one entry a prediction, and whether the experiments can answer it.

A prediction is one number a seed, positive where its text holds, and a margin within which a difference does not
matter. `effect` says which number (`verdicts.effects`). Whether experiments can answer is asked before any run.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainValidator, model_validator

from analysis.experiment import controls, local_estimates
from analysis.experiment.settings import Name, Positive
from analysis.files.typed import LEFT_OUT, Count, Model, Number, Share, described, fault, short
from analysis.pruning import label

UnitMeasure = Literal["activity", "fisher", "input_information", "digit_information", "sparseness", "pixel_tuning"]
Loss = Literal["kl", "encoding_error", "digit_quality", "negative_log_likelihood"]
_OF_FUNCTION = ("loss", "units", "units_at_equal_function")
OF_CONTROLS = ("overproduction", "when_to_prune")  # claims whose runs are of controls; those of others, of criteria
ANSWERS: dict[str, tuple[str, ...]] = {name: ("loss",) for name in OF_CONTROLS}  # effects that runs of a claim tell
ANSWERS |= {name: (*_OF_FUNCTION, "rank") for name in ("fisher_proxy", "beyond_the_paper")}
ANSWERS |= {"weight_pruning": _OF_FUNCTION, "neuron_loss": ("units", "survivors", "axonal", "disconnected", "rise")}
# of an effect, and of the measures of a loss
UNITS = {"units": "units", "units_at_equal_function": "units", "rank": "rho", "survivors": "probability"}
UNITS |= {"axonal": "share of losses", "disconnected": "probability", "rise": "rho", "kl": "nats"}
UNITS |= {"encoding_error": "fraction", "digit_quality": "probability or fraction", "negative_log_likelihood": "nats"}
Layer = Annotated[Count | Literal["all"], described("a hidden layer, from 1, or all")]
MOST_PRIMARY = 3  # a claim and experiment
LARGEST_STEP, FEWEST_SESSIONS = 0.6, 3  # of sessions that can be interpolated


class Prediction(Model):
    """A sentence that an experiment can bear out or contradict."""

    text: str
    primary: bool = LEFT_OUT  # the verdict counts it; else it is shown beside
    experiment: Name
    margin: str  # one of claims/margins
    effect: str  # one of EFFECTS


class LossDifference(Prediction):
    """loss(worse) - loss(better): of criteria at equal synapses or hidden units, of controls after the same session."""

    worse: str
    better: str
    measure: Loss
    session: Literal["last", "mean"] = LEFT_OUT
    equal: Literal["units"] = LEFT_OUT  # synapses


class UnitsDifference(Prediction):
    """n_units(more) - n_units(fewer) at equal synapses."""

    more: str
    fewer: str
    layer: Layer
    session: Literal["last", "mean"] = LEFT_OUT


class UnitsAtEqualFunction(Prediction):
    """n_units(more) - n_units(fewer), each where its loss crosses that of the over-produced machine plus tolerance."""

    more: str
    fewer: str
    measure: Loss
    tolerance: Positive


class Rank(Prediction):
    """Spearman's rho of two estimates over the synapses that exist: see `local_estimates`."""

    proxy: str
    target: str
    session: Literal["first", "last"]


class Survivors(Prediction):
    """P(survivor > lost unit of its session) under the reference, less the same under another criterion, or 1/2."""

    measure: UnitMeasure
    layer: Layer
    than: str = LEFT_OUT


class Axonal(Prediction):
    """Share of lost units that lost their outputs alone; comparable: of those with about as many inputs as outputs."""

    layer: Layer
    comparable: bool = LEFT_OUT


class Disconnected(Prediction):
    """P(connected pixel tells more than a disconnected one) - 1/2, last session."""


class Rise(Prediction):
    """Rank correlation of survivors' rise in activity with the share of lost competitors."""

    layer: Count


EFFECTS: dict[str, type[Prediction]] = {
    "loss": LossDifference,
    "units": UnitsDifference,
    "units_at_equal_function": UnitsAtEqualFunction,
    "rank": Rank,
    "survivors": Survivors,
    "axonal": Axonal,
    "disconnected": Disconnected,
    "rise": Rise,
}


def _of_its_effect(prediction: Any) -> Prediction:
    effect = prediction.get("effect") if isinstance(prediction, dict) else prediction
    if effect not in [*EFFECTS]:
        raise fault("effect", short(effect), f"one of {', '.join(EFFECTS)}")
    return EFFECTS[effect].model_validate(prediction)


AnyPrediction = Annotated[Prediction, PlainValidator(_of_its_effect)]
Predictions = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], AnyPrediction]


class Margin(Model):
    """The largest difference that does not matter, its units, and why it does not."""

    value: Positive
    units: str
    because: str


class Limit(Model):
    """What a check passes with: at most or at least so much, at the worst moment of the worst seed."""

    at_most: Number = LEFT_OUT
    at_least: Number = LEFT_OUT

    @model_validator(mode="after")
    def _one(self):
        if len(self.model_fields_set) != 1:
            raise fault("", sorted(self.model_fields_set), "at_most or at_least")
        return self


class Limits(Model):
    """The limit of every check of the machines and their samples."""

    trained: Limit
    log_z_error: Limit
    log_z_gap: Limit
    log_z_bias: Limit
    r_hat: Limit
    two_start_r_hat: Limit
    tempered_r_hat: Limit
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


CLAIMS = [name for name, field in Claims.model_fields.items() if field.annotation == Predictions]


def check_answerable(config: dict) -> None:
    """Raise ValueError with the first place where the `claims:` ask what the `experiments:` can't answer."""
    for place, found, expected in _faults(config["claims"], config["experiments"]):
        raise ValueError(f"{place}: found {short(found)}, expected {expected}")


def _faults(claims: dict, experiments: dict) -> Iterator[tuple[str, Any, str]]:
    for name, settings in experiments.items():
        if not {"kl", "digits"} & set(settings["measures"]) and "likelihood" not in settings:
            expected = "kl or digits among them, or likelihood beside them: claims compare losses"
            yield f"experiments/{name}/measures", settings["measures"], expected
    for claim in CLAIMS:
        primary = list[str]()
        for name, prediction in claims.get(claim, {}).items():
            place, experiment = f"claims/{claim}/{name}", prediction["experiment"]
            if experiment not in experiments:
                yield f"{place}/experiment", experiment, f"one of {', '.join(experiments)}"
            if prediction["margin"] not in claims["margins"]:
                yield f"{place}/margin", prediction["margin"], f"one of claims/margins, {', '.join(claims['margins'])}"
            if (effect := prediction["effect"]) not in ANSWERS[claim]:
                yield f"{place}/effect", effect, f"one of {', '.join(ANSWERS[claim])}, which its runs tell"
            for key, found, expected in _unanswerable(claim, prediction, experiments[experiment]):
                yield f"{place}/{key}", found, f"{expected} of experiments/{experiment}"
            found = claims["margins"][prediction["margin"]]["units"]
            if found not in (units := UNITS[prediction["measure"] if effect == "loss" else effect]).split(" or "):
                yield f"{place}/margin", f"{prediction['margin']} in {found}", f"one in {units}, as the effect"
            primary += [experiment] * prediction.get("primary", False)
            if primary.count(experiment) > MOST_PRIMARY:
                yield f"{place}/primary", True, f"at most {MOST_PRIMARY} primary predictions a claim and experiment"


def _unanswerable(claim: str, prediction: dict, settings: dict) -> Iterator[tuple[str, Any, str]]:
    """What a prediction names that its experiment does not have, or not for this claim."""
    criteria, depth = [label(entry) for entry in settings["criteria"]], len(settings["machine"]["hidden"])
    machines = ["pruned", *(controls.names(settings) if claim in OF_CONTROLS else criteria)]
    estimates = [*local_estimates.LOCAL, *local_estimates.TARGETS]
    if claim == "beyond_the_paper":
        estimates = [*(name for name in local_estimates.local(settings) if name in criteria), "exact_damage"]
    known = {"worse": machines, "better": machines, "more": criteria, "fewer": criteria, "than": criteria}
    known |= {"proxy": estimates, "target": estimates}
    for key, names in known.items():
        if key in prediction and prediction[key] not in names:
            yield key, prediction[key], f"one of {', '.join(names)}"
    runs = {key: settings["reference"] if name == "pruned" else name for key, name in prediction.items()}
    runs["reference"] = settings["reference"]
    for key, other in (("better", "worse"), ("fewer", "more"), ("target", "proxy"), ("than", "reference")):
        if key in runs and runs[key] == runs[other]:
            yield key, prediction[key], f"another one than {other},"
    if claim in OF_CONTROLS and "equal" in prediction:
        yield "equal", prediction["equal"], "none, for controls are compared after the same session,"
    measure, pruning = prediction.get("measure", ""), settings["pruning"]
    needed = {"kl": "kl", "encoding_error": "digits", "digit_quality": "digits", "digit_information": "digits"}
    if needed.get(measure) not in (None, *settings["measures"]):
        yield "measure", measure, f"what measures give, {settings['measures']},"
    if measure == "negative_log_likelihood" and "likelihood" not in settings:
        yield "measure", measure, "another measure, or likelihood among the entries"
    if prediction.get("layer", "all") != "all" and prediction["layer"] > depth:
        yield "layer", prediction["layer"], f"one of the hidden layers, 1 to {depth},"
    if prediction["effect"] == "axonal" and prediction["layer"] == depth:
        yield "layer", depth, "a layer below the last one, whose units have no outputs to lose,"
    if prediction["effect"] == "rank" and not settings["proxy"]:
        yield "effect", "rank", "a prediction that needs no proxy: true"
    if prediction["effect"] == "units_at_equal_function" or "equal" in prediction:
        if pruning["n_sessions"] < FEWEST_SESSIONS or np.max(pruning["fraction"]) > LARGEST_STEP:
            expected = f"at least {FEWEST_SESSIONS} sessions of at most {LARGEST_STEP} each, to interpolate between,"
            yield "effect", f"{pruning['n_sessions']} sessions of {pruning['fraction']}", expected
