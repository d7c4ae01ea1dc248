"""What is picked of a long conversation, and that the graph reads it; the model is scripted, the embedder real."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent import Agent, Settings
from agent.archive import KEPT, SLACK
from agent.digest import Gist, also_named, gists, overview, pointed_at, reach, tokens, unpointed
from agent.models.scripted import ScriptedChatModel
from agent.state import Language
from tools.library import E5
from tools.library.evidence import nearness

TABLE = yaml.safe_load((Path(__file__).parent.parent / "benchmarks" / "memory.yaml").read_text("utf-8"))
PRICES = [Gist(f"What is the price of article {n}?", f"Article {n} costs {n} euros.") for n in range(300)]


@pytest.mark.parametrize(
    ("question", "language", "far", "rest"),
    [
        ("What was the limit you told me at the beginning?", "en", "beginning", "What was the limit?"),
        ("At the start you said that it is free. For how long?", "en", "beginning", "it is free. For how long?"),
        ("Back to my first question: is it free?", "en", "first", "is it free?"),
        ("As you said before, it is free. Until when?", "en", "earlier", "it is free. Until when?"),
        ("The rooms from before, do they have a screen?", "en", "earlier", "The rooms, do they have a screen?"),
        ("What was my first question?", "en", "first", ""),
        ("What did I ask you before?", "en", "whole", None),
        ("What did you say about the warranty?", "en", "earlier", "the warranty?"),
        ("Summarise our conversation.", "en", "whole", None),
        ("Can you sum up for me what we talked about?", "en", "whole", None),
        ("Give me a summary of our discussion in two sentences", "en", "whole", None),
        ("Summarise what I need to do to reset my password", "en", None, None),
        ("summary of you and me and the rain by nobody", "en", None, None),
        ("Give me a summary of the chat protocol", "en", None, None),
        ("How do I get back to the menu?", "en", None, None),
        ("What must be paid at the beginning of the contract?", "en", None, None),
        ("What is the first step?", "en", None, None),
        ("最初に聞いた件ですが、変更できますか？", "ja", "beginning", "変更できますか？"),
        ("最初の質問に戻りますが、いくらですか？", "ja", "first", "いくらですか？"),
        ("さっきの上限は増やせますか？", "ja", "earlier", "上限は増やせますか？"),
        ("前に教えてもらった連絡先は夜も開いていますか？", "ja", "earlier", "連絡先は夜も開いていますか？"),
        ("最初の質問は何でしたか？", "ja", "first", ""),
        ("これまでの会話をまとめてください", "ja", "whole", None),
        ("会話を短くまとめてもらえますか", "ja", "whole", None),
        ("長い会話はどのように要約されますか", "ja", None, None),
        ("会話をまとめて削除するには？", "ja", None, None),
        ("最初の設定はどうすればいいですか？", "ja", None, None),
        ("入社前に必要な書類は何ですか？", "ja", None, None),
        ("以前の契約は有効ですか？", "ja", None, None),
    ],
)
def test_how_far_back_a_question_points(question: str, language: Language, far: str | None, rest: str | None) -> None:
    assert reach(question, language) == far
    if rest is not None:
        assert unpointed(question, language) == rest


def test_a_gist_is_the_question_as_understood_and_the_first_supported_sentence() -> None:
    record = {
        "standalone": "How long is the Hakuba line?",
        "sentences": [{"text": "It is old.", "supported": False}, {"text": "It is 41 km long.", "supported": True}],
    }
    messages: list[AnyMessage] = [
        HumanMessage("And how long?"),
        AIMessage("It is old. It is 41 km long. [1]", additional_kwargs={"answer": record}),
        HumanMessage("Stopped"),
        HumanMessage("Who drives?"),
        AIMessage("I do not know.", additional_kwargs={"answer": {"standalone": "Who drives?", "refused": True}}),
    ]
    assert gists(messages) == [
        Gist("How long is the Hakuba line?", "It is 41 km long."),
        Gist("Stopped", ""),
        Gist("Who drives?", ""),
    ]


def _past(row: dict[str, Any]) -> list[Gist]:
    return [Gist(question, answer) for question, answer in row["said"]]


@pytest.mark.parametrize(
    ("conversation", "question", "n"),
    [
        (row, asked["question"], n)
        for row in TABLE["conversations"]
        for asked, n in zip(row["asked"], row["far"], strict=False)
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_exchange_that_a_question_points_at_is_picked(
    conversation: dict[str, Any], question: str, n: int, embedder: E5
) -> None:
    language, past = conversation["language"], _past(conversation)
    far = reach(question, language)
    assert far is not None
    picked = pointed_at(unpointed(question, language), far, past, partial(nearness, embedder), 240)
    assert past[n] in picked
    assert len(picked) <= 2


def test_the_budget_holds_however_long_the_conversation(embedder: E5) -> None:
    near = partial(nearness, embedder)
    for budget in (40, 240):
        picked = overview("Summarise our conversation.", PRICES, near, budget)
        assert PRICES[0] in picked
        assert 0 < sum(tokens(gist.text) for gist in picked) <= budget
    [one] = pointed_at("What does article 150 cost?", "earlier", PRICES, near, 1)
    assert one in PRICES
    assert pointed_at("What does it cost?", "earlier", [], near, 240) == []
    assert overview("What does it cost?", [], near, 240) == []


def test_the_first_question_is_the_first_that_asks(embedder: E5) -> None:
    past = [Gist("Hello!", "Hello."), Gist("How far does it reach?", "40 metres."), Gist("Walls?", "Concrete walls.")]
    assert pointed_at("Less through concrete walls?", "first", past, partial(nearness, embedder), 240) == [past[1]]
    assert pointed_at("Why?", "first", past[:1], partial(nearness, embedder), 240) == past[:1]


def test_only_so_many_exchanges_are_compared() -> None:
    seen: list[int] = []

    def near(question: str, sentences: Any) -> list[Any]:
        seen.append(len(sentences))
        return [type("Near", (), {"score": float("150" in text)}) for _, text in sentences]

    assert PRICES[150] in pointed_at("What was the price of article 150?", "earlier", PRICES, near, 240)
    assert seen == [36]


def test_an_older_exchange_is_found_by_what_it_names() -> None:
    older = [Gist("How long is the warranty of the K-200?", "Three years."), Gist("Who sells it?", "Any shop.")]
    recent = [Gist("How loud is the P-9?", "It is silent.")]
    assert also_named("Does the P-9 have the same warranty as the K-200?", older, recent) == older[0]
    assert also_named("Is the P-9 silent?", older, recent) is None
    assert also_named("And on Sundays?", older, recent) is None


def said(n: int) -> list[tuple[str, str]]:
    first = [("user", "How long is the Hakuba line?"), ("assistant", "The Hakuba line is 41 kilometres long.")]
    rest = ((("user", g.asked), ("assistant", g.said)) for g in PRICES[:n])
    return [*first, *(one for pair in rest for one in pair)]


@pytest.mark.parametrize("n", [10, KEPT + SLACK + 40], ids=["in the checkpoint", "moved out of it"])
async def test_a_follow_up_to_the_beginning_reads_it_and_nothing_else(indexed: Settings, n: int) -> None:
    model = ScriptedChatModel(
        lines=["You are welcome.", "In which year did the Hakuba line open?", "The Hakuba line opened in 1932. [1]"]
    )
    async with Agent.open(indexed, model=model) as agent:
        thread = agent.new_thread()
        await agent.begin(thread, said(n))
        await agent.ask("Thank you very much!", thread)
        answer = await agent.ask("Back to the line I asked about at the beginning: in which year did it open?", thread)
    assert answer.standalone == "In which year did the Hakuba line open?"
    assert "1932" in answer.text
    assert "How long is the Hakuba line?" in model.prompts[1]
    assert "at the beginning" not in model.prompts[1]
    assert "article 5 " not in model.prompts[1]
    assert model.leftover == []


async def test_a_rewriting_that_loses_what_was_pointed_at_is_not_used(indexed: Settings) -> None:
    model = ScriptedChatModel(lines=["When was that?", "no", "no"])
    async with Agent.open(indexed, model=model) as agent:
        standalone = await agent.understand("The line from before, when was it opened?", said(9))
    assert standalone == "How long is the Hakuba line? The line, when was it opened?"


async def test_a_question_that_names_what_it_points_at_is_left_alone(indexed: Settings) -> None:
    asked = "Back to the Hakuba line, which stations have a lift?"
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[])) as agent:
        assert await agent.understand(asked, said(9)) == asked


async def test_without_a_budget_nothing_older_is_read(indexed: Settings) -> None:
    model = ScriptedChatModel(lines=["What was the line?"])
    settings = indexed.model_copy(update={"digest_tokens": 0})
    async with Agent.open(settings, model=model) as agent:
        await agent.understand("What was the line you told me about at the beginning?", said(9))
    assert all("Hakuba" not in prompt for prompt in model.prompts)


async def test_small_talk_about_the_conversation_knows_its_beginning_and_other_small_talk_pays_nothing(
    indexed: Settings,
) -> None:
    model = ScriptedChatModel(lines=["You are welcome.", "You asked about the Hakuba line."])
    async with Agent.open(indexed, model=model) as agent:
        thread = agent.new_thread()
        await agent.begin(thread, said(12))
        await agent.ask("Thank you very much!", thread)
        answer = await agent.ask("What was my first question?", thread)
    assert answer.route == "direct"
    assert "Hakuba" not in model.prompts[0]
    assert "Hakuba" in model.prompts[1]
