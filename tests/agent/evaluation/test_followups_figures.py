"""Japanese follow-ups: the form of the conversations, and what is counted, with a scripted model."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from agent import Agent, Settings
from agent.models.scripted import ScriptedChatModel
from tests.benchmarks.followups import WAYS, Conversation, Kind, conversations, figures, measured
from tests.benchmarks.sample import DOCS


def test_there_are_a_hundred_of_every_kind_about_pages_that_exist() -> None:
    asked = conversations()
    kinds = Counter(one.kind for one in asked)
    assert len({one.question for one in asked}) == 100
    assert set(kinds) == set(get_args(Kind))
    assert min(kinds.values()) >= 8
    assert Counter(one.tuned for one in asked) == {True: 50, False: 50}
    for one in asked:
        assert 1 <= len(one.said) <= 3
        assert one.pages
        assert all((DOCS / "ja" / f"{page}.md").is_file() for page in one.pages)


def test_a_limit_takes_so_many_of_each_kind() -> None:
    assert set(Counter(one.kind for one in conversations(2)).values()) == {2}


async def test_ranks_and_calls_are_counted(indexed: Settings) -> None:
    said = (("あおば旅館の朝食は何時からですか？", "朝食は7時からです。"),)
    asked = [
        Conversation("ellipsis", said, "チェックアウトは？", frozenset({"ryokan"}), True),
        Conversation("change", said, "The longest tunnel of the Hakuba line?", frozenset({"lines"}), False),
        Conversation("reason", said, "どうしてですか？", frozenset({"nowhere"}), False),
    ]
    lines = ["あおば旅館のチェックアウトは何時ですか？", "あおば旅館の朝食は何時からですか？"]
    async with Agent.open(indexed, model=ScriptedChatModel(lines=lines)) as agent:
        cases = await measured(asked, agent)
    assert [case["standalone"] for case in cases] == [
        lines[0],
        asked[1].question,
        "どうしてですか？（あおば旅館の朝食は何時からですか）",
    ]
    assert [case["ranks"]["Kotae"] for case in cases] == [1, 1, None]
    told = figures(cases)
    assert told["model calls"] == 2
    assert told["left alone rightly"] == "1/1"
    assert told["left alone of the others"] == 0
    assert told["all"]["Kotae"]["recall@5"] == pytest.approx(2 / 3, abs=0.001)
    assert told["tuned half"]["Kotae"]["recall@1"] == 1.0
    assert told["other half"]["n"] == 2
    assert told["pronoun"][WAYS[0]]["recall@5"] is None
