"""Specialists in a program that answers questions: they are made with its own model, embedder and library."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.context import Limits
from agent.library import readable
from agent.models.chat import ChatModel
from agent.settings import Settings
from agent.specialists.study import Specialists
from agent.specialists.workplace import Step
from tools.specialist.errors import SpecialistError

if TYPE_CHECKING:
    from agent.specialists.speakers import Speakers
    from tools.library import Embedder, Library


def study(settings: Settings, speakers: Speakers, model: ChatModel, embedder: Embedder) -> Specialists:
    """What trains, examines and compares. While a specialist learns, the model is let go when the answers under way
    are written; whoever asks meanwhile has it loaded again."""

    async def release() -> None:
        # somebody may be reading an answer as it is written
        await speakers.close(patient=True)
        await model.close(patient=True)

    return Specialists(settings, speakers, embedder, release=release)


async def reading_examples(
    settings: Settings,
    model: ChatModel,
    library: Library,
    collection: str,
    questions: int,
    out: Path,
    progress: Callable[[Step], None],
    stop: threading.Event,
) -> int:
    """Write examples of answering from passages, made from the documents of a collection, to `out`; returns how many.
    What was stopped goes on when it is asked for again with the same `out`.

    Raises what `raft.make` does, and `SpecialistError` (`stopped`).
    """
    from agent.specialists.raft import Making, Order, make

    def tell(making: Making) -> None:
        progress(Step("questions", making.kept, making.wanted))

    order = Order(collection, questions, model=settings.model)
    # as much is read as by a model on this machine: that is who learns from them
    limits, scope = Limits(passages=settings.passages), readable(settings)
    made = await make(library, model, order, out, scope=scope, limits=limits, progress=tell, stop=stop)
    if made.stopped:
        raise SpecialistError("stopped", f"Stopped with {made.kept} questions; ask for them again to go on.")
    return made.rows
