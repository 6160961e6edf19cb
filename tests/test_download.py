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
from analysis.data import download, formats, patterns, sets
from analysis.experiment import config
from analysis.machine.randomness import bits

BYTES = bits(7, 0, 50_000).tobytes()  # pixels to make up images
NAMES = ("train-images.gz", "train-labels.gz", "test-images.gz", "test-labels.gz")
KEYS = ("train_images", "train_labels", "test_images", "test_labels")


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
MEMBERS = dict(zip(formats.CIFAR10_FILES, RECORDS)) | {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}


def tar(members, link=None):
    """A tar.gz of members by name; link: name of one more, a symbolic link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return made.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Files by URL path. `cut` ends a connection after so many bytes of a file, once; `redirected` sends elsewhere.

    delay: seconds before an answer; pause: bytes of a file after which it waits, once, until told to `go_on`.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.redirected, self.asked, self.ranges = {}, {}, {}, [], True
        self.delay, self.pause, self.go_on = 0.0, {}, threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server, start = self.server, self.headers.get("Range")
        server.asked.append((self.path, start))
        time.sleep(server.delay)
        content = server.files.get(self.path)
        start = int(re.fullmatch(r"bytes=(\d+)-", start)[1]) if start and server.ranges else 0
        if self.path in server.redirected:
            return self.answer(302, {"Location": server.redirected[self.path]})
        if content is None:
            return self.answer(404)
        if start >= len(content) > 0:
            return self.answer(416)
        self.answer(206 if start else 200, {"Content-Length": len(content) - start})
        content = content[start : server.cut.pop(self.path, None)]
        if self.path in server.pause:
            n = server.pause.pop(self.path)
            self.wfile.write(content[:n])
            server.go_on.wait(30)
            self.close_connection = True
        else:
            self.wfile.write(content)

    def answer(self, status, headers=None):
        self.send_response(status)
        for name, value in (headers or {"Content-Length": 0}).items():
            self.send_header(name, str(value))
        self.end_headers()


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
    sets._load.cache_clear()
    yield tmp_path / "files"
    sets._load.cache_clear()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def expect(mirrors, mnist=None, archive=b""):
    """Write the config: these mirrors, the checksums of these contents."""
    mnist = mnist or mnist_files()
    files = {key: {"name": n, "sha256_uncompressed": sha256(mnist[key])} for key, n in zip(KEYS, NAMES)}
    cifar10 = {"mirrors": mirrors, "files": {"archive": {"name": "cifar.tar.gz", "sha256": sha256(archive)}}}
    cifar10 |= {"n_images": 4, "n_patches": {"train": 500, "test": 100}}
    made = {"folder": "data/raw", "mnist": {"mirrors": mirrors, "files": files}, "cifar10": cifar10}
    download.CONFIG.write_text(yaml.safe_dump(made))


def give_archive(server, members=None, link=None):
    """Have the server give an archive, and expect it."""
    archive = tar((members or MEMBERS).items() if not isinstance(members, list) else members, link)
    server.files["/cifar.tar.gz"] = archive
    expect([server.url], archive=archive)
    return archive


def put(folder, files=None, compress=gzip.compress, ending=".gz"):
    """MNIST's files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for (_, content), name in zip((files or mnist_files()).items(), NAMES):
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
    assert re.search("found .*expected .*; ", text)
    return text


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
        assert found[name].dtype == np.uint8
        labels = np.frombuffer(files[f"{name}_labels"], np.uint8, offset=8)
        np.testing.assert_array_equal(found[f"{name}_label"], labels)
        assert found[f"{name}_label"].dtype == np.int64
    assert f"{cropped[0].mean():.4f} of 255" in found.attrs["binarised"]
    assert in_folder(folder) == sorted(NAMES)


def test_cifar10_is_read_out_of_the_archive_as_discs_of_the_images_above_their_median(server, folder):
    give_archive(server)
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
        drawn = sets.choice(sets.derive(sets.PATCHES_SEED, "cifar10", name), len(candidates), n)
        np.testing.assert_array_equal(found[name], np.array(candidates)[drawn])
        assert found[name].dtype == np.uint8
    assert found.attrs["rows"] == found.attrs["columns"] == 5
    assert in_folder(folder) == ["cifar.tar.gz"]  # nothing was unpacked


