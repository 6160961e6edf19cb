"""Data files: from a mirror or a folder, whole and right or not at all. The mirror is a server on this machine."""

import functools
import gzip
import hashlib
import http.server
import io
import os
import re
import subprocess
import sys
import tarfile
import threading
import time

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


# ---- small files of the formats, and a server that gives them -------------------------------------------------------


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


def tar(members, link=None):
    """A tar.gz of members by name; link: name of one more, a symbolic link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return made.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Files by URL path. `cut` ends a connection after so many bytes of a file.

    delay: seconds before an answer; pause: bytes of a file after which it waits until told to `go_on`.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.asked = {}, {}, []
        self.delay, self.pause, self.go_on = 0.0, {}, threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        time.sleep(server.delay)
        content = server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content is None:
            return
        self.wfile.write(content[: server.pause.get(self.path, server.cut.get(self.path))])
        if self.path in server.pause:
            server.go_on.wait(30)
            self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(download.VARIABLE, str(tmp_path / "files"))
    monkeypatch.setattr(download, "CONFIG", tmp_path / "data.yaml")
    monkeypatch.setattr(official, "CIFAR10_N_PATCHES", {"train": 500, "test": 100})
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


def give_archive(server, members=None, link=None):
    """Have the server give an archive, and expect it."""
    archive = tar(members or MEMBERS, link)
    server.files[f"/{ARCHIVE}"] = archive
    expect([server.url], archive=archive)
    return archive


def put(folder, files=None, compress=gzip.compress, ending=".gz"):
    """MNIST's files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for content, name in zip((files or mnist_files()).values(), NAMES):
        (folder / (name.removesuffix(".gz") + ending)).write_bytes(compress(content))


def in_folder(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(message, error=ValueError, name="cifar10"):
    """Loading ends with one line that holds the message and says what was found, what was expected, and what to do."""
    with pytest.raises(error) as caught:
        data.load(name)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert re.search("found .*expected ", text)
    return text


def another_process(code, **how):
    """Python that runs the code under this config and folder."""
    code = f"import sys; from pathlib import Path; from analysis.data import download\n{code}"
    code = code.replace("download\n", "download; download.CONFIG = Path(sys.argv[1])\n", 1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, str(download.CONFIG)], env=environment, text=True, **how)


# ---- what arrives ---------------------------------------------------------------------------------------------------


def test_mnist_from_a_mirror_is_cropped_and_binary_at_the_mean_of_the_training_digits(server, folder):
    files = mnist_files()
    server.files = {f"/{name}": gzip.compress(files[key]) for name, key in zip(NAMES, KEYS)}
    expect([server.url])
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


def test_cifar10_is_read_out_of_the_archive_as_discs_of_the_images_above_their_median(server, folder):
    archive = give_archive(server)
    found = data.load("cifar10")
    images = [
        np.frombuffer(k, np.uint8).reshape(4, 3073)[:, 1:].reshape(4, 3, 32, 32).astype(int).sum(1) for k in RECORDS
    ]
    train, test = np.concatenate(images[:5]), images[5]
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
    assert in_folder(folder) == [ARCHIVE]  # nothing was unpacked
    assert str(folder) not in str(found.attrs)
    sets._load.cache_clear()
    assert data.load("cifar10").identical(found)
    assert server.asked == [f"/{ARCHIVE}"]


# ---- files that are there already -----------------------------------------------------------------------------------


def again(content):
    return gzip.compress(content, compresslevel=1, mtime=5)


@pytest.mark.parametrize("inner", ["", "mnist"])
@pytest.mark.parametrize(
    ("compress", "ending"), [(gzip.compress, ".gz"), (again, ".gz"), (bytes, ""), (bytes, ".gz"), (again, "")]
)
def test_files_in_the_folder_are_read_compressed_or_not_without_network(folder, compress, ending, inner):
    put(folder / inner, compress=compress, ending=ending)
    expect(["http://127.0.0.1:1/"])  # nobody answers there
    before = {path: path.stat().st_mtime_ns for path in (folder, *(folder / inner).iterdir())}
    assert data.load("mnist").sizes["pattern"] == 60
    assert {path: path.stat().st_mtime_ns for path in (folder, *(folder / inner).iterdir())} == before


