"""MNIST and CIFAR-10 from their official files, by the paper's rules: x_i = 1 if pixel_i > threshold else 0.

    IDX       0x0800 + number of dimensions, the lengths, all big-endian and 4 bytes long; then the bytes
    CIFAR-10  a tar.gz of files of records: 1 byte for the label, 3 x 32 x 32 for red, green and blue

Sources: http://yann.lecun.com/exdb/mnist/ and https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import io
import tarfile
from math import prod
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.data import download, patterns
from analysis.machine.randomness import derive

MNIST_MARGIN = 4  # of 28 rows and columns, 4..23 are left
CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10_FILES = [f"cifar-10-batches-bin/{k}.bin" for k in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")]
CIFAR10_CORNERS = slice(1, None, 5)  # of patches: their centres are 3, 8, ..., 28


def mnist() -> xr.Dataset:
    """x_i = [pixel_i > mean over all pixels of the training digits]: MNIST, 20 x 20 pixels, 60,000 digits to train.

    Protocol B of the paper: rows and columns 4..23. Where the paper says "the set", the mean is that of the cropped
    training images, for the test images too.
    """
    kinds = [(part, *kind) for part in ("train", "t10k") for kind in (("images-idx3", 3), ("labels-idx1", 1))]
    arrays = [idx(download.fetch("mnist", f"{part}-{kind}-ubyte.gz"), n_dims) for part, kind, n_dims in kinds]
    images, labels, test_images, test_labels = arrays
    (binary, test_binary), mean = patterns.threshold_at_mean(images, test_images, margin=MNIST_MARGIN)
    rows, columns = (length - 2 * MNIST_MARGIN for length in images.shape[1:])
    return patterns.dataset(
        binary,
        test_binary,
        patterns.grid(rows, columns),
        labels=(labels, test_labels),
        title=f"MNIST digits, {rows} x {columns} pixels, binary",
        source="MNIST (LeCun, Cortes & Burges), official files",
        licence="CC BY-SA 3.0 (LeCun & Cortes)",
        sha256=patterns.sha256(arrays),
        sha256_of="training images, their labels, test images, their labels, as uint8",
        binarised=f"rows and columns {MNIST_MARGIN} to {MNIST_MARGIN + rows - 1}; 1 where a pixel is above the mean "
        f"over all cropped training digits, {mean:.4f} of 255",
        split=f"official: {len(images):,} train, {len(test_images):,} test, in the files' order",
    )


def idx(path: Path, n_dims: int) -> np.ndarray:
    """The bytes of an IDX file, compressed or not, as a uint8 array of n_dims dimensions."""
    content, size = download.uncompressed(path), 4 * (1 + n_dims)  # of the header
    magic, *shape = np.frombuffer(content[:size].ljust(size, b"\0"), dtype=">u4").tolist()
    if magic != 0x0800 + n_dims or len(content) != size + prod(shape):
        found = f"{len(content):,} bytes, of which the first are {content[:size].hex(' ', 4)}"
        raise ValueError(f"{path.name}: found {found}, expected {0x0800 + n_dims:08x}, {n_dims} lengths and the bytes")
    return np.frombuffer(content, dtype=np.uint8, offset=size).reshape(shape)


def cifar10() -> xr.Dataset:
    """x_i = [R + G + B > median over the training images]: 13-pixel circular patches of CIFAR-10, 90,000 to train.

    Protocol A of the paper: 36 centres an image, at rows and columns 3, 8, ..., 28, counted from 0. The test patches,
    which the paper does not have, are of the test images, binarised at the same median.
    """
    *batches, test = cifar10_brightness(download.fetch("cifar10", CIFAR10_ARCHIVE))
    train = np.concatenate(batches)
    median = np.median(train)
    layout, seed, drawn = patterns.disc(patterns.PATCH_RADIUS), patterns.PATCHES_SEED, []
    for name, images, n in zip(("train", "test"), (train, test), patterns.N_PATCHES):
        key = derive(seed, "cifar10", name)
        patches, *_ = patterns.draw_patches(images > median, layout, (n, 0), seed, key, CIFAR10_CORNERS)
        drawn.append(patches)
    return patterns.dataset(
        drawn[0],
        drawn[1],
        layout,
        title="circular 13-pixel patches of CIFAR-10, binary",
        source="CIFAR-10 (Krizhevsky 2009), official binary version",
        licence="none stated; its page asks to cite Krizhevsky (2009), Learning Multiple Layers of Features",
        sha256=download.settings()["cifar10"]["files"][CIFAR10_ARCHIVE],
        sha256_of=CIFAR10_ARCHIVE,
        binarised=f"1 where the sum of R, G and B is above its median over the training images, {median:g}",
        split=f"of 36 patches an image, {len(drawn[0]):,} of the training images train and {len(drawn[1]):,} of the "
        f"test images test, drawn without replacement (seed {seed})",
    )


def cifar10_brightness(path: Path) -> list[np.ndarray]:
    """R + G + B of the archive's six files, in CIFAR10_FILES' order: (n_images, 32, 32) uint16 each."""
    sums = []
    try:
        with tarfile.open(fileobj=io.BytesIO(download.uncompressed(path)), mode="r:") as archive:
            for name in CIFAR10_FILES:
                content = archive.extractfile(name).read()  # type: ignore[union-attr]  # it is a file
                records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
                sums.append(records[:, 1:].reshape(-1, 3, 32, 32).sum(axis=1, dtype=np.uint16))
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise ValueError(f"{path.name}: found a damaged archive ({error}), expected the official one") from error
    return sums
