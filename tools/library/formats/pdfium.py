"""What PDFium tells of a page: letters and their places, drawn rules, pictures."""

from __future__ import annotations

import ctypes
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from tools.library.formats.layout import WIDE, Rule, Span
from tools.library.load import LoadError

WASTE = re.compile(r"[\ufffe\uffff\u00ad]|[\x00-\x08\x0b-\x1f]")
"""Control characters of broken fonts, and hyphens that are shown at the end of a line only."""
_HYPHEN = re.compile(r"[\ufffe\uffff\u00ad\x02]\n?")
_PIXELS = 12_000_000
_SCAN_SIDE = 2000.0
"""Pixels of the longer side of a page that is recognised: 170 dpi for A4. More costs time and gains nothing."""
_RULES = 400
"""A page with more drawn lines is a drawing, not a table."""
_OBJECTS = 5000
_SPANS = 4000
"""A full page of a newspaper has a thousand."""


def opened(data: bytes) -> Any:
    """The document. Raises `LoadError` when it is encrypted or damaged."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise LoadError("The PDF is encrypted: save a copy without a password and index that.") from error
        raise LoadError("The PDF is damaged and cannot be opened: export or download it again.") from error


def plain_lines(sheet: Any) -> list[str]:
    """The lines of a page in the order of the file."""
    textpage = sheet.get_textpage()
    try:
        text = str(textpage.get_text_range())
    finally:
        textpage.close()
    text = WASTE.sub("", _HYPHEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return unicodedata.normalize("NFKC", text).split("\n")


def spans_of(sheet: Any, rules: Sequence[Rule]) -> list[Span] | None:
    """The text of a page with its places; None when most of it is not written horizontally."""
    from pypdfium2 import raw

    textpage = sheet.get_textpage()
    try:
        handle = textpage.raw
        count = textpage.count_chars()
        box, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
        pointer = ctypes.byref(box)
        turn = _turn(sheet)
        builder = _Builder([rule for rule in rules if rule.x0 == rule.x1])
        letter, place = raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
        for index in range(count):
            code = letter(handle, index)
            if code in (32, 160, 13, 10, 9, 0x3000) or code == 0:
                builder.space()
            elif place(handle, index, pointer) and builder.add(code, *turn(box.left, box.top, box.right, box.bottom)):
                size = raw.FPDFText_GetFontSize(handle, index)
                builder.size = (
                    size * (matrix.c**2 + matrix.d**2) ** 0.5 if raw.FPDFText_GetMatrix(handle, index, matrix) else size
                )
        return builder.finished()
    finally:
        textpage.close()


class _Builder:
    """Letters in the order of the file to spans."""

    def __init__(self, walls: Sequence[Rule]) -> None:
        self._walls = walls
        self._spans: list[Span] = []
        self._letters: list[str] = []
        self._box = (0.0, 0.0, 0.0, 0.0)
        self._last = (0.0, 0.0)
        self.size = 0.0
        self._spaced = False
        self._down = self._across = 0

    def space(self) -> None:
        """White space; whether it separates is decided by the gap that follows."""
        self._spaced = True

    def add(self, code: int, x0: float, y0: float, x1: float, y1: float) -> bool:
        """A letter in its box; True when a span begins with it."""
        spaced, self._spaced = self._spaced, False
        if self._letters and not spaced and code < 0xD800:
            # most letters follow their neighbour on the same line, and there are thousands on a page
            a, top, right, bottom = self._box
            near = 0.15 * self.size
            if y0 == top and y1 == bottom and x0 > self._last[0] + near and -near < x0 - right < near and x1 > right:
                self._letters.append(chr(code))
                self._box, self._last = (a, top, x1, bottom), (x0, x1)
                self._across += 1
                return False
        if x1 <= x0 or y1 <= y0:
            return False
        letter = chr(code) if not 0xD800 <= code <= 0xDFFF else "\ufffd"
        if self._letters:
            left, right = self._last
            _, top, _, bottom = self._box
            # the box of a flat letter such as 一 may be as flat as its ink
            size = max(bottom - top, y1 - y0, 0.8 * self.size, 0.1)
            gap = x0 - right
            level = min(y1, bottom) - max(y0, top) > 0.5 * min(bottom - top, y1 - y0)
            if level:
                self._across += 1
            elif abs(x0 - left) < 0.4 * size and 0.3 * size < y0 - top < 2.5 * size and len(self._letters) < 3:
                self._down += 1
            apart = gap > 0.15 * size and self._walled(right, x0, (top + bottom) / 2)
            if level and -0.6 * size < gap < 1.1 * size and not apart:
                if letter == self._letters[-1] and abs(x0 - left) < 0.1 * size:
                    return False  # bold made by printing twice
                wide = WIDE.match(letter) and WIDE.match(self._letters[-1])
                if gap > 0.3 * size or (spaced and not wide and gap > 0.08 * size):
                    self._letters.append(" ")
                self._letters.append(letter)
                a, b, c, d = self._box
                self._box = (min(a, x0), min(b, y0), max(c, x1), max(d, y1))
                self._last = (x0, x1)
                return False
            self._end()
        self._letters = [letter]
        self._box, self._last = (x0, y0, x1, y1), (x0, x1)
        self.size = y1 - y0
        return True

    def finished(self) -> list[Span] | None:
        """All spans; None when the letters run down the page or lie about in too many places."""
        self._end()
        return None if self._down > self._across or len(self._spans) > _SPANS else self._spans

    def _end(self) -> None:
        text = unicodedata.normalize("NFKC", re.sub(r"[\ufffe\uffff\u00ad]$", "\x02", "".join(self._letters)))
        text = re.sub(r"[\x00\x01\x03-\x1f\ufffe\uffff\u00ad]", "", text)
        if text.strip():
            self._spans.append(Span(*self._box, text, self.size))
        self._letters = []

    def _walled(self, left: float, right: float, y: float) -> bool:
        return any(left - 1 <= wall.x0 <= right + 1 and wall.y0 <= y <= wall.y1 for wall in self._walls)


def _drawn(sheet: Any, *kinds: int) -> Iterator[tuple[Any, int, tuple[float, float, float, float]]]:
    """(object, kind, left, top, right and bottom as shown) of what is drawn on a page; forms are looked into."""
    from pypdfium2 import raw

    turn = _turn(sheet)
    a, b, c, d = (ctypes.c_float() for _ in range(4))
    work = [(raw.FPDFPage_GetObject, sheet.raw, raw.FPDFPage_CountObjects(sheet.raw), 0)]
    looked_at = 0
    while work:
        get, parent, count, depth = work.pop()
        for index in range(count):
            looked_at += 1
            if looked_at > _OBJECTS * 20:
                return
            item = get(parent, index)
            kind = raw.FPDFPageObj_GetType(item)
            if kind == raw.FPDF_PAGEOBJ_FORM and depth < 4:
                work.append((raw.FPDFFormObj_GetObject, item, raw.FPDFFormObj_CountObjects(item), depth + 1))
            elif kind in kinds and raw.FPDFPageObj_GetBounds(item, a, b, c, d):
                yield item, kind, turn(a.value, d.value, c.value, b.value)


def rules_of(sheet: Any) -> list[Rule]:
    """The horizontal and vertical lines that are drawn on a page, thin boxes included; none if there are too many."""
    from pypdfium2 import raw

    turn = _turn(sheet)
    found: list[Rule] = []
    for count, (item, _, (x0, y0, x1, y1)) in enumerate(_drawn(sheet, raw.FPDF_PAGEOBJ_PATH)):
        if count > _OBJECTS or len(found) > _RULES * 4:
            return []
        if (x1 - x0 < 3) == (y1 - y0 < 3):
            if x1 - x0 >= 20 and y1 - y0 >= 8:
                found.extend(_edges(item, turn))
        elif y1 - y0 < 3 and x1 - x0 >= 8:
            found.append(Rule(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2))
        elif x1 - x0 < 3 and y1 - y0 >= 5:
            found.append(Rule((x0 + x1) / 2, y0, (x0 + x1) / 2, y1))
    found = list(dict.fromkeys(found))
    return found if len(found) <= _RULES else []


def _edges(item: Any, turn: Any) -> list[Rule]:
    """The straight lines of a path that is more than one line, such as a frame or a whole grid."""
    from pypdfium2 import raw

    count = raw.FPDFPath_CountSegments(item)
    if not 2 <= count <= 400:
        return []
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(item, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[tuple[float, float, bool]] = []
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(item, index)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_BEZIERTO or not raw.FPDFPathSegment_GetPoint(segment, x, y):
            return []
        px = matrix.a * x.value + matrix.c * y.value + matrix.e
        py = matrix.b * x.value + matrix.d * y.value + matrix.f
        points.append((px, py, kind == raw.FPDF_SEGMENT_MOVETO))
    rules = []
    for (ax, ay, _), (bx, by, moved) in pairwise(points):
        x0, y0, x1, y1 = turn(min(ax, bx), max(ay, by), max(ax, bx), min(ay, by))
        if moved:
            continue
        if y1 - y0 < 1 and x1 - x0 >= 8:
            rules.append(Rule(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2))
        elif x1 - x0 < 1 and y1 - y0 >= 5:
            rules.append(Rule((x0 + x1) / 2, y0, (x0 + x1) / 2, y1))
    return rules


def scanned(sheet: Any, letters: int) -> bool:
    """Whether a page is a picture of text: covered by one, or without a letter but not empty."""
    from pypdfium2 import raw

    width, height = sheet.get_size()
    covered = 0.0
    drawn = 0
    things = _drawn(sheet, raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH)
    for count, (_, kind, (x0, y0, x1, y1)) in enumerate(things):
        if count > _OBJECTS:
            return False
        if kind == raw.FPDF_PAGEOBJ_PATH:
            drawn += 1
        else:
            covered += max(0.0, x1 - x0) * max(0.0, y1 - y0)
    share = covered / max(1.0, width * height)
    return share > 0.6 or (letters == 0 and (share > 0.1 or drawn > 30))


def picture(sheet: Any) -> Any:
    """A page as a picture that is good for recognition."""
    width, height = sheet.get_size()
    scale = min(_SCAN_SIDE / max(width, height, 1.0), (_PIXELS / max(1.0, width * height)) ** 0.5, 6.0)
    return sheet.render(scale=scale).to_pil().convert("RGB")


def page_png(data: bytes, page: int, highlight: str | None, scale: float) -> bytes | None:
    """A page (counted from 1) as PNG, `highlight` marked where it stands; None when there is no such page."""
    from PIL import Image, ImageChops, ImageDraw

    document = opened(data)
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


def _turn(sheet: Any) -> Any:
    """Points of the file (from the lower left, before the page is turned) to those of the page as it is shown."""
    left, bottom, right, top = sheet.get_bbox()
    rotation = sheet.get_rotation()

    def turn(x0: float, y1: float, x1: float, y0: float) -> tuple[float, float, float, float]:
        if rotation == 90:
            return y0 - bottom, x0 - left, y1 - bottom, x1 - left
        if rotation == 180:
            return right - x1, y0 - bottom, right - x0, y1 - bottom
        if rotation == 270:
            return top - y1, right - x1, top - y0, right - x0
        return x0 - left, top - y1, x1 - left, top - y0

    return turn


def _boxes(sheet: Any, quote: str) -> list[tuple[float, float, float, float]]:
    """Rectangles (left, bottom, right, top, in points) of the lines in which `quote` stands; white space is ignored."""
    textpage = sheet.get_textpage()
    try:
        squeezed: list[str] = []
        places: list[int] = []
        for index in range(textpage.count_chars()):
            for char in unicodedata.normalize(
                "NFKC", WASTE.sub("", _HYPHEN.sub("", textpage.get_text_range(index, 1)))
            ):
                if not char.isspace():
                    squeezed.append(char.casefold()[:1] or char)
                    places.append(index)
        whole = "".join(squeezed)
        found: list[tuple[float, float, float, float]] = []
        # cells of a table, and lines of two columns, are apart on the page though the quote has them together
        for pieces in ([quote], [piece for piece in re.split(r"[|\n]", quote) if len(piece.strip()) > 3]):
            for piece in pieces:
                wanted = [c.casefold()[:1] or c for c in unicodedata.normalize("NFKC", piece) if not c.isspace()]
                start = whole.find("".join(wanted)) if wanted else -1
                if start >= 0:
                    found += [textpage.get_charbox(i) for i in places[start : start + len(wanted)]]
            if found:
                break
        return _merged(found)
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
