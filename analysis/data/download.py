"""Data files from the network: whole and right under their name, or absent.

URLs, names and checksums are config/data.yaml. A checksum is of the file, or of what it holds when uncompressed: a copy
that was compressed anew is as good. Files that were there before are read, never changed.
"""

import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from analysis.files import yamlfile
from analysis.files.checkout import ROOT
from analysis.files.typed import Model, check
from analysis.files.whole import whole

CONFIG = ROOT / "config" / "data.yaml"
VARIABLE = "DEVELOPMENTAL_PRUNING_DATA"


class Source(Model):
    """Where the files of a data set come from, and the SHA-256 of each by its name."""

    mirrors: list[Annotated[str, Field(pattern="^https?://.*/$")]]
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


class Settings(Model):
    """What config/data.yaml says."""

    folder: Annotated[str, Field(min_length=1)]
    mnist: Source
    cifar10: Source


def settings() -> dict:
    """config/data.yaml, checked."""
    made = yamlfile.read(CONFIG)
    check(Settings, made, "config/data.yaml")
    return made


def fetch(dataset: str, name: str) -> Path:
    """Path of the data set's file of that name, whose checksum is right; downloaded where it is missing."""
    made = settings()
    files, folder = made[dataset]["files"], Path(os.environ.get(VARIABLE) or ROOT / made["folder"]).expanduser()
    if name not in files:
        raise ValueError(f"config/data.yaml: found no {name} at {dataset}/files, expected its SHA-256; add it")
    for path in (place / k for place in (folder, folder / dataset) for k in (name, name.removesuffix(".gz"))):
        if path.is_file():
            _check_content(path, files[name])
            return path
    return _download(made[dataset]["mirrors"], folder / name, files[name])


def uncompressed(path: Path) -> bytes:
    """The content of a file, through gzip where it begins as gzip does, whatever its name."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _check_content(path, sha256):
    """Raise ValueError for a file that has another SHA-256, compressed as well as uncompressed."""
    try:
        found = [hashlib.sha256(content).hexdigest() for content in (path.read_bytes(), uncompressed(path))]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = [f"none: damaged gzip ({error})"]
    if sha256 not in found:
        raise ValueError(f"{path}: found content of SHA-256 {found[-1]}, expected {sha256}; move it away, try again")


def _download(mirrors, path, sha256):
    """The path, after the first mirror that gives the file was read into it."""
    from pooch import HTTPDownloader  # here, as few runs download: 0.2 s
    from requests import RequestException

    get, faults = HTTPDownloader(progressbar=True, headers={"Accept-Encoding": "identity"}), []
    for url in (mirror + path.name for mirror in mirrors):
        try:
            with whole(path) as temporary:
                get(url, str(temporary), None)
                _check_content(temporary, sha256)
            return path
        except (RequestException, ValueError) as error:
            faults.append(f"{url}: {' '.join(str(error).split())}")
    found = f"no such file, and none of {len(mirrors)} mirrors gave it ({'; '.join(faults)})"
    raise ValueError(f"{path}: found {found}, expected a file of SHA-256 {sha256}; put it there, or try again")
