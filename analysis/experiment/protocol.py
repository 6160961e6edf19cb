"""Over-produce, then (score, prune, retrain) session by session.

    overproduce    the large machine, trained
    prune_run      what a criterion leaves of it, session by session

Every function is a pure function of (settings, seed) and of the runs that it starts from; patterns are (n_patterns,
n_0), values in {0, 1}. Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, protocols for image
patches and for digits.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment.record import Record, causes_of, join, machine_of, of_data, views
from analysis.machine import tempering
from analysis.machine.arguments import check_memory
from analysis.machine.exact import MAX_STATES
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive
from analysis.machine.sampling import Samples, awake, sample
from analysis.machine.training import Schedule, pretrain_greedily, train


def overproduce(settings: dict, seed: int) -> xr.Dataset:
    """The large machine of an experiment, trained, measured, and samples of its activity: where runs of a seed start.

    Session 0 of every run, and what measures are compared with (see `record.of_data`).
    """
    dataset = data.load(settings["dataset"])
    patterns = dataset["train"].values
    machine = initial_machine(settings, patterns, seed)
    machine = develop(settings, machine, patterns, 0, derive(seed, "development"))
    states = spontaneous(settings, machine, patterns, derive(seed, "sleep", 0))
    attrs = {"long_name": "spontaneous activity", "units": "1"}
    samples = {f"state_{layer}": (("chain", f"unit_{layer}"), x, attrs) for layer, x in enumerate(states)}
    none_lost = [np.full(n, pruning.KEPT, dtype=np.int8) for n in machine.n_units]
    large = machine, states
    measured = Record(settings, dataset, seed, none_lost).session(0, large, large, none_lost)
    return measured.assign(samples).assign(of_data(settings, dataset))


def prune_run(settings: dict, name: str, seed: int, source: xr.Dataset) -> xr.Dataset:
    """Sessions of (score, prune, retrain) of an over-produced machine by one criterion: the run dataset."""
    return join(prune_sessions(settings, name, seed, source))


def prune_sessions(
    settings: dict, name: str, seed: int, source: xr.Dataset, done: xr.Dataset | None = None
) -> Iterator[xr.Dataset]:
    """The run session by session: yields a dataset each, from the first on, or from the one after those in `done`.

    The bits are the same wherever it begins, since every random number is a function of seed and position.
    """
    score, dataset = pruning.criterion(name), data.load(settings["dataset"])
    patterns = dataset["train"].values

    def asleep_and_scored(machine: BoltzmannMachine, session: int) -> tuple[Samples, list[np.ndarray]]:
        if session == 0:
            layers = [source[f"state_{layer}"].values for layer in range(len(machine.n_units))]
            states = Samples.of("states", layers, machine.n_units)
        else:
            states = spontaneous(settings, machine, patterns, derive(seed, "sleep", session))
        seen = activity(settings, machine, patterns, states)
        return states, score(machine, seen, derive(seed, score.name, session))

    before = source if done is None else done
    last = int(before["session"][-1])
    machine, record = machine_of(before, last), Record(settings, dataset, seed, causes_of(before, last))
    states, importance = asleep_and_scored(machine, last)
    if done is None:
        measured = source[[name for name, x in source.data_vars.items() if "session" in x.dims]]
        yield record.scored(measured, machine, importance)
    for session in range(last + 1, settings["pruning"]["n_sessions"] + 1):
        fractions = fractions_of(settings, session)
        pruned = pruning.prune(machine, importance, fractions, f"criterion {name}: importance")
        sub_seed = derive(seed, "sleep pruned", session)
        pruned_states = spontaneous(settings, pruned.machine, patterns, sub_seed, "n_measure_chains")
        machine = retrain(settings, pruned.machine, patterns, session, seed)
        states, importance = asleep_and_scored(machine, session)
        found = record.session(session, (pruned.machine, pruned_states), (machine, states), pruned.causes)
        yield record.scored(found, machine, importance)


def check_feasible(settings: dict, place: str) -> None:
    """Raise ValueError for what memory can't hold or data do not give, before any run. place : of the settings."""
    dataset, hidden = data.load(settings["dataset"]), settings["machine"]["hidden"]
    n_pixels = dataset.sizes["pixel"]
    n_units = (n_pixels, *hidden)
    check_memory(f"{place}/machine/hidden", hidden, 5 * sum(n * m for n, m in zip(n_units, hidden)))  # weight and mask
    for name in ("n_chains", "n_measure_chains"):
        n_chains = settings["samples"][name]
        check_memory(f"{place}/samples/{name}", n_chains, n_chains * sum(n_units) * 9 // 8)  # a byte and a bit a unit
    for name in ("training", "finishing", "retraining"):
        n_chains = settings.get(name, {}).get("n_chains", 1)
        check_memory(f"{place}/{name}/n_chains", n_chains, n_chains * sum(n_units) // 8)
    _check_receptive_field(f"{place}/machine/receptive_field", settings["machine"], n_pixels)
    _check_pruning(f"{place}/pruning", settings, n_pixels)
    n_enumerated = n_pixels + min(sum(hidden[::2]), sum(hidden[1::2]))
    if (settings["proxy"] or "kl" in settings["measures"]) and 2**n_enumerated > MAX_STATES:
        raise ValueError(
            f"{place}: found {n_pixels} pixels, too many for kl in measures or proxy: true, which enumerate patterns; "
            "expected 22 at most, fewer with several hidden layers; leave them out, or crop"
        )
    if "digits" in settings["measures"] and "train_label" not in dataset:
        raise ValueError(f"{place}/measures: found digits and patterns without labels, expected labels, or kl alone")


def _check_receptive_field(place: str, machine: dict, n_visible: int) -> None:
    side, n_first = machine["receptive_field"], machine["hidden"][0]
    if side is not None and (round(n_visible**0.5) ** 2 != n_visible or n_first != n_visible):
        found = f"{n_visible} pixels and {n_first} units in the first hidden layer"
        raise ValueError(f"{place}: found {found}, expected a square image and one unit a pixel, or null")


def _check_pruning(place: str, settings: dict, n_visible: int) -> None:
    n_sessions = settings["pruning"]["n_sessions"]
    for layer, mask in enumerate(initial_masks(settings, n_visible)):
        left = n_born = int(mask.sum())
        shares = [fractions_of(settings, k)[layer] for k in range(1, min(n_sessions, n_born) + 1)]
        for share in shares:
            left -= max(1, int(share * left + 0.5))  # at least, see `pruning.prune`
        if left < 1:
            found = f"{n_sessions} sessions of {', '.join(map(str, dict.fromkeys(shares)))}"
            expected = "one left at least; take fewer sessions, or less in each"
            raise ValueError(
                f"{place}: found {found}, which leave none of the {n_born} synapses of layer {layer + 1}, "
                f"expected {expected}"
            )


def fractions_of(settings: dict, session: int) -> list[float]:
    """The fraction of the remaining synapses of each layer that goes in a session."""
    fraction = settings["pruning"]["fraction"]
    if not isinstance(fraction, list):
        return [fraction] * len(settings["machine"]["hidden"])
    return fraction[session - 1] if isinstance(fraction[0], list) else fraction


def initial_masks(settings: dict, n_visible: int) -> list[np.ndarray]:
    """Masks before pruning: square receptive fields, clipped at the border, where the config has them; else full.

    receptive_field k, odd: the first hidden layer has one unit a pixel, which sees k x k pixels around it.
    """
    n_units, side = (n_visible, *settings["machine"]["hidden"]), settings["machine"]["receptive_field"]
    masks = [np.ones(pair, dtype=bool) for pair in zip(n_units, n_units[1:])]
    _check_receptive_field("receptive_field", settings["machine"], n_visible)
    if side is not None:
        y, x = np.divmod(np.arange(n_visible), round(n_visible**0.5))
        near = [np.abs(z[:, None] - z[None, :]) <= side // 2 for z in (y, x)]
        masks[0] = near[0] & near[1]
    return masks


def initial_machine(settings: dict, patterns: np.ndarray, seed: int) -> BoltzmannMachine:
    """The large machine of an experiment before it learns anything."""
    n_units, masks = (patterns.shape[1], *settings["machine"]["hidden"]), initial_masks(settings, patterns.shape[1])
    return new_machine(settings, n_units, masks, patterns, derive(seed, "overproduced"))


def new_machine(
    settings: dict, n_units: Sequence[int], masks: Sequence[np.ndarray] | None, patterns: np.ndarray, seed: int
) -> BoltzmannMachine:
    """A machine with the experiment's initial values: weights ~ N(0, weight_std^2), biases as the config says.

    Where it says `data`, a visible bias is the logit of the pixel's mean over the patterns.
    """
    initial = settings["machine"]
    visible = initial["visible_bias"]
    if visible == "data":
        rate = np.clip(patterns.mean(axis=0), 1e-3, 1 - 1e-3)
        visible = np.round(np.log(rate / (1 - rate)), 6)  # the logarithm's last bits are the C library's
    return BoltzmannMachine.random(n_units, seed, initial["weight_std"], visible, initial["hidden_bias"], masks)


def develop(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, n_sessions: int, seed: int
) -> BoltzmannMachine:
    """Greedy pretraining where the config has it, training, then the retraining of n_sessions sessions."""
    if settings["pretraining"]:
        schedules = [Schedule(**s) for s in settings["pretraining"]]
        machine = pretrain_greedily(machine, patterns, schedules, derive(seed, "pretraining"))
    machine = _learn(settings, machine, patterns, "training", derive(seed, "training"))
    for session in range(1, n_sessions + 1):
        machine = retrain(settings, machine, patterns, session, seed)
    return machine


def retrain(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, session: int, seed: int
) -> BoltzmannMachine:
    """The training that follows a pruning session."""
    return _learn(settings, machine, patterns, "retraining", derive(seed, "retraining", session))


def _learn(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, schedule: str, seed: int
) -> BoltzmannMachine:
    machine = train(machine, patterns, Schedule(**settings[schedule]), seed)
    if finishing := settings.get("finishing"):
        machine = train(machine, patterns, Schedule(**finishing), derive(seed, "finishing"))
    return machine


def spontaneous(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, seed: int, chains: str = "n_chains"
) -> Samples:
    """Samples of the machine's own activity ("sleep").

    Chains fall asleep where the config's `start` says: awake, with a pattern each in the visible layer (data), or with
    every unit by its bias alone (noise). Or they are the last of `n_rungs` chains that exchange states (tempered), and
    cross between modes. Where no criterion looks, right after pruning and in controls, "n_measure_chains" are enough.
    """
    samples = settings["samples"]
    if samples["start"] == "tempered":
        return tempering.sample(machine, samples[chains], samples["n_steps"], samples["n_rungs"], seed, patterns)
    start = awake(machine, patterns, samples[chains], derive(seed, "awake")) if samples["start"] == "data" else None
    return sample(machine, samples[chains], samples["n_steps"], seed, start)


def activity(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, states: Sequence[np.ndarray]
) -> pruning.Activity:
    """What criteria see: samples asleep and, where one asks, what hidden units do awake, with the patterns."""
    return pruning.Activity(states, lambda: views(settings, machine, patterns))


def reference_entry(settings: dict) -> str:
    """The entry of `criteria` that the reference, a label, names: for a criterion of one's own they differ."""
    label = settings["reference"]
    return next((entry for entry in settings["criteria"] if pruning.label(entry) == label), label)