@pytest.mark.parametrize("values", [[3, 1, 2], [4, 1, 2, 3], [0, 0, 765, 765], [7]])
def test_the_median_by_counting_is_the_median(values):
    assert patterns.median([np.array(values[:1], np.uint16), np.array(values[1:], np.uint16)], 765) == np.median(values)


def test_both_sets_say_where_they_come_from_and_can_be_saved(server, folder, tmp_path):
    put(folder)
    give_archive(server)
    for name in ("mnist", "cifar10"):
        dataset = data.load(name)
        for attribute in ("title", "source", "licence", "sha256", "sha256_of", "binarised", "split", "rows", "columns"):
            assert attribute in dataset.attrs
            assert str(tmp_path) not in str(dataset.attrs[attribute])
        assert len(dataset.attrs["sha256"]) == 64
        dataset.to_netcdf(tmp_path / "saved.nc", engine="h5netcdf")


# ---- files that are there already -----------------------------------------------------------------------------------


def again(content):
    return gzip.compress(content, compresslevel=1, mtime=5)


@pytest.mark.parametrize("inner", ["", "mnist"])
@pytest.mark.parametrize(
    ("compress", "ending"), [(gzip.compress, ".gz"), (again, ".gz"), (bytes, ""), (bytes, ".gz"), (again, "")]
)
def test_files_in_the_folder_are_used_compressed_or_not_without_network(folder, compress, ending, inner):
    put(folder / inner, compress=compress, ending=ending)
    expect(["http://127.0.0.1:1/"])  # nobody answers there
    assert data.load("mnist").sizes["pattern"] == 60


def test_a_file_that_is_there_is_not_asked_for_again(server, folder):
    give_archive(server)
    first = data.load("cifar10")
    sets._load.cache_clear()
    assert data.load("cifar10").identical(first)
    assert server.asked == [("/cifar.tar.gz", None)]


def test_a_folder_to_read_only_serves(folder):
    put(folder)
    expect([])
    before = {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())}
    data.load("mnist")
    assert {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())} == before


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
    (folder / "cifar.tar.gz").mkdir(parents=True)
    refused("found a directory, expected a file of SHA-256")
    (folder / "cifar.tar.gz").rmdir()
    (folder / "cifar.tar.gz").symlink_to("nowhere")
    refused("found no regular file, expected a file of SHA-256")
    assert server.asked == []


# ---- downloads that go wrong ----------------------------------------------------------------------------------------


def test_an_interrupted_download_asks_for_the_rest_only(server, folder):
    archive = give_archive(server)
    server.cut["/cifar.tar.gz"] = 50_000  # three chunks and a bit
    refused("try again, to go on after 49,152 bytes")
    assert in_folder(folder) == [".cifar.tar.gz.part"]
    data.load("cifar10")
    assert server.asked == [("/cifar.tar.gz", None), ("/cifar.tar.gz", "bytes=49152-")]
    assert in_folder(folder) == ["cifar.tar.gz"]
    assert (folder / "cifar.tar.gz").read_bytes() == archive


def test_the_next_mirror_goes_on_where_the_first_broke_off(server, folder):
    archive = give_archive(server)
    server.files |= {"/a/cifar.tar.gz": archive, "/b/cifar.tar.gz": archive}
    server.cut["/a/cifar.tar.gz"] = 2**14 + 1
    expect([server.url + "a/", server.url + "b/"], archive=archive)
    data.load("cifar10")
    assert server.asked == [("/a/cifar.tar.gz", None), ("/b/cifar.tar.gz", "bytes=16384-")]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("left", [b"something else", BYTES])
