"""What a config of maps says: which sizes and lengths an experiment is made at, and what that should show."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from analysis.experiment.predictions import Interval
from analysis.experiment.settings import AtLeastTwo, Control, Name, Positive, Samples
from analysis.files.typed import Count, Model, Share, unique

Counts = Annotated[list[Count], Field(min_length=1), AfterValidator(unique)]
Controls = Annotated[list[Control], AfterValidator(unique)]
Condition = Control | Literal["pruned"]


class Grid(Model):
    """Every combination of these; the controls have as many updates, or synapse-updates, as the pruned machine."""

    final: Counts  # dense hidden units that have as many synapses as pruning leaves
    growth: Annotated[list[Annotated[float, Field(gt=1)]], Field(min_length=1), AfterValidator(unique)]  # start / final
    sessions: Counts
    epochs: Annotated[list[Positive], Field(min_length=1), AfterValidator(unique)]  # multiple of the protocol's
    updates: Controls
    synapse_updates: Controls


class Annealing(Model):
    """Annealed importance sampling of log Z."""

    n_chains: AtLeastTwo
    n_temperatures: AtLeastTwo


class Map(Model):
    """An experiment at the sizes and lengths of its grids."""

    description: str
    experiment: Name
    dataset: str
    samples: Samples
    annealing: Annealing | None  # importance sampling of log Z, for the likelihood
    jobs: Literal["seed", "start"]  # one job a seed, or one a start size and seed
    n_seeds: Count
    grids: Annotated[list[Grid], Field(min_length=1)]


class Difference(Model):
    """loss(worse) - loss(better)"""

    text: str
    worse: Condition
    better: Condition


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


class Maps(Model):
    """A config of maps."""

    title: str
    protocol: str  # the config whose experiments these are
    maps: Annotated[dict[Name, Map], Field(min_length=1)]
    predictions: MapPredictions
