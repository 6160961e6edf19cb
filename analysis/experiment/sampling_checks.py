"""Can the machines, and what is concluded from their samples, be trusted? Along the reference run of a seed.

log Z from below and above, likelihood, what better training would reach, convergence of plain and of tempered chains,
which direction is slow, and whether the pruning decisions rest on it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from analysis import data, pruning
from analysis.experiment.measures import class_share, share_in_common, spearman, stable, variable
from analysis.experiment.protocol import activity, fractions_of, reference_entry, spontaneous
from analysis.experiment.record import machine_of, raw_pixel_classifier
from analysis.machine import convergence, exact, likelihood, optimum, tempering
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive
from analysis.machine.sampling import awake, sample

SAMPLES = ("repeat", "noise", "long", "tempered")  # what the protocol's samples are compared with
LONGER = 10  # times as many sweeps in the samples "long"
N_PATTERNS = 1000  # of each split, at most, whose likelihood is measured
N_ITERATIONS = 100  # of exact gradients, for kl_reachable: with 13 pixels and 70 hidden units, 3 seconds
_ENUMERABLE = 16  # units of the smaller of the even and the odd layers; for kl_reachable, of the even ones


def along(settings: dict, seed: int, reference: xr.Dataset) -> xr.Dataset:
    """Quality of the machines after some sessions of the reference run: the run dataset.

    log_z, log_z_error (session): annealed importance sampling from the mean field of the data, on average from below
    log_z_backwards, log_z_backwards_error (session): the same path back from tempered chains, on average from above
    log_z_exact, activity_exact (session, layer), share_exact (session, direction): enumerated where it can be, else NaN
    bound (session, split), base_rate (split): variational bound on log P(v) with that log Z, and log P(v) of
        independent pixels, nats a pattern
    kl, kl_reachable (session), where the config measures kl: KL(data || model), and what N_ITERATIONS of exact
        gradients from there reach, nats, to three decimals, for an optimiser's last bits are the computer's, or NaN
    r_hat, two_start_r_hat, autocorrelation_time, kind (session, moment): see machine.convergence
    tempered_r_hat (session, moment): two_start_r_hat of chains that exchange states, which move by acceptance and
        round_trips (session), see machine.tempering
    rank_correlation, in_common (session, sample, synapse_layer): Spearman's rho of the reference's importance, and the
        share of the pruned synapses that are the same, between samples taken as in the protocol and others: by other
        random numbers (repeat), by chains from noise after `noise_steps` sweeps (noise), by chains from the data that
        slept 10 times as long (long), and by tempered chains (tempered)
    activity (session, taken, layer): mean activity in the protocol's samples and in these
    share (session, taken, direction), share_data (direction): share of the dreams, and of the training patterns, that a
        classifier reads as each class; without labels, of the bright ones, more than half of whose pixels are on
    """
    patterns, sessions = data.load(settings["dataset"]), settings["quality"]["sessions"]
    found = [_of(settings, machine_of(reference, s), patterns, derive(seed, "quality", s), s) for s in sessions]
    dataset = xr.concat(found, xr.Variable("session", sessions), join="outer")
    rates = patterns["train"].values.mean(axis=0)
    base = [_base_rate(_some(patterns[split].values), rates) for split in ("train", "test")]
    dataset["base_rate"] = variable("split", stable(base), "log P(v) of independent pixels", "nats")
    share = directions(settings, patterns, patterns["train"].values)
    dataset["share_data"] = variable("direction", list(share.values()), "share of the training patterns", "fraction")
    return dataset


def directions(settings: dict, patterns: xr.Dataset, images: np.ndarray) -> dict[str, float]:
    """{direction: share of the images (n, n_pixels)}: those read as each class, or without labels the bright ones."""
    classifier = raw_pixel_classifier(settings, patterns)
    if classifier is None:
        return {"bright": float((images.mean(axis=1) > 0.5).mean())}
    return dict(zip(map(str, classifier.classes_), class_share(classifier, images).tolist()))


def _of(settings: dict, machine: BoltzmannMachine, patterns: xr.Dataset, seed: int, session: int) -> xr.Dataset:
    """What `along` says of the machine after a session, a dataset without the dimension session."""
    wanted, train = settings["quality"], patterns["train"].values
    some = {split: _some(patterns[split].values) for split in ("train", "test")}
    counts = wanted["n_chains"], wanted["n_temperatures"]
    log_z, error = likelihood.log_partition(machine, *counts, derive(seed, "annealing"), some["train"])
    exactly, rates = np.nan, [np.nan] * len(machine.n_units)
    if min(sum(machine.n_units[0::2]), sum(machine.n_units[1::2])) <= _ENUMERABLE:
        exactly, rates = exact.log_partition(machine), [x.mean() for x in exact.moments(machine)[0]]
    bound = [likelihood.variational_bound(machine, part, log_z) for part in some.values()]
    n_steps = settings["samples"]["n_steps"]
    followed = wanted["n_followed"], n_steps, n_steps, wanted["n_moments"]
    chains = convergence.convergence(machine, train, *followed, derive(seed, "convergence"))
    tempered = _tempered(settings, machine, train, derive(seed, "tempering"))
    mixed = convergence.two_start_r_hat(*(convergence.values(machine, chains.moments, x.last) for x in tempered))
    back = tempered[1].last, machine, wanted["n_temperatures"], derive(seed, "annealing back"), some["train"]
    above, above_error = likelihood.log_partition_backwards(*back)
    time, text = stable(chains.autocorrelation_time), "integrated autocorrelation time"
    between = "R-hat of chains from noise and from data"
    kinds = {"flag_values": np.arange(4, dtype=np.int8), "flag_meanings": " ".join(convergence.KINDS)}
    found = {
        "log_z": variable((), stable(log_z), "log Z by annealed importance sampling", "nats"),
        "log_z_error": variable((), stable(error), "standard error of log Z", "nats"),
        "log_z_backwards": variable((), stable(above), "log Z by the same path from tempered chains", "nats"),
        "log_z_backwards_error": variable((), stable(above_error), "standard error of log Z from above", "nats"),
        "log_z_exact": variable((), stable(exactly), "log Z by enumeration", "nats"),
        "activity_exact": variable("layer", stable(rates), "mean activity by enumeration", "probability"),
        "bound": variable("split", stable(bound), "variational bound on log P(v)", "nats"),
        "r_hat": variable("moment", stable(chains.r_hat), "split R-hat of chains from noise", "1"),
        "two_start_r_hat": variable("moment", stable(chains.two_start_r_hat), between, "1"),
        "tempered_r_hat": variable("moment", stable(mixed), f"{between}, tempered", "1"),
        "acceptance": variable((), tempered[0].acceptance.min(), "least share of exchanges made", "fraction"),
        "round_trips": variable(
            (), tempered[0].round_trips, "ways from independent units to the machine, a chain", "counts"
        ),
        "autocorrelation_time": variable("moment", time, text, "sweeps"),
        "kind": variable("moment", chains.moments.kinds.astype(np.float32), "what the moment is of", "1", **kinds),
    }
    if "kl" in settings["measures"]:
        kl, reachable = exact.kl_divergence(train, machine), np.nan
        if sum(machine.n_units[0::2]) <= _ENUMERABLE:
            reachable = round(exact.kl_divergence(train, optimum.descend(machine, train, N_ITERATIONS)), 3)
        found["kl"] = variable((), stable(kl), "KL(data || model)", "nats")
        text = "KL(data || model) that exact gradients reach from there"
        found["kl_reachable"] = variable((), stable(reachable), text, "nats")
    coordinates = {"split": ["train", "test"], "moment": np.arange(len(chains.moments.kinds))}
    together = [np.concatenate(layers) for layers in zip(*(x.samples for x in tempered))]
    fractions = fractions_of(settings, min(session + 1, settings["pruning"]["n_sessions"]))  # after the last: its own
    others = _decisions(settings, machine, patterns, together, derive(seed, "decisions"), fractions)
    return xr.Dataset(found, coordinates).merge(others)


def _tempered(settings: dict, machine: BoltzmannMachine, train: np.ndarray, seed: int) -> list[tempering.Tempered]:
    """Chains that exchange states, from noise and from the data."""
    wanted = settings["quality"]["tempering"]
    counts = wanted["n_chains"], wanted["n_steps"], wanted["n_rungs"]
    starts = {"noise": None, "data": awake(machine, train, wanted["n_chains"], derive(seed, "awake"))}
    return [tempering.tempered(machine, *counts, derive(seed, name), _some(train), x) for name, x in starts.items()]


def _decisions(
    settings: dict, machine: BoltzmannMachine, patterns: xr.Dataset, tempered: Any, seed: int, fractions: list[float]
) -> xr.Dataset:
    """Would other samples prune other synapses, of which these fractions go next, and what do they dream of?"""
    train = patterns["train"].values
    n_chains, n_steps = settings["quality"]["n_samples"], settings["samples"]["n_steps"]
    few = settings | {"samples": settings["samples"] | {"n_chains": n_chains}}
    start = awake(machine, train, n_chains, derive(seed, "start"))
    samples = {
        "protocol": spontaneous(few, machine, train, derive(seed, "protocol")),
        "repeat": spontaneous(few, machine, train, derive(seed, "repeat")),
        "noise": sample(machine, n_chains, settings["quality"]["noise_steps"], derive(seed, "noise")),
        "long": sample(machine, n_chains, LONGER * n_steps, derive(seed, "long"), start),
        "tempered": tempered,
    }
    score = pruning.criterion(reference_entry(settings))
    importance = {}  # of the synapses that exist, layer by layer
    for name, states in samples.items():
        scores = score(machine, activity(settings, machine, train, states), derive(seed, "score"))
        importance[name] = [x[mask] for x, mask in zip(scores, machine.masks)]
    pairs = [list(zip(importance["protocol"], importance[name])) for name in SAMPLES]
    correlation = [[spearman(x, y) for x, y in layers] for layers in pairs]
    common = [[share_in_common(x, y, f) for (x, y), f in zip(layers, fractions)] for layers in pairs]
    rates = [[x.mean() for x in states] for states in samples.values()]
    shares = [directions(settings, patterns, states[0]) for states in samples.values()]
    names = list(shares[0])
    dims, text = ("sample", "synapse_layer"), "rank correlation of importance with the protocol's samples"
    found = {
        "rank_correlation": variable(dims, stable(correlation), text, "1"),
        "in_common": variable(dims, stable(common), "share of pruned synapses in common", "1"),
        "activity": variable(("taken", "layer"), stable(rates), "mean activity", "probability"),
        "share": variable(("taken", "direction"), [list(x.values()) for x in shares], "share of dreams", "fraction"),
        "share_exact": variable("direction", stable(_share_exact(machine, names)), "the same, enumerated", "fraction"),
    }
    layers = np.arange(len(machine.n_units))
    coordinates = {"sample": list(SAMPLES), "taken": list(samples), "layer": layers, "synapse_layer": layers[1:]}
    return xr.Dataset(found, coordinates | {"direction": names})


def _share_exact(machine: BoltzmannMachine, names: Sequence[str]) -> list[float]:
    """Probability of a bright pattern; NaN of classes, and where it can't be enumerated."""
    n = machine.n_units[0]
    if names != ["bright"] or n > _ENUMERABLE:
        return [np.nan] * len(names)
    bright = exact.states(n).mean(axis=1) > 0.5
    return [float(np.exp(exact.visible_log_probabilities(machine)[bright]).sum())]


def _some(patterns: np.ndarray) -> np.ndarray:
    """At most N_PATTERNS of the patterns, drawn at random, always the same: data sets come in cycles of classes."""
    return patterns[np.sort(choice(0, len(patterns), min(N_PATTERNS, len(patterns))))]


def _base_rate(patterns: np.ndarray, rates: np.ndarray) -> float:
    """<log P(v)> of independent pixels of these rates, nats a pattern."""
    rates = np.clip(rates, 1e-3, 1 - 1e-3)
    mean = patterns.mean(axis=0)
    return float(mean @ np.log(rates) + (1 - mean) @ np.log(1 - rates))
