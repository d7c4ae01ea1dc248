"""Runs a scripted conversation against the real graph, library and embedder, and says where it differs."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import Agent, Answer, KotaeError, QuestionError, Settings
from agent.models.scripted import ScriptedChatModel, ScriptExhausted
from agent.specialists.promoted import FOLDER
from tools.base import Gathered, Passage, Sent, ToolError
from tools.specialist.registry import Registry
from ui.samples import sample_folders
from ui.script import Document, Expect, Script, ScriptedTurn, ScriptError, Web, Words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from tools.base import Consent, Tool

AgentFactory = Callable[[Settings, "Tool", "BaseChatModel | None"], AbstractAsyncContextManager[Agent]]
"""Opens an agent over these settings with this tool as its web and this model; None: the model of the settings."""


@dataclass(frozen=True)
class Difference:
    """One expectation that was not met, both sides in words."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True)
class TurnResult:
    """`answer` is None when the question was not accepted or the turn failed; `error` then says why."""

    user: str
    expect: Expect
    answer: Answer | None
    error: str
    differences: tuple[Difference, ...]
    seconds: float
    said: tuple[tuple[str, str], ...] = ()
    """In a scripted run, the end of each prompt and the line that answered it."""

    @property
    def ok(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class ConversationResult:
    """What came of a script. `live`: a real model answered."""

    name: str
    live: bool
    turns: tuple[TurnResult, ...]

    @property
    def ok(self) -> bool:
        return all(turn.ok for turn in self.turns)

    def as_json(self) -> dict[str, Any]:
        """The object that `kotae converse --json` prints for a script."""
        return {
            "name": self.name,
            "live": self.live,
            "ok": self.ok,
            "turns": [
                {
                    "user": turn.user,
                    "ok": turn.ok,
                    "expect": turn.expect.model_dump(exclude_none=True),
                    "differences": [asdict(d) for d in turn.differences],
                    "error": turn.error,
                    "answer": turn.answer.as_json() if turn.answer else None,
                    "seconds": round(turn.seconds, 3),
                }
                for turn in self.turns
            ],
        }


class ScriptedWeb:
    """The web of a script: finds what the turn says, or fails as the turn says."""

    name = "web"

    def __init__(self) -> None:
        self.web: Web = "off"
        self.queries: list[str] = []

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        self.queries.append(query)
        sent = [Sent("script", query, time.time())]
        if isinstance(self.web, str):
            raise ToolError(f"web_{self.web}", "the script says so", sent)
        found = [
            Passage(
                id=hashlib.sha256(f"{hit.url}\0{hit.text}".encode()).hexdigest()[:16],
                text=hit.text,
                title=hit.title,
                url=hit.url,
                kind="web",
                score=1.0 / rank,
                trust=0.5,
            )
            for rank, hit in enumerate(self.web[:k], 1)
        ]
        return Gathered(found, sent)


@asynccontextmanager
async def open_agent(settings: Settings, web: Tool, model: BaseChatModel | None) -> AsyncIterator[Agent]:
    """An agent with `web` in place of the real web search."""
    async with Agent.open(settings, model=model, web=web) as agent:
        yield agent


async def run(
    script: Script,
    factory: AgentFactory = open_agent,
    *,
    live: bool = False,
    settings: Settings | None = None,
) -> ConversationResult:
    """Play `script` in a temporary data folder. With `live`, or when it brings no model lines, the model of
    `settings` answers. A turn that differs does not end the conversation. Raises `ScriptError` when a document of
    the script cannot be indexed, `ModelError` when there is no model to answer."""
    live = live or not script.scripted
    settings = settings or Settings()
    model = None if live else ScriptedChatModel(lines=[])
    with tempfile.TemporaryDirectory(prefix="kotae-converse-") as folder:
        root = Path(folder)
        own = settings.model_copy(update={"data_dir": root / "data", "web": script.consent})
        web = ScriptedWeb()
        await asyncio.to_thread(_promote, script, own)
        async with factory(own, web, model) as agent:
            await asyncio.to_thread(_fill_library, agent, script, root / "documents")
            if live:
                await agent.start_model()
            thread = agent.new_thread()
            results = []
            for turn in script.turns:
                web.web = script.web if turn.web is None else turn.web
                results.append(
                    await _play(turn, script, agent, thread, model, away=None if web.web != "off" else "off")
                )
        return ConversationResult(script.name, live, tuple(results))


def _promote(script: Script, settings: Settings) -> None:
    registry = Registry(settings.data_dir / FOLDER)
    for card in script.specialists:
        registry.promote(card.name, registry.add(card, None, None).number, unproven=True)


def _fill_library(agent: Agent, script: Script, folder: Path) -> None:
    if script.library == "sample":
        paths = sample_folders()
    else:
        paths = [folder]
        for document in script.library:
            assert isinstance(document, Document)
            path = folder / document.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document.text, "utf-8")
    if script.library:
        report = agent.library.index(paths)
        for failure in report.failed:
            raise ScriptError(f"{script.name}: {Path(failure.path).name} cannot be indexed: {failure.reason}")


