"""What the settings' page reads and changes: settings, models, and the checks of the installation. That a request comes
from our own page is checked in `ui.shield`."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.doctor import examine
from agent.errors import ModelMissing, SettingsError
from agent.models.catalogue import Catalogue
from agent.models.connect import model_file, resolve
from agent.settings import Settings, origins, settings_file
from ui import strings
from ui.languages import asked_language
from ui.model_work import Downloading, Downloads
from ui.render_models import checks_html, download_html, models_html
from ui.render_settings import Standing, banner_html, frame_html, group_html
from ui.settings_fields import FIXED, GROUPS

if TYPE_CHECKING:
    from agent import Agent
    from ui.strings import Strings

log = logging.getLogger(__name__)

ROUTE = "/api/settings"
_FRESH = {"Cache-Control": "no-store"}
_NOT_HERE = ("Port",)
"""Checks that say nothing while Kotae runs: it is Kotae that holds its port."""

Key = Annotated[str, Field(max_length=60)]
Value = Annotated[str, Field(max_length=20_000)]


class Changes(BaseModel):
    """Settings with their new values; None takes one out of the settings file."""

    model_config = ConfigDict(extra="forbid")
    changes: Annotated[dict[Key, Value | None], Field(min_length=1, max_length=100)]


class Misfit(Exception):
    """A setting cannot be changed so. `code` is one of the family `misfit`, `bound` the limit that it names."""

    def __init__(self, code: str, key: str = "", bound: str = "", status: int = 422) -> None:
        super().__init__(code)
        self.code, self.key, self.bound, self.status = code, key, bound, status


@dataclass(frozen=True)
class SettingsDesk:
    """All that the page works with. `given`: settings that this run was given when it was started."""

    running: Settings
    given: frozenset[str]
    downloads: Downloads
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the settings file is read, tried and written."""

    @classmethod
    def of(cls, agent: Agent) -> SettingsDesk:
        """To be made when Kotae starts: what differs now from file and environment came from the command line."""
        running = agent.settings
        try:
            known = Settings.load()
        except SettingsError:
            known = running
        given = frozenset(key for key in Settings.model_fields if getattr(known, key) != getattr(running, key))
        return cls(running, given, Downloads(running.models_dir))

    def standing(self) -> Standing:
        """How the settings stand now."""
        file = str(settings_file())
        try:
            return Standing(Settings.load(), self.running, origins(), self.given, file)
        except SettingsError as error:
            log.warning("%s", error)
            return Standing(self.running, self.running, {}, self.given, file, broken=True)

    def change(self, changes: dict[str, str | None]) -> None:
        """Write settings, all or none. Raises `Misfit`."""
        now = self.standing()
        if now.broken:
            raise Misfit("broken", status=409)
        for key in changes:
            if key not in Settings.model_fields:
                raise Misfit("unknown", key)
            if key in FIXED or now.locked(key):
                raise Misfit("fixed", key, status=409)
        if changes.get("model"):
            changes = changes | {"model": _model(str(changes["model"]), self.running)}
        try:
            with self.lock:
                Settings.trial(changes)
                Settings.store_all(changes)
        except SettingsError as error:
            raise Misfit(error.fault or "unfit", error.key, error.bound) from error
        except OSError as error:
            log.warning("the settings file cannot be written: %s", error)
            raise Misfit("not_written", status=500) from error


def refusal(error: Misfit, words: Strings) -> Response:
    """What the page is told of a change that is not made."""
    said = words.code("unfit", error.key) if error.code in ("unfit", "choice") else ""
    if not said and error.code in ("least", "most", "above"):
        said = {
            "least": words("misfit.least", bound=error.bound),
            "most": words("misfit.most", bound=error.bound),
            "above": words("misfit.above", bound=error.bound),
        }[error.code]
    said = said or words.code("misfit", error.code) or words("misfit.unfit")
    return JSONResponse({"error": said, "field": error.key}, error.status, headers=_FRESH)


