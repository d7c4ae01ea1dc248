"""What users say of answers: a thumb, reasons, the right answer. Kept beside the conversation, and gone with it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from pydantic import TypeAdapter, ValidationError

from agent.errors import FeedbackError
from agent.examples import ROUTES, is_place
from agent.state import Language, Place, Source

if TYPE_CHECKING:
    import aiosqlite

    from agent.router import Router
    from agent.state import Answer

Thumb = Literal["up", "down"]
Reason = Literal["wrong", "not_in_source", "wrong_source", "too_long", "unsafe", "wrong_route"]
REASONS: tuple[Reason, ...] = get_args(Reason)
LONGEST = 4000
"""Characters of a corrected answer, and of a comment."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Feedback:
    """A verdict on one answer, with all that it was given on, so that it can be read without the conversation."""

    thread: str
    turn: str
    """The id of the answer's message; an answer that is written anew has another one."""
    question: str
    standalone: str
    answer: str
    refused: bool
    route: Place
    language: Language
    model: str
    """The model as the settings named it when the feedback was given."""
    time: float
    """`time.time()` at which it was given."""
    verdict: Thumb
    reasons: tuple[Reason, ...] = ()
    wanted: Place | None = None
    """Where the answer should have come from; set exactly where `wrong_route` is among the reasons."""
    corrected: str = ""
    """The right answer, in the user's words."""
    comment: str = ""
    sources: tuple[Source, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    """What was asked and answered before, oldest first, as far as a follow-up is read against it."""
    replaced: Place | None = None
    """The correction of the same question that `wanted` took the place of, for taking it back."""

    def __post_init__(self) -> None:
        for name in ("reasons", "sources"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "history", tuple((question, answer) for question, answer in self.history))

    def as_json(self) -> dict[str, Any]:
        """A row of `kotae feedback export`: whole enough to train from."""
        return {
            "id": self.turn,
            "thread": self.thread,
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="seconds"),
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "route": self.route,
            "wanted_route": self.wanted,
            "language": self.language,
            "model": self.model,
            "history": [
                {"role": role, "content": text}
                for exchange in self.history
                for role, text in zip(("user", "assistant"), exchange, strict=True)
            ],
            "question": self.question,
            "standalone": self.standalone,
            "answer": self.answer,
            "refused": self.refused,
            "corrected_answer": self.corrected or None,
            "comment": self.comment or None,
            "sources": [
                {
                    "n": s.n,
                    "id": s.passage.id,
                    "title": s.passage.title,
                    "url": s.passage.url,
                    "page": s.passage.page,
                    "quote": s.quote,
                    "text": s.passage.text,
                }
                for s in self.sources
            ],
        }


@dataclass(frozen=True)
class Opinion:
    """What a user says, checked. Raises `FeedbackError` for whatever does not fit."""

    verdict: str
    reasons: Sequence[str] = ()
    wanted: Place | None = None
    corrected: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Thumb):
            raise FeedbackError("unknown_verdict", f"{self.verdict!r} is no verdict; there are up and down.")
        if unknown := [reason for reason in self.reasons if reason not in REASONS]:
            raise FeedbackError("unknown_reason", f"{unknown[0]!r} is no reason; there are {', '.join(REASONS)}.")
        if self.wanted is not None and not is_place(self.wanted):
            raise unknown_route(self.wanted, ROUTES)
        if self.verdict == "up" and (self.reasons or self.wanted or self.corrected.strip()):
            raise FeedbackError("unfit", "Reasons, routes and corrected answers belong to a thumb down.")
        if (self.wanted is not None) != ("wrong_route" in self.reasons):
            raise FeedbackError("unfit", "The reason wrong_route and the route that was wanted belong together.")
        for name in ("corrected", "comment"):
            object.__setattr__(self, name, _text(getattr(self, name)))
            if len(getattr(self, name)) > LONGEST:
                raise FeedbackError(
                    "too_long", f"A corrected answer or a comment has at most {LONGEST:,} characters; shorten it."
                )

    def on(
        self,
        answer: Answer,
        *,
        question: str,
        thread: str,
        turn: str,
        model: str,
        time: float,
        history: Iterable[tuple[str, str]],
    ) -> Feedback:
        """The feedback on `answer`. Raises `FeedbackError` where it came from the wanted route already."""
        if self.wanted == answer.place:
            raise FeedbackError("same_route", f"The answer came from {answer.place}; name another route.")
        return Feedback(
            thread=thread,
            turn=turn,
            question=question,
            standalone=answer.standalone,
            answer=answer.text,
            refused=answer.refused,
            route=answer.place,
            language=answer.language,
            model=model,
            time=time,
            verdict=cast("Thumb", self.verdict),
            reasons=tuple(reason for reason in REASONS if reason in self.reasons),
            wanted=self.wanted,
            corrected=self.corrected,
            comment=self.comment,
            sources=answer.sources,
            history=tuple(history),
        )


