"""A run of sessions can be killed at any moment: it goes on after the last session that was kept.

A run is a generator of datasets, one a session, which begins anew or after those in `done`. Beside the file to write
lies .<name>.sessions with the sessions so far.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import xarray as xr

from analysis.files import netcdf, whole

_LOG = logging.getLogger("analysis")


def join(sessions: Iterable[xr.Dataset]) -> xr.Dataset:
    """Sessions as one dataset; what has no dimension session is the same in all."""
    first, *others = sessions
    if not others:
        return first
    return xr.concat(
        [first, *others], "session", data_vars="minimal", coords="minimal", compat="override", join="override"
    )


def write(
    begin: Callable[[xr.Dataset | None], Iterator[xr.Dataset]],
    path: Path,
    attrs: dict,
    save_every: float = 30.0,
    alike: Callable[[dict, dict], bool] = dict.__eq__,
) -> None:
    """Write the run that begin(done) yields, going on after the sessions kept beside the file.

    attrs : of the dataset; alike(found, attrs) : whether sessions with other attributes have the same bits
    save_every : seconds between two writings of the sessions so far
    """
    kept, last = path.with_name(f".{path.name}.sessions"), time.monotonic()
    done = _kept(kept, lambda found: alike(found, attrs))
    parts = [] if done is None else [done]
    for part in begin(done):
        parts.append(part)
        if "session" in part.dims:
            _LOG.info("session %d is done", part["session"][-1])
        if len(parts) > 1 and time.monotonic() - last >= save_every:
            whole.write(join(parts).assign_attrs(attrs), kept, level=0)
            last = time.monotonic()
    whole.write(join(parts).assign_attrs(attrs), path)
    _LOG.info("wrote %s", path)
    kept.unlink(missing_ok=True)


def _kept(path: Path, usable: Callable[[dict], bool]) -> xr.Dataset | None:
    """The sessions kept in a file, if there are some and they are of the same run."""
    if not path.exists():
        return None
    try:
        done = netcdf.read(path)
    except netcdf.Damaged as error:
        _LOG.info("starting over: %s", error)
        return None
    if not usable(done.attrs):
        _LOG.info("%s was made by other code or another config: starting over", path)
        return None
    _LOG.info("going on after session %d, found in %s", done["session"][-1], path)
    return done
