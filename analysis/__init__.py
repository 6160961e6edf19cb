"""Boltzmann machines that are over-produced, pruned and retrained: the claims of Scholl, Rule & Hennig (2021), tested.

Source: doi:10.1371/journal.pcbi.1009458. Start with the README, the notebooks, or `python -m analysis.workflow --help`.

    from analysis import BoltzmannMachine, sample, train, prune
    from analysis import data, sampling, training, exact, likelihood, fisher, pruning, claims

Rooms, each of which imports from those below it alone: workflow, figures, verdicts, experiment, data and pruning,
machine, kernels, files.
"""

from importlib import import_module

_OBJECTS = {
    "BoltzmannMachine": "machine.model",
    "sample": "machine.sampling",
    "train": "machine.training",
    "prune": "pruning",
}
_MODULES = {"data": "data", "pruning": "pruning", "fisher": "pruning.fisher", "claims": "verdicts.claims"}
_MODULES |= {name: f"machine.{name}" for name in ("sampling", "training", "exact", "likelihood")}
__all__ = [*_OBJECTS, *_MODULES]


def __dir__():
    return __all__


def __getattr__(name):
    """A public name, imported when it is first asked for: importing all would take a second."""
    if name in _OBJECTS:
        return getattr(import_module(f"analysis.{_OBJECTS[name]}"), name)
    if name in _MODULES:
        return import_module(f"analysis.{_MODULES[name]}")
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
