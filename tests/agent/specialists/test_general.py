from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata

from agent.models.chat import Meter
from agent.prompts import FOLDER, LANGUAGES
from agent.specialists import general
from agent.specialists.asking import Voice
from agent.specialists.replay import replayed
from tests.agent.specialists.speaking import FakeSpeaker, voice

NEVER = threading.Event()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_questions_are_many_and_each_stands_once(language: str) -> None:
    rows = yaml.safe_load((FOLDER / language / "general.yaml").read_text("utf-8"))
    asked = [row["ask"] for row in rows["questions"]]
    assert len(asked) == len(set(asked)) == 40
    assert len(rows["replay"]) == len(set(rows["replay"])) == 60
    assert not set(asked) & set(rows["replay"])


def test_no_question_gives_its_answer_away() -> None:
    """A reply that repeats the question must not be right, but where words are to be repeated or chosen."""
    given = [q.ask for q in general.questions() if q.right(q.ask)]
    assert len(given) <= 20, given


def test_what_is_right() -> None:
    by_ask = {q.ask: q for q in general.questions()}
    assert by_ask["What is the capital of France?"].right("It is PARIS, on the Seine.")
    assert not by_ask["What is the capital of France?"].right("It is Lyon.")
    assert by_ask['Write the word "hello" in capital letters.'].right("HELLO")
    assert not by_ask['Write the word "hello" in capital letters.'].right("Hello")
    assert by_ask["1週間は何日ですか。"].right("１週間は７日です。")


def hello(version: Voice, messages: Sequence[BaseMessage]) -> str:
    return f"Reply to {messages[-1].text}"


async def test_replay_holds_the_bases_own_words_under_the_plain_system_message(tmp_path: Path) -> None:
    speaker = FakeSpeaker(hello)
    found = await replayed(speaker, voice(tmp_path), 6, tmp_path, stop=NEVER)
    assert len(found) == 6
    systems = {q.system for q in general.questions()}
    for one in found:
        assert one.messages[0].role == "system"
        assert one.messages[0].content in systems
        assert one.answer == f"Reply to {one.question}"
        assert one.asked("A card's prompt.") == one.messages, "no card's prompt stands before it"
    assert {a.voice.card.adapter for a in speaker.asked} == {""}
    assert {one.messages[0].content for one in found} == systems, "the languages take turns"


async def test_a_base_is_asked_only_what_it_was_not_asked_before(tmp_path: Path) -> None:
    await replayed(FakeSpeaker(hello), voice(tmp_path), 4, tmp_path, stop=NEVER)
    again = FakeSpeaker(hello)
    told: list[tuple[int, int]] = []
    found = await replayed(again, voice(tmp_path), 10, tmp_path, stop=NEVER, done=lambda *at: told.append(at))
    assert len(found) == 10
    assert len(again.asked) == 6
    assert told[-1] == (6, 6)
    everything = await replayed(FakeSpeaker(hello), voice(tmp_path), 10_000, tmp_path, stop=NEVER)
    assert len(everything) == len(general.others()) == 120


async def test_a_reply_that_was_cut_is_not_learned(tmp_path: Path) -> None:
    class Long(FakeSpeaker):
        async def write(
            self, version: Voice, messages: Sequence[BaseMessage], *, max_tokens: int, meter: Meter, anew: bool = False
        ) -> str:
            text = await super().write(version, messages, max_tokens=max_tokens, meter=meter)
            written = max_tokens if "three" in text else 5
            usage = UsageMetadata(input_tokens=1, output_tokens=written, total_tokens=1 + written)
            meter.count(AIMessage(text, usage_metadata=usage))
            return text

    found = await replayed(Long(hello), voice(tmp_path), 2, tmp_path, stop=NEVER)
    assert [one.question for one in found] == ["好きな果物を三つ挙げてください。"]
    assert await replayed(Long(hello), voice(tmp_path), 2, tmp_path, stop=NEVER) == found


async def test_replies_that_cannot_be_kept_are_asked_anew(tmp_path: Path) -> None:
    broken = tmp_path / "file"
    broken.write_text("no folder")
    assert len(await replayed(FakeSpeaker(hello), voice(tmp_path), 3, broken, stop=NEVER)) == 3


def test_kept_replies_hold_for_the_same_questions_only(tmp_path: Path) -> None:
    kept = general.Kept(tmp_path, "a" * 64, "replay", "1")
    kept.save({"a": "b"})
    assert kept.load() == {"a": "b"}
    assert general.Kept(tmp_path, "a" * 64, "replay", "2").load() == {}
    next(tmp_path.glob("*/replay.json")).write_text("{")
    assert kept.load() == {}
