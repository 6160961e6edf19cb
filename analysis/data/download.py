"""Data files from the network: whole and right under their name, or absent.

    fetch(data set, file) = the first of: a file in the folder, a mirror's answer, whose SHA-256 is the expected one

URLs, names and checksums are config/data.yaml. A download grows in a hidden file beside the final name, which is locked
meanwhile: who else wants it waits and finds it done. What an interruption leaves there is gone on with by HTTP Range.
It gets its final name only after its checksum was right. Files that were there before are read, never changed.
"""

import fcntl
import gzip
import hashlib
import os
import zlib
from contextlib import contextmanager
from pathlib import Path

import fastjsonschema
import yaml

from analysis.files.checkout import ROOT

CONFIG = ROOT / "config" / "data.yaml"
VARIABLE = "DEVELOPMENTAL_PRUNING_DATA"
_BLOCK = 2**20  # bytes read at once
_CHUNK = 2**14  # bytes written at once: an interruption loses fewer
_COUNT = {"type": "integer", "minimum": 1}
_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_FILE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z"},  # of a file in the folder, no path
        "sha256": _SHA256,
        "sha256_uncompressed": _SHA256,
    },
    "oneOf": [{"required": ["sha256"]}, {"required": ["sha256_uncompressed"]}],
}


def _object(**properties):
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


_MIRRORS = {"type": "array", "items": {"type": "string", "pattern": "^https?://.*/$"}}
_MNIST_FILES = _object(train_images=_FILE, train_labels=_FILE, test_images=_FILE, test_labels=_FILE)
_SCHEMA = _object(
    folder={"type": "string", "minLength": 1},
    mnist=_object(mirrors=_MIRRORS, files=_MNIST_FILES),
    cifar10=_object(
        mirrors=_MIRRORS, files=_object(archive=_FILE), n_images=_COUNT, n_patches=_object(train=_COUNT, test=_COUNT)
    ),
)


def settings(dataset):
    """The data set's part of config/data.yaml. Raises ValueError where that file is not what it should be."""
    return _config()[dataset]


def fetch(dataset, key):
    """Path of the data set's file `key` of config/data.yaml, whose checksum is right; downloaded where it is missing.

    Raises
    ------
    ValueError : a file that is not the expected one; no mirror that gives it
    OSError : no permission to read or write, no folder, a disk that is full
    """
    config = _config()
    file, mirrors, folder = config[dataset]["files"][key], config[dataset]["mirrors"], _folder(config)
    try:
        for path in _candidates(folder, dataset, file["name"]):
            if os.path.lexists(path):
                return _checked(path, file)
        return _download([mirror + file["name"] for mirror in mirrors], folder / file["name"], file)
    except OSError as error:
        place = _short(error.filename or folder / file["name"])
        raise type(error)(
            f"data file: found {error.strerror or error} at {place}, expected a folder to read and write "
            f"{file['name']} in; chmod it or make room there, or name another by {VARIABLE}"
        ) from error


def uncompressed(path):
    """The file opened for reading bytes, through gzip where it begins as gzip does, whatever its name."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzip else open(path, "rb")


def _config():
    """The config of data files; ValueError with the first place where it is not what the schema says."""
    try:
        config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        fastjsonschema.validate(_SCHEMA, config)
    except fastjsonschema.JsonSchemaValueException as error:
        fault = (
            f"{error.value!r:.60} at {'/'.join(error.path[1:]) or 'top level'}, which {error.message.split(' ', 1)[1]}"
        )
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        fault = " ".join(str(error).split())
    else:
        return config
    raise ValueError(f"{_short(CONFIG)}: found {fault}, expected it as it is in git; restore or mend it")


def _folder(config):
    """Where data files lie: what the environment variable names, or else the config, relative to the repository."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else ROOT / config["folder"]


def _candidates(folder, dataset, name):
    """Where the file may lie already: in the folder or the data set's own, compressed or not."""
    return [place / n for place in (folder, folder / dataset) for n in dict.fromkeys((name, name.removesuffix(".gz")))]


