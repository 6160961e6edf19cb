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
    except Exception as error:  # what decodes bytes of any kind raises errors of any kind
        if isinstance(error, MemoryError):
            raise
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = error.filename or str(path)
            raise
        why = " ".join(str(error).split())[:160]
        raise ValueError(f"{path.name}: found a file that can't be read ({why}), expected {expected}") from error


def pictures(names: list[Path]) -> np.ndarray:
    """Levels (n_pictures, rows, columns) or (n_pictures, rows, columns, 3) of picture files, as they are stored.

    Raises ValueError for what is no whole picture of the others' size and kind, OSError for what may not be read.
    """
    read = [_picture(file) for file in names]
    kinds = [f"levels {levels.shape} of {levels.dtype}" for levels in read]
    for file, kind in zip(names, kinds):
        if kind != kinds[0]:
            remedy = "crop them, or save all in one depth, and all in grey or all in colours"
            raise ValueError(f"{file.name}: found {kind}, expected {kinds[0]}, as in {names[0].name}; {remedy}")
    return np.stack(read)


def _picture(file):
    """Levels of a picture, upright, on white: grey ones of the depth stored, or 8 bits of R, G and B."""
    with reading(file, "a whole picture of one frame; save it as one, or move it away"), Image.open(file) as stored:
        n_frames, tags = getattr(stored, "n_frames", 1), getattr(stored, "tag_v2", {})
        if n_frames > 1 and stored.format != "MPO":  # further frames of a camera's JPEG are previews
            raise ValueError(f"it has {n_frames} frames")
        if stored.mode not in ("1", "L") and tags.get(262) == 0:  # of few bits Pillow turns them itself
            raise ValueError(f"a TIFF of {tags.get(258, ('',))[0]} bits in which 0 is white")
        picture = ImageOps.exif_transpose(stored)
        is_grey = Image.getmodebase(picture.mode) == "L"
        if picture.has_transparency_data:
            if picture.mode.startswith("I"):
                raise ValueError("a transparent level of 16 bits")
            on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
            return np.asarray(on_white.convert("L" if is_grey else "RGB"))
        return np.asarray(picture if is_grey else picture.convert("RGB"))
