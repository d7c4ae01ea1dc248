"""The library's fragments: nothing of a document or a name becomes HTML, and each shows what it is to show."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tools.base import Passage
from tools.library import Collection, Document, Failure, Source, WatchStatus
from ui import strings
from ui.library_jobs import Item, Job
from ui.reasons import told
from ui.render_documents import ON_A_PAGE, Choice, chosen, document_html, table_html
from ui.render_library import collections_html, failures_html, frame_html, size, sources_html, work_html
from ui.render_search import matching, results_html

EN, JA = strings.load("en"), strings.load("ja")
NOW = 1_700_000_000.0
HOSTILE = "<img src=https://evil.example/a.png onerror=alert(1)><script>alert(1)</script>\" onclick=\"alert(1)' x='"
DOCUMENT = Document("d1", "/papers/hours.pdf", "Hours", "pdf", 12, 40, 2_400_000, NOW - 90_000, "en")


def passage(n: int, text: str = "It opens at nine.", **given: object) -> Passage:
    values = {"title": "Hours", "url": "/papers/hours.pdf", "kind": "library", "document": "d1", "page": n}
    return Passage(f"p{n}", text, **{**values, **given})  # type: ignore[arg-type]


def everything(bad: str) -> list[str]:
    """Every fragment with `bad` wherever somebody else's text may stand."""
    document = replace(DOCUMENT, path=f"/p/{bad}", title=bad, collection=bad, error=bad, state="stale", language=bad)
    one = passage(1, bad, title=bad, heading=(bad,), stages={"vector": 0.5, bad: 1.0})
    job = Job("j1", "source", bad, bad, "running", (Item(f"/p/{bad}", "failed", reason=bad),), 1, 2, 3, 4.0, 1, bad)
    table = {"now": NOW, "uploads": "/u/", "empty": False}
    return [
        table_html([document], Choice(bad, bad, bad, bad), EN, **table),  # type: ignore[arg-type]
        document_html(document, [one], EN, first=0, now=NOW, uploaded=False, present=True, query=bad),
        document_html(replace(document, source="url"), [one], EN, first=0, now=NOW, uploaded=False, present=True),
        results_html([one], {"d1": document}, EN, query=bad, milliseconds=1),
        work_html([job], EN),
        failures_html([Failure(f"/p/{bad}", bad, bad, NOW)], EN, now=NOW, uploads="/u/"),
        sources_html([Source(bad, bad, "url", True, 60.0, NOW)], None, EN, now=NOW, uploads="/u/"),
        collections_html([Collection(bad, 1, 1, NOW)], EN, now=NOW, default="default"),
    ]


def test_no_fragment_lets_somebody_elses_text_become_html() -> None:
    for html in everything(HOSTILE):
        assert "<script" not in html
        tags = re.findall(r"<[a-z][^>]*>", re.sub(r'"[^"]*"', '""', html))
        assert not [tag for tag in tags if "onerror" in tag or "onclick" in tag]
        assert "<img" not in html or 'src="/api/library/documents/d1/pages/1.png"' in html
        assert "evil.example/a.png" in html, "the words are shown"


def test_links_lead_only_to_the_documents_own_routes() -> None:
    html = document_html(
        replace(DOCUMENT, source="url", path="javascript:alert(1)"),
        [passage(1, "[x](https://evil.example/) ![y](https://evil.example/a.png)")],
        EN, first=0, now=NOW, uploaded=False, present=True,
    )  # fmt: skip
    assert re.findall(r'(?:href|src)="([^"]*)"', html) == []


