"""Pictures in a folder of one's own, as a person sees them; or one line says which file, and why not.

Orientation tags are obeyed. Palettes and other spaces of colour become R, G and B. Transparency is composed on white:
colours that nobody sees are no data.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Errors in words: OSError where there is no access to a file that may be whole, ValueError where it is damaged."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"dataset/path: found nothing at {path}, expected a file or folder; correct it") from error
    except IsADirectoryError as error:
        expected = "pictures alone; move it away, or see dataset/labels"
        raise ValueError(f"{_named(path)}: found a folder among pictures, expected {expected}") from error
    except Exception as error:  # what decodes bytes of any kind raises errors of any kind
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise
        why = " ".join(str(error).split())[:160]
        raise ValueError(f"{_named(path)}: found a file that can't be read ({why}), expected {expected}") from error


def pictures(names: list[Path]) -> np.ndarray:
    """Levels (n_pictures, rows, columns[, 3]) of picture files, all of one size and kind, as they are stored."""
    read = [_picture(file) for file in names]
    kinds = [f"{len(x)} rows of {len(x[0])} pixels, {'RGB' if x.ndim == 3 else 'grey'}, {x.dtype}" for x in read]
    for file, kind in zip(names, kinds):
        if kind != kinds[0]:
            remedy = "crop them to one size, or save all in one depth, and all in grey or all in colours"
            raise ValueError(f"{_named(file)}: found {kind}, expected {kinds[0]}, as in {_named(names[0])}; {remedy}")
    return np.stack(read)


def _named(path):
    """With its folder, which may be a class that has pictures of the same names as another."""
    return f"{path.parent.name}/{path.name}"


def _picture(file):
    """Levels of a picture, upright, on white: grey ones of the depth stored, or 8 bits of R, G and B."""
    with reading(file, "a whole picture of one frame; save it as one, or move it away"), Image.open(file) as stored:
        has_frames = getattr(stored, "n_frames", 1) > 1 and stored.format != "MPO"  # those of a camera are previews
        is_turned = getattr(stored, "tag_v2", {}).get(262) == 0 and stored.mode not in ("1", "L")  # Pillow turns these
        has_hole = stored.has_transparency_data and stored.mode.startswith("I")
        if has_frames or is_turned or has_hole:
            raise ValueError("it has several frames or, of 16 bits, 0 for white or a transparent level")
        picture = ImageOps.exif_transpose(stored)
        is_grey = Image.getmodebase(picture.mode) == "L"
        if picture.has_transparency_data:
            on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
            return np.asarray(on_white.convert("L" if is_grey else "RGB"))
        return np.asarray(picture if is_grey else picture.convert("RGB"))
