"""Rows of documents in answers: which are shown, that they are copied, and where their citation stands."""

from __future__ import annotations

from agent import tables
from agent.nodes.finish import compose
from agent.state import Evidence, Form, Sentence, Turn
from tools.base import Passage
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