def _checked(path, file):
    """The path, if its content is the expected one; ValueError otherwise."""
    if not path.is_file():
        fault = "a directory" if path.is_dir() else "no regular file"
    else:
        fault = _fault(path, file)
    if fault:
        raise ValueError(
            f"{_short(path)}: found {fault}, expected {_expected(file)}; move it away, to have it downloaded, or name "
            f"another folder by {VARIABLE}"
        )
    return path


def _fault(path, file):
    """What is wrong with the content, or None."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") if "sha256" in file else uncompressed(path) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return f"damaged gzip ({str(error).rstrip('.')})"
    found = digest.hexdigest()
    return None if found in file.values() else f"content of SHA-256 {found}"


def _expected(file):
    if "sha256" in file:
        return f"a file of SHA-256 {file['sha256']}"
    return f"a file of SHA-256 {file['sha256_uncompressed']} when uncompressed"


def _download(urls, path, file):
    """The path, after the first url that gives the file was read into it."""
    faults = []
    with _partial(path) as part:
        if path.exists():  # another process was at it and is done
            return _checked(path, file)
        for url in urls:
            fault = _try(url, part, file)
            if fault is None:
                os.replace(part.name, path)
                return path
            faults.append(f"{url}: {fault}")
        kept = part.seek(0, os.SEEK_END)
    remedy = f"put it there or into a folder that {VARIABLE} names, or add a mirror to {_short(CONFIG)}"
    if kept:
        remedy = f"try again, to go on after {kept:,} bytes, or {remedy}"
    raise ValueError(
        f"{_short(path)}: found no such file, and none of {len(urls)} mirrors gave it ({'; '.join(faults)}), "
        f"expected {_expected(file)}; {remedy}"
    )


@contextmanager
def _partial(path):
    """The download in progress, open for reading and writing, locked. Empty, it goes; else it stays, to go on with."""
    name = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(name) as part:
        try:
            yield part
        finally:
            if _is(part, name) and part.seek(0, os.SEEK_END) == 0:
                os.unlink(name)


def _locked(name):
    """The file of that name, made where there is none, once nobody else has it open so."""
    while True:
        part = open(name, "r+b", opener=lambda n, _: os.open(n, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666))
        fcntl.flock(part, fcntl.LOCK_EX)
        if _is(part, name):
            return part
        part.close()  # it was given its final name, or removed, while this process waited


def _is(part, name):
    try:
        return os.path.samestat(os.fstat(part.fileno()), os.stat(name))
    except FileNotFoundError:
        return False


def _try(url, part, file):
    """Why the url did not give the file, or None. Goes on where the partial download ends; if that fails, anew."""
    from requests import HTTPError, RequestException  # pooch's; here, as few runs download: 0.2 s

    while True:
        start = part.seek(0, os.SEEK_END)
        try:
            _get(url, part, start)
            fault = _fault(part.name, file)
        except HTTPError as error:
            status = error.response.status_code  # type: ignore[union-attr]  # an HTTPError has its response
            fault = f"HTTP status {status}"
            if not (start and status == 416):  # 416: there is nothing from there on
                return fault
        except RequestException as error:
            return _reason(error)
        if fault is None:
            return None
        part.truncate(0)
        if start == 0:
            return fault


def _get(url, part, start):
    """Append what the url holds from byte `start` on, or write all of it, where the server knows no ranges."""
    from pooch import HTTPDownloader
    from tqdm import tqdm

    def whole(response, **_):
        if response.status_code == 200:
            part.seek(0)
            part.truncate()

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    bar = {"desc": url.rpartition("/")[2], "unit": "B", "unit_scale": True, "disable": None}  # None: on a terminal
    with tqdm(total=1, **bar) as progress:  # pooch sets the total
        download = HTTPDownloader(progressbar=progress, chunk_size=_CHUNK, headers=headers, hooks={"response": whole})
        download(url, part, None)


def _reason(error):
    """The innermost cause of a failed request, on one line."""
    while (error.__cause__ or error.__context__) is not None:
        error = error.__cause__ or error.__context__
    return " ".join(str(error).split()) or type(error).__name__


def _short(path):
    """The path as text, relative to the repository where it lies in it."""
    path = Path(path)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
