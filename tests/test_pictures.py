"""A folder of pictures is read as a person sees it; or one line names the file, and says what to do."""

import struct

import numpy as np
import pytest
from PIL import Image

from analysis.data import images, own

HALF = np.zeros((8, 8), bool)
HALF[:4] = True  # white above, black below, whatever the depth
RULE = {"binarise": "mean", "split": {"test_fraction": 0.25, "seed": 0}}


def pgm(path, levels):
    path.with_suffix(".pgm").write_bytes(b"P5 %d %d 65535\n" % levels.shape[::-1] + levels.astype(">u2").tobytes())


def white_is_zero(path):
    """A TIFF of 16 bits, marked as one in which 0 is white."""
    Image.fromarray(HALF.astype(np.uint16) * 65535).save(path.with_suffix(".tif"))
    content, tag = path.with_suffix(".tif").read_bytes(), struct.pack("<HHI", 262, 3, 1)
    path.with_suffix(".tif").write_bytes(content.replace(tag + b"\1", tag + b"\0"))


def grey(levels, *bands):
    return Image.merge("LA", [Image.fromarray(np.asarray(k, np.uint8)) for k in (levels, *bands)])


# how the same half white picture is saved
KINDS = {
    "1": lambda path: Image.fromarray(HALF).save(path),
    "8": lambda path: Image.fromarray(HALF.astype(np.uint8) * 255).save(path),
    "8 of TIFF": lambda path: Image.fromarray(HALF.astype(np.uint8) * 255).save(path.with_suffix(".tif")),
    "16": lambda path: Image.fromarray(HALF.astype(np.uint16) * 65535).save(path),
    "16 of TIFF": lambda path: Image.fromarray(HALF.astype(np.uint16) * 65535).save(path.with_suffix(".tif")),
    "16 of PGM": lambda path: pgm(path, HALF * 65535),
    "transparent": lambda path: grey(np.zeros((8, 8)), ~HALF * 255).save(path),  # black ink, where it is seen
    "float": lambda path: Image.fromarray(HALF.astype(np.float32)).save(path.with_suffix(".tif")),
    "RGB": lambda path: Image.fromarray(HALF.astype(np.uint8) * 255).convert("RGB").save(path),
    "CMYK": lambda path: Image.fromarray(HALF).convert("L").convert("CMYK").save(path.with_suffix(".tif")),
    "palette": lambda path: Image.fromarray(HALF.astype(np.uint8) * 255).convert("P").save(path),
    "white is 0": white_is_zero,
    "16 with a hole": lambda path: Image.fromarray(HALF.astype(np.uint16) * 65535).save(path, transparency=0),
    "damaged EXIF": lambda path: Image.new("L", (8, 8)).save(path, exif=b"Exif\0\0no tags"),
    "2 frames": lambda path: Image.new("L", (8, 8)).save(
        path, save_all=True, append_images=[Image.new("L", (8, 8), 9)]
    ),
}


def folder(path, *kinds):
    for k, kind in enumerate(kinds):
        KINDS[kind](path / f"{k}.png")
    return path


def read(path):
    return images.pictures(own.files({"path": str(path)}))


@pytest.mark.parametrize(("tag", "turns"), [(3, 2), (6, -1), (8, 1)])
@pytest.mark.parametrize(("ending", "shape"), [("png", (3, 5)), ("tif", (3, 5, 3))])
def test_pictures_stand_as_their_tag_says(tmp_path, tag, turns, ending, shape):
    levels, exif = np.random.default_rng(tag).integers(0, 256, shape, np.uint8), Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(levels).save(tmp_path / f"0.{ending}", exif=exif)
    np.testing.assert_array_equal(read(tmp_path)[0], np.rot90(levels, turns))


@pytest.mark.parametrize("kinds", [("1",), ("8", "8 of TIFF", "transparent"), ("16", "16 of TIFF"), ("16 of PGM",)])
def test_grey_pictures_of_one_depth_are_read_as_they_are_stored(tmp_path, kinds):
    found = read(folder(tmp_path, *kinds))
    assert (found == HALF * {"1": 1, "8": 255}.get(kinds[0], 65535)).all()


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (("8", "float"), r"1.tif: found 8 rows of 8 pixels, grey, float32, expected 8 .* uint8, as in .*/0.png"),
        (("8", "16"), "1.png: found 8 rows of 8 pixels, grey, uint16, expected .* grey, uint8, as in .*/0.png; crop"),
        (("8", "1"), "1.png: found .* grey, bool, expected .* grey, uint8"),
        (("8", "RGB"), "1.png: found 8 .* RGB, uint8, .* or save all in one depth, and all in grey or"),
        (("RGB", "CMYK", "palette", "16"), "3.png: found 8 rows"),
        (("16", "16 with a hole"), r"1.png: found a file that can't be read \(.* of 16 bits, .* a transparent level\)"),
        (("16", "white is 0"), r"1.tif: found a file that can't be read \(.* of 16 bits, 0 for white or"),
        (("8", "damaged EXIF"), r"1.png: found a file that can't be read \(not a TIFF file"),
        (("8", "2 frames"), r"1.png: found a file that can't be read \(it has several frames or.*\), expected a who"),
    ],
)
def test_pictures_of_no_common_kind_are_refused(tmp_path, kinds, message):
    with pytest.raises(ValueError, match=message):
        own.load({"path": str(folder(tmp_path, *kinds))} | RULE)


def test_colours_of_every_kind_are_read_as_red_green_and_blue(tmp_path):
    found = read(folder(tmp_path, "RGB", "CMYK", "palette"))
    assert (found == HALF[:, :, None] * 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white_and_never_its_colour(tmp_path, mode):
    levels = np.where(HALF, 7, 90).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P" if mode == "P" else mode)
    if mode != "P":
        picture.putalpha(Image.fromarray(np.where(HALF, 0, 255).astype(np.uint8)))
    picture.save(tmp_path / "0.png", **({"transparency": 7} if mode == "P" else {}))
    found = read(tmp_path)[0].reshape(8, 8, -1)
    assert (found == np.where(HALF, 255, 90)[:, :, None]).all()


def test_a_changed_an_added_a_renamed_and_a_removed_picture_are_noticed(tmp_path):
    rule, first, seen = {"path": str(folder(tmp_path, "1", "8"))} | RULE, tmp_path / "0.png", set()
    for change in (
        lambda: None,
        lambda: KINDS["16"](first),
        lambda: KINDS["1"](tmp_path / "7.png"),
        lambda: first.rename(tmp_path / "00.png"),
        lambda: (tmp_path / "00.png").unlink(),
    ):
        change()
        seen.add(own.signature(rule))
    assert len(seen) == 5
    assert own.files("digits") == own.files({"name": "digits"}) == []
    assert own.signature("digits") == ""
