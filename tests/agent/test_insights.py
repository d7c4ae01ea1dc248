"""What was asked and how it ended: noted for every turn, gone with it, counted and searched in SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

import pytest

from agent import Agent, Settings
from agent.archive import KEPT, SLACK
from agent.errors import ModelError
from agent.events import Draft
from agent.insights import LISTINGS, LONGEST, folded, since
from agent.models.scripted import ScriptedChatModel
from agent.threads import Threads

LEAVE = "How many days of paid leave does an employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"
UNKNOWN = "What is the phone number of the dentist?"
NOW = datetime(2026, 3, 20, 12).timestamp()


def scripted(*lines: str) -> ScriptedChatModel:
    return ScriptedChatModel(lines=list(lines))


def in_files(settings: Settings, words: str) -> bool:
    return any(words.encode() in p.read_bytes() for p in settings.data_dir.rglob("*") if p.is_file())


@pytest.fixture
async def threads(tmp_path: Path) -> AsyncIterator[Threads]:
    async with Threads.open(tmp_path / "threads.db") as one:
        yield one


async def put(
    threads: Threads, question: str, *, days: float = 0, outcome: str = "answered", seconds: float = 2.0,
    route: str = "library", language: str = "en", verdict: str = "", n: int = 0, thread: str = "t",
) -> None:  # fmt: skip
    """A turn of `days` before NOW, as `note` keeps it."""
    turn = f"{thread}-{n}"
    await threads.touch(thread, question)
    await threads._db.execute(
        "INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 100, 10, 'owner')",
        (thread, n, turn, NOW - days * 86_400, question, folded(question), language, route, outcome, seconds),
    )
    if verdict:
        record = f'{{"verdict": "{verdict}", "reasons": ["wrong"], "comment": "see page 3"}}'
        await threads._db.execute("INSERT INTO feedback VALUES (?, ?, ?, ?)", (thread, turn, NOW, record))


async def test_a_turn_is_noted_with_its_outcome_and_its_place(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD, UNKNOWN)) as agent:
        answer = await agent.ask(LEAVE, "t")
        refused = await agent.ask(UNKNOWN, "t", web="off")
        assert refused.refused
        history = await agent.history("t")
        found = await agent.insights.listed("all")
    assert [(one.question, one.n, one.outcome) for one in found.rows] == [
        (UNKNOWN, 1, "refused"),
        (LEAVE, 0, "answered"),
    ]
    first = found.rows[1]
    assert (first.turn, first.route, first.language, first.asker) == (history[0].turn, answer.place, "en", "owner")
    assert (first.calls, first.completion) == (answer.usage.calls, answer.usage.completion)
    assert first.seconds == pytest.approx(answer.seconds, abs=1)
    assert first.at == pytest.approx(time.time(), abs=60)


async def test_turns_that_fail_or_are_stopped_are_noted_too(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted()) as agent:
        with pytest.raises((ModelError, AssertionError)):
            await agent.ask(LEAVE, "t")
        async with aclosing(agent.stream(LEAVE, "t")) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Draft):
                    break
                await asyncio.sleep(0)
        found = await agent.insights.listed("all")
    assert {one.n for one in found.rows} == {0, 1}
    assert [one.outcome for one in found.rows] == ["stopped", "failed"]
    assert all(one.turn == "" for one in found.rows)


async def test_nothing_is_left_of_what_was_rewound_or_deleted(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD, UNKNOWN)) as agent:
        await agent.ask(LEAVE, "t")
        await agent.ask(UNKNOWN, "t", web="off")
        await agent.rewind("t", 1)
        assert [one.question for one in (await agent.insights.listed("all")).rows] == [LEAVE]
        await agent.delete("t")
        assert (await agent.insights.figures()).asked == 0
    assert not in_files(indexed, "dentist")
    assert not in_files(indexed, folded(LEAVE))


async def test_the_place_in_a_conversation_counts_what_was_moved_out_of_it(indexed: Settings) -> None:
    said = [(role, f"{role} {n}") for n in range(KEPT + SLACK) for role in ("user", "assistant")]
    async with Agent.open(indexed, model=scripted(TOLD, UNKNOWN)) as agent:
        await agent.begin("t", said)
        await agent.ask(LEAVE, "t")
        await agent.ask(UNKNOWN, "t", web="off")
        rows = (await agent.insights.listed("all")).rows
        history = await agent.history("t")
    assert [history[one.n].question for one in rows] == [UNKNOWN, LEAVE]


async def test_figures_of_a_period(threads: Threads) -> None:
    for n, seconds in enumerate((1.0, 2.0, 3.0, 4.0, 40.0)):
        await put(threads, f"question {n}", n=n, seconds=seconds, verdict="down" if n == 0 else "")
    await put(threads, "質問", n=5, language="ja", outcome="refused", seconds=2.5, verdict="up")
    await put(threads, "broken", n=6, outcome="failed", route="")
    await put(threads, "long ago", n=7, days=40, outcome="refused", route="web")
    week = await threads.asked.figures(since(7, NOW))
    assert (week.asked, week.ended, week.refused, week.failed) == (7, 6, 1, 1)
    assert (week.liked, week.disliked) == (1, 1)
    assert (week.median, week.p95) == (2.5, 40.0)
    assert week.routes == (("library", 6),)
    assert week.languages == (("en", 6), ("ja", 1))
    assert (week.calls, week.prompt, week.completion) == (7, 700, 70)
    [today] = week.spans
    assert (today.start, today.asked, today.refused) == ("2026-03-20", 7, 1)
    whole = await threads.asked.figures()
    assert (whole.asked, whole.step, len(whole.spans)) == (8, "day", 2)
    await put(threads, "years ago", n=8, days=1000)
    assert (await threads.asked.figures()).step == "month"


async def test_no_figures_of_nothing(threads: Threads) -> None:
    found = await threads.asked.figures()
    assert (found.asked, found.median, found.p95, found.spans) == (0, None, None, ())
    for which in LISTINGS:
        assert (await threads.asked.listed(which)).total == 0


async def test_the_lists(threads: Threads) -> None:
    await put(threads, "When does the museum open?", n=0, days=3, seconds=9)
    await put(threads, "when does the Museum open", n=1, days=1, outcome="refused")
    await put(threads, "WHEN DOES THE MUSEUM OPEN?", n=2, outcome="failed")
    await put(threads, "100% of what_ever", n=3, verdict="down", seconds=3)
    store = threads.asked

    async def order(which: str, **given: object) -> list[int]:
        return [one.n for one in (await store.listed(which, **given)).rows]  # type: ignore[arg-type]

    assert sorted(await order("all")) == [0, 1, 2, 3]
    assert await order("refused") == [1]
    assert await order("failed") == [2]
    assert await order("slowest") == [0, 3, 1]
    [repeated] = (await store.listed("repeated")).rows
    assert (repeated.n, repeated.times, repeated.question) == (2, 3, "WHEN DOES THE MUSEUM OPEN?")
    [disliked] = (await store.listed("disliked")).rows
    assert (disliked.verdict, disliked.reasons, disliked.comment) == ("down", ("wrong",), "see page 3")
    assert await order("slowest", text="ＭＵＳＥＵＭ　ｏｐｅｎ") == [0, 1]
    assert await order("all", text="100% OF") == [3]
    assert await order("all", text="no%such") == []
    assert await order("slowest", since=since(2, NOW)) == [3, 1]
    page = await store.listed("slowest", first=1, most=1)
    assert (page.total, [one.n for one in page.rows]) == (3, [3])
    assert [one.n async for one in store.all("repeated")] == [2, 1, 0]


async def test_a_hundred_thousand_rows_are_counted_without_being_read(threads: Threads) -> None:
    await threads._db.executemany(
        "INSERT INTO threads (id, title, created, updated) VALUES (?, '', 0, 0)", ((f"t{n}",) for n in range(5_000))
    )
    await threads._db.executemany(
        "INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?, 'en', 'library', ?, ?, 2, 900, 80, 'owner')",
        (
            (f"t{n // 20}", n % 20, f"turn-{n}", NOW - n * 60, f"question {n % 5000}", f"question{n % 5000}",
             "refused" if n % 7 == 0 else "answered", n % 900 / 10)
            for n in range(100_000)
        ),
    )  # fmt: skip
    read = 0
    fetch = threads._db.execute_fetchall

    async def counted(*given: object) -> object:
        nonlocal read
        rows = list(await fetch(*given))  # type: ignore[arg-type]
        read += len(rows)
        return rows

    threads._db.execute_fetchall = counted  # type: ignore[method-assign,assignment]
    begun = time.perf_counter()
    figures = await threads.asked.figures()
    for which in LISTINGS:
        await threads.asked.listed(which, text="question 4")
    took = time.perf_counter() - begun
    assert figures.asked == 100_000
    assert read < 500, "the database counts, not Python"
    assert took < 10
    assert len([one async for one in threads.asked.all("refused")]) == figures.refused


async def test_an_older_file_gets_the_table(tmp_path: Path) -> None:
    async with Threads.open(tmp_path / "threads.db") as threads:
        await threads._db.execute("DROP TABLE asked")
        await threads._db.execute("DROP INDEX feedback_verdict")
        await threads._db.execute("INSERT INTO feedback VALUES ('t', 'x', 1.0, 'no JSON')")
        await threads._db.commit()
    async with Threads.open(tmp_path / "threads.db") as threads:
        assert (await threads.asked.figures()).asked == 0


def test_the_same_question_is_known_by_its_words() -> None:
    assert folded("When  does it open?") == folded("ＷＨＥＮ does it open")
    assert folded("営業時間は？") == folded("営業 時間は")
    assert folded("？！") != folded("…")
    assert len(folded("a" * 5000)) < LONGEST


def test_a_period_begins_with_a_day() -> None:
    begun = datetime.fromtimestamp(since(7, NOW))
    assert (begun.date().isoformat(), begun.hour, begun.minute) == ("2026-03-14", 0, 0)
    assert since(None, NOW) == 0.0
