"""Share the tiles, or units, of a kernel among threads.

Each thread gets one contiguous range; no two ranges touch the same output, so the result does not depend on how many
there are. The number of threads is NUMBA_NUM_THREADS, or else the number of processors.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


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


def share(n, kernel, *arguments):
    """kernel(begin, end, *arguments) over 0 ... n - 1; the list of what each call returned."""
    n_threads = min(count(), n)
    if n_threads <= 1:
        return [kernel(0, n, *arguments)]
    edges = [n * k // n_threads for k in range(n_threads + 1)]
    # Threads do not survive a fork: a pool belongs to its process.
    pool = _pool(n_threads, os.getpid())
    return list(pool.map(lambda a, b: kernel(a, b, *arguments), edges[:-1], edges[1:]))
