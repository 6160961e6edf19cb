"""How records of criteria and controls are kept and drawn: one a name; colours that colour-blind readers tell apart."""

from typing import Any, NamedTuple
from zlib import crc32

# Okabe & Ito (2008)
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#505050"
Line = str | tuple[int, tuple[int, ...]]
_COLOURS, _MARKERS, _LINES = ("#8C510A", "#4D4D9F", "#1B7837"), ("<", ">", "h", "*", "d"), ("-", "--", "-.", ":")


class Look(NamedTuple):
    """What a criterion or control is called in words, and how it is drawn; no part of what makes a run stale."""

    words: str
    colour: str
    marker: str
    line: Line


def spare_look(name: str) -> Look:
    """The look of a name: always the same, and none that a record of ours has whole."""
    n, (a, b, c) = crc32(name.encode()), (len(x) for x in (_COLOURS, _MARKERS, _LINES))
    return Look(name.replace("_", " "), _COLOURS[n % a], _MARKERS[n // a % b], _LINES[n // (a * b) % c])


def by_name(*records: Any) -> dict[str, Any]:
    """{name: record}."""
    return {record.name: record for record in records}
