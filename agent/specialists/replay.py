"""What a base model says to general questions, as examples for the training of a specialist.

A model that learns one thing forgets others, least where its own earlier words are among what it learns (Yang et al.
2024, arXiv 2402.13669).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from agent.specialists import general
from agent.specialists.asking import AT_ONCE, Speaker, Voice
from tools.specialist.example import Example

_TOKENS = 64
"""Of a reply; one that is longer is left out rather than cut."""


async def replayed(
    speaker: Speaker,
    base: Voice,
    n: int,
    folder: Path,
    *,
    stop: threading.Event,
    done: Callable[[int, int], None] = lambda *_: None,
) -> list[Example]:
    """At most `n` questions with the replies of the base model, which `folder` keeps by its SHA-256."""
    asked = general.others()[:n]
    sha256 = base.card.base.sha256 if base.card.base is not None else ""
    kept = general.Kept(folder, sha256, "replay", str(_TOKENS))
    known = kept.load()
    missing = [question for question in asked if general.key(question) not in known]
    if missing:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1
            done(count, len(missing))

        said = await general.replies(
            speaker, base.silent(), missing, max_tokens=_TOKENS, at_once=AT_ONCE, stop=stop, done=tick
        )
        known |= {
            general.key(question): one.text if one.whole else "" for question, one in zip(missing, said, strict=True)
        }
        kept.save(known)
    return [Example(question.messages, reply) for question in asked if (reply := known[general.key(question)])]