def unknown_route(wanted: Place, places: Sequence[Place]) -> FeedbackError:
    """`wanted` is none of `places`."""
    return FeedbackError("unknown_route", f"{wanted!r} is no route; there are {', '.join(places)}.")


def teach(router: Router, earlier: Feedback | None, now: Feedback | None) -> Place | None:
    """Let the router follow `now` in place of `earlier` on the same answer, and return what stood before both.

    A correction that somebody else has changed since stays as it is. Takes a second or two where something changes.
    Raises `RouteError`; nothing is changed then.
    """
    one = now or earlier
    assert one is not None
    stands = router.correction(one.standalone)
    ours = earlier is not None and earlier.wanted is not None and earlier.wanted == stands
    before = earlier.replaced if ours and earlier is not None else stands
    target = (now.wanted if now is not None else None) or before
    if target is None:
        router.forget(one.standalone)
    elif target != stands:
        router.correct(one.standalone, target)
    return before


class FeedbackStore:
    """The table of feedback in the conversations' database: at most one row for a turn."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def prepare(self) -> None:
        """Make the table in a file that has none yet."""
        await self._db.execute(
            "CREATE TABLE IF NOT EXISTS feedback (thread TEXT NOT NULL, turn TEXT NOT NULL, given REAL NOT NULL, "
            "record TEXT NOT NULL, PRIMARY KEY (thread, turn))"
        )

    async def of(self, thread: str) -> dict[str, Feedback]:
        """What was said of a conversation's answers, by turn."""
        return {one.turn: one for one in await self._read("WHERE thread = ?", (thread,))}

    async def all(self, verdict: Thumb | None = None, since: float | None = None) -> list[Feedback]:
        """All feedback, oldest first; `since` is `time.time()` of the earliest."""
        found = await self._read("WHERE given >= ?", (since or 0.0,))
        return [one for one in found if verdict in (None, one.verdict)]

    async def put(self, feedback: Feedback) -> None:
        """Keep it in place of what was said of the same turn. Raises `FeedbackError` when it cannot be written."""
        record = _adapter().dump_json(feedback).decode()
        row = (feedback.thread, feedback.turn, feedback.time, record)
        await self._write("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?)", [row])

    async def drop(self, thread: str, turns: Iterable[str]) -> None:
        """Forget what was said of these turns, also in the file. Raises `FeedbackError` when it cannot be written."""
        await self._write("DELETE FROM feedback WHERE thread = ? AND turn = ?", [(thread, turn) for turn in turns])

    async def _read(self, where: str, values: tuple[object, ...]) -> list[Feedback]:
        query = f"SELECT record FROM feedback {where} ORDER BY given"
        async with self._db.execute(query, values) as rows:
            found = [_feedback(record) async for (record,) in rows]
        return [one for one in found if one is not None]

    async def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        try:
            await self._db.executemany(statement, rows)
            await self._db.commit()
            await self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise FeedbackError(
                "not_kept",
                f"The feedback could not be kept ({error}): check the data folder's disk and try again.",
            ) from error


def _text(text: str) -> str:
    """Without white space around it, and without half of a character, which no file could hold."""
    return text.strip().encode("utf-8", "replace").decode()


def _feedback(record: str) -> Feedback | None:
    """None for a record that another version wrote and this one cannot read."""
    try:
        return _adapter().validate_json(record)
    except ValidationError:
        log.warning("a record of feedback cannot be read by this version")
        return None


@cache
def _adapter() -> TypeAdapter[Feedback]:
    return TypeAdapter(Feedback)
