from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_files import sheet_pdf
from PIL import Image

from tools.library.formats.pdf import read_pdf, reflow
from tools.library.formats.source import Source
from tools.library.load import Limits, LoadError
from tools.library.worker import Worker

MakePdf = Callable[..., bytes]
LIMITS = Limits()
LONG = "The museum opens at nine in the morning and closes at five in the"


def read(data: bytes, limits: Limits = LIMITS) -> tuple[str, str, tuple[int, ...]]:
    loaded = read_pdf(Source(data, Path("a_file.pdf"), limits))
    return loaded.text, loaded.title, loaded.pages


def test_pages_know_where_they_begin(make_pdf: MakePdf) -> None:
    text, title, pages = read(make_pdf(["first page"], [], ["third page"], title="The Report"))
    assert title == "The Report"
    assert [text[a:b].strip() for a, b in zip(pages, [*pages[1:], len(text)], strict=True)] == [
        "first page",
        "",
        "third page",
    ]


@pytest.mark.parametrize("title", ["", "Microsoft Word - final.doc", "scan0001.pdf", "untitled"])
def test_a_title_that_says_nothing_gives_way_to_the_file_name(make_pdf: MakePdf, title: str) -> None:
    assert read(make_pdf(["words"], title=title))[1] == "a file"


def test_japanese(make_pdf: MakePdf) -> None:
    text, _, _ = read(make_pdf(["博物館は午前九時に開館いたしますので、それまで", "お待ちください。"], japanese=True))
    assert text.strip() == "博物館は午前九時に開館いたしますので、それまでお待ちください。"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([LONG, "evening."], f"{LONG} evening."),
        ([LONG + ".", "Short.", LONG], f"{LONG}. Short.\n\n{LONG}"),
        (["An export-", "ed file with a very long line here"], "An exported file with a very long line here"),
        ([LONG, "• point", "• other"], f"{LONG}\n\n• point\n\n• other"),
        (["日本語の長い行がここで折り返され", "て続きます"], "日本語の長い行がここで折り返されて続きます"),
        (["", "  ", "x"], "x"),
        ([], ""),
    ],
)
def test_lines_become_paragraphs(lines: list[str], text: str) -> None:
    assert reflow(lines) == text


def test_headers_and_page_numbers_are_left_out(make_pdf: MakePdf) -> None:
    pages = [["Annual report", f"{word} stands here and only here", f"Page {i} of 4"] for i, word in enumerate("ABCD")]
    text, _, _ = read(make_pdf(*pages))
    assert "Annual" not in text
    assert "Page" not in text
    assert all(f"{word} stands" in text for word in "ABCD")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("encrypted", "encrypted: save a copy without a password"),
        ("broken", "damaged"),
        ("empty", "No text was found"),
        ("long", "has 3 pages, the limit is 2"),
        ("dense", "more than 20 characters"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(make_pdf: MakePdf, kind: str, reason: str) -> None:
    data, limits = {
        "encrypted": (make_pdf(["x"], encrypted=True), LIMITS),
        "broken": (b"%PDF-1.7\n" + b"garbage " * 50, LIMITS),
        "empty": (make_pdf([], []), LIMITS),
        "long": (make_pdf(["a"], ["b"], ["c"]), replace(LIMITS, pages=2)),
        "dense": (make_pdf(["a" * 50]), replace(LIMITS, characters=20)),
    }[kind]
    with pytest.raises(LoadError, match=reason):
        read(data, limits)


def test_a_page_as_a_picture_with_the_quote_marked(tmp_path: Path, make_pdf: MakePdf) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(["nothing here", "the quoted words", "go on here"]))
    with Worker() as worker:
        plain = worker.page(path, 1, None, 1.0)
        marked = worker.page(path, 1, "quoted   words go\non", 1.0)
        elsewhere = worker.page(path, 1, "words that are not there", 1.0)
        beyond = worker.page(path, 2, None, 1.0)
    assert plain is not None
    assert marked is not None
    assert beyond is None
    assert elsewhere == plain
    image = Image.open(io.BytesIO(marked))
    assert image.size == (595, 842)
    pixels = np.asarray(image).astype(int)
    down, across = np.nonzero((pixels[..., 2] < 160) & (pixels[..., 0] > 160))
    # the lines stand 62, 78 and 94 points below the top; the words "the " of the second stay unmarked
    assert 66 < down.min() < down.max() < 100
    assert across[down < 79].min() > 60
    assert across[down > 84].min() < 60


