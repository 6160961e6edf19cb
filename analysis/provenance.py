"""What made a dataset, and datasets that are whole or absent.

Every dataset carries the version and fingerprint of this package, the config, the seed, the data's source and the
versions of the libraries that matter. Files are written under a temporary name and then renamed: no reader sees half.
"""

import glob
import hashlib
import json
import os
import platform
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("numpy", "numba", "scipy", "xarray", "scikit-learn", "h5netcdf", "mlxtend")


# Modules that read runs: no number of a run depends on them.
READERS = ("agreement", "answerable", "atlas", "charts", "checks", "claims", "collection", "effects", "fates")
READERS += ("findings", "pictures", "playground", "plotting", "report", "statistics", "style", "survival", "times")
READERS += ("verify",)


def sources():
    """The source files that a run depends on: all of this package but READERS, in alphabetical order."""
    return [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem not in READERS]


def fingerprint():
    """SHA-256 over `sources`, first 16 hexadecimal digits: the code that simulates and measures."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def attributes(config, **more):
    """Attributes for a dataset: code, libraries, config as JSON; `more` as given (JSON where not text or number)."""
    try:
        package = version("developmental-pruning")
    except PackageNotFoundError:
        package = "not installed"
    python = ".".join(platform.python_version_tuple()[:2])  # releases within 3.11, say, write the same bytes
    versions = {"python": python} | {name: version(name) for name in _LIBRARIES}
    text = json.dumps(config, sort_keys=True)
    found = {
        "package_version": package,
        "code_fingerprint": fingerprint(),
        "config": text,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "versions": json.dumps(versions),
    }
    return found | {k: v if isinstance(v, (str, int, float)) else json.dumps(v) for k, v in more.items()}


def write(dataset, path, level=4):
    """Write NetCDF, compressed (zlib level, 0: not), under a temporary name in the same folder; then rename it."""
    numeric = (name for name, v in dataset.variables.items() if v.dtype.kind in "fiub" and v.ndim)
    encoding = {name: {"zlib": level > 0, "complevel": level} for name in numeric}
    content = dataset.to_netcdf(engine="h5netcdf", encoding=encoding)  # in memory: HDF5 crashes where a disk is full
    with whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def whole(path):
    """A temporary name in the same folder, which becomes the path if all goes well: a file is whole or absent.

    What a process that was killed left half written goes first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if not _is_alive(left.suffixes[-2][1:]):
            left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_alive(process):
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
