"""Numba kernels: how states lie in memory, vectors, sums, draws, Gibbs, mean field, learning. Arrays and numbers in."""

import os
import warnings

try:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Environment variable", RuntimeWarning)  # of a value that numba can't read
        import numba
    if vars(numba.config)["DISABLE_JIT"]:
        raise ValueError("NUMBA_DISABLE_JIT leaves kernels without compiled code")
except (RuntimeWarning, ValueError) as error:
    _set = ", ".join(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    raise ValueError(
        f"environment: found {_set} ({str(error).splitlines()[0]}), expected values that numba can use; unset them"
    ) from None
