"""The conversation behind the page, without Gradio: commands in, screens out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from fake_agent import FakeAgent, FakeDocument, Play, answer, chat_of, passage, settings

from agent.errors import ModelMissing, ModelUnavailable, ModelUnusable, ThreadError
from agent.state import Source
from ui import strings
from ui.chat import Chat, Screen
from ui.http.turns import Turns

EN, JA = strings.load("en"), strings.load("ja")
SOURCE = Source(1, passage(1, "It opens at nine.", title="Handbook"), "opens at nine")
ANSWER = answer("It opens at nine [1].", SOURCE)
OTHER = answer("It closes at six [1].", SOURCE)


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    plays = {
        "When does it open?": Play(ANSWER, "It opens at nine [1]."),
        "When does it close?": Play(OTHER, "It closes at six [1]."),
        "Slowly?": Play(ANSWER, "It opens at nine [1]. " * 40, pause=0.004),
        "Missing?": Play(ANSWER, error=ModelMissing("get it")),
        "Unusable?": Play(ANSWER, error=ModelUnusable("wrong hash")),
        "Away?": Play(ANSWER, error=ModelUnavailable("no answer")),
        "Lost?": Play(ANSWER, error=ThreadError("gone")),
        "Crash?": Play(ANSWER, error=RuntimeError("secret /srv/path")),
    }
    return FakeAgent(settings(tmp_path), plays)  # type: ignore[arg-type]


@pytest.fixture
def chat(agent: FakeAgent) -> Chat:
    return chat_of(agent, EN)


def shown(screen: Screen) -> str:
    return "\n".join(f"{m.get('metadata', {}).get('title', '')} {m['content']}" for m in screen.messages or [])


async def all_of(screens) -> list[Screen]:  # type: ignore[no-untyped-def]
    return [screen async for screen in screens]


async def command(chat: Chat, at: str = "", /, **order: object) -> list[Screen]:
    return await all_of(chat.act("s", json.dumps(order), at, "on"))


async def ask(chat: Chat, question: str, thread: str = "") -> list[Screen]:
    return await all_of(chat.ask("s", question, thread, "on"))


async def test_a_turn_shows_the_question_then_the_draft_then_the_checked_answer(chat: Chat) -> None:
    screens = await ask(chat, "Slowly?")
    first, last = screens[0], screens[-1]
    assert (first.thread, first.question, first.busy) == ("t1", "", True)
    assert "Slowly?" in shown(first)
    drafts = [s for s in screens if "kotae-is-draft" in shown(s)]
    assert len(drafts) >= 2
    assert all("kotae-cite" not in shown(s) or "/sources/" not in shown(s) for s in drafts)
    assert last.busy is False
    assert "kotae-is-draft" not in shown(last)
    assert "/api/threads/t1/answers/0/sources/1" in shown(last)
    assert "Slowly?" in (last.threads or "")


async def test_many_tokens_become_few_screens(chat: Chat, agent: FakeAgent) -> None:
    agent.plays["Fast?"] = Play(ANSWER, "word " * 2000)
    assert len(await ask(chat, "Fast?")) < 40


async def test_the_end_of_a_turn_is_what_opening_the_thread_shows(chat: Chat) -> None:
    last = (await ask(chat, "When does it open?"))[-1]
    again = await chat.open("t1")
    assert again.messages == last.messages


async def test_a_new_page_welcomes_and_says_how_to_add_documents(chat: Chat, agent: FakeAgent) -> None:
    screen = await chat.open("")
    assert screen.messages == []
    assert "kotae index --sample" in (screen.welcome or "")
    agent.library.files = [FakeDocument("d1", "/x")]
    screen = await chat.open("")
    assert "kotae index" not in (screen.welcome or "")
    assert EN("library.one") in (screen.library or "")


async def test_a_broken_library_does_not_break_the_page(chat: Chat, agent: FakeAgent) -> None:
    agent.library.broken = True
    screen = await chat.open("")
    assert EN("library.broken") in (screen.library or "")
    assert "secret" not in f"{screen.library}{screen.welcome}"


async def test_a_thread_that_is_gone_is_said_to_be(chat: Chat) -> None:
    screen = await chat.open("nowhere")
    assert EN("error.thread") in shown(screen)
    assert screen.thread == ""


@pytest.mark.parametrize("question", ["", "  \n"])
async def test_an_empty_question_stores_nothing(chat: Chat, agent: FakeAgent, question: str) -> None:
    (screen,) = await ask(chat, question)
    assert EN("error.empty") in shown(screen)
    assert screen.question is None, "what was typed stays"
    assert await agent.threads() == []


async def test_a_question_that_is_too_long_stores_nothing(chat: Chat, agent: FakeAgent) -> None:
    (screen,) = await ask(chat, "x" * 4001)
    assert EN("error.too_long", limit="4,000") in shown(screen)
    assert await agent.threads() == []


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("Missing?", "error.model_missing"),
        ("Unusable?", "error.model_unusable"),
        ("Away?", "error.model_unavailable"),
        ("Lost?", "error.thread"),
        ("Crash?", "error.unknown"),
    ],
)
async def test_errors_are_calm_lines_in_the_readers_language(agent: FakeAgent, question: str, key: str) -> None:
    chat = chat_of(agent, JA)
    last = (await ask(chat, question))[-1]
    text = shown(last).replace("<code>", "").replace("</code>", "")
    assert JA(key) in text
    assert "secret" not in text
    assert "kotae-retry" in text
    assert last.busy is False
    assert (await ask(chat, "When does it open?"))[-1].busy is False, "the page goes on"


async def test_stop_ends_the_turn_and_says_so(chat: Chat, agent: FakeAgent) -> None:
    screens: list[Screen] = []
    async for screen in chat.ask("s", "Slowly?", "", "on"):
        screens.append(screen)
        if "kotae-is-draft" in shown(screen):
            await command(chat, do="stop")
    assert agent.stopped == ["Slowly?"]
    assert EN("message.stopped") in shown(screens[-1])
    assert screens[-1].busy is False
    assert (await ask(chat, "When does it open?", "t1"))[-1].busy is False


async def test_closing_the_page_stops_the_turn(chat: Chat, agent: FakeAgent) -> None:
    screens = chat.ask("s", "Slowly?", "", "on")
    while "kotae-is-draft" not in shown(await anext(screens)):
        pass
    await screens.aclose()
    assert agent.stopped == ["Slowly?"]
    assert (await ask(chat, "When does it open?"))[-1].busy is False


async def test_too_many_are_turned_away_and_those_who_wait_are_told(agent: FakeAgent) -> None:
    turns = Turns(agent, 1, 1)  # type: ignore[arg-type]
    chat = Chat(agent, EN, turns)  # type: ignore[arg-type]
    first, second = (chat.ask(name, "Slowly?", "", "on") for name in ("a", "b"))
    while "kotae-is-draft" not in shown(await anext(first)):
        pass
    waiting = [shown(await anext(second)) for _ in range(4)]
    assert EN("doing.queue") in waiting[-1]
    [refused] = await all_of(chat.ask("c", "When does it open?", "", "on"))
    assert EN("error.busy") in shown(refused)
    await first.aclose()
    assert "It opens at nine" in shown((await all_of(second))[-1])
    turns.draining = True
    [refused] = await all_of(chat.ask("c", "When does it open?", "", "on"))
    assert EN("error.draining") in shown(refused)


async def test_opening_another_thread_ends_the_turn_without_drawing_over_it(chat: Chat, agent: FakeAgent) -> None:
    agent.put("old", "Old", [("When does it open?", ANSWER)])
    drafting = asyncio.Event()
    drawn: list[Screen] = []

    async def read() -> None:
        async for screen in chat.ask("s", "Slowly?", "", "on"):
            drawn.append(screen)
            if "kotae-is-draft" in shown(screen):
                drafting.set()

    reading = asyncio.create_task(read())
    await drafting.wait()
    (opened,) = await command(chat, do="open", thread="old")
    before = len(drawn)
    assert reading.done(), "its last screen came before the other thread's"
    assert opened.thread == "old"
    assert len(drawn) == before
    assert drawn[-1].busy is None
    assert agent.stopped == ["Slowly?"]
    await reading


async def test_a_second_question_waits_until_the_first_is_answered(chat: Chat) -> None:
    running = chat.ask("s", "Slowly?", "", "on")
    await anext(running)
    assert await ask(chat, "When does it open?") == []
    assert len(await all_of(chat.ask("another page", "When does it open?", "", "on"))) > 1
    await running.aclose()


async def test_a_double_enter_asks_once(chat: Chat, agent: FakeAgent) -> None:
    both = await asyncio.gather(ask(chat, "When does it open?"), ask(chat, "When does it open?"))
    assert sorted(len(screens) > 0 for screens in both) == [False, True]
    assert len(await agent.threads()) == 1


async def test_two_pages_have_turns_of_their_own(chat: Chat) -> None:
    both = await asyncio.gather(
        all_of(chat.ask("a", "When does it open?", "", "on")), all_of(chat.ask("b", "When does it close?", "", "on"))
    )
    assert "nine" in shown(both[0][-1])
    assert "six" in shown(both[1][-1])


async def test_retry_asks_the_same_again_and_drops_what_followed(chat: Chat, agent: FakeAgent) -> None:
    agent.put("t", "T", [("When does it close?", None), ("When does it open?", ANSWER)])
    last = (await command(chat, "t", do="retry", index=0))[-1]
    assert [(e.question, e.answer) for e in await agent.history("t")] == [("When does it close?", OTHER)]
    assert "kotae-retry" in shown(last)


async def test_edit_asks_something_else_instead(chat: Chat, agent: FakeAgent) -> None:
    agent.put("t", "T", [("When does it open?", ANSWER), ("When does it open?", ANSWER)])
    await command(chat, "t", do="edit", index=1, text=" When does it close? ")
    assert [e.question for e in await agent.history("t")] == ["When does it open?", "When does it close?"]


@pytest.mark.parametrize("text", ["", "x" * 4001])
async def test_a_bad_edit_drops_nothing(chat: Chat, agent: FakeAgent, text: str) -> None:
    agent.put("t", "T", [("When does it open?", ANSWER)])
    (screen,) = await command(chat, "t", do="edit", index=0, text=text)
    assert "kotae-is-error" in shown(screen)
    assert [e.answer for e in await agent.history("t")] == [ANSWER]


async def test_rename(chat: Chat, agent: FakeAgent) -> None:
    agent.put("t", "T", [("When does it open?", ANSWER)])
    (screen,) = await command(chat, "t", do="rename", thread="t", text=" <b>New</b> ")
    assert "&lt;b&gt;New" in (screen.threads or "")
    (screen,) = await command(chat, "t", do="rename", thread="t", text="  ")
    assert "&lt;b&gt;New" in (screen.threads or "")


async def test_deleting_the_open_thread_leaves_a_new_page(chat: Chat, agent: FakeAgent) -> None:
    agent.put("t", "T", [("When does it open?", ANSWER)])
    agent.put("u", "U", [("When does it open?", ANSWER)])
    (screen,) = await command(chat, "u", do="delete", thread="t")
    assert (screen.messages, screen.thread) == (None, None)
    (screen,) = await command(chat, "u", do="delete", thread="u")
    assert (screen.messages, screen.thread) == ([], "")
    assert await agent.threads() == []


@pytest.mark.parametrize(
    "order",
    ["", "{", "[]", "null", "3", '{"do": "fly"}', '{"do": "retry", "index": "x"}', '{"do": "retry", "index": 9}'],
)
async def test_orders_that_mean_nothing_do_nothing(chat: Chat, agent: FakeAgent, order: str) -> None:
    agent.put("t", "T", [("When does it open?", ANSWER)])
    assert await all_of(chat.act("s", order, "t", "on")) == []
    assert len(await agent.history("t")) == 1


async def test_a_slow_model_start_is_told(chat: Chat, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.model_ready = False
    monkeypatch.setattr("ui.chat._PATIENCE", 0.0)
    screens = await ask(chat, "Slowly?")
    assert any(EN("path.starting") in shown(s) for s in screens)
