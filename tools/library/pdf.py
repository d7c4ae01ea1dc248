"""PDF to text, page by page, and a page as a picture with the quoted words marked. Runs in the child process."""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from tools.library.load import Limits, Loaded, LoadError, title_of

_CJK = re.compile(r"[ぁ-ヿ一-鿿㐀-䶿々ー、。，．！？「」『』（）]")
_ENDS = re.compile(r"[.!?:;。！？：」』）]$")
_STARTS = re.compile(r"^(?:[•●○■□◆◇▪・‣–—*-]\s*|\(?\d{1,3}[.)）]\s+|第[0-9一二三四五六七八九十]+[章節条])")
_WASTE = re.compile(r"[\ufffe\uffff\u00ad\x02]\n?|[\x00-\x08\x0b-\x1f]")
"""What PDFium gives for a hyphen at the end of a line, and control characters of broken fonts."""
_PIXELS = 12_000_000
_DULL = re.compile(
    r"^(?:untitled|microsoft\s+(?:word|powerpoint|excel)\b.*|.*\.(?:docx?|pptx?|indd|tex|dvi|pdf))$", re.I
)


def read_pdf(data: bytes, path: Path, limits: Limits) -> Loaded:
    """The text of all pages. Raises `LoadError` for a PDF that is encrypted, damaged, too long or without text."""
    document = _open(data)
    try:
        if len(document) > limits.pages:
            raise LoadError(f"The PDF has {len(document)} pages, the limit is {limits.pages}: split it.")
        pages = [_lines(document, number) for number in range(len(document))]
        named = str(document.get_metadata_value("Title") or "").strip()
    finally:
        document.close()
    furniture = _furniture(pages)
    texts: list[str] = []
    starts: list[int] = []
    length = 0
    for lines in pages:
        text = reflow([line for line in lines if _key(line) not in furniture])
        starts.append(length)
        texts.append(text + "\n\n")
        length += len(texts[-1])
        if length > limits.characters:
            raise LoadError(f"The PDF holds more than {limits.characters:,} characters of text: split it.")
    whole = "".join(texts)
    if not whole.strip():
        raise LoadError(
            "No text was found: the pages are pictures (a scan?). Run it through OCR, for example ocrmypdf, "
            "and index the result."
        )
    title = "" if _DULL.match(named) else unicodedata.normalize("NFKC", named)
    return Loaded(whole, title or title_of(path), "pdf", tuple(starts))


def reflow(lines: list[str]) -> str:
    """Lines of a page joined into paragraphs: a line goes on unless it ends short or a list begins."""
    lines = [line.strip() for line in lines]
    width = max((len(line) for line in lines), default=0)
    parts: list[str] = []
    for line, following in pairwise([*lines, ""]):
        if not line:
            continue
        parts.append(line)
        if line[-2:-1].isalpha() and line.endswith("-") and following[:1].islower():
            parts[-1] = line[:-1]
            continue
        short = len(line) < width * (0.8 if _ENDS.search(line) else 0.55)
        if not following or short or _STARTS.match(following):
            parts.append("\n\n")
        elif not (_CJK.match(line[-1]) and _CJK.match(following[0])):
            parts.append(" ")
    return "".join(parts).strip()


def page_png(data: bytes, page: int, highlight: str | None, scale: float) -> bytes | None:
    """A page (counted from 1) as PNG, `highlight` marked where it stands; None when there is no such page."""
    from PIL import Image, ImageChops, ImageDraw

    document = _open(data)
    try:
        if not 1 <= page <= len(document):
            return None
        sheet = document[page - 1]
        width, height = sheet.get_size()
        scale = min(scale, (_PIXELS / max(1.0, width * height)) ** 0.5)
        image = sheet.render(scale=scale).to_pil().convert("RGB")
        boxes = _boxes(sheet, highlight) if highlight else []
        if boxes:
            ink = Image.new("RGB", image.size, "white")
            draw = ImageDraw.Draw(ink)
            left, top = sheet.get_bbox()[0], sheet.get_bbox()[3]
            for x0, y0, x1, y1 in boxes:
                corners = [(x0 - left) * scale, (top - y1) * scale, (x1 - left) * scale, (top - y0) * scale]
                draw.rectangle([c + d for c, d in zip(corners, (-2, -2, 2, 2), strict=True)], fill="#ffe873")
            image = ImageChops.multiply(image, ink)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()
    finally:
        document.close()


def _open(data: bytes) -> Any:
    import pypdfium2
    from pypdfium2 import raw

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise LoadError("The PDF is encrypted: save a copy without a password and index that.") from error
        raise LoadError("The PDF is damaged and cannot be opened: export or download it again.") from error


def _text(sheet: Any) -> str:
    textpage = sheet.get_textpage()
    try:
        return str(textpage.get_text_range())
    finally:
        textpage.close()


def _lines(document: Any, number: int) -> list[str]:
    import pypdfium2

    try:
        sheet = document[number]
    except pypdfium2.PdfiumError:  # one broken page does not cost the others
        return []
    try:
        raw = _WASTE.sub("", _text(sheet).replace("\r\n", "\n").replace("\r", "\n"))
    finally:
        sheet.close()
    return unicodedata.normalize("NFKC", raw).split("\n")


def _key(line: str) -> str:
    """A line without its page number."""
    return re.sub(r"\d+", "#", line.strip())


def _furniture(pages: list[list[str]]) -> frozenset[str]:
    """Headers and footers: first and last lines that come back on most pages, page numbers aside."""
    if len(pages) < 3:
        return frozenset()
    edges: Counter[str] = Counter()
    for page in pages:
        filled = [line for line in page if line.strip()]
        edges.update({_key(line) for line in (filled[:2] + filled[-2:])})
    return frozenset(key for key, n in edges.items() if key and n >= max(3, len(pages) * 0.6))


def _boxes(sheet: Any, quote: str) -> list[tuple[float, float, float, float]]:
    """Rectangles (left, bottom, right, top, in points) of the lines in which `quote` stands; white space is ignored."""
    textpage = sheet.get_textpage()
    try:
        squeezed: list[str] = []
        places: list[int] = []
        for index in range(textpage.count_chars()):
            for char in unicodedata.normalize("NFKC", _WASTE.sub("", textpage.get_text_range(index, 1))):
                if not char.isspace():
                    squeezed.append(char.casefold()[:1] or char)
                    places.append(index)
        wanted = [c.casefold()[:1] or c for c in unicodedata.normalize("NFKC", quote) if not c.isspace()]
        start = "".join(squeezed).find("".join(wanted)) if wanted else -1
        if start < 0:
            return []
        return _merged([textpage.get_charbox(i) for i in places[start : start + len(wanted)]])
    finally:
        textpage.close()


def _merged(boxes: list[tuple[float, float, float, float]]) -> list[tuple[float, float, float, float]]:
    lines: list[tuple[float, float, float, float]] = []
    for left, bottom, right, top in boxes:
        if right <= left or top <= bottom:
            continue
        if lines:
            x0, y0, x1, y1 = lines[-1]
            same_line = min(top, y1) - max(bottom, y0) > 0
            if same_line and left >= x0 - 1:
                lines[-1] = (x0, min(y0, bottom), max(x1, right), max(y1, top))
                continue
        lines.append((left, bottom, right, top))
    return lines
