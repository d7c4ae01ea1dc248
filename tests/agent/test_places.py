""" "Search the web for this": the question before is asked there again, and the router learns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import yaml

from agent import Agent, Settings
from agent.examples import corrections
from agent.models.scripted import ScriptedChatModel
from agent.places import wished, without_wish
from agent.prompts import FOLDER, LANGUAGES
from agent.state import Language, Route
from tools.base import Passage

LEAVE = "How many days of paid leave does an employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"
LAW = "Employees in Japan have at least 10 days of paid leave a year."


@dataclass
class Web:
    """A web of one page; it keeps what it was asked."""

    name: str = "web"
    asked: list[str] = field(default_factory=list)

    async def gather(self, query: str, *, k: int) -> Sequence[Passage]:
        self.asked.append(query)
        return [Passage("w1", LAW, "Labour law", "https://a.example/", "web", score=1.0)]


def scripted(*lines: str) -> ScriptedChatModel:
    return ScriptedChatModel(lines=list(lines))


@pytest.fixture
def online(indexed: Settings) -> Settings:
    return indexed.model_copy(update={"web": "on"})


@pytest.mark.parametrize(
    ("text", "language", "route"),
    [
        ("Search the web for this", "en", "web"),
        ("No, look it up online please.", "en", "web"),
        ("can you google that?", "en", "web"),
        ("OK, then check the internet instead!", "en", "web"),
        ("That should come from the web", "en", "web"),
        ("Look in my documents instead", "en", "library"),
        ("Please search our files for this.", "en", "library"),
        ("これはウェブで調べて", "ja", "web"),
        ("では、この質問はネットで検索してください。", "ja", "web"),
        ("それをインターネットで調べてもらえますか？", "ja", "web"),
        ("ウェブ検索でお願いします", "ja", "web"),
        ("ググって", "ja", "web"),
        ("手元の文書から探して", "ja", "library"),
        ("いや、ライブラリで調べ直してください", "ja", "library"),
        ("Search the web for train strikes", "en", None),
        ("How do I search the web for this?", "en", None),
        ("Search the web and tell me who won", "en", None),
        ("Does Kotae search the web?", "en", None),
        ("Look it up", "en", None),
        ("Check my documents for typing errors", "en", None),
        ("明日の天気をネットで調べて", "ja", None),
        ("ウェブで検索するにはどうすればいいですか", "ja", None),
        ("ウェブで調べて、料金も教えて", "ja", None),
        ("文書の追加方法を調べて", "ja", None),
        ("search the web for this" + " please" * 40, "en", None),
    ],
)
def test_only_a_wish_and_nothing_else_is_one(text: str, language: Language, route: Route | None) -> None:
    assert wished(text, language) == route


def test_both_languages_know_the_same_wishes() -> None:
    rows = {language: yaml.safe_load((FOLDER / language / "places.yaml").read_text("utf-8")) for language in LANGUAGES}
    keys = {"before", "after", "wishes", "specialist", "documents", "inside", "for_the_web"}
    assert [set(one) for one in rows.values()] == [keys] * 2
    assert set(rows["en"]["specialist"]) == set(rows["ja"]["specialist"]) == {"called", "wish", "addressed"}
    assert {row["route"] for row in rows["en"]["wishes"]} == {row["route"] for row in rows["ja"]["wishes"]}


async def test_the_last_question_is_asked_on_the_web_and_the_router_learns_it(online: Settings) -> None:
    web, model = Web(), scripted(TOLD, f"{LAW} [1]")
    async with Agent.open(online, model=model, web=web) as agent:
        await agent.ask(LEAVE, "t")
        assert web.asked == []
        answer = await agent.ask("Search the web for this", "t")
        assert (answer.route, answer.standalone) == ("web", LEAVE)
        assert web.asked == [LEAVE], "in the words of the question, and of nothing else"
        assert model.leftover == [], "nobody asked the model what was meant"
        [step] = [step for step in answer.steps if step.node == "route"]
        assert (step.facts["route"], step.facts["why"]) == ("web", "asked")
        decision = await agent.route(LEAVE)
        assert (decision.route, decision.why) == ("web", "correction")
        assert [e.question for e in await agent.history("t")] == [LEAVE, "Search the web for this"]


async def test_and_back_to_the_documents(online: Settings) -> None:
    web, model = Web(), scripted(TOLD, f"{LAW} [1]", TOLD)
    async with Agent.open(online, model=model, web=web) as agent:
        for question in (LEAVE, "Search the web for this", "No, look in my documents again"):
            answer = await agent.ask(question, "t")
        assert (answer.route, answer.standalone) == ("library", LEAVE)
        assert len(web.asked) == 1
        assert (await agent.route(LEAVE)).route == "library"
    assert model.leftover == []


async def test_japanese(online: Settings) -> None:
    question = "旅館のチェックアウトは何時ですか"
    web, model = Web(), scripted("はい", "チェックアウトは11時です。[1]", "no", "no", "no")
    async with Agent.open(online, model=model, web=web) as agent:
        await agent.ask(question, "t")
        answer = await agent.ask("これはウェブで調べて", "t")
        assert (answer.route, answer.standalone, answer.language) == ("web", question, "ja")
        assert web.asked == [question]
        assert (await agent.route(question)).route == "web"


async def test_what_the_web_does_not_hold_is_not_sought_elsewhere(online: Settings) -> None:
    web, model = Web(), scripted(TOLD, *["no"] * 5)
    async with Agent.open(online, model=model, web=web) as agent:
        await agent.ask("How long is the Kizaki tunnel of the Hakuba line?", "t")
        answer = await agent.ask("search the web for this", "t")
    assert answer.refused
    assert [step.facts["tool"] for step in answer.steps if step.node == "gather"] == ["web"]


@pytest.mark.parametrize("by", ["setting", "turn"])
async def test_with_the_web_off_nothing_leaves_and_nothing_is_learned(online: Settings, by: str) -> None:
    settings = online.model_copy(update={"web": "off"}) if by == "setting" else online
    web, model = Web(), scripted(TOLD, f"{LAW} [1]")
    async with Agent.open(settings, model=model, web=web) as agent:
        await agent.ask(LEAVE, "t")
        answer = await agent.ask("Search the web for this", "t", web="off" if by == "turn" else None)
        assert answer.refused
        assert answer.text.startswith("Web search is switched off")
        assert answer.notices == ("asked_web_off",)
        assert web.asked == []
        assert corrections(settings.data_dir) == []
        if by == "turn":  # switched on again, the same words are understood
            assert (await agent.ask("Search the web for this", "t")).standalone == LEAVE
            assert web.asked == [LEAVE]
            assert [e.text for e in corrections(settings.data_dir)] == [LEAVE]


async def test_a_greeting_is_not_asked_again(online: Settings) -> None:
    web, model = Web(), scripted("Hello! What would you like to know?", "Search the web for this", "no", "no", "no")
    async with Agent.open(online, model=model, web=web) as agent:
        await agent.ask("Hello!", "t")
        answer = await agent.ask("Search the web for this", "t")
        assert answer.standalone != "Hello!"
    assert corrections(online.data_dir) == []


async def test_where_the_router_goes_there_already_it_learns_nothing(online: Settings) -> None:
    question = "What's the weather in Kyoto tomorrow?"
    web, model = Web(), scripted(*["no"] * 8)
    async with Agent.open(online, model=model, web=web) as agent:
        await agent.ask(question, "t", web="off")
        answer = await agent.ask("Search the web for this", "t")
        assert answer.standalone == question
    assert corrections(online.data_dir) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Search the web: how high is the tower?", "how high is the tower?"),
        ("Search the web for the opening hours of the museum", "the opening hours of the museum"),
        ("Can you please look up online: who is the mayor?", "who is the mayor?"),
        ("please check the internet and tell me who is the mayor", "who is the mayor"),
        ("Search the web and tell me: who is the mayor?", "who is the mayor?"),
        ("Search the web", "Search the web"),
        ("How do I search the web?", "How do I search the web?"),
        ("ウェブで検索して：灯台の高さは？", "灯台の高さは？"),
        ("ネットで調べてください。市長は誰ですか", "市長は誰ですか"),
        ("ウェブで検索して", "ウェブで検索して"),
        ("ウェブで検索する方法は？", "ウェブで検索する方法は？"),
    ],
)
def test_how_a_question_asks_for_the_web_is_not_searched_for(text: str, left: str) -> None:
    assert without_wish(text) == left
