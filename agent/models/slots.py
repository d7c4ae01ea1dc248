"""Which slot of the embedded server a request goes to, where adapters are loaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from agent.models.adapters import Adapter

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_ALIKE: Final = 0.1
"""Share of a prompt from which on what a slot has read is worth keeping; llama.cpp's own."""


@dataclass
class _Slot:
    number: int
    voice: Adapter | None = None
    read: str = ""
    """The last prompt."""
    busy: int = 0
    used: int = 0


class Slots:
    """llama.cpp chooses by the words of a prompt alone and would mix up what was read with different adapters. Here a
    prompt goes where the same voice (an adapter, or the model alone) has read the most of it; the model alone keeps
    slots of its own, so that specialists cost it nothing."""

    def __init__(self, alone: int, voices: int) -> None:
        self._slots = [_Slot(number) for number in range(alone + voices)]
        self._alone = alone if voices else 0
        self._lock = threading.Lock()
        self._clock = count(1)

    @contextmanager
    def take(self, voice: Adapter | None, messages: Sequence[BaseMessage]) -> Iterator[int]:
        """The slot for a prompt, for as long as it is worked on. Where all are busy, llama.cpp waits for the one."""
        text = _text(messages)
        with self._lock:
            slot = self._choose(voice, text)
            slot.voice, slot.read, slot.used = voice, text, next(self._clock)
            slot.busy += 1
        try:
            yield slot.number
        finally:
            with self._lock:
                slot.busy -= 1

    def note(self, number: int, messages: Sequence[BaseMessage]) -> None:
        """The model alone has read `messages` in that slot."""
        with self._lock:
            slot = self._slots[number]
            slot.voice, slot.read, slot.used = None, _text(messages), next(self._clock)

    def _choose(self, voice: Adapter | None, text: str) -> _Slot:
        if not self._alone:
            mine = self._slots
        else:
            mine = self._slots[: self._alone] if voice is None else self._slots[self._alone :]
        least = min(slot.busy for slot in mine)
        free = [slot for slot in mine if slot.busy == least]
        known = [(_shared(slot.read, text), slot) for slot in free if slot.voice == voice]
        most, best = max(known, key=lambda pair: pair[0], default=(0, free[0]))
        return best if most > _ALIKE * len(text) else min(free, key=lambda slot: slot.used)


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _text(messages: Sequence[BaseMessage]) -> str:
    # the words first: that two prompts begin with a system message says nothing
    return "\0".join(f"{message.text}\0{message.type}" for message in messages)
