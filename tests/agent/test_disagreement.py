"""Two documents that say different things: the reader sees both."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import Agent, Settings
from agent.disagreement import contradicts
from agent.models.scripted import ScriptedChatModel
from tools.library import E5, Library


@pytest.mark.parametrize(
    ("one", "other", "question", "expected"),
    [
        ("Conversations are kept for 30 days.", "Conversations are kept for 90 days.", "How long are they kept?", True),
        ("会話は30日間保存されます。", "会話は90日間保存されます。", "会話は何日保存されますか。", True),
        ("The uniform is cleaned every Friday.", "The uniform is not cleaned every Friday.", "Is it cleaned?", True),
        ("The head of the depot is Mr Tanaka.", "The head of the depot is Mr Sato.", "Who is the head?", True),
        # other subjects, other times, the same thing, or next to nothing in common
        ("The Hakuba line opened in 1932.", "The Oito line opened in 1957.", "When did the Hakuba line open?", False),
        ("The town had 5,000 people in 2005.", "The town had 6,000 people in 2010.", "How many people?", False),
        ("Breakfast is served from 7 to 9.", "Breakfast is served from 7 to 9.", "When is breakfast?", False),
        ("The limit is 5.", "It costs 7.", "What is the limit?", False),
        ("The pass costs 5 euros a day.", "1日券は7ユーロです。", "What does the pass cost?", False),
    ],
)
def test_what_counts_as_a_contradiction(one: str, other: str, question: str, expected: bool) -> None:
    assert contradicts(one, other, question) is expected
    assert contradicts(other, one, question) is expected


async def test_both_sides_are_shown_and_the_model_chooses_none(
    settings: Settings, tmp_path: Path, embedder: E5
) -> None:
    """The two texts differ in nothing else, so that search must not take one for a copy of the other."""
    text = (
        "# Rules of the guest house\n\nBreakfast is served in the hall. Guests must check out by {} in the morning.\n"
    )
    for name, hour in (("old", "10"), ("new", "11")):
        (tmp_path / f"{name}.md").write_text(text.format(hour), "utf-8")
    library = Library.open(settings.data_dir / "library", embedder)
    library.index([tmp_path / "old.md", tmp_path / "new.md"])
    library.close()
    model = ScriptedChatModel(lines=[])
    async with Agent.open(settings, model=model) as agent:
        answer = await agent.ask("By when must guests check out?")
    assert not answer.refused
    assert "by 10 in" in answer.text
    assert "by 11 in" in answer.text
    assert {Path(source.passage.url).stem for source in answer.sources} == {"old", "new"}
    assert "sources_differ" in answer.notices
    assert [s.state for s in answer.sentences] == ["supported", "supported"]
