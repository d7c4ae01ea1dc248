"""What may be read of the library and the specialists as JSON. It is changed through the routes of the page
(`/api/library`, `/api/specialists`)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from tools.base import Consent
from tools.library import DocumentState, DocumentType
from tools.specialist.card import Use
from ui.http.asker import Authorised
from ui.http.problems import ErrorBody, Problem, Responses

if TYPE_CHECKING:
    from agent import Agent
    from tools.library import Document, Library, Scope
    from tools.specialist.versions import Specialist

_MOST_PASSAGES = 50
_AT_ONCE = 1000
_DOCUMENT: dict[str, Any] = {
    "id": "6f0d",
    "path": "/home/you/handbook.md",
    "title": "Staff handbook",
    "type": "markdown",
    "pages": 0,
    "passages": 12,
    "bytes": 8_211,
    "language": "en",
    "collection": "default",
    "owner": "",
    "indexed_at": 1_790_000_000.0,
    "modified": 1_789_000_000.0,
    "state": "indexed",
    "error": "",
}
_PASSAGE: dict[str, Any] = {
    "id": "6f0d-3",
    "text": "Every employee has 20 days of paid leave a year.",
    "title": "Staff handbook",
    "url": "/home/you/handbook.pdf",
    "page": 3,
    "heading": ["Paid leave"],
    "document": "6f0d",
    "score": 1.9,
}
_UNKNOWN: Responses = {404: {"model": ErrorBody, "description": "It is not there."}}

Short = Annotated[str, Query(max_length=200)]


class PassageRow(BaseModel):
    """A passage; `document` is the id of its document. Scores order the passages of one search."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PASSAGE]})
    id: str
    text: str
    title: str
    url: str
    page: int | None
    heading: list[str]
    document: str
    score: float


class Found(BaseModel):
    """The passages of a search, best first."""

    query: str
    passages: list[PassageRow]
    seconds: float


class DocumentRow(BaseModel):
    """A document as it was when it was indexed. Times are seconds since 1970."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DOCUMENT]})
    id: str
    path: str
    title: str
    type: DocumentType
    pages: int
    passages: int
    bytes: int
    language: str
    collection: str
    owner: str
    indexed_at: float
    modified: float
    state: DocumentState
    error: str


class Documents(BaseModel):
    """Documents by path; `total` is how many there are altogether."""

    total: int
    documents: list[DocumentRow]


class CollectionRow(BaseModel):
    """A collection, and whether questions over it may go to a web search."""

    name: str
    documents: int
    passages: int
    web: Consent


class Collections(BaseModel):
    """The collections that answers may be written from."""

    collections: list[CollectionRow]


class SpecialistRow(BaseModel):
    """A specialist, and which of its versions is in use; none while it is not."""

    name: str
    description: list[str]
    use: Use
    promoted: int | None
    versions: list[int]


class Specialists(BaseModel):
    """The specialists by name."""

    specialists: list[SpecialistRow]


def serve_reads(api: APIRouter, agent: Agent) -> None:
    """Add the routes that only read."""
    library = agent.library

    @api.get("/api/search", tags=["library"], responses=_UNKNOWN)
    async def search(
        asker: Authorised,
        q: Annotated[str, Query(description="What to look for.")],
        k: Annotated[int, Query(ge=1, le=_MOST_PASSAGES)] = 8,
        collection: Short = "",
    ) -> Found:
        """The passages nearest to a question, without asking the language model."""
        scope = within(agent.acting_for(asker).scope, collection)
        return await asyncio.to_thread(found, library, agent.settings.checked(q), k, scope)

    @api.get("/api/documents", tags=["library"], responses=_UNKNOWN)
    async def documents(
        asker: Authorised,
        collection: Short = "",
        first: Annotated[int, Query(ge=0)] = 0,
        count: Annotated[int, Query(ge=1, le=_AT_ONCE)] = 100,
    ) -> Documents:
        """Documents by path, `count` from number `first` on."""
        listed = await asyncio.to_thread(library.documents, within(agent.acting_for(asker).scope, collection))
        return Documents(total=len(listed), documents=[_document(one) for one in listed[first : first + count]])

    @api.get("/api/documents/{id}", tags=["library"], responses=_UNKNOWN)
    async def document(asker: Authorised, id: str) -> DocumentRow:
        """A document."""
        one = await asyncio.to_thread(library.document, id, agent.acting_for(asker).scope)
        if one is None:
            raise Problem("not_found")
        return _document(one)

    @api.get("/api/collections", tags=["library"])
    async def collections(asker: Authorised) -> Collections:
        """The collections that answers may be written from."""
        allowed = agent.acting_for(asker).scope.collections
        rows = [
            CollectionRow(name=one.name, documents=one.documents, passages=one.passages, web=one.web)
            for one in await asyncio.to_thread(library.collections)
            if allowed is None or one.name in allowed
        ]
        return Collections(collections=rows)

    @api.get("/api/specialists", tags=["specialists"])
    async def specialists(_: Authorised) -> Specialists:
        """The specialists and their versions."""
        return Specialists(specialists=[_specialist(one) for one in await asyncio.to_thread(agent.study.all)])


def within(scope: Scope, collection: str) -> Scope:
    """`scope`, narrowed to a collection if one is named. Raises `Problem` for one outside it."""
    if not collection:
        return scope
    if scope.collections is not None and collection not in scope.collections:
        raise Problem("not_found")
    return replace(scope, collections=frozenset({collection}))


def found(library: Library, query: str, k: int, scope: Scope) -> Found:
    """A search, timed. Raises `ToolError`."""
    began = time.perf_counter()
    passages = library.search(query, k=k, scope=scope)
    rows = [PassageRow.model_validate({key: getattr(p, key) for key in PassageRow.model_fields}) for p in passages]
    return Found(query=query, passages=rows, seconds=round(time.perf_counter() - began, 4))


def _document(one: Document) -> DocumentRow:
    return DocumentRow.model_validate(asdict(one))


def _specialist(one: Specialist) -> SpecialistRow:
    card = (one.current or one.latest).card
    return SpecialistRow(
        name=one.name,
        description=list(card.description),
        use=card.use,
        promoted=one.promoted,
        versions=[version.number for version in one.versions],
    )
