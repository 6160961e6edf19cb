"""Boltzmann machines that are over-produced, pruned and retrained: the claims of Scholl, Rule & Hennig (2021), tested.

Source: doi:10.1371/journal.pcbi.1009458. Start with the README, the notebooks, or `python -m analysis --help`.

    from analysis import BoltzmannMachine, sample, train, prune
    from analysis import data, sampling, training, exact, likelihood, fisher, pruning, claims

Rooms, each of which imports from those below it alone: workflow, figures, verdicts, experiment, data and pruning,
machine, kernels, files.
"""

from importlib import import_module

_PLACES = {
    "BoltzmannMachine": "machine.model",
    "sample": "machine.sampling",
    "train": "machine.training",
    "prune": "pruning",
    "sampling": "machine",
    "training": "machine",
    "exact": "machine",
    "likelihood": "machine",
    "fisher": "pruning",
    "claims": "verdicts",
}
__all__ = [*_PLACES, "data", "pruning"]


def __getattr__(name):
    """A public name, imported when it is first asked for: importing all would take a second."""
    if name in _PLACES:
        return getattr(import_module(f"analysis.{_PLACES[name]}"), name, None) or import_module(
            f"analysis.{_PLACES[name]}.{name}"
        )
    if name in ("data", "pruning"):
        return import_module(f"analysis.{name}")
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