@pytest.mark.parametrize("words", [EN, JA])
def test_the_table_shows_one_page(words: strings.Strings) -> None:
    many = [replace(DOCUMENT, id=f"d{n}", title=f"Title {n:05}") for n in range(10_000)]
    found = chosen(many, Choice(sort="title", descending=True, page=1))
    html = table_html(found, Choice(page=1), words, now=NOW, uploads="/u/", empty=False)
    assert html.count("<tr") == ON_A_PAGE + 1
    assert "Title 09949" in html
    assert words("lib.range", **{"from": "51"}, to="100", n="10,000") in html
    last = table_html(found, Choice(page=10**6), words, now=NOW, uploads="/u/", empty=False)
    assert re.search(r'kotae-page-next" value="200"[^>]*disabled', last)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), "acb"),
        (Choice(sort="bytes"), "bac"),
        (Choice(sort="bytes", descending=True), "cab"),
        (Choice(sort="nonsense"), "acb"),
        (Choice(text="ＡＬＰＨＡ"), "a"),
        (Choice(text="papers beta"), "c"),
        (Choice(collection="other"), "b"),
        (Choice(type="pdf"), "ac"),
        (Choice(type="pdf", collection="other"), ""),
    ],
)
def test_documents_are_chosen(choice: Choice, expected: str) -> None:
    documents = [
        replace(DOCUMENT, id="a", title="Alpha", bytes=2),
        replace(DOCUMENT, id="b", title="gamma", bytes=1, collection="other", type="text"),
        replace(DOCUMENT, id="c", title="beta", bytes=3),
    ]
    assert "".join(document.id for document in chosen(documents, choice)) == expected


def test_a_document_is_shown_with_pages_passages_and_more() -> None:
    html = document_html(
        replace(DOCUMENT, state="stale", error="The file may not be read: change its permissions."),
        [passage(1, heading=("Hours", "Summer")), passage(2)],
        EN, first=0, now=NOW, uploaded=False, present=True, query="when does it open",
    )  # fmt: skip
    assert "PDF · 12 pages · 40 passages · 2.3 MB · English · default · read yesterday" in html
    assert "Out of date – The file may not be read" in html
    assert html.count('loading="lazy"') == 2
    assert ">Summer</span>" in html
    assert "<mark>opens</mark>" in html
    assert 'kotae-doc-more" value="2"' in html
    rest = document_html(
        DOCUMENT, [passage(40)], EN, first=39, now=NOW, uploaded=False, present=True, head=False
    )  # fmt: skip
    assert "<article" not in rest
    assert "kotae-doc-more" not in rest
    gone = document_html(
        replace(DOCUMENT, state="gone", passages=0), [], EN, first=0, now=NOW, uploaded=False, present=False
    )
    assert "No longer there" in gone
    assert "<a " not in gone


def test_other_documents_with_the_same_text_are_named() -> None:
    found = [replace(passage(1), copies=("/docs/fees <new>.md", "https://example.org/fees/")), passage(2)]
    html = results_html(found, {"d1": DOCUMENT}, EN, query="nine", milliseconds=1)
    assert html.count("The same text is also in") == 1
    assert "also in fees &lt;new&gt;.md, fees<" in html
    assert "同じ文章がある文書：" in results_html(found, {}, JA, query="nine", milliseconds=1)


def test_whatever_stages_come_are_drawn() -> None:
    found = [
        passage(1, stages={"vector": 0.9, "words": 12.5, "tokens": 0.7, "fused": 2.25, "new_stage": 1.0}),
        passage(2, stages={"vector": 0.8, "words": 0.0, "tokens": 0.6, "fused": -0.5, "new_stage": 1.0}),
    ]
    html = results_html(found, {"d1": DOCUMENT}, EN, query="nine", milliseconds=12.4)
    assert re.findall(r"<dt>([^<]*)</dt>", html)[:5] == [
        "Meaning",
        "Words",
        "Late interaction",
        "Together",
        "new_stage",
    ]
    bars = [float(value) for value in re.findall(r'<meter [^>]*value="([\d.]+)"', html)]
    assert bars == [1, 1, 1, 1, 1, 0.08, 0, 0.08, 0.08, 1]
    assert re.findall(r"<span>(-?[\d.]+)</span>", html)[:4] == ["0.900", "12.5", "0.700", "2.250"]
    assert "2 passages in 12 ms" in html
    assert ">意味</dt>" in results_html(found, {}, JA, query="nine", milliseconds=1)


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("opening hours", "The Opening hour is nine; reopened.", ["Opening", "hour"]),
        ("what is the policy", "The policies of what is a policy", ["policies", "policy"]),
        ("有給休暇は何日ですか", "休暇は二十日、有給休暇です。", ["休暇", "有給休暇"]),
        ("フォルダーの追加", "フォルダーを追加する", ["フォルダー", "追加"]),
        ("の", "のののの", []),
        ("a.*(b", "aab a.*(b", []),
        ("", "anything", []),
    ],
)
def test_matching_words_are_found(query: str, text: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in matching(query, text)] == marked


