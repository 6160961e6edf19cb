"""Whoever sees two colours of a figure as one, on paper or on screen, has another cue to tell the curves apart.

Colour blindness by the matrices of Machado, Oliveira & Fernandes (2009), doi:10.1109/TVCG.2009.113, severity 1, on
linear RGB; difference of colours as the Euclidean distance in CIE Lab (1976), in which 2.3 is just noticeable.
"""

import itertools

import matplotlib as mpl
import numpy as np
import pytest

from analysis.figures import style

SIGHT = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "grey print": [[0.2126, 0.7152, 0.0722]] * 3,
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
CONTROLS = ["pruned", "born_small_units", "born_small_synapses", "random_sparse", "reinitialised"]
CRITERIA = ["variance_fi", "variance_fi_w2", "heuristic_fi", "eigenvector", "weight", "random", "anti_fi"]
PROXIES = ["variance_fi", "heuristic_fi", "sampled_first_eigenvector", "weight"]


def lab(colour, sight):
    """CIE Lab of a colour (white point D65) as it is seen."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1) / XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a, b, sight):
    return float(np.linalg.norm(lab(a, sight) - lab(b, sight)))


@pytest.mark.parametrize("name", [name for name in SIGHT if name != "grey print"])
@pytest.mark.parametrize("together", [CRITERIA, CONTROLS, PROXIES], ids=["criteria", "controls", "proxies"])
def test_curves_of_one_figure_differ_in_colour_to_every_eye(together, name):
    colours = {key: style.look(key)[0] for key in together}
    near = {(a, b): distance(colours[a], colours[b], name) for a, b in itertools.combinations(together, 2)}
    assert {pair: round(d, 1) for pair, d in near.items() if d < 10} == {}


@pytest.mark.parametrize("together", [CRITERIA, CONTROLS, PROXIES], ids=["criteria", "controls", "proxies"])
def test_curves_of_one_figure_differ_in_marker_and_in_line_or_grey(together):
    for a, b in itertools.combinations(together, 2):
        (colour_a, marker_a, line_a), (colour_b, marker_b, line_b) = style.look(a), style.look(b)
        assert marker_a != marker_b
        assert line_a != line_b or distance(colour_a, colour_b, "grey print") > 20, (a, b)
