from __future__ import annotations

from pathlib import Path

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.models.adapters import Adapter
from agent.models.slots import Slots

POLITE, STRICT, THIRD = (Adapter(Path(name), 1, 1) for name in ("polite", "strict", "third"))


def prompt(system: str, question: str) -> list[BaseMessage]:
    return [SystemMessage(system * 20), HumanMessage(question)]


def once(slots: Slots, voice: Adapter | None, messages: list[BaseMessage]) -> int:
    with slots.take(voice, messages) as number:
        return number


def test_the_same_beginning_goes_where_it_was_read() -> None:
    slots = Slots(2, 0)
    first = once(slots, None, prompt("Answer. ", "Where?"))
    other = once(slots, None, prompt("答えて。", "どこ？"))
    assert first != other
    assert once(slots, None, prompt("Answer. ", "When?")) == first
    assert once(slots, None, prompt("答えて。", "いつ？")) == other


def test_another_voice_does_not_take_what_was_read() -> None:
    slots = Slots(2, 1)
    asked = prompt("Answer. ", "Where?")
    base = once(slots, None, asked)
    assert once(slots, POLITE, asked) == 2
    assert once(slots, None, asked) == base


def test_each_voice_keeps_a_slot_while_there_are_enough() -> None:
    slots = Slots(2, 3)
    asked = prompt("Answer. ", "Where?")
    there = {voice: once(slots, voice, asked) for voice in (POLITE, STRICT, THIRD)}
    assert sorted(there.values()) == [2, 3, 4]
    for _ in range(3):
        assert once(slots, None, prompt("Anything. ", "Where?")) < 2
        assert {voice: once(slots, voice, asked) for voice in there} == there


def test_the_least_recently_used_voice_loses_its_slot() -> None:
    slots = Slots(2, 2)
    asked = prompt("Answer. ", "Where?")
    polite, strict = once(slots, POLITE, asked), once(slots, STRICT, asked)
    assert once(slots, POLITE, asked) == polite
    assert once(slots, THIRD, asked) == strict


def test_a_busy_slot_is_left_alone_while_another_is_free() -> None:
    slots = Slots(2, 1)
    asked = prompt("Answer. ", "Where?")
    with slots.take(None, asked) as first, slots.take(None, asked) as second:
        assert {first, second} == {0, 1}
        with slots.take(None, asked) as third:
            assert third in (0, 1)
            assert once(slots, None, asked) == 1 - third, "the one with fewer waiting"


def test_without_memory_for_voices_all_share() -> None:
    slots = Slots(1, 0)
    asked = prompt("Answer. ", "Where?")
    assert [once(slots, voice, asked) for voice in (None, POLITE, None)] == [0, 0, 0]


def test_what_was_restored_counts_as_read() -> None:
    slots = Slots(2, 1)
    slots.note(1, prompt("Answer. ", "")[:1])
    assert once(slots, None, prompt("Answer. ", "Where?")) == 1


def test_a_slot_comes_free_when_the_request_fails() -> None:
    slots = Slots(1, 1)
    for _ in range(3):
        try:
            with slots.take(POLITE, prompt("Answer. ", "Where?")):
                raise ValueError
        except ValueError:
            pass
    assert [slot.busy for slot in slots._slots] == [0, 0]
