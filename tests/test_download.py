"""Data files: from a mirror or a folder, whole and right or not at all. The mirror is a server on this machine."""

import gzip
import hashlib
import io
import os
import re
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import yaml

from analysis import data
from analysis.data import download, official, patterns, sets
from analysis.files.checkout import ROOT
from analysis.machine.randomness import bits, choice, derive

BYTES = bits(7, 0, 50_000).tobytes()  # pixels to make up images
KEYS = ("train_images", "train_labels", "test_images", "test_labels")
NAMES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
ARCHIVE = official.CIFAR10_ARCHIVE


def idx(*shape, magic=None, start=0, classes=256):
    """An IDX file of made-up bytes."""
    head = np.array([0x0800 + len(shape) if magic is None else magic, *shape], dtype=">u4").tobytes()
    values = np.frombuffer(BYTES, np.uint8, int(np.prod(shape)), start)
    return head + (values % np.uint16(classes)).astype(np.uint8).tobytes()


def mnist_files(**changes):
    """The uncompressed content of MNIST's four files by key, small: 60 and 20 digits of 12 x 12 pixels."""
    made = (idx(60, 12, 12), idx(60, classes=10), idx(20, 12, 12, start=9000), idx(20, start=99, classes=10))
    return dict(zip(KEYS, made)) | changes


RECORDS = [BYTES[k * 4 * 3073 : (k + 1) * 4 * 3073] for k in range(6)]  # four images each
MEMBERS = dict(zip(official.CIFAR10_FILES, RECORDS)) | {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}


def tar(members):
    """A tar.gz of members by name."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """URL of a server on this machine, which gives the files of tmp_path/mirror."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "mirror").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "mirror")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(download.VARIABLE, str(tmp_path / "files"))
    monkeypatch.setattr(download, "CONFIG", tmp_path / "data.yaml")
    monkeypatch.setattr(patterns, "N_PATCHES", (500, 100))
    sets._load.cache_clear()
    yield tmp_path / "files"
    sets._load.cache_clear()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def expect(mirrors, mnist=None, archive=b""):
    """Write the config: these mirrors, the checksums of these contents."""
    files = {name: sha256(content) for name, content in zip(NAMES, (mnist or mnist_files()).values())}
    made = {"mnist": {"mirrors": mirrors, "files": files}, "folder": "data/raw"}
    made["cifar10"] = {"mirrors": mirrors, "files": {ARCHIVE: sha256(archive)}}
    download.CONFIG.write_text(yaml.safe_dump(made))


def give_archive(mirror, folder, archive):
    """Have the mirror give an archive, and expect it."""
    (folder.parent / "mirror" / ARCHIVE).write_bytes(archive)
    expect([mirror], archive=archive)


