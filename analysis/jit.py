"""How kernels are compiled: one place for every numba option.

Without fastmath LLVM neither reorders sums nor fuses products with sums, so a kernel gives the same bits on every
instruction set. Compiled code is cached under a folder named after the kernels' own source, because numba's cache
notices an edit only in the file of the cached function itself; a folder that cannot be written turns the cache off.
"""

import hashlib
import os
from pathlib import Path

import numba

_SOURCES = ("jit.py", "lanes.py", "kernels.py", "online.py", "spectrum.py")


def _cache_folder():
    """Folder for compiled kernels, keyed by their source; None where it cannot be written."""
    here = Path(__file__).parent
    digest = hashlib.sha256(b"".join((here / name).read_bytes() for name in _SOURCES)).hexdigest()[:12]
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or here.parent / ".cache")
    folder = root / f"numba-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


CACHE_FOLDER = _cache_folder()
if CACHE_FOLDER is not None:
    numba.config.CACHE_DIR = str(CACHE_FOLDER)

kernel = numba.njit(cache=CACHE_FOLDER is not None, error_model="numpy", fastmath=False, nogil=True)
inline = numba.njit(inline="always", error_model="numpy", fastmath=False)
