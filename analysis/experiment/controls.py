"""Controls: machines of the size that pruning reached, made by other ways than the reference run's sessions.

    from scratch    a wiring, see `wirings`
    from large      the reference criterion, at other times and rates: (shares, trained) of the config's `tuning`

`develop_control` trains a wiring with as many updates as the pruned machine (pretraining, training, one retraining a
session), or with as many synapse-updates: the condition "<control>_work". `prune_otherwise` works as much as that.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, and as stated below.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment import protocol
from analysis.experiment.record import Record, kept_units, machine_of, masks_of
from analysis.experiment.wirings import (
    Masks,
    born_small_synapses,
    born_small_units,
    other_seeds_wiring,
    prune_to,
    pruned_untrained,
    reinitialised,
    rewired,
    tuning_of,
)
from analysis.files.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Look, by_name
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive
from analysis.machine.training import Schedule

WITH_EQUAL_WORK = "_work"  # ends the name of the condition
_AFTER_PRETRAINING = ("training", "finishing", "retraining")


@dataclass(frozen=True)
class Control:
    """A control: its name, its wiring (None: it is pruned from large), how it looks in words and figures."""

    name: str
    wiring: Callable[[dict, Masks, Masks, int], Masks] | None
    look: Look


def names(settings: dict) -> list[str]:
    """The controls of an experiment, then those with equal work."""
    return [*settings["controls"], *(name + WITH_EQUAL_WORK for name in settings.get("equal_work", ()))]


def control_sessions(
    settings: dict, name: str, seed: int, source: xr.Dataset, done: xr.Dataset | None = None
) -> Iterator[xr.Dataset]:
    """Machines of the reference run's sizes: a dataset a session, as `protocol.prune_sessions`.

    name : of a control, or with "_work" at its end. Raises ValueError for an unknown one, and for a reference run
    without one of the sessions.
    """
    control = name.removesuffix(WITH_EQUAL_WORK)
    if control not in CONTROLS:
        raise ValueError(f"control: found {name!r}, expected one of {', '.join(CONTROLS)}")
    if missing := sorted(set(settings["control_sessions"]) - set(source["session"].values.tolist())):
        raise ValueError(f"reference: found no sessions {missing}, expected a run by this config")
    dataset = data.load(settings["dataset"])
    patterns, record = dataset["train"].values, Record(settings, dataset, derive(seed, control))
    n_done = 0 if done is None else done.sizes["session"]
    for session in settings["control_sessions"][n_done:]:
        machine = develop_control(settings, control, patterns, source, session, seed, name != control)
        sub_seed = derive(derive(seed, control, session), "sleep")
        states = protocol.spontaneous(settings, machine, patterns, sub_seed, "n_measure_chains")
        yield record.control(session, machine, states)


def develop_control(
    settings: dict,
    name: str,
    patterns: np.ndarray,
    reference: xr.Dataset,
    session: int,
    seed: int,
    equal_work: bool = False,
) -> BoltzmannMachine:
    """The control of a session: the wiring that it has, new weights, trained; or what `prune_otherwise` makes.

    reference : the run dataset of the same seed; patterns : (n_patterns, n_0), binary. equal_work : the epochs of every
    schedule are multiplied by the pruned machine's synapse-updates over the control's, and rounded.
    """
    wiring, sub_seed = CONTROLS[name].wiring, derive(seed, name, session)
    if wiring is None:
        return prune_otherwise(settings, name, patterns, reference, session, sub_seed)
    until = settings | {"pruning": settings["pruning"] | {"n_sessions": session}}
    masks = wiring(until, masks_of(reference, session), kept_units(reference, session), sub_seed)
    n_units = (masks[0].shape[0], *(mask.shape[1] for mask in masks))
    machine = protocol.new_machine(settings, n_units, masks, patterns, sub_seed)
    schedules = faster(settings, tuning_of(settings, name).get("rates", 1.0))
    if equal_work:
        own = [machine.n_synapses] * (session + 1)
        wanted = work(settings, len(patterns), _sizes(reference, session))
        schedules = stretch(schedules, wanted / work(settings, len(patterns), own))
    return protocol.develop(schedules, machine, patterns, session, derive(sub_seed, "development"))


def prune_otherwise(
    settings: dict, name: str, patterns: np.ndarray, reference: xr.Dataset, session: int, seed: int
) -> BoltzmannMachine:
    """The machine pruned from large by the reference criterion, to as many synapses a layer, at other times and rates.

    n_k = n_0 - round((s_1 + ... + s_k) (n_0 - n)) synapses are left after session k, with the control's `shares` s
    or, without any, as many as the reference run had. Sessions begin with that run's own large machine or, where the
    control is `trained` a part of the training alone, with one that saw that share of the patterns. All retrainings
    have the same number of epochs: as many as take, rounded, the rest of the reference run's synapse-updates.
    Source: Navlakha, Barth & Bar-Joseph (2015), doi:10.1371/journal.pcbi.1004347, whose rates are numbers of synapses
    an interval: decreasing, constant, increasing. A constant fraction of what is left is a decreasing rate, too.
    """
    tuning, score = tuning_of(settings, name), pruning.criterion(protocol.reference_entry(settings))
    born, *sizes = _sizes(reference, session)
    left = work(settings, len(patterns), [born, *sizes])
    if "shares" in tuning:
        gone = np.round(np.outer(np.cumsum(tuning["shares"]), np.subtract(born, sizes[-1])))
        sizes = np.subtract(born, gone).astype(int).tolist()
    if "trained" in tuning:
        seen = patterns[choice(derive(seed, "seen"), len(patterns), round(tuning["trained"] * len(patterns)))]
        machine = protocol.initial_machine(settings, patterns, seed)
        machine = protocol.develop(settings, machine, seen, 0, derive(seed, "development"))
        left -= work(settings, len(seen), [born])
    else:
        machine = machine_of(reference, 0)
        left -= work(settings, len(patterns), [born])
    schedules = stretch(settings, left / retraining_work(settings, len(patterns), sizes))
    for k, wanted in enumerate(sizes, 1):
        states = protocol.spontaneous(settings, machine, patterns, derive(seed, "sleep", k))
        activity = protocol.activity(settings, machine, patterns, states)
        machine = prune_to(machine, score(machine, activity, derive(seed, score.name, k)), wanted)
        machine = protocol.retrain(schedules, machine, patterns, k, seed)
    return machine


def _sizes(run: xr.Dataset, session: int) -> list[list[int]]:
    """Synapses a layer of a run at birth and after each session up to one."""
    return [run["n_synapses"].sel(session=k).values.tolist() for k in range(session + 1)]


def stretch(settings: dict, factor: float) -> dict:
    """Every schedule with factor times the epochs, rounded, at least one; a list of momenta is stretched with them."""

    def longer(schedule: dict) -> dict:
        before = schedule["n_epochs"]
        n_epochs, momentum = max(1, int(np.floor(factor * before + 0.5))), schedule["momentum"]
        if isinstance(momentum, list):
            momentum = [momentum[k * before // n_epochs] for k in range(n_epochs)]
        return schedule | {"n_epochs": n_epochs, "momentum": momentum}

    return _changed(settings, longer, _AFTER_PRETRAINING)


def faster(settings: dict, factor: float) -> dict:
    """Every schedule but the finishing with factor times the learning rates."""

    def scaled(schedule: dict) -> dict:
        return schedule | {"learning_rates": [factor * rate for rate in schedule["learning_rates"]]}

    return _changed(settings, scaled, ("training", "retraining"))


def _changed(settings, change, names):
    changed = {name: change(settings[name]) for name in names if name in settings}
    return settings | changed | {"pretraining": [change(schedule) for schedule in settings["pretraining"]]}


def work(settings: dict, n_patterns: int, n_synapses: Sequence[Sequence[int]]) -> int:
    """Sum over the updates of a training of the synapses that they change.

    n_synapses : synapses a layer, first while pretrained and trained, then at each retraining. An update of the
    pretraining of one pair of layers changes that pair's synapses alone.
    """
    lengths = [Schedule(**s).n_updates(n_patterns) for s in settings["pretraining"]]
    pretraining = sum(n * synapses for n, synapses in zip(lengths, n_synapses[0]))
    training = _n_updates(settings, "training", n_patterns) * sum(n_synapses[0])
    return pretraining + training + retraining_work(settings, n_patterns, n_synapses[1:])


def retraining_work(settings: dict, n_patterns: int, n_synapses: Sequence[Sequence[int]]) -> int:
    """Sum over the updates of retrainings of the synapses that they change. n_synapses : synapses a layer at each."""
    return _n_updates(settings, "retraining", n_patterns) * sum(map(sum, n_synapses))


def _n_updates(settings, name, n_patterns):
    """Updates of the training or a retraining, with those that finish it."""
    return sum(Schedule(**settings[s]).n_updates(n_patterns) for s in (name, "finishing") if s in settings)


CONTROLS: dict[str, Control] = by_name(
    Control("born_small_units", born_small_units, Look("born small, as many units", ORANGE, "^", "--")),
    Control("born_small_synapses", born_small_synapses, Look("born small, as many synapses", VERMILION, "v", "-.")),
    Control("rewired", rewired, Look("random wiring", GREY, "X", ":")),
    Control("reinitialised", reinitialised, Look("pruned wiring, new weights", GREEN, "D", (0, (5, 1)))),
    Control("other_seeds_wiring", other_seeds_wiring, Look("another machine's wiring", BLUE, "P", "--")),
    Control("pruned_untrained", pruned_untrained, Look("pruned at random before training", BLACK, "s", ":")),
    Control("pruned_early", None, Look("pruned early", PURPLE, "<", "-.")),
    Control("pruned_at_once", None, Look("pruned at once", VERMILION, "*", (0, (1, 1)))),
    Control("pruned_decreasing", None, Look("pruned at a decreasing rate", SKY, ">", "--")),
    Control("pruned_constant", None, Look("pruned at a constant rate", ORANGE, "d", "-")),
    Control("pruned_increasing", None, Look("pruned at an increasing rate", GREEN, "h", "-.")),
)
