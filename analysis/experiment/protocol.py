"""Over-produce, then (score, prune, retrain) session by session.

    overproduce    the large machine, trained
    prune_run      what a criterion leaves of it, session by session

Every function returns one xarray.Dataset, a pure function of (settings, seed) and of the runs that it starts from.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, protocols for image patches and for digits.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment import record
from analysis.experiment.sessions import join
from analysis.machine.arguments import check_memory
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive
from analysis.machine.sampling import Samples, awake, sample
from analysis.machine.training import Schedule, pretrain_greedily, train


def overproduce(settings: dict, seed: int, progress: bool = False) -> xr.Dataset:
    """The large machine of an experiment, trained, and samples of its activity: the start of every run of this seed."""
    patterns = data.load(settings["dataset"])["train"].values
    machine = initial_machine(settings, patterns, seed)
    machine = develop(settings, machine, patterns, 0, derive(seed, "development"), progress)
    states = spontaneous(settings, machine, patterns, derive(seed, "sleep", 0))
    attrs = {"long_name": "spontaneous activity", "units": "1"}
    samples = {f"state_{layer}": (("chain", f"unit_{layer}"), x, attrs) for layer, x in enumerate(states)}
    return machine.to_dataset().assign(samples)


def prune_run(settings: dict, name: str, seed: int, overproduced: xr.Dataset, progress: bool = False) -> xr.Dataset:
    """Sessions of (score, prune, retrain) of an over-produced machine by one criterion: the run dataset."""
    return join(prune_sessions(settings, name, seed, overproduced, progress))


def prune_sessions(
    settings: dict,
    name: str,
    seed: int,
    overproduced: xr.Dataset,
    progress: bool = False,
    done: xr.Dataset | None = None,
) -> Iterator[xr.Dataset]:
    """The run session by session: yields a dataset each, from the first on, or from the one after those in `done`.

    The bits are the same wherever it begins, since every random number is a function of seed and position.
    """
    score, patterns = pruning.criterion(name), data.load(settings["dataset"])
    train_patterns = patterns["train"].values

    def asleep_and_scored(machine: BoltzmannMachine, session: int) -> tuple[Samples, list[np.ndarray]]:
        states = _fallen_asleep(settings, machine, train_patterns, session, seed, overproduced)
        seen = activity(settings, machine, train_patterns, states)
        return states, score(machine, seen, derive(seed, score.name, session))

    if done is None:
        machine, last, causes = BoltzmannMachine.from_dataset(overproduced), 0, None
        kept = tuple(np.arange(n) for n in machine.n_units)
    else:
        last = int(done["session"][-1])
        machine, kept, causes = machine_of(done, last), tuple(kept_units(done, last)), causes_of(done, last)
    n_units = [overproduced.sizes[f"unit_{layer}"] for layer in range(len(kept))]
    run = record.Record(settings, patterns, n_units, causes)
    states, importance = asleep_and_scored(machine, last)
    if done is None:
        yield run.session(0, (machine, machine), (states, states), kept, importance, None)
    for session in range(last + 1, settings["pruning"]["n_sessions"] + 1):
        pruned = pruning.prune(machine, importance, settings["pruning"]["fraction"])
        kept = tuple(units[new] for units, new in zip(kept, pruned.kept))
        sub_seed = derive(seed, "sleep pruned", session)
        pruned_states = spontaneous(settings, pruned.machine, train_patterns, sub_seed, "n_measure_chains")
        machine = retrain(settings, pruned.machine, train_patterns, session, seed, progress)
        states, importance = asleep_and_scored(machine, session)
        both = (pruned.machine, machine), (pruned_states, states)
        yield run.session(session, *both, kept, importance, pruned.causes)


def _fallen_asleep(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, session: int, seed: int, overproduced: xr.Dataset
) -> Samples:
    """Samples before the first session are those of the over-produced machine's file."""
    if session == 0:
        layers = [overproduced[f"state_{layer}"].values for layer in range(len(machine.n_units))]
        return Samples.of("states", layers, machine.n_units)
    return spontaneous(settings, machine, patterns, derive(seed, "sleep", session))


