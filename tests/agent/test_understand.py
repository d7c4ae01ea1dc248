from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agent.nodes.understand import _accept, detect, leans_on_context
from agent.state import Language


@pytest.mark.parametrize(
    ("question", "language", "leans"),
    [
        ("How long does it last?", "en", True),
        ("And the second one?", "en", True),
        ("What about Osaka?", "en", True),
        ("Why?", "en", True),
        ("Which of them is cheaper?", "en", True),
        ("How many pages does the annual report of 2023 have?", "en", False),
        ("What is the warranty period of the K-200 kettle?", "en", False),
        ("Who founded the railway company in Matsumoto?", "en", False),
        ("それはいつからですか", "ja", True),
        ("料金は？", "ja", True),
        ("では、子どもの場合は？", "ja", True),
        ("二つ目について教えて", "ja", True),
        ("朝食の時間を教えてください", "ja", False),
        ("松本の鉄道会社を設立したのは誰ですか", "ja", False),
    ],
)
def test_leans_on_context(question: str, language: Language, leans: bool) -> None:
    assert leans_on_context(question, language) is leans


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How?", "en"),
        ("PDFの上限は？", "ja"),
        ("K-200", "en"),
        ("営業時間", "ja"),
        ("What does 答え mean in Kotae?", "en"),
    ],
)
def test_detect(question: str, language: Language) -> None:
    assert detect(question, []) == language


def test_a_question_without_letters_keeps_the_language_of_the_conversation() -> None:
    assert detect("2024?", [HumanMessage("料金は？"), AIMessage("500円です。")]) == "ja"


@pytest.mark.parametrize(
    ("said", "accepted"),
    [
        ('"How long does the K-200 last?"\nBecause …', "How long does the K-200 last?"),
        ("", "How big is the K-200? How long?"),
        ("x" * 500, "How big is the K-200? How long?"),
        ("How big is the K-200?", "How big is the K-200? How long?"),
    ],
)
def test_a_rewriting_that_is_none_falls_back_to_both_questions(said: str, accepted: str) -> None:
    past = [HumanMessage("How big is the K-200?"), AIMessage("30 cm.")]
    assert _accept(said, "How long?", past) == accepted
