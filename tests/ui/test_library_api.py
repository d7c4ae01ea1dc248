"""The library's routes on a real library: what they show, what they change, and what they refuse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_agent import FakeAgent
from library_parts import BROKEN, open_library, write

from agent.settings import Settings
from tools.library import Library, WatchStatus
from ui import library_changes, shield, strings
from ui.api import create_app

BASE = "http://127.0.0.1:7860"
SAME = {"origin": BASE}
API = "/api/library"


class Watching:
    """A watcher that only tells its state."""

    def status(self) -> WatchStatus:
        return WatchStatus("watching", changes=3)


class Page:
    """The page's side of the routes."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"{API}/{path}", params={"lang": "en", **query})

    async def text(self, path: str, **query: Any) -> str:
        got = await self.get(path, **query)
        assert got.status_code == 200, got.text
        return got.text

    async def send(self, path: str, body: Any = None, method: str = "POST", **query: Any) -> httpx.Response:
        query = {"lang": "en", **query}
        return await self.client.request(method, f"{API}/{path}", params=query, json=body, headers=SAME)

    async def upload(self, name: str, content: bytes, **query: Any) -> httpx.Response:
        query = {"lang": "en", "name": name, **query}
        return await self.client.post(f"{API}/uploads", params=query, content=content, headers=SAME)

    async def done(self) -> str:
        """The work as it is shown when nothing is left to do."""
        for _ in range(1000):
            found = (await self.get("work")).json()
            if not found["busy"]:
                return str(found["html"])
            await asyncio.sleep(0.02)
        raise AssertionError("the work never ended")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A handbook of two Markdown files, and a broken PDF."""
    papers = tmp_path / "papers"
    write(papers, opening="The museum opens at nine.", leave="Everybody has twenty days of paid leave.")
    (papers / "broken.pdf").write_bytes(BROKEN)
    return papers


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return open_library(tmp_path / "data")


@pytest.fixture
async def page(tmp_path: Path, library: Library) -> AsyncIterator[Page]:
    agent = FakeAgent(Settings(data_dir=tmp_path / "data", models_dir=tmp_path), {})
    agent.library = library  # type: ignore[assignment]
    app = create_app(agent, chat=False)  # type: ignore[arg-type]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client,
    ):
        yield Page(client)
    library.close()


@pytest.fixture
async def filled(page: Page, folder: Path) -> Page:
    assert (await page.send("sources", {"path": str(folder)})).status_code == 200
    await page.done()
    return page


def held(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def ids(html: str) -> list[str]:
    return re.findall(r'class="kotae-doc-open" value="(\w+)"', html)


async def test_the_frame_and_an_empty_library(page: Page) -> None:
    frame = await page.text("frame")
    assert "Up to 64 MB each" in frame
    assert frame.count('role="tab"') == 5
    assert strings.load("ja")("lib.choose") in await page.text("frame", lang="ja")
    overview = (await page.get("overview")).json()
    assert (overview["summary"], overview["collections"]) == ("0 documents · 0 passages", ["default"])
    assert "The library is empty" in await page.text("documents")
    assert "Nothing was added yet" in await page.text("sources")
    assert "Everything that was added could be read" in await page.text("failures")
    refused = await page.get("search", query="anything")
    assert (refused.status_code, refused.json()["error"]) == (409, strings.load("en")("cannot.library_empty"))


async def test_an_uploaded_file_is_read_shown_and_deleted_with_its_document(
    page: Page, library: Library, tmp_path: Path
) -> None:
    got = await page.upload("../../Opening hours.md", b"# Hours\n\nIt opens at nine.")
    batch = got.json()["batch"]
    assert (await page.upload("broken.pdf", BROKEN, batch=batch)).status_code == 200
    html = await page.done()
    assert "Opening hours.md" in html
    assert "The PDF is damaged and cannot be opened" in html
    (document,) = library.documents()
    path = Path(document.path)
    assert path.parent.parent == tmp_path / "data" / "uploads"
    table = await page.text("documents")
    assert "Uploaded file" in table
    assert str(tmp_path) not in re.sub(r'title="[^"]*"', "", table)
    assert (await page.send(f"documents/{document.id}", method="DELETE")).json() == {"removed": True}
    assert path not in held(tmp_path)
    assert library.documents() == []
    failure = library.failures()[0]
    assert (await page.send("failures/dismiss", {"path": failure.path})).json() == {"failures": 1}
    assert held(tmp_path / "data" / "uploads") == set()


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_what_is_not_taken_is_refused_in_the_readers_language(
    page: Page, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    words = strings.load(language)  # type: ignore[arg-type]
    got = await page.upload("empty.md", b"", lang=language)
    assert (got.status_code, got.json()["error"]) == (400, words("cannot.empty"))
    got = await page.send("sources", {"path": "/no/such/folder"}, lang=language)
    assert (got.status_code, got.json()["error"]) == (404, words("cannot.not_there"))
    got = await page.send("sources", {"path": "papers"}, lang=language)
    assert (got.status_code, got.json()["error"]) == (400, words("cannot.relative"))
    got = await page.send("sources", {"path": "  "}, lang=language)
    assert (got.status_code, got.json()["error"]) == (400, words("cannot.no_path"))
    got = await page.send("documents/none/reread", lang=language)
    assert (got.status_code, got.json()["error"]) == (404, words("cannot.library_unknown"))
    monkeypatch.setattr(library_changes, "MOST", 0)
    got = await page.upload("a.md", b"text", lang=language)
    assert got.status_code == 429
    assert "200" in got.json()["error"]


async def test_the_table_filters_sorts_and_leads_to_a_document(filled: Page, library: Library) -> None:
    assert len(ids(await filled.text("documents"))) == 2
    assert "Opening" in await filled.text("documents", text="OPEN")
    assert "No document matches" in await filled.text("documents", text="open nothing")
    assert "No document matches" in await filled.text("documents", collection="other")
    assert "No document matches" in await filled.text("documents", type="pdf")
    ascending = ids(await filled.text("documents", sort="title"))
    assert ids(await filled.text("documents", sort="title", order="descending")) == ascending[::-1]
    document = library.document(ascending[0])
    assert document is not None
    shown = await filled.text(f"documents/{document.id}")
    assert "Everybody has twenty days of paid leave." in shown
    assert f'href="{API}/documents/{document.id}/document"' in shown
    original = await filled.get(f"documents/{document.id}/document")
    assert original.text.startswith("# Leave")
    assert "script-src" not in original.headers["content-security-policy"]
    assert (await filled.get("documents/none")).status_code == 404
    assert (await filled.get("documents/none/document")).status_code == 404
    assert (await filled.get(f"documents/{document.id}/pages/1.png")).status_code == 404


async def test_a_search_shows_passages_with_the_scores_of_each_stage(filled: Page) -> None:
    html = await filled.text("search", query="paid leave", k=2)
    assert re.search(r"2 passages in \d+ ms", html)
    assert "<mark>paid</mark> <mark>leave</mark>" in html
    assert html.count("<meter") == 4
    assert html.count(">Meaning</dt>") == 2
    assert "English · default" in html
    assert "Nothing found" in await filled.text("search", query="paid leave", collection="other")
    assert (await filled.get("search", query="x", k=500)).status_code == 422


async def test_sources_are_watched_checked_and_given_up(filled: Page, folder: Path, library: Library) -> None:
    source = {"path": str(folder), "collection": "default"}
    assert 'aria-checked="false"' in await filled.text("sources")
    assert (await filled.send("sources/watch", {**source, "on": True})).status_code == 200
    assert 'aria-checked="true"' in await filled.text("sources")
    await filled.send("sources/watch", {**source, "on": False})
    assert library.watched() == []
    write(folder, third="A third one.")
    await filled.send("sources/check", source)
    await filled.done()
    assert len(library.documents()) == 3
    assert (await filled.send("sources", source, "DELETE")).json() == {"documents": 3}
    assert library.documents() == []
    assert (await filled.send("sources", source, "DELETE")).status_code == 409
    assert (folder / "third.md").is_file()


async def test_collections_are_made_renamed_filled_and_deleted(filled: Page, library: Library) -> None:
    assert (await filled.send("collections", {"name": "Contracts"})).status_code == 200
    again = await filled.send("collections", {"name": "Contracts"})
    assert (again.status_code, again.json()["error"]) == (409, strings.load("en")("cannot.library_name"))
    await filled.send("collections/rename", {"name": "Contracts", "new": "Agreements"})
    document = library.documents()[0]
    assert (await filled.send(f"documents/{document.id}/move", {"collection": "Agreements"})).json() == {"documents": 1}
    assert (await filled.send(f"documents/{document.id}/move", {"collection": "none"})).status_code == 409
    html = await filled.text("collections")
    assert 'data-documents="1"' in html
    assert (await filled.send("collections", {"name": "Agreements"}, "DELETE")).json() == {"documents": 1}
    assert (await filled.send("collections", {"name": "Agreements"}, "DELETE")).status_code == 409
    assert len(library.documents()) == 1


async def test_what_failed_is_listed_with_its_reason_and_tried_again(filled: Page, folder: Path) -> None:
    html = await filled.text("failures")
    assert "broken.pdf" in html
    assert "The PDF is damaged and cannot be opened" in html
    assert "壊れていて開けません" in await filled.text("failures", lang="ja")
    (folder / "broken.pdf").write_text("# Mended\n\nIt is text now.", "utf-8")
    assert (await filled.send("failures/retry", {})).status_code == 200
    await filled.done()
    assert "1–3 of 3" in await filled.text("documents")


async def test_the_work_is_sent_only_when_it_changed(filled: Page) -> None:
    first = (await filled.get("work")).json()
    second = (await filled.get("work", after=first["revision"])).json()
    assert "html" in first
    assert "html" not in second
    assert second["content"] == first["content"] > 0
    job = re.search(r'kotae-job-clear" value="(\w+)"', first["html"])
    assert job is not None
    await filled.send(f"jobs/{job.group(1)}/dismiss")
    assert (await filled.get("work")).json()["html"] == ""


async def test_the_watchers_state_and_changes_are_told(tmp_path: Path, library: Library) -> None:
    agent = FakeAgent(Settings(data_dir=tmp_path / "data", models_dir=tmp_path), {})
    agent.library = library  # type: ignore[assignment]
    app = create_app(agent, chat=False, watcher=Watching())  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        assert "Changes are picked up automatically." in (await client.get(f"{API}/sources?lang=en")).text
        assert (await client.get(f"{API}/work")).json()["content"] == 3


async def test_a_broken_library_is_one_sentence_without_its_path(page: Page, library: Library) -> None:
    library.folder.mkdir(parents=True)
    (library.folder / "library.db").write_bytes(b"this is no database" * 100)
    for path in ("documents", "overview", "sources", "collections", "failures"):
        got = await page.get(path)
        assert (got.status_code, got.json()["error"]) == (409, strings.load("en")("cannot.library_broken"))


@pytest.mark.parametrize("path", ["uploads?name=a.md", "sources", "collections", "failures/retry", "jobs/j1/stop"])
@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
async def test_only_our_own_page_may_change_anything(page: Page, path: str, headers: dict[str, str]) -> None:
    got = await page.client.post(f"{API}/{path}", content=b"{}", headers=headers)
    assert got.status_code == 403


async def test_bodies_are_bounded(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    long = await page.client.post(f"{API}/collections", content=b"x" * (2**20 + 1), headers=SAME)
    assert long.status_code == 413
    lying = {**SAME, "content-length": "99999999999"}
    assert (await page.client.post(f"{API}/uploads?name=a", content=b"x", headers=lying)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"

    assert (await page.client.post(f"{API}/uploads?name=a", content=endless(), headers=SAME)).status_code == 411
    monkeypatch.setattr(shield, "_BODY", 10)
    assert (await page.send("collections", {"name": "a name"})).status_code == 413


@pytest.mark.parametrize("body", [{"path": "x" * 5000}, {"path": "/tmp", "more": 1}, [], {"path": "/tmp", "hours": 0}])
async def test_bodies_that_are_none_are_refused(page: Page, body: Any) -> None:
    assert (await page.send("sources", body)).status_code == 422
