from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.library.chunk import BUDGET, WHOLE, Chunk, cut


def count(text: str) -> int:
    """A token for each word, and for each character beyond ASCII."""
    return len(text.split()) + sum(char > "\x7f" for char in text)


def words(n: int, word: str = "word") -> str:
    return " ".join([word] * n)


def texts(text: str, chunks: list[Chunk]) -> list[str]:
    return [text[c.start : c.end] for c in chunks]


MARKS = (
    "# Title\n|## Part\n|Under\n---\n|\n|\n\n|- item one\n|1. item\n|```\ncode # x\n|```\n|Some words. And!\n|  |~~~"
)
PIECES = st.sampled_from(
    [*MARKS.split("|"), "| a | b |\n", words(90) + "\n", "あ" * 150, "日本語の文です。「括弧。の中」も、あります。"]
)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.text(max_size=600), st.lists(PIECES, max_size=40).map("".join)), st.sampled_from(["markdown", "text"])
)
def test_every_passage_is_a_clean_span_and_no_letter_is_lost(text: str, type: str) -> None:
    chunks = cut(text, type, count)  # type: ignore[arg-type]
    end = 0
    for chunk in chunks:
        assert end <= chunk.start < chunk.end <= len(text)
        piece = text[chunk.start : chunk.end]
        assert piece == piece.strip("\n") != ""
        end = chunk.end
    if type == "text":
        # outside of markup everything that is written stands in a passage
        assert "".join("".join(texts(text, chunks)).split()) == "".join(text.split())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="ab。. \n", max_size=400), min_size=1, max_size=5))
def test_pages_hold_their_own_passages(pages: list[str]) -> None:
    starts, text = [], ""
    for page in pages:
        starts.append(len(text))
        text += page + "\n\n"
    for chunk in cut(text, "pdf", count, pages=starts):
        assert chunk.page is not None
        first = starts[chunk.page - 1]
        assert first <= chunk.start
        assert chunk.end <= first + len(pages[chunk.page - 1])


def test_no_passage_is_above_the_budget() -> None:
    text = "\n\n".join([words(70) + ".", words(500) + ".", "。".join(["文章" * 30] * 9), "x" * 4000])
    for piece in texts(text, cut(text, "markdown", lambda t: count(t) if " " in t else len(t))):
        assert count(piece) <= BUDGET


def test_headings_make_the_path() -> None:
    text = f"# Top\n{words(80)}\n## Left `x`\n{words(80)}\n### Deep\n{words(80)}\n## Right\n{words(80)}\n"
    assert [c.heading for c in cut(text, "markdown", count)] == [
        ("Top",),
        ("Top", "Left x"),
        ("Top", "Left x", "Deep"),
        ("Top", "Right"),
    ]
    assert not any(piece.startswith("#") for piece in texts(text, cut(text, "markdown", count)))


def test_small_neighbours_join_and_keep_their_headings() -> None:
    text = "# Top\n\n## One\n\nfirst\n\n## Two\n\nsecond\n"
    (chunk,) = cut(text, "markdown", count)
    assert chunk.heading == ("Top",)
    assert text[chunk.start : chunk.end] == "## One\n\nfirst\n\n## Two\n\nsecond"


def test_small_sections_of_different_parents_stay_apart() -> None:
    text = "# A\n\n## One\n\nfirst\n\n# B\n\n## Two\n\nsecond\n"
    assert [c.heading for c in cut(text, "markdown", count)] == [("A", "One"), ("B", "Two")]


@pytest.mark.parametrize(
    "block",
    ["```python\n" + "\n".join(["x = 1"] * 80) + "\n```", "| a | b |\n|---|---|\n" + "\n".join(["| 1 | 2 |"] * 50)],
)
def test_tables_and_code_are_not_torn_where_they_fit(block: str) -> None:
    assert BUDGET < count(block) <= WHOLE
    text = f"# T\n\n{words(150)}\n\n{block}\n\n{words(150)}\n"
    assert block in texts(text, cut(text, "markdown", count))


def test_a_table_that_does_not_fit_is_cut_between_rows() -> None:
    text = "| a | b |\n|---|---|\n" + "\n".join(f"| row {i} | {words(10)} |" for i in range(60))
    for piece in texts(text, cut(text, "markdown", count)):
        assert piece.startswith("|")
        assert piece.endswith("|")


def test_japanese_is_cut_after_sentences_not_inside_quotes() -> None:
    sentence = "彼は「行こう。すぐに行こう。」と言って、駅の方へ歩き出した。"
    text = sentence * 30
    for piece in texts(text, cut(text, "text", count)):
        assert piece.startswith("彼は")
        assert piece.endswith("歩き出した。")


def test_a_line_break_inside_a_paragraph_ends_no_sentence() -> None:
    text = "\n".join(["The quick brown fox jumps over", "the lazy dog and goes home."] * 40)
    for piece in texts(text, cut(text, "text", count)):
        assert piece.startswith("The quick")
        assert piece.endswith("home.")


def test_an_introducing_line_goes_with_what_it_introduces() -> None:
    text = f"# T\n\n{words(100)}\n\n{words(80)}:\n\n{words(110)}\n"
    assert texts(text, cut(text, "markdown", count))[1].startswith("word")
    assert ":" in texts(text, cut(text, "markdown", count))[1]


def test_code_may_hold_what_looks_like_a_heading() -> None:
    text = "# T\n\n```sh\n# comment\n\nrun\n```\n"
    (chunk,) = cut(text, "markdown", count)
    assert text[chunk.start : chunk.end] == "```sh\n# comment\n\nrun\n```"
    assert chunk.heading == ("T",)


def test_an_open_fence_ends_with_the_text() -> None:
    text = "# T\n\n```\nnever closed\n# x"
    (chunk,) = cut(text, "markdown", count)
    assert text[chunk.start : chunk.end].endswith("# x")
