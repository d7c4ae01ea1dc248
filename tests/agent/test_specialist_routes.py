"""Which questions go to a specialist, on which way, and who may change that: the card, the documents, the user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from agent.errors import FeedbackError, RouteError
from agent.examples import ROUTES, correct, corrections, is_place
from agent.feedback import Opinion
from agent.nodes.route import ANSWERS, FAMILIAR, SURE_TO_LEAVE, Way, way
from agent.places import addressed, asks_documents, points_inside, wished
from agent.router import SURE, Router
from agent.state import Answer, Decision, Language, Place
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
COOK = Card(
    name="cooking",
    description="Recipes, ingredients and cooking times",
    examples=("How long do I boil an egg?", "What goes into a tomato soup?", "Can I freeze dumplings?"),
)
DECLINED = "Why has my card been declined?"
NAMES = ("banking", "polite-japanese")


def of(card: Card, **changes: object) -> Card:
    return card.model_copy(update=changes)


# the way


FREE, LABELS = BANK, of(BANK, answers=("card_arrival", "lost_card"))
JSON, STYLE = of(BANK, schema_={"type": "object"}), of(BANK, use="style")
READS = of(BANK, metric="grounded")


@pytest.mark.parametrize(
    ("card", "confidence", "near", "found"),
    [
        # documents that say nothing of it, or none at all
        (FREE, 0.95, 0.70, "alone"),
        (LABELS, 0.7, 0.70, "alone"),
        (FREE, 0.3, None, "alone"),
        # documents that speak about it: whose words can be checked is checked
        (FREE, 0.95, 0.85, "over"),
        (FREE, 0.7, 0.92, "over"),
        # whose words cannot comes after them, unless the router is sure and they only touch on it
        (LABELS, 0.7, 0.85, "after"),
        (LABELS, 0.95, 0.85, "alone"),
        (LABELS, 0.95, 0.89, "after"),
        (JSON, 0.95, 0.89, "after"),
        # a text to be rewritten is no question to them
        (STYLE, 0.7, 0.95, "alone"),
        # unsure: what can be checked comes before what cannot
        (FREE, 0.5, 0.70, "after"),
        (LABELS, 0.5, 0.95, "after"),
        (STYLE, 0.5, 0.70, "after"),
        # who has learned to read always reads
        (READS, 0.95, None, "over"),
        (READS, 0.3, 0.7, "over"),
    ],
)
def test_the_way_of_a_question_that_resembles_a_card(
    card: Card, confidence: float, near: float | None, found: Way
) -> None:
    decision = Decision("specialist", DECLINED, confidence, "specialist", specialist="banking")
    assert way(card, decision, near, "en") == found


@pytest.mark.parametrize("why", ["asked", "correction"])
def test_whom_the_user_named_answers(why: str) -> None:
    named = Decision("specialist", DECLINED, 0.99, why, specialist="banking")
    assert [way(card, named, 0.95, "en") for card in (FREE, LABELS, STYLE)] == ["alone"] * 3
    assert way(READS, named, 0.95, "en") == "over"


def test_a_question_for_the_documents_is_answered_from_them() -> None:
    asked = Decision("specialist", f"According to our handbook, {DECLINED}", 0.99, "specialist", specialist="banking")
    named = Decision("specialist", asked.query, 0.99, "asked", specialist="banking")
    assert [way(card, asked, 0.5, "en") for card in (FREE, STYLE, LABELS)] == ["over", "over", "after"]
    assert [way(card, named, 0.5, "en") for card in (FREE, LABELS)] == ["over", "alone"]


def test_the_bounds_are_in_order() -> None:
    assert SURE < SURE_TO_LEAVE
    assert all(FAMILIAR[language] < ANSWERS[language] < 1 for language in ("en", "ja"))


# the router


@pytest.fixture
def router(embedder: E5, tmp_path: Path) -> Router:
    return Router.open(embedder, tmp_path)


def test_cards_come_and_go_while_the_router_runs(router: Router) -> None:
    before = router.probabilities(DECLINED)
    assert router.decide(DECLINED, "en").route != "specialist"
    router.take_cards([BANK, COOK])
    decision = router.decide(DECLINED, "en")
    assert (decision.route, decision.specialist, decision.place) == ("specialist", "banking", "specialist:banking")
    assert (decision.why, decision.reads) == ("specialist", False)
    assert router.places == (*ROUTES, "specialist:banking", "specialist:cooking")
    router.take_cards([COOK])
    assert router.decide(DECLINED, "en").route != "specialist"
    assert router.decide("How long do I boil potatoes?", "en").specialist == "cooking"
    router.take_cards([])
    assert router.probabilities(DECLINED) == before
    assert router.places == ROUTES


def test_taking_cards_again_embeds_only_what_is_new(embedder: E5, tmp_path: Path) -> None:
    class Counting:
        name, dimension = embedder.name, embedder.dimension

        def __init__(self) -> None:
            self.asked: list[str] = []

        def query(self, text: str) -> object:
            self.asked.append(text)
            return embedder.query(text)

    counting = Counting()
    router = Router.open(counting, tmp_path)  # type: ignore[arg-type]
    router.take_cards([BANK])
    counting.asked.clear()
    router.take_cards([BANK, COOK])
    assert set(counting.asked) == {*COOK.examples, *COOK.description}


def test_a_question_can_be_corrected_to_a_specialist_and_away_from_it(router: Router, tmp_path: Path) -> None:
    harbour = "Which bus goes to the old harbour?"
    router.take_cards([BANK])
    router.correct(harbour, "specialist:banking")
    decision = router.decide("which bus goes to the old harbour", "en")
    assert (decision.place, decision.why) == ("specialist:banking", "correction")
    router.correct(DECLINED, "library")
    assert router.decide(DECLINED, "en").place == "library"
    rows = yaml.safe_load((tmp_path / "routes.yaml").read_text("utf-8"))
    assert rows == {"library": [DECLINED], "specialist:banking": [harbour]}
    assert router.correction(harbour) == "specialist:banking"


def test_what_was_corrected_to_a_specialist_is_an_example_of_its_card(router: Router) -> None:
    router.take_cards([BANK])
    question = "Is the golden tier worth it?"
    likely = router.probabilities("Is it worth having the golden tier?")["specialist:banking"]
    router.correct(question, "specialist:banking")
    assert router.probabilities("Is it worth having the golden tier?")["specialist:banking"] > 2 * likely
    router.forget(question)
    assert router.probabilities("Is it worth having the golden tier?")["specialist:banking"] == pytest.approx(likely)


def test_such_a_correction_leaves_the_classifier_as_it_is(router: Router, tmp_path: Path) -> None:
    before = router.probabilities("Who signed the lease?")
    router.correct("Which bus goes to the old harbour?", "specialist:banking")
    assert router.probabilities("Who signed the lease?") == pytest.approx(before)
    assert list(tmp_path.glob("router-*.npz")) == [], "what ships still fits"


def test_a_correction_to_a_specialist_that_is_gone_counts_for_nothing(embedder: E5, tmp_path: Path) -> None:
    question = "Which bus goes to the old harbour?"
    correct(tmp_path, question, "specialist:buses")
    router = Router.open(embedder, tmp_path, [BANK])
    decision = router.decide(question, "en")
    assert (decision.route, decision.why) == ("library", "classifier")
    router.take_cards([of(BANK, name="buses")])
    assert router.decide(question, "en").place == "specialist:buses", "until it is there again"


@pytest.mark.parametrize("place", ["specialist", "specialist:", "specialist:A b", "specialist:../x", "libary", "mars"])
def test_what_is_no_place_is_refused(place: Place, tmp_path: Path) -> None:
    assert not is_place(place)
    with pytest.raises(RouteError, match="specialist:NAME"):
        correct(tmp_path, "a question", place)
    with pytest.raises(FeedbackError) as caught:
        Opinion("down", ["wrong_route"], place)
    assert caught.value.reason == "unknown_route"
    assert corrections(tmp_path) == []


def test_places_are_named_alike_everywhere() -> None:
    answer = Answer("lost_card", "specialist", False, DECLINED, "en", specialist="banking")
    assert answer.place == BANK.label == Decision("specialist", "q", 1.0, "asked", specialist="banking").place
    assert answer.as_json()["route"] == "specialist:banking"
    assert Answer("a", "library", False, "q", "en").as_json()["route"] == "library"
    # a question that the documents come first for names whom to ask next, and is still one for the documents
    assert Decision("library", "q", 0.4, "documents_first", specialist="banking").place == "library"


# by name


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Ask the banking specialist", "specialist:banking"),
        ("No, ask the banking specialist about this please", "specialist:banking"),
        ("Let the banking specialist answer this", "specialist:banking"),
        ("This should go to the banking specialist", "specialist:banking"),
        ("What does the polite japanese specialist say?", "specialist:polite-japanese"),
        ("Please use the polite-japanese model instead", "specialist:polite-japanese"),
        ("bankingのスペシャリストに聞いて", "specialist:banking"),
        ("では、これはbankingの専門モデルに聞いてみてください", "specialist:banking"),
        ("bankingのスペシャリストで答えてください", "specialist:banking"),
        ("Search the web for this", "web"),
        ("Ask the cooking specialist", None),
        ("Ask banking", None),
        ("Which banking specialist works on Mondays?", None),
        ("Ask the banking specialist why my card was declined", None),
        ("bankingのスペシャリストとは何ですか", None),
    ],
)
def test_a_wish_for_a_specialist(text: str, place: Place | None) -> None:
    languages: Sequence[Language] = ("en",) if text.isascii() else ("ja", "en")
    assert [wished(text, language, NAMES) for language in languages] == [place] * len(languages)
    if place != "web":
        assert wished(text, "en") is None, "without the specialist there is nothing to wish for"


@pytest.mark.parametrize(
    ("text", "name", "question"),
    [
        ("Ask the banking specialist why my card was declined", "banking", "why my card was declined"),
        ("Ask the banking specialist: why was my card declined?", "banking", "why was my card declined?"),
        ("banking specialist: card fees", "banking", "card fees"),
        ("Use the polite-japanese model to rewrite: 明日行く", "polite-japanese", "rewrite: 明日行く"),
        ("bankingのスペシャリストに質問：カードが使えません", "banking", "カードが使えません"),
        (
            "polite-japaneseのスペシャリストで、次の文を直してください：明日行く",
            "polite-japanese",
            "次の文を直してください：明日行く",
        ),
    ],
)
def test_a_question_put_to_a_specialist_by_name(text: str, name: str, question: str) -> None:
    found = addressed(text, NAMES)
    assert found is not None
    assert (found.name, found.question) == (name, question)
    assert addressed(text, ()) is None


@pytest.mark.parametrize(
    "text",
    [
        "Is there a banking specialist in Kobe?",
        "Ask the banking specialist",
        "Ask the cooking specialist why it burned",
        "Why did the banking specialist: resign",
        "bankingの専門家はどこにいますか？",
    ],
)
def test_who_is_only_spoken_of_is_not_addressed(text: str) -> None:
    assert addressed(text, NAMES) is None


@pytest.mark.parametrize(
    ("text", "language", "asks"),
    [
        ("According to our handbook, how many days?", "en", True),
        ("What does the manual say about fees?", "en", True),
        ("Is the fee stated in our documents?", "en", True),
        ("Why was my card declined?", "en", False),
        ("How do I add documents to the library?", "en", False),
        ("資料によると、手数料はいくらですか", "ja", True),
        ("手数料は社内文書に何と書いてありますか", "ja", True),
        ("文書はどうやって追加しますか？", "ja", False),
    ],
)
def test_questions_for_the_documents(text: str, language: Language, asks: bool) -> None:
    assert asks_documents(text, language) is asks


@pytest.mark.parametrize(
    ("text", "language", "points"),
    [
        ("How long does this species live?", "en", True),
        ("Who is the author of this book?", "en", True),
        ("How long do cats live?", "en", False),
        ("Is this right?", "en", False),
        ("本種は何年生きる？", "ja", True),
        ("当館の休みはいつですか", "ja", True),
        ("日本書紀を書いたのは誰ですか", "ja", False),
        ("本を読むのは好きですか", "ja", False),
        ("本当の話をしてください", "ja", False),
        ("妥当社会とは何ですか", "ja", False),
    ],
)
def test_what_only_the_documents_can_mean(text: str, language: Language, points: bool) -> None:
    assert points_inside(text, language) is points
