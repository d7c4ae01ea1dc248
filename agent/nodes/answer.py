"""answer: write the draft, streaming, each sentence with the numbers of its sources and checked as soon as it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from langchain_core.messages import AnyMessage, BaseMessage, SystemMessage
from langgraph.runtime import Runtime

from agent import facts, tables
from agent.asked import holds_what_is_asked
from agent.context import Context
from agent.digest import Gist, also_named, gists, lines, overview, reach
from agent.disagreement import disagreeing
from agent.errors import MemoryFileError
from agent.events import Checked, Draft, Sources, Token
from agent.lost_letters import whole
from agent.models.chat import Meter
from agent.nodes.reflect import by_rules, certain
from agent.prompts import fill
from agent.reading import LONGER, over_sources, text_of, unlisted
from agent.specialists.reader import Reader
from agent.specialists.tool import UNUSABLE
from agent.state import NO_CLAIM, Evidence, Language, Source, State, Support, Turn
from agent.verify import refuses
from agent.wishes import gap, task
from tools.base import ToolError
from tools.sentences import spans, split

log = logging.getLogger(__name__)

_MARKS = ("[", "(", "（")
"""How a citation mark begins that is still being written."""
_NEAR = 5
"""Sentences of which the first is quoted that holds what was asked for."""
_ASIDE = 100
"""Tokens of a reply that is looked at before it is shown."""
_DIRECT_HISTORY = 4
"""How many earlier messages small talk is answered with."""


async def answer(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    turn = replace(turn, drafts=turn.drafts + 1)
    meter = Meter()
    if turn.opinion is not None:  # it was told while it was said
        return {"turn": replace(turn, draft=turn.opinion.text)}
    writer = _Writer(turn, runtime, meter)
    writer.emit(Draft(turn.drafts))
    if turn.drafts == 1:
        if turn.passages:
            writer.emit(Sources(tuple(Source(n, p, "") for n, p in enumerate(turn.passages, 1))))
        if (sides := disagreeing(turn)) is not None:
            turn = replace(turn, notices=(*turn.notices, "sources_differ"))
            writer.put(gap(turn).join(_verbatim(side, turn) for side in sides))
        elif table := tables.answering(turn):
            writer.put(table)
        elif turn.passages:
            await writer.write(over_sources(turn, task(turn), runtime.context.limits.read))
        else:
            await writer.write(await _direct_prompt(turn, state["messages"], runtime.context))
    elif turn.drafts > runtime.context.limits.drafts or _quotes(turn):
        writer.put(_quoted(turn))
    elif await _revise(turn, writer):
        turn = replace(turn, notices=(*turn.notices, "some_removed"))
    if writer.alone:  # these are Kotae's own words then
        decision = replace(turn.decision, route="library", reads=False) if turn.decision else None
        turn = replace(turn, decision=decision, notices=(*turn.notices, UNUSABLE))
    draft = writer.text.strip()
    if turn.length == "line" and draft:
        start, end = next(tables.statements(draft))
        draft = draft[start:end]  # small models go on although one sentence was asked for
    if len(list(tables.statements(draft))) == 1 and turn.form not in ("list", "steps"):
        draft = unlisted(draft)
    turn = replace(turn, draft=draft, supports=writer.supports, usage=turn.usage + meter.usage)
    return {"turn": replace(turn, first_token=turn.first_token or writer.first_token)}


def after_answer(state: State) -> Literal["reflect", "finish"]:
    """What was written from sources is verified. Small talk has none, and a specialist's opinion is shown as such."""
    turn = state["turn"]
    return "reflect" if turn.passages and turn.opinion is None else "finish"


class _Writer:
    """Streams pieces to the listener and keeps them, and looks at each sentence that has ended."""

    def __init__(self, turn: Turn, runtime: Runtime[Context], meter: Meter) -> None:
        self.text = ""
        self.first_token: float | None = None
        self.supports: tuple[Support, ...] = ()
        """Of the sentences that the rules could decide."""
        self.alone = False
        """The specialist that was to write did not."""
        self._looked_at: list[str] = []
        self._turn = turn
        self._runtime = runtime
        self._meter = meter

    def emit(self, event: Checked | Draft | Sources | Token) -> None:
        self._runtime.stream_writer(event)

    def put(self, piece: str) -> None:
        if self.first_token is None:
            self.first_token = time.time() - self._turn.started
        self.text += piece
        self.emit(Token(piece))

    async def write(self, prompt: list[BaseMessage]) -> None:
        most = self._runtime.context.limits.answer_tokens * (LONGER if self._turn.length == "long" else 1)
        try:
            await self._write(prompt, most)
        except ToolError as error:
            self._go_alone(error)
            self.text, self.supports, self._looked_at = "", (), []
            self.emit(Draft(self._turn.drafts))
            await self._write(prompt, most)

    async def _write(self, prompt: list[BaseMessage], most: int) -> None:
        async with aclosing(self._pieces(prompt, most)) as pieces:
            async for piece in pieces:
                self.put(piece)
                if self._turn.passages and self._goes_round():
                    break

    async def _pieces(self, prompt: list[BaseMessage], most: int) -> AsyncGenerator[str, None]:
        """From the specialist of the question if that writes over the passages, otherwise from Kotae's own model, with
        the adapter that reads. Raises `ToolError` where the specialist does not answer."""
        context, decision = self._runtime.context, self._turn.decision
        if decision is not None and decision.reads and not self.alone:
            stream = context.specialists.tool(decision.specialist).write(prompt, most, self._meter)
        else:
            reader = context.specialists.reader if self._turn.passages else Reader()
            stream = reader.stream(context.model, prompt, most, self._meter, self._turn.language)
        async with aclosing(stream) as pieces:
            async for piece in whole(pieces, [passage.text for passage in self._turn.passages]):
                yield piece

    def _go_alone(self, error: ToolError) -> None:
        log.warning("a specialist could not write: %s", error)
        self.alone = True

    def _goes_round(self) -> bool:
        """Check the sentences that have ended; whether the last of them was said before, as small models do without
        end."""
        *ended, begun = list(spans(self.text)) or [(0, 0)]
        if self.text.startswith(_MARKS, begun[0]):
            return False  # it belongs to the sentence before
        for start, end in ended[len(self._looked_at) :]:
            sentence = self.text[start:end]
            if sentence in self._looked_at:
                self.text = self.text[:start]
                return True
            said = [*self._looked_at, *(s.sentence for s in self.supports)]
            self._looked_at.append(sentence)
            found = by_rules(sentence, said, self._turn, more=True)
            if isinstance(found, Support):
                self.supports += (found,)
                self.emit(Checked(len(self._looked_at), found.state))
        return False

    async def write_aside(self, task: str) -> str:
        """A reply over the sources that is looked at before it is shown."""
        context = self._runtime.context
        prompt = over_sources(self._turn, task, context.limits.read)
        try:
            return await self._said(prompt)
        except ToolError as error:
            self._go_alone(error)
            return await self._said(prompt)

    async def _said(self, prompt: list[BaseMessage]) -> str:
        async with aclosing(self._pieces(prompt, _ASIDE)) as pieces:
            return "".join([piece async for piece in pieces]).strip()


