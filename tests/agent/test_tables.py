"""Rows of documents in answers: which are shown, that they are copied, and where their citation stands."""

from __future__ import annotations

from pathlib import Path

from agent import Agent, Settings, tables
from agent.models.scripted import ScriptedChatModel
from agent.nodes.finish import compose
from agent.state import Evidence, Form, Sentence, Turn
from tools.base import Passage
from tools.library import E5, Library
from tools.sentences import spans

PRICES = """| Plan | Price | Seats |
|---|---:|---|
| Free | 0 | 1 |
| Pro | .90 a day | 5 |
| Team | 3 a day | 20 |"""
TEXT = f"## Plans\n\nPrices are without tax.\n\n{PRICES}\n\nAsk us for more."


def turn(question: str, row: str = "| Pro |", *, text: str = TEXT, form: Form = "prose") -> Turn:
    passage = Passage(id="a", text=text, title="Plans", url="", kind="library")
    ordered = sorted(spans(text), key=lambda span: not text[span[0] :].startswith(row))
    evidence = tuple(Evidence(1, start, end, 1.0, 0.9, 0.5, 0.5) for start, end in ordered)
    return Turn(question=question, standalone=question, started=0, passages=(passage,), evidence=evidence, form=form)


def test_a_table_is_found_around_its_rows_only() -> None:
    found = tables.around(TEXT, TEXT.index("| Pro"))
    assert found is not None
    assert found.text() == PRICES
    assert tables.around(TEXT, TEXT.index("| Plan")) is None, "a header says nothing"
    assert tables.around(TEXT, TEXT.index("Prices")) is None
    assert tables.around(PRICES.partition("|---")[2], 30) is None, "rows without their header mean nothing"


def test_rows_are_shown_when_rows_are_asked_for() -> None:
    assert tables.answering(turn("List the plans.")) == PRICES
    assert tables.answering(turn("どんなプランがありますか。")) == PRICES
    assert tables.answering(turn("Which plan is it?", form="table")) == PRICES
    assert tables.answering(turn("How many seats does Pro have?")) == ""
    assert tables.answering(turn("List the plans.", "Prices")) == "", "the nearest sentence is no row"


def test_a_comparison_shows_the_rows_that_it_names() -> None:
    header = "| Plan | Price | Seats |\n|---|---:|---|\n"
    assert tables.answering(turn("Compare Free and Team")) == f"{header}| Free | 0 | 1 |\n| Team | 3 a day | 20 |"


def test_a_long_table_is_cut_to_its_nearest_rows() -> None:
    rows = [f"| Item {n} | {n} |" for n in range(40)]
    text = "\n".join(["| Item | Size |", "|---|---|", *rows])
    shown = tables.answering(turn("List all items", "| Item 7 ", text=text)).splitlines()
    assert len(shown) == 2 + tables.ROWS
    assert rows[7] in shown
    assert shown[2:] == sorted(shown[2:], key=rows.index)


def test_a_table_is_one_statement_that_must_stand_in_its_source() -> None:
    draft = f"These are the plans.\n\n{PRICES}\n\nThat is all."
    found = [draft[start:end] for start, end in tables.statements(draft)]
    assert found == ["These are the plans.", PRICES, "That is all."]
    asked = turn("List the plans.")
    good = tables.support(PRICES, asked)
    assert good is not None
    assert (good.supported, good.cites) == (True, (1,))
    assert good.quote in TEXT
    bad = tables.support(PRICES.replace("| 5 |", "| 6 |"), asked)
    assert bad is not None
    assert not bad.supported
    assert tables.support("Pro has 5 seats.", asked) is None
    lone = "| a | b |\n| c | d |"
    assert [lone[a:b] for a, b in tables.statements(lone)] == ["| a | b |", "| c | d |"]


def test_the_citation_stands_in_the_last_cell_and_cells_stay_as_they_are() -> None:
    sentence = Sentence(tables.bare(PRICES), (2,), True)
    text = compose(PRICES, [sentence])
    assert text == PRICES[:-2] + " [2] |"
    assert "| .90 a day |" in text
    assert tables.is_table(text)


def test_a_row_is_quoted_under_its_header() -> None:
    asked = turn("How many seats?")
    assert tables.quoted(asked.evidence[0], asked.passages[0]).splitlines()[2:] == ["| Pro | .90 a day | 5 |"]
    assert tables.quoted(turn("Tax?", "Prices").evidence[0], asked.passages[0]) == ""


def test_cells() -> None:
    assert tables.cells(r"| a \| b |  | c |") == ["a | b", "", "c"]


async def test_a_turn_shows_rows_without_asking_the_model(settings: Settings, tmp_path: Path, embedder: E5) -> None:
    document = tmp_path / "fees.md"
    document.write_text(
        "# Fees of the Holm library\n\n| Service | Fee |\n|---|---|\n| Library card | 12 euros a year |\n"
        "| Interlibrary loan | 3 euros a book |\n| Lost card | 5 euros |\n",
        "utf-8",
    )
    library = Library.open(settings.data_dir / "library", embedder)
    library.index([document])
    library.close()
    model = ScriptedChatModel(lines=["yes"])  # the judge may ask
    async with Agent.open(settings, model=model) as agent:
        answer = await agent.ask("List the fees of the Holm library for a library card and an interlibrary loan.")
    assert not answer.refused
    assert answer.text.splitlines() == [
        "| Service | Fee |",
        "|---|---|",
        "| Library card | 12 euros a year |",
        "| Interlibrary loan | 3 euros a book |",
        "| Lost card | 5 euros [1] |",
    ]
    assert [s.cites for s in answer.sentences] == [(1,)]
    assert answer.sources[0].quote.startswith("| Library card |")
    assert answer.usage.calls <= 1
