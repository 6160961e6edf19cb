"""Files that are whole or absent: written under a temporary name and then renamed, so that no reader sees half."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr


def write(dataset: xr.Dataset, path: Path | str, level: int = 4) -> None:
    """Write NetCDF, compressed (zlib level, 0: not), under a temporary name in the same folder; then rename it."""
    numeric = (name for name, v in dataset.variables.items() if v.dtype.kind in "fiub" and v.ndim)
    encoding = {name: {"zlib": level > 0, "complevel": level} for name in numeric}
    content = dataset.to_netcdf(engine="h5netcdf", encoding=encoding)  # in memory: HDF5 crashes where a disk is full
    with whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
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


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
