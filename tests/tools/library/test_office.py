"""Word processors, slides and spreadsheets, written by the libraries that people write them with."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from made_files import packed
from openpyxl.styles import Font
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from tools.library.formats import Source, read
from tools.library.formats.numbering import number
from tools.library.load import Limits, Loaded, LoadError


def saved(document: Any, name: str, limits: Limits | None = None) -> Loaded:
    buffer = io.BytesIO()
    document.save(buffer)
    return read(Source(buffer.getvalue(), Path(name), limits or Limits()))


def test_word() -> None:
    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Loans", 1)
    document.add_paragraph("Eight items at a time.")
    document.add_paragraph("Bring", style="List Bullet")
    document.add_paragraph("the card", style="List Bullet 2")
    document.add_heading("Steps", 2)
    for step in ("Find it", "Show it"):
        document.add_paragraph(step, style="List Number")
    table = document.add_table(3, 3)
    for row, texts in enumerate([("Branch", "Opens", "Closes"), ("Ashford", "9", "18"), ("", "10", "17")]):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    loaded = saved(document, "a.docx")
    assert (loaded.title, loaded.type) == ("Handbook", "word")
    assert loaded.text.split("\n") == [
        "# Handbook", "", "# Loans", "", "Eight items at a time.", "", "- Bring", "- the card", "", "## Steps", "",
        "1. Find it", "2. Show it", "", "| Branch | Opens | Closes |", "| --- | --- | --- |", "| Ashford | 9 | 18 |",
        "| Ashford | 10 | 17 |", "", "",
    ]  # fmt: skip


def test_numbers_that_word_counts_itself_notes_and_text_boxes() -> None:
    document = docx.Document()
    numbering = document.part.numbering_part.element
    numbering.insert(0, parse_xml(
        f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
        '<w:numFmt w:val="decimal"/><w:lvlText w:val="第%1条"/></w:lvl></w:abstractNum>'
    ))  # fmt: skip
    numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="91"><w:abstractNumId w:val="90"/></w:num>'))
    for text in ("目的を定める。", "用語を定める。"):
        paragraph = document.add_paragraph(text)
        paragraph._p.get_or_add_pPr().append(
            parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="0"/><w:numId w:val="91"/></w:numPr>')
        )
    box = "<w:r %s><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></w:r>"
    paragraph = document.add_paragraph("Beside a box.")
    paragraph._p.append(parse_xml(box % nsdecls("w")))
    gone = parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText>deleted</w:delText></w:r></w:del>")
    paragraph._p.append(gone)
    assert saved(document, "a.docx").text == (
        "第1条 目的を定める。\n\n第2条 用語を定める。\n\nBeside a box.\n\nIn a box.\n\n"
    )


def test_footnotes_follow_their_paragraph() -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    note = '<w:footnote w:id="2"><w:p><w:r><w:t>Except on Mondays.</w:t></w:r></w:p></w:footnote>'
    data = packed({
        "word/document.xml": f'<w:document {w}><w:body><w:p><w:r><w:t>Open daily</w:t></w:r><w:r>'
        '<w:footnoteReference w:id="2"/></w:r></w:p><w:p><w:r><w:t>Next.</w:t></w:r></w:p></w:body></w:document>',
        "word/footnotes.xml": f"<w:footnotes {w}>{note}</w:footnotes>",
        "word/_rels/document.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="f" Type="x/footnotes" Target="footnotes.xml"/></Relationships>',
    })  # fmt: skip
    assert read(Source(data, Path("a.docx"))).text == "Open daily[^1]\n\n[^1]: Except on Mondays.\n\nNext.\n\n"


@pytest.mark.parametrize(
    ("value", "format", "shown"),
    [
        (3, "decimal", "3"), (4, "lowerRoman", "iv"), (1999, "upperRoman", "MCMXCIX"), (2, "lowerLetter", "b"),
        (28, "upperLetter", "BB"), (21, "japaneseCounting", "二十一"), (110, "japaneseCounting", "百十"),
        (12, "decimalFullWidth", "１２"), (3, "decimalEnclosedCircle", "③"), (2, "aiueo", "イ"), (2, "iroha", "ロ"),
        (7, "unknown", "7"), (0, "upperRoman", "0"),
    ],
)  # fmt: skip
def test_numbers_as_lists_show_them(value: int, format: str, shown: str) -> None:
    assert number(value, format) == shown


def test_slides() -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Visitors"
    frame = slide.placeholders[1].text_frame
    frame.text = "Visits rose"
    inner = frame.add_paragraph()
    inner.text, inner.level = "mostly in the vans", 1
    slide.notes_slide.notes_text_frame.text = "Thank the volunteers."
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "数字"
    low = slide.shapes.add_textbox(Inches(1), Inches(5), Inches(3), Inches(1))
    low.text_frame.text = "below"
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for at, text in enumerate(("分館", "貸出", "芦原", "30,500")):
        table.cell(at // 2, at % 2).text = text
    figures = CategoryChartData()
    figures.categories = ["2024", "2025"]
    figures.add_series("Visits", (110, 123))
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, Inches(1), Inches(6), Inches(4), Inches(1), figures)
    loaded = saved(show, "my_show.pptx")
    assert (loaded.title, loaded.type) == ("Visitors", "slides")
    first, second = (loaded.text[a:b] for a, b in zip(loaded.pages, [*loaded.pages[1:], None], strict=True))
    assert first == "# Visitors\n\n- Visits rose\n  - mostly in the vans\n\nNotes: Thank the volunteers.\n\n"
    assert second == (
        "# 数字\n\n| 分館 | 貸出 |\n| --- | --- |\n| 芦原 | 30,500 |\n\nbelow\n\n"
        "|  | Visits |\n| --- | --- |\n| 2024 | 110 |\n| 2025 | 123 |\n\n"
    )


def test_every_row_of_a_sheet_keeps_its_header() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Branches"
    for row in (
        ["Branches of the county"], [], ["Branch", "Opened", "Share", "Open", "Remark"],
        ["Ashford", datetime.date(1990, 4, 5), 0.125, True, "at\nthe  mill"],
        ["Bexley", datetime.datetime(2001, 2, 3, 9, 30), 0.1 + 0.2, False, None], [],
        ["Key", "Value"], ["open", 5],
    ):  # fmt: skip
        sheet.append(row)
    sheet["C4"].number_format = "0.0%"
    form = book.create_sheet("申請書")
    for row in (["氏名", "佐藤一郎"], ["用途", "団体貸出"]):
        form.append(row)
    pairs = book.create_sheet("Words")
    for row in (["Word", "Meaning"], ["van", "a small bus"]):
        pairs.append(row)
    for cell in pairs[1]:
        cell.font = Font(bold=True)
    hidden = book.create_sheet("Hidden")
    hidden.append(["unseen"])
    hidden.sheet_state = "hidden"
    merged = book.create_sheet("Merged")
    for row in (["Town", "Shop", "Seats"], ["York", "A", 1], [None, "B", 2], ["Leeds", "C", 3]):
        merged.append(row)
    merged.merge_cells("A2:A3")
    loaded = saved(book, "my_book.xlsx")
    assert (loaded.title, loaded.type) == ("my book", "sheet")
    assert loaded.text.split("\n") == [
        "# Branches", "", "Branches of the county", "",
        "- Branch: Ashford; Opened: 1990-04-05; Share: 12.5%; Open: TRUE; Remark: at the mill",
        "- Branch: Bexley; Opened: 2001-02-03 09:30; Share: 0.3; Open: FALSE", "- Key: open; Value: 5", "",
        "# 申請書", "", "- 氏名: 佐藤一郎", "- 用途: 団体貸出", "",
        "# Words", "", "- Word: van; Meaning: a small bus", "",
        "# Merged", "", "- Town: York; Shop: A; Seats: 1", "- Town: York; Shop: B; Seats: 2",
        "- Town: Leeds; Shop: C; Seats: 3", "",
    ]  # fmt: skip


def test_a_sheet_beyond_the_limit_is_refused() -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in range(300):
        sheet.append([f"name {row}", row])
    with pytest.raises(LoadError, match="more than 1,000 characters"):
        saved(book, "a.xlsx", Limits(characters=1000))


OPEN = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
)
CELLS = "".join(
    "<table:table-row>" + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
    + '<table:table-cell table:number-columns-repeated="16380"/></table:table-row>'
    for row in (("品名", "数量"), ("りんご", "3"))
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "inner", "text"),
    [
        (
            "text",
            '<text:h text:outline-level="2">Loans</text:h><text:p>One<text:s/>two<text:note><text:note-citation>1'
            "</text:note-citation><text:note-body><text:p>a note</text:p></text:note-body></text:note>.</text:p>"
            "<text:list><text:list-item><text:p>item</text:p><text:list><text:list-item><text:p>inner</text:p>"
            f"</text:list-item></text:list></text:list-item></text:list><table:table>{CELLS}</table:table>",
            "## Loans\n\nOne two[^1].\n\n[^1]: a note\n\n- item\n  - inner\n\n"
            "| 品名 | 数量 |\n| --- | --- |\n| りんご | 3 |\n\n",
        ),
        ("spreadsheet", f'<table:table table:name="在庫">{CELLS}</table:table>', "# 在庫\n\n- 品名: りんご; 数量: 3\n"),
        (
            "presentation",
            "<draw:page><draw:frame><draw:text-box><text:p>below</text:p></draw:text-box></draw:frame><draw:frame "
            'presentation:class="title"><draw:text-box><text:p>Title</text:p></draw:text-box></draw:frame>'
            "<presentation:notes><draw:frame><text:p>say this</text:p></draw:frame></presentation:notes></draw:page>",
            "# Title\n\nbelow\n\nNotes: say this\n\n",
        ),
    ],
)
def test_open_documents(kind: str, inner: str, text: str) -> None:
    content = f"<office:document-content {OPEN}><office:body><office:{kind}>{inner}</office:{kind}></office:body></office:document-content>"
    data = packed({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content})
    assert read(Source(data, Path("a"))).text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb"{\rtf1\ansi One {\b two}.\par\pard Three\line four{\*\hidden no}\par}", "One two.\n\nThree\nfour\n\n"),
        (rb"{\rtf1\ansi{\fonttbl{\f0\fcharset128 MS Mincho;}}\f0 \'93\'fa\'96\'7b\par}", "日本\n\n"),
        (rb"{\rtf1\ansi\ansicpg932 \'82\'a0\par}", "あ\n\n"),
        (rb"{\rtf1\uc1 \u26085 ?\u26412 ? \u-10179 ?\u-8704 ?\par}", "日本 😀\n\n"),
        (rb"{\rtf1{\info{\title The title}{\author me}}{\pict 0a0b}words\emdash x \{y\}}", "words—x {y}\n\n"),
    ],
)
def test_rich_text(source: bytes, text: str) -> None:
    assert read(Source(source, Path("a.rtf"))).text == text