def test_a_partial_download_of_something_else_is_begun_anew(server, folder, left, ranges):
    archive = give_archive(server)
    server.ranges = ranges
    folder.mkdir()
    (folder / ".cifar.tar.gz.part").write_bytes(left)
    data.load("cifar10")
    assert (folder / "cifar.tar.gz").read_bytes() == archive
    assert in_folder(folder) == ["cifar.tar.gz"]


def test_a_whole_download_that_was_not_renamed_yet_is_taken(server, folder):
    archive = give_archive(server)
    folder.mkdir()
    (folder / ".cifar.tar.gz.part").write_bytes(archive)
    data.load("cifar10")
    assert (folder / "cifar.tar.gz").read_bytes() == archive


@pytest.mark.parametrize(
    "change", [lambda k: k[:-1], lambda k: b"", lambda k: k[:99] + b"?" + k[100:], lambda k: k + b"x"]
)
def test_a_truncated_or_corrupted_file_is_refused_and_the_next_mirror_asked(server, folder, change):
    archive = give_archive(server)
    server.files["/cifar.tar.gz"] = change(archive)
    refused("cifar.tar.gz: content of SHA-256")
    assert in_folder(folder) == []
    server.files["/good/cifar.tar.gz"] = archive
    expect([server.url, server.url + "good/"], archive=archive)
    data.load("cifar10")
    assert in_folder(folder) == ["cifar.tar.gz"]


def test_a_redirection_is_followed_and_one_in_a_circle_refused(server, folder):
    archive = give_archive(server)
    server.files = {"/elsewhere": archive}
    server.redirected = {"/cifar.tar.gz": "/cifar.tar.gz"}
    refused("Exceeded 30 redirects")
    server.redirected = {"/cifar.tar.gz": server.url + "elsewhere"}
    data.load("cifar10")
    assert (folder / "cifar.tar.gz").read_bytes() == archive


def test_a_file_absent_on_the_first_mirror_comes_from_the_second(server, folder):
    archive = give_archive(server)
    expect([server.url + "gone/", "http://127.0.0.1:1/", server.url], archive=archive)
    data.load("cifar10")
    assert [path for path, _ in server.asked] == ["/gone/cifar.tar.gz", "/cifar.tar.gz"]


def test_a_file_that_no_mirror_gives_is_refused_with_each_reason(server, folder):
    expect([server.url, "http://127.0.0.1:1/", "http://[/"])
    text = refused("none of 3 mirrors gave it")
    for reason in (f"{server.url}cifar.tar.gz: HTTP status 404", "Connection refused", "Failed to parse"):
        assert reason in text
    assert in_folder(folder) == []


