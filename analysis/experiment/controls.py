"""Controls: machines of the size that pruning reached, made by other ways than pruning session by session.

A control is a wiring: (settings, masks, kept, seed) -> masks, one array (n_l, n_l+1) a layer, from the masks and units
that the reference run had left. `develop_control` trains it from scratch with as many updates as the pruned machine:
pretraining, training and one retraining a session; or with as many synapse-updates, the condition "<control>_work".
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, and as stated below.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from analysis import data
from analysis.experiment import protocol
from analysis.experiment.record import Record, kept_units, masks_of
from analysis.experiment.work import faster, stretch, work
from analysis.files.palette import GREEN, GREY, ORANGE, VERMILION, Line, by_name
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits, choice, derive

Masks = Sequence[np.ndarray]
WITH_EQUAL_WORK = "_work"  # ends the name of the condition
SWAPS = 20  # attempted, a synapse


@dataclass(frozen=True)
class Control:
    """A control: its wiring, what it is called and how it is drawn."""

    wiring: Callable[[dict, Masks, Masks, int], Masks]
    words: str
    colour: str
    marker: str
    line: Line

    @property
    def name(self) -> str:
        """The wiring's."""
        return self.wiring.__name__


def names(settings: dict) -> list[str]:
    """The controls of an experiment, then those with equal work."""
    return [*settings["controls"], *(name + WITH_EQUAL_WORK for name in settings.get("equal_work", ()))]


def control_sessions(
    settings: dict, name: str, seed: int, source: xr.Dataset, progress: bool = False, done: xr.Dataset | None = None
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
    patterns, record = dataset["train"].values, Record(settings, dataset)
    n_done = 0 if done is None else done.sizes["session"]
    for session in settings["control_sessions"][n_done:]:
        machine = develop_control(settings, control, patterns, source, session, seed, name != control, progress)
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
    progress: bool = False,
) -> BoltzmannMachine:
    """The trained control.

    reference : the run dataset of the same seed; patterns : (n_patterns, n_0), binary. equal_work : the epochs of every
    schedule are multiplied by the pruned machine's synapse-updates over the control's, and rounded.
    """
    kept, sub_seed = kept_units(reference, session), derive(seed, name, session)
    masks = CONTROLS[name].wiring(settings, masks_of(reference, session), kept, sub_seed)
    n_units = (masks[0].shape[0], *(mask.shape[1] for mask in masks))
    machine = protocol.new_machine(settings, n_units, masks, patterns, sub_seed)
    schedules = faster(settings, _tuning(settings, name).get("rates", 1.0))
    if equal_work:
        sizes = [reference["n_synapses"].sel(session=k).values.tolist() for k in range(session + 1)]
        own = [list(machine.n_synapses)] * (session + 1)
        schedules = stretch(schedules, work(settings, len(patterns), sizes) / work(settings, len(patterns), own))
    return protocol.develop(schedules, machine, patterns, session, derive(sub_seed, "development"), progress)


def born_small_units(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """As many units as pruning left, with all the synapses they were born with."""
    born = protocol.initial_masks(settings, len(kept[0]))
    return [mask[np.ix_(*pair)] for mask, pair in zip(born, zip(kept, kept[1:]))]


def born_small_synapses(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """As many synapses as pruning left, dense: so few units that all their synapses are that many.

    The first layer has the share `split` of them where the config's `tuning` says so, else what pruning left it.
    """
    born, units = protocol.initial_masks(settings, len(kept[0])), [kept[0]]
    wanted = [int(mask.sum()) for mask in masks]
    if split := _tuning(settings, "born_small_synapses").get("split"):
        total = sum(wanted)
        wanted = [round(split * total), *(round((1 - split) * n * total / sum(wanted[1:])) for n in wanted[1:])]
    for layer, (n_wanted, full) in enumerate(zip(wanted, born)):
        order = choice(derive(seed, "units", layer), full.shape[1], full.shape[1])
        n_synapses = np.cumsum(full[np.ix_(units[-1], order)].sum(axis=0))
        n_units = int(np.argmin(np.abs(n_synapses - n_wanted))) + 1
        units.append(np.sort(order[:n_units]))
    return born_small_units(settings, masks, units, seed)


def rewired(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """The units that pruning left, each with as many synapses on either side, but wired at random.

    (i, j), (k, m) -> (i, m), (k, j) where neither is there, but both might have been at birth: many times, i -> j drawn
    at random, then m among the units that i might have driven, then k among the inputs of m.
    Source: Maslov & Sneppen (2002), doi:10.1126/science.1065103.
    """
    born = born_small_units(settings, masks, kept, seed)
    return [_swapped(mask, full, derive(seed, "swaps", layer)) for layer, (mask, full) in enumerate(zip(masks, born))]


def _swapped(mask, born, seed):
    free, degree = born & ~mask, mask.sum(axis=0)
    output, source = (x.tolist() for x in np.nonzero(mask.T))  # synapse a is source[a] -> output[a]; outputs ascend
    first, might = (np.cumsum(degree) - degree).tolist(), [np.flatnonzero(row).tolist() for row in born]
    degree, n = degree.tolist(), len(source)
    draws = bits(seed, 0, 3 * SWAPS * n).reshape(-1, 3).tolist()
    for x, y, z in draws:
        a = x * n >> 32
        i, j = source[a], output[a]
        m = might[i][y * len(might[i]) >> 32]
        if free[i, m] and degree[m]:
            b = first[m] + (z * degree[m] >> 32)
            k = source[b]
            if free[k, j]:
                source[a], source[b] = k, i
                free[i, m] = free[k, j] = False
                free[i, j] = free[k, m] = True
    new = np.zeros_like(mask)
    new[source, output] = True
    return new


def reinitialised(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """The very wiring that pruning left, with new initial weights."""
    return masks


def _tuning(settings, name):
    return settings.get("tuning", {}).get(name, {})


# words, colour, marker and line, named as here, make no run stale: see files/provenance.py
CONTROLS: dict[str, Control] = by_name(
    Control(born_small_units, words="born small, as many units", colour=ORANGE, marker="^", line="--"),
    Control(born_small_synapses, words="born small, as many synapses", colour=VERMILION, marker="v", line="-."),
    Control(rewired, words="rewired at random", colour=GREY, marker="X", line=":"),
    Control(reinitialised, words="own wiring, re-initialised", colour=GREEN, marker="D", line=(0, (5, 1))),
)
