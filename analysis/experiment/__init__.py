"""Experiments: the config, the protocol and its controls, what a run measures and remembers."""
