"""Boltzmann machines that are over-produced, pruned and retrained: the claims of Scholl, Rule & Hennig (2021), tested.

Source: doi:10.1371/journal.pcbi.1009458. Start with the README, the notebooks, or `python -m analysis --help`.
"""

from analysis.model import BoltzmannMachine

__all__ = ["BoltzmannMachine"]