def test_the_folder_of_the_config_lies_in_the_repository(folder, monkeypatch, tmp_path):
    expect([])
    monkeypatch.delenv(download.VARIABLE)
    monkeypatch.setattr(download, "ROOT", tmp_path)
    put(tmp_path / "data" / "raw")
    assert data.load("mnist").sizes["pattern"] == 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found content of SHA-256 e3b0c442"),
        (gzip.compress(mnist_files()["train_images"])[:-500], "found damaged gzip (Compressed file ended before"),
        (gzip.compress(mnist_files()["train_images"])[:10] + 99 * b"\xff", "found damaged gzip (Error -3 while"),
        (mnist_files()["test_images"], "found content of SHA-256"),
    ],
)
def test_a_wrong_file_in_the_folder_is_refused_and_left_alone(server, folder, content, message):
    put(folder)
    (folder / NAMES[0]).write_bytes(content)
    expect([server.url])
    refused(message, name="mnist")
    assert (folder / NAMES[0]).read_bytes() == content
    assert server.asked == []


def test_a_directory_or_a_dangling_link_in_a_files_place_is_refused(server, folder):
    give_archive(server)
    (folder / ARCHIVE).mkdir(parents=True)
    refused("found a directory, expected a file of SHA-256")
    (folder / ARCHIVE).rmdir()
    (folder / ARCHIVE).symlink_to("nowhere")
    refused("found no regular file, expected a file of SHA-256")
    assert server.asked == []


# ---- downloads that go wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [lambda k: k[:-1], lambda k: b"", lambda k: k[:99] + b"?" + k[100:], lambda k: k + b"x"]
)
def test_a_truncated_or_corrupted_file_is_refused_and_the_next_mirror_asked(server, folder, change):
    archive = give_archive(server)
    server.files[f"/{ARCHIVE}"] = change(archive)
    refused(f"{ARCHIVE}: ")
    assert in_folder(folder) == []
    server.files[f"/good/{ARCHIVE}"] = archive
    expect([server.url, server.url + "good/"], archive=archive)
    data.load("cifar10")
    assert (folder / ARCHIVE).read_bytes() == archive
    assert in_folder(folder) == [ARCHIVE]


def test_a_connection_that_breaks_leaves_nothing_and_the_next_mirror_is_asked(server, folder):
    archive = give_archive(server)
    server.cut[f"/{ARCHIVE}"] = 50_000
    refused("none of 1 mirrors gave it")
    assert in_folder(folder) == []
    server.files |= {f"/gone/{ARCHIVE}": None, f"/good/{ARCHIVE}": archive}
    mirrors = [server.url, server.url + "gone/", "http://127.0.0.1:1/", server.url + "good/"]
    expect(mirrors, archive=archive)
    data.load("cifar10")
    assert server.asked[1:] == [f"/{ARCHIVE}", f"/gone/{ARCHIVE}", f"/good/{ARCHIVE}"]


def test_a_file_that_no_mirror_gives_is_refused_with_each_reason(server, folder):
    expect([server.url, "http://127.0.0.1:1/", "http://[/"])
    text = refused("none of 3 mirrors gave it")
    for reason in (f"{server.url}{ARCHIVE}: 404", "Connection refused", "Failed to parse"):
        assert reason in text
    assert in_folder(folder) == []


def test_two_processes_at_once_make_one_good_file(server, folder):
    archive = give_archive(server)
    server.delay = 1.0  # seconds, in which the other process comes to ask too
    code = f"print(download.fetch('cifar10', '{ARCHIVE}').name)"
    both = [another_process(code, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [ARCHIVE] * 2
    assert (folder / ARCHIVE).read_bytes() == archive
    assert in_folder(folder) == [ARCHIVE]


def test_a_killed_download_leaves_no_file_under_the_final_name_and_the_next_clears_up(server, folder):
    archive = give_archive(server)
    server.pause[f"/{ARCHIVE}"] = 50_000
    process = another_process(f"download.fetch('cifar10', '{ARCHIVE}')")
    while not (folder.exists() and any(path.stat().st_size for path in folder.iterdir())):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    server.go_on.set()
    assert ARCHIVE not in in_folder(folder)
    server.pause.clear()
    data.load("cifar10")
    assert (folder / ARCHIVE).read_bytes() == archive
    assert in_folder(folder) == [ARCHIVE]


@pytest.mark.parametrize("place", ["folder", "file"])
def test_no_access_is_no_damage(server, folder, monkeypatch, place):
    archive = give_archive(server)
    folder.mkdir()
    if place == "file":
        (folder / ARCHIVE).write_bytes(archive)

    def denied(path, *_, **__):  # root may read and write everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(download, "open", denied, raising=False)
    monkeypatch.setattr(download, "whole", denied)
    assert "move it away" not in refused("found Permission denied at", PermissionError)
    assert server.asked == []


def test_a_file_in_the_folders_place_is_refused(server, folder):
    give_archive(server)
    folder.write_text("not a folder")
    refused("found File exists at", FileExistsError)


def test_a_full_disk_is_one_line_and_leaves_nothing(server, folder):
    give_archive(server)
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        f"try:\n    download.fetch('cifar10', '{ARCHIVE}')\nexcept OSError as error:\n    print(error)"
    )
    said, _ = another_process(code, stdout=subprocess.PIPE).communicate()
    assert re.fullmatch("data file: found File too large at .*, expected a folder .*; .*\n", said), said
    assert in_folder(folder) == []


# ---- files of the wrong content, though of the checksum that the config says ---------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_images": idx(60, 12, 12, magic=0x0801)},
            "found 00000801 at its start, expected the magic number 00000",
        ),
        ({"train_images": b""}, "found nothing at its start, expected the magic number 00000803"),
        ({"train_images": idx(60, 12, 12)[:10]}, "found 00000803 at its start"),
        ({"test_labels": idx(20, 1, 1)}, "expected the magic number 00000801"),
        (
            {"train_images": idx(60, 12, 12)[:-1]},
            "found 8,639 bytes after the header, expected 8,640 of an array (60, 12, 12)",
        ),
        ({"train_labels": idx(60) + b"x"}, "found 61 bytes after the header, expected 60 of an array (60,)"),
        ({"train_labels": idx(59)}, "found 60 train images and 59 labels"),
        ({"test_images": idx(0, 12, 12), "test_labels": idx(0)}, "found 0 test images and 0 labels"),
        ({"test_images": idx(20, 12, 13)}, "found images (60, 12, 12) to train and (20, 12, 13) to test"),
        ({"train_images": idx(60, 8, 8), "test_images": idx(20, 8, 8)}, "expected one size, above 8"),
    ],
)
def test_mnist_files_that_contradict_themselves_or_each_other_are_refused(folder, changes, message):
    files = mnist_files(**changes)
    put(folder, files)
    expect([], files)
    refused(message, name="mnist")


