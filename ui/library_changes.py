"""What the library's page changes. That a request comes from our own page is checked for all of them in `ui.shield`.

A path of this machine is the owner's to name: whoever reads it into the library can read it there. Others tend what
is in the library, upload files and add web pages.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from tools.base import Consent, ToolError
from tools.library import DEFAULT, Scope
from ui.copies import going_along
from ui.http.asker import Visiting
from ui.library_jobs import index_source, reread, retry
from ui.library_views import ROUTE, UPLOADS, LibraryDesk, Refused
from ui.people.roles import Visitor
from ui.uploads import MOST, UploadError

Name = Annotated[str, Field(max_length=200)]
Place = Annotated[str, Field(max_length=4096)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSource(_Body):
    """A folder, file or page to read."""

    path: Place
    collection: Name = DEFAULT
    watch: bool = False
    hours: Annotated[float, Field(ge=1, le=24 * 366)] = 24


class SourceOf(_Body):
    """A source, or what failed, by its path."""

    path: Place
    collection: Name = DEFAULT


class Watched(SourceOf):
    """Whether a source is kept up to date."""

    on: bool
    hours: Annotated[float, Field(ge=1, le=24 * 366)] = 24


class Retry(_Body):
    """What to try again; everything that failed without a path."""

    path: Place | None = None
    collection: Name = DEFAULT


class Target(_Body):
    """A collection."""

    collection: Name


class Renamed(_Body):
    """A collection and its new name."""

    name: Name
    new: Name


class Named(_Body):
    """A collection by its name."""

    name: Name


class Leave(_Body):
    """Whether questions over a collection may go to a web search."""

    name: Name
    web: Consent


def serve_changes(app: FastAPI, desk: LibraryDesk) -> None:
    """Add the routes that change the library."""
    _serve_intake(app, desk)
    _serve_documents(app, desk)
    _serve_collections(app, desk)


def _serve_intake(app: FastAPI, desk: LibraryDesk) -> None:
    library, work = desk.library, desk.work

    def named(path: str, visitor: Visitor) -> None:
        """Raises `Refused` for a path of this machine that is not the visitor's to name."""
        if visitor.may("owner") or _is_page(path) or desk.uploads.holds(path):
            return
        known = {source.path for source in library.sources()} | {failure.path for failure in library.failures()}
        if path not in known:
            raise Refused("owners_path", 403)

    @app.post(UPLOADS)
    async def upload(
        request: Request,
        name: Annotated[str, Query(max_length=1000)],
        collection: Annotated[str, Query(max_length=200)] = DEFAULT,
        batch: Annotated[str, Query(max_length=40)] = "",
    ) -> dict[str, str]:
        """The file is the body as it is, so that nothing has to be unpacked."""
        if work.waiting() >= MOST:
            raise Refused("too_many", 429)
        size = int(request.headers.get("content-length", "0"))
        path: Path | None = None
        try:
            path = await desk.uploads.take(name, size, request.stream(), collection)
            return {"batch": work.upload(path, collection, batch)}
        except UploadError as error:
            if path is not None:
                desk.uploads.forget(path)
            status = {"too_large": 413, "stopped": 410}.get(error.reason, 400)
            raise Refused(error.reason, status) from error

    @app.post(f"{ROUTE}/sources")
    async def add(source: NewSource, visitor: Visiting) -> dict[str, str]:
        if not visitor.may("owner") and not _is_page(source.path):
            raise Refused("owners_path", 403)
        path = await asyncio.to_thread(_located, source.path)
        order = index_source(path, source.collection, watch=source.watch, hours=source.hours)
        return {"job": work.add(order)}

    @app.post(f"{ROUTE}/sources/check")
    async def check(source: SourceOf, visitor: Visiting) -> dict[str, str]:
        await asyncio.to_thread(named, source.path, visitor)
        return {"job": work.add(index_source(source.path, source.collection, watch=False, hours=None))}

    @app.post(f"{ROUTE}/sources/watch")
    async def watch(source: Watched, visitor: Visiting) -> dict[str, bool]:
        await asyncio.to_thread(named, source.path, visitor)
        if source.on:
            every = source.hours * 3600
            await asyncio.to_thread(library.watch, [source.path], collection=source.collection, every=every)
        else:
            await asyncio.to_thread(library.unwatch, [source.path], collection=source.collection)
        work.touched()
        return {"watched": source.on}

    @app.delete(f"{ROUTE}/sources")
    async def remove(source: SourceOf) -> dict[str, int]:
        def forget() -> int:
            with going_along(library, desk.uploads, [source.path]):
                return library.remove_source(source.path, collection=source.collection)

        count = await asyncio.to_thread(forget)
        work.touched()
        return {"documents": count}

    @app.post(f"{ROUTE}/failures/retry")
    async def again(failed: Retry, visitor: Visiting) -> dict[str, str]:
        if failed.path is not None:
            await asyncio.to_thread(named, failed.path, visitor)
        return {"job": work.add(retry(failed.path, failed.collection))}

    @app.post(f"{ROUTE}/failures/dismiss")
    async def dismiss(failed: SourceOf) -> dict[str, int]:
        def forget() -> int:
            with going_along(library, desk.uploads, [failed.path]):
                return library.dismiss([failed.path], collection=failed.collection)

        count = await asyncio.to_thread(forget)
        work.touched()
        return {"failures": count}

    @app.post(f"{ROUTE}/jobs/{{id}}/stop")
    async def stop(id: str) -> dict[str, str]:
        work.stop(id)
        return {"job": id}

    @app.post(f"{ROUTE}/jobs/{{id}}/dismiss")
    async def hide(id: str) -> dict[str, str]:
        work.dismiss(id)
        return {"job": id}