def test_two_processes_at_once_make_one_good_file(server, folder):
    archive = give_archive(server)
    server.delay = 1.0  # seconds, in which the other process comes to ask too
    code = (
        "import sys; from pathlib import Path; from analysis import download; "
        "download.CONFIG = Path(sys.argv[1]); print(download.fetch('cifar10', 'archive').name)"
    )
    environment = {**os.environ, "PYTHONPATH": str(config.ROOT)}
    run = [sys.executable, "-c", code, str(download.CONFIG)]
    both = [subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["cifar.tar.gz"] * 2
    assert (folder / "cifar.tar.gz").read_bytes() == archive
    assert in_folder(folder) == ["cifar.tar.gz"]
    assert server.asked == [("/cifar.tar.gz", None)]


def test_a_killed_download_leaves_what_came_and_the_next_asks_for_the_rest_only(server, folder):
    archive = give_archive(server)
    server.pause["/cifar.tar.gz"] = 50_000
    code = (
        "import sys; from pathlib import Path; from analysis import download; "
        "download.CONFIG = Path(sys.argv[1]); download.fetch('cifar10', 'archive')"
    )
    environment = {**os.environ, "PYTHONPATH": str(config.ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code, str(download.CONFIG)], env=environment)
    part = folder / ".cifar.tar.gz.part"
    for _ in range(3000):
        if part.exists() and part.stat().st_size == 49_152:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    server.go_on.set()
    assert in_folder(folder) == [part.name]
    assert part.read_bytes() == archive[:49_152]
    download.fetch("cifar10", "archive")
    assert server.asked[1:] == [("/cifar.tar.gz", "bytes=49152-")]
    assert (folder / "cifar.tar.gz").read_bytes() == archive
    assert in_folder(folder) == ["cifar.tar.gz"]


def test_who_waited_for_a_download_finds_it_done_or_does_it(server, folder):
    archive = give_archive(server)
    path = folder / "cifar.tar.gz"
    for done in (True, False):
        with download._partial(path) as part:
            waiting = threading.Thread(target=download.fetch, args=("cifar10", "archive"))
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
            if done:
                part.write(archive)
                os.replace(part.name, path)
        waiting.join()
        assert path.read_bytes() == archive
        assert in_folder(folder) == ["cifar.tar.gz"]
        assert len(server.asked) == (0 if done else 1)
        path.unlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_files_and_folders_without_permission_are_refused(server, folder):
    archive = give_archive(server)
    folder.mkdir(mode=0o500)
    refused("found Permission denied at", PermissionError)
    folder.chmod(0o700)
    (folder / "cifar.tar.gz").write_bytes(archive)
    (folder / "cifar.tar.gz").chmod(0)
    refused("found Permission denied at", PermissionError)
    assert server.asked == []


def test_a_file_in_the_folders_place_is_refused(server, folder):
    give_archive(server)
    folder.write_text("not a folder")
    refused("found File exists at", FileExistsError)


def test_a_link_in_the_partial_downloads_place_is_not_written_through(server, folder, tmp_path):
    give_archive(server)
    folder.mkdir()
    (folder / ".cifar.tar.gz.part").symlink_to(tmp_path / "outside")
    refused("found Too many levels of symbolic links at", OSError)
    assert not (tmp_path / "outside").exists()


def test_a_full_disk_is_one_line_and_leaves_no_file_under_the_final_name(server, folder):
    give_archive(server)
    code = (
        "import resource, sys; from pathlib import Path\nfrom analysis.data import download, load\n"
        "download.CONFIG = Path(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n    load('cifar10')\nexcept OSError as error:\n    print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": str(config.ROOT)}
    run = [sys.executable, "-c", code, str(download.CONFIG)]
    done = subprocess.run(run, env=environment, capture_output=True, text=True)
    assert re.fullmatch("data file: found File too large at .*, expected a folder .*; .*\n", done.stdout), done.stderr
    assert in_folder(folder) in ([], [".cifar.tar.gz.part"])


# ---- files of the wrong content, though of the checksum that the config says ---------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_images": idx(60, 12, 12, magic=0x0801)},
            "found 00000801 at its start, expected the magic number 0000",
        ),
        ({"train_images": b""}, "found nothing at its start, expected the magic number 00000803 of MNIST's train im"),
        ({"train_images": idx(60, 12, 12)[:10]}, "found 00000803 at its start"),
        ({"test_labels": idx(20, 1, 1)}, "expected the magic number 00000801 of MNIST's test labels"),
        ({"train_images": idx(60, 12, 12)[:-1]}, "found 8,639 bytes after the header, expected 8,640 (60 x 12 x 12,"),
        ({"train_labels": idx(60) + b"x"}, "found 61 bytes after the header, expected 60 (60, as the header says)"),
        ({"train_labels": idx(59)}, "found 60 train images and 59 labels"),
        ({"test_images": idx(0, 12, 12), "test_labels": idx(0)}, "found 0 test images and 0 labels"),
        ({"test_images": idx(20, 12, 13)}, "found training images of (12, 12) and test images of (12, 13) pixels"),
        ({"train_images": idx(60, 8, 8), "test_images": idx(20, 8, 8)}, "expected one size of more than 8 pixels a"),
    ],
)
def test_mnist_files_that_contradict_themselves_or_each_other_are_refused(folder, changes, message):
    files = mnist_files(**changes)
    put(folder, files)
    expect([], files)
    refused(message, name="mnist")


LIST = list(MEMBERS.items())


