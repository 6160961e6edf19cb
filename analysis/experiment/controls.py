"""Controls: machines of the size that pruning reached, made by other ways than pruning session by session.

Every control in CONTROLS is a function (settings, patterns, reference, session, seed) -> the trained machine; reference
is the run dataset of the same seed, patterns (n_patterns, n_0) are binary. Updates are counted as those of a run up to
the session: pretraining, training and one retraining a session. Source: Scholl, Rule & Hennig (2021),
doi:10.1371/journal.pcbi.1009458, and as stated below.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment import protocol
from analysis.experiment.record import Record, kept_units, machine_of, masks_of
from analysis.files.palette import BLACK, GREEN, GREY, ORANGE, PURPLE, VERMILION, Line, by_name
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive

Masks = Sequence[np.ndarray]


@dataclass(frozen=True)
class Control:
    """A control: what trains it, from whose name it has its own, what it is called and how it is drawn."""

    function: Callable[..., BoltzmannMachine]
    words: str
    colour: str
    marker: str
    line: Line

    @property
    def name(self) -> str:
        """The function's."""
        return self.function.__name__


def control_sessions(
    settings: dict, name: str, seed: int, source: xr.Dataset, progress: bool = False, done: xr.Dataset | None = None
) -> Iterator[xr.Dataset]:
    """Machines of the reference run's sizes, with as many updates: a dataset a session, as `protocol.prune_sessions`.

    Raises ValueError for an unknown control, and for a reference run without one of the sessions.
    """
    if name not in CONTROLS:
        raise ValueError(f"control: found {name!r}, expected one of {', '.join(CONTROLS)}")
    if missing := sorted(set(settings["control_sessions"]) - set(source["session"].values.tolist())):
        raise ValueError(f"reference: found no sessions {missing}, expected a run by this config")
    dataset = data.load(settings["dataset"])
    patterns, record = dataset["train"].values, Record(settings, dataset)
    n_done = 0 if done is None else done.sizes["session"]
    for session in settings["control_sessions"][n_done:]:
        machine = CONTROLS[name].function(settings, patterns, source, session, seed, progress)
        sub_seed = derive(derive(seed, name, session), "sleep")
        states = protocol.spontaneous(settings, machine, patterns, sub_seed, "n_measure_chains")
        yield record.control(session, machine, states)


def by_masks(function: Callable[[dict, Masks, Masks, int], Masks]) -> Callable[..., BoltzmannMachine]:
    """A control that is new but for its masks: of (settings, masks left, units left, seed) -> masks."""

    @wraps(function)
    def trained(settings, patterns, reference, session, seed, progress=False):
        sub_seed = derive(seed, function.__name__, session)
        masks = function(settings, masks_of(reference, session), kept_units(reference, session), sub_seed)
        n_units = (masks[0].shape[0], *(m.shape[1] for m in masks))
        machine = protocol.new_machine(settings, n_units, masks, patterns, sub_seed)
        return protocol.develop(settings, machine, patterns, session, derive(sub_seed, "development"), progress)

    return trained


def born_small_units(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """As many units as pruning left, with all the synapses they were born with."""
    born = protocol.initial_masks(settings, len(kept[0]))
    return [mask[np.ix_(*pair)] for mask, pair in zip(born, zip(kept, kept[1:]))]


def born_small_synapses(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """As many synapses as pruning left, dense: so few units that all their synapses are that many."""
    born = protocol.initial_masks(settings, len(kept[0]))
    units = [kept[0]]
    for layer, (pruned, full) in enumerate(zip(masks, born)):
        order = choice(derive(seed, "units", layer), full.shape[1], full.shape[1])
        n_synapses = np.cumsum(full[np.ix_(units[-1], order)].sum(axis=0))
        n_units = int(np.argmin(np.abs(n_synapses - pruned.sum()))) + 1
        units.append(np.sort(order[:n_units]))
    return born_small_units(settings, masks, units, seed)


def random_sparse(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """The units and synapses that pruning left, but each unit's inputs drawn at random among those it was born with."""
    born, sparse = born_small_units(settings, masks, kept, seed), []
    for layer, (pruned, full) in enumerate(zip(masks, born)):
        mask = np.zeros_like(full)
        for unit, degree in enumerate(pruned.sum(axis=0)):
            inputs = np.flatnonzero(full[:, unit])
            mask[inputs[choice(derive(seed, "inputs", layer, unit), len(inputs), int(degree))], unit] = True
        sparse.append(mask)
    return sparse


def reinitialised(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """The very architecture that pruning left, with new initial weights."""
    return masks


def original_weights(
    settings: dict, patterns: np.ndarray, reference: xr.Dataset, session: int, seed: int, progress: bool = False
) -> BoltzmannMachine:
    """The very architecture that pruning left, with the initial weights and biases that the large machine had there.

    A lottery ticket; source: Frankle & Carbin (2019), doi:10.48550/arXiv.1803.03635.
    """
    whole = protocol.initial_machine(settings, patterns, seed)
    whole = pruning.remove_units(whole, kept_units(reference, session))
    machine = BoltzmannMachine(whole.biases, whole.weights, masks_of(reference, session))
    sub_seed = derive(derive(seed, "original_weights", session), "development")
    return protocol.develop(settings, machine, patterns, session, sub_seed, progress)


def pruned_once(
    settings: dict, patterns: np.ndarray, reference: xr.Dataset, session: int, seed: int, progress: bool = False
) -> BoltzmannMachine:
    """The same large machine, trained on as it is, pruned but once by the reference criterion, and retrained.

    It keeps as many synapses of each layer as the reference run. Its updates up to session n are those of the
    over-produced machine, n - 1 retrainings of all synapses and, once pruned, one of those that are left.
    """
    sub_seed, machine = derive(seed, "pruned_once"), machine_of(reference, 0)
    for earlier in range(1, session):
        machine = protocol.retrain(settings, machine, patterns, earlier, sub_seed, progress)
    states = protocol.spontaneous(settings, machine, patterns, derive(sub_seed, "sleep", session))
    score = pruning.criterion(protocol.reference_entry(settings))
    seen = protocol.activity(settings, machine, patterns, states)
    importance = score(machine, seen, derive(sub_seed, "score", session))
    machine = pruning.prune_to(machine, importance, reference["n_synapses"].sel(session=session).values)
    return protocol.retrain(settings, machine, patterns, session, sub_seed, progress)


# words, colour, marker and line, named as here, make no run stale: see files/provenance.py
CONTROLS: dict[str, Control] = by_name(
    Control(by_masks(born_small_units), words="born small, as many units", colour=ORANGE, marker="^", line="--"),
    Control(
        by_masks(born_small_synapses), words="born small, as many synapses", colour=VERMILION, marker="v", line="-."
    ),
    Control(by_masks(random_sparse), words="random sparse", colour=GREY, marker="X", line=":"),
    Control(by_masks(reinitialised), words="pruned, re-initialised", colour=GREEN, marker="D", line=(0, (5, 1))),
    Control(original_weights, words="pruned, original weights", colour=PURPLE, marker="P", line=(0, (3, 1, 1, 1))),
    Control(pruned_once, words="pruned once, at the end", colour=BLACK, marker="s", line=(0, (1, 1))),
)