def serve_settings(app: FastAPI, desk: SettingsDesk) -> None:
    """Add the routes, and the sentences for what goes wrong in them."""

    async def refused(request: Request, error: Exception) -> Response:
        words = _words(request)
        if isinstance(error, Downloading):
            return JSONResponse({"error": words("download.busy", name=error.title)}, 409, headers=_FRESH)
        assert isinstance(error, Misfit)
        return refusal(error, words)

    app.add_exception_handler(Misfit, refused)
    app.add_exception_handler(Downloading, refused)
    _serve_values(app, desk)
    _serve_models(app, desk)

    @app.get(f"{ROUTE}/health")
    async def health(request: Request) -> Response:
        checks = await asyncio.to_thread(examine, desk.running)
        return _html(checks_html([check for check in checks if check.name not in _NOT_HERE], _words(request)))


def _serve_values(app: FastAPI, desk: SettingsDesk) -> None:
    @app.get(f"{ROUTE}/frame")
    async def frame(request: Request) -> Response:
        return _html(frame_html(_words(request)))

    @app.get(f"{ROUTE}/parts")
    async def parts(request: Request) -> Response:
        words, now = _words(request), await asyncio.to_thread(desk.standing)
        forms = {group: group_html(group, now, words) for group in GROUPS}
        return JSONResponse({"banner": banner_html(now, words), "parts": forms}, headers=_FRESH)

    @app.post(f"{ROUTE}/values")
    async def change(wanted: Changes) -> dict[str, Any]:
        await asyncio.to_thread(desk.change, dict(wanted.changes))
        return {"saved": sorted(wanted.changes)}


def _serve_models(app: FastAPI, desk: SettingsDesk) -> None:
    downloads = desk.downloads

    @app.get(f"{ROUTE}/models")
    async def models(request: Request) -> Response:
        words = _words(request)

        def render() -> str:
            now, download = desk.standing(), downloads.now()
            return models_html(
                Catalogue.load(),
                desk.running.models_dir,
                words,
                chosen=now.settings.model,
                running=desk.running.model,
                busy=download is not None and download.open,
                locked=now.locked("model"),
            )

        try:
            return _html(await asyncio.to_thread(render))
        except SettingsError as error:
            log.warning("%s", error)
            return JSONResponse({"error": words("model.catalogue_broken")}, 409, headers=_FRESH)

    @app.get(f"{ROUTE}/work")
    async def work(request: Request, after: int = -1) -> Response:
        revision, now = downloads.revision, downloads.now()
        found: dict[str, Any] = {
            "revision": revision,
            "content": downloads.content,
            "busy": now is not None and now.open,
        }
        if revision != after:
            found["html"] = download_html(now, _words(request)) if now is not None else ""
        return JSONResponse(found, headers=_FRESH)

    @app.post(f"{ROUTE}/models/{{name}}/download")
    async def download(request: Request, name: str) -> Response:
        try:
            model = (await asyncio.to_thread(Catalogue.load)).find(name)
        except SettingsError:
            model = None
        if model is None:
            return JSONResponse({"error": _words(request)("download.unknown")}, 404, headers=_FRESH)
        return JSONResponse({"work": downloads.begin(model)}, headers=_FRESH)

    @app.post(f"{ROUTE}/work/{{id}}/stop")
    async def stop(id: str) -> dict[str, str]:
        downloads.stop(id)
        return {"work": id}

    @app.post(f"{ROUTE}/work/{{id}}/dismiss")
    async def dismiss(id: str) -> dict[str, str]:
        downloads.dismiss(id)
        return {"work": id}


def _model(value: str, settings: Settings) -> str:
    """The setting `model` as it is kept. Raises `Misfit` where it names nothing."""
    try:
        target = resolve(value, Catalogue.load())
    except ModelMissing as error:
        raise Misfit("unfit", "model") from error
    except SettingsError as error:
        raise Misfit("broken", "model", status=409) from error
    if target.where == "file":
        path = model_file(target, settings)
        if not path.is_file():
            raise Misfit("unfit", "model")
        return str(path)
    return target.entry.name if target.entry is not None else value.strip()


def _words(request: Request) -> Strings:
    return strings.load(asked_language(request))


def _html(html: str) -> Response:
    return HTMLResponse(html, headers=_FRESH)
