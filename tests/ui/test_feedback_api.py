"""Feedback from the page: the thumbs, the panel and the endpoint, on a real agent with a scripted model."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fake_agent import answer, chat_of, passage

from agent import Agent, Feedback, Settings
from agent.feedback import LONGEST
from agent.models.scripted import ScriptedChatModel
from agent.state import Source
from ui import strings
from ui.api import create_app
from ui.render import answer_html
from ui.render_feedback import feedback_path, form_html, thanks, thumbs_html

EN, JA = strings.load("en"), strings.load("ja")
BASE = "http://127.0.0.1:7860"
HARBOUR = "Who built the harbour of Port Ellery?"
SOURCE = Source(1, passage(1, "It opens at nine.", title="Handbook"), "opens at nine")
ANSWER = answer("It opens at nine [1].", SOURCE)
PATH = "/api/threads/t/turns/u/feedback"


def given(**said: object) -> Feedback:
    values = {"thread": "t", "turn": "u", "question": "q", "standalone": "q", "answer": "a", "refused": False}
    values |= {"route": "library", "language": "en", "model": "m", "time": 1.0, "verdict": "down", **said}
    return Feedback(**values)  # type: ignore[arg-type]


def pressed(html: str) -> list[str]:
    """The values of the chips and thumbs that are pressed."""
    found = (tag for tag in re.findall(r"<button[^>]*>", html) if 'aria-pressed="true"' in tag or "kotae-is-on" in tag)
    return [re.search(r'value="([^"]*)"', tag).group(1) for tag in found]  # type: ignore[union-attr]


def test_the_thumbs_show_what_was_given() -> None:
    html = thumbs_html(PATH, None, EN)
    assert html.count("<button") == 2
    assert pressed(html) == []
    assert EN("feedback.up") in html
    for verdict, other in (("up", "down"), ("down", "up")):
        html = thumbs_html(PATH, given(verdict=verdict), JA)
        assert f"kotae-thumb-{verdict} kotae-is-on" in html
        assert f"kotae-thumb-{other} kotae-is-on" not in html


def test_an_answer_has_thumbs_only_where_it_can_be_judged() -> None:
    assert "kotae-thumb" not in answer_html(ANSWER, EN, thread="t", index=0)
    html = answer_html(ANSWER, EN, thread="a/b", index=0, turn="u", given=given(verdict="up"))
    assert "/threads/a%2Fb/" in html
    assert pressed(html) == [feedback_path("a/b", "u")]


def test_the_panel_offers_what_makes_sense_of_the_answer() -> None:
    html = form_html(PATH, ANSWER, None, EN, longest=LONGEST)
    assert pressed(html) == []
    assert EN("reason.wrong_source") in html
    assert 'value="web"' in html
    assert 'value="library"' not in html, "it came from there"
    assert "kotae-unsay" not in html
    html = form_html(PATH, answer("You are welcome.", route="direct"), None, EN, longest=LONGEST)
    assert EN("reason.wrong_source") not in html
    assert 'value="library"' in html
    assert 'value="direct"' not in html


def test_the_panel_shows_what_was_given_before_and_as_text() -> None:
    hostile = '</textarea><script>alert(1)</script><img src="https://evil.example/">'
    one = given(reasons=("wrong", "wrong_route"), wanted="web", corrected=hostile)
    html = form_html(PATH, ANSWER, one, JA, longest=LONGEST)
    assert pressed(html) == ["wrong", "web"]
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;/textarea&gt;&lt;script&gt;" in html
    assert JA("feedback.take_back") in html
    assert pressed(form_html(PATH, ANSWER, given(verdict="up"), JA, longest=LONGEST)) == []


@pytest.mark.parametrize(
    ("one", "web", "key"),
    [
        (None, True, "feedback.taken_back"),
        (given(verdict="up"), True, "feedback.thanks"),
        (given(reasons=("wrong",)), True, "feedback.thanks"),
        (given(reasons=("wrong_route",), wanted="web"), True, "follows.web"),
        (given(reasons=("wrong_route",), wanted="web"), False, "feedback.follows_later"),
        (given(reasons=("wrong_route",), wanted="direct", route="web"), False, "follows.direct"),
    ],
)
def test_the_thanks_say_what_is_done_with_it(one: Feedback | None, web: bool, key: str) -> None:
    assert thanks(one, EN, web=web) == EN(key)
    assert "this computer" in EN(key) or key == "feedback.taken_back"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Agent, httpx.AsyncClient, str]]:
    """An agent that was asked one question, a browser on our own page, and the address of the answer's feedback."""
    settings = Settings(data_dir=folder / "data", models_dir=folder / "models", web="off")
    async with Agent.open(settings, model=ScriptedChatModel(lines=["Hello!"])) as agent:
        await agent.ask("Hello!", "t")
        [exchange] = await agent.history("t")
        app = create_app(agent, chat=False)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=BASE, headers={"origin": BASE}
        ) as client:
            yield agent, client, feedback_path("t", exchange.turn)


