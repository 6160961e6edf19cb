"""Wirings that controls are trained with: (settings, masks, kept, seed) -> masks, one bool array (n_l, n_l+1) a layer.

masks, kept : the wiring and the units that the reference run left, see `record.masks_of` and `record.kept_units`.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, and as stated below.
"""

from collections.abc import Sequence

import numpy as np

from analysis import pruning
from analysis.experiment import protocol
from analysis.experiment.record import masks_of
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits, choice, derive
from analysis.pruning import criteria

Masks = Sequence[np.ndarray]
SWAPS = 20  # attempted, a synapse


def born_small_units(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """As many units as pruning left, with all the synapses they were born with."""
    born = protocol.initial_masks(settings, len(kept[0]))
    return [mask[np.ix_(*pair)] for mask, pair in zip(born, zip(kept, kept[1:]))]


def born_small_synapses(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """As many synapses as pruning left, dense: so few units that all their synapses are that many.

    The first layer has the share `split` of them where the config's `tuning` says so, else what pruning left it; then
    what all units of a layer can't hold goes to the layer below, whose further units make room above, too.
    """
    born = protocol.initial_masks(settings, len(kept[0]))
    wanted = [int(mask.sum()) for mask in masks]
    if split := tuning_of(settings, "born_small_synapses").get("split"):
        total = sum(wanted)
        wanted = [round(split * total), *(round((1 - split) * n * total / sum(wanted[1:])) for n in wanted[1:])]
    orders = [choice(derive(seed, "units", layer), n, n) for layer, n in enumerate(full.shape[1] for full in born)]

    def nearest(least: Sequence[int]) -> tuple[Masks, list[int]]:
        """Units of each layer, at least so many of a hidden one, and its synapses, near those wanted."""
        units, found = [kept[0]], list[int]()
        for n_least, n_wanted, full, order in zip(least, wanted, born, orders):
            n_synapses = np.cumsum(full[np.ix_(units[-1], order)].sum(axis=0))
            n_units = max(n_least, int(np.argmin(np.abs(n_synapses - n_wanted))) + 1)
            units.append(np.sort(order[:n_units]))
            found.append(int(n_synapses[n_units - 1]))
        return units, found

    least = [1] * len(born)
    for k in range(1, len(born)):
        units, found = nearest(least)
        if not split and found[k] < wanted[k] and len(units[k + 1]) == len(orders[k]):
            tries = [[*least[: k - 1], n, *least[k:]] for n in range(len(units[k]), len(orders[k - 1]) + 1)]
            least = min(tries, key=lambda tried: abs(sum(nearest(tried)[1]) - sum(wanted)))
    return born_small_units(settings, masks, nearest(least)[0], seed)


def rewired(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """The units that pruning left, each with as many synapses on either side, but wired at random.

    (i, j), (k, m) -> (i, m), (k, j) where neither is there, but both might have been at birth: many times, i -> j drawn
    at random, then m among the units that i might have driven, then k among the inputs of m.
    Source: Maslov & Sneppen (2002), doi:10.1126/science.1065103.
    """
    born = born_small_units(settings, masks, kept, seed)
    return [_swapped(mask, full, derive(seed, "swaps", layer)) for layer, (mask, full) in enumerate(zip(masks, born))]


def _swapped(mask, born, seed):
    """The mask after many swaps. Where rows of born differ, as with receptive fields, wirings are nearly as likely, but
    not exactly: a swap and its reverse are proposed at rates that differ with the degrees."""
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


def other_seeds_wiring(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """The wiring that pruning left of another machine, over-produced and pruned from a seed of its own.

    Beside `reinitialised` it tells a wiring that fits the data from one that fits the machine that was pruned. Stranded
    units make the numbers of synapses of two deep machines differ by some percent.
    """
    unmeasured = settings | {"measures": []}
    source, n_sessions = protocol.overproduce(unmeasured, seed), settings["pruning"]["n_sessions"]
    run = protocol.prune_run(unmeasured, protocol.reference_entry(settings), seed, source)
    return masks_of(run, n_sessions)


def pruned_untrained(settings: dict, masks: Masks, kept: Masks, seed: int) -> Masks:
    """Random synapses of the large machine, as many as pruning left: what is pruned before it learns anything.

    Beside `rewired`, whose units are those that pruning left with their degrees, nothing in it stems from pruning.
    Source: Diaz-Faloh & Mulet (2025), arXiv:2511.00648.
    """
    born = protocol.initial_masks(settings, len(kept[0]))
    machine = BoltzmannMachine.random((len(kept[0]), *settings["machine"]["hidden"]), seed, masks=born)
    chance = criteria.random(machine, pruning.Activity([]), seed)
    return prune_to(machine, chance, [int(mask.sum()) for mask in masks]).masks


def prune_to(machine: BoltzmannMachine, importance: Masks, wanted: Sequence[int]) -> BoltzmannMachine:
    """The machine with its most important synapses, as many a layer as wanted once those of stranded units are gone.

    Without stranded units exactly; else as near as a few tries come.
    """
    n, asked = np.array(machine.n_synapses), np.array(wanted)
    for _ in range(8):
        asked = np.clip(asked, 1, n - 1)
        pruned = pruning.prune(machine, importance, (1 - asked / n).tolist()).machine
        missing = np.subtract(wanted, pruned.n_synapses)
        if not missing.any():
            break
        asked = asked + missing
    return pruned


def tuning_of(settings: dict, name: str) -> dict:
    """What the config has for a control alone."""
    return settings.get("tuning", {}).get(name, {})
