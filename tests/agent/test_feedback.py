"""Feedback on real turns: kept, changed, taken back, gone with its turn; and the router that follows it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from agent import Agent, Feedback, FeedbackError, Settings
from agent.examples import corrections
from agent.feedback import LONGEST, REASONS, FeedbackStore, Opinion, teach
from agent.models.scripted import ScriptedChatModel
from agent.state import Route

LEAVE = "How many days of paid leave does an employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"
HAKUBA = "In which year did the Hakuba line open?"
OPENED = "The Hakuba line opened in 1932. [1]"


def scripted(*lines: str) -> ScriptedChatModel:
    return ScriptedChatModel(lines=list(lines))


def in_files(settings: Settings, words: str) -> bool:
    return any(words.encode() in p.read_bytes() for p in settings.data_dir.rglob("*") if p.is_file())


async def asked(agent: Agent, *questions: str) -> list[str]:
    """The turns of a conversation `t`."""
    for question in questions:
        await agent.ask(question, "t")
    return [exchange.turn for exchange in await agent.history("t")]


async def test_what_is_said_is_kept_with_all_that_it_was_said_of(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(OPENED, TOLD)) as agent:
        _, turn = await asked(agent, HAKUBA, LEAVE)
        given = await agent.give_feedback(
            "t", turn, "down", ["too_long", "wrong"], corrected=" 20 days. ", comment="see page 3"
        )
    async with Agent.open(indexed, model=scripted()) as agent:
        first, second = await agent.history("t")
        assert (first.feedback, second.feedback) == (None, given)
        assert await agent.feedback() == [given]
    assert given.reasons == ("wrong", "too_long"), "in the order of the closed set"
    row = given.as_json()
    json.dumps(row)
    assert (row["question"], row["answer"], row["corrected_answer"]) == (LEAVE, TOLD, "20 days.")
    assert (row["verdict"], row["route"], row["language"], row["wanted_route"]) == ("down", "library", "en", None)
    assert (row["model"], row["comment"], row["refused"]) == (indexed.model, "see page 3", False)
    assert row["history"] == [{"role": "user", "content": HAKUBA}, {"role": "assistant", "content": OPENED}]
    [source] = row["sources"]
    assert source["quote"] == "Every employee has 20 days of paid leave a year."
    assert source["quote"] in source["text"]


async def test_a_turn_has_one_feedback_that_changes_and_can_be_taken_back(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [turn] = await asked(agent, LEAVE)
        await agent.give_feedback("t", turn, "down", ["unsafe"], corrected="heliotrope-1")
        await agent.give_feedback("t", turn, "up")
        [kept] = await agent.feedback()
        assert (kept.verdict, kept.reasons, kept.corrected) == ("up", (), "")
        assert not in_files(indexed, "heliotrope-1")
        await agent.take_back_feedback("t", turn)
        await agent.take_back_feedback("t", turn)
        assert await agent.feedback() == []
        assert (await agent.history("t"))[0].feedback is None


async def test_it_can_be_listed_by_verdict_and_time(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(OPENED, TOLD)) as agent:
        one, two = await asked(agent, HAKUBA, LEAVE)
        up = await agent.give_feedback("t", one, "up")
        down = await agent.give_feedback("t", two, "down")
        assert await agent.feedback() == [up, down]
        assert await agent.feedback("down") == [down]
        assert await agent.feedback(since=down.time) == [down]
        assert await agent.feedback("up", since=down.time) == []


async def test_rewinding_and_deleting_take_it_along(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(OPENED, TOLD)) as agent:
        one, two = await asked(agent, HAKUBA, LEAVE)
        kept = await agent.give_feedback("t", one, "up")
        await agent.give_feedback("t", two, "down", corrected="heliotrope-2")
        await agent.rewind("t", 1)
        assert await agent.feedback() == [kept]
        assert not in_files(indexed, "heliotrope-2")
        await agent.give_feedback("t", one, "down", comment="heliotrope-3")
        await agent.delete("t")
        assert await agent.feedback() == []
    assert not in_files(indexed, "heliotrope-3")
    assert not in_files(indexed, HAKUBA), "nor does the question stand in a record of feedback"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"verdict": "sideways"}, "unknown_verdict"),
        ({"verdict": "down", "reasons": ["ugly"]}, "unknown_reason"),
        ({"verdict": "down", "reasons": ["wrong_route"], "wanted": "moon"}, "unknown_route"),
        ({"verdict": "down", "reasons": ["wrong_route"]}, "unfit"),
        ({"verdict": "down", "wanted": "web"}, "unfit"),
        ({"verdict": "up", "reasons": ["wrong"]}, "unfit"),
        ({"verdict": "up", "corrected": "no"}, "unfit"),
        ({"verdict": "down", "corrected": "x" * (LONGEST + 1)}, "too_long"),
        ({"verdict": "up", "comment": "x" * (LONGEST + 1)}, "too_long"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(FeedbackError) as caught:
        Opinion(**given)
    assert caught.value.reason == reason
    assert len(str(caught.value)) > 20
    assert "\n" not in str(caught.value)


def test_an_opinion_at_its_limit_is_taken() -> None:
    one = Opinion("down", ["wrong"], corrected=f" {'x' * LONGEST}\n", comment="half of a character: \ud83d")
    assert len(one.corrected) == LONGEST
    assert one.comment == "half of a character: ?"


async def test_what_does_not_fit_changes_nothing(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [turn] = await asked(agent, LEAVE)
        kept = await agent.give_feedback("t", turn, "up")
        for route, reason in (("moon", "unknown_route"), ("library", "same_route")):
            with pytest.raises(FeedbackError) as caught:
                await agent.give_feedback("t", turn, "down", ["wrong_route"], route=route)
            assert caught.value.reason == reason
        assert await agent.feedback() == [kept]
    assert not (indexed.data_dir / "routes.yaml").exists()


async def test_there_must_be_such_an_answer(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [there] = await asked(agent, LEAVE)
        await agent.begin("u", [("user", "x"), ("assistant", "said elsewhere, so it is no answer of Kotae")])
        for thread, turn in (("t", "nothing"), ("t", ""), ("elsewhere", there), ("u", ""), ("u", "None")):
            with pytest.raises(FeedbackError) as caught:
                await agent.give_feedback(thread, turn, "up")
            assert caught.value.reason == "unknown_turn"
            with pytest.raises(FeedbackError) as caught:
                await agent.take_back_feedback(thread, turn)
            assert caught.value.reason == "unknown_turn"
        assert await agent.feedback() == []


async def test_the_router_follows_a_wrong_route_and_its_taking_back(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [turn] = await asked(agent, LEAVE)
        usual = await agent.route(LEAVE)
        kept = await agent.give_feedback("t", turn, "down", ["wrong_route"], route="web")
        assert (kept.wanted, kept.replaced) == ("web", None)
        decision = await agent.route(LEAVE)
        assert (decision.route, decision.why) == ("web", "correction")
        await agent.take_back_feedback("t", turn)
        assert await agent.route(LEAVE) == usual
    assert corrections(indexed.data_dir) == []
    assert list(indexed.data_dir.glob("router-*.npz")) == [], "nothing learned from the question is left"
    assert LEAVE not in (indexed.data_dir / "routes.yaml").read_text("utf-8")


class Corrections:
    """The part of a router that is taught, without what it learns from it."""

    def __init__(self, stands: Route | None = None) -> None:
        self.stands = stands
        self.changes = 0

    def correction(self, question: str) -> Route | None:
        return self.stands

    def correct(self, question: str, route: Route) -> None:
        self.stands, self.changes = route, self.changes + 1

    def forget(self, question: str) -> None:
        self.stands = None


def wanting(route: Route | None, replaced: Route | None = None) -> Feedback:
    reasons = ("wrong_route",) if route else ("wrong",)
    return Feedback(
        *("t", "u", "q", "q", "a", False, "clarify", "en", "m", 1.0, "down"),
        reasons,
        route,
        replaced=replaced,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("stands", "earlier", "now", "becomes", "before"),
    [
        (None, None, wanting("web"), "web", None),
        ("direct", None, wanting("web"), "web", "direct"),
        ("web", wanting("web"), wanting("direct"), "direct", None),
        ("web", wanting("web", "direct"), wanting("library"), "library", "direct"),
        ("web", wanting("web"), wanting(None), None, None),
        ("web", wanting("web", "direct"), None, "direct", "direct"),
        ("library", wanting("web", "direct"), None, "library", "library"),
        ("library", wanting("web"), wanting(None), "library", "library"),
        (None, None, wanting(None), None, None),
        ("direct", wanting(None), wanting(None), "direct", "direct"),
    ],
)
def test_what_the_router_is_taught_in_place_of_what(
    stands: Route | None, earlier: Feedback | None, now: Feedback | None, becomes: Route | None, before: Route | None
) -> None:
    router = Corrections(stands)
    assert teach(router, earlier, now) == before  # type: ignore[arg-type]
    assert router.stands == becomes
    assert router.changes <= 1


async def test_where_it_cannot_be_kept_the_router_learns_nothing(
    indexed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [turn] = await asked(agent, LEAVE)

        async def full(*_: object) -> None:
            raise FeedbackError("not_kept", "the disk is full")

        monkeypatch.setattr(FeedbackStore, "put", full)
        with pytest.raises(FeedbackError):
            await agent.give_feedback("t", turn, "down", ["wrong_route"], route="web")
        assert (await agent.route(LEAVE)).why != "correction"
    assert corrections(indexed.data_dir) == []


async def test_a_write_that_fails_is_one_clear_line(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [turn] = await asked(agent, LEAVE)
        await agent._threads._db.execute("PRAGMA query_only = ON")
        with pytest.raises(FeedbackError, match="could not be kept") as caught:
            await agent.give_feedback("t", turn, "up")
        assert caught.value.reason == "not_kept"


async def test_a_database_from_before_opens_and_keeps_its_conversations(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        await asked(agent, LEAVE)
    with sqlite3.connect(indexed.data_dir / "threads.db") as db:
        db.execute("DROP TABLE feedback")
    db.close()
    async with Agent.open(indexed, model=scripted()) as agent:
        [exchange] = await agent.history("t")
        assert exchange.answer is not None
        await agent.give_feedback("t", exchange.turn, "up")


async def test_a_record_of_another_version_is_passed_over(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(TOLD)) as agent:
        [turn] = await asked(agent, LEAVE)
        await agent.give_feedback("t", turn, "up")
    with sqlite3.connect(indexed.data_dir / "threads.db") as db:
        db.execute("UPDATE feedback SET record = ?", ('{"verdict": "sideways"}',))
    db.close()
    async with Agent.open(indexed, model=scripted()) as agent:
        assert await agent.feedback() == []
        assert len(await agent.history("t")) == 1


def test_a_feedback_comes_back_from_its_record_as_it_was() -> None:
    assert "wrong_route" in REASONS
    one = Feedback("t", "u", "q", "q", "a", False, "web", "ja", "m", 1.5, "up", history=[["q", "a"]])  # type: ignore[arg-type]
    assert one.history == (("q", "a"),)
    assert one.as_json()["time"] == "1970-01-01T00:00:01+00:00"
