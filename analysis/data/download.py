"""Data files from the network: whole and right under their name, or absent.

    fetch(data set, file) = the first of: a file in the folder, a mirror's answer, whose SHA-256 is the expected one

URLs, names and checksums are config/data.yaml. A checksum is of the file, or of what it holds when uncompressed: a copy
that was compressed anew is as good. Files that were there before are read, never changed.
"""

import gzip
import hashlib
import io
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
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # of a file in the folder, no path
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Source(Model):
    """Where the files of a data set come from, and what they are."""

    mirrors: list[Annotated[str, Field(pattern="^https?://.*/$")]]
    files: dict[Name, Sha256]


class Settings(Model):
    """What config/data.yaml says."""

    folder: Annotated[str, Field(min_length=1)]
    mnist: Source
    cifar10: Source


def settings() -> dict:
    """config/data.yaml. Raises ValueError where that file is not what it should be."""
    made = yamlfile.read(CONFIG)
    check(Settings, made, "config/data.yaml")
    return made


def fetch(dataset: str, name: str) -> Path:
    """Path of the data set's file of that name, whose checksum is right; downloaded where it is missing.

    Raises ValueError for a file that is not the expected one and where no mirror gives it, OSError where nothing can be
    read or written.
    """
    made = settings()
    files, folder = made[dataset]["files"], Path(os.environ.get(VARIABLE) or ROOT / made["folder"]).expanduser()
    if name not in files:
        raise ValueError(f"config/data.yaml: found no {name} at {dataset}/files, expected its SHA-256; add it")
    places = [place / k for place in (folder, folder / dataset) for k in (name, name.removesuffix(".gz"))]
    try:
        path = next(filter(os.path.lexists, places), None)
        if path is None:
            return _download(made[dataset]["mirrors"], folder / name, files[name])
        if fault := _fault(path, files[name]):
            remedy = f"move it away, to have it downloaded, or name another folder by {VARIABLE}"
            raise ValueError(f"{path}: found {fault}, expected a file of SHA-256 {files[name]}; {remedy}")
        return path
    except OSError as error:
        found = f"{error.strerror or error} at {error.filename or folder / name}"
        remedy = f"chmod it or make room there, or name another by {VARIABLE}"
        expected = f"a folder to read and write {name} in; {remedy}"
        raise type(error)(f"data file: found {found}, expected {expected}") from error


def uncompressed(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """The file opened for reading bytes, through gzip where it begins as gzip does, whatever its name."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzip else open(path, "rb")


def _fault(path, sha256):
    """What is wrong with a file, whose content may be compressed or not, or None."""
    if not path.is_file():
        return "a directory" if path.is_dir() else "no regular file"
    try:
        for read in (lambda path: open(path, "rb"), uncompressed):
            with read(path) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == sha256:
                return None
        return f"content of SHA-256 {found}"
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return f"damaged gzip ({str(error).rstrip('.')})"


def _download(mirrors, path, sha256):
    """The path, after the first mirror that gives the file was read into it."""
    from pooch import HTTPDownloader  # here, as few runs download: 0.2 s
    from requests import RequestException
    from tqdm import tqdm

    faults = []
    for url in (mirror + path.name for mirror in mirrors):
        try:
            with whole(path) as temporary:
                with tqdm(total=1, desc=path.name, unit="B", unit_scale=True, disable=None) as bar:  # on a terminal
                    get = HTTPDownloader(progressbar=bar, headers={"Accept-Encoding": "identity"})
                    get(url, str(temporary), None)
                if fault := _fault(temporary, sha256):
                    raise ValueError(fault)
            return path
        except (RequestException, ValueError) as error:
            faults.append(f"{url}: {' '.join(str(error).split())}")
    raise ValueError(
        f"{path}: found no such file, and none of {len(mirrors)} mirrors gave it ({'; '.join(faults)}), "
        f"expected a file of SHA-256 {sha256}; put it there or into a folder that {VARIABLE} names, or try again"
    )
