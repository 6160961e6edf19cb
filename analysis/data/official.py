"""MNIST and CIFAR-10 from their official files, by the paper's rules: x_i = 1 if pixel_i > threshold else 0.

    IDX       0x0800 + number of dimensions, the lengths, all big-endian and 4 bytes long; then the bytes
    CIFAR-10  a tar.gz of files of records: 1 byte for the label, 3 x 32 x 32 for red, green and blue

Sources: http://yann.lecun.com/exdb/mnist/ and https://www.cs.toronto.edu/~kriz/cifar.html. Files that are missing,
damaged or not what they should be raise ValueError or OSError.
"""

import gzip
import tarfile
import zlib
from math import prod
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.data import download, patterns
from analysis.machine.randomness import choice, derive

MNIST_MARGIN = 4  # of 28 rows and columns, 4..23 are left
MNIST_FILES = {"train": "train-{}-ubyte.gz", "test": "t10k-{}-ubyte.gz"}
CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10_FILES = [f"cifar-10-batches-bin/{k}.bin" for k in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")]
CIFAR10_CENTRES = np.array([(row, column) for row in range(3, 29, 5) for column in range(3, 29, 5)])
CIFAR10_N_PATCHES = {"train": 90_000, "test": 10_000}


def mnist() -> xr.Dataset:
    """x_i = [pixel_i > mean over all pixels of the training digits]: MNIST, 20 x 20 pixels, 60,000 digits to train.

    Protocol B of the paper: rows and columns 4..23. Its scaling to [0, 1] moves pixels and mean alike, so it is left
    out. Where the paper says "the set", the mean is that of the cropped training images, for the test images too.
    """
    parts = [_idx_set(name) for name in ("train", "test")]
    (images, labels), (test_images, test_labels) = parts
    if images.shape[1:] != test_images.shape[1:] or min(images.shape[1:]) <= 2 * MNIST_MARGIN:
        found = f"images {images.shape} to train and {test_images.shape} to test"
        raise ValueError(f"MNIST: found {found}, expected one size, above {2 * MNIST_MARGIN}; use the official files")
    (binary, test_binary), mean = patterns.threshold_at_mean(images, test_images, margin=MNIST_MARGIN)
    rows, columns = (n - 2 * MNIST_MARGIN for n in images.shape[1:])
    return patterns.dataset(
        binary,
        test_binary,
        patterns.grid(rows, columns),
        labels=(labels, test_labels),
        title=f"MNIST digits, {rows} x {columns} pixels, binary",
        source="MNIST (LeCun, Cortes & Burges), official files",
        licence="CC BY-SA 3.0 (LeCun & Cortes)",
        sha256=patterns.sha256("MNIST", [k.astype(np.uint8) for part in parts for k in part]),
        sha256_of="training images, their labels, test images, their labels, as uint8",
        binarised=f"rows and columns {MNIST_MARGIN} to {MNIST_MARGIN + rows - 1}; 1 where a pixel is above the mean "
        f"over all cropped training digits, {mean:.4f} of 255",
        split=f"official: {len(images):,} train, {len(test_images):,} test, in the files' order",
    )


def _idx_set(name):
    """Images (n, rows, columns) uint8 and labels (n,) int64 of MNIST's train or test files, as many of each."""
    kinds = (("images-idx3", 3), ("labels-idx1", 1))
    images, labels = (idx(download.fetch("mnist", MNIST_FILES[name].format(kind)), n) for kind, n in kinds)
    if len(images) != len(labels) or len(images) == 0:
        found = f"{len(images):,} {name} images and {len(labels):,} labels"
        raise ValueError(f"MNIST: found {found}, expected as many of both, and some; use the official files")
    return images, labels.astype(np.int64)


def idx(path: Path, n_dims: int) -> np.ndarray:
    """The bytes of an IDX file, compressed or not, as a uint8 array of n_dims dimensions."""
    with download.uncompressed(path) as file:
        content = file.read()
    size = 4 * (1 + n_dims)  # of the header
    head = np.frombuffer(content[:size], dtype=">u4") if len(content) >= size else [0]
    shape = tuple(int(k) for k in head[1:])
    found = expected = ""
    if head[0] != 0x0800 + n_dims:
        found, expected = f"{content[:4].hex() or 'nothing'} at its start", f"the magic number {0x0800 + n_dims:08x}"
    elif len(content) - size != prod(shape):
        found, expected = f"{len(content) - size:,} bytes after the header", f"{prod(shape):,} of an array {shape}"
    if found:
        raise ValueError(f"{path.name}: found {found}, expected {expected}; use the official file")
    return np.frombuffer(content, dtype=np.uint8, offset=size).reshape(shape)


def cifar10() -> xr.Dataset:
    """x_i = [R + G + B > median over the training images]: 13-pixel circular patches of CIFAR-10, 90,000 to train.

    The official binary version, read without being unpacked. Protocol A of the paper: 36 centres an image, at rows and
    columns 3, 8, ..., 28, counted from 0. The training patches are drawn without replacement from the training images;
    the test patches, which the paper does not have, from the test images, binarised at the same median.
    """
    *batches, test = cifar10_brightness(download.fetch("cifar10", CIFAR10_ARCHIVE))
    train = np.concatenate(batches)
    median = np.median(train)
    (y, x), drawn = patterns.disc(patterns.PATCH_RADIUS), []
    for name, images in (("train", train), ("test", test)):
        n_candidates, n = len(images) * len(CIFAR10_CENTRES), CIFAR10_N_PATCHES[name]
        if n > n_candidates:
            found = f"{n_candidates:,} patches to {name}"
            raise ValueError(f"CIFAR-10: found {found}, expected {n:,}; use the official file")
        indices = choice(derive(patterns.PATCHES_SEED, "cifar10", name), n_candidates, n)
        image, centre = np.divmod(indices[:, None], len(CIFAR10_CENTRES))
        row, column = CIFAR10_CENTRES[centre].T - int(patterns.PATCH_RADIUS)
        drawn.append(images[image, row.T + y, column.T + x] > median)
    return patterns.dataset(
        drawn[0],
        drawn[1],
        (y, x),
        title="circular 13-pixel patches of CIFAR-10, binary",
        source="CIFAR-10 (Krizhevsky 2009), official binary version",
        licence="none stated; its page asks to cite Krizhevsky (2009), Learning Multiple Layers of Features",
        sha256=download.settings()["cifar10"]["files"][CIFAR10_ARCHIVE],
        sha256_of=CIFAR10_ARCHIVE,
        binarised=f"1 where the sum of R, G and B is above its median over the training images, {median:g}",
        split=f"of 36 patches an image, {len(drawn[0]):,} of the training images train and {len(drawn[1]):,} of the "
        f"test images test, drawn without replacement (seed {patterns.PATCHES_SEED})",
    )


def cifar10_brightness(path: Path) -> list[np.ndarray]:
    """R + G + B of the archive's six files, in CIFAR10_FILES' order: (n_images, 32, 32) uint16 each."""
    found, wanted = {}, "expected the official archive with its six files; use that, or mend config/data.yaml"
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                if member.name in CIFAR10_FILES and member.isreg():
                    found[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]  # it is a file
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path.name}: found a damaged archive ({error}), {wanted}") from error
    sums = []
    for name in CIFAR10_FILES:
        n_bytes = len(found.get(name, b""))
        if n_bytes == 0 or n_bytes % (1 + 3 * 32 * 32):
            raise ValueError(f"{path.name}: found {n_bytes:,} bytes of {name} in it, {wanted}")
        records = np.frombuffer(found[name], dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
        sums.append(records[:, 1:].reshape(-1, 3, 32, 32).sum(axis=1, dtype=np.uint16))
    return sums
