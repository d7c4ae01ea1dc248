from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent import router
from agent.router import ROUTES, Example, Router, cue, examples, fingerprint, train
from agent.state import Language, Route
from tools.library import E5


def test_the_shipped_weights_belong_to_the_shipped_questions(embedder: E5, tmp_path: Path) -> None:
    """Fails when `prompts/*/routes.yaml` changed without `python -m agent.router`; the next start would train anew."""
    with np.load(router.SHIPPED, allow_pickle=False) as stored:
        assert str(stored["fingerprint"]) == fingerprint(examples(), embedder.name)
    Router.open(embedder, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("question", "language", "route"),
    [
        ("What is the maximum file size for uploads in the customer portal?", "en", "library"),
        ("Who signed the lease of the Nagoya warehouse?", "en", "library"),
        ("What's the weather in Kyoto tomorrow?", "en", "web"),
        ("Please search the web for train strikes", "en", "web"),
        ("Hi there!", "en", "direct"),
        ("What can you do for me?", "en", "direct"),
        ("有給休暇は何日もらえますか", "ja", "library"),
        ("契約書の保管期間を教えてください", "ja", "library"),
        ("今日の東京の天気は？", "ja", "web"),
        ("ネットで最新の円相場を調べて", "ja", "web"),
        ("こんにちは", "ja", "direct"),
        ("いつもありがとう、助かります", "ja", "direct"),
    ],
)
def test_plain_questions_take_their_route(
    embedder: E5, tmp_path: Path, question: str, language: Language, route: Route
) -> None:
    assert Router.open(embedder, tmp_path).decide(question, language).route == route


def test_a_cue_settles_the_route_and_is_named() -> None:
    assert cue("please look it up on the web", "en") == ("web", "asked_for_web")
    assert cue("https://example.org を読んで", "ja") == ("web", "address")
    assert cue("What does the handbook say about leave?", "en") is None


@pytest.mark.parametrize(
    ("question", "language", "asked"),
    [
        ("Search the web for train strikes", "en", True),
        ("Thanks. Now check online whether it is open", "en", True),
        ("How long may a search of the web take?", "en", False),
        ("Which setting switches web search off?", "en", False),
        ("ウェブで検索して", "ja", True),
        ("明日の天気をネットで調べてください", "ja", True),
        ("ウェブ検索にかける時間は最長で何秒ですか。", "ja", False),
        ("どんなときにウェブを検索しますか", "ja", False),
    ],
)
def test_a_question_about_web_search_is_no_wish_to_search(question: str, language: Language, asked: bool) -> None:
    assert (cue(question, language) == ("web", "asked_for_web")) is asked


def test_probabilities_sum_to_one(embedder: E5, tmp_path: Path) -> None:
    likely = Router.open(embedder, tmp_path).probabilities("What is the warranty?")
    assert set(likely) == set(ROUTES)
    assert sum(likely.values()) == pytest.approx(1)


def test_a_completed_follow_up_is_never_unclear(embedder: E5, tmp_path: Path) -> None:
    assert Router.open(embedder, tmp_path).decide("How much is it?", "en", follows=True).route != "clarify"


def test_training_separates_what_is_separable() -> None:
    centres = np.eye(4, 8, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 0.05, (80, 8)).astype(np.float32)
    vectors = np.repeat(centres, 20, axis=0) + noise
    labels = [r for r in ROUTES for _ in range(20)]
    weights = train(vectors, labels)
    assert [(ROUTES[i]) for i in (vectors @ weights[:-1] + weights[-1]).argmax(1)] == labels


def test_changed_questions_are_learned_once_and_kept(
    embedder: E5, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [Example(f"{word} {i}", route) for i in range(3) for word, route in zip("abcd", ROUTES, strict=True)]
    monkeypatch.setattr(router, "examples", lambda: few)
    Router.open(embedder, tmp_path)
    [kept] = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    Router.open(embedder, tmp_path)
    assert kept.stat().st_mtime_ns == before
