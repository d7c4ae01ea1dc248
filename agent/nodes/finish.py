"""abstain and finish: what a turn ends in. Every path through the graph leaves here, with an `Answer`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from agent import tables
from agent.context import Context
from agent.errors import MemoryFileError
from agent.prompts import fill
from agent.reading import text_of
from agent.records import to_record
from agent.state import NO_CLAIM, Answer, Route, Sentence, Source, State, Support, Turn
from tools.base import Passage

log = logging.getLogger(__name__)

SAID = "specialist_said"
"""Notice that the answer is a specialist's opinion, which nobody has checked."""
_NEAREST = 3
"""How many passages a refusal shows."""


async def abstain(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    if time.time() - turn.started > runtime.context.limits.seconds:
        turn = replace(turn, notices=(*turn.notices, "out_of_time"))
    # where the answer was expected, not the last place that was tried for it
    looked = [route for t in turn.tried if (route := t.partition(":")[0]) != "specialist"]
    answer = Answer(
        text=_refusal(turn),
        route=cast("Route", looked[0]) if looked else _route(turn),
        refused=True,
        standalone=turn.standalone,
        language=turn.language,
        sentences=_removed(turn),
        sources=tuple(Source(n, p, _nearest(n, turn)) for n, p in enumerate(turn.passages[:_NEAREST], 1)),
    )
    return {"turn": replace(turn, answer=answer)}


def _nearest(n: int, turn: Turn) -> str:
    """The sentence of passage `n` that is nearest to the question: a reader often sees in it what the rules did not."""
    return next((text_of(found, turn.passages) for found in turn.evidence if found.passage == n), "")


async def finish(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    answer = turn.answer or _answer(turn)
    notices = turn.notices
    if answer.refused:
        notices = tuple(n for n in notices if n != "some_removed")
    elif "some_removed" not in notices and any(not s.supported and s.reason not in NO_CLAIM for s in turn.supports):
        notices = (*notices, "some_removed")
    if turn.opinion is not None and not answer.refused:
        notices = (*notices, SAID)
    notices = (*notices, *await asyncio.to_thread(_remembered, turn, runtime))
    answer = replace(
        answer,
        steps=turn.steps,
        notices=notices,
        usage=turn.usage,
        sent=turn.sent,
        seconds=time.time() - turn.started,
        first_token=turn.first_token,
    )
    message = AIMessage(answer.text, additional_kwargs={"answer": to_record(answer)})
    return {"messages": [message], "turn": replace(turn, answer=answer, notices=notices, beside=())}


def _remembered(turn: Turn, runtime: Runtime[Context]) -> list[str]:
    """Keep what the question tells about its writer, if they have switched that on, and say so: `remembered:` with the
    ids of what is new. Here, because a turn that was stopped or failed keeps nothing."""
    info = runtime.execution_info
    if (about := runtime.context.about) is None:
        return []
    try:
        new, full = about.keep(turn.question, turn.language, (info.thread_id if info else None) or "")
    except MemoryFileError as error:
        log.warning("%s", error)
        return ["memory_broken"]
    kept = [f"remembered:{','.join(fact.id for fact in new)}"] if new else []
    return [*kept, "memory_full"] if full else kept


def _route(turn: Turn) -> Route:
    assert turn.decision is not None
    return turn.decision.route


def _specialist(turn: Turn) -> str:
    """Whose words the answer is, if not Kotae's own."""
    assert turn.decision is not None
    return turn.decision.specialist if turn.decision.route == "specialist" else ""


def _refusal(turn: Turn) -> str:
    """The most telling reason first: no documents, no web, nothing that names what was asked, nothing at all."""
    not_asked = {"web_unavailable", "web_off", "asked_web_off"}
    searched_web = any(t.startswith("web:") for t in turn.tried) and not_asked.isdisjoint(turn.notices)
    for notice in (
        "out_of_time",
        "library_broken",
        "library_other_embedder",
        "library_busy",
        "library_empty",
        "asked_web_off",
        "web_off",
        "web_unavailable",
    ):
        if notice == "library_empty" and searched_web:
            continue  # there was another place to look
        if notice in turn.notices and (notice != "web_unavailable" or _asked_the_web(turn)):
            return fill(turn.language, f"replies/{notice}")
    missing = turn.verdict.missing if turn.verdict and "library_empty" not in turn.notices else ()
    if missing:
        joined = ("、" if turn.language == "ja" else ", ").join(missing)
        return fill(turn.language, "replies/abstain_missing", missing=joined)
    return fill(turn.language, "replies/abstain_web" if searched_web else "replies/abstain")


def _asked_the_web(turn: Turn) -> bool:
    """Whether the web was the first place to look, rather than a last resort."""
    return bool(turn.tried) and turn.tried[0].startswith("web:")


def _removed(turn: Turn) -> tuple[Sentence, ...]:
    return tuple(Sentence(tables.bare(s.sentence), s.cites, False) for s in turn.supports)


def _answer(turn: Turn) -> Answer:
    base = Answer(
        text=turn.draft,
        route=_route(turn),
        refused=False,
        standalone=turn.standalone,
        language=turn.language,
        choices=turn.choices,
        choices_of_web=turn.choices_of_web,
        would_send=turn.would_send,
        specialist=_specialist(turn),
    )
    if not turn.supports:  # small talk, a question asked back, or a specialist's opinion
        return base
    numbers = renumber(turn.supports)
    sources = tuple(
        Source(new, turn.passages[old - 1], _quote(old, turn.supports, turn.passages)) for old, new in numbers.items()
    )
    sentences = tuple(
        Sentence(
            tables.bare(s.sentence),
            tuple(numbers[n] for n in s.cites) if s.supported else (),
            s.supported,
            s.state == "partly",
        )
        for s in turn.supports
    )
    return replace(base, text=compose(turn.draft, sentences), sentences=sentences, sources=sources)


def renumber(supports: Sequence[Support]) -> dict[int, int]:
    """Passage number → source number, counted in the order in which supported sentences cite them."""
    numbers: dict[int, int] = {}
    for support in supports:
        if support.supported:
            for n in support.cites:
                numbers.setdefault(n, len(numbers) + 1)
    return numbers


def compose(draft: str, sentences: Sequence[Sentence]) -> str:
    """The draft with its unsupported sentences left out and the citations numbered as the sources are.

    White space between sentences (paragraphs, lists) stays as the draft has it.
    """
    parts: list[str] = []
    last = 0
    for (start, end), sentence in zip(tables.statements(draft), sentences, strict=True):
        gap = draft[last:start]
        last = end
        if sentence.supported:
            marks = "".join(f"[{n}]" for n in sentence.cites)
            parts.append(f"{gap if parts else ''}{tables.marked(sentence.text, marks)}")
    return "".join(parts)


def _quote(n: int, supports: Sequence[Support], passages: Sequence[Passage]) -> str:
    quotes = [s.quote for s in supports if s.supported and n in s.cites and s.quote]
    return max(quotes, key=len) if quotes else passages[n - 1].text[:200]