def _serve_documents(app: FastAPI, desk: LibraryDesk) -> None:
    library, work = desk.library, desk.work

    @app.post(f"{ROUTE}/documents/{{id}}/reread")
    async def read_again(id: str) -> dict[str, str]:
        document = await asyncio.to_thread(library.document, id)
        if document is None:
            raise Refused("library_unknown", 404)
        return {"job": work.add(reread(id, document.title, document.collection))}

    @app.post(f"{ROUTE}/documents/{{id}}/move")
    async def move(id: str, to: Target) -> dict[str, int]:
        try:
            count = await asyncio.to_thread(library.move, [id], to.collection)
        except ToolError as error:
            raise Refused("held" if error.reason == "library_name" else error.reason) from error
        work.touched()
        return {"documents": count}

    @app.delete(f"{ROUTE}/documents/{{id}}")
    async def remove(id: str) -> dict[str, bool]:
        def forget() -> bool:
            document = library.document(id)
            if document is None:
                return False
            with going_along(library, desk.uploads, [document.path]):
                return library.remove(id)

        done = await asyncio.to_thread(forget)
        work.touched()
        if not done:
            raise Refused("library_unknown", 404)
        return {"removed": True}


def _serve_collections(app: FastAPI, desk: LibraryDesk) -> None:
    library, work = desk.library, desk.work

    @app.post(f"{ROUTE}/collections")
    async def create(one: Named) -> dict[str, str]:
        await asyncio.to_thread(library.create_collection, one.name)
        work.touched()
        return {"name": one.name}

    @app.post(f"{ROUTE}/collections/rename")
    async def rename(one: Renamed) -> dict[str, str]:
        await asyncio.to_thread(library.rename_collection, one.name, one.new)
        work.touched()
        return {"name": one.new}

    @app.post(f"{ROUTE}/collections/web")
    async def web(one: Leave) -> dict[str, str]:
        await asyncio.to_thread(library.set_web, one.name, one.web)
        work.touched()
        return {"name": one.name, "web": one.web}

    @app.delete(f"{ROUTE}/collections")
    async def delete(one: Named) -> dict[str, int]:
        def forget() -> int:
            scope = Scope.of(one.name)
            held = [d.path for d in library.documents(scope)] + [f.path for f in library.failures(scope)]
            with going_along(library, desk.uploads, held):
                return library.delete_collection(one.name)

        count = await asyncio.to_thread(forget)
        work.touched()
        return {"documents": count}


def _is_page(path: str) -> bool:
    return path.strip().strip("\"'").lower().startswith(("http://", "https://"))


def _located(path: str) -> str:
    """What a reader typed as a path or address that can be read. Raises `Refused`."""
    path = path.strip().strip("\"'")
    if not path:
        raise Refused("no_path", 400)
    if _is_page(path):
        return path
    found = Path(path).expanduser()
    if not found.is_absolute():
        raise Refused("relative", 400)
    if "\0" in path or not found.exists():
        raise Refused("not_there", 404)
    return str(found)