def check_sizes(settings: dict) -> None:
    """Raise ValueError for machines and samples that memory can't hold, before anything is trained."""
    n_units = (data.load(settings["dataset"]).sizes["pixel"], *settings["machine"]["hidden"])
    n_synapses = sum(n * m for n, m in zip(n_units, n_units[1:]))
    check_memory("machine/hidden", settings["machine"]["hidden"], 5 * n_synapses)  # weight and mask
    for name in ("n_chains", "n_measure_chains"):
        n_chains = settings["samples"][name]
        check_memory(f"samples/{name}", n_chains, n_chains * sum(n_units) * 9 // 8)  # a byte and a bit a unit
    for schedule in (settings["training"], settings["retraining"]):
        n_chains = schedule.get("n_chains", 1)
        check_memory("training/n_chains", n_chains, n_chains * sum(n_units) // 8)


def initial_machine(settings: dict, patterns: np.ndarray, seed: int) -> BoltzmannMachine:
    """The large machine of an experiment before it learns anything. patterns : (n_patterns, n_0), binary."""
    n_units, masks = (patterns.shape[1], *settings["machine"]["hidden"]), initial_masks(settings, patterns.shape[1])
    return new_machine(settings, n_units, masks, patterns, derive(seed, "overproduced"))


def new_machine(
    settings: dict, n_units: Sequence[int], masks: Sequence[np.ndarray] | None, patterns: np.ndarray, seed: int
) -> BoltzmannMachine:
    """A machine with the experiment's initial values: weights ~ N(0, weight_std^2), biases as the config says.

    patterns : (n_patterns, n_units[0]), whose means give the visible biases where the config asks for it
    """
    initial = settings["machine"]
    visible = initial["visible_bias"]
    if visible == "data":
        rate = np.clip(patterns.mean(axis=0), 1e-3, 1 - 1e-3)
        visible = np.round(np.log(rate / (1 - rate)), 6)  # the logarithm's last bits are the C library's
    return BoltzmannMachine.random(n_units, seed, initial["weight_std"], visible, initial["hidden_bias"], masks)


def develop(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, n_sessions: int, seed: int, progress: bool = False
) -> BoltzmannMachine:
    """Greedy pretraining where the config has it, training, then the retraining of n_sessions sessions.

    patterns : (n_patterns, n_visible), values in {0, 1}
    """
    if settings["pretraining"]:
        schedules = [Schedule(**s) for s in settings["pretraining"]]
        machine = pretrain_greedily(machine, patterns, schedules, derive(seed, "pretraining"), progress)
    machine = train(machine, patterns, Schedule(**settings["training"]), derive(seed, "training"), progress)
    for session in range(1, n_sessions + 1):
        machine = retrain(settings, machine, patterns, session, seed, progress)
    return machine


def retrain(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, session: int, seed: int, progress: bool = False
) -> BoltzmannMachine:
    """The training that follows a pruning session, on patterns (n_patterns, n_visible)."""
    sub_seed = derive(seed, "retraining", session)
    return train(machine, patterns, Schedule(**settings["retraining"]), sub_seed, progress)


def spontaneous(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, seed: int, chains: str = "n_chains"
) -> Samples:
    """Samples of the machine's own activity ("sleep").

    Chains fall asleep where the config's `start` says: awake, with a pattern each in the visible layer (data), or with
    every unit by its bias alone (noise). patterns : (n_patterns, n_0), binary. Returns one array a layer. Where no
    criterion looks, right after pruning and in controls, "n_measure_chains" are enough.
    """
    samples = settings["samples"]
    start = awake(machine, patterns, samples[chains], derive(seed, "awake")) if samples["start"] == "data" else None
    return sample(machine, samples[chains], samples["n_steps"], seed, start)


def activity(
    settings: dict, machine: BoltzmannMachine, patterns: np.ndarray, states: Sequence[np.ndarray]
) -> pruning.Activity:
    """What criteria see: the samples asleep and, where one asks, what hidden units do awake, with the patterns."""
    return pruning.Activity(states, lambda: record.views(settings, machine, patterns))


def reference_entry(settings: dict) -> str:
    """The entry of `criteria` that the reference, a label, names: for a criterion of one's own they differ."""
    label = settings["reference"]
    return next((entry for entry in settings["criteria"] if pruning.label(entry) == label), label)


def initial_masks(settings: dict, n_visible: int) -> list[np.ndarray]:
    """Masks before pruning: square receptive fields, clipped at the border, where the config has them; else full.

    receptive_field k: the first hidden layer has one unit a pixel, which sees k x k pixels around it. Raises ValueError
    where the image is not square or has another number of pixels.
    """
    n_units, side = (n_visible, *settings["machine"]["hidden"]), settings["machine"]["receptive_field"]
    masks = [np.ones(pair, dtype=bool) for pair in zip(n_units, n_units[1:])]
    if side is not None:
        columns = round(n_visible**0.5)
        if columns**2 != n_visible or n_units[1] != n_visible:
            raise ValueError(
                f"receptive_field: found {n_visible} pixels and {n_units[1]} units in the first hidden layer, "
                "expected a square image and one unit a pixel"
            )
        y, x = np.divmod(np.arange(n_visible), columns)
        near = [np.abs(z[:, None] - z[None, :]) <= side // 2 for z in (y, x)]
        masks[0] = near[0] & near[1]
    return masks


def causes_of(run: xr.Dataset, session: int) -> list[np.ndarray]:
    """Why each unit of the over-produced machine went in a session of a run, or stayed: one int8 array a layer."""
    return [run[f"loss_cause_{layer}"].sel(session=session).values for layer in range(run.sizes["layer"])]


def kept_units(run: xr.Dataset, session: int) -> list[np.ndarray]:
    """Original indices of the units that a run had left after a session, one array a layer; all visible units."""
    return [np.flatnonzero(cause == pruning.KEPT) for cause in causes_of(run, session)]


def masks_of(run: xr.Dataset, session: int) -> list[np.ndarray]:
    """The masks that a run had left after a session, without the units that were gone."""
    kept = kept_units(run, session)
    masks = [run[f"mask_{k}"].sel(session=session).values.astype(bool) for k in range(1, len(kept))]
    return [mask[np.ix_(*pair)] for mask, pair in zip(masks, zip(kept, kept[1:]))]


def machine_of(run: xr.Dataset, session: int) -> BoltzmannMachine:
    """The retrained machine of a run after a session."""
    kept = kept_units(run, session)
    weights = [run[f"weight_{k}"].sel(session=session).values for k in range(1, len(kept))]
    return BoltzmannMachine(
        tuple(run[f"bias_{k}"].sel(session=session).values[units] for k, units in enumerate(kept)),
        tuple(w[np.ix_(*pair)] for w, pair in zip(weights, zip(kept, kept[1:]))),
        masks_of(run, session),
    )
