"""Hostile files of one piece: PDFs, images, mails, texts, and what is none of these. See `hostile`."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from hostile_archives import xmls
from made_files import MEGA, epub, paragraph, pdf, png, rows, sheet_pdf, stream, word, xlsx


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
