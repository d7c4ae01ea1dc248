from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from agent import learned, router
from agent.classifier import Classifier
from agent.examples import ROUTES, Example, correct, examples, fingerprint
from agent.router import Router, cue, retrain
from agent.state import Language, Route
from tools.library import E5
from tools.specialist.card import Card

BANK = Card(
    name="banking",
    description="Questions of the customers of an online bank about cards, payments, transfers and top-ups",
    examples=(
        "My card was swallowed by the cash machine",
        "How do I activate my new card?",
        "When will the transfer reach my account?",
        "I was charged a fee for withdrawing cash abroad",
        "How can I top up my account with another card?",
        "There is a payment on my statement that I don't recognise",
    ),
)


@pytest.fixture(scope="module")
def shipped(embedder: E5, tmp_path_factory: pytest.TempPathFactory) -> Router:
    return Router.open(embedder, tmp_path_factory.mktemp("router"))


@pytest.fixture(scope="module")
def with_card(embedder: E5, tmp_path_factory: pytest.TempPathFactory) -> Router:
    return Router.open(embedder, tmp_path_factory.mktemp("router"), [BANK])


def test_the_shipped_weights_belong_to_the_shipped_questions(embedder: E5, tmp_path: Path) -> None:
    """Fails when `prompts/*/routes.yaml` changed without `python -m agent.router`; the next start would train anew."""
    with np.load(learned.SHIPPED, allow_pickle=False) as stored:
        assert str(stored["fingerprint"]) == fingerprint(examples(), embedder.name)
    Router.open(embedder, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("question", "language", "route"),
    [
        ("What is the maximum file size for uploads in the customer portal?", "en", "library"),
        ("Who signed the lease of the Nagoya warehouse?", "en", "library"),
        ("Which of the two architects of the town hall died first?", "en", "library"),
        ("My order has not arrived, whom do I call?", "en", "library"),
        ("What's the weather in Kyoto tomorrow?", "en", "web"),
        ("Please search the web for train strikes", "en", "web"),
        ("Which car company announced a recall this week?", "en", "web"),
        ("Hi there!", "en", "direct"),
        ("What can you do for me?", "en", "direct"),
        ("What do you use to cut bread?", "en", "direct"),
        ("有給休暇は何日もらえますか", "ja", "library"),
        ("契約書の保管期間を教えてください", "ja", "library"),
        ("信濃川と利根川はどちらが長いですか？", "ja", "library"),
        ("今日の東京の天気は？", "ja", "web"),
        ("ネットで最新の円相場を調べて", "ja", "web"),
        ("現在の外務大臣は誰ですか", "ja", "web"),
        ("こんにちは", "ja", "direct"),
        ("いつもありがとう、助かります", "ja", "direct"),
        ("平素よりお世話になっております。", "ja", "direct"),
        ("手を洗うときに使う泡の出るものは？", "ja", "direct"),
    ],
)
def test_plain_questions_take_their_route(shipped: Router, question: str, language: Language, route: Route) -> None:
    assert shipped.decide(question, language).route == route


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


def test_probabilities_sum_to_one(shipped: Router, with_card: Router) -> None:
    likely = shipped.probabilities("What is the warranty?")
    assert set(likely) == set(ROUTES)
    assert sum(likely.values()) == pytest.approx(1)
    likely = with_card.probabilities("What is the warranty?")
    assert set(likely) == {*ROUTES, "specialist:banking"}
    assert sum(likely.values()) == pytest.approx(1)


def test_a_completed_follow_up_is_never_unclear(shipped: Router) -> None:
    assert shipped.decide("How much is it?", "en").route == "clarify"
    assert shipped.decide("How much is it?", "en", follows=True).route != "clarify"


def test_deciding_takes_a_fraction_of_the_embedding(shipped: Router, with_card: Router, embedder: E5) -> None:
    question = "Which of the two architects who designed the old town hall of Tallinn was born first? " * 4
    embedder.query(question)
    for one in (shipped, with_card):
        times = []
        for _ in range(15):
            began = time.perf_counter()
            one.choose(question, "en")
            times.append(time.perf_counter() - began)
        assert sorted(times)[7] < 0.015


