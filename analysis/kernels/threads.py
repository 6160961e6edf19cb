"""Share the tiles, or units, of a kernel among threads.

Each thread gets one contiguous range; no two ranges touch the same output, so the result does not depend on how many
there are.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np


def count():
    """Threads in use: NUMBA_NUM_THREADS, default the processors that this process may use."""
    text = os.environ.get("NUMBA_NUM_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"NUMBA_NUM_THREADS: found {text!r}, expected a count of at least 1")
    return int(text)


@cache
def _pool(n_threads, process):
    return ThreadPoolExecutor(n_threads)


def share(work, kernel, *arguments):
    """kernel(begin, end, *arguments) over 0 ... n - 1; the list of what each call returned.

    work : n, for items that cost the same, or an array (n + 1,), ascending from 0: the cost of all items before each
    """
    return share_all((work, kernel, *arguments))


def share_all(*jobs):
    """`share` of several (work, kernel, *arguments) that do not touch one another; waking threads up takes 0.05 ms."""
    n_threads = count()
    calls = [[(kernel, *ends, *arguments) for ends in _ranges(work, n_threads)] for work, kernel, *arguments in jobs]
    mine, *theirs = [[job[t] for job in calls if t < len(job)] for t in range(max(len(job) for job in calls))]
    # Threads do not survive a fork: a pool belongs to its process.
    others = [_pool(n_threads - 1, os.getpid()).submit(_call, part) for part in theirs]
    return [*_call(mine), *(result for other in others for result in other.result())]


def _ranges(work, n_threads):
    """(begin, end) of each thread."""
    n = work if np.ndim(work) == 0 else len(work) - 1
    n_threads = max(1, min(n_threads, n))
    if n_threads == 1:  # saves 10 microseconds, of a kernel's 100
        return [(0, n)]
    inner = np.arange(1, n_threads)
    cuts = n * inner // n_threads if np.ndim(work) == 0 else np.searchsorted(work, work[-1] * inner / n_threads)
    edges = [0, *cuts.tolist(), n]  # not by cost: the last items may cost nothing
    return list(zip(edges[:-1], edges[1:]))


def _call(calls):
    return [kernel(*arguments) for kernel, *arguments in calls]
