"""How kernels are compiled: one place for every numba option.

Without fastmath LLVM neither reorders sums nor fuses products with sums, so a kernel gives the same bits on every
instruction set. Compiled code is cached under a folder named after the kernels' own source, because numba's cache
notices an edit only in the file of the cached function itself; a folder that cannot be written turns the cache off.
"""

import hashlib
import io
import multiprocessing
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding
from numba import extending
from numba.core.caching import IndexDataCacheFile
from numba.core.cpu import CPUContext
from numba.core.event import Listener, register, unregister

from analysis.files.checkout import ROOT
from analysis.files.provenance import fingerprint


def _cache_folder():
    """Folder for compiled kernels, keyed by their source; None where it cannot be written."""
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or ROOT / ".cache")
    folder = root / f"numba-{fingerprint(['kernels'])}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


LINE = 64  # bytes of the cache, where arrays that kernels make begin (see `layouts`)
config: Any = numba.config
context: Any = CPUContext
context.get_preferred_array_alignment = lambda context, number: LINE
CACHE_FOLDER = _cache_folder()
if CACHE_FOLDER is not None:
    config.CACHE_DIR = str(CACHE_FOLDER)

# LLVM keeps to 256 bits on processors that have 512, for the sake of code that mixes both; kernels are all vectors.
_features = binding.get_host_cpu_features()
if config.CPU_NAME is None and config.CPU_FEATURES is None and "avx512f" in _features:
    config.CPU_FEATURES = _features.flatten() + ",-prefer-256-bit"
# 32 registers of 64 bytes with AVX-512; others have a quarter: 16 of 32 bytes (AVX2), or 32 of 16 (NEON).
WIDE = "+avx512f" in (_features.flatten() if config.CPU_FEATURES is None else config.CPU_FEATURES)


class _Notice(Listener):
    """One line for the user when kernels are compiled, and not when they come from the cache; none by a child."""

    def on_start(self, event):
        if event.data["dispatcher"].py_func.__module__.startswith("analysis."):
            where = f"kept in {CACHE_FOLDER}" if CACHE_FOLDER is not None else "no folder to keep the result in"
            print(f"analysis: compiling kernels, some 25 seconds, {where}", file=sys.stderr)
            unregister("numba:compile", self)

    def on_end(self, event):
        """Nothing to say."""


if multiprocessing.current_process().name == "MainProcess":
    register("numba:compile", _Notice())


class _WholeFiles(IndexDataCacheFile):
    """Numba's files of compiled code, each with its digest at the end: what is cut short or damaged is not there."""

    @contextmanager
    def _open_for_write(self, filepath):
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(content.getvalue() + hashlib.sha256(content.getvalue()).digest())

    def _load_index(self):
        return super()._load_index() if self._is_whole(self._index_path) else {}

    def _load_data(self, name):
        if not self._is_whole(self._data_path(name)):
            raise OSError(f"{name}: damaged")  # numba then compiles
        return super()._load_data(name)

    def _is_whole(self, path):
        content = Path(path).read_bytes() if os.path.exists(path) else b""
        return hashlib.sha256(content[:-32]).digest() == content[-32:]


_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False, "nogil": True, "no_cfunc_wrapper": True}


def kernel(function):
    """Compile a function that Python calls, once a machine."""
    dispatcher = numba.njit(cache=CACHE_FOLDER is not None, **_OPTIONS)(function)
    if CACHE_FOLDER is not None:
        dispatcher._cache._cache_file.__class__ = _WholeFiles
    return dispatcher


formula = numba.njit(forceinline=True, **_OPTIONS)  # a part of kernels, which is compiled into them
intrinsic: Any = extending.intrinsic  # a part of formulas, as instructions
