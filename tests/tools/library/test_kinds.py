from __future__ import annotations

import struct
from pathlib import Path

import pytest
from made_files import body, docx, epub, packed, paragraph, rows, xlsx

from tools.library.formats import Source, read, tell
from tools.library.formats.kinds import HEAD, promising
from tools.library.load import LoadError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAIL = b"Message-ID: <1@x>\nFrom: a@example.com\nSubject: x\n\ntext"
BOOK = epub("<p>text</p>")
SLIDES = packed({"ppt/presentation.xml": "<a/>"})


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.txt", b"%PDF-1.7\n", "pdf"),
        ("a.txt", b"junk before\n%PDF-1.4", "pdf"),
        ("a.txt", b"The first line of a PDF is %PDF-1.7, it says.", "text"),
        ("a.txt", b"<!DOCTYPE html><p>", "html"),
        ("a", b"\xef\xbb\xbf  <html lang=ja>", "html"),
        ("a", b"<?xml version='1.0'?>\n<!-- x -->\n<html>", "html"),
        ("a.md", b"<html> is how a page begins", "markdown"),
        ("a.pdf", docx(body(paragraph("x"))), "docx"),
        ("a.docx", xlsx(rows("")), "xlsx"),
        ("a.zip", SLIDES, "pptx"),
        ("a.zip", BOOK, "epub"),
        ("a.zip", packed({"mimetype": "application/vnd.oasis.opendocument.text"}), "odt"),
        ("a.doc", b"{\\rtf1 words}", "rtf"),
        ("a.txt", b"\x89PNG\r\n\x1a\n", "image"),
        ("a.png", b"\xff\xd8\xff\xe0", "image"),
        ("a.bin", b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        ("a.bin", b"BM" + struct.pack("<IIII", 9, 0, 54, 40), "image"),
        ("BM.txt", b"BMW builds cars, and that is all", "text"),
        ("a.txt", MAIL, "mail"),
        ("a.eml", b"From: a@example.com\n\ntext", "mail"),
        ("a.txt", b"To: everyone\nFrom: me\n\nA note.", "text"),
        ("a.txt", b"From a@b Mon Jan  1 00:00:00 2024\n" + MAIL, "mbox"),
        ("a.txt", b'{"a": 1}', "json"),
        ("a.txt", b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", b'{"nbformat": 4, "cells": []}', "notebook"),
        ("a.md", b"[a link](x)", "markdown"),
        ("a.txt", b"[in brackets]", "text"),
        ("a.py", b"x = 1", "code"),
        ("run", b"#!/usr/bin/env python3\nx = 1", "code"),
        ("a.csv", b"a;b\n1;2", "csv"),
        ("a.csv", b"one column\nonly", "csv"),
        ("a.txt", b"a\tb\n1\t2\n3\t4", "csv"),
        ("a.txt", b"First, second, third.\nNo, there is more, she said.\nA, b, and c, too.", "text"),
        ("a.txt", b"# One\n\n## Two\n", "markdown"),
        ("a.txt", "日本語の文章です。".encode("cp932"), "text"),
    ],
)
def test_the_kind_is_told_by_the_content_and_the_name_decides_between_texts(name: str, data: bytes, kind: str) -> None:
    assert tell(data, Path(name)) == kind


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b" \n\t", "No text was found"),
        ("a.md", b"---\ntitle: x\n---\n", "nothing but its front matter"),
        ("a.pdf", bytes(range(256)), "not a PDF although"),
        ("a.txt", bytes(range(256)), "binary file"),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted: save a copy without a password"),
        ("a.docx", OLE + "WordDocument".encode("utf-16-le"), r"Old Word files \(.doc\)"),
        ("a", OLE + "__substg1.0_".encode("utf-16-le"), "Outlook messages"),
        ("a.jtd", OLE, "Ichitaro"),
        ("a.docx", b"PK\x03\x04", "damaged"),
        ("a.docx", packed({"x": b""}), "archive"),
        ("a.pages", packed({"x": b""}), "Pages files"),
        ("a.txt", b"\x1f\x8b\x08", "archive"),
        ("a.txt", b"\0\0\0\x18ftypheic", "HEIC"),
        ("a.txt", b"\0\0\0\x18ftypisom", "sound or video"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_says_so_in_one_sentence(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(LoadError, match=reason) as caught:
        read(Source(data, Path(name)))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7", b"<html>", b"{\\rtf1", docx(body("")) and packed({"[Content_Types].xml": b""}), BOOK]
)
def test_documents_of_any_name_are_picked_up(data: bytes) -> None:
    assert promising(data[:HEAD])


@pytest.mark.parametrize("data", [b"", b"words", b"\x89PNG", b"PK\x03\x04" + bytes(40), MAIL, b"{}"])
def test_other_files_of_any_name_are_not(data: bytes) -> None:
    assert not promising(data)
