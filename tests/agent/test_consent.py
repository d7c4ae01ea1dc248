"""Asking before a question leaves the machine: who decides, what is understood as a yes or a no, and what is sent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from agent import Agent, Answer, Settings
from agent.consent import REPLIES, Reply, choices, granted, reply
from agent.library import open_library
from agent.models.scripted import ScriptedChatModel
from agent.state import Language, Turn
from tools.base import Consent, Gathered, Passage, Sent, ToolError

FORECAST = "The weather forecast for Kyoto tomorrow is light rain and 11 degrees."
WEATHER = "What is the weather forecast for Kyoto tomorrow?"
LEAVE = "How many days of paid leave does every employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"
ONCE, ALWAYS, NO = choices("en")


@dataclass
class Web:
    """A web of one page, or one that is down."""

    down: bool = False
    name: str = "web"
    asked: list[str] = field(default_factory=list)

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        self.asked.append(query)
        sent = [Sent("engine", query, time.time())]
        if self.down:
            raise ToolError("web_unavailable", sent=sent)
        return Gathered([Passage("w1", FORECAST, "Forecast", "https://a.example/", "web", score=1.0, trust=0.5)], sent)


def scripted(*lines: str) -> ScriptedChatModel:
    return ScriptedChatModel(lines=list(lines))


@pytest.fixture
def asking(indexed: Settings) -> Settings:
    return indexed.model_copy(update={"web": "ask"})


@pytest.mark.parametrize(
    ("owners", "asked", "holds"),
    [
        (["on"], None, "on"),
        (["ask"], None, "ask"),
        (["off"], None, "off"),
        (["on", "ask"], None, "ask"),
        (["on", "ask", "off"], "on", "off"),
        (["ask"], "on", "on"),
        (["ask"], "off", "off"),
        (["on"], "ask", "ask"),
        (["on"], "off", "off"),
        ([], None, "on"),
    ],
)
def test_off_is_final_and_the_rest_is_for_whoever_asks(
    owners: list[Consent], asked: Consent | None, holds: Consent
) -> None:
    assert granted(owners, asked=asked) == holds


@pytest.mark.parametrize(
    ("said", "language", "means"),
    [
        ("yes", "en", "once"),
        ("Yes, please!", "en", "once"),
        ("ok, go ahead", "en", "once"),
        ("Sure.", "en", "once"),
        ("search it", "en", "once"),
        ("no", "en", "no"),
        ("No, thanks.", "en", "no"),
        ("please don't", "en", "no"),
        ("only my documents", "en", "no"),
        ("always", "en", "always"),
        ("Yes, and don't ask again", "en", "always"),
        ("What is the weather in Osaka?", "en", None),
        ("no idea what a permit costs", "en", None),
        ("yes or no: does the museum open on Mondays?", "en", None),
        ("", "en", None),
        ("?", "en", None),
        ("はい", "ja", "once"),
        ("はい、お願いします。", "ja", "once"),
        ("どうぞ", "ja", "once"),
        ("検索してください", "ja", "once"),
        ("いいえ", "ja", "no"),
        ("やめてください", "ja", "no"),
        ("いえ、結構です", "ja", "no"),
        ("いつも検索していいです", "ja", "always"),
        ("大阪の天気は？", "ja", None),
        ("はい以外の答え方を教えて", "ja", None),
    ],
)
def test_what_is_a_yes_and_what_is_a_no(said: str, language: Language, means: Reply | None) -> None:
    assert reply(said, language) == means


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_choice_can_be_picked_and_means_one_thing(language: Language) -> None:
    assert len(set(choices(language))) == len(REPLIES)


async def test_nothing_leaves_before_the_user_has_said_so(asking: Settings) -> None:
    web, model = Web(), scripted(f"{FORECAST} [1]")
    async with Agent.open(asking, model=model, web=web) as agent:
        asked = await agent.ask(WEATHER, "t")
        assert (asked.route, asked.would_send, asked.choices, asked.sent) == ("clarify", WEATHER, choices("en"), ())
        assert WEATHER in asked.text
        assert web.asked == []
    async with Agent.open(asking, model=model, web=web) as agent:  # be it after a restart
        answer = await agent.ask(ONCE, "t")
        assert (answer.route, answer.standalone, answer.refused) == ("web", WEATHER, False)
        assert [(one.provider, one.query) for one in answer.sent] == [("engine", WEATHER)]
        assert answer.would_send == ""
        assert web.asked == [WEATHER]
        # said for this question alone
        model.extend(["What is the weather forecast for Kyoto on Sunday?"])
        assert (await agent.ask("And on Sunday?", "t")).would_send
        assert "Search the web" not in model.prompts[-1], "what was said about the search is no part of the subject"
    assert model.leftover == []


async def test_what_is_shown_is_what_is_sent(asking: Settings) -> None:
    web, model = Web(), scripted(TOLD, "What is the weather forecast at the depot in Matsumoto?", "no", "no", "no")
    async with Agent.open(asking, model=model, web=web) as agent:
        await agent.ask(LEAVE, "t")
        asked = await agent.ask("And what is the weather forecast there tomorrow?", "t")
        if not asked.would_send:  # it was looked up in the documents first
            pytest.skip("the follow-up was not sent to the web")
        assert "Matsumoto" not in asked.would_send, "a word of a document would leave the machine"
        await agent.ask("yes", "t")
        assert web.asked == [asked.would_send]


async def test_a_no_is_answered_from_the_documents(asking: Settings) -> None:
    web, model = Web(), scripted(*["no"] * 4)
    async with Agent.open(asking, model=model, web=web) as agent:
        await agent.ask(WEATHER, "t")
        answer = await agent.ask("no, thanks", "t")
    assert (answer.refused, answer.standalone, web.asked) == (True, WEATHER, [])
    assert [step.facts["tool"] for step in answer.steps if step.node == "gather"] == ["library"]


async def test_what_the_documents_do_not_hold_is_asked_about_too(asking: Settings) -> None:
    web, model = Web(), scripted(*["no"] * 4)
    async with Agent.open(asking, model=model, web=web) as agent:
        asked = await agent.ask("Who built the Kizaki tunnel?", "t")
    assert asked.would_send == "Who built the Kizaki tunnel?"
    assert asked.text.startswith("The documents do not answer this.")
    assert web.asked == []


async def test_always_holds_for_the_conversation_and_no_other(asking: Settings) -> None:
    web, model = Web(), scripted(f"{FORECAST} [1]", f"{FORECAST} [1]")
    async with Agent.open(asking, model=model, web=web) as agent:
        await agent.ask(WEATHER, "t")
        assert (await agent.ask(ALWAYS, "t")).route == "web"
        assert (await agent.web("t"), await agent.web("u"), await agent.web()) == ("on", "ask", "ask")
        assert (await agent.ask("What is the weather forecast for Kyoto today?", "t")).route == "web"
        assert (await agent.ask(WEATHER, "u")).would_send
    assert len(web.asked) == 2


async def test_something_else_is_a_question_of_its_own(asking: Settings) -> None:
    web, model = Web(), scripted(TOLD)
    async with Agent.open(asking, model=model, web=web) as agent:
        await agent.ask(WEATHER, "t")
        answer = await agent.ask(LEAVE, "t")
    assert (answer.standalone, answer.route, web.asked) == (LEAVE, "library", [])


@pytest.mark.parametrize("question", [f"Search the web for this: {WEATHER}", "ウェブで検索して：明日の京都の天気予報"])
async def test_who_asks_for_the_web_is_not_asked(asking: Settings, question: str) -> None:
    web, model = Web(), scripted(*[f"{FORECAST} [1]"] * 5)
    async with Agent.open(asking, model=model, web=web) as agent:
        answer = await agent.ask(question, "t")
    assert len(web.asked) == 1
    assert answer.would_send == ""


async def test_a_query_that_failed_has_left_the_machine(asking: Settings) -> None:
    web, model = Web(down=True), scripted(*["no"] * 4)
    async with Agent.open(asking, model=model, web=web) as agent:
        answer = await agent.ask(WEATHER, "t", web="on")
    assert [one.query for one in answer.sent] == [WEATHER]
    assert "web_unavailable" in answer.notices


@pytest.mark.parametrize("by", ["installation", "collection", "conversation", "question"])
async def test_what_is_off_is_not_even_asked_about(asking: Settings, by: str) -> None:
    settings = asking.model_copy(update={"web": "off" if by == "installation" else "on"})
    if by == "collection":
        library = open_library(settings)
        library.set_web("default", "off")
        assert [one.web for one in library.collections()] == ["off"]
        library.close()
    web, model = Web(), scripted(*["no"] * 8)
    async with Agent.open(settings, model=model, web=web) as agent:
        if by == "conversation":
            await agent.ask("Thanks", "t")
            await agent.set_web("t", "off")
        answer: Answer = await agent.ask(WEATHER, "t", web="off" if by == "question" else None)
        assert (answer.refused, answer.would_send, web.asked) == (True, "", [])
        if by in ("installation", "collection"):  # whoever asks cannot switch it on
            await agent.set_web("t", "on")
            assert await agent.web("t") == "off"
            await agent.ask(WEATHER, "t", web="on")
            assert web.asked == []


async def test_a_question_in_parts_asks_nothing(asking: Settings) -> None:
    web = Web()
    model = scripted(*["no"] * 12)
    async with Agent.open(asking, model=model, web=web) as agent:
        answer = await agent.ask(f"{LEAVE} And how long is the Kizaki tunnel of the Hakuba line?", "t")
    assert (answer.would_send, web.asked) == ("", [])


def test_a_turn_that_an_earlier_version_kept_is_read() -> None:
    assert [Turn("q", 0.0, web=kept).web for kept in (True, False)] == ["on", "off"]  # type: ignore[arg-type]
