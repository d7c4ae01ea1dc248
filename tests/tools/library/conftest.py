"""Parts for the library's tests: small PDFs made by hand, and an embedder that needs no model."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tools.library import Library
from tools.library.tokens import terms

MakePdf = Callable[..., bytes]


class TermEmbedder:
    """Feature hashing of terms: a real embedder in every respect, except that it knows words and not meaning."""

    def __init__(self, name: str = "terms/64", dimension: int = 64) -> None:
        self.name = name
        self.dimension = dimension
        self.embedded = 0

    def query(self, text: str) -> np.ndarray:
        vector = np.zeros(self.dimension, np.float32)
        for term in terms(text):
            vector[zlib.crc32(term.encode()) % self.dimension] += 1
        vector[0] += 0.1
        return vector / np.linalg.norm(vector)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += len(texts)
        return np.stack([self.query(text) for text in texts])

    def count(self, text: str) -> int:
        return len(text) // 3


@pytest.fixture
def embedder() -> TermEmbedder:
    return TermEmbedder()


@pytest.fixture
def new_embedder() -> type[TermEmbedder]:
    return TermEmbedder


@pytest.fixture(scope="session")
def term_embedder() -> type[TermEmbedder]:
    return TermEmbedder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for documents."""
    path = tmp_path / "documents"
    path.mkdir()
    return path


@pytest.fixture
def library(tmp_path: Path, embedder: TermEmbedder) -> Iterator[Library]:
    library = Library.open(tmp_path / "library", embedder)
    yield library
    library.close()


@pytest.fixture
def make_pdf() -> MakePdf:
    return _pdf


def _pdf(*pages: Sequence[str], title: str = "", encrypted: bool = False, japanese: bool = False) -> bytes:
    """A PDF with the given lines on each page. `encrypted` asks for a password that nobody has."""
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /UniJIS-UTF16-H /DescendantFonts [ << "
        b"/Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (Japan1) /Supplement 2 >> /FontDescriptor << /Type /FontDescriptor /FontName /HeiseiMin-W3 "
        b"/Flags 6 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800 /Descent -200 /StemV 80 >> >> ] >>"
        if japanese
        else b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    )
    kids = b" ".join(b"%d 0 R" % (5 + 2 * i) for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        font,
        b"<< /Title (%s) >>" % title.encode("latin-1"),
    ]
    for i, lines in enumerate(pages):
        rows = [b"1 0 0 1 50 %d Tm %s Tj" % (780 - 16 * row, _string(line, japanese)) for row, line in enumerate(lines)]
        stream = b"BT /F1 11 Tf " + b" ".join(rows) + b" ET"
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (6 + 2 * i),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    out = bytearray(b"%PDF-1.5\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> " % (b"ab" * 32, b"cd" * 32)
    mark = b"/ID [<%s> <%s>] " % (b"01" * 16, b"01" * 16)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        lock + mark if encrypted else b"",
        table,
    )
    return bytes(out)


def _string(line: str, japanese: bool) -> bytes:
    if japanese:
        return b"<%s>" % line.encode("utf-16-be").hex().encode()
    return b"(%s)" % line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("latin-1")
