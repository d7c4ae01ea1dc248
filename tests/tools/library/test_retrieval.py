from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tools.base import Passage
from tools.library import Library
from tools.library.search import HOME, PER_DOCUMENT, choose, fuse, levels


def ranked(*rows: tuple[str, str]) -> list[Passage]:
    return [
        Passage(id=f"{i}", text=text, title="", url="", kind="library", document=document)
        for i, (document, text) in enumerate(rows)
    ]


def test_both_stages_count() -> None:
    home = np.array([True] * 4)
    scores = fuse(np.array([0.9, 0.8, 0.8, 0.7]), np.array([0.0, 9.0, 1.0, 0.0]), home)
    assert scores.argmax() == 1
    assert scores[2] > scores[3]


def test_without_any_matching_word_the_vectors_decide() -> None:
    scores = fuse(np.array([0.7, 0.9, 0.8]), np.zeros(3), np.array([True, True, True]))
    assert np.argsort(-scores).tolist() == [1, 2, 0]


def test_equal_candidates_score_alike() -> None:
    assert fuse(np.array([0.8, 0.8]), np.array([2.0, 2.0]), np.array([True, True])).tolist() == [HOME, HOME]


def test_a_passage_in_another_language_is_not_buried_by_words_it_cannot_share() -> None:
    cosines = np.array([0.88, 0.80, 0.79, 0.78, 0.80])
    words = np.array([0.0, 4.0, 3.0, 0.5, 0.0])
    abroad = np.array([False, True, True, True, True])
    assert fuse(cosines, words, abroad).argmax() == 0
    assert fuse(cosines, words, np.array([True] * 5)).argmax() == 1


def test_of_two_twins_the_one_in_the_language_of_the_question_wins() -> None:
    scores = fuse(np.array([0.86, 0.86, 0.7]), np.zeros(3), np.array([False, True, True]))
    assert scores.argmax() == 1


@pytest.mark.parametrize("n", [1, 2])
def test_few_candidates(n: int) -> None:
    assert np.isfinite(fuse(np.full(n, 0.8), np.full(n, 1.0), np.array([False] * n))).all()


def test_near_duplicates_collapse_to_the_better_one() -> None:
    rows = ranked(("a", "Opening hours are nine to five."), ("b", "Opening  hours are\nnine to five."), ("c", "Else."))
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert [p.document for p in choose(rows, vectors, np.ones(len(rows), bool), 3)] == ["a", "c"]


def test_near_vectors_of_other_words_are_no_duplicates() -> None:
    rows = ranked(("a", "The fee is ten euros."), ("b", "料金は十ユーロです。"))
    assert len(choose(rows, np.ones((2, 1), np.float32), np.ones(2, bool), 2)) == 2


def test_a_translation_gives_way_to_the_passage_in_the_own_language() -> None:
    rows = ranked(
        ("ja", "料金は十ユーロです。"), ("en", "The fee is ten euros."), ("x", "Else."), ("y", "全く別の話。")
    )
    vectors = np.array([[1, 0, 0], [0.95, 0.31, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    home = np.array([False, True, True, False])
    assert [p.document for p in choose(rows, vectors, home, 3)] == ["en", "x", "y"]
    assert [p.document for p in choose(rows, vectors, home, 4)] == ["ja", "en", "x", "y"], "it may still fill the list"


def test_one_document_does_not_fill_the_list_while_others_have_something() -> None:
    rows = ranked(*[("a", f"text {i}") for i in range(6)], ("b", "other"), ("c", "third"))
    chosen = choose(rows, np.eye(8, dtype=np.float32), np.ones(len(rows), bool), 5)
    assert [p.document for p in chosen] == ["a"] * PER_DOCUMENT + ["b", "c"]


def test_a_lone_document_may_fill_it() -> None:
    rows = ranked(*[("a", f"text {i}") for i in range(6)])
    assert [p.id for p in choose(rows, np.eye(6, dtype=np.float32), np.ones(len(rows), bool), 5)] == [
        "0",
        "1",
        "2",
        "3",
        "4",
    ]


def test_the_bias_towards_the_own_language_is_taken_off() -> None:
    level = levels({"en": (0.80, 10_000), "ja": (0.75, 10_000)}, "en")
    assert level["en"] == 0
    assert level["ja"] == pytest.approx(-0.05, abs=1e-3)


def test_few_passages_say_little_about_a_language() -> None:
    assert abs(levels({"en": (0.80, 10_000), "ja": (0.60, 1)}, "en")["ja"]) < 0.01
    assert levels({"en": (0.80, 10_000)}, "ja") == {}
    assert levels({}, "ja") == {}


def test_the_documents_of_near_duplicates_are_named() -> None:
    same = "Opening hours are nine to five."
    rows = [
        Passage(id=str(i), text=same, title="", url=url, kind="library", document=url)
        for i, url in enumerate(["/a.md", "/b.md", "/a.md", "/c.md", "/b.md"])
    ]
    (chosen,) = choose(rows, np.ones((5, 1), np.float32), np.ones(5, bool), 3)
    assert (chosen.url, chosen.copies) == ("/a.md", ("/b.md", "/c.md"))


class Told:
    """Tells each text the cosine with any question that stands at its end."""

    name, dimension = "told/2", 2

    def query(self, text: str) -> np.ndarray:
        return np.array([1, 0], np.float32)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        cosines = np.array([float(re.findall(r"\d\.\d+", text)[-1]) for text in texts], np.float32)
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1)

    def count(self, text: str) -> int:
        return len(text)


def test_one_page_in_the_language_of_the_question_does_not_set_the_scale(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for i in range(20):
        (folder / f"{i}.md").write_text(f"# 第{i}章\n\nここに規則を説明します。0.{50 + i % 5}", "utf-8")
    (folder / "named.md").write_text("# 型番\n\nKX200の電源を入れる手順です。0.52", "utf-8")
    (folder / "hub.md").write_text("# どの質問にも近い\n\n処理は必ず終わります。0.70", "utf-8")
    library = Library.open(tmp_path / "library", Told())
    library.index([folder])
    assert library.search("switching on a KX200", k=1)[0].title == "型番"
    (folder / "keys.md").write_text("# Keys\n\nThe keys are listed here. 0.60", "utf-8")
    library.index([folder])
    assert library.search("switching on a KX200", k=1)[0].title == "型番"
    library.close()
