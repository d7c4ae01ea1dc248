"""Text on pictures, drawn with the fonts of the system and read by the real recogniser."""

from __future__ import annotations

import difflib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_files import png
from PIL import Image, ImageDraw, ImageFont

from tools.library import Change, Library
from tools.library.formats import Source, ocr, read
from tools.library.load import Limits, LoadError
from tools.library.worker import Worker

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
ENGLISH = ["The museum opens at nine", "in the morning, except on", "Mondays (from 1 April)."]
JAPANESE = ["博物館は午前九時に開館し", "午後五時に閉館します。", "休館日は毎週月曜日です。"]

MakePdf = Callable[..., bytes]
drawn = pytest.mark.skipif(not FONT.exists(), reason="there is no font to draw with: install fonts-noto-cjk")


def picture(lines: list[str], *, size: int = 30, vertical: bool = False) -> Image.Image:
    image = Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(FONT), size)
    for row, text in enumerate(lines):
        for at, letter in enumerate(text if vertical else [text]):
            place = (800 - row * size * 2, 40 + at * size * 1.1) if vertical else (60, 60 + row * size * 1.6)
            draw.text(place, letter, font=font, fill="black")
    return image


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def same(found: str, lines: list[str]) -> float:
    """Share of the letters that were read."""
    wanted, text = "".join("".join(lines).split()), "".join(found.split())
    blocks = difflib.SequenceMatcher(None, wanted, text, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(len(wanted), len(text))


@drawn
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_pictures_of_every_kind(format: str) -> None:
    loaded = read(Source(saved(picture(ENGLISH[:1]).crop((0, 0, 620, 140)), format), Path("my_photo.txt")))
    assert (loaded.title, loaded.type, loaded.text.strip()) == ("my photo", "image", ENGLISH[0])


@drawn
def test_japanese_lines_become_a_paragraph() -> None:
    assert read(Source(saved(picture(JAPANESE), "PNG"), Path("a.png"))).text.strip().replace("\n\n", "") == "".join(
        JAPANESE
    )


@drawn
def test_the_recogniser_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something wants to connect")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    ocr._engine.cache_clear()
    assert "museum" in ocr.text_of(picture(ENGLISH[:1]))


@drawn
def test_vertical_japanese_is_read_from_right_to_left() -> None:
    text = ocr.text_of(picture(["博物館は午前九時に開館し", "午後五時に閉館します"], vertical=True))
    assert same(text, ["博物館は午前九時に開館し", "午後五時に閉館します"]) > 0.8


@drawn
def test_a_picture_with_a_clear_background_is_read() -> None:
    clear = Image.new("RGBA", (900, 600), (0, 0, 0, 0))
    clear.paste(
        picture(ENGLISH).convert("L").point(lambda v: 0), (0, 0), picture(ENGLISH).convert("L").point(lambda v: 255 - v)
    )
    assert same(ocr_text(clear), ENGLISH) > 0.95


def ocr_text(image: Image.Image) -> str:
    return read(Source(saved(image, "PNG"), Path("a.png"))).text


def mixed(make_pdf: MakePdf) -> bytes:
    """Three pages: written, scanned, written."""
    import pypdfium2

    scan = saved(picture(ENGLISH), "PDF", resolution=100)
    written = make_pdf(
        ["This page is written and not scanned, which is plain."], ["The third page is written too, as one sees."]
    )
    whole = pypdfium2.PdfDocument.new()
    for data, pages in ((written, [0]), (scan, [0]), (written, [1])):
        whole.import_pages(pypdfium2.PdfDocument(data), pages)
    buffer = io.BytesIO()
    whole.save(buffer)
    return buffer.getvalue()


@drawn
def test_only_the_scanned_pages_are_recognised(make_pdf: MakePdf) -> None:
    asked: list[tuple[int, int]] = []
    loaded = read(Source(mixed(make_pdf), Path("a.pdf"), scanning=lambda done, total: asked.append((done, total))))
    pages = [loaded.text[a:b] for a, b in zip(loaded.pages, [*loaded.pages[1:], None], strict=True)]
    assert asked == [(0, 1)]
    assert "written and not scanned" in pages[0]
    assert same(pages[1], ENGLISH) > 0.95
    assert "third page" in pages[2]
    assert loaded.unread == ""


@drawn
def test_in_the_child_with_its_limits(tmp_path: Path, make_pdf: MakePdf) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(mixed(make_pdf))
    heard: list[tuple[int, int]] = []
    with Worker(scanning=lambda done, total: heard.append((done, total))) as worker:
        assert "museum opens" in worker.read(path).text
        assert heard == [(0, 1)]
        path.write_text("and text after it")
        assert worker.read(path).text == "and text after it"


@drawn
def test_pages_beyond_the_limit_are_said_to_be_unread() -> None:
    first, *more = [picture([text]) for text in ("first page", "second page", "third page")]
    data = saved(first, "TIFF", save_all=True, append_images=more)
    loaded = read(Source(data, Path("a.tiff"), replace(Limits(), scanned=2)))
    assert "second page" in loaded.text
    assert "third" not in loaded.text
    assert len(loaded.pages) == 2
    assert loaded.unread == "Only the first 2 pages were read: split the file."


def test_without_the_extra_the_sentence_names_it(monkeypatch: pytest.MonkeyPatch, make_pdf: MakePdf) -> None:
    monkeypatch.setattr(ocr, "available", lambda: False)
    for name, data in (("a.png", saved(picture([]), "PNG")), ("a.pdf", saved(picture([]), "PDF"))):
        with pytest.raises(LoadError, match=r"pip install 'kotae\[ocr\]'"):
            read(Source(data, Path(name)))
    loaded = read(Source(mixed(make_pdf), Path("a.pdf")))
    assert "third page" in loaded.text
    assert loaded.unread.startswith("Page 2 is a scan and")


def test_a_document_that_was_read_in_part_is_read_again_next_time(
    library: Library, folder: Path, make_pdf: MakePdf
) -> None:
    (folder / "a.pdf").write_bytes(mixed(make_pdf))
    library_of_three = Library(library.folder, library.embedder, replace(Limits(), scanned=0))
    first = library_of_three.index([folder])
    assert [f.reason for f in first.failed] == ["Only the first 0 scanned pages were read: split the file."]
    assert (first.added, library_of_three.index([folder]).replaced) == (1, 1)
    again = library.index([folder])
    assert (again.replaced, again.failed) == (1, ())
    assert library.index([folder]).unchanged == 1
    assert library.documents()[0].state == "indexed"


def test_what_was_read_in_part_is_indexed_and_says_what_is_missing(
    library: Library, folder: Path, make_pdf: MakePdf
) -> None:
    path = folder / "a.pdf"
    path.write_bytes(mixed(make_pdf))
    none = Library(library.folder, library.embedder, replace(Limits(), scanned=0))
    changes: list[Change] = []
    report = none.index([folder], changed=changes.append)
    assert [failure.partial for failure in report.failed] == [True]
    assert [change.kind for change in changes] == ["added", "partial"]
    (failure,) = none.failures()
    (document,) = none.documents()
    assert (failure.partial, failure.tries) == (True, 1)
    assert (document.state, document.error) == ("partial", failure.reason)
    assert document.modified == pytest.approx(path.stat().st_mtime), "a search by date finds it"
    assert "third page" in none.search("third page written")[0].text
    # a watcher would recognise its pages again and again
    changes.clear()
    followed = none.follow([folder], "default", changed=changes.append)
    assert (followed.replaced, followed.failed, changes) == (0, (failure,), [])
    none.retry()
    assert [(f.partial, f.tries) for f in none.failures()] == [(True, 2)]
    path.write_bytes(b"%PDF-1.4 nothing of a PDF follows")
    none.index([folder])
    assert [(f.partial, d.state) for f, d in zip(none.failures(), none.documents(), strict=True)] == [(False, "stale")]
    none.close()


@pytest.mark.parametrize(("width", "height", "reason"), [(40_000, 40_000, "pixels"), (9000, 0, "damaged")])
def test_giant_pictures_are_not_decoded(width: int, height: int, reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        read(Source(png(width, height), Path("a.png")))