async def test_giving_changing_and_taking_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (agent, client, path):
        got = await client.put(f"{path}?lang=ja", json={"verdict": "up"})
        assert got.status_code == 200
        assert got.headers["cache-control"] == "no-store"
        assert got.json()["said"] == JA("feedback.thanks")
        assert pressed(got.json()["thumbs"]) == [path]
        body = {"verdict": "down", "reasons": ["unsafe", "wrong_route"], "route": "library", "corrected": " Good day. "}
        got = await client.put(path, json=body)
        assert got.json()["said"] == EN("follows.library")
        [kept] = await agent.feedback()
        assert (kept.verdict, kept.wanted, kept.corrected) == ("down", "library", "Good day.")
        assert (await agent.route("Hello!")).route == "library"
        form = (await client.get(path)).text
        assert pressed(form) == ["unsafe", "library"]
        assert ">Good day.</textarea>" in form
        screen = await chat_of(agent, EN).open("t")
        assert len(pressed(screen.messages[-1]["content"])) == 1, "a page that is opened later shows it"  # type: ignore[index]
        got = await client.delete(path)
        assert got.json()["said"] == EN("feedback.taken_back")
        assert pressed(got.json()["thumbs"]) == []
        assert await agent.feedback() == []
        assert (await agent.route("Hello!")).route == "direct"


async def test_changes_come_from_our_own_page_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as (agent, client, path):
        assert (await client.put(path, json={"verdict": "up"})).status_code == 200
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1:7861"},
            {"origin": "http://localhost:7860"},
        ):
            for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
                sent = {**headers, "content-type": kind}
                body = json.dumps({"verdict": "down", "reasons": ["wrong"]})
                assert (await client.put(path, content=body, headers=sent)).status_code == 403
                assert (await client.post(path, content=body, headers=sent)).status_code == 403
            assert (await client.delete(path, headers=headers)).status_code == 403
        assert (await client.get(path, headers={"host": "evil.example"})).status_code == 421
        # a form of another site sends no Origin in some browsers, but says where it stands
        del client.headers["origin"]
        cross = {"sec-fetch-site": "cross-site"}
        assert (await client.put(path, json={"verdict": "down"}, headers=cross)).status_code == 403
        [kept] = await agent.feedback()
        assert kept.verdict == "up"


async def test_what_does_not_fit_is_said_in_the_readers_language_and_keeps_what_there_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as (agent, client, path):
        await client.put(path, json={"verdict": "up"})
        bad: list[tuple[dict[str, object], str]] = [
            ({"verdict": "sideways"}, JA("unsaid.unfit")),
            ({"verdict": "down", "reasons": ["ugly"]}, JA("unsaid.unfit")),
            ({"verdict": "down", "reasons": ["wrong_route"], "route": "direct"}, JA("unsaid.same_route")),
            ({"verdict": "down", "corrected": "x" * (LONGEST + 1)}, JA("unsaid.too_long", limit=f"{LONGEST:,}")),
        ]
        for body, said in bad:
            got = await client.put(f"{path}?lang=ja", json=body)
            assert (got.status_code, got.json()) == (422, {"error": said})
        for body in ({}, {"verdict": "up", "more": 1}, {"verdict": 1}, {"verdict": "down", "reasons": ["wrong"] * 21}):
            assert (await client.put(path, json=body)).status_code == 422
        for content in (b"{", b"", b"null", b"\xff"):
            got = await client.put(path, content=content, headers={"content-type": "application/json"})
            assert got.status_code in (400, 422)
        assert (await client.put(path, content=b"x" * (2**20 + 1))).status_code == 413
        [kept] = await agent.feedback()
        assert kept.verdict == "up"


async def test_another_turn_or_conversation_is_not_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as (agent, client, path):
        turn = path.split("/")[-2]
        for other in (feedback_path("t", "x"), feedback_path("x", turn), feedback_path("t", "../t"), f"{path}/more"):
            for got in (
                await client.get(other),
                await client.put(other, json={"verdict": "up"}),
                await client.delete(other),
            ):
                assert got.status_code in (404, 405)
        assert await agent.feedback() == []
        assert (await client.get(feedback_path("t", "x"))).json() == {"error": EN("unsaid.unknown_turn")}


async def test_corrections_that_cannot_be_written_are_named_and_nothing_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as (agent, client, path):
        (agent.settings.data_dir / "routes.yaml").write_text("web: [", "utf-8")
        body = {"verdict": "down", "reasons": ["wrong_route"], "route": "library"}
        got = await client.put(path, json=body)
        assert (got.status_code, got.json()) == (500, {"error": EN("unsaid.route")})
        assert await agent.feedback() == []