FIRST, *REST = MEMBERS


@pytest.mark.parametrize(
    ("members", "link", "message"),
    [
        ({name: MEMBERS[name] for name in REST}, FIRST, "found 0 bytes of cifar-10-batches-bin/data_batch_1.bin"),
        ({name: MEMBERS[name] for name in REST[:3]}, None, "found 0 bytes of cifar-10-batches-bin/data_batch_1.bin"),
        (MEMBERS | {FIRST: b"short"}, None, "found 5 bytes of cifar-10-batches-bin/data_batch_1.bin"),
        ({name.rpartition("/")[2]: MEMBERS[name] for name in MEMBERS}, None, "found 0 bytes of cifar-10-batches-bin/"),
    ],
)
def test_archives_of_other_members_are_refused_and_nothing_is_unpacked(server, folder, members, link, message):
    give_archive(server, members, link)
    refused(message)
    assert in_folder(folder) == [ARCHIVE]


@pytest.mark.parametrize("content", [b"", b"no archive", tar(MEMBERS)[:-30_000], tarfile.TarInfo("x").tobuf()[:300]])
def test_what_is_no_archive_is_refused(server, folder, content):
    server.files[f"/{ARCHIVE}"] = content
    expect([server.url], archive=content)
    refused(f"{ARCHIVE}: found ")


def test_more_patches_than_there_are_are_refused(server, folder, monkeypatch):
    give_archive(server)
    monkeypatch.setitem(official.CIFAR10_N_PATCHES, "test", 145)
    refused("found 144 patches to test, expected 145")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mirrors:", "mirror:"),
        ("http://127.0.0.1:1/", "file:///etc/"),
        (f"{ARCHIVE}: ", f"../{ARCHIVE}: "),
        (f"{ARCHIVE}: ", f"{ARCHIVE}: 0"),
        (f"{ARCHIVE}: ", "other.tar.gz: "),
        ("folder: ", "folder: ["),
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


def test_the_config_of_the_project_names_the_official_files(monkeypatch):
    made = download.settings()
    assert list(made["mnist"]["files"]) == NAMES
    assert list(made["cifar10"]["files"]) == [ARCHIVE]
    assert min(len(made[name]["mirrors"]) for name in ("mnist", "cifar10")) >= 2


def test_the_official_mnist_digits_are_the_same_bits_everywhere():
    """Where they lie in the folder; nothing is downloaded for a test."""
    folder = os.environ.get(download.VARIABLE) or ROOT / download.settings()["folder"]
    if sum(len(list(ROOT.joinpath(folder).glob(pattern))) for pattern in ("*-ubyte*", "mnist/*-ubyte*")) < 4:
        pytest.skip(f"the official files are not in the folder that {download.VARIABLE} names")
    found = data.load("mnist")
    assert sha256(found.train.values.tobytes()) == "34cda70e796ebda6171d2490739945a8171d32fa6ed0408126242d5fef968213"
    assert sha256(found.test.values.tobytes()) == "abe9c764b9b20707192ee111b9a2c79fec3086df6faa12fac7a2a3cd2ca5f78c"