async def _revise(turn: Turn, writer: _Writer) -> bool:
    """The draft again: supported sentences as they were, and what the sources say instead of all the others.

    One call for all of them, since each would cost a local model seconds. Returns whether they were left out because
    the sources say nothing of the kind.
    """
    failed = [s for s in turn.supports if not s.supported and s.reason not in NO_CLAIM]
    kept = [s.sentence for s in turn.supports if s.supported]
    for sentence in kept:
        writer.put(sentence + gap(turn))
    listed = "\n".join(f"- {facts.uncited(s.sentence)} ({_reason(s, turn.language)})" for s in failed)
    said = await writer.write_aside(fill(turn.language, "revise", sentences=listed))
    known = {facts.solid(facts.uncited(sentence)) for sentence in kept}
    new = [s for s in split(said) if not refuses(s) and facts.solid(facts.uncited(s)) not in known]
    for sentence in new:
        writer.put(sentence + gap(turn))
    return not new


def _quotes(turn: Turn) -> bool:
    """Whether the passages speak for themselves in place of a draft of which nothing holds: what answers is certain, or
    the draft said something else than what was asked for, which they have."""
    if any(s.supported for s in turn.supports):
        return False
    beside = any(s.reason == "kind" for s in turn.supports)
    return certain(turn) or (beside and _told(turn) is not None)


def _told(turn: Turn) -> Evidence | None:
    """The nearest sentence that holds what was asked for."""
    near = turn.evidence[:_NEAR]
    return next((e for e in near if holds_what_is_asked(text_of(e, turn.passages), turn.standalone)), None)


def _quoted(turn: Turn) -> str:
    """What the passages themselves say that is nearest to the question: none of it is in doubt."""
    for support in turn.supports:
        if support.reason == "polarity" and support.quote:
            return f"{support.quote} [{support.cites[0]}]"  # it says what the draft turned round
    return _verbatim(_told(turn) or turn.evidence[0], turn)


def _verbatim(evidence: Evidence, turn: Turn) -> str:
    row = tables.quoted(evidence, turn.passages[evidence.passage - 1])
    return row or f"{text_of(evidence, turn.passages)} [{evidence.passage}]"


def _reason(support: Support, language: Language) -> str:
    return fill(language, f"reasons/{reason_kind(support)}", what=reason_object(support))


def reason_kind(support: Support) -> str:
    """`number`, `name`, `quote`, `polarity` or `meaning`."""
    return support.reason.partition(":")[0] or "meaning"


def reason_object(support: Support) -> str:
    """What is missing from the sources: the number, the name, the quoted words."""
    return support.reason.partition(":")[2]


async def _direct_prompt(turn: Turn, messages: list[AnyMessage], context: Context) -> list[BaseMessage]:
    parts = [fill(turn.language, "direct")]
    if picked := await _recalled(turn, messages, context):
        parts.append(fill(turn.language, "earlier", exchanges=lines(picked, turn.language)))
    if told := await asyncio.to_thread(_about_user, context):
        parts.append(fill(turn.language, "about_user", facts="\n".join(f"- {text}" for text in told)))
    return [SystemMessage("\n\n".join(parts)), *messages[-_DIRECT_HISTORY - 1 :]]


async def _recalled(turn: Turn, messages: list[AnyMessage], context: Context) -> list[Gist]:
    """Of what was said before the last messages, what the question points at or names; small talk costs nothing."""
    budget, far = context.limits.digest, reach(turn.question, turn.language)
    if not budget or len(messages) <= _DIRECT_HISTORY + 1:
        return []
    recent = messages[-_DIRECT_HISTORY - 1 : -1]
    older = [*await context.earlier(), *gists(messages[: -_DIRECT_HISTORY - 1])]
    if far is not None and older:
        return await asyncio.to_thread(overview, turn.question, older, context.nearness, budget)
    named = also_named(turn.question, older, gists(recent))
    return [] if named is None else [named]


def _about_user(context: Context) -> list[str]:
    try:
        return [fact.text for fact in context.about.used()] if context.about else []
    except MemoryFileError:
        return []  # finish says so
