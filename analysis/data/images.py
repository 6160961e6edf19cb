"""Pictures in a folder of one's own, as a person sees them and on one scale; or one line says which file, and why not.

    level = level in the file x white of the folder / white of the file

Orientation tags are obeyed. Palettes and other spaces of colour become R, G and B. Transparency is composed on white:
colours that nobody sees are no data. Hidden files are passed over, any other file that is no picture is refused.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

AS_SEEN = "pictures as they are seen: turned as their tags say, transparency composed on white"
# Pillow's modes with levels of a stated white: words and that white. Levels of I and F mean what their author meant.
_SCALES = {"1": ("black and white", 1), "L": ("8-bit grey", 255), "RGB": ("8-bit colours", 255)}
_SCALES |= {mode: ("16-bit grey", 65535) for mode in ("I;16", "I;16L", "I;16B")}


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Errors in words: OSError where there is no access to a file that may be whole, ValueError where it is damaged."""
    try:
        yield
    except MemoryError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"dataset/path: found nothing at {path}, expected a file or folder; correct it") from error
    except Exception as error:  # what decodes bytes of any kind raises errors of any kind
        why = " ".join(str(error).split())[:160]
        if isinstance(error, OSError) and error.errno is not None:
            raise type(error)(
                f"{path}: found no access to it ({error.strerror or why}), expected to read it, for it may be whole; "
                "see who may read it, or has it open, or copy it to another disk"
            ) from error
        why = "no format that Pillow knows" if isinstance(error, UnidentifiedImageError) else why
        raise ValueError(f"{path.name}: found a file that can't be read ({why}), expected {expected}") from error


def files(path: Path, in_folders: bool) -> list[Path]:
    """The files that are read, sorted: the pictures of a folder, or of the folders in it; else the one file."""
    with reading(path, "a file or folder"):
        if not path.is_dir():
            return [path]
        return [p for k in _visible(path) if k.is_dir() for p in _visible(k)] if in_folders else _visible(path)


def pictures(path: Path, in_folders: bool) -> np.ndarray:
    """Levels (n_pictures, rows, columns) or (n_pictures, rows, columns, 3) of a folder; white is 1, 255 or 65535.

    Levels of 32 bits, whose white no one states, stay as they are, where all pictures have them. Raises ValueError for
    what is no whole picture of the others' size and kind, OSError for what may not be read.
    """
    names = files(path, in_folders)
    if not names:
        raise ValueError(f"{path.name}: found no pictures in it, expected a folder of them; see dataset/labels")
    read = [_picture(file) for file in names]
    first, what, white = read[0]
    for file, (levels, kind, level) in zip(names, read):
        found, expected = kind, what
        if levels.shape[:2] != first.shape[:2]:
            found, expected, remedy = (*(f"{k.shape[0]}x{k.shape[1]} pixels" for k in (levels, first)), "crop it")
        elif levels.ndim != first.ndim:
            remedy = "save all in grey, or all in colours"
        elif kind != what and None in (level, white):
            remedy = "save all with one depth"
        else:
            continue
        raise ValueError(f"{file.name}: found {found}, expected {expected}, as in {names[0].name}; {remedy}")
    if white is None:
        return np.stack([levels for levels, _, _ in read])
    highest = max(level for _, _, level in read)
    kind = np.min_scalar_type(highest)
    return np.stack([levels.astype(kind) * kind.type(highest // level) for levels, _, level in read])


def _visible(folder):
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def _picture(file):
    """Levels of a picture, what they are in words, and which of them is white: None where no one says."""
    if file.is_dir():
        raise ValueError(
            f"{file.name}: found a folder, expected pictures alone; labels: folders reads those in folders"
        )
    with reading(file, "a whole picture of one frame; save it as one, or move it away"):
        with Image.open(io.BytesIO(file.read_bytes())) as stored:
            n_frames, tags = getattr(stored, "n_frames", 1), getattr(stored, "tag_v2", {})
            if n_frames > 1 and stored.format != "MPO":  # further frames of a camera's JPEG are previews
                raise ValueError(f"it has {n_frames} frames")
            if stored.mode not in ("1", "L") and tags.get(262) == 0:  # of few bits Pillow turns them itself
                raise ValueError(f"a TIFF of {tags.get(258, ('',))[0]} bits in which 0 is white")
            is_deep = stored.format == "PPM" and stored.mode == "I"  # Pillow stretches these to 65535
            picture = _as_seen(stored)
        other = f"levels of mode {picture.mode} and {tags.get(258, ('unknown',))[0]} bits, whose white nothing states"
        return np.asarray(picture), *_SCALES.get("I;16" if is_deep else picture.mode, (other, None))


def _as_seen(picture):
    """The picture upright, on white, in a mode for grey levels or in RGB."""
    picture.load()
    try:
        picture.getexif()
    except Exception as error:  # of any kind, as above
        raise ValueError("a damaged EXIF block, which may say what is up") from error
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        if picture.mode.startswith("I"):
            raise ValueError("a transparent level of 16 bits")
        seen = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        return seen.getchannel("R") if picture.mode in ("1", "L", "LA") else seen.convert("RGB")
    return picture if picture.mode in (*_SCALES, "I", "F") else picture.convert("RGB")