@pytest.mark.parametrize(
    ("members", "link", "message"),
    [
        ([("../../outside", b"x"), *LIST], None, "found '../../outside', which points outside"),
        ([*LIST, ("/outside", b"x")], None, "found '/outside', which points outside"),
        (LIST, "cifar-10-batches-bin/link", "found 'cifar-10-batches-bin/link', which is neither a file nor a folder"),
        (LIST[1:], LIST[0][0], "data_batch_1.bin', which is neither a file nor a folder"),
        (
            LIST[:4],
            None,
            "found no cifar-10-batches-bin/data_batch_5.bin, cifar-10-batches-bin/test_batch.bin, expected",
        ),
        ([*LIST[1:], (LIST[0][0], b"short")], None, "data_batch_1.bin' of 5 bytes instead of 12,292"),
        ([*LIST, LIST[0]], None, "data_batch_1.bin' twice"),
        ([(name.rpartition("/")[2], content) for name, content in LIST], None, "found no cifar-10-batches-bin/data"),
    ],
)
def test_archives_of_other_members_are_refused_and_nothing_is_unpacked(
    server, folder, tmp_path, members, link, message
):
    give_archive(server, members, link)
    refused(message)
    assert in_folder(folder) == ["cifar.tar.gz"]
    assert in_folder(tmp_path) == ["data.yaml", "files"]


@pytest.mark.parametrize("content", [b"", b"no archive", tar(LIST)[:-30_000], tarfile.TarInfo("x").tobuf()[:300]])
def test_what_is_no_archive_is_refused(server, folder, content):
    server.files["/cifar.tar.gz"] = content
    expect([server.url], archive=content)
    refused("cifar.tar.gz: found ")


def test_more_patches_than_there_are_are_refused(server, folder):
    give_archive(server)
    text = download.CONFIG.read_text()
    download.CONFIG.write_text(text.replace("test: 100", "test: 145"))
    refused("found 144 patches to test, expected 145 or more; lower n_patches")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mirrors:", "mirror:"),
        ("http://127.0.0.1:1/", "file:///etc/"),
        ("name: cifar.tar.gz", "name: ../cifar.tar.gz"),
        ("name: cifar.tar.gz", "name: .hidden"),
        ("sha256: ", "sha256: 0"),
        ("sha256: ", "md5: "),
        ("n_images: 4", "n_images: 0"),
        ("folder: ", "folder: ["),
        ("train_labels:", "labels:"),
    ],
)
def test_a_config_of_data_that_makes_no_sense_is_refused(folder, old, new):
    expect(["http://127.0.0.1:1/"])
    text = download.CONFIG.read_text()
    assert old in text
    download.CONFIG.write_text(text.replace(old, new))
    refused("data.yaml: found ")


def test_the_config_of_the_project_is_right_and_names_the_official_files(monkeypatch):
    monkeypatch.delenv(download.VARIABLE, raising=False)
    for dataset, n_files in (("mnist", 4), ("cifar10", 1)):
        settings = download.settings(dataset)
        assert len(settings["files"]) == n_files
        assert len(settings["mirrors"]) >= 2
        assert all(url.startswith("https://") for url in settings["mirrors"])
    assert download._folder(download._config()) == config.ROOT / "data" / "raw"


def test_the_official_mnist_digits_are_the_same_bits_everywhere():
    """Where they lie in the folder; nothing is downloaded for a test."""
    made = download._config()
    candidates = (
        download._candidates(download._folder(made), "mnist", made["mnist"]["files"][key]["name"]) for key in KEYS
    )
    if not all(any(path.exists() for path in paths) for paths in candidates):
        pytest.skip(f"the official files are not in the folder that {download.VARIABLE} names")
    found = data.load("mnist")
    assert found.train.shape == (60_000, 400)
    assert found.test.shape == (10_000, 400)
    assert sha256(found.train.values.tobytes()) == "34cda70e796ebda6171d2490739945a8171d32fa6ed0408126242d5fef968213"
    assert sha256(found.test.values.tobytes()) == "abe9c764b9b20707192ee111b9a2c79fec3086df6faa12fac7a2a3cd2ca5f78c"