def test_changed_questions_are_learned_once_and_kept(
    embedder: E5, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [Example(f"{word} {i}", route) for i in range(5) for word, route in zip("abcd", ROUTES, strict=True)]
    monkeypatch.setattr(router, "examples", lambda: few)
    Router.open(embedder, tmp_path)
    [kept] = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    Router.open(embedder, tmp_path)
    assert kept.stat().st_mtime_ns == before
    monkeypatch.setattr(router, "examples", lambda: few[:-1])
    Router.open(embedder, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "what belongs to no questions any more is removed"
    assert not kept.exists()


def test_a_broken_file_of_weights_is_made_anew(embedder: E5, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [Example(f"{word} {i}", route) for i in range(5) for word, route in zip("abcd", ROUTES, strict=True)]
    monkeypatch.setattr(router, "examples", lambda: few)
    Router.open(embedder, tmp_path)
    [kept] = tmp_path.iterdir()
    whole = kept.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"no archive at all"):
        kept.write_bytes(broken)
        assert set(Router.open(embedder, tmp_path).probabilities("a 1")) == set(ROUTES)
        assert len(kept.read_bytes()) == len(whole), "the file was made anew"


# corrections


def test_a_correction_holds_at_once_and_after_the_next_start(embedder: E5, tmp_path: Path) -> None:
    question = "Which bus goes to the old harbour?"
    one = Router.open(embedder, tmp_path)
    assert one.decide(question, "en").route == "library"
    before = one.probabilities("which bus takes me to the old harbour")["web"]
    one.correct(question, "web")
    for again in (one, Router.open(embedder, tmp_path)):
        decision = again.decide(" which bus goes to the OLD harbour ", "en")
        assert (decision.route, decision.why) == ("web", "correction")
        assert again.probabilities("which bus takes me to the old harbour")["web"] > max(0.3, 3 * before)
        assert again.decide("How many days of leave do I have?", "en").route == "library"
        assert again.nearest(question, 1)[0].example.text == question


def test_a_later_correction_replaces_the_earlier_one(embedder: E5, tmp_path: Path) -> None:
    one = Router.open(embedder, tmp_path)
    one.correct("社食のメニューは？", "web")
    one.correct("社食のメニューは", "library")
    assert one.decide("社食のメニューは？", "ja").route == "library"
    assert one.decide("社食のメニューは？", "ja").why == "correction"
    assert (tmp_path / "routes.yaml").read_text("utf-8").count("社食") == 1


def test_a_correction_goes_before_a_cue_but_asks_no_follow_up_back(embedder: E5, tmp_path: Path) -> None:
    correct(tmp_path, "Search the web for the harbour bus", "clarify")
    one = Router.open(embedder, tmp_path)
    assert one.decide("Search the web for the harbour bus", "en").route == "clarify"
    assert one.decide("Search the web for the harbour bus", "en", follows=True).route == "web"


def test_training_says_how_well_it_goes(embedder: E5, tmp_path: Path) -> None:
    correct(tmp_path, "Which bus goes to the old harbour?", "web")
    report = retrain(embedder, tmp_path)
    assert report.corrections == 1
    assert report.questions == len(examples()) + 1
    for right, asked in report.right.values():
        assert asked > 1000
        assert right / asked > 0.88
    assert report.ece < 0.03
    [kept] = tmp_path.glob("router-*.npz")
    before = kept.stat().st_mtime_ns
    assert Router.open(embedder, tmp_path).decide("Which bus goes to the old harbour?", "en").route == "web"
    assert kept.stat().st_mtime_ns == before


# specialists


@pytest.mark.parametrize(
    ("question", "route"),
    [
        ("Why has my card been declined?", "specialist:banking"),
        ("How long do transfers to another bank take?", "specialist:banking"),
        ("Who was the architect of the national bank?", "library"),
        ("How many days of leave do I have?", "library"),
        ("Which playing card did the magician show?", "library"),
        ("What's the weather in Kyoto tomorrow?", "web"),
        ("Search the web for the fees of my card", "web"),
        ("Thanks a lot!", "direct"),
        ("How much is it?", "clarify"),
    ],
)
def test_a_card_takes_its_questions_and_no_others(with_card: Router, question: str, route: str) -> None:
    assert with_card.choose(question, "en").route == route


def test_two_cards_share_out_their_questions(embedder: E5, tmp_path: Path) -> None:
    cooking = Card(
        name="cooking",
        description="Recipes, ingredients and cooking times",
        examples=("How long do I boil an egg?", "What goes into a tomato soup?", "Can I freeze dumplings?"),
    )
    both = Router.open(embedder, tmp_path, [BANK, cooking])
    assert both.choose("Which ingredients are in a carrot soup?", "en").route == "specialist:cooking"
    assert both.choose("Which fee do I pay when I withdraw cash?", "en").route == "specialist:banking"


def test_a_decision_names_the_specialist(with_card: Router, shipped: Router) -> None:
    assert shipped.choose("Why has my card been declined?", "en").route in ROUTES
    decision = with_card.decide("Why has my card been declined?", "en")
    assert (decision.route, decision.specialist) == ("specialist", "banking")
    decision = with_card.decide("How many days of leave do I have?", "en")
    assert (decision.route, decision.specialist) == ("library", "")


def test_the_choice_is_explained(shipped: Router) -> None:
    choice = shipped.choose("How many days of leave do I have?", "en")
    assert choice.why == "classifier"
    assert choice.likely[0] == (choice.route, choice.confidence)
    assert [p for _, p in choice.likely] == sorted((p for _, p in choice.likely), reverse=True)
    similar = shipped.nearest("How many days of leave do I have?", 3)
    assert [s.similarity for s in similar] == sorted((s.similarity for s in similar), reverse=True)
    assert "leave" in similar[0].example.text or "vacation" in similar[0].example.text


def test_the_classifier_is_read_back_as_it_was_written(embedder: E5, tmp_path: Path) -> None:
    questions = [Example("one", "library"), Example("two", "web")]
    vectors = learned.embedded(embedder, ["one", "two"])
    weights, mean = np.arange(12, dtype=np.float32).reshape(3, 4), vectors.mean(axis=0)
    classifier = Classifier(weights, weights[:2], vectors - mean, mean, 0.5)
    learned.Learned(tuple(questions), vectors, classifier).save(tmp_path / "a.npz", embedder.name)
    kept = learned.read(tmp_path / "a.npz", embedder.name)
    assert kept is not None
    assert kept.fingerprint == fingerprint(questions, embedder.name)
    back = kept.learned(questions)
    assert back.classifier.temperature == 0.5
    assert np.array_equal(back.classifier.weights, weights)
    assert np.array_equal(back.classifier.shares, weights[:2])
    assert np.allclose(back.classifier.vectors + back.classifier.mean, vectors, atol=5e-3)
    assert (back.vectors @ vectors.T).diagonal() == pytest.approx([1, 1], abs=1e-4)
    assert learned.read(tmp_path / "a.npz", "another embedder") is None
    assert learned.read(tmp_path / "b.npz", embedder.name) is None
