"""Tables, data, code, books and e-mail."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import body, docx, epub, paragraph

from tools.library.chunk import cut
from tools.library.formats import Source, read
from tools.library.formats.blocks import table
from tools.library.load import Limits, LoadError


def text_of(name: str, data: str | bytes) -> str:
    return read(Source(data if isinstance(data, bytes) else data.encode(), Path(name))).text


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.csv", '品名,数量\n"桃, 白",12\nみかん,\n'.encode("cp932"), "- 品名: 桃, 白; 数量: 12\n- 品名: みかん\n"),
        ("a.csv", "name;city\nAnn;York\n", "- name: Ann; city: York\n"),
        ("a.tsv", "name\tcity\nAnn\tYork\n", "- name: Ann; city: York\n"),
        ("a.csv", "1,2\n3,4\n", "- 1 | 2\n- 3 | 4\n"),
        ("a.csv", "Sales of 2025\n\nname,city\nAnn,York,extra\n", "Sales of 2025\n\n- name: Ann; city: York; extra\n"),
        ("a.csv", "name,name,\nAnn,Bee,x\n", "- Ann | Bee | x\n"),
        ("a.csv", 'q,a\n"two\nlines",b\n', "- q: two lines; a: b\n"),
    ],
)
def test_rows_keep_their_header(name: str, data: str | bytes, text: str) -> None:
    assert text_of(name, data).removeprefix("- name | name\n") == text


def test_long_records_become_sections() -> None:
    answer = "This sentence is part of a long answer. " * 30
    text = text_of("faq.csv", f"question,answer\nHow do I renew?,{answer}\nWhere is it?,{answer}\n")
    assert text.startswith("## How do I renew?\n\nThis sentence")
    assert "\n## Where is it?\n" in text


def test_passages_of_a_long_table_have_its_header() -> None:
    rows = [("Branch", "Opens", "Remark"), *((f"Branch {i}", "9:00", "closed in August") for i in range(200))]
    text = table(rows)
    passages = [text[c.start : c.end] for c in cut(text, "html", lambda t: len(t) // 4)]
    assert len(passages) > 5
    assert all(passage.startswith("| Branch | Opens | Remark |\n| --- |") for passage in passages)
    assert sum(passage.count("closed in August") for passage in passages) == 200


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text(max_size=30), max_size=6), max_size=8))
def test_a_table_loses_no_word(rows: list[list[str]]) -> None:
    def words(text: str) -> str:
        return "".join(c for c in text if not c.isspace() and c not in "|/-\u00a0")

    written = words(table(rows))
    assert all(all(words(part) in written for part in cell.split()) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": 1, "b": {"c": True, "d": [1, 2]}}, "- a: 1\n\n## b\n\n- b.c: true\n- b.d: 1, 2\n"),
        ([{"name": "Ann", "at": {"city": "York"}}, {"name": "Bob"}], "- name: Ann; at.city: York\n- name: Bob\n"),
        (["x", "y"], "x, y\n\n"),
        ({"a": None, "b": "", "c": 0}, "- c: 0\n"),
    ],
)
def test_json(data: object, text: str) -> None:
    assert text_of("a.json", json.dumps(data)) == text


def test_jsonl_of_titles_and_texts() -> None:
    long = "The van stops at forty villages on a timetable of two weeks. " * 4
    lines = [json.dumps(row) for row in ({"id": 1, "title": "Vans", "text": long}, {"id": 2, "title": "Fines"})]
    assert text_of("a.jsonl", "\n".join([*lines, "{broken"])) == (
        f"## Vans\n\nid: 1\n\n{long.strip()}\n\n- id: 2; title: Fines\n"
    )


def test_a_notebook() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "Words."]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"text/plain": ["2"]}}]},
    ]
    loaded = read(Source(json.dumps({"nbformat": 4, "cells": cells}).encode(), Path("a.ipynb")))
    assert (loaded.title, loaded.type) == ("Study", "code")
    assert loaded.text == "# Study\nWords.\n\n```python\n1 + 1\n```\n\n```\n2\n```\n\n"


@pytest.mark.parametrize(
    ("name", "source", "headings"),
    [
        ("a.py", "import x\n\n@deco\ndef f():\n  pass\n\nclass A:\n  x = 1\n  async def g(self): pass\n", ["def f", "class A", "A.g"]),
        ("a.py", "print 'python 2'\n\ndef f():\n  pass\n", ["f"]),
        ("a.js", "// adds\nexport function add(a) {}\nconst f = async (x) => 1\nclass S extends T {\n  m() {\n  }\n}\n", ["add", "f", "class S"]),
        ("a.go", "package main\n\nfunc (s *Srv) Hello(n string) {\n}\n", ["package main", "Hello"]),
        ("a.c", "static int add(int a)\n{\n  return f(a);\n}\n\nint main(void) {\n}\n", ["add", "main"]),
        ("a.rs", "pub(crate) struct A;\nimpl Tr for A {\n  fn go(&self) {}\n}\n", ["struct A", "impl Tr for A", "Tr for A.go"]),
        ("a.java", "public class A {\n    private int f(int x) {\n        return 1;\n    }\n}\n", ["class A", "A.f"]),
        ("a.sql", "-- books\nCREATE TABLE IF NOT EXISTS books (id INT);\n", ["books"]),
        ("a.rb", "module M\n  def f\n  end\nend\n", ["module M", "M.f"]),
        ("a.ini", "[server]\nport = 1\n", ["server"]),
        ("a.sh", "#!/bin/sh\nstart() {\n  echo\n}\n", ["start"]),
    ],
)  # fmt: skip
def test_code_is_cut_at_its_definitions(name: str, source: str, headings: list[str]) -> None:
    text = text_of(name, source)
    assert [line[3:] for line in text.split("\n") if line.startswith("## ")] == headings
    kept = [line for line in text.split("\n") if line and not line.startswith(("```", "## "))]
    assert kept == [line for line in source.split("\n") if line]


def test_a_book() -> None:
    opf = (
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>山の本</dc:title></metadata><manifest>'
        '<item id="a" href="a.xhtml"/><item id="b" href="text/b%201.xhtml"/><item id="n" href="n.xhtml" properties="nav"/>'
        '</manifest><spine><itemref idref="b"/><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    nav = '<html><body><nav><a href="text/b%201.xhtml#x">第一章</a><a href="a.xhtml">第二章</a></nav></body></html>'
    data = epub("<html><body><p>二</p></body></html>", **{
        "c.opf": opf, "n.xhtml": nav, "text/b 1.xhtml": "<html><body><h1>第一章 山</h1><p>一</p></body></html>",
    })  # fmt: skip
    loaded = read(Source(data, Path("a.epub")))
    assert (loaded.title, loaded.type) == ("山の本", "epub")
    assert loaded.text == "# 第一章 山\n\n一\n\n# 第二章\n\n二\n\n"


def letter(change: Callable[[EmailMessage], object], subject: str = "Re: 予定") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "山田 <taro@example.com>", "b@example.com"
    message["Date"], message["Message-ID"] = "Mon, 03 Mar 2025 10:15:00 +0900", "<1@x>"
    change(message)
    return message.as_bytes()


HEAD = "# Re: 予定\n\nFrom: 山田 <taro@example.com>\nTo: b@example.com\nDate: 2025-03-03 10:15 +0900\nSubject: Re: 予定\n\n"


def test_an_email_keeps_its_quotations() -> None:
    text = text_of(
        "a.eml",
        letter(lambda m: m.set_content("四日からです。\n----\n\n> いつから\n>> ですか。\n", charset="iso-2022-jp")),
    )
    assert text == HEAD + "四日からです。\n    ----\n\n> いつから\n> ですか。\n\n"


def test_an_email_in_html_and_its_attachments() -> None:
    def change(message: EmailMessage) -> None:
        message.set_content("see below")
        message.add_alternative(
            "<html><body><h1>March</h1><p>" + "The van stops here. " * 9 + "</p></body></html>", "html"
        )
        for name, data in (("手引き.docx", docx(body(paragraph("From the file.")))), ("x.bin", bytes(99))):
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        inner = EmailMessage()
        inner["Subject"] = "Inner"
        inner.set_content("inner text")
        message.add_attachment(inner)

    text = text_of("a.eml", letter(change))
    assert text.startswith(HEAD + "## March\n\nThe van stops here.")
    assert text.endswith(
        "## Attachment: 手引き.docx\n\nFrom the file.\n\nAttachment: x.bin (not read)\n\n"
        "## Inner\n\nSubject: Inner\n\ninner text\n\n"
    )


def test_emails_within_emails_end_somewhere() -> None:
    data = letter(lambda m: m.set_content("deepest"), "0")
    for depth in range(1, 8):
        inner, outer = data, EmailMessage()
        outer["Subject"], outer["Message-ID"], outer["From"] = str(depth), "<1@x>", "a@example.com"
        outer.set_content(f"level {depth}")
        outer.add_attachment(inner, maintype="application", subtype="octet-stream", filename="mail.eml")
        data = outer.as_bytes()
    text = text_of("a.eml", data)
    assert "level 7" in text
    assert "level 4" in text
    assert "level 3" not in text
    assert "(not read)" in text


def test_a_mailbox() -> None:
    one = b"From a@b Mon Jan  1 00:00:00 2024\nMessage-ID: <1@x>\nFrom: a@b.example\nSubject: One\n\nfirst\n>From here\n\n"
    text = text_of("a.mbox", one + one.replace(b"One", b"Two"))
    assert text.count("\nfirst\nFrom here\n") == 2
    assert text.index("# One") < text.index("# Two")


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.txt", "a.md", "a.html"])
def test_text_beyond_the_limits_is_refused(name: str) -> None:
    data = {"a.json": json.dumps({str(i): i for i in range(999)}), "a.html": "<html><body>" + "<p>word</p>" * 999}
    with pytest.raises(LoadError, match="more than"):
        read(Source(data.get(name, "word,word\n" * 999).encode(), Path(name), Limits(characters=900)))
