"""Questions of several parts: what is cut, how the parts are completed, and whole turns of several parts."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent import Agent, Done, Draft, Settings, Sources, Status, Token
from agent.events import Event
from agent.models.chat import ChatModel, Meter
from agent.models.scripted import ScriptedChatModel
from agent.nodes.parts import _Relay
from agent.parts import MOST, cut, divided, named
from agent.state import Answer, Language, Source
from agent.wiring import chat_model
from tests.benchmarks.parts import Compound, compounds, rightly, singles
from tools.base import Passage

LINES = "In which year did the Hakuba line open, and what is the longest tunnel of the Hakuba line?"
OPENED = "The Hakuba line opened in 1932. [1]"
TUNNEL = "The longest tunnel of the Hakuba line is the Kizaki tunnel. [1]"


def scripted(*lines: str) -> ScriptedChatModel:
    return ScriptedChatModel(lines=list(lines))


def texts(question: str, language: Language) -> list[str]:
    return [part.text for part in cut(question, language)]


def model(lines: ScriptedChatModel) -> ChatModel:
    return chat_model(Settings(), lines)


@pytest.mark.parametrize("question", compounds(), ids=lambda q: q.id)
async def test_questions_of_several_parts_are_cut(question: Compound) -> None:
    assert rightly(await divided(question.text, model(scripted()), Meter()), question)


@pytest.mark.parametrize("question", [q for questions in singles().values() for q in questions])
async def test_questions_of_one_part_are_left_whole_without_a_call(question: str) -> None:
    assert await divided(question, model(scripted()), Meter()) == ()


def test_there_are_enough_of_them() -> None:
    assert min(sum(q.language == language for q in compounds()) for language in ("en", "ja")) >= 15
    assert min(len(questions) for questions in singles().values()) >= 30


@pytest.mark.parametrize(
    ("question", "language", "parts"),
    [
        ("料金はいくらで、支払い方法は何がありますか。", "ja", ["料金はいくらですか。", "支払い方法は何がありますか。"]),
        ("この本は誰が書き、いつ出版されましたか。", "ja", ["この本は誰が書きますか。", "この本はいつ出版されましたか。"]),
        ("有料プランと無料プランの料金の違いは？", "ja", ["有料プランの料金について教えてください。", "無料プランの料金について教えてください。"]),
        ("Compare the free and the Pro plan", "en", ["What is the free plan?", "What is the Pro plan?"]),
        ("Compare the price of tea and coffee.", "en", ["What is the price of tea?", "What is the price of coffee?"]),
        ("How does SQLite differ from FAISS?", "en", ["What is SQLite?", "What is FAISS?"]),
        ("I use Linux. Where is the index, and how do I move it?", "en", ["I use Linux. Where is the index?", "How do I move it?"]),
        ("If a file fails, what happens and where is the log?", "en", ["If a file fails, what happens?", "If a file fails, where is the log?"]),
        ("Please tell me what it costs and whether I can cancel.", "en", ["Please tell me what it costs.", "Please tell me whether I can cancel."]),
        ("Who wrote Momo and when?", "en", ["Who wrote Momo?", "When?"]),
    ],
)  # fmt: skip
def test_cut(question: str, language: Language, parts: list[str]) -> None:
    assert texts(question, language) == parts


def test_no_more_than_three_parts_and_none_is_lost() -> None:
    found = texts("What is A? What is B? What is C? What is D?", "en")
    assert len(found) == MOST
    assert found[-1] == "What is C? What is D?"


def test_a_story_is_left_whole() -> None:
    assert cut("It rained. " * 60 + "What is A? What is B?", "en") == ()


@pytest.mark.parametrize(
    ("first", "part", "language", "text"),
    [
        ("How long are conversations kept?", "Can I delete one?", "en", "Can I delete conversations?"),
        ("What is the widget?", "When will it be available?", "en", "When will the widget be available?"),
        ("Who wrote Momo?", "Is it translated?", "en", "Is Momo translated?"),
        ("ログファイルはどこにありますか。", "その大きさはどれくらいですか。", "ja", "ログファイルの大きさはどれくらいですか。"),
        ("ウィジェットとは何ですか。", "それはいつ使えますか。", "ja", "ウィジェットはいつ使えますか。"),
        ("How do I add a page?", "How often is it read?", "en", ""),
        ("『モモ』を書いたのは誰ですか。", "その人はいつ生まれましたか。", "ja", ""),
    ],
)  # fmt: skip
def test_what_a_part_points_to_is_named_where_it_is_plain(first: str, part: str, language: Language, text: str) -> None:
    assert named(first, part, language) == text


@pytest.mark.parametrize(
    ("said", "second"),
    [
        ("When was Momo written?\n\nFirst: ...", "When was Momo written?"),
        ("Who wrote Momo?", "Who wrote Momo? When?"),  # repeats the first
        ("When did the famous German novelist Michael Ende die in Stuttgart?", "Who wrote Momo? When?"),  # invents
        ("", "Who wrote Momo? When?"),
    ],
)
async def test_the_model_completes_what_the_rules_cannot(said: str, second: str) -> None:
    lines = scripted(said)
    meter = Meter()
    assert await divided("Who wrote Momo and when?", model(lines), meter) == ("Who wrote Momo?", second)
    assert lines.leftover == []
    assert meter.usage.calls == 1


async def test_each_part_is_answered_in_order_with_its_citations(indexed: Settings) -> None:
    lines = scripted("The Azumi line opened in 1915. [1]", "The uniform is cleaned every second Friday. [1]")
    async with Agent.open(indexed, model=lines) as agent:
        answer = await agent.ask("In which year did the Azumi line open? And how often is the uniform cleaned?")
    assert lines.leftover == []
    assert answer.text == "The Azumi line opened in 1915. [1]\n\nThe uniform is cleaned every second Friday. [2]"
    assert [s.passage.title for s in answer.sources] == ["The lines of Aoba Railway", "Staff handbook of Aoba Railway"]
    assert [s.n for s in answer.sources] == [1, 2]
    assert [s.cites for s in answer.sentences] == [(1,), (2,)]
    assert [step.node for step in answer.steps].count("gather") == 2
    assert answer.usage.calls == 2
    assert "how often is the uniform cleaned" not in lines.prompts[0].lower(), "each part is asked by itself"


async def test_a_source_of_two_parts_stands_once_and_a_sentence_is_not_repeated(indexed: Settings) -> None:
    lines = scripted(OPENED, f"{OPENED} {TUNNEL}")
    async with Agent.open(indexed, model=lines) as agent:
        answer = await agent.ask(LINES)
    assert answer.text == f"{OPENED}\n\n{TUNNEL}"
    assert len(answer.sources) == 1


async def test_what_was_told_twice_gives_way_to_the_sentence_that_holds_both(indexed: Settings) -> None:
    lines = scripted(OPENED, "In 1932 the Hakuba line opened. [1]")
    async with Agent.open(indexed, model=lines) as agent:
        answer = await agent.ask("When did the Hakuba line open, and how long is the Hakuba line?")
    assert answer.text == f"{OPENED}\n\nThe Hakuba line opened in 1932 and is 41 kilometres long. [1]"
    assert len(answer.sources) == 1
    assert [s.supported for s in answer.sentences] == [True, True]


async def test_what_is_streamed_reads_as_one_answer(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(OPENED, TUNNEL)) as agent:
        events = [event async for event in agent.stream(LINES, "a")]
    drafts: list[str] = []
    for event in events:
        if isinstance(event, Draft):
            drafts.append("")
        elif isinstance(event, Token):
            drafts[-1] += event.text
    last = [event for event in events if isinstance(event, Sources)][-1]
    assert [source.n for source in last.sources] == list(range(1, len(last.sources) + 1))
    cited = drafts[-1][-2]
    assert drafts[0] == OPENED
    assert drafts[-1] == f"{OPENED}\n\n{TUNNEL.replace('[1]', f'[{cited}]')}"
    assert "Hakuba line" in last.sources[int(cited) - 1].passage.text
    done = events[-1]
    assert isinstance(done, Done)
    assert done.answer.text == f"{OPENED}\n\n{TUNNEL}"
    nodes = [event.node for event in events if isinstance(event, Status) and event.seconds is not None]
    assert nodes.count("finish") == 1
    assert nodes[-1] == "finish"


async def test_a_part_without_an_answer_is_said_to_be_missing(indexed: Settings) -> None:
    lines = scripted(OPENED, *["no"] * 4)
    async with Agent.open(indexed, model=lines) as agent:
        answer = await agent.ask("In which year did the Hakuba line open? And who won the chess championship of 2019?")
    assert not answer.refused
    assert answer.text == f"{OPENED}\n\nThe documents do not say: Who won the chess championship of 2019?"
    assert [s.text for s in answer.sentences] == ["The Hakuba line opened in 1932."]


async def test_without_an_answer_to_any_part_it_is_an_ordinary_refusal(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted(*["no"] * 8)) as agent:
        answer = await agent.ask("How long is the notice period of employees? And what is the dress code of guests?")
    assert answer.refused
    assert answer.text.startswith("I could not find the answer")
    assert answer.sources
    assert [step.node for step in answer.steps][-1] == "abstain"


async def test_parts_leave_nothing_for_the_next_turn(indexed: Settings) -> None:
    lines = scripted(OPENED, TUNNEL, "Every employee has 20 days of paid leave a year. [1]")
    async with Agent.open(indexed, model=lines) as agent:
        thread = agent.new_thread()
        await agent.ask(LINES, thread)
        answer = await agent.ask("How many days of paid leave does an employee have?", thread)
        history = await agent.history(thread)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert history[0].question == LINES
    assert history[0].answer is not None
    assert history[0].answer.text == f"{OPENED}\n\n{TUNNEL}"


async def test_the_last_question_is_answered_again_in_the_language_asked_for(indexed: Settings) -> None:
    # the judge is sure of a question and passages in one language only where the words are the same
    lines = scripted("yes", "Checkout is at 11. [1]", "yes", "yes", "チェックアウトは11時です。[1]")
    async with Agent.open(indexed, model=lines) as agent:
        thread = agent.new_thread()
        first = await agent.ask("チェックアウトは何時ですか。英語で答えてください。", thread)
        again = await agent.ask("日本語でお願いします", thread)
    assert first.standalone == again.standalone == "チェックアウトは何時ですか。"
    assert (first.language, again.language) == ("en", "ja")
    assert "Answer every part of the question in English" in lines.prompts[0]
    assert "日本語の短い文" in lines.prompts[-1].rpartition("質問: ")[2]


async def test_a_language_for_the_conversation_holds(indexed: Settings) -> None:
    lines = scripted(*["白馬線は1932年に開業しました。[1]", "yes"] * 2)
    async with Agent.open(indexed, model=lines) as agent:
        thread = agent.new_thread()
        first = await agent.ask("In which year did the Hakuba line open? From now on, answer in Japanese.", thread)
        second = await agent.ask("In which year did the Hakuba line open?", thread)
    assert (first.language, second.language) == ("ja", "ja")


async def test_a_longer_answer_may_read_and_write_more(indexed: Settings) -> None:
    lines = scripted("The Hakuba line opened in 1932. [1]")
    async with Agent.open(indexed, model=lines) as agent:
        await agent.ask("Explain in detail in which year the Hakuba line opened.")
    assert "in five to ten complete sentences" in lines.prompts[-1]


async def test_one_sentence_is_one_sentence(indexed: Settings) -> None:
    lines = scripted("The Hakuba line opened in 1932. [1] Its longest tunnel is the Kizaki tunnel. [1]")
    async with Agent.open(indexed, model=lines) as agent:
        answer = await agent.ask("In one sentence, in which year did the Hakuba line open?")
    assert answer.text == OPENED
    assert "in one short sentence" in lines.prompts[-1]


def test_half_a_citation_is_held_back_and_numbers_follow_those_of_earlier_parts() -> None:
    told: list[Event] = []
    passage = Passage(id="a", text="t", title="A", url="", kind="library")
    before = Answer("First. [1]", "library", False, "q", "en", sources=(Source(1, passage, ""),))
    relay = _Relay(told.append, before)
    pieces: Sequence[Event] = (Draft(1), Token("Yes. ["), Token("1"), Token("][2"), Token("] [x"), Status("finish"))
    for piece in pieces:
        relay.take(piece)
    relay.flush()
    assert "".join(e.text for e in told if isinstance(e, Token)) == "First. [1]\n\nYes. [2][3] [x"
    assert not any(isinstance(e, Status) for e in told)