async def _play(
    turn: ScriptedTurn,
    script: Script,
    agent: Agent,
    thread: str,
    model: ScriptedChatModel | None,
    *,
    away: Consent | None,
) -> TurnResult:
    expect = turn.expect if model is not None else turn.expect.updated(turn.expect_live)
    if expect.language is None and script.language is not None and "language" not in expect.model_fields_set:
        expect = expect.model_copy(update={"language": script.language})
    already = 0
    if model is not None:
        already = len(model.prompts)
        model.extend(list(turn.model or ()))
    began = time.perf_counter()
    answer: Answer | None = None
    error, reason = "", ""
    try:
        answer = await agent.ask(turn.question, thread, web=away)
    except QuestionError as refused:
        error, reason = str(refused), refused.reason
    except (KotaeError, ScriptExhausted) as failed:
        error = _cause(failed)
    seconds = time.perf_counter() - began
    differences = tuple(_differences(expect, answer, error, reason))
    said: tuple[tuple[str, str], ...] = ()
    if model is not None:
        said = tuple((p[-160:], line) for p, line in zip(model.prompts[already:], model.lines[already:], strict=False))
        if left := model.leftover:
            differences += (Difference("model", "every line is asked for", f"left over: {' | '.join(left)}"),)
            model.lines = model.lines[: -len(left)]
    return TurnResult(turn.question, expect, answer, error, differences, seconds, said)


def _cause(error: BaseException) -> str:
    """What went wrong; a script that ran out of lines hides behind the model's own error."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ScriptExhausted):
            return str(inner)
        inner = inner.__cause__ or inner.__context__
    return str(error)


def _differences(expect: Expect, answer: Answer | None, error: str, reason: str) -> Iterator[Difference]:
    if answer is None:
        if expect.error is None or expect.error != reason:
            yield Difference("error", expect.error or "none", error)
        return
    if expect.error is not None:
        yield Difference("error", expect.error, f"it was answered: {answer.text}")
        return
    if expect.or_refused and answer.refused:
        expect = expect.model_copy(update=dict.fromkeys(("refused", "route", "contains", "cites")))
    found = {"route": answer.place, "refused": answer.refused, "language": answer.language}
    for name, got in found.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != got:
            yield Difference(name, _word(wanted), _word(got))
    yield from _lists(expect, answer)
    calls = answer.usage.calls
    if expect.max_model_calls is not None and calls > expect.max_model_calls:
        yield Difference("max_model_calls", f"at most {expect.max_model_calls}", str(calls))


def _lists(expect: Expect, answer: Answer) -> Iterator[Difference]:
    for wanted in expect.standalone or ():
        if not holds(answer.standalone, wanted):
            yield Difference("standalone", _either(wanted), answer.standalone)
    for wanted in expect.contains or ():
        if not holds(answer.text, wanted):
            yield Difference("contains", _either(wanted), answer.text)
    for unwanted in expect.not_contains or ():
        if holds(answer.text, unwanted):
            yield Difference("not_contains", unwanted, answer.text)
    cited = cited_documents(answer)
    names = ", ".join(title for title, _ in cited) or "nothing"
    if expect.cites == () and cited:
        yield Difference("cites", "nothing", names)
    for document in expect.cites or ():
        if not any(_names(document, title, url) for title, url in cited):
            yield Difference("cites", document, names)
    offered = " | ".join(answer.choices)
    if expect.choices == () and offered:
        yield Difference("choices", "none", offered)
    for choice in expect.choices or ():
        if not holds(offered, choice):
            yield Difference("choices", _either(choice), offered or "none")
    if expect.notices == () and answer.notices:
        yield Difference("notices", "none", ", ".join(answer.notices))
    for notice in expect.notices or ():
        if notice not in answer.notices:
            yield Difference("notices", notice, ", ".join(answer.notices) or "none")


def holds(text: str, wanted: Words) -> bool:
    """Whether `text` has `wanted`, or one of it; width, case and white space do not count."""
    return any(_folded(w) in _folded(text) for w in ((wanted,) if isinstance(wanted, str) else wanted))


def cited_documents(answer: Answer) -> list[tuple[str, str]]:
    """Title and address of each source that a supported sentence cites. A refusal cites nothing: its sources are
    only the nearest passages."""
    if answer.refused:
        return []
    numbers = {n for s in answer.sentences if s.supported for n in s.cites}
    return list(dict.fromkeys((s.passage.title, s.passage.url) for s in answer.sources if s.n in numbers))


def _names(document: str, title: str, url: str) -> bool:
    return _folded(document) == _folded(title) or url == document or url.endswith(f"/{document}")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _either(wanted: Words) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)


def summary(results: Sequence[ConversationResult]) -> tuple[int, int]:
    """How many conversations and how many turns differ."""
    return sum(not r.ok for r in results), sum(not t.ok for r in results for t in r.turns)
