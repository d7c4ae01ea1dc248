"""What the library's page reads: fragments of HTML from the renderers, and a few numbers."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tools.base import ToolError
from tools.library import DEFAULT, EVERYTHING, Scope
from ui import strings
from ui.files import document_response
from ui.http.asker import Visiting
from ui.languages import asked_language
from ui.library_work import LibraryWork
from ui.render_documents import Choice, chosen, document_html, table_html
from ui.render_library import collections_html, failures_html, frame_html, size, sources_html, summary, work_html
from ui.render_search import results_html, type_name
from ui.uploads import MOST, Uploads

if TYPE_CHECKING:
    from agent import Agent
    from tools.base import Passage
    from tools.library import Document, DocumentType, Library, Watcher
    from ui.people.roles import Visitor
    from ui.strings import Strings

ROUTE = "/api/library"
UPLOADS = f"{ROUTE}/uploads"
"""Where a file is sent."""
_AT_ONCE = 40
"""Passages of a document that are shown at once."""
_FAR = 200
"""A passage beyond this number is shown with those around it, and not with all before it."""
_FRESH = {"Cache-Control": "no-store"}

Short = Annotated[str, Query(max_length=1000)]


@dataclass(frozen=True)
class LibraryDesk:
    """All that the page of one library works with."""

    library: Library
    uploads: Uploads
    work: LibraryWork
    watcher: Watcher | None = None

    @classmethod
    def of(cls, library: Library, data_dir: Path, watcher: Watcher | None = None) -> LibraryDesk:
        """Uploaded files are kept in `uploads` of the data folder."""
        uploads = Uploads.of(data_dir)
        return cls(library, uploads, LibraryWork(library, uploads), watcher)

    @property
    def prefix(self) -> str:
        """What the paths of uploaded files begin with."""
        return f"{self.uploads.folder}{os.sep}"

    def content(self) -> int:
        """A number that changes when the library did."""
        return self.work.content + (self.watcher.status().changes if self.watcher else 0)


class Refused(Exception):
    """Something that the page asked for cannot be done. `reason` is a code with a sentence in each language."""

    def __init__(self, reason: str, status: int = 409) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def said(reason: str, words: Strings, limit: int) -> str:
    """The sentence for a reason."""
    if reason == "too_large":
        return words("cannot.too_large", size=size(limit))
    if reason == "too_many":
        return words("cannot.too_many", n=MOST)
    return words.code("cannot", reason) or words("cannot.unknown")


def serve_views(app: FastAPI, desk: LibraryDesk, agent: Agent) -> None:
    """Add the routes that change nothing, and the sentences for what goes wrong in any of the library's routes."""
    library = desk.library

    async def refused(request: Request, error: Exception) -> Response:
        words = _words(request)
        status = error.status if isinstance(error, Refused) else 409
        reason = error.reason if isinstance(error, Refused | ToolError) else "unknown"
        return JSONResponse({"error": said(reason, words, desk.uploads.limit)}, status, headers=_FRESH)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(ToolError, refused)

    @app.get(f"{ROUTE}/frame")
    async def frame(request: Request) -> Response:
        return _html(frame_html(_words(request), limit=desk.uploads.limit))

    @app.get(f"{ROUTE}/work")
    async def work(request: Request, after: int = -1) -> Response:
        revision, jobs = desk.work.revision, desk.work.jobs()
        found: dict[str, Any] = {
            "revision": revision,
            "content": desk.content(),
            "busy": any(job.open for job in jobs),
            "names": list(dict.fromkeys(job.id for job in jobs)),
        }
        if revision != after:
            found["html"] = work_html(jobs, _words(request))
        return JSONResponse(found, headers=_FRESH)

    @app.get(f"{ROUTE}/overview")
    async def overview(request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(_overview, desk, _words(request)), headers=_FRESH)

    @app.get(f"{ROUTE}/documents")
    async def documents(
        request: Request,
        text: Short = "",
        collection: Short = "",
        type: Short = "",
        sort: Short = "title",
        order: Short = "",
        page: Annotated[int, Query(ge=0, le=10**6)] = 0,
    ) -> Response:
        choice = Choice(text, collection, type, sort, order == "descending", page)

        def render() -> str:
            everything = library.documents()
            return table_html(
                chosen(everything, choice),
                choice,
                _words(request),
                now=time.time(),
                uploads=desk.prefix,
                empty=not everything,
            )

        return _html(await asyncio.to_thread(render))

    @app.get(f"{ROUTE}/failures")
    async def failures(request: Request) -> Response:
        found = await asyncio.to_thread(library.failures)
        return _html(failures_html(found, _words(request), now=time.time(), uploads=desk.prefix))

    @app.get(f"{ROUTE}/sources")
    async def sources(request: Request) -> Response:
        found = await asyncio.to_thread(library.sources)
        status = desk.watcher.status() if desk.watcher else None
        return _html(sources_html(found, status, _words(request), now=time.time(), uploads=desk.prefix))

    @app.get(f"{ROUTE}/collections")
    async def collections(request: Request) -> Response:
        found = await asyncio.to_thread(library.collections)
        return _html(collections_html(found, _words(request), now=time.time(), default=DEFAULT))

    @app.get(f"{ROUTE}/search")
    async def search(
        request: Request,
        query: Short,
        collection: Short = "",
        type: Short = "",
        k: Annotated[int, Query(ge=1, le=50)] = 8,
    ) -> Response:
        scope = Scope(
            collections=frozenset({collection}) if collection else None,
            types=frozenset({cast("DocumentType", type)}) if type else None,
        )
        return _html(await asyncio.to_thread(_results, desk, query, k, scope, _words(request)))

    @app.get(f"{ROUTE}/documents/{{id}}")
    async def document(
        request: Request, id: str, first: Annotated[int, Query(ge=0)] = 0, passage: Short = "", query: Short = ""
    ) -> Response:
        html = await asyncio.to_thread(_document, desk, id, first, passage, query, _words(request))
        return _html(html)

    def seen(visitor: Visitor) -> Scope:
        """What of the library somebody sees: who tends it all of it, others what their answers come from."""
        return EVERYTHING if visitor.may("editor") else agent.acting_for(visitor.asker).scope

    @app.get(f"{ROUTE}/documents/{{id}}/pages/{{page}}.png")
    async def page_picture(id: str, page: Annotated[int, PathParameter(ge=1)], visitor: Visiting) -> Response:
        picture = await asyncio.to_thread(library.page_image, id, page, scope=seen(visitor))
        if picture is None:
            raise HTTPException(404)
        return Response(picture, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})

    @app.get(f"{ROUTE}/documents/{{id}}/document")
    async def original(id: str, visitor: Visiting) -> Response:
        found = await asyncio.to_thread(library.document, id, seen(visitor))
        if found is None or not _present(found):
            raise HTTPException(404)
        return await asyncio.to_thread(document_response, Path(found.path))


