"""Where settings become the objects of the graph. To add a tool, add one line to `tools`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.about_user import AboutUser
from agent.asker import Asker
from agent.context import Context, Limits
from agent.errors import ModelMissing
from agent.library import readable
from agent.models.chat import ChatModel, Connection
from agent.prompts import LANGUAGES
from agent.reading import preamble
from agent.router import Router
from agent.settings import Settings
from agent.specialists.promoted import FOLDER, Promoted
from agent.specialists.speakers import Speakers
from tools.base import Tool, ToolError
from tools.library import Embedder, Library, LibraryTool, Scope
from tools.library.evidence import nearness
from tools.specialist.registry import Registry
from tools.web import Egress, WebSearch, WebTool
from tools.web.cache import SearchCache
from tools.web.fetch import PageReader
from tools.web.providers import Provider
from tools.web.providers.brave import Brave
from tools.web.providers.duckduckgo import DuckDuckGo
from tools.web.providers.searxng import SearXNG

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_SECTION = 600
"""Tokens of a section that a model elsewhere reads around a passage."""


@dataclass(frozen=True)
class _Given:
    """A model that the caller made and will close."""

    model: BaseChatModel
    name: str
    embedded: None = None
    origin: str = "the setting `model`"
    formats: bool = False

    def close(self) -> None:
        pass


def chat_model(settings: Settings, given: BaseChatModel | None = None) -> ChatModel:
    """The language model that the settings name, or `given`; it connects on first use."""
    if given is not None:
        fixed = _Given(given, given._llm_type)
        return ChatModel(lambda: fixed)

    def connect() -> Connection:
        from agent.models.connect import connect as to_configured

        return to_configured(settings)

    return ChatModel(connect, [preamble(language) for language in LANGUAGES])


def build_context(
    settings: Settings,
    library: Library,
    model: ChatModel,
    web: Tool | None = None,
    *,
    reads: Path | None = None,
    shipped: bool = False,
) -> Context:
    """Everything that the nodes work with; `web` takes the place of the web search that the settings describe.

    With `reads`, a data folder, the specialist that is promoted there reads the passages, and no question is sent to
    any: for measuring what Kotae itself answers. `shipped`: `model` is the configured one, for which specialists that
    come with Kotae are put to use.
    """
    scope = readable(settings)
    documents = _Documents(library, scope)
    router = Router.open(library.embedder, settings.data_dir)
    return Context(
        model=model,
        router=router,
        tools={
            "library": LibraryTool(library, scope, section_tokens=section_tokens(settings)),
            "web": web or web_tool(settings, library.embedder),
        },
        specialists=_specialists(settings, model, router, reads, shipped),
        limits=Limits(
            gathers=settings.max_gathers,
            drafts=settings.max_drafts,
            seconds=settings.max_seconds,
            passages=settings.passages,
            answer_tokens=settings.max_answer_tokens,
            ask_back=settings.ask_back == "on",
            read=0 if section_tokens(settings) else Limits.read,
            digest=settings.digest_tokens,
        ),
        familiarity=documents.familiarity,
        titles=documents.titles,
        unmentioned=documents.unmentioned,
        nearness=partial(nearness, library.embedder),
        about=AboutUser(settings.data_dir),
    )


def for_asker(context: Context, asker: Asker, settings: Settings, library: Library) -> Context:
    """What the nodes work with when `asker` asks."""
    if asker.collections is not None:
        scope = readable(settings, asker)
        documents = _Documents(library, scope)
        tool = LibraryTool(library, scope, section_tokens=section_tokens(settings))
        context = replace(
            context,
            tools={**context.tools, "library": tool},
            familiarity=documents.familiarity,
            titles=documents.titles,
            unmentioned=documents.unmentioned,
        )
    if not asker.specialists:
        context = replace(
            context,
            router=context.router.without_specialists(),
            specialists=context.specialists.without_specialists(),
        )
    return context if asker.remembered else replace(context, about=None)


def web_tool(settings: Settings, embedder: Embedder) -> WebTool:
    """The web search that the settings describe. To add a service, add one branch."""
    providers: list[Provider] = []
    for name in settings.web_providers:
        if name == "searxng":
            assert settings.searxng_url
            providers.append(SearXNG(settings.searxng_url))
        elif name == "brave":
            assert settings.brave_key
            providers.append(Brave(settings.brave_key.get_secret_value()))
        else:
            providers.append(DuckDuckGo())
    search = WebSearch(providers, settings.web_seconds, cache=search_cache(settings))
    reader = PageReader(Egress(settings.egress_allow))
    pages, seconds = settings.web_pages, settings.page_seconds
    return WebTool(search, settings.web_region, embedder=embedder, reader=reader, pages=pages, seconds=seconds)


def search_cache(settings: Settings) -> SearchCache:
    """What earlier searches found; to be forgotten, too."""
    return SearchCache(settings.data_dir / "web" / "searches.sqlite")


def _specialists(settings: Settings, model: ChatModel, router: Router, reads: Path | None, shipped: bool) -> Promoted:
    found = Promoted(
        Registry((reads or settings.data_dir) / FOLDER),
        Speakers(settings, model),
        router,
        most=settings.max_answer_tokens,
        only_reading=reads is not None,
        shipped=shipped,
    )
    found.refresh()
    return found


def section_tokens(settings: Settings) -> int:
    """How much of the section around a passage is read with it; see the setting."""
    if settings.section_tokens != "auto":
        return settings.section_tokens
    from agent.models.catalogue import Catalogue
    from agent.models.connect import resolve

    try:
        target = resolve(settings.model, Catalogue.load())
    except ModelMissing:
        return 0
    return _SECTION if target.where in ("server", "provider") else 0


@dataclass(frozen=True)
class _Documents:
    """What of the library may be read, as the nodes ask about it. What cannot be read is as if it were not there."""

    library: Library
    scope: Scope

    def familiarity(self, question: str) -> float | None:
        try:
            found = self.library.search(question, k=1, scope=self.scope)
        except ToolError:
            return None
        return found[0].stages.get("vector") if found else None

    def titles(self) -> list[str]:
        return [document.title for document in self.library.documents(self.scope)]

    def unmentioned(self, words: Sequence[str]) -> list[str]:
        try:
            return self.library.unmentioned(words, self.scope)
        except ToolError:
            return []  # nothing may be said about documents that cannot be read
