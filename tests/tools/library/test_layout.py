from __future__ import annotations

import random

import pytest

from tools.library.formats.layout import Region, Rule, Span, Table, arrange, joined, rows_of


def line(x: float, y: float, text: str, size: float = 10) -> Span:
    return Span(x, y, x + len(text) * size / 2, y + size, text, size)


def texts(spans: list[Span], rules: list[Rule] | None = None, gutter: float | None = None) -> list[object]:
    """Each part: the lines of a region, or the rows of a table; the order of the file must not matter."""
    random.Random(1).shuffle(spans)
    parts, _ = arrange(spans, rules or [], gutter)
    return [part.rows if isinstance(part, Table) else [span.text for span in part.lines] for part in parts]


LEFT = [f"left column line number {i:02d}" for i in range(8)]
RIGHT = [f"right column line number {i}" for i in range(8)]


def columns(count: int, y: float = 100, shift: float = 0) -> list[Span]:
    return [
        span for i in range(count) for span in (line(50, y + 14 * i, LEFT[i]), line(220, y + 14 * i + shift, RIGHT[i]))
    ]


@pytest.mark.parametrize("shift", [0, 5, 7])
def test_columns_are_read_one_after_the_other(shift: float) -> None:
    wide = "A title that stands across both of the columns, wide"
    last = "A remark at the foot that stands across the columns"
    page = [line(50, 60, wide), *columns(8, shift=shift), line(50, 240, last)]
    assert texts(page) == [[wide], LEFT, RIGHT, [last]]


def test_the_last_lines_of_an_article_follow_the_columns_of_the_page_before() -> None:
    page = columns(3)
    assert texts(list(page), gutter=195) == [LEFT[:3], RIGHT[:3]]
    _, gutter = arrange(columns(8))
    assert gutter is not None
    assert 178 < gutter < 220


def test_one_column_stays_one() -> None:
    lines = [
        line(50, 100 + 14 * i, "A line of prose as it stands on any page: " + "x" * (1 + i * 7 % 20)) for i in range(20)
    ]
    assert texts(list(lines)) == [[span.text for span in lines]]


CELLS = (("Branch", "Opens", "Books"), ("Ashford", "09:00", "12,400"), ("Bexley", "10:00", "8,150"))


def cells(y: float = 100) -> list[Span]:
    return [line(50 + 100 * x, y + 20 * row, text) for row, texts in enumerate(CELLS) for x, text in enumerate(texts)]


def grid(y: float = 97) -> list[Rule]:
    across = [Rule(45, y + 20 * i, 345, y + 20 * i) for i in range(4)]
    return [*across, *(Rule(45 + 100 * i, y, 45 + 100 * i, y + 60) for i in range(4))]


@pytest.mark.parametrize("rules", [grid(), grid()[:4], []], ids=["ruled", "booktabs", "bare"])
def test_a_table_stands_between_its_paragraphs(rules: list[Rule]) -> None:
    above, below = "A paragraph above the table, in one line", "And one that stands below it, in one line"
    page = [line(50, 60, above), *cells(), line(50, 200, below)]
    assert texts(page, rules) == [[above], CELLS, [below]]


def test_a_cell_of_two_lines_is_one_cell() -> None:
    page = [
        *cells(),
        line(50, 160, "Crowhurst"),
        line(150, 160, "09:30"),
        line(250, 160, "20,010"),
        line(150, 171, "or later"),
    ]
    assert texts(page) == [(*CELLS, ("Crowhurst", "09:30 or later", "20,010"))]


def test_a_frame_is_no_table() -> None:
    frame = [Rule(40, 90, 400, 90), Rule(40, 200, 400, 200), Rule(40, 90, 40, 200), Rule(400, 90, 400, 200)]
    lines = [line(50, 100 + 14 * i, "A sentence within the frame") for i in range(4)]
    assert all(isinstance(part, Region) for part in arrange(lines, frame)[0])


def test_a_term_and_its_number_are_a_line_when_there_are_two_rows() -> None:
    page = [line(50, 100, "Total"), line(250, 100, "12"), line(50, 120, "Sum"), line(250, 120, "13")]
    assert texts(page) == [["Total 12", "Sum 13"]]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["one ", "two"], "one two"),
        (["日本", "語"], "日本語"),
        (["日本", "x"], "日本 x"),
        (["", "a", ""], "a"),
        ([], ""),
    ],
)
def test_pieces_are_joined_as_their_script_asks(parts: list[str], text: str) -> None:
    assert joined(parts) == text


def test_no_span_is_lost() -> None:
    dice = random.Random(3)
    for _ in range(50):
        spans = [
            line(dice.randrange(500), dice.randrange(700), f"w{i}" * dice.randrange(1, 9), dice.choice((8, 10, 20)))
            for i in range(dice.randrange(60))
        ]
        rules = [Rule(x, 0, x, 700) for x in (100, 300)] + [Rule(100, y, 300, y) for y in (0, 200, 700)]
        parts, _ = arrange(spans, rules)
        written = " ".join(
            " ".join(text for row in part.rows for text in row)
            if isinstance(part, Table)
            else " ".join(span.text for span in part.lines)
            for part in parts
        )
        assert sorted(written.split()) == sorted(span.text for span in spans)
        assert sum(map(len, rows_of(spans))) == len(spans)
