"""PDF to Markdown, page by page: columns in order, headings by their size, tables, scanned pages by recognition."""

from __future__ import annotations

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from tools.library.formats import ocr
from tools.library.formats.blocks import table, verbatim
from tools.library.formats.layout import Region, Rule, Span, Table, arrange, joined, rows_of, weight
from tools.library.formats.pdfium import WASTE, opened, page_png, picture, plain_lines, rules_of, scanned, spans_of
from tools.library.formats.source import Source
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, LoadError, title_of

__all__ = ["page_png", "read_pdf", "reflow"]

_CJK = re.compile(r"[ぁ-ヿ一-鿿㐀-䶿々ー、。，．！？「」『』（）]")
_ENDS = re.compile(r"[.!?:;。！？：」』）]$")
_STARTS = re.compile(r"^(?:[•●○■□◆◇▪・‣–—*-]\s*|\(?\d{1,3}[.)）]\s+|第[0-9一二三四五六七八九十]+[章節条])")
_SENTENCE = re.compile(r"[.。!！?？,、;；]$")
_LARGER = 1.15
"""So many times the usual size makes a line a heading."""
_LEVELS = 3


@dataclass
class _Page:
    """What was found on a page: parts in reading order, or lines when its writing is not horizontal."""

    parts: Sequence[Region | Table | tuple[str, ...]] = ()
    spans: Sequence[Span] = ()
    rules: Sequence[Rule] = ()
    lines: Sequence[str] = ()
    recognised: str = ""


def read_pdf(source: Source) -> Loaded:
    """The text of all pages. Raises `LoadError` for a PDF that is encrypted, damaged, too long or without text."""
    document = opened(source.data)
    limits = source.limits
    try:
        if len(document) > limits.pages:
            raise LoadError(f"The PDF has {len(document)} pages, the limit is {limits.pages}: split it.")
        pages, scans = _look(document, source)
        named = str(document.get_metadata_value("Title") or "").strip()
        unread = _recognise(document, pages, scans, source)
    finally:
        document.close()
    furniture = _furniture(pages)
    body, sizes = _sizes(pages)
    texts: list[str] = []
    starts: list[int] = []
    length = 0
    gutter: float | None = None
    for page in pages:
        text, gutter = _written(page, furniture, body, sizes, gutter)
        starts.append(length)
        texts.append(text + "\n\n")
        length += len(texts[-1])
        source.check(length)
    whole = "".join(texts)
    if not whole.strip():
        raise LoadError(unread or "No text was found: the pages are empty or hold only pictures.")
    return Loaded(whole, chosen(named) or title_of(source.path), "pdf", tuple(starts), unread)


def _look(document: Any, source: Source) -> tuple[list[_Page], list[int]]:
    """(what the pages hold, which of them have to be recognised). Without time for places, lines are taken."""
    pages: list[_Page] = []
    scans: list[int] = []
    began = time.monotonic()
    length = 0
    for number in range(len(document)):
        page = _Page()
        pages.append(page)
        sheet = _sheet(document, number)
        if sheet is None:  # one broken page does not cost the others
            continue
        try:
            if time.monotonic() - began > source.limits.seconds * 0.75:
                page.lines = plain_lines(sheet)
            else:
                page.rules = rules_of(sheet)
                found = spans_of(sheet, page.rules)
                if found is None:
                    page.lines = plain_lines(sheet)
                else:
                    page.spans = found
            letters = sum(len(span.text) for span in page.spans) + sum(map(len, page.lines))
            length += letters
            source.check(length)
            if letters < 60 and scanned(sheet, letters):
                scans.append(number)
        finally:
            sheet.close()
    return pages, scans


def _sheet(document: Any, number: int) -> Any:
    import pypdfium2

    try:
        return document[number]
    except pypdfium2.PdfiumError:
        return None


def _recognise(document: Any, pages: list[_Page], scans: list[int], source: Source) -> str:
    """Read the scanned pages; one sentence about those that could not be read."""
    if not scans:
        return ""
    if not ocr.available():
        which = "The pages are scans" if len(scans) == len(pages) else _numbers(scans)
        return f"{which} and the reader for those is not installed: pip install 'kotae[ocr]', then index again."
    wanted = scans[: source.limits.scanned]
    for done, number in enumerate(wanted):
        sheet = _sheet(document, number)
        if sheet is None:
            continue
        try:
            image = picture(sheet)
        finally:
            sheet.close()
        source.scanning(done, len(wanted))  # only now, so that a page which is slow to draw gains no time
        pages[number].recognised = ocr.text_of(image)
    if len(wanted) < len(scans):
        return f"Only the first {len(wanted)} scanned pages were read: split the file."
    return ""


def _numbers(scans: Sequence[int]) -> str:
    shown = ", ".join(str(number + 1) for number in scans[:8]) + (" and others" if len(scans) > 8 else "")
    return f"Page {shown} is a scan" if len(scans) == 1 else f"Pages {shown} are scans"


