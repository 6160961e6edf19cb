"""What a run remembers of a session: measures, and the machine in the indices of the over-produced one; read back.

A unit has the same place in every session. NaN, or 0 for biases, weights and masks: the unit is gone.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr

from analysis import pruning
from analysis.experiment import measures
from analysis.experiment.measures import Layers, stable, variable
from analysis.machine import exact, likelihood
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits, derive
from analysis.machine.sampling import Samples
from analysis.machine.training import Schedule, mean_field

STAGES = ["pruned", "retrained"]
N_EXAMPLES = 16
LOST_EARLIER = -1
Sleeper = tuple[BoltzmannMachine, Samples]  # and samples of its activity


def views(settings: dict, machine: BoltzmannMachine, patterns: np.ndarray) -> Layers:
    """The machine's view of the patterns, one array a layer: mean field, relaxed as far as in its training."""
    schedule = Schedule(**settings["retraining"])
    return mean_field(machine, patterns, schedule.n_mean_field_steps, schedule.tolerance)


def of_data(settings: dict, patterns: xr.Dataset) -> dict[str, tuple]:
    """What measures of machines are compared with: the same numbers of the data, for labels if the config reads digits.

    raw_pixel_error, digit_quality_test, digit_quality_random; unit_entropy_0 (unit_0) of each pixel.
    """
    train, test = patterns["train"].values, patterns["test"].values
    entropy = stable(exact.entropy(train.mean(axis=0)))
    found = {"unit_entropy_0": variable("unit_0", entropy, "entropy of the pixel in the data", "nats")}
    if (classifier := raw_pixel_classifier(settings, patterns)) is None:
        return found
    known, labels = patterns["train_label"].values, patterns["test_label"].values
    error = measures.misread(train, known, test, labels, settings.get("folds")).mean()
    found["raw_pixel_error"] = variable((), error, "error of the classifier on raw pixels", "fraction")
    noise = (bits(0, 0, test.size) & 1).reshape(test.shape)
    for name, images in {"test": test, "random": noise}.items():
        text = f"mean probability of the winning class of {name} patterns"
        found[f"digit_quality_{name}"] = variable((), measures.digit_quality(classifier, images), text, "probability")
    return found


def raw_pixel_classifier(settings: dict, patterns: xr.Dataset) -> Any:
    """`measures.classifier` fitted to the training patterns; None where the config measures no digits."""
    if "digits" not in settings["measures"]:
        return None
    return _fitted(patterns["train"].values.tobytes(), patterns["train_label"].values.tobytes())


@lru_cache(maxsize=1)  # all runs of a process read the same patterns
def _fitted(patterns: bytes, labels: bytes) -> Any:
    known = np.frombuffer(labels, dtype=np.int64)
    pixels = np.frombuffer(patterns, dtype=np.uint8).reshape(len(known), -1)
    return measures.classifier().fit(pixels.astype(np.float64), known)


