"""reply: wait for what the user says to what Kotae asked, and make a question of it.

The graph stops here (`interrupt`) and goes on when the reply comes, be it after a restart. LangGraph runs an
interrupted node again from its beginning, so nothing stands before the interrupt that should happen once.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import yaml
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent import consent
from agent.consent import CHOSEN, REPLIES
from agent.context import Context
from agent.nodes.understand import complete, detect
from agent.prompts import FOLDER, fill
from agent.records import from_record
from agent.router import cue
from agent.state import Answer, Decision, Language, State, Turn
from tools.base import Consent

_NUMBER = re.compile(r"[^\w]*(?:no\.?|number|option)?[^\w]*([1-9])(?:番目?|つ目)?(?:で|です|を?お願いします)?[^\w]*")


@dataclass(frozen=True)
class _Replying:
    asks: re.Pattern[str]
    ends: re.Pattern[str]


async def reply(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    back = waiting(state["messages"])
    assert back is not None
    said = interrupt({"question": back.text, "choices": list(back.choices)})
    turn = Turn(question=said["question"], started=said["started"], web=said["web"])
    language = detect(turn.question, state["messages"])
    if back.would_send:
        found = permitted(turn, back)
        message = HumanMessage(turn.question, additional_kwargs={CHOSEN: True} if found else {})
        return {"messages": [message], "turn": found or replace(turn, language=language)}
    picked = pick(turn.question, back.choices)
    if picked is not None:
        language, question = back.language, fill(back.language, "narrowed", question=back.standalone, choice=picked)
        turn = replace(turn, standalone=question)
        if back.choices_of_web:
            turn = replace(turn, decision=Decision("web", question, 1.0, "chosen"))
        else:  # the choices are what the documents hold, so the web is not asked about them
            turn = replace(turn, web="off", decision=Decision("library", question, 1.0, "chosen"))
    elif _replying(language).ends.fullmatch(_folded(turn.question)):
        decision, draft = Decision("direct", turn.question, 1.0, "never_mind"), fill(language, "replies/never_mind")
        turn = replace(turn, standalone=turn.question, decision=decision, draft=draft)
    elif await asyncio.to_thread(is_new, turn.question, language, runtime.context):
        turn = replace(turn, standalone=turn.question)
    message = HumanMessage(turn.question, additional_kwargs={CHOSEN: True} if picked else {})
    return {"messages": [message], "turn": replace(turn, language=language)}


def permitted(turn: Turn, back: Answer) -> Turn | None:
    """The turn of a reply to "may I search the web?": the question before is looked up there, or in the documents.
    None where something else is said, which is a question of its own."""
    picked = pick(turn.question, back.choices)
    told = REPLIES[back.choices.index(picked)] if picked else consent.reply(turn.question, back.language)
    if told is None:
        return None
    turn = replace(turn, standalone=back.standalone, language=back.language)
    if told == "no":
        return replace(turn, web="off", decision=Decision("library", back.standalone, 1.0, "web_declined"))
    # `off` is what somebody has said since
    web: Consent = "off" if turn.web == "off" else "on"
    decision = Decision("web", back.standalone, 1.0, "consented")
    return replace(turn, web=web, web_stays=told == "always", decision=decision)


def after_reply(state: State) -> Literal["understand", "finish"]:
    """Most replies are understood as any question is; to "never mind" the answer is there."""
    return "finish" if state["turn"].draft else "understand"


def asked_back(messages: Sequence[AnyMessage]) -> Answer | None:
    """What Kotae asked about the meaning of a question, if that is the last thing it said."""
    last = waiting(messages)
    return None if last is None or last.would_send else last


def waiting(messages: Sequence[AnyMessage]) -> Answer | None:
    """What Kotae asked, be it what a question means or whether it may search the web, if it said nothing since."""
    last = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    answer = None if last is None else from_record(last.additional_kwargs.get("answer"))
    return answer if answer is not None and answer.route == "clarify" else None


def pick(said: str, choices: Sequence[str]) -> str | None:
    """The choice that a reply names: by its number, by its words, or by more words than its own that name no other."""
    folded = _folded(said)
    if number := _NUMBER.fullmatch(folded):
        n = int(number.group(1))
        return choices[n - 1] if n <= len(choices) else None
    same = [choice for choice in choices if _folded(choice) == folded]
    named = same or [choice for choice in choices if _folded(choice) in folded and len(folded) < 2 * len(choice)]
    return named[0] if len(named) == 1 else None


def is_new(said: str, language: Language, context: Context) -> bool:
    """Whether a reply is no reply but a question of its own: it asks, and is understood without what was said."""
    found = cue(said, language)
    if found is not None and found[1] == "greeting":
        return True
    asks = found is not None or _replying(language).asks.search(said.strip())
    return bool(asks) and complete(said, language, context)


@cache
def _replying(language: Language) -> _Replying:
    told = yaml.safe_load((FOLDER / language / "replying.yaml").read_text("utf-8"))
    asks, ends = (re.compile("|".join(f"(?:{p})" for p in told[name]), re.IGNORECASE) for name in ("asks", "ends"))
    return _Replying(asks, ends)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .!。！、,")
