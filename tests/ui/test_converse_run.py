"""The runner of scripted conversations: it must see every way in which an answer can differ."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.errors import ModelUnavailable, QuestionError
from agent.events import Done, Status, Token
from agent.models.scripted import ScriptedChatModel
from agent.state import Answer, Sentence, Source, Usage
from tools.base import Passage, Sent, ToolError
from ui.conversing.expectations import compare, holds
from ui.conversing.reading import read
from ui.conversing.run import run
from ui.conversing.script import Expect, Hit, Script
from ui.conversing.stage import ScriptedWeb
from ui.conversing.targets import Played, seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agent import Agent, Settings
    from agent.events import Event

GUIDE = Passage(id="a", text="Open until 18:00.", title="Museum guide", url="/data/guide/hours.md", kind="library")
OTHER = Passage(id="b", text="Closed.", title="Other", url="https://example.org/other", kind="web")
ANSWER = Answer(
    text="The museum is open until １８:00. [1]",
    route="library",
    refused=False,
    standalone="Until when is the museum open?",
    language="en",
    sentences=(Sentence("The museum is open until 18:00.", (1,), True),),
    sources=(Source(1, GUIDE, "until 18:00"), Source(2, OTHER, "")),
    notices=("some_removed",),
    choices=("Opening hours", "Guide › Shop"),
    sent=(Sent("script", "museum hours", 1.0),),
    usage=Usage(calls=3, prompt=100, cached=50, completion=20),
)


class Canned:
    """Stands in for the agent where only the runner is looked at; gives one outcome to every question."""

    def __init__(self, outcome: Answer | Exception, model: ScriptedChatModel | None) -> None:
        self.outcome, self.model = outcome, model

    def new_thread(self) -> str:
        return "t"

    async def start_model(self) -> None: ...

    async def stream(self, question: str, thread: str, *, web: Any) -> AsyncIterator[Event]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        yield Status("route")
        yield Status("route", 0.1)
        if self.model is not None and self.model.lines:
            await self.model.ainvoke(question)
        for word in ("The", " museum"):
            yield Token(word)
        yield Done(self.outcome, thread)


def canned(outcome: Answer | Exception) -> Any:
    @asynccontextmanager
    async def factory(settings: Settings, web: object, model: ScriptedChatModel | None) -> AsyncIterator[Agent]:
        yield Canned(outcome, model)  # type: ignore[misc]

    return factory


def script(expect: dict[str, Any], **turn: Any) -> Script:
    return Script.model_validate({"name": "s", "turns": [{"user": "q", "model": [], "expect": expect, **turn}]})


@pytest.mark.parametrize(
    ("expect", "differs"),
    [
        ({}, ""),
        ({"route": "library"}, ""),
        ({"route": "web"}, "route"),
        ({"route": "specialist:banking"}, "route"),
        ({"refused": False}, ""),
        ({"refused": True}, "refused"),
        ({"language": "en"}, ""),
        ({"language": "ja"}, "language"),
        ({"standalone": ["museum", ["shop", "open"]]}, ""),
        ({"standalone": ["shop"]}, "standalone"),
        ({"contains": ["18:00", "OPEN  until"]}, ""),
        ({"contains": [["19:00", "18:00"]]}, ""),
        ({"contains": [["19:00", "20:00"]]}, "contains"),
        ({"not_contains": ["19:00"]}, ""),
        ({"not_contains": ["18:00"]}, "not_contains"),
        ({"cites": ["hours.md"]}, ""),
        ({"cites": ["guide/hours.md"]}, ""),
        ({"cites": ["ours.md"]}, "cites"),
        ({"cites": ["museum GUIDE"]}, ""),
        ({"cites": ["Other"]}, "cites"),
        ({"cites": []}, "cites"),
        ({"choices": ["hours", ["café", "shop"]]}, ""),
        ({"choices": ["café"]}, "choices"),
        ({"choices": []}, "choices"),
        ({"notices": ["some_removed"]}, ""),
        ({"notices": ["web_off"]}, "notices"),
        ({"notices": []}, "notices"),
        ({"max_model_calls": 3}, ""),
        ({"max_model_calls": 2}, "max_model_calls"),
        ({"sources": ["Other", "hours.md"]}, ""),
        ({"sources": ["Elsewhere"]}, "sources"),
        ({"sources": []}, "sources"),
        ({"supported": "all"}, ""),
        ({"supported": 1}, ""),
        ({"supported": 2}, "supported"),
        ({"sent": ["museum hours"]}, ""),
        ({"sent": ["shop"]}, "sent"),
        ({"sent": []}, "sent"),
        ({"would_send": []}, ""),
        ({"would_send": ["museum"]}, "would_send"),
        ({"max_tokens": 20}, ""),
        ({"max_tokens": 19}, "max_tokens"),
        ({"max_prompt_tokens": 150}, ""),
        ({"max_prompt_tokens": 149}, "max_prompt_tokens"),
        ({"events": ["status:route", "token", "done"]}, ""),
        ({"events": ["token", "status:route"]}, "events"),
        ({"events": ["token", "token"]}, "events"),
        ({"events": ["sources"]}, "events"),
        ({"error": "empty"}, "error"),
    ],
)
async def test_each_expectation(expect: dict[str, Any], differs: str) -> None:
    result = await run(script(expect), factory=canned(ANSWER))
    assert [d.what for d in result.turns[0].differences] == ([differs] if differs else [])
    assert result.ok is not bool(differs)


@pytest.mark.parametrize(
    ("error", "expect", "differs"),
    [
        (QuestionError("empty", "The question is empty."), {"error": "empty"}, []),
        (QuestionError("empty", "The question is empty."), {"error": "too_long"}, ["error"]),
        (QuestionError("empty", "The question is empty."), {}, ["error"]),
        (ModelUnavailable("no answer"), {}, ["error"]),
        (ModelUnavailable("no answer"), {"error": "empty"}, ["error"]),
    ],
)
async def test_errors(error: Exception, expect: dict[str, Any], differs: list[str]) -> None:
    result = await run(script(expect), factory=canned(error))
    assert [d.what for d in result.turns[0].differences] == differs


@pytest.mark.parametrize("refused", [True, False])
async def test_a_refusal_may_do_as_well_but_a_wrong_answer_does_not(refused: bool) -> None:
    expect = {"refused": False, "contains": ["19:00"], "cites": ["ours.md"], "or_refused": True}
    result = await run(script(expect), factory=canned(replace(ANSWER, refused=refused)))
    assert [d.what for d in result.turns[0].differences] == ([] if refused else ["contains", "cites"])


async def test_a_line_left_over_differs_and_does_not_spill_into_the_next_turn() -> None:
    turns = [{"user": "a", "model": ["one", "two"]}, {"user": "b", "model": ["three"]}]
    result = await run(Script.model_validate({"name": "s", "turns": turns}), factory=canned(ANSWER))
    assert [d.got for d in result.turns[0].differences] == ["left over: two"]
    assert result.turns[1].ok
    assert result.turns[1].said == (("b", "three"),)


async def test_a_line_too_few_names_what_was_asked() -> None:
    class Hungry(Canned):
        async def stream(self, question: str, thread: str, *, web: Any) -> AsyncIterator[Event]:
            assert self.model is not None
            try:
                await self.model.ainvoke("what colour is it?")
            except AssertionError as error:
                raise ModelUnavailable("The model did not answer.") from error
            yield Done(ANSWER, thread)

    @asynccontextmanager
    async def factory(settings: Settings, web: object, model: ScriptedChatModel | None) -> AsyncIterator[Agent]:
        yield Hungry(ANSWER, model)  # type: ignore[misc]

    result = await run(script({}), factory=factory)
    assert "what colour is it?" in result.turns[0].differences[0].got


async def test_live_expectations_count_only_live() -> None:
    both = script({"route": "web"}, expect_live={"route": "library"})
    assert not (await run(both, factory=canned(ANSWER))).ok
    assert (await run(both, factory=canned(ANSWER), live=True)).ok
    bare = Script.model_validate({"name": "s", "turns": [{"user": "q", "expect_live": {"refused": True}}]})
    assert (await run(bare, factory=canned(ANSWER))).live


async def test_the_language_of_the_script_is_expected_of_every_turn() -> None:
    japanese = script({}).model_copy(update={"language": "ja"})
    assert [d.what for d in (await run(japanese, factory=canned(ANSWER))).turns[0].differences] == ["language"]


def cited(answer: Answer) -> Any:
    return seen(answer.as_json(), seconds=0).cited


def test_a_refusal_cites_nothing_and_neither_does_an_unsupported_sentence() -> None:
    assert cited(ANSWER) == (("Museum guide", "/data/guide/hours.md"),)
    assert cited(replace(ANSWER, refused=True)) == ()
    assert cited(replace(ANSWER, sentences=(Sentence("x", (1,), False),))) == ()


@pytest.mark.parametrize(
    ("text", "wanted", "there"),
    [
        ("３万円です", "3万円", True),
        ("Thirty  days", "thirty days", True),
        ("Thirty\ndays", "thirty days", True),
        ("30 days", ("thirty", "30"), True),
        ("40 days", ("thirty", "30"), False),
    ],
)
def test_width_case_and_space_do_not_count(text: str, wanted: str | tuple[str, ...], there: bool) -> None:
    assert holds(text, wanted) is there


async def test_the_web_of_a_script() -> None:
    web = ScriptedWeb()
    for state, reason in (("off", "web_off"), ("unavailable", "web_unavailable")):
        web.web = state  # type: ignore[assignment]
        with pytest.raises(ToolError) as caught:
            await web.gather("q", k=3)
        assert caught.value.reason == reason
    web.web = tuple(Hit(title=f"t{n}", url=f"https://{n}.example", text="x") for n in range(5))
    found = await web.gather("q", k=3)
    assert [p.title for p in found] == ["t0", "t1", "t2"]
    assert len({p.id for p in found}) == 3
    assert {p.kind for p in found} == {"web"}


SIMULATED = """\
kind: simulated
name: a guest
language: en
persona: a guest
goal: to be greeted
opening: Hello!
turns_at_most: 2
success: {any: {contains: [Goodbye]}, last: {route: web}, judged: "Was the guest greeted?"}
user: [Thank you!]
model: [Hello yourself!, You are welcome.]
judge: ["No, never."]
"""


async def test_a_simulated_user_without_success(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SIMULATED, "utf-8")
    (one,) = read(tmp_path / "a.yaml")
    result = await run(one)
    assert [turn.user for turn in result.turns] == ["Hello!", "Thank you!"]
    assert all(turn.ok for turn in result.turns)
    assert [d.what for d in result.outcome] == ["any answer: contains", "last answer: route", "judged"]
    assert result.judged == "No, never."
    assert not result.ok


async def test_lines_of_a_simulated_user_must_be_asked_for(tmp_path: Path) -> None:
    more = SIMULATED.replace("[Thank you!]", "[DONE, more]").replace(
        "success: {any", "success: {any: {contains: [Hello]}} #"
    )
    (tmp_path / "a.yaml").write_text(more, "utf-8")
    (one,) = read(tmp_path / "a.yaml")
    result = await run(one)
    assert {(d.what, d.got) for d in result.outcome} == {
        ("model", "left over: You are welcome."),
        ("user", "left over: more"),
        ("judge", "left over: No, never."),
    }


async def test_time_is_remarked_and_only_on_demand_a_difference() -> None:
    slow = script({"max_seconds": 1e-9})
    result = await run(slow, factory=canned(ANSWER))
    assert result.ok
    assert "hoped for at most" in result.turns[0].remarks[0]
    timed = await run(slow, factory=canned(ANSWER), timed=True)
    assert [d.what for d in timed.turns[0].differences] == ["max_seconds"]


async def test_turns_of_one_thread_are_one_conversation() -> None:
    asked: list[str] = []

    class Threads(Canned):
        def new_thread(self) -> str:
            return f"t{len(asked)}"

        async def stream(self, question: str, thread: str, *, web: Any) -> AsyncIterator[Event]:
            asked.append(thread)
            yield Done(ANSWER, thread)

    @asynccontextmanager
    async def factory(settings: Settings, web: object, model: ScriptedChatModel | None) -> AsyncIterator[Agent]:
        yield Threads(ANSWER, model)  # type: ignore[misc]

    turns = [{"user": "q", "thread": name, "model": []} for name in ("main", "other", "main")]
    await run(Script.model_validate({"name": "s", "turns": turns}), factory=factory)
    assert asked == ["t0", "t1", "t0"]


def test_what_was_not_seen_is_told_and_not_checked() -> None:
    expect = Expect(events=("done",), max_tokens=1, notices=("specialist_said", "web_off"), contains=("Hello",))
    played = Played(text="Hello", notices=("web_off",), worded=frozenset({"web_off"}))
    differences, unseen = compare(expect, played)
    assert differences == ()
    assert unseen == ("events", "max_tokens", "the notice specialist_said")
