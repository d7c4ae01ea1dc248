"""Hostile files that hold others: bombs, broken archives, XML that expands, books and sheets. See `hostile`."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator

from made_files import (
    LAUGHS,
    MEGA,
    PACKAGE_NS,
    RELATION_NS,
    SHEET_NS,
    WORD_NS,
    body,
    docx,
    epub,
    packed,
    paragraph,
    rows,
    word,
    xlsx,
)


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


def xmls() -> Iterator[tuple[str, bytes]]:
    yield "laughs.docx", word(paragraph("&a9;"), prolog=LAUGHS)
    yield "laughs.xlsx", xlsx(rows(""), prolog=LAUGHS)
    yield "laughs-sheet.xlsx", xlsx(LAUGHS + rows('<row r="1"><c t="inlineStr"><is><t>&a9;</t></is></c></row>')[55:])
    yield "laughs.epub", epub("<html/>", **{"c.opf": LAUGHS + "<package>&a9;</package>"})
    yield "laughs-16.docx", docx((LAUGHS + f'<w:document xmlns:w="{WORD_NS}">&a9;</w:document>').encode("utf-16"))
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
                "word/_rels/document.xml.rels": f'<Relationships xmlns="{PACKAGE_NS}"><Relationship Id="s" Type="x/styles" '
                'Target="styles.xml"/></Relationships>',
                "word/styles.xml": f'<w:styles xmlns:w="{WORD_NS}"><w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
                '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>',
            },
        ),
    )


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
    big = f'<sst xmlns="{SHEET_NS}">' + "<si><t>abcdefghij</t></si>" * 1_500_000 + "</sst>"
    yield "strings.xlsx", xlsx(rows('<row><c t="s"><v>3</v></c></row>'), strings=big)
    yield (
        "repeated-string.xlsx",
        xlsx(
            rows('<row><c t="s"><v>0</v></c></row>' * 100_000),
            strings=f'<sst xmlns="{SHEET_NS}"><si><t>{"x" * 30_000}</t></si></sst>',
        ),
    )
    yield (
        "index.xlsx",
        xlsx(rows('<row><c t="s"><v>99999999999999999999</v></c></row>'), strings=f'<sst xmlns="{SHEET_NS}"/>'),
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
    slides = "".join(f'<s:sldId xmlns:s="u" xmlns:r="{RELATION_NS}" r:id="r1"/>' for _ in range(5000))
    yield (
        "slides.pptx",
        packed(
            {
                "ppt/presentation.xml": f"<p>{slides}</p>",
                "ppt/_rels/presentation.xml.rels": f'<Relationships xmlns="{PACKAGE_NS}"><Relationship Id="r1" Type="x/slide" Target="s.xml"/></Relationships>',
                "ppt/s.xml": "<s><spTree>"
                + "<grpSp>" * 200
                + "</grpSp>" * 200
                + "<sp><p><r><t>slide</t></r></p></sp></spTree></s>",
            }
        ),
    )
