"""What a protocol has a choice about, and what each job reads of it.

A job is stale where what it reads has changed: `read_by(PruningRun, settings)` are the entries that such a run obeys.
Units: sizes in units, pixels and synapses; lengths in epochs, sweeps and sessions; weights and biases in nats.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from analysis.data.sets import Rule
from analysis.experiment.controls import CONTROLS
from analysis.files.typed import LEFT_OUT, Count, Model, Natural, Number, Share, described, fault, one_of, unique
from analysis.machine import training
from analysis.pruning import criterion, label


def _known_criterion(entry: str) -> str:
    try:
        criterion(entry)
    except ValueError as error:
        name, _, said = str(error).partition(": found ")
        found, _, expected = said.rpartition(", expected ")
        raise fault("", f"{entry}: {found}" if entry in name else found, expected) from None
    return entry


def _odd(side: int | None) -> int | None:
    if side is not None and side % 2 == 0:
        raise fault("", side, "an odd number, of pixels around one in the middle, or null")
    return side


def _sum_to_one(shares: list[float]) -> list[float]:
    if abs(sum(shares) - 1) > 1e-6:
        raise fault("", shares, f"shares of all that is to go, which sum to 1 instead of {sum(shares):g}")
    return shares


def _labels_differ(entries: list[str]) -> list[str]:
    unique([label(entry) for entry in entries])
    return entries


Name = Annotated[str, Field(pattern="^[a-z][a-z0-9]*$")]
Criterion = Annotated[str, AfterValidator(_known_criterion)]
Criteria = Annotated[list[Criterion], Field(min_length=1), AfterValidator(_labels_differ)]
Control = Annotated[str, one_of(CONTROLS)]
Controls = Annotated[list[Control], AfterValidator(unique)]
AtLeastTwo = Annotated[int, Field(ge=2, le=2**32 - 1)]
Positive = Annotated[float, Field(gt=0)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Counts = Annotated[list[Count], Field(min_length=1), AfterValidator(unique)]


class Schedule(Model):
    """How a machine learns: entries of `machine.training.Schedule`, which says what they may be."""

    algorithm: str
    n_epochs: int
    learning_rates: list[float]
    momentum: Annotated[float | list[float], described("a number, or a list of them, one an epoch")]
    batch_size: int
    n_gibbs_steps: int = LEFT_OUT
    n_chains: int = LEFT_OUT
    n_mean_field_steps: int = LEFT_OUT
    tolerance: float = LEFT_OUT
    max_norm: float | None = None

    @model_validator(mode="after")
    def _of_the_machine(self):
        try:
            training.Schedule(**self.model_dump(exclude_unset=True))
        except ValueError as error:
            place, _, said = str(error).partition(": found ")
            raise fault(place, *said.split(", expected ", 1)) from None
        return self


class Machine(Model):
    """The over-produced machine before it learns."""

    hidden: Annotated[list[Count], Field(min_length=1)]
    receptive_field: Annotated[Count | None, AfterValidator(_odd)]  # pixels a side; null: all to all
    weight_std: Positive
    visible_bias: Annotated[Literal["data"] | Number, described("a number or data")]
    hidden_bias: Number


class Samples(Model):
    """The machine's spontaneous activity, which criteria look at."""

    start: Literal["data", "noise", "tempered"]
    n_chains: Count
    n_steps: Count
    n_measure_chains: Count
    n_rungs: AtLeastTwo = LEFT_OUT  # of tempered chains: machines from independent units up to the machine


_Shares = Annotated[list[Share], Field(min_length=1)]


class Pruning(Model):
    """Sessions of pruning, and the fraction of the remaining synapses that goes: one, one a layer, or so by session."""

    n_sessions: Count
    fraction: Annotated[
        Share | _Shares | Annotated[list[_Shares], Field(min_length=1)],
        described(
            "a number above 0 and below 1, a list of them, one a layer of synapses, or a list of these a session"
        ),
    ]


class Tempering(Model):
    """Chains that exchange states, from each of two starts."""

    n_rungs: AtLeastTwo
    n_chains: AtLeastTwo  # a rung
    n_steps: Count  # sweeps, the first half of which is left out