def test_a_huge_scale_is_bounded(tmp_path: Path, make_pdf: MakePdf) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(["x"]))
    with Worker() as worker:
        data = worker.page(path, 1, None, 1000.0)
    assert data is not None
    width, height = Image.open(io.BytesIO(data)).size
    assert width * height < 12_100_000


def test_the_reader_survives_what_kills_it(tmp_path: Path, make_pdf: MakePdf) -> None:
    good, bomb = tmp_path / "good.pdf", tmp_path / "bomb.html"
    good.write_bytes(make_pdf(["still here"]))
    bomb.write_text("<html><body>" + "<p>x" * 400_000)
    with Worker(replace(LIMITS, memory=2**26)) as worker:
        with pytest.raises(LoadError, match=r"too much memory|could not be read"):
            worker.read(bomb)
        assert "still here" in worker.read(good).text


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, make_pdf: MakePdf) -> None:
    slow = tmp_path / "slow.html"
    slow.write_text("<html><body>" + "<table><tr><td>" * 60_000)
    with Worker(replace(LIMITS, seconds=0.1)) as worker, pytest.raises(LoadError, match="took longer"):
        worker.read(slow)


def test_a_file_that_went_away_is_said_so(tmp_path: Path) -> None:
    with Worker() as worker, pytest.raises(LoadError, match="vanished"):
        worker.read(tmp_path / "gone.pdf")


def drawn(*lines: tuple[int, int, int, str], extra: str = "") -> bytes:
    """A PDF of one page with (x, y, size, text) on it."""
    content = " ".join(f"/F {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj" for x, y, size, text in lines)
    return sheet_pdf(f"BT {content} ET {extra}".encode())


def test_larger_lines_are_headings() -> None:
    body = [(50, 700 - 14 * i, 10, "A line of the text that stands below the heading, and goes on") for i in range(4)]
    text, _, _ = read(drawn((50, 780, 20, "The title"), (50, 740, 14, "1 The part"), *body))
    assert text.startswith("# The title\n\n## 1 The part\n\nA line of the text")


def test_a_page_on_which_everything_is_large_has_no_headings() -> None:
    small = [(50, 100 - 12 * i, 10, "small print") for i in range(2)]
    text, _, _ = read(drawn((50, 700, 30, "Annual report of libraries"), (50, 600, 30, "for the year 2025"), *small))
    assert "#" not in text
    assert "Annual report" in text


def test_columns_and_a_ruled_table() -> None:
    left = [(50, 700 - 14 * i, 10, f"left column, line {i} of the text") for i in range(6)]
    right = [(300, 700 - 14 * i, 10, f"right column, line {i} of the text") for i in range(6)]
    cells = [
        (60 + 100 * (i % 3), 545 - 20 * (i // 3), 10, text) for i, text in enumerate("Day From To Mon 9 17".split())
    ]
    rules = " ".join(f"50 {y} m 350 {y} l S" for y in (560, 540, 520))
    rules += " " + " ".join(f"{x} 560 m {x} 520 l S" for x in (50, 150, 250, 350))
    mixed = [line for pair in zip(left, right, strict=True) for line in pair]
    text, _, _ = read(drawn(*mixed, *cells, extra=rules))
    assert text.index("left column, line 5") < text.index("right column, line 0")
    assert text.endswith("| Day | From | To |\n| --- | --- | --- |\n| Mon | 9 | 17 |\n\n")


def test_a_page_that_is_turned_is_read_as_it_is_shown() -> None:
    lines = "BT /F 10 Tf 0 1 -1 0 100 50 Tm (the first line) Tj 0 1 -1 0 120 50 Tm (the second line) Tj ET"
    data = sheet_pdf(lines.encode()).replace(b"/MediaBox", b"/Rotate 90 /MediaBox")
    assert read(data)[0].split() == "the first line the second line".split()


def test_a_quote_from_a_table_is_marked_cell_by_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(drawn((50, 700, 10, "Monday"), (400, 500, 10, "closed all day")))
    with Worker() as worker:
        assert worker.page(path, 1, "| closed all day | Monday |", 1.0) != worker.page(path, 1, None, 1.0)