def _sizes(pages: Sequence[_Page]) -> tuple[float, list[float]]:
    """(the usual size of the text, the larger sizes of headings, largest first)."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for span in page.spans:
            sizes[_size(span)] += len(span.text)
    if not sizes:
        return 0.0, []
    body = sizes.most_common(1)[0][0]
    return body, sorted((size for size in sizes if size >= body * _LARGER), reverse=True)


def _size(span: Span) -> float:
    return round(span.size * 2) / 2


def _written(
    page: _Page, furniture: frozenset[str], body: float, sizes: list[float], gutter: float | None
) -> tuple[str, float | None]:
    """A page as Markdown, and where its columns part."""
    if page.recognised:
        return page.recognised, gutter
    if page.lines:
        return verbatim_paragraphs(reflow([line for line in page.lines if _key(line) not in furniture])), None
    spans = [s for row in rows_of(page.spans) if _key(_row(row)) not in furniture for s in row]
    if not spans:
        return "", gutter
    large = sum(len(span.text) for span in spans if _size(span) >= body * _LARGER)
    # a cover or a slide, on which everything is large, has no headings but text
    headed = large < 0.4 * sum(len(span.text) for span in spans)
    parts: list[str] = []
    found, gutter = arrange(spans, page.rules, gutter)
    for part in found:
        if isinstance(part, Table):
            parts.append(table(part.rows))
        else:
            paragraphs = _paragraphs(part.lines, sizes if headed else [])
            if parts and paragraphs and _goes_on(parts[-1], paragraphs[0]):
                parts[-1] = joined([parts[-1], paragraphs.pop(0)])
            parts.extend(paragraphs)
    return "\n\n".join(text for part in parts if (text := part.strip("\n"))), gutter


def _paragraphs(lines: Sequence[Span], sizes: list[float]) -> list[str]:
    """The lines of a column as paragraphs and headings."""
    found: list[str] = []
    batch: list[str] = []
    heading: list[str] = []
    left = min(line.x0 for line in lines)
    gaps = [below.y0 - above.y1 for above, below in pairwise(lines) if below.y0 > above.y0]
    usual = median(gaps) if gaps else 0.0

    def close() -> None:
        if batch:
            found.append(verbatim_paragraphs(reflow(batch)))
            batch.clear()
        if heading:
            found.append(f"{'#' * level} {' '.join(joined(heading).split())}")
            heading.clear()

    level = 0
    for above, line in zip([None, *lines[:-1]], lines, strict=True):
        size = _size(line)
        gap = line.y0 - above.y1 if above is not None else 0.0
        if size in sizes and weight(line.text) <= 120 and not _SENTENCE.search(line.text):
            own = min(_LEVELS, sizes.index(size) + 1)
            if not heading or own != level or gap > 0.9 * line.size:
                close()
            level = own
            heading.append(line.text)
            continue
        if heading:
            close()
        indented = line.x0 - left > 0.8 * line.size and above is not None and above.x0 - left < 0.3 * line.size
        if above is not None and (gap > usual + 0.45 * line.size or indented):
            batch.append("")
        batch.append(line.text)
    close()
    return [part for part in found if part]


def _goes_on(above: str, below: str) -> bool:
    """Whether a paragraph goes on at the top of the next column."""
    if above.startswith(("#", "|")) or below.startswith(("#", "|")) or "\n" in above or _STARTS.match(below):
        return False
    return not _ENDS.search(above) and (below[:1].islower() or bool(_CJK.match(above[-1]) and _CJK.match(below[0])))


def verbatim_paragraphs(text: str) -> str:
    """Paragraphs whose lines are no markup."""
    return "\n\n".join(verbatim(part) for part in text.split("\n\n"))


def reflow(lines: Sequence[str]) -> str:
    """Lines of a column joined into paragraphs: a line goes on unless it ends short or a list begins."""
    lines = [line.strip(" \t") for line in lines]
    widths = sorted(weight(line) for line in lines if line) or [0]
    # one line across two columns makes no paragraph of every other line
    width = widths[-1] if len(widths) < 8 else widths[len(widths) * 9 // 10]
    parts: list[str] = []
    for line, following in pairwise([*lines, ""]):
        if not line:
            continue
        if line.endswith("\x02"):  # PDFium's mark for a hyphen that only the end of the line asked for
            parts.append(line[:-1])
            if not following:
                parts.append("\n\n")
            continue
        parts.append(line)
        if line[-2:-1].isalpha() and line.endswith("-") and following[:1].islower():
            parts[-1] = line[:-1]
            continue
        short = weight(line) < width * (0.8 if _ENDS.search(line) else 0.55)
        if not following or short or _STARTS.match(following):
            parts.append("\n\n")
        elif not (_CJK.match(line[-1]) and _CJK.match(following[0])):
            parts.append(" ")
    return WASTE.sub("", "".join(parts)).strip()


def _row(row: Sequence[Span]) -> str:
    return joined([span.text for span in row])


def _key(line: str) -> str:
    """A line without its page number."""
    return re.sub(r"\d+", "#", unicodedata.normalize("NFKC", line).strip())


def _furniture(pages: Sequence[_Page]) -> frozenset[str]:
    """Headers and footers: first and last lines that come back on most pages, page numbers aside."""
    if len(pages) < 3:
        return frozenset()
    edges: Counter[str] = Counter()
    for page in pages:
        lines = [line for line in page.lines if line.strip()] or [_row(row) for row in rows_of(page.spans)]
        edges.update({_key(line) for line in (lines[:2] + lines[-2:])})
    return frozenset(key for key, n in edges.items() if key and n >= max(3, len(pages) * 0.6))