class Quality(Model):
    """Checks of the machines and their samples along the reference run."""

    sessions: Annotated[list[Natural], Field(min_length=1), AfterValidator(unique)]
    n_chains: AtLeastTwo
    n_temperatures: AtLeastTwo
    n_followed: AtLeastTwo
    n_moments: Count
    n_samples: Count
    noise_steps: Count
    tempering: Tempering


class Annealing(Model):
    """Annealed importance sampling, up to the machine and back down from its samples, for its likelihood."""

    n_chains: AtLeastTwo
    n_temperatures: AtLeastTwo


class OverproducedMachine(Model):
    """What the over-produced machine obeys, and the numbers of the data that measures are compared with."""

    dataset: Rule
    machine: Machine
    pretraining: list[Schedule]
    training: Schedule
    finishing: Schedule = LEFT_OUT  # what follows the training and every retraining: persistent chains after cd, say
    samples: Samples
    measures: Annotated[list[Literal["kl", "importance", "digits"]], AfterValidator(unique)]
    likelihood: Annealing = LEFT_OUT  # measured where this is said: of test patterns, by retrained machines
    folds: AtLeastTwo = LEFT_OUT  # of all labelled patterns, for the error of retrained machines; else test patterns


class Tuning(Model):
    """What a control has of its own, fixed on a seed that no test looks at, so that it is trained as well as can be."""

    rates: Positive = LEFT_OUT  # factor on the learning rates of all schedules but the finishing
    split: Share = LEFT_OUT  # share of the synapses in the first layer of what is born small
    shares: Annotated[list[PositiveShare], AfterValidator(_sum_to_one)] = LEFT_OUT  # of what is to go, by session
    trained: Share = LEFT_OUT  # share of the patterns that are seen before the first session


class PruningRun(OverproducedMachine):
    """What a run of a criterion obeys, and the comparison of local estimates with the exact information."""

    retraining: Schedule
    pruning: Pruning


class RunsOfASeed(PruningRun):
    """What all runs of a seed obey."""

    criteria: Criteria
    reference: str  # the criterion whose sizes the controls take, and whose losses claim 4 looks at
    controls: Controls
    control_sessions: Counts
    equal_work: Controls = LEFT_OUT  # of these also one that has worked as much as the pruned machine
    tuning: dict[Control, Tuning] = LEFT_OUT
    proxy: bool
    quality: Quality | None


class FurtherSeeds(Model):
    """More seeds, of which only those machines are made that undecided predictions compare."""

    n_seeds: Count
    criteria: Criteria
    controls: Controls


class Experiment(RunsOfASeed):
    """An experiment: so many seeds, and words about it."""

    description: str
    first_seed: Natural = LEFT_OUT  # 0
    explored_seeds: Natural = LEFT_OUT  # those below have been looked at: a test takes others
    n_seeds: Count
    further_seeds: FurtherSeeds = LEFT_OUT
    departures: list[str]


def seeds(settings: dict) -> range:
    """The seeds of an experiment, further ones too."""
    first, further = settings.get("first_seed", 0), settings.get("further_seeds", {"n_seeds": 0})
    return range(first, first + settings["n_seeds"] + further["n_seeds"])


def of_seed(settings: dict, seed: int) -> dict:
    """What an experiment asks of a seed: images of its own; of a further one fewer criteria and controls, no checks."""
    if isinstance(rule := settings["dataset"], dict) and rule.get("drawn_by") == "seed":
        settings = settings | {"dataset": rule | {"drawn_by": seed}}
    if seed < settings.get("first_seed", 0) + settings["n_seeds"] or "further_seeds" not in settings:
        return settings
    few = {name: settings["further_seeds"][name] for name in ("criteria", "controls")}
    return settings | few | {"equal_work": [], "quality": None}


def read_by(model: type[Model], settings: dict) -> dict:
    """The entries of an experiment's settings that a model names."""
    return {name: settings[name] for name in model.model_fields if name in settings}
