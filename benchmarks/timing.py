"""Seconds of contenders that take turns.

    round 1: ours, a peer, another peer, ...;  round 2: ours, a peer, ...

A machine's speed drifts by 40 % within minutes: contenders of one round share it, so their ratio within the round is
what counts. Every contender runs once before, untimed, and in its turn again and again for some time: a processor
that has just been idle is slow for milliseconds, which would weigh most on who is fastest.
"""

import os
import time
from contextlib import contextmanager

import numpy as np
import xarray as xr
from threadpoolctl import ThreadpoolController

_PAUSE = 0.05  # seconds; BLAS threads spin for some 25 ms after their last product, at the expense of who comes next


def interleave(contenders, n_rounds, shortest):
    """{key: (call, amount of work)} -> {key: (n_rounds,) seconds for a unit of work}; turns of `shortest` seconds."""
    for call, _ in contenders.values():
        call()
    seconds = {key: np.empty(n_rounds) for key in contenders}
    for n in range(n_rounds):
        for key, (call, amount) in contenders.items():
            time.sleep(_PAUSE)
            begin, elapsed, n_calls = time.perf_counter(), 0.0, 0
            while n_calls == 0 or elapsed < shortest:
                call()
                elapsed, n_calls = time.perf_counter() - begin, n_calls + 1
            seconds[key][n] = elapsed / (n_calls * amount)
    return seconds


def array(seconds, dims, long_name):
    """{(case, contender): (n_rounds,)} -> DataArray (*dims, round) in seconds; NaN for who did not take part."""
    axes = [list(dict.fromkeys(labels)) for labels in zip(*seconds)]
    values = np.full([len(axis) for axis in axes] + [len(next(iter(seconds.values())))], np.nan)
    for key, found in seconds.items():
        values[tuple(axis.index(label) for axis, label in zip(axes, key))] = found
    attrs = {"long_name": long_name, "units": "s"}
    return xr.DataArray(values, dict(zip(dims, axes)), (*dims, "round"), attrs=attrs)


def blas_limited(call, n_threads):
    """The call with that many BLAS threads."""
    libraries = ThreadpoolController().select(user_api="blas")

    def limited(*arguments):
        with libraries.limit(limits=n_threads):
            return call(*arguments)

    return limited


@contextmanager
def our_threads(n):
    """`analysis.kernels.threads` uses n threads inside."""
    before = os.environ.get("NUMBA_NUM_THREADS")
    os.environ["NUMBA_NUM_THREADS"] = str(n)
    try:
        yield
    finally:
        if before is None:
            del os.environ["NUMBA_NUM_THREADS"]
        else:
            os.environ["NUMBA_NUM_THREADS"] = before