class Record:
    """Measures the sessions of a run, a dataset each.

    seed : of measures that draw random numbers
    causes : where sessions prune a machine, why its units went up to the one to go on from, one int8 array a layer
    """

    def __init__(self, settings: dict, patterns: xr.Dataset, seed: int, causes: Layers = ()) -> None:
        self.settings, self.patterns, self.seed, self.causes = settings, patterns, seed, causes
        self.classifier = raw_pixel_classifier(settings, patterns)

    def session(self, number: int, pruned: Sleeper, retrained: Sleeper, causes: Layers) -> xr.Dataset:
        """A session: the machine and its samples after pruning, and after retraining, and the units that it lost.

        causes : as in pruning.Pruned
        """
        machine, test = retrained[0], self.patterns["test"].values
        self.causes = later_causes(self.causes, causes)
        seen = views(self.settings, machine, test)
        wrong = self._wrong(machine, seen)
        last = self._measures(*retrained, wrong)
        first = last if pruned is retrained else self._measures(*pruned, self._wrong(pruned[0], folds=False))
        labels = None if self.classifier is None else self.patterns["test_label"].values
        of_units = measures.unit_activity(machine, pruned[1], retrained[1])
        of_units |= measures.unit_selectivity(seen, test, labels)
        place, found = self._place(), dict[str, Any]()
        for (name, k), (values, text, unit) in of_units.items():
            found[f"unit_{name}_{k}"] = place((k,), values.astype(np.float32), text, unit, np.nan)
        codes = {LOST_EARLIER: "lost_earlier"} | pruning.CAUSES
        flags = {"flag_values": np.array(list(codes), dtype=np.int8), "flag_meanings": " ".join(codes.values())}
        for k, (x, bias) in enumerate(zip(self.causes, machine.biases)):
            found[f"loss_cause_{k}"] = variable(f"unit_{k}", x, "why the unit went in this session", "1", **flags)
            found[f"bias_{k}"] = place((k,), bias, "bias", "nats")
        for k, (weight, mask) in enumerate(zip(machine.weights, machine.masks)):
            pair = (k, k + 1)
            found[f"weight_{k + 1}"] = place(pair, weight, "synaptic weight", "nats")
            found[f"mask_{k + 1}"] = place(pair, mask.astype(np.uint8), "synapse exists", "1")
        connected = int(machine.masks[0].any(axis=1).sum())
        found["n_connected_visible"] = variable((), connected, "visible units with a synapse", "counts")
        staged = xr.concat([first, last], xr.Variable("stage", STAGES))
        return self._complete(number, *retrained, staged.assign(found), wrong)

    def scored(self, session: xr.Dataset, machine: BoltzmannMachine, importance: Layers) -> xr.Dataset:
        """With the importance of each synapse before the next pruning, where the config asks for it."""
        if "importance" not in self.settings["measures"]:
            return session
        found = {}
        for k, (mask, x) in enumerate(zip(machine.masks, importance)):
            score = np.where(mask, x, 0).astype(np.float32)
            found[f"importance_{k + 1}"] = self._place()((k, k + 1), score, "importance by the criterion", "1")
        return session.assign(xr.Dataset(found).expand_dims(session=session["session"]))

    def _place(self) -> Callable[..., tuple]:
        """`in_place` of values of what is left, among all units and synapses of the over-produced machine."""
        kept = [np.flatnonzero(x == pruning.KEPT) for x in self.causes]
        return partial(in_place, kept, [len(x) for x in self.causes])

    def control(self, number: int, machine: BoltzmannMachine, states: Samples) -> xr.Dataset:
        """A machine that was trained from scratch, and samples of its activity."""
        wrong = self._wrong(machine)
        staged = self._measures(machine, states, wrong).expand_dims(stage=["retrained"])
        return self._complete(number, machine, states, staged, wrong)

    def _complete(
        self, number: int, machine: BoltzmannMachine, states: Samples, staged: xr.Dataset, wrong: np.ndarray | None
    ) -> xr.Dataset:
        found: dict[str, Any] = self._likelihood(number, machine, states)
        if wrong is not None and "drawn_by" not in self.settings["dataset"]:  # all seeds read the same images
            found["wrong"] = variable("test_image", wrong.astype(np.uint8), "image that is misread", "1")
        found["n_units"] = variable("layer", list(machine.n_units), "units left", "counts")
        found["n_synapses"] = variable("synapse_layer", list(machine.n_synapses), "synapses left", "counts")
        dataset, layers = staged.assign(found).expand_dims(session=[number]), np.arange(len(machine.n_units))
        return dataset.assign_coords(layer=layers, synapse_layer=layers[1:])

    def _likelihood(self, number: int, machine: BoltzmannMachine, states: Samples) -> dict[str, tuple]:
        """Mean -log P(v) of test patterns (a variational bound), log Z in the middle of two estimates, and their gap.

        log Z is sampled from below, and from above as far as the states are the machine's own: see machine.likelihood.
        """
        if (wanted := self.settings.get("likelihood")) is None:
            return {}
        n, train = wanted["n_temperatures"], self.patterns["train"].values
        seed = derive(self.seed, "likelihood", number)
        below, _ = likelihood.log_partition(machine, wanted["n_chains"], n, derive(seed, "up"), train)
        above, _ = likelihood.log_partition_backwards(states, machine, n, derive(seed, "down"), train)
        bound = likelihood.variational_bound(machine, self.patterns["test"].values, (below + above) / 2)
        text = "mean -log P(v) of test patterns, at most"
        return {
            "negative_log_likelihood": variable((), stable(-bound), text, "nats"),
            "log_z_gap": variable((), stable(above - below), "log Z from above less from below", "nats"),
        }

    def _wrong(self, machine: BoltzmannMachine, seen: Layers | None = None, folds: bool = True) -> np.ndarray | None:
        """Which patterns a linear classifier of the last layer misreads (see measures.misread); None without labels.

        seen : the machine's view of the test patterns, if it is known; folds : all patterns, where the config has them
        """
        if self.classifier is None:
            return None
        train, known, test, labels = (self.patterns[x].values for x in ("train", "train_label", "test", "test_label"))
        seen = views(self.settings, machine, test) if seen is None else seen
        n_folds = self.settings.get("folds") if folds else None
        return measures.misread(views(self.settings, machine, train)[-1], known, seen[-1], labels, n_folds)

    def _measures(self, machine: BoltzmannMachine, states: Layers, wrong: np.ndarray | None) -> xr.Dataset:
        """Function of a machine and its spontaneous activity, whatever its size; wrong: what it misreads, if known."""
        rates = [float(x.mean()) for x in states]
        found = {"activity": variable("layer", rates, "mean spontaneous activity", "probability")}
        if "kl" in self.settings["measures"]:
            kl = stable(exact.kl_divergence(self.patterns["train"].values, machine))
            found["kl"] = variable((), kl, "KL(data || model), exact", "nats")
        if wrong is not None:
            images, text = states[0], "error of the classifier on the last layer"
            found["encoding_error"] = variable((), wrong.mean(), text, "fraction")
            text = "mean probability of the winning class"
            found["digit_quality"] = variable((), measures.digit_quality(self.classifier, images), text, "probability")
            share = measures.class_share(self.classifier, images)
            found["class_share"] = variable("digit", share, "share of the class among generated images", "fraction")
            found["example"] = variable(("image", "unit_0"), images[:N_EXAMPLES], "generated images", "1")
        return xr.Dataset(found)