def _overview(desk: LibraryDesk, words: Strings) -> dict[str, Any]:
    collections = desk.library.collections()
    types = sorted({document.type for document in desk.library.documents()})
    documents = sum(one.documents for one in collections)
    return {
        "summary": summary(documents, sum(one.passages for one in collections), words),
        "counts": {
            "documents": documents,
            "failures": len(desk.library.failures()),
            "collections": len(collections),
        },
        "collections": [one.name for one in collections] or [DEFAULT],
        "types": [[type, type_name(type, words)] for type in types],
        "default": DEFAULT,
        "limit": desk.uploads.limit,
        "limit_said": said("too_large", words, desk.uploads.limit),
        "content": desk.content(),
    }


def _results(desk: LibraryDesk, query: str, k: int, scope: Scope, words: Strings) -> str:
    began = time.perf_counter()
    found: list[Passage] = desk.library.search(query, k=k, scope=scope)
    milliseconds = (time.perf_counter() - began) * 1000
    known = {id: desk.library.document(id) for id in {passage.document for passage in found}}
    documents = {id: document for id, document in known.items() if document is not None}
    return results_html(found, documents, words, query=query, milliseconds=milliseconds)


def _document(desk: LibraryDesk, id: str, first: int, passage: str, query: str, words: Strings) -> str:
    document = desk.library.document(id)
    if document is None:
        raise Refused("library_unknown", 404)
    head = first == 0
    if passage:
        ids = [one.id for one in desk.library.passages(id)]
        place = ids.index(passage) if passage in ids else 0
        first = 0 if place < _FAR else place - _AT_ONCE // 2
        count = max(_AT_ONCE, place - first + _AT_ONCE // 2)
    else:
        count = _AT_ONCE
    return document_html(
        document,
        desk.library.passages(id, first=first, count=count),
        words,
        first=first,
        now=time.time(),
        uploaded=desk.uploads.holds(document.path),
        present=_present(document),
        query=query,
        head=head,
    )


def _present(document: Document) -> bool:
    return document.source == "file" and Path(document.path).is_file()


def _words(request: Request) -> Strings:
    return strings.load(asked_language(request))


def _html(html: str) -> Response:
    return HTMLResponse(html, headers=_FRESH)
