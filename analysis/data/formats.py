"""The file formats of MNIST and CIFAR-10: from bytes to arrays, whole or refused.

    IDX       0x0800 + number of dimensions, the lengths, all big-endian and 4 bytes long; then the bytes
    CIFAR-10  a tar.gz of files of records: 1 byte for the label, 3 x 32 x 32 for red, green and blue

Sources: http://yann.lecun.com/exdb/mnist/ and https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import gzip
import tarfile
import zlib
from math import prod
from pathlib import PurePosixPath

import numpy as np

from analysis.data.download import uncompressed

CIFAR10_FILES = [
    f"cifar-10-batches-bin/{name}.bin" for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")
]
_CIFAR10_WANTED = "expected the official archive with its six files; use that, or mend config/data.yaml"


def idx(path, n_dims, what):
    """The bytes of an IDX file, compressed or not, as a uint8 array of n_dims dimensions. what : its name in errors.

    Raises ValueError for another magic number, and for more or fewer bytes than the lengths say.
    """
    with uncompressed(path) as file:
        content = file.read()
    head = np.frombuffer(content[: 4 * (1 + n_dims)], dtype=">u4") if len(content) >= 4 * (1 + n_dims) else [0]
    if head[0] != 0x0800 + n_dims:
        raise ValueError(
            f"{path.name}: found {content[:4].hex() or 'nothing'} at its start, expected the magic number "
            f"{0x0800 + n_dims:08x} of {what}; use the official file"
        )
    shape, found = tuple(int(k) for k in head[1:]), len(content) - 4 * (1 + n_dims)
    if found != prod(shape):
        raise ValueError(
            f"{path.name}: found {found:,} bytes after the header, expected {prod(shape):,} "
            f"({' x '.join(map(str, shape))}, as the header says); use the official file"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=4 * (1 + n_dims)).reshape(shape)


def cifar10_brightness(path, n_images):
    """R + G + B of the archive's six files, in CIFAR10_FILES' order: (n_images, 32, 32) uint16 each.

    The archive is read as a stream: nothing is unpacked. Raises ValueError for one that is damaged, lacks a file, or
    holds what has no place in it.
    """
    found = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                if _is_expected(member, found, n_images):
                    content = archive.extractfile(member).read()  # type: ignore[union-attr]  # it is a regular file
                    records = np.frombuffer(content, dtype=np.uint8).reshape(n_images, -1)
                    colours = records[:, 1:].reshape(n_images, 3, 32, 32)
                    found[member.name] = colours.sum(axis=1, dtype=np.uint16)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path.name}: found a damaged archive ({error}), {_CIFAR10_WANTED}") from error
    missing = [name for name in CIFAR10_FILES if name not in found]
    if missing:
        raise ValueError(f"{path.name}: found no {', '.join(missing)}, {_CIFAR10_WANTED}")
    return [found[name] for name in CIFAR10_FILES]


def _is_expected(member, found, n_images):
    """Whether the archive's member is one to read; ValueError for what has no place in the archive."""
    size, parts = n_images * (1 + 3 * 32 * 32), PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts:
        fault = f"{member.name!r}, which points outside"
    elif not (member.isreg() or member.isdir()):
        fault = f"{member.name!r}, which is neither a file nor a folder"
    elif member.name in found:
        fault = f"{member.name!r} twice"
    elif member.name in CIFAR10_FILES and not (member.isreg() and member.size == size):
        fault = f"{member.name!r} of {member.size:,} bytes instead of {size:,}"
    else:
        return member.name in CIFAR10_FILES
    raise ValueError(f"cifar-10-binary.tar.gz: found {fault}, {_CIFAR10_WANTED}")
