"""Edges and the pure parts of the nodes: no model, no library, no graph."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agent.context import Limits
from agent.graph import after_route, diagram
from agent.models.chat import Meter
from agent.nodes.answer import after_answer
from agent.nodes.finish import compose, renumber
from agent.nodes.gather import outward, worth_reading
from agent.nodes.judge import CLEAR, SUFFICIENT, _verdict, after_judge, coverage, next_lookup, sufficiency
from agent.nodes.reflect import _copied, _off_topic, after_reflect
from agent.nodes.reply import after_reply
from agent.state import Decision, Evidence, Route, Sentence, State, Support, Turn, Verdict
from tools.base import Consent, Passage
from tools.library.forms import tells
from tools.sentences import spans, split

TOOLS: tuple[Route, ...] = ("library", "web")
LIMITS = Limits(gathers=2, drafts=2, seconds=60)


def passage(text: str, title: str = "Handbook") -> Passage:
    return Passage(id=text[:8], text=text, title=title, url="", kind="library")


def turn(route: Route = "library", **changes: object) -> Turn:
    base = Turn(question="q", standalone="q", started=time.time(), decision=Decision(route, "q", 0.9, "classifier"))
    return replace(base, **changes)  # type: ignore[arg-type]


def state(of: Turn) -> State:
    return {"messages": [], "turn": of}


@pytest.mark.parametrize(
    ("route", "node"), [("library", "gather"), ("web", "gather"), ("direct", "answer"), ("clarify", "clarify")]
)
def test_after_route(route: Route, node: str) -> None:
    assert after_route(state(turn(route))) == node


@pytest.mark.parametrize(
    ("sufficient", "tried", "node"),
    [
        (True, ("library:q",), "answer"),
        (False, ("library:q",), "abstain"),
        (False, ("web:q",), "gather"),
        (False, (), "gather"),
    ],
)
def test_after_judge(sufficient: bool, tried: tuple[str, ...], node: str) -> None:
    assert after_judge(state(turn(verdict=Verdict(sufficient, 0.9, "stated"), tried=tried))) == node


def test_what_judge_finds_unclear_is_asked_back() -> None:
    assert (
        after_judge(state(turn("clarify", verdict=Verdict(False, 1.0, "several"), tried=("library:q",)))) == "clarify"
    )


def test_after_reply() -> None:
    assert after_reply(state(turn())) == "understand"
    assert after_reply(state(turn(draft="All right."))) == "finish"


def test_after_answer() -> None:
    assert after_answer(state(turn(passages=(passage("a"),)))) == "reflect"
    assert after_answer(state(turn("direct"))) == "finish"


GOOD = Support("Fine.", (1,), True, "similarity")
BAD = Support("Wrong.", (1,), False, "checks", "number:3")
NONE = Support("The sources do not say.", (), False, "checks", "refusal")


@pytest.mark.parametrize(
    ("supports", "drafts", "late", "node"),
    [
        ((GOOD,), 1, False, "finish"),
        ((GOOD, BAD), 1, False, "answer"),
        ((GOOD, BAD), 2, False, "finish"),
        ((GOOD, BAD), 1, True, "finish"),
        ((BAD,), 1, False, "answer"),
        ((BAD,), 2, False, "answer"),  # `judge` was sure: the passages are quoted
        ((BAD,), 2, True, "abstain"),
        ((BAD,), 3, False, "abstain"),
        ((BAD,), 1, True, "abstain"),
        ((NONE,), 1, False, "answer"),  # and here: they are quoted at once
        ((NONE,), 3, False, "abstain"),
        ((NONE,), 1, True, "abstain"),
        ((GOOD, NONE), 1, False, "finish"),
        ((), 1, False, "abstain"),
    ],
)
def test_after_reflect(supports: tuple[Support, ...], drafts: int, late: bool, node: str) -> None:
    started = time.time() - (100 if late else 0)
    judged = Verdict(True, 0.9, "stated")
    assert after_reflect(turn(supports=supports, drafts=drafts, started=started, verdict=judged), LIMITS) == node


@pytest.mark.parametrize(
    ("supports", "confidence", "node"),
    [
        ((NONE,), 0.84, "abstain"),
        ((NONE,), 0.85, "answer"),
        ((NONE, replace(NONE, sentence="A", reason="heading")), 0.85, "answer"),
        ((replace(NONE, reason="heading"),), 0.94, "abstain"),
        ((replace(NONE, reason="heading"),), 0.95, "answer"),
    ],
)
def test_a_draft_that_turns_down_what_judge_is_sure_of_is_not_believed(
    supports: tuple[Support, ...], confidence: float, node: str
) -> None:
    judged = Verdict(True, confidence, "stated")
    assert after_reflect(turn(supports=supports, drafts=1, verdict=judged), LIMITS) == node
    insufficient = replace(judged, sufficient=False)
    assert after_reflect(turn(supports=supports, drafts=1, verdict=insufficient), LIMITS) == "abstain"


def test_where_judge_was_not_sure_only_a_wrong_yes_or_no_is_mended_by_quoting() -> None:
    turned_round = Support("Yes, it does.", (1,), False, "checks", "polarity", "It does not.")
    doubtful = Verdict(True, 0.55, "stated")
    assert after_reflect(turn(supports=(BAD,), drafts=2, verdict=doubtful), LIMITS) == "abstain"
    assert after_reflect(turn(supports=(turned_round,), drafts=2, verdict=doubtful), LIMITS) == "answer"


@pytest.mark.parametrize(
    ("route", "gathers", "web", "tried", "expected"),
    [
        ("library", 1, "on", ("library:q",), "web"),
        ("library", 1, "off", ("library:q",), None),
        ("web", 1, "on", ("web:q",), "library"),
        ("web", 1, "off", ("web:q",), "library"),
        ("web", 2, "on", ("library:q", "web:q"), None),
    ],
)
def test_next_lookup(route: Route, gathers: int, web: Consent, tried: tuple[str, ...], expected: Route | None) -> None:
    found = next_lookup(turn(route, gathers=gathers, web=web, tried=tried), LIMITS, TOOLS)
    assert (found.route if found else None) == expected


@pytest.mark.parametrize(
    ("query", "leaves"),
    [
        ("What is the weather in Osaka today?", "What is the weather in Osaka today?"),
        ("What does project Bluebird cost today?", "Weather in Osaka? And what does it cost today?"),
    ],
)
def test_only_words_of_the_user_leave_the_machine(query: str, leaves: str) -> None:
    messages = [
        HumanMessage("What is the weather like?"),
        AIMessage("Project Bluebird is secret."),
        HumanMessage("Weather in Osaka?"),
        AIMessage("Rain."),
        HumanMessage("And what does it cost today?"),
    ]
    assert outward(query, messages) == leaves


@pytest.mark.parametrize(
    ("scores", "kept"),
    [([7.0, 4.0, 5.0, 4.0], 3), ([7.0, 1.0, 1.0], 2), ([3.0, 3.0, 2.5, 2.2], 4), ([-1.0, -2.0, -3.0], 3), ([], 0)],
)
def test_far_weaker_passages_are_not_read(scores: list[float], kept: int) -> None:
    found = [replace(passage(f"text {i}"), score=score) for i, score in enumerate(scores)]
    assert worth_reading(found)[:2] == found[:2]
    assert len(worth_reading(found)) == kept


def test_nothing_is_looked_up_after_the_deadline() -> None:
    late = turn(gathers=1, tried=("library:q",), started=time.time() - 100)
    assert next_lookup(late, LIMITS, TOOLS) is None


def near(cosine: float, words: float) -> Evidence:
    return Evidence(1, 0, 1, 1.0, cosine, 0.5, words)


def test_sufficiency_rises_with_every_witness() -> None:
    assert sufficiency(near(0.85, 0.6), 0.9) > sufficiency(near(0.85, 0.6), 0.4) > sufficiency(near(0.85, 0.2), 0.4)
    assert sufficiency(near(0.88, 0.5)) > sufficiency(near(0.85, 0.5)) > sufficiency(near(0.82, 0.5))
    assert sufficiency(near(0.85, 0.5), absent=0) > sufficiency(near(0.85, 0.5), absent=2)
    assert sufficiency(near(0.90, 0.8)) > CLEAR[1]
    assert sufficiency(near(0.78, 0.1)) < CLEAR[0]
    assert sufficiency(near(0.84, 0.5)) > SUFFICIENT > sufficiency(near(0.84, 0.5), absent=1, stranger=True)


def test_across_languages_only_the_model_counts() -> None:
    assert CLEAR[0] < sufficiency(None) < CLEAR[1]
    assert sufficiency(None, 0.9) > 0.5 > sufficiency(None, 0.5)


@pytest.mark.parametrize(
    ("question", "share", "missing"),
    [
        ("What does the depot in Matsumoto clean?", 1.0, ()),
        ("What does a helicopter cost in Matsumoto?", 1 / 3, ("helicopter",)),
        ("マツモトの車両基地は？", None, ()),
    ],
)
def test_coverage(question: str, share: float | None, missing: tuple[str, ...]) -> None:
    found = coverage(question, [passage("The depot in Matsumoto cleans the uniforms every Friday.")])
    assert found == (pytest.approx(share) if share is not None else None, missing)


@pytest.mark.parametrize(
    ("question", "model", "sufficient"),
    [
        ("passwordを変更するには？", None, True),
        ("パスワードを変更するには？", None, True),
        ("Dropboxのpasswordを変更するには？", 0.1, False),
    ],
)
async def test_a_word_in_the_other_script_is_no_stranger(question: str, model: float | None, sufficient: bool) -> None:
    """`model`: what it says when it is asked; None where it must not be."""
    page = passage("パスワードを変更するには、設定を開きます。", "手引き")
    asked = turn(
        standalone=question,
        language="ja",
        passages=(page,),
        evidence=(Evidence(1, 0, 21, 1.0, 0.86, 0.7, 0.8),),
    )

    async def yes(*_: object) -> float:
        assert model is not None, "the model was asked"
        return model

    context = SimpleNamespace(
        limits=LIMITS,
        model=None,
        specialists=SimpleNamespace(reader=SimpleNamespace(yes=yes, trained_for=lambda language: False)),
        unmentioned=lambda words: [word for word in words if not tells(page.text, word)],
    )
    verdict = await _verdict(asked, context, Meter())  # type: ignore[arg-type]
    assert verdict.sufficient is sufficient
    assert verdict.missing == (() if sufficient else ("Dropbox",))


def test_a_passage_about_something_else_is_off_topic() -> None:
    railway = passage("Bicycles travel free of charge on the valley railway after nine.", "Railway")
    coffee = passage("Descale the coffee machine every 200 cups.", "Marlow C3")
    foreign = passage("自転車は9時以降、無料で持ち込めます。", "鉄道")
    asked = turn(standalone="When do bicycles travel free on the valley railway?", passages=(railway, coffee, foreign))
    assert [_off_topic(n, asked) for n in (1, 2, 3)] == [False, True, False]


@pytest.mark.parametrize(
    ("claim", "copied"),
    [
        ("Alban Reyes", True),
        ("in 1931", True),
        ("Alban Reyes died in 1931.", True),
        ("yes", False),
        ("Alban Rey", False),
        ("die", False),
        ("Oslo", False),
        ("", False),
        ("週に1回", True),
        ("洗います。", False),
    ],
)
def test_a_short_answer_is_copied_in_whole_words_that_the_question_does_not_have(claim: str, copied: bool) -> None:
    museum = passage("The architect did not die young. Alban Reyes died in 1931.")
    cooker = passage("蒸気口は週に1回洗います。")
    evidence = tuple(
        Evidence(n, start, end, 1.0, 0.9, 0.5, 0.5)
        for n, p in enumerate((museum, cooker), 1)
        for start, end in spans(p.text)
    )
    asked = turn(
        standalone="When did the architect die? 蒸気口はいつ洗いますか？", passages=(museum, cooker), evidence=evidence
    )
    assert (_copied(claim, asked) is not None) is copied


def test_sources_are_numbered_as_they_are_cited() -> None:
    supports = [Support("B.", (3,), True, "similarity"), BAD, Support("A.", (1, 3), True, "similarity")]
    assert renumber(supports) == {3: 1, 1: 2}


@pytest.mark.parametrize(
    ("draft", "kept", "text"),
    [
        ("A is one. B is two [1].", (True, True), "A is one. [1] B is two. [1]"),
        ("A is one. B is two [1].", (False, True), "B is two. [1]"),
        ("- A is one\n- B is two\n- C is three", (True, False, True), "- A is one [1]\n- C is three [1]"),
        ("甲は一です。[1]乙は二です。", (True, True), "甲は一です。[1]乙は二です。[1]"),
        ("One.\n\nTwo.", (True, True), "One. [1]\n\nTwo. [1]"),
    ],
)
def test_compose(draft: str, kept: tuple[bool, ...], text: str) -> None:
    from agent import facts

    sentences = [Sentence(facts.uncited(s), (1,), k) for s, k in zip(split(draft), kept, strict=True)]
    assert compose(draft, sentences) == text


def test_the_diagram_shows_every_node_and_both_loops() -> None:
    drawn = diagram()
    for node in ("understand", "route", "gather", "judge", "answer", "reflect", "clarify", "abstain", "finish"):
        assert node in drawn
    arrows = {line.strip("\t ;").replace("-.->", "-->") for line in drawn.splitlines() if "->" in line}
    assert any(a.startswith("judge") and a.endswith("gather") for a in arrows)
    assert any(a.startswith("reflect") and a.endswith("answer") for a in arrows)
