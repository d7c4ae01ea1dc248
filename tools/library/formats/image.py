"""Pictures: the text that can be seen on them."""

from __future__ import annotations

import io
import warnings
from typing import Any

from tools.library.formats import ocr
from tools.library.formats.blocks import Blocks
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, title_of

_SIDE = 2600
"""Pixels of the longer side that are looked at; photographs have more, letters on them are large enough."""


def read_image(source: Source) -> Loaded:
    """The text of a PNG, JPEG, TIFF (all pages), WebP, GIF or BMP file. Raises `LoadError` when there is none."""
    from PIL import Image, UnidentifiedImageError

    limits = source.limits
    if not ocr.available():
        raise LoadError(ocr.MISSING)
    blocks = Blocks(source)
    unread = ""
    try:
        with warnings.catch_warnings(action="ignore"):
            image = Image.open(io.BytesIO(source.data))
        if image.width * image.height > limits.pixels:
            raise LoadError(
                f"The picture has {image.width * image.height / 1e6:,.0f} million pixels, "
                f"the limit is {limits.pixels / 1e6:.0f} million: save it smaller."
            )
        frames = min(getattr(image, "n_frames", 1), limits.scanned + 1) if image.format == "TIFF" else 1
        for number in range(min(frames, limits.scanned)):
            image.seek(number)
            if image.width * image.height > limits.pixels or min(image.size) * 50 < max(image.size):
                continue
            blocks.page()
            prepared = _prepared(image)
            source.scanning(number, frames)
            blocks.markdown(ocr.text_of(prepared))
        if frames > limits.scanned:
            unread = f"Only the first {limits.scanned} pages were read: split the file."
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise LoadError("The picture is damaged and cannot be opened: save it again.") from error
    except Image.DecompressionBombError as error:
        raise LoadError("The picture has too many pixels: save it smaller.") from error
    if not blocks.text().strip():
        raise LoadError("No text was found in the picture.")
    pages = tuple(blocks.pages) if frames > 1 else ()
    return Loaded(blocks.text(), title_of(source.path), "image", pages, unread)


def _prepared(image: Any) -> Any:
    """Upright, on white where it is transparent, of a size that is good for recognition."""
    from PIL import Image, ImageOps

    image.draft("RGB", (_SIDE, _SIDE))
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    elif image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = image.convert("F").point(lambda value: value / 256).convert("L")
    image = image.convert("RGB")
    image.thumbnail((_SIDE, _SIDE))
    return image
