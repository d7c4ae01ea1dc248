"""What the specialists' page changes. That a request comes from our own page is checked for all of them in
`ui.shield`."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Body, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ModelError, QuestionError
from agent.specialists.shipped import completed, names
from tools.specialist.errors import SpecialistError
from ui.render_examples import checked_html
from ui.render_report import comparison_html
from ui.specialist_orders import NewSpecialist, Settings
from ui.specialist_views import (
    ARCHIVES,
    ROUTE,
    UPLOADS,
    SpecialistDesk,
    Unfit,
    upload_refusal,
    words_of,
)
from ui.specialist_work import Busy, Made, Tell
from ui.uploads import UploadError

if TYPE_CHECKING:
    from agent.specialists.preparing import Order

log = logging.getLogger(__name__)

ClientName = Annotated[str, Query(max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OfVersion(_Body):
    """A version; the latest, or the one in use, without a number."""

    version: Annotated[int | None, Field(ge=1)] = None


class Wanted(_Body):
    """A collection from which examples are to be made, and how many questions."""

    collection: Annotated[str, Field(max_length=200)]
    questions: Annotated[int, Field(ge=10, le=5000)] = 200


class Asked(OfVersion):
    """What a specialist and its base are to be compared by."""

    question: Annotated[str, Field(max_length=20_000)]


def serve_specialist_changes(app: FastAPI, desk: SpecialistDesk) -> None:
    """Add the routes that train, examine, and change what is in use."""
    _serve_files(app, desk)
    _serve_training(app, desk)
    _serve_versions(app, desk)


def _serve_files(app: FastAPI, desk: SpecialistDesk) -> None:
    orders = desk.orders

    async def not_taken(request: Request, error: Exception) -> Response:
        assert isinstance(error, UploadError)
        limit = desk.limits.get(request.url.path, orders.files.limit)
        return upload_refusal(error, limit, words_of(request))

    app.add_exception_handler(UploadError, not_taken)

    @app.post(UPLOADS)
    async def upload(request: Request, name: ClientName) -> dict[str, str]:
        """The file is the body as it is, so that nothing has to be unpacked."""
        size = int(request.headers.get("content-length", "0"))
        id = await orders.take(name, size, request.stream())
        return {"id": id, "name": orders.path(id).name}

    @app.post(f"{UPLOADS}/{{id}}/forget")
    async def forget(id: str) -> dict[str, str]:
        await asyncio.to_thread(orders.forget, id)
        return {"id": id}

    @app.post(ARCHIVES)
    async def take_in(request: Request, name: ClientName) -> dict[str, Any]:
        size = int(request.headers.get("content-length", "0"))
        path = await orders.archives.take(name, size, request.stream())
        try:
            taken = await asyncio.to_thread(desk.study.registry.take_in, path)
        finally:
            await asyncio.to_thread(orders.archives.forget, path)
        desk.work.touched()
        return {"name": taken.card.name, "version": taken.number}


def _serve_training(app: FastAPI, desk: SpecialistDesk) -> None:
    orders, work, study = desk.orders, desk.work, desk.study

    def begin(new: NewSpecialist, order: Order) -> dict[str, str]:
        if (now := work.now()) is not None and now.open:
            raise Busy(now.name)
        orders.keep(new)

        async def task(tell: Tell, stop: threading.Event) -> Made:
            with ExitStack() as files:
                whole = order
                if new.shipped:
                    whole = await asyncio.to_thread(files.enter_context, completed(order))
                made = await study.train(whole, tell, stop, promote=new.promote)
            await asyncio.to_thread(orders.drop, new.name)
            found = made.evaluation
            return Made(made.version.number, made.promoted, found.passed, found.failed)

        return {"work": work.begin("train", new.name, task)}

    @app.post(f"{ROUTE}/check")
    async def check(request: Request, given: Annotated[dict[str, Any], Body()]) -> Response:
        new = _new(given)
        order = await asyncio.to_thread(orders.order, new)
        prepared = await study.prepare(order)
        names = {orders.path(file.id).name: file.name for file in new.files if file.name}
        return HTMLResponse(checked_html(prepared, names, words_of(request)), headers={"Cache-Control": "no-store"})

    @app.post(f"{ROUTE}/train")
    async def train(given: Annotated[dict[str, Any], Body()]) -> dict[str, str]:
        new = _new(given)
        before = await asyncio.to_thread(orders.get, new.name)
        if before is not None and not new.again and _other(before, new):
            raise SpecialistError("exists", "")
        return begin(new, await asyncio.to_thread(orders.order, new))

    @app.post(f"{ROUTE}/named/{{name}}/shipped")
    async def shipped(name: str) -> dict[str, str]:
        """The one of that name that comes with Kotae; it is put into use if it is proven."""
        if name not in names():
            raise SpecialistError("unknown", f"No specialist {name} comes with Kotae.")
        new = _new({"name": name, "shipped": True, "promote": True})
        return begin(new, await asyncio.to_thread(orders.order, new))

    @app.post(f"{ROUTE}/named/{{name}}/resume")
    async def resume(name: str) -> dict[str, str]:
        new = await asyncio.to_thread(orders.get, name)
        if new is None:
            raise Unfit("no_order", 404)
        # what was given up for it was given up when it began
        new = new.model_copy(update={"again": False})
        return begin(new, await asyncio.to_thread(orders.order, new))

    @app.post(f"{ROUTE}/named/{{name}}/again")
    async def again(name: str) -> dict[str, str]:
        """The examples of the latest version on the base model of now."""
        card = (await asyncio.to_thread(study.registry.get, name)).latest.card
        stale = next((one for one in await asyncio.to_thread(study.stale) if one.name == name), None)
        base = stale.now if stale is not None else ""
        given = {key: getattr(card.training, key) for key in Settings.model_fields}
        new = NewSpecialist(name=name, base=base, method=card.training.method, settings=Settings(**given))
        return begin(new, await asyncio.to_thread(orders.order, new))

    @app.post(f"{ROUTE}/named/{{name}}/give-up")
    async def give_up(name: str) -> dict[str, str]:
        """Nothing is left to go on with."""
        if (now := work.now()) is not None and now.open and now.name == name:
            raise Busy(name)
        await asyncio.to_thread(orders.drop, name)
        work.touched()
        return {"name": name}

    @app.post(f"{ROUTE}/named/{{name}}/examine")
    async def examine(name: str, of: OfVersion) -> dict[str, str]:
        version = await asyncio.to_thread(study.get, name, of.version)

        async def task(tell: Tell, stop: threading.Event) -> Made:
            found = (await study.examine(name, version.number, progress=tell, stop=stop)).evaluation
            return Made(version.number, False, found.passed, found.failed)

        return {"work": work.begin("examine", name, task)}

    @app.post(f"{ROUTE}/raft")
    async def raft(wanted: Wanted) -> dict[str, str]:
        """Examples of answering from passages, from the documents of a collection."""
        agent, name = desk.agent, wanted.collection
        out = await asyncio.to_thread(orders.making, agent.settings.model, name)

        async def task(tell: Tell, stop: threading.Event) -> Made:
            rows = await agent.reading_examples(name, wanted.questions, out, tell, stop)
            return Made(file=await asyncio.to_thread(orders.made, out, f"{name}.jsonl"), rows=rows)

        return {"work": work.begin("raft", name, task)}

    @app.post(f"{ROUTE}/work/{{id}}/stop")
    async def stop(id: str) -> dict[str, str]:
        work.stop(id)
        return {"work": id}

    @app.post(f"{ROUTE}/work/{{id}}/dismiss")
    async def dismiss(id: str) -> dict[str, str]:
        work.dismiss(id)
        return {"work": id}


def _serve_versions(app: FastAPI, desk: SpecialistDesk) -> None:
    study, work = desk.study, desk.work

    @app.post(f"{ROUTE}/named/{{name}}/promote")
    async def promote(name: str, of: OfVersion) -> dict[str, Any]:
        put = await asyncio.to_thread(study.promote, name, of.version)
        work.touched()
        return {"name": name, "promoted": put.number}

    @app.post(f"{ROUTE}/named/{{name}}/rollback")
    async def rollback(name: str) -> dict[str, Any]:
        now = (await asyncio.to_thread(study.registry.rollback, name)).promoted
        work.touched()
        return {"name": name, "promoted": now}

    @app.post(f"{ROUTE}/named/{{name}}/retire")
    async def retire(name: str) -> dict[str, Any]:
        await asyncio.to_thread(study.registry.retire, name)
        work.touched()
        return {"name": name, "promoted": None}

    @app.delete(f"{ROUTE}/named/{{name}}")
    async def remove(name: str, of: OfVersion) -> dict[str, str]:
        await asyncio.to_thread(study.registry.remove, name, of.version)
        if of.version is None:
            await asyncio.to_thread(desk.orders.drop, name)
        work.touched()
        return {"name": name}

    @app.post(f"{ROUTE}/named/{{name}}/compare")
    async def compare(request: Request, name: str, asked: Asked) -> Response:
        try:
            found = await study.compare(name, asked.question, asked.version)
        except QuestionError as error:
            raise Unfit(f"question_{error.reason}", 400) from error
        except ModelError as error:
            log.warning("a comparison failed: %s", error)
            raise Unfit("model") from error
        return HTMLResponse(comparison_html(name, found, words_of(request)), headers={"Cache-Control": "no-store"})


def _new(given: dict[str, Any]) -> NewSpecialist:
    """What the form says. Raises `Unfit` where a field is not as it should be."""
    try:
        return NewSpecialist.model_validate(given)
    except ValidationError as error:
        place = [str(part) for part in error.errors()[0]["loc"]]
        raise Unfit({"name": "name", "settings": "settings"}.get(place[0] if place else "", "form"), 400) from error


def _other(before: NewSpecialist, new: NewSpecialist) -> bool:
    """Whether an order would learn something else, or in another way, than the one that was stopped."""
    told = [one.model_dump(exclude={"promote", "again", "personal", "licence"}) for one in (before, new)]
    return told[0] != told[1]
