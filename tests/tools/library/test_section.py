"""Small passages are matched, the section around them is read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.settings import Settings
from agent.wiring import section_tokens
from tools.base import Passage
from tools.library import Library, LibraryTool, Scope

SENTENCES = {
    name: " ".join(
        f"The {name} of part {i} is described in sentence number {i} of this long paragraph." for i in range(9)
    )
    for name in ("keel", "mast", "sail", "helm")
}


@pytest.fixture
def ship(library: Library, folder: Path) -> Library:
    sections = "\n\n".join(SENTENCES.values())
    crew = " ".join(f"Sailor {i} of the crew has a cabin of his own below deck." for i in range(12))
    (folder / "ship.md").write_text(f"# Ship\n\n## Parts\n\n{sections}\n\n## Crew\n\n{crew}", "utf-8")
    library.index([folder], collection="fleet")
    return library


def found(library: Library, words: str) -> Passage:
    return library.search(words, k=1)[0]


def test_a_section_is_made_of_several_passages(ship: Library) -> None:
    (document,) = ship.documents()
    passages = ship.passages(document.id) or []
    assert len([p for p in passages if p.heading == ("Ship", "Parts")]) >= 3


def test_the_section_is_read_and_the_match_keeps_its_name(ship: Library) -> None:
    match = found(ship, "mast")
    (read,) = ship.sections([match], 4000)
    assert (read.id, read.score, read.stages) == (match.id, match.score, match.stages)
    assert read.text.startswith("The keel")
    assert read.text.endswith(SENTENCES["helm"])
    assert "crew" not in read.text, "another heading is another section"
    (document,) = ship.documents()
    context = ship.context(match.id, around=5000)
    assert context is not None
    assert document.id == match.document
    whole = context.before + context.text + context.after
    assert whole[read.start : read.end] == read.text


def test_no_more_than_the_tokens_that_are_allowed(ship: Library) -> None:
    match = found(ship, "mast")
    alone = ship.embedder.count(match.text)
    assert ship.sections([match], alone)[0].text == match.text
    some = ship.sections([match], alone + 260)[0]
    assert match.text in some.text
    assert len(some.text) > len(match.text)
    assert ship.embedder.count(some.text) <= alone + 270


def test_what_one_passage_shows_is_not_read_twice(ship: Library) -> None:
    keel, helm = found(ship, "keel"), found(ship, "helm")
    assert [p.id for p in ship.sections([keel, helm], 4000)] == [keel.id]
    tokens = ship.embedder.count(keel.text) + 400
    parts = ship.sections([keel, helm], tokens)
    for one in parts:
        assert not any(one is not other and one.start < other.end and other.start < one.end for other in parts)


def test_a_foreign_section_stays_closed(ship: Library) -> None:
    match = found(ship, "mast")
    assert ship.sections([match], 4000, Scope.of("other")) == [match]


def test_the_graph_reads_sections_when_it_is_told_to(ship: Library) -> None:
    alone = asyncio.run(LibraryTool(ship).gather("mast", k=1))
    wide = asyncio.run(LibraryTool(ship, section_tokens=4000).gather("mast", k=1))
    assert alone[0].id == wide[0].id
    assert len(wide[0].text) > len(alone[0].text)


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        ("small", "auto", 0),
        ("no such model", "auto", 0),
        ("http://localhost:8000/v1", "auto", 600),
        ("openai:gpt-x", "auto", 600),
        ("small", 300, 300),
        ("openai:gpt-x", 0, 0),
    ],
)
def test_a_model_whose_time_is_ours_reads_the_passage_alone(model: str, given: str | int, expected: int) -> None:
    assert section_tokens(Settings(model=model, section_tokens=given)) == expected
