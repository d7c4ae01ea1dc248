"""More than two hundred files that mean harm, or look as if they did: bombs, loops, truncated, encrypted, mislabelled.

`write_all(folder)` makes them; the same ones every time. Each is at most a few megabytes on disk.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path

MAKER: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {}
MEGA = 2**20
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_P = "http://schemas.openxmlformats.org/package/2006/relationships"
LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)
) + "]>"  # fmt: skip


def family(make: Callable[[], Iterator[tuple[str, bytes]]]) -> Callable[[], Iterator[tuple[str, bytes]]]:
    MAKER[make.__name__] = make
    return make


def write_all(folder: Path, *, every: int = 1) -> list[Path]:
    """Write the files into `folder`; a sample has each `every`-th of a family, and none of those that are slow to make."""
    paths = []
    for name, make in MAKER.items():
        if every > 1 and make is bombs:
            continue
        for count, (file, data) in enumerate(make()):
            if count % every == 0:
                paths.append(folder / f"{name}-{file}")
                paths[-1].write_bytes(data)
    return paths


def packed(parts: Mapping[str, bytes | str], *, level: int = 9) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def docx(document: str | bytes, **more: bytes | str) -> bytes:
    return packed({"word/document.xml": document, **{name.replace("__", "/"): data for name, data in more.items()}})


def body(inner: str, *, prolog: str = "") -> str:
    return f'{_XML}{prolog}<w:document xmlns:w="{_W}"><w:body>{inner}</w:body></w:document>'


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
        "xl/workbook.xml": f'{_XML}{prolog}<workbook xmlns="{_S}" xmlns:r="{_R}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_P}">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    }
    return packed(parts | ({"xl/sharedStrings.xml": strings} if strings else {}))


def rows(inner: str) -> str:
    return f'{_XML}<worksheet xmlns="{_S}"><sheetData>{inner}</sheetData></worksheet>'


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


@family
def bombs() -> Iterator[tuple[str, bytes]]:
    """Slow to make, so a sample goes without them."""
    zeros = b" " * (300 * MEGA)
    yield "one-part.docx", packed({"word/document.xml": zeros}, level=1)
    yield "one-part.xlsx", packed({"xl/workbook.xml": zeros}, level=1)
    yield "slides.pptx", packed({"ppt/presentation.xml": zeros}, level=1)
    yield "chapter.epub", epub(b"<html><body>" + b"<p>a</p>" * (35 * MEGA))
    yield "below-the-limit.docx", packed({"word/document.xml": b"<a>" + zeros[: 200 * MEGA] + b"</a>"}, level=1)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        other = io.BytesIO()
        with zipfile.ZipFile(other, "w", method) as archive:
            archive.writestr("word/document.xml", zeros)
        yield f"method-{method}.docx", other.getvalue()


@family
def zips() -> Iterator[tuple[str, bytes]]:
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(30_000):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
        archive.writestr("word/document.xml", "<a/>")
    yield "many-parts.docx", many.getvalue()
    inner = packed({"a": b" " * MEGA})
    for depth in range(6):
        inner = packed({f"{depth}.zip": inner})
    yield "nested.zip", inner
    yield "nested.docx", packed({"word/document.xml": inner})
    plain = packed({"word/document.xml": body(paragraph("x")), "a" * 60_000: b""})
    yield "long-name.docx", plain
    yield "entries-claimed.docx", plain[:-14] + b"\xff\xff\xff\xff" + plain[-10:]
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        for _ in range(50):
            archive.writestr("word/document.xml", body(paragraph("x")))
    yield "same-name.docx", twice.getvalue()
    lying = bytearray(packed({"word/document.xml": b" " * 1000}))
    at = lying.rfind(b"PK\1\2")
    lying[at + 24 : at + 28] = (2**31).to_bytes(4, "little")
    yield "lies-about-size.docx", bytes(lying)
    yield "slip.docx", packed({"../../../../tmp/evil": b"x", "word/document.xml": body(paragraph("slipped"))})


@family
def xmls() -> Iterator[tuple[str, bytes]]:
    yield "laughs.docx", word(paragraph("&a9;"), prolog=LAUGHS)
    yield "laughs.xlsx", xlsx(rows(""), prolog=LAUGHS)
    yield "laughs-sheet.xlsx", xlsx(LAUGHS + rows('<row r="1"><c t="inlineStr"><is><t>&a9;</t></is></c></row>')[55:])
    yield "laughs.epub", epub("<html/>", **{"c.opf": LAUGHS + "<package>&a9;</package>"})
    yield "laughs-16.docx", docx((LAUGHS + f'<w:document xmlns:w="{_W}">&a9;</w:document>').encode("utf-16"))
    yield "laughs.xml", (LAUGHS + "<x>&a9;</x>").encode()
    yield "laughs.html", (f"<?xml version='1.0'?>{LAUGHS}<html><body>&a9;</body></html>").encode()
    blow = f"<!DOCTYPE x [<!ENTITY a '{'a' * 100_000}'>]>"
    yield "quadratic.docx", word(paragraph("&a;" * 20_000), prolog=blow)
    late = f"<!DOCTYPE x [<!--{'x' * 70_000}-->" + LAUGHS.partition("[")[2]
    yield "late-entities.docx", word(paragraph("&a9;"), prolog=late)
    for scheme in ("file:///etc/passwd", "http://127.0.0.1:9/x"):
        fetch = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{scheme}">]>'
        yield f"external-{scheme[:4]}.docx", word(paragraph("&e;"), prolog=fetch)
        yield f"external-dtd-{scheme[:4]}.docx", word(paragraph("x"), prolog=f'<!DOCTYPE x SYSTEM "{scheme}">')
    yield "deep.docx", word("<w:p>" * 200_000 + "</w:p>" * 200_000)
    yield "deep-runs.docx", word(paragraph("x" + "<w:r>" * 100_000))
    yield "deep-tables.docx", word("<w:tbl><w:tr><w:tc>" * 80 + paragraph("x") + "</w:tc></w:tr></w:tbl>" * 80)
    yield "wide.docx", word(paragraph("word") * 400_000)
    yield (
        "span.docx",
        word(
            "<w:tbl>"
            + f'<w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr>{paragraph("x")}</w:tc></w:tr>' * 999
            + "</w:tbl>"
        ),
    )
    yield "one-text.docx", word(paragraph("x" * (20 * MEGA)))
    boxes = "<w:p><w:r><w:txbxContent>" * 60 + paragraph("x") + "</w:txbxContent></w:r></w:p>" * 60
    yield "boxes.docx", word(boxes)
    yield "attributes.docx", word("<w:p " + " ".join(f'a{i}="x"' for i in range(200_000)) + "/>")
    yield "namespaces.docx", word("".join(f'<a xmlns:n{i}="u{i}"/>' for i in range(50_000)))
    yield "no-body.docx", docx("<x/>")
    yield "not-xml.docx", docx(random.Random(1).randbytes(MEGA))
    yield (
        "styles-loop.docx",
        docx(
            body(paragraph("looping styles")),
            **{
                "word/_rels/document.xml.rels": f'<Relationships xmlns="{_P}"><Relationship Id="s" Type="x/styles" '
                'Target="styles.xml"/></Relationships>',
                "word/styles.xml": f'<w:styles xmlns:w="{_W}"><w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
                '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>',
            },
        ),
    )


@family
def sheets() -> Iterator[tuple[str, bytes]]:
    yield (
        "claimed-size.xlsx",
        xlsx(
            rows('<row r="1048576"><c r="XFD1048576" t="str"><v>far away</v></c></row>').replace(
                "<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>'
            )
        ),
    )
    yield "million-rows.xlsx", xlsx(rows('<row><c t="str"><v>x</v></c><c><v>1</v></c></row>' * 1_000_000))
    yield "empty-rows.xlsx", xlsx(rows("<row/>" * 2_000_000))
    yield "wide-row.xlsx", xlsx(rows("<row>" + "<c><v>1</v></c>" * 500_000 + "</row>"))
    yield (
        "merged.xlsx",
        xlsx(
            rows('<row r="1"><c r="A1" t="str"><v>merged</v></c></row>').replace(
                "</sheetData>",
                "</sheetData><mergeCells>" + '<mergeCell ref="A1:A1048576"/>' * 100_000 + "</mergeCells>",
            )
        ),
    )
    yield "many-sheets.xlsx", xlsx(rows('<row r="1"><c r="A1" t="str"><v>again and again</v></c></row>'), count=20_000)
    big = f'<sst xmlns="{_S}">' + "<si><t>abcdefghij</t></si>" * 1_500_000 + "</sst>"
    yield "strings.xlsx", xlsx(rows('<row><c t="s"><v>3</v></c></row>'), strings=big)
    yield (
        "repeated-string.xlsx",
        xlsx(
            rows('<row><c t="s"><v>0</v></c></row>' * 100_000),
            strings=f'<sst xmlns="{_S}"><si><t>{"x" * 30_000}</t></si></sst>',
        ),
    )
    yield (
        "index.xlsx",
        xlsx(rows('<row><c t="s"><v>99999999999999999999</v></c></row>'), strings=f'<sst xmlns="{_S}"/>'),
    )
    yield "numbers.xlsx", xlsx(rows(f"<row><c><v>{'9' * 100_000}</v></c><c><v>1e999</v></c><c><v>nan</v></c></row>"))
    yield "wide.csv", b",".join([b"a"] * 2_000_000)
    yield "long-field.csv", b'a,b\n"' + b"x" * (4 * MEGA) + b'",1\n'
    yield "open-quote.csv", b'a,b\n1,"' + b"word\n" * 600_000
    yield "rows.csv", b"a,b\n" + b"1,2\n" * 1_000_000
    yield "quotes.csv", b'"' * (3 * MEGA)
    yield "cells.csv", b"name,value\n" + b",\n" * MEGA
    for kind, name in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")):
        ns = 'xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:t="urn:x:table" xmlns:x="urn:x:text"'
        row = '<t:table-row t:number-rows-repeated="99"><t:table-cell t:number-columns-repeated="99"><x:p>x</x:p></t:table-cell></t:table-row>'
        for label, inner in (
            ("repeated", f"<t:table>{row * 500}</t:table>"),
            ("deep", "<x:list><x:list-item>" * 120 + "<x:p>x</x:p>" + "</x:list-item></x:list>" * 120),
            ("laughs", "&a9;"),
        ):
            prolog = LAUGHS if label == "laughs" else ""
            content = (
                f"{prolog}<o:document-content {ns}><o:body><o:{kind}>{inner}</o:{kind}></o:body></o:document-content>"
            )
            yield (
                f"{label}.{name}",
                packed({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content}),
            )


@family
def pdfs() -> Iterator[tuple[str, bytes]]:
    flat = zlib.compress(b" " * (300 * MEGA), 9)
    yield "flate.pdf", sheet_pdf(flat, b"/Filter /FlateDecode")
    yield "flate-twice.pdf", sheet_pdf(zlib.compress(flat, 9), b"/Filter [/FlateDecode /FlateDecode]")
    del flat
    yield (
        "kids-loop.pdf",
        pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000 >>"}),
    )
    yield (
        "count.pdf",
        pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count 2147483647 >>"}),
    )
    yield "negative.pdf", pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count -5 >>"})
    kids = b" ".join([b"3 0 R"] * 5000)
    yield (
        "pages.pdf",
        pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R >>",
                2: b"<< /Type /Pages /Kids [%s] /Count 5000 >>" % kids,
                3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
            }
        ),
    )
    text = (
        b"BT /F 9 Tf " + b" ".join(b"1 0 0 1 9 %d Tm (word word word) Tj" % (i % 800) for i in range(200_000)) + b" ET"
    )
    yield "much-text.pdf", sheet_pdf(zlib.compress(text), b"/Filter /FlateDecode")
    scattered = random.Random(2)
    spots = b" ".join(
        b"1 0 0 1 %d %d Tm (x%d) Tj" % (scattered.randrange(580), scattered.randrange(830), i) for i in range(30_000)
    )
    yield "scattered.pdf", sheet_pdf(zlib.compress(b"BT /F 4 Tf " + spots + b" ET"), b"/Filter /FlateDecode")
    lines = b" ".join(b"%d %d m %d %d l S" % (i % 500, i % 800, i % 500, i % 799 + 30) for i in range(300_000))
    yield "lines.pdf", sheet_pdf(zlib.compress(lines), b"/Filter /FlateDecode")
    yield "states.pdf", sheet_pdf(b"q " * 1_000_000)
    yield (
        "form-loop.pdf",
        sheet_pdf(
            b"/X Do",
            resources=b"/XObject << /X 6 0 R >>",
            o6=stream(
                b"/X Do /X Do",
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>",
            ),
        ),
    )
    forms = {
        f"o{i}": stream(
            b"/X Do " * 10,
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >> >>" % (i + 1),
        )
        for i in range(6, 16)
    }
    yield "form-tree.pdf", sheet_pdf(b"/X Do", resources=b"/XObject << /X 6 0 R >>", **forms)
    image = stream(
        zlib.compress(bytes(MEGA)),
        b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 8 /ColorSpace /DeviceGray "
        b"/Filter /FlateDecode",
    )
    yield "image.pdf", sheet_pdf(b"595 0 0 842 0 0 cm /X Do", resources=b"/XObject << /X 6 0 R >>", o6=image)
    yield "huge-page.pdf", sheet_pdf(b"").replace(b"[0 0 595 842]", b"[0 0 9e9 9e9]")
    yield "tiny-page.pdf", sheet_pdf(b"BT /F 9 Tf (a word) Tj ET").replace(b"[0 0 595 842]", b"[0 0 0.00 0]")
    yield "arrays.pdf", pdf({1: b"[" * 500_000, 2: b"<< >>"})
    yield "dictionaries.pdf", pdf({1: b"<< /A " * 300_000})
    yield "xref-loop.pdf", sheet_pdf(b"").replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev 9")
    yield "reference-loop.pdf", pdf({1: b"2 0 R", 2: b"1 0 R"})
    yield "no-xref.pdf", b"%PDF-1.5\n" + b"1 0 obj << >> endobj\n" * 100_000
    yield "header-only.pdf", b"%PDF-1.7\n"
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<01> <01>]" % (
        b"ab" * 32,
        b"cd" * 32,
    )
    yield "encrypted.pdf", pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< >>"}, trailer=lock)
    good = sheet_pdf(b"BT /F 9 Tf 50 700 Td (A sentence that is whole) Tj ET")
    for cut in range(1, 21):
        yield f"truncated-{cut}.pdf", good[: len(good) * cut // 21]
    for seed in range(20):
        noisy = bytearray(good)
        dice = random.Random(seed)
        for _ in range(30):
            noisy[dice.randrange(9, len(noisy))] = dice.randrange(256)
        yield f"noise-{seed}.pdf", bytes(noisy)


@family
def images() -> Iterator[tuple[str, bytes]]:
    yield "bomb.png", png(100_000, 100_000)
    yield "wide.png", png(1_000_000, 100)
    yield "large.png", png(10_900, 10_900, data=zlib.compress(bytes(1364 * 10_900), 9))
    yield "empty-data.png", png(100, 100, data=b"")
    yield "zero.png", png(0, 0)
    yield "claimed.bmp", b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0)
    yield "claimed.gif", b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6)
    loop = b"II*\0\x08\0\0\0" + b"\x01\0" + struct.pack("<HHII", 256, 4, 1, 100) + struct.pack("<I", 8)
    yield "loop.tiff", loop
    yield "offset.tiff", b"MM\0*\xff\xff\xff\xff"
    yield "start.jpg", b"\xff\xd8\xff\xe0" + bytes(2000)
    yield "huge.jpg", b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x22\0\x02\x11\1\x03\x11\1" + bytes(500)
    yield "riff.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(100)
    whole = png(64, 64)
    for cut in range(1, 6):
        yield f"truncated-{cut}.png", whole[: len(whole) * cut // 6]


@family
def mails() -> Iterator[tuple[str, bytes]]:
    message = EmailMessage()
    message["Subject"], message["From"], message["Message-ID"] = "inner", "a@example.com", "<1@x>"
    message.set_content("the innermost text")
    for depth in range(40):
        outer = EmailMessage()
        outer["Subject"], outer["From"], outer["Message-ID"] = f"level {depth}", "a@example.com", "<1@x>"
        outer.set_content(f"text of level {depth}")
        outer.add_attachment(message)
        message = outer
    yield "nested.eml", message.as_bytes()
    head = b"From: a@example.com\nSubject: x\nMIME-Version: 1.0\nMessage-ID: <1@x>\n"
    yield (
        "boundaries.eml",
        head + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i) for i in range(3000)),
    )
    yield "parts.eml", head + b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 200_000
    yield "fields.eml", head + b"".join(b"X-A%d: b\n" % i for i in range(200_000)) + b"\ntext"
    yield "long-field.eml", head + b"To: " + b"a@example.com, " * 200_000 + b"\n\ntext"
    yield "encoded-words.eml", head + b"Cc: " + b"=?utf-8?b?" * 100_000 + b"\n\ntext"
    yield "brackets.eml", head + b"Cc: " + b"<(" * 50_000 + b"\n\ntext"
    yield "no-body.eml", head
    yield "base64.eml", head + b"Content-Transfer-Encoding: base64\n\n" + b"!!!!" * 100_000
    yield "charset.eml", head + b"Content-Type: text/plain; charset=" + b"x" * 10_000 + b"\n\ntext"
    for name, data in (("a.docx", next(xmls())[1]), ("b.pdf", b"%PDF-1.7\n"), ("../../c.png", png(90_000, 90_000))):
        letter = EmailMessage()
        letter["Subject"], letter["From"], letter["Message-ID"] = "attached", "a@example.com", "<1@x>"
        letter.set_content("see the attachment")
        letter.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        yield f"attached-{Path(name).name}.eml", letter.as_bytes()
    yield "box.mbox", (b"From a@b Mon Jan  1 00:00:00 2024\n" + head + b"\nx\n\n") * 20_000


@family
def books() -> Iterator[tuple[str, bytes]]:
    yield "deep.epub", epub("<html><body>" + "<div>" * 300_000 + "x")
    yield (
        "spine-loop.epub",
        epub(
            "<p>again</p>",
            **{
                "c.opf": '<package><manifest><item id="a" href="c.opf"/></manifest><spine>'
                + '<itemref idref="a"/>' * 50_000
                + "</spine></package>"
            },
        ),
    )
    yield (
        "locked.epub",
        epub(
            "<p>x</p>",
            **{"META-INF__encryption.xml": '<encryption><CipherReference URI="a.xhtml"/></encryption>'},
        ),
    )
    yield "no-container.epub", packed({"mimetype": "application/epub+zip"})
    yield (
        "outside.epub",
        epub(
            "<p>x</p>",
            **{
                "c.opf": '<package><manifest><item id="a" href="../../etc/passwd"/></manifest><spine><itemref idref="a"/></spine></package>'
            },
        ),
    )
    slides = "".join(f'<s:sldId xmlns:s="u" xmlns:r="{_R}" r:id="r1"/>' for _ in range(5000))
    yield (
        "slides.pptx",
        packed(
            {
                "ppt/presentation.xml": f"<p>{slides}</p>",
                "ppt/_rels/presentation.xml.rels": f'<Relationships xmlns="{_P}"><Relationship Id="r1" Type="x/slide" Target="s.xml"/></Relationships>',
                "ppt/s.xml": "<s><spTree>"
                + "<grpSp>" * 200
                + "</grpSp>" * 200
                + "<sp><p><r><t>slide</t></r></p></sp></spTree></s>",
            }
        ),
    )


@family
def texts() -> Iterator[tuple[str, bytes]]:
    yield "deep.json", b"[" * MEGA
    yield "deep-closed.json", b"[" * 100_000 + b"]" * 100_000
    yield "deep-objects.json", b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield "medium-deep.json", b'{"a":' * 500 + b'"x"' + b"}" * 500
    yield "long-number.json", b"[" + b"9" * 1_000_000 + b"]"
    yield "keys.json", json.dumps({f"key {i}": i for i in range(95_000)}).encode()
    yield "list.json", b"[" + b"1," * MEGA + b"1]"
    yield "records.jsonl", b'{"a": 1}\n' * 400_000
    yield "broken.jsonl", b'{"a": 1}\n' + b"{\n" * 100_000
    yield (
        "notebook.ipynb",
        json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}, 7], "metadata": 0}).encode(),
    )
    yield "words.txt", b"word " * (2 * MEGA)
    yield "one-line.txt", b"x" * (8 * MEGA)
    yield "japanese.txt", "あ".encode() * (4 * MEGA)
    yield "emoji.md", "😀".encode() * 1_950_000
    yield "items.md", b"- a\n" * 95_000
    yield "headings.md", b"# a\n\nb\n\n" * 24_000
    yield "lines.txt", b"a\n" * 3_000_000
    yield "tables.md", b"|a|\n" * 95_000
    yield "marks.md", b"*_`[" * 480_000
    yield "fences.md", b"```\n" * 95_000
    yield "sixteen.txt", "words\n".encode("utf-16") + b"\xd8\x00" * 1000
    yield "nul.txt", bytes(100_000)
    yield "tags.html", b"<html><body>" + b"<table><tr><td>" * 300_000
    yield "divs.html", b"<html><body>" + b"<div>" * 1_000_000
    yield "attributes.html", b"<html><body><p " + b'a="b" ' * 500_000 + b">x"
    yield "spans.html", b"<html><body><table>" + b"<tr><td colspan=999 rowspan=999>x</td></tr>" * 20_000
    yield "entities.html", b"<html><body>" + b"&amp;" * 900_000
    yield "comment.html", b"<!--" * 1_000_000 + b"<html>"
    yield "groups.rtf", b"{\\rtf1 " + b"{" * 500_000 + b"x"
    yield "pages.rtf", b"{\\rtf1 " + b"\\'82" * 600_000
    yield "unicode.rtf", b"{\\rtf1 \\u-10179?\\u99999999?\\uc999999999 x\\u65" + b"\\par" * 400_000 + b"}"
    yield "parens.py", b"(" * 200_000
    yield "indents.py", b"".join(b" " * i + b"if x:\n" for i in range(500))
    yield "unary.py", b"x = " + b"-" * 500_000 + b"1"
    yield "idents.c", b"a " * 950_000 + b"("
    yield "lines.js", (b"const " + b"a" * 290 + b"\n") * 9000
    yield (
        "types.java",
        (b"static final int a b c d e f g h i j k l m n o p q r s t u v w x y z (" + b"(" * 50 + b"\n") * 9000,
    )


@family
def strangers() -> Iterator[tuple[str, bytes]]:
    good = {
        "docx": word(paragraph("A sentence that is whole")),
        "xlsx": xlsx(rows('<row><c t="str"><v>x</v></c></row>')),
        "epub": epub("<p>A chapter of a book</p>"),
    }
    for name, data in good.items():
        for cut in range(1, 5):
            yield f"truncated-{cut}.{name}", data[: len(data) * cut // 5]
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    for name, inner in (
        ("locked.docx", "EncryptedPackage"),
        ("old.docx", "WordDocument"),
        ("old.pdf", "Workbook"),
        ("x.txt", "PowerPoint Document"),
        ("y.md", "__substg1.0_"),
        ("z.xlsx", "nothing"),
    ):
        yield name, ole + inner.encode("utf-16-le") + bytes(500)
    for name, head in (
        ("program.pdf", b"\x7fELF"), ("program.docx", b"MZ\x90\0"), ("archive.txt", b"\x1f\x8b\x08"), ("seven.md", b"7z\xbc\xaf\x27\x1c"),
        ("movie.docx", b"\0\0\0\x18ftypmp42"), ("photo.jpg", b"\0\0\0\x18ftypheic"), ("song.html", b"ID3\x04"), ("base.csv", b"SQLite format 3\0"),
    ):  # fmt: skip
        yield name, head + random.Random(name).randbytes(5000)
    for seed in range(12):
        suffix = ("pdf", "docx", "xlsx", "pptx", "epub", "eml", "json", "png", "md", "html", "csv", "rtf")[seed]
        yield f"random-{seed}.{suffix}", random.Random(seed).randbytes(20_000)
    yield "empty.pdf", b""
    yield "spaces.docx", b" " * 10_000
