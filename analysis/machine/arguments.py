"""What a caller may give: counts, numbers, binary patterns, as much as memory holds; ValueErrors say what was found."""

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_MOST = 2**32 - 1  # chain, step and unit are 32-bit words of a random number's position: beyond, numbers repeat


def is_number(value: Any) -> bool:
    """Whether this is a real number, and no bool."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def check_count(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int; ValueError unless it is an integer from `least` to 2^32 - 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}: found {value!r}, expected a count of at least {least}")
    if value > _MOST:
        raise ValueError(f"{name}: found {value}, expected a count of at most {_MOST}; lower it")
    return int(value)


def check_memory(name: str, found: Any, n_bytes: float) -> None:
    """ValueError where so many bytes are more than this machine has; to be called before they are taken."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > memory:
        raise ValueError(
            f"{name}: found {found}, which needs {n_bytes / 2**30:,.1f} GiB, "
            f"expected no more than the {memory / 2**30:,.1f} GiB of this machine; lower it"
        )


def check_numbers(name: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """`values` as an array; ValueError for rows of different lengths, text, objects, complex numbers, another shape."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: found rows of different lengths, expected an array of numbers") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: found values of type {array.dtype}, expected numbers; convert them first")
    if shape not in (None, array.shape):
        raise ValueError(f"{name}: found shape {array.shape}, expected {shape}")
    return array


def check_binary(name: str, values: ArrayLike, n_columns: int | None = None) -> np.ndarray:
    """`values` as C-ordered uint8 (n, n_columns), n >= 1, in {0, 1}; ValueError names what was found instead."""
    array = check_numbers(name, values)
    if array.ndim != 2 or array.size == 0 or (n_columns is not None and array.shape[1] != n_columns):
        columns = "n_units" if n_columns is None else n_columns
        raise ValueError(f"{name}: found shape {array.shape}, expected (n, {columns}) with n >= 1")
    if not (array.max() <= 1 if array.dtype.kind in "bu" else np.isin(array, (0, 1)).all()):
        raise ValueError(f"{name}: found values other than 0 and 1, expected binary patterns (binarise them first)")
    return np.ascontiguousarray(array, dtype=np.uint8)
