"""A conversation whose user is played by a model: it goes on until the user is done, then its success is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.evaluation.simulated import judged, next_message
from agent.models.scripted import ScriptedChatModel
from agent.wiring import chat_model
from ui.conversing.expectations import compare
from ui.conversing.results import ConversationResult, Difference, TurnResult
from ui.conversing.run import in_language, played
from ui.conversing.script import Expect

if TYPE_CHECKING:
    from agent.models.chat import ChatModel
    from ui.conversing.script import Simulated
    from ui.conversing.stage import Stage
    from ui.conversing.targets import Conversations


async def play(
    script: Simulated, stage: Stage, conversations: Conversations, target: str, *, live: bool
) -> ConversationResult:
    """Play it to its end. In a scripted run user and judge have lines of their own, and all must be asked for."""
    language = script.language or "en"
    user, judge = _speaker(stage, script.user or (), live), _speaker(stage, script.judge or (), live)
    turns: list[TurnResult] = []
    message: str | None = script.opening
    said: list[tuple[str, str]] = []
    while message is not None:
        model = stage.model
        lines = [] if live or turns or model is None else list(script.model or ())
        result = await played(message, Expect(), stage, conversations, lines=lines, web=script.web, keep=True)
        turns.append(result)
        said.append((message, result.played.text or result.played.error or ""))
        if result.played.error is not None or len(turns) == script.turns_at_most:
            break
        message = await next_message(user[1], language, persona=script.persona, goal=script.goal, said=said)
    outcome, why = list(_outcome(script, turns)), ""
    if script.success.judged:
        question = script.success.judged
        good, why = await judged(judge[1], language, goal=script.goal, question=question, said=said)
        if not good:
            outcome.append(Difference("judged", f"yes to: {question}", why))
    for what, left in (("model", stage.model), ("user", user[0]), ("judge", judge[0])):
        if left is not None and left.leftover:
            outcome.append(Difference(what, "every line is asked for", f"left over: {' | '.join(left.leftover)}"))
    return ConversationResult(script.name, live, tuple(turns), target, tuple(outcome), why)


def _speaker(stage: Stage, lines: tuple[str, ...], live: bool) -> tuple[ScriptedChatModel | None, ChatModel]:
    """Who plays a part: the configured model, or a model with lines of its own."""
    if live:
        return None, stage.agent.context.model
    scripted = ScriptedChatModel(lines=list(lines))
    return scripted, chat_model(stage.agent.settings, scripted)


def _outcome(script: Simulated, turns: list[TurnResult]) -> list[Difference]:
    """What the success criteria find wrong. Of `any` the differences of the nearest answer are told."""
    found: list[Difference] = []
    if script.success.any is not None:
        expect = in_language(script.success.any, script)
        each = [compare(expect, turn.played)[0] for turn in turns]
        nearest = min(each, key=len)
        found += [Difference(f"any answer: {d.what}", d.expected, d.got) for d in nearest]
    if script.success.last is not None:
        last = compare(in_language(script.success.last, script), turns[-1].played)[0]
        found += [Difference(f"last answer: {d.what}", d.expected, d.got) for d in last]
    return found
