"""Files that are whole or absent: written under a temporary name and then renamed, so that no reader sees half."""

import glob
import os
import tempfile
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


def check_output(path: Path | str) -> None:
    """Refuse a file that can't be written before it is computed. Raises ValueError."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"output: found a directory {path}, expected the name of a file to write")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise ValueError(f"output: found a file {folder}, expected a folder for {path.name}; name another")
    try:
        tempfile.TemporaryFile(dir=folder).close()  # os.access says yes to root, whatever the file system
    except OSError as error:
        why = f"found that nothing can be written in {folder} ({error.strerror})"
        raise ValueError(f"output: {why}, expected a folder of yours; name another, or chmod it") from error


def in_words(error: OSError, where: object) -> str:
    """An error of the system's, at the file that it names, or else where the work was."""
    return f"{error.filename or where}: found {error.strerror}, expected a place to read and write, with room"


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
