"""Files made from their parts: packed ones (DOCX, XLSX, EPUB), PDF and PNG."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

MEGA = 2**20
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
WORD_NS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET_NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATION_NS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE_NS = "http://schemas.openxmlformats.org/package/2006/relationships"
LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)
) + "]>"  # fmt: skip


def packed(parts: Mapping[str, bytes | str], *, level: int = 9) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def docx(document: str | bytes, **more: bytes | str) -> bytes:
    return packed({"word/document.xml": document, **{name.replace("__", "/"): data for name, data in more.items()}})


def body(inner: str, *, prolog: str = "") -> str:
    return f'{XML}{prolog}<w:document xmlns:w="{WORD_NS}"><w:body>{inner}</w:body></w:document>'


def word(inner: str, *, prolog: str = "") -> bytes:
    return docx(body(inner, prolog=prolog))


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def xlsx(sheet: str | bytes, *, strings: str | bytes = "", count: int = 1, prolog: str = "") -> bytes:
    sheets = "".join(f'<sheet name="S{i}" sheetId="{i}" r:id="r{i}"/>' for i in range(1, count + 1))
    links = "".join(
        f'<Relationship Id="r{i}" Type="x/worksheet" Target="worksheets/sheet1.xml"/>' for i in range(1, count + 1)
    )
    links += '<Relationship Id="s" Type="x/sharedStrings" Target="sharedStrings.xml"/>' if strings else ""
    parts: dict[str, bytes | str] = {
        "xl/workbook.xml": f'{XML}{prolog}<workbook xmlns="{SHEET_NS}" xmlns:r="{RELATION_NS}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE_NS}">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    }
    return packed(parts | ({"xl/sharedStrings.xml": strings} if strings else {}))


def rows(inner: str) -> str:
    return f'{XML}<worksheet xmlns="{SHEET_NS}"><sheetData>{inner}</sheetData></worksheet>'


def epub(chapter: str | bytes, **more: bytes | str) -> bytes:
    container = '<container><rootfiles><rootfile full-path="c.opf"/></rootfiles></container>'
    book = '<package><manifest><item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>'
    parts: dict[str, bytes | str] = {"mimetype": "application/epub+zip", "META-INF/container.xml": container}
    return packed(parts | {"c.opf": book, "a.xhtml": chapter} | {k.replace("__", "/"): v for k, v in more.items()})


def pdf(objects: Mapping[int, bytes], *, root: int = 1, trailer: bytes = b"") -> bytes:
    out = bytearray(b"%PDF-1.5\n")
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    size = max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    out += b"".join(b"%010d 00000 %s \n" % (places.get(i, 0), b"n" if i in places else b"f") for i in range(1, size))
    out += b"trailer\n<< /Size %d /Root %d 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, root, trailer, table)
    return bytes(out)


def stream(data: bytes, head: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)


def sheet_pdf(content: bytes, head: bytes = b"", **more: bytes) -> bytes:
    """A PDF of one page with the given content stream."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F 5 0 R >> %s >> /Contents 4 0 R >>"
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: page % more.pop("resources", b""),
        4: stream(content, head),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    return pdf(objects | {int(name[1:]): body for name, body in more.items()})


def png(width: int, height: int, *, data: bytes | None = None) -> bytes:
    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(min(width // 8 + 1, MEGA) * 10), 9) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", data) + part(b"IEND", b"")
