"""parts: a question of several parts is answered part by part, each on the path of a question of its own.

Gathering, judging, drafting and verifying know nothing of it: a part is a turn. What they found is put together here,
in the order of the question; a part that the documents do not answer is said to be missing, and the others stand.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import replace
from typing import Any, Literal, cast

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent import facts
from agent.consent import asks_for_web
from agent.context import Context
from agent.events import Checked, Draft, Event, Sources, Status, Token
from agent.nodes.finish import compose
from agent.prompts import fill
from agent.state import Answer, Sentence, Source, State, Turn, Usage
from agent.tables import is_table
from tools.base import Consent, Passage
from tools.library.tokens import terms
from tools.sentences import split

Path = CompiledStateGraph[State, Context, Any, Any]

_MARK = re.compile(r"\[(\d{1,2})\]")
_HALF_A_MARK = re.compile(r"\[\d{0,2}$")
_BETWEEN = "\n\n"


def by_part(path: Path) -> Callable[[State, Runtime[Context]], Awaitable[dict[str, Any]]]:
    """The node; `path` is the graph from `gather` on, which every part takes."""

    async def parts(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        turn = state["turn"]
        context = replace(runtime.context, limits=replace(runtime.context.limits, ask_back=False))
        done: list[Turn] = []
        outside = copy_context()
        # a run of its own: as a part of this one, LangGraph would want to keep it with the conversation
        var_child_runnable_config.set({})
        for question in turn.parts:
            if done and time.time() - turn.started > runtime.context.limits.seconds:
                break
            entry: State = {"messages": state["messages"], "turn": _turn_of(turn, question)}
            relay = _Relay(lambda event: outside.run(runtime.stream_writer, event), joined(done, turn))
            chunks = path.astream(entry, context=context, stream_mode=["custom", "values"])
            last = entry["turn"]
            async with aclosing(chunks) as pieces:  # type: ignore[type-var]
                async for mode, piece in cast("Any", pieces):
                    if mode == "custom":
                        relay.take(piece)
                    else:
                        last = piece["turn"]
            relay.flush()
            done.append(last)
        return {"turn": _together(turn, done)}

    return parts


def after_parts(state: State) -> Literal["finish", "abstain"]:
    """An answer if there is one to any part, otherwise an ordinary refusal."""
    return "abstain" if state["turn"].answer is None else "finish"


def joined(done: Sequence[Turn], turn: Turn) -> Answer | None:
    """One answer out of those to the parts, its sources numbered through; None while no part is answered.

    What an earlier part said is not said again. Parts of `turn` beyond `done` are not there yet.
    """
    sources: list[Source] = []
    sentences, texts = [], []
    said: set[frozenset[str]] = set()
    for question, part in zip(turn.parts, done, strict=False):
        answer = part.answer
        assert answer is not None
        if answer.refused:
            texts.append(fill(turn.language, "replies/part_missing", part=split(question)[-1]))
            continue
        repeated = [s.supported and _words(s.text) in said for s in answer.sentences]
        kept = [s for s, again in zip(answer.sentences, repeated, strict=True) if not again]
        numbers = _numbered([s for s in answer.sources if any(s.n in k.cites for k in kept)], sources)
        new = [
            replace(s, supported=s.supported and not again, cites=tuple(numbers[n] for n in s.cites if n in numbers))
            for s, again in zip(answer.sentences, repeated, strict=True)
        ]
        text = compose(part.draft, new).strip()
        if texts and is_table(text) and texts[-1].splitlines()[:2] == text.splitlines()[:2]:
            texts[-1] += "".join(f"\n{row}" for row in text.splitlines()[2:])  # two sides of one table
        elif text:
            texts.append(text)
        elif (whole := _whole(answer, said, sources)) is not None:
            texts.append(f"{whole.text} [{whole.cites[0]}]")
            sentences.append(whole)
            said.add(_words(whole.text))
        said |= {_words(s.text) for s in kept if s.supported}
        sentences += [s for s, again in zip(new, repeated, strict=True) if not again]
    if all(part.answer is None or part.answer.refused for part in done):
        return None
    return replace(
        next(part.answer for part in done if part.answer is not None and not part.answer.refused),
        text=_BETWEEN.join(texts),
        standalone=turn.standalone,
        sentences=tuple(sentences),
        sources=tuple(sources),
    )


def _whole(answer: Answer, said: set[frozenset[str]], sources: list[Source]) -> Sentence | None:
    """The sentence of the source behind an answer that only repeats what was said: it often answers both parts, of
    which a small model told one twice. None where it was said, too."""
    source = answer.sources[0] if answer.sources else None
    if source is None or not source.quote or len(split(source.quote)) > 1 or _words(source.quote) in said:
        return None
    return Sentence(source.quote, (_numbered([source], sources)[source.n],), True)


def _words(text: str) -> frozenset[str]:
    """What two sentences share that say the same in another order."""
    return frozenset(terms(text)) or frozenset({facts.solid(text)})


def _turn_of(turn: Turn, question: str) -> Turn:
    """A part as a turn of its own."""
    assert turn.decision is not None
    decision = replace(turn.decision, query=question, specialist="")  # no opinion is put among checked sentences
    # nobody can be asked between two parts
    web: Consent = "off" if turn.web == "ask" and not asks_for_web(turn, turn.decision) else turn.web
    return replace(turn, standalone=question, parts=(), choices=(), decision=decision, web=web, steps=(), usage=Usage())


def _together(turn: Turn, done: Sequence[Turn]) -> Turn:
    """The turn with the work of its parts, and their answer if there is one."""
    late = len(done) < len(turn.parts)
    notices = [n for part in done for n in part.notices] + ["out_of_time"] * late
    first = [part.first_token for part in done if part.first_token is not None]
    missing = [word for part in done if part.verdict is not None for word in part.verdict.missing]
    verdict = done[0].verdict
    passages: dict[str, Passage] = {p.id: p for row in _rows([part.passages for part in done]) for p in row}
    return replace(
        turn,
        # a refusal shows the nearest of each part, and names what none of them mentions
        passages=tuple(passages.values()),
        verdict=None if verdict is None else replace(verdict, missing=tuple(dict.fromkeys(missing))),
        answer=joined([*done, *(_unanswered(turn, q) for q in turn.parts[len(done) :])], turn),
        gathers=sum(part.gathers for part in done),
        drafts=sum(part.drafts for part in done),
        tried=tuple(t for part in done for t in part.tried),
        steps=(*turn.steps, *(step for part in done for step in part.steps)),
        notices=tuple(dict.fromkeys((*turn.notices, *notices))),
        sent=tuple(one for part in done for one in part.sent),
        usage=sum((part.usage for part in done), turn.usage),
        first_token=min(first, default=None),
    )


def _unanswered(turn: Turn, question: str) -> Turn:
    assert turn.decision is not None
    refusal = Answer("", turn.decision.route, True, question, turn.language)
    return replace(turn, standalone=question, answer=refusal)


def _rows(columns: Sequence[Sequence[Passage]]) -> list[list[Passage]]:
    """The first of each, the second of each, …"""
    deepest = max(map(len, columns), default=0)
    return [[column[i] for column in columns if i < len(column)] for i in range(deepest)]


def _numbered(new: Sequence[Source], sources: list[Source]) -> dict[int, int]:
    """Adds to `sources` those of a part that are not there yet; its numbers → theirs. A source that two parts rest on
    stands once, with the words that the first of them took from it."""
    numbers = {}
    for source in new:
        known = next((s for s in sources if s.passage.id == source.passage.id), None)
        if known is None:
            known = replace(source, n=len(sources) + 1)
            sources.append(known)
        numbers[source.n] = known.n
    return numbers


class _Relay:
    """Passes on what a part tells while it runs, behind what the parts before it came to, with numbers that fit."""

    def __init__(self, tell: Callable[[Event], None], before: Answer | None) -> None:
        self._tell = tell
        self._before = before
        self._sentences = len(split(before.text)) if before else 0
        self._held = ""

    def take(self, event: Event) -> None:
        if isinstance(event, Token):
            self._token(event.text)
            return
        self.flush()
        if isinstance(event, Sources):
            earlier = self._before.sources if self._before else ()
            later = (replace(source, n=source.n + len(earlier)) for source in event.sources)
            self._tell(Sources((*earlier, *later)))
        elif isinstance(event, Draft):
            self._tell(event)
            if self._before is not None:
                self._tell(Token(self._before.text + _BETWEEN))
                for number in range(1, self._sentences + 1):
                    self._tell(Checked(number, "supported"))
        elif isinstance(event, Checked):
            self._tell(replace(event, number=event.number + self._sentences))
        elif not (isinstance(event, Status) and event.node in ("abstain", "finish")):
            self._tell(event)

    def flush(self) -> None:
        """Let go of what was held back because it might become a citation."""
        held, self._held = self._held, ""
        if held:
            self._tell(Token(held))

    def _token(self, text: str) -> None:
        text = self._held + text
        half = _HALF_A_MARK.search(text)
        whole, self._held = (text[: half.start()], text[half.start() :]) if half else (text, "")
        offset = len(self._before.sources) if self._before else 0
        if whole:
            self._tell(Token(_MARK.sub(lambda m: f"[{int(m.group(1)) + offset}]", whole)))