def put(folder, files=None, compress=gzip.compress, ending=".gz"):
    """MNIST's files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for content, name in zip((files or mnist_files()).values(), NAMES):
        (folder / (name.removesuffix(".gz") + ending)).write_bytes(compress(content))


def in_folder(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(message, name="cifar10"):
    """Loading ends with one line that holds the message and says what was found, what was expected, and what to do."""
    with pytest.raises(ValueError, match=r"found .*expected ") as caught:
        data.load(name)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    return text


def test_mnist_from_a_mirror_is_cropped_and_binary_at_the_mean_of_the_training_digits(mirror, folder, tmp_path):
    files = mnist_files()
    put(tmp_path / "mirror", files)
    expect([mirror])
    found = data.load("mnist")
    pixels = [np.frombuffer(files[f"{k}_images"], np.uint8, offset=16).reshape(-1, 12, 12) for k in ("train", "test")]
    cropped = [k[:, 4:8, 4:8].reshape(-1, 16).astype(float) for k in pixels]
    for name, expected in zip(("train", "test"), cropped):
        np.testing.assert_array_equal(found[name], expected > cropped[0].mean())
        labels = np.frombuffer(files[f"{name}_labels"], np.uint8, offset=8)
        np.testing.assert_array_equal(found[f"{name}_label"], labels)
        assert (found[name].dtype, found[f"{name}_label"].dtype) == (np.uint8, np.int64)
    assert f"{cropped[0].mean():.4f} of 255" in found.attrs["binarised"]
    assert in_folder(folder) == sorted(NAMES)


def test_cifar10_is_read_out_of_the_archive_as_discs_of_the_images_above_their_median(mirror, folder, tmp_path):
    archive = tar(MEMBERS)
    give_archive(mirror, folder, archive)
    found = data.load("cifar10")
    pixels = np.frombuffer(b"".join(RECORDS), np.uint8).reshape(24, 3073)[:, 1:].reshape(24, 3, 32, 32)
    train, test = np.split(pixels.astype(int).sum(axis=1), [20])
    for name, n, sums in (("train", 500, train), ("test", 100, test)):
        candidates = [
            image[row - 2 : row + 3, column - 2 : column + 3][found.pixel_y, found.pixel_x] > np.median(train)
            for image in sums
            for row in (3, 8, 13, 18, 23, 28)
            for column in (3, 8, 13, 18, 23, 28)
        ]
        drawn = choice(derive(patterns.PATCHES_SEED, "cifar10", name), len(candidates), n)
        np.testing.assert_array_equal(found[name], np.array(candidates)[drawn])
        assert found[name].dtype == np.uint8
    assert found.attrs["rows"] == found.attrs["columns"] == 5
    assert found.attrs["sha256"] == sha256(archive)
    assert in_folder(folder) == [ARCHIVE]
    assert str(folder) not in str(found.attrs)
    sets._load.cache_clear()
    (tmp_path / "mirror" / ARCHIVE).unlink()
    assert data.load("cifar10").identical(found)


@pytest.mark.parametrize("inner", ["", "mnist"])
@pytest.mark.parametrize(("compress", "ending"), [(gzip.compress, ".gz"), (bytes, ""), (bytes, ".gz")])
def test_files_in_the_folder_are_read_compressed_or_not_without_network(folder, compress, ending, inner):
    put(folder / inner, compress=compress, ending=ending)
    expect(["http://127.0.0.1:1/"])  # nobody answers there
    assert data.load("mnist").sizes["pattern"] == 60


def test_the_folder_of_the_config_lies_in_the_repository(folder, monkeypatch, tmp_path):
    expect([])
    monkeypatch.delenv(download.VARIABLE)
    monkeypatch.setattr(download, "ROOT", tmp_path)
    put(tmp_path / "data" / "raw")
    assert data.load("mnist").sizes["pattern"] == 60


@pytest.mark.parametrize("content", [b"", gzip.compress(mnist_files()["train_images"])[:-500], b"other content"])
def test_a_wrong_file_in_the_folder_is_refused_and_left_alone(mirror, folder, content, tmp_path):
    for place in (folder, tmp_path / "mirror"):
        put(place)
    (folder / NAMES[0]).write_bytes(content)
    expect([mirror])
    assert NAMES[0] in refused("move it away", name="mnist")
    assert (folder / NAMES[0]).read_bytes() == content


@pytest.mark.parametrize("change", [lambda k: k[:-1], lambda k: b"", lambda k: k[:99] + b"?" + k[100:]])
def test_a_truncated_or_corrupted_file_is_refused_and_the_next_mirror_asked(mirror, folder, change, tmp_path):
    archive, mirrors = tar(MEMBERS), [mirror, "http://127.0.0.1:1/", f"{mirror}good/"]
    give_archive(mirror, folder, change(archive))
    expect(mirrors, archive=archive)
    reasons = refused("none of 3 mirrors gave it")
    assert re.search("content of|damaged", reasons)
    assert "refused" in reasons
    assert "404" in reasons
    assert not (folder / ARCHIVE).exists()
    (tmp_path / "mirror" / "good").mkdir()
    (tmp_path / "mirror" / "good" / ARCHIVE).write_bytes(archive)
    data.load("cifar10")
    assert (in_folder(folder), (folder / ARCHIVE).read_bytes()) == ([ARCHIVE], archive)


def test_a_file_in_the_folders_place_is_refused(mirror, folder):
    give_archive(mirror, folder, tar(MEMBERS))
    folder.write_text("not a folder")
    with pytest.raises(FileExistsError, match=str(folder)):
        data.load("cifar10")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": idx(60, 12, 12, magic=0x0801)}, "00000801 0000003c 0000000c 0000000c, expected 00000803"),
        ({"train_images": b""}, "found 0 bytes"),
        ({"train_images": idx(60, 12, 12)[:-1]}, "found 8,655 bytes"),
    ],
)
def test_mnist_files_that_contradict_themselves_are_refused(folder, changes, message):
    files = mnist_files(**changes)
    put(folder, files)
    expect([], files)
    refused(message, name="mnist")


FIRST, *REST = MEMBERS


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (tar({name: MEMBERS[name] for name in REST}), "data_batch_1.bin' not found"),
        (tar(MEMBERS | {FIRST: b"short"}), "cannot reshape array of size 5"),
        (b"no archive", f"{ARCHIVE}: found "),
        (tar(MEMBERS)[:-30_000], f"{ARCHIVE}: found "),
    ],
    ids=range(4),
)
def test_archives_that_are_none_or_have_other_members_are_refused(mirror, folder, archive, message):
    give_archive(mirror, folder, archive)
    refused(message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mirrors:", "mirror:"),
        ("http://127.0.0.1:1/", "file:///etc/"),
        (f"{ARCHIVE}: ", f"../{ARCHIVE}: "),
        ("folder: data/raw", "folder: ''"),
        ("mnist:", "digits:"),
    ],
)
def test_a_config_of_data_that_makes_no_sense_is_refused(folder, old, new):
    expect(["http://127.0.0.1:1/"])
    text = download.CONFIG.read_text()
    assert old in text
    download.CONFIG.write_text(text.replace(old, new))
    refused("data.yaml")


def test_the_official_mnist_digits_are_the_same_bits_everywhere():
    """Where they lie in the folder; nothing is downloaded for a test."""
    folder = os.environ.get(download.VARIABLE) or ROOT / download.settings()["folder"]
    if sum(len(list(ROOT.joinpath(folder).glob(pattern))) for pattern in ("*-ubyte*", "mnist/*-ubyte*")) < 4:
        pytest.skip(f"the official files are not in the folder that {download.VARIABLE} names")
    found = data.load("mnist")
    assert sha256(found.train.values.tobytes()) == "34cda70e796ebda6171d2490739945a8171d32fa6ed0408126242d5fef968213"
    assert sha256(found.test.values.tobytes()) == "abe9c764b9b20707192ee111b9a2c79fec3086df6faa12fac7a2a3cd2ca5f78c"
