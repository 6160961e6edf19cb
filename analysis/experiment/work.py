"""How much a training works, in synapse-updates, and schedules that are stretched to as much."""

from collections.abc import Sequence

import numpy as np

from analysis.machine.training import Schedule

_AFTER_PRETRAINING = ("training", "finishing", "retraining")


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
    """The same of retrainings alone. n_synapses : synapses a layer at each."""
    return _n_updates(settings, "retraining", n_patterns) * sum(map(sum, n_synapses))


def _n_updates(settings, name, n_patterns):
    """Updates of the training or a retraining, with those that finish it."""
    return sum(Schedule(**settings[s]).n_updates(n_patterns) for s in (name, "finishing") if s in settings)
