"""Plays a scripted conversation on a target, with the real library and embedder, and says where it differs."""

from __future__ import annotations

from dataclasses import replace as _with
from typing import TYPE_CHECKING

from agent import Settings
from ui.conversing.expectations import compare, late
from ui.conversing.results import ConversationResult, Difference, TurnResult
from ui.conversing.script import Expect, Scene, Script, Simulated
from ui.conversing.stage import AgentFactory, Stage, open_agent, staged
from ui.conversing.targets import Conversations, Target
from ui.conversing.targets.graph import GraphTarget

if TYPE_CHECKING:
    from ui.conversing.script import AnyScript, ScriptedTurn, Web


async def run(
    script: AnyScript,
    target: Target | None = None,
    *,
    live: bool = False,
    settings: Settings | None = None,
    timed: bool = False,
    factory: AgentFactory = open_agent,
) -> ConversationResult:
    """Play `script`. With `live`, or when it brings no model lines, the model of `settings` answers. A turn that
    differs does not end the conversation. With `timed` a turn that takes longer than `max_seconds` differs.

    Raises `ScriptError` when a document of the script cannot be indexed, `ModelError` when there is no model to answer.
    """
    target = target or GraphTarget()
    if target.elsewhere and (own := script.brings):
        reason = f"it brings {own} of its own, and a server that runs already has others"
        return ConversationResult(script.name, True, (), target.name, skipped=reason)
    live = live or target.elsewhere or not script.scripted
    # a server elsewhere has its own world; the stage then only holds the model that plays a user
    scene = script.model_copy(update={"library": ()}) if target.elsewhere else script
    needs_model = live and (not target.elsewhere or isinstance(script, Simulated))
    async with (
        staged(scene, settings or Settings(), factory, live=needs_model) as stage,
        target.open(stage) as conversations,
    ):
        if target.elsewhere:
            stage = _with(stage, model=None)
        if isinstance(script, Simulated):
            from ui.conversing.simulated import play as simulate

            return await simulate(script, stage, conversations, target.name, live=live)
        turns = [await _play(turn, script, stage, conversations, live, timed) for turn in script.turns]
        return ConversationResult(script.name, live, tuple(turns), target.name)


async def _play(
    turn: ScriptedTurn, script: Script, stage: Stage, conversations: Conversations, live: bool, timed: bool
) -> TurnResult:
    expect = in_language(turn.expect.updated(turn.expect_live) if live else turn.expect, script)
    lines = [] if live else list(turn.model or ())
    web = script.web if turn.web is None else turn.web
    result = await played(turn.question, expect, stage, conversations, lines=lines, web=web, thread=turn.thread)
    slow = late(expect, result.played)
    if slow is None:
        return result
    if timed:
        return _with(result, differences=(*result.differences, slow))
    return _with(result, remarks=(f"took {slow.got}, hoped for {slow.expected}",))


async def played(
    question: str,
    expect: Expect,
    stage: Stage,
    conversations: Conversations,
    *,
    lines: list[str],
    web: Web,
    thread: str = "main",
    keep: bool = False,
) -> TurnResult:
    """One turn, in which the scripted model has `lines` to say and the web of the script is `web`. With `keep` the
    lines that are left are for the turns to come."""
    model = stage.model
    already = len(model.prompts) if model else 0
    if model is not None:
        model.extend(lines)
    stage.web.web = web
    seen = await conversations.ask(question, thread=thread, web="off" if web == "off" else None)
    said: tuple[tuple[str, str], ...] = ()
    left: list[str] = []
    if model is not None:
        said = tuple((p[-160:], line) for p, line in zip(model.prompts[already:], model.lines[already:], strict=False))
        left = [] if keep else model.leftover
        model.lines = model.lines[: len(model.lines) - len(left)]
        if seen.calls is None and seen.error is None:  # what the page does not show, the model itself has counted
            seen = _with(seen, calls=len(said))
    differences, unseen = compare(expect, seen)
    if left:
        differences += (Difference("model", "every line is asked for", f"left over: {' | '.join(left)}"),)
    differences += tuple(Difference("page", "no error", fault) for fault in seen.faults)
    return TurnResult(question, expect, seen, differences, unseen, said=said, thread=thread)


def in_language(expect: Expect, scene: Scene) -> Expect:
    """With the language of the script, where the expectation says none."""
    if scene.language is None or "language" in expect.model_fields_set:
        return expect
    return expect.model_copy(update={"language": scene.language})