def in_place(
    kept: Layers, n_units: Sequence[int], layers: tuple, values: np.ndarray, text: str, unit: str, empty: float = 0
) -> tuple:
    """The variable of values of units of one layer, or synapses of two, at their places among n_units."""
    whole = np.full([n_units[k] for k in layers], empty, dtype=values.dtype)
    whole[np.ix_(*(kept[k] for k in layers))] = values
    return variable(tuple(f"unit_{k}" for k in layers), whole, text, unit)


def later_causes(before: Layers, new: Layers) -> list[np.ndarray]:
    """Loss of each unit in a session: 0 kept, 1-3 why, -1 lost earlier. new : of the units that were left."""
    after = [np.where(cause == pruning.KEPT, cause, LOST_EARLIER).astype(np.int8) for cause in before]
    for now, old, cause in zip(after, before, new):
        now[old == pruning.KEPT] = cause
    return after


def join(sessions: Iterable[xr.Dataset]) -> xr.Dataset:
    """Sessions as one dataset; what has no dimension session is the same in all."""
    first, *others = sessions
    how: Any = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "join": "override"}
    return xr.concat([first, *others], "session", **how) if others else first


def causes_of(run: xr.Dataset, session: int) -> list[np.ndarray]:
    """Why each unit of the over-produced machine went in a session of a run, or stayed: one int8 array a layer."""
    return [run[f"loss_cause_{layer}"].sel(session=session).values for layer in range(run.sizes["layer"])]


def kept_units(run: xr.Dataset, session: int) -> list[np.ndarray]:
    """Original indices of the units that a run had left after a session, one array a layer; all visible units."""
    return [np.flatnonzero(cause == pruning.KEPT) for cause in causes_of(run, session)]


def masks_of(run: xr.Dataset, session: int) -> list[np.ndarray]:
    """The masks that a run had left after a session, without the units that were gone."""
    return [mask.astype(bool) for mask in _left("mask", run, session)]


def machine_of(run: xr.Dataset, session: int) -> BoltzmannMachine:
    """The retrained machine of a run after a session."""
    biases = [run[f"bias_{k}"].sel(session=session).values[kept] for k, kept in enumerate(kept_units(run, session))]
    return BoltzmannMachine(biases, _left("weight", run, session), masks_of(run, session))


def _left(name: str, run: xr.Dataset, session: int) -> list[np.ndarray]:
    kept = kept_units(run, session)
    pairs = enumerate(zip(kept, kept[1:]), 1)
    return [run[f"{name}_{k}"].sel(session=session).values[np.ix_(*pair)] for k, pair in pairs]