def test_work_shows_every_state() -> None:
    items = tuple(
        Item(f"/p/{state}.md", state, 7 if state in ("done", "embedding") else 0)
        for state in ("waiting", "reading", "embedding", "done", "unchanged", "partial", "failed", "stopped")
    )
    html = work_html([Job("j1", "upload", "default", "", "running", items, 2, 7, 30, 10.0, 1, partial=1)], EN)
    assert (
        "Working · 2 of 7 files · 30 passages · 3.0 passages/s · 1 file could not be read · 1 file was read in part"
        in html
    )
    assert re.search(r"<progress [^>]*value=\"2\" max=\"7\"", html)
    assert "Embedding · 7 passages" in html
    assert "Already up to date" in html
    assert "kotae-job-stop" in html
    many = tuple(Item(f"/p/{n}.md") for n in range(100))
    assert "and 40 more files" in work_html([Job("j1", "upload", "default", "", "running", many)], EN)
    ended = work_html([Job("j1", "source", "default", "/p", "failed", error="library_full")], EN)
    assert "The disk is full." in ended
    assert "kotae-job-clear" in ended


@pytest.mark.parametrize("words", [EN, JA])
def test_what_was_read_in_part_is_not_called_unreadable(words: strings.Strings) -> None:
    reason = "Only the first 500 pages were read: split the file."
    failures = [Failure("/p/a.tiff", reason, "default", NOW, partial=True), Failure("/p/b.pdf", reason, "default", NOW)]
    html = failures_html(failures, words, now=NOW, uploads="/u/")
    assert html.count(f"{words('state.partial')} · /p/") == html.count("kotae-is-partial") == 1
    document = replace(DOCUMENT, state="partial", error=reason)
    table = table_html([document], Choice(), words, now=NOW, uploads="/u/", empty=False)
    assert words("state.partial") in table
    assert told(reason, words) in table
    item = Item("/p/a.tiff", "partial", 3, reason)
    assert words("item.partial") in work_html([Job("j1", "retry", "default", "", "done", (item,))], words)


def test_sources_tell_what_they_are_and_what_the_watcher_does() -> None:
    sources = [
        Source("/papers", "default", "folder", True, None, NOW - 120),
        Source("https://a.example/", "Web", "url", True, 43_200.0, 0),
        Source("/u/abc/x.md", "default", "file", False, None, NOW),
    ]
    status = WatchStatus("waiting", error="The disk is full: make room.")
    html = sources_html(sources, status, EN, now=NOW, uploads="/u/")
    assert "Folder · default · checked 2 min ago" in html
    assert "Web page · Web · every 12 h · not checked yet" in html
    assert "1 uploaded file" in html
    assert "/u/abc" not in html
    assert f"{EN('watch.waiting')} The disk is full: make room." in html


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (15_000, "15 KB"), (64 * 2**20, "64 MB"), (5 * 2**30, "5.0 GB")],
)
def test_sizes(n: int, said: str) -> None:
    assert size(n) == said


@pytest.mark.parametrize("words", [EN, JA])
def test_every_field_of_the_frame_has_a_name(words: strings.Strings) -> None:
    html = frame_html(words, limit=1000)
    fields = re.findall(r"<(?:input|select)\b[^>]*>", html)
    assert len(fields) == 13
    for field in fields:
        named = "aria-label=" in field or "hidden" in field or re.search(rf"<label[^>]*>[^<]*{re.escape(field)}", html)
        assert named, field


def test_reasons_are_told_in_the_readers_language() -> None:
    reason = "The file is too large (80 MB, the limit is 64 MB): split it into smaller files."
    assert told(reason, EN) == reason
    assert told(reason, JA) == "ファイルが大きすぎます（80 MB、上限は 64 MB）。小さく分けてください。"
    assert told("Something new is wrong: mend it.", JA) == "Something new is wrong: mend it."
