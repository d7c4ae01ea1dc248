from __future__ import annotations

from dataclasses import replace

import pytest

from agent.verify import contradicts_itself, examine, refuses, strongest
from tools.base import Passage

KETTLE = Passage(
    id="a",
    text="The K-200 kettle holds 1.7 litres and boils in four minutes. It switches off by itself after 30 seconds "
    "without water. The guarantee lasts two years and covers the heating element.",
    title="Kettle manual",
    url="",
    kind="library",
    heading=("Use",),
)
RYOKAN = Passage(
    id="b",
    text="朝食は7時から9時30分まで、1階の食堂「あおば」でご利用いただけます。チェックアウトは11時です。"
    "延長は1時間につき1,500円です。",
    title="旅館のご案内",
    url="",
    kind="library",
)


@pytest.mark.parametrize(
    ("sentence", "question", "verdict"),
    [
        ("The kettle holds 1.7 litres [1].", "How much does the kettle hold?", "carried"),
        ("The kettle boils in 4 minutes.", "How fast does it boil?", "carried"),
        ("The kettle holds 2.5 litres.", "How much does the kettle hold?", "foreign"),
        ("The kettle was designed by Braun.", "Who designed the kettle?", "foreign"),
        ("The guarantee lasts two years.", "How long is the guarantee?", "carried"),
        ("x", "What is it?", "foreign"),
        ("No, you cannot switch off the kettle by itself.", "Can I switch off the kettle by itself?", "foreign"),
        ("The kettle does not switch off by itself.", "Does it switch off?", "unsure"),
        ("No, the guarantee covers the heating element.", "Is the heating element covered?", "unsure"),
        ("Yes.", "Does it switch off by itself?", "unsure"),
        ("Penguins live near the southern pole.", "Where do penguins live?", "foreign"),
        ('The label says "Never open the lid while boiling".', "What does the label say?", "foreign"),
    ],
)
def test_english(sentence: str, question: str, verdict: str) -> None:
    assert examine(sentence, KETTLE, question).verdict == verdict


@pytest.mark.parametrize(
    ("sentence", "question", "verdict"),
    [
        ("チェックアウトは11時です。[1]", "チェックアウトは何時ですか", "carried"),
        ("チェックアウトは１１時です。", "チェックアウトは何時ですか", "carried"),
        ("チェックアウトは十一時です。", "チェックアウトは何時ですか", "carried"),
        ("チェックアウトは10時です。", "チェックアウトは何時ですか", "foreign"),
        ("延長は1時間につき1500円です。", "延長料金はいくらですか", "carried"),
        ("朝食は食堂「あおば」で食べられます。", "朝食はどこですか", "carried"),
        ("温泉は深夜まで営業しております。", "温泉はいつまでですか", "foreign"),
    ],
)
def test_japanese(sentence: str, question: str, verdict: str) -> None:
    found = examine(sentence, RYOKAN, question)
    assert found.verdict in (verdict, "unsure") if verdict == "carried" else found.verdict == verdict


@pytest.mark.parametrize(
    ("sentence", "question", "contradicts"),
    [
        ("No, you can bring a bottle.", "Can I bring a bottle?", True),
        ("No, you cannot bring a bottle.", "Can I bring a bottle?", False),
        ("Yes, you cannot bring a bottle.", "Can I bring a bottle?", True),
        ("No, the limit is 5 bottles.", "Can I bring 10?", False),
        ("No, you can bring a bottle.", "Can't I bring a bottle?", False),
        ("いいえ、びんを持ち込めます。", "びんを持ち込めますか。", True),
        ("はい、びんを持ち込めます。", "びんを持ち込めますか。", False),
        ("いいえ、ガラス製は禁止です。", "びんを持ち込めますか。", False),
    ],
)
def test_yes_and_no_at_once(sentence: str, question: str, contradicts: bool) -> None:
    assert contradicts_itself(sentence, question) is contradicts


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("はい、統計を送信することはあります。", "polarity"),
        ("いいえ、統計を送信することはありません。", "meaning"),
    ],
)
def test_an_echo_of_the_question_must_affirm_what_its_source_affirms(sentence: str, reason: str) -> None:
    privacy = Passage(id="p", text="利用統計は一切送信しません。", title="プライバシー", url="", kind="library")
    assert examine(sentence, privacy, "統計を送信することはありますか。").reason == reason


def test_a_plain_yes_is_not_what_a_source_says_of_some_cases_only() -> None:
    text = "データが外部に送信されるのは、次の場合だけです。"
    some = Passage(id="s", text=text, title="プライバシー", url="", kind="library")
    asked = "データは外部に送信されますか？"
    assert examine("はい、データは外部に送信されます。", some, asked).reason == "polarity"


@pytest.mark.parametrize(
    ("sentence", "source", "turned"),
    [
        (
            "Mount Ore has been quiet since its most recent eruption in 1843.",
            "Mount Ore has erupted 34 times since its first eruption in 1843.",
            True,
        ),
        ("The latest eruption of Mount Ore was in 1843.", "The most recent eruption of Mount Ore was in 1843.", False),
        ("The longest stay is 30 days.", "The shortest stay is 30 days.", True),
        ("The longest stay is 30 days.", "Stays are 30 days at most, the shortest one is 2 days.", False),
        ("最新の噴火は1843年です。", "最初の噴火は1843年です。", True),
        ("滞在の上限は30日です。", "滞在は最長30日までです。", False),
    ],
)
def test_one_end_of_a_scale_is_not_the_other(sentence: str, source: str, turned: bool) -> None:
    found = examine(sentence, Passage("c", source, "", "", "library"), "")
    assert (found.verdict == "foreign") == turned


def test_what_a_neighbour_denies_is_another_matter() -> None:
    text = "The ferry runs until midnight. It does not carry lorries."
    ferry = Passage(id="f", text=text, title="Ferry", url="", kind="library")
    assert examine("The ferry runs until midnight.", ferry, "Until when does it run?").verdict == "carried"
    assert examine("The ferry carries lorries.", ferry, "What does it carry?").verdict != "carried"


def test_what_is_said_of_a_name_must_stand_where_the_name_does() -> None:
    toaster = Passage(id="t", text="Press the blue key to clean it.", title="Toaster manual", url="", kind="library")
    found = strongest("Press the blue key to clean the K-200.", (2,), (KETTLE, toaster), "How do I clean the K-200?")
    elsewhere = found[1] if found else None
    found = strongest("Press the blue key to clean the Zephyr.", (1,), (toaster,), "How do I clean the Zephyr?")
    nowhere = found[1] if found else None
    assert elsewhere is not None
    assert nowhere is not None
    assert elsewhere.verdict == "foreign"
    assert (nowhere.verdict, nowhere.reason) == ("unsure", "name:Zephyr")


def test_code_is_the_same_in_every_language() -> None:
    assert examine("`--boil` で沸かします。", KETTLE, "どう沸かしますか").reason == "quote:--boil"


def test_the_reason_names_what_is_missing() -> None:
    assert examine("The kettle holds 2.5 litres.", KETTLE, "How much?").reason == "number:2.5"
    assert examine("It was made by Mr. Braun.", KETTLE, "By whom?").reason in ("name:Braun", "name:Mr")


def test_a_name_is_known_by_its_other_form() -> None:
    page = replace(KETTLE, text="パスワードは8文字以上です。", title="手引き")
    assert examine("passwordは8文字以上です。", page, "何文字ですか").reason != "name:password"
    assert examine("Dropboxは8文字以上です。", page, "何文字ですか").reason == "name:Dropbox"


def test_numbers_of_the_question_are_given_not_claimed() -> None:
    finding = examine("For 5 people the kettle holds 1.7 litres.", KETTLE, "Is it enough for 5 people?")
    assert not finding.reason.startswith("number")


def test_across_languages_only_a_model_can_tell() -> None:
    assert examine("ケトルの容量は1.7リットルです。", KETTLE, "ケトルの容量は？").verdict == "unsure"
    assert examine("ケトルの容量は2.5リットルです。", KETTLE, "ケトルの容量は？").verdict == "foreign"
    # … and not even a model of a yes that only repeats the question
    assert examine("はい、ケトルに保証はあります。", KETTLE, "ケトルに保証はありますか。").verdict == "foreign"


def test_the_quote_is_the_sentence_that_carries() -> None:
    assert examine("The guarantee lasts two years.", KETTLE, "How long is the guarantee?").quote.startswith(
        "The guarantee"
    )


def test_strongest_prefers_the_passage_that_carries_over_the_one_cited() -> None:
    n, finding = strongest("The kettle holds 1.7 litres [1].", (1,), (RYOKAN, KETTLE), "How much?") or (0, None)
    assert n == 2
    assert finding is not None
    assert finding.verdict == "carried"


def test_a_specialist_is_never_evidence() -> None:
    opinion = Passage(id="c", text=KETTLE.text, title="Specialist", url="", kind="specialist")
    assert strongest("The kettle holds 1.7 litres.", (1,), (opinion,), "How much?") is None


@pytest.mark.parametrize(
    ("sentence", "refusal"),
    [
        ("The sources do not mention the price.", True),
        ("There is no information about this in the sources.", True),
        ("This is not stated in the provided text.", True),
        ("NONE", True),
        ("出典には記載されていません。", True),
        ("この文書には価格についての情報は含まれていません。", True),
        ("わかりません。", True),
        ("The kettle does not work without water.", False),
        ("Sentences were left out that the sources do not support.", False),
        ("The documents do not leave the machine.", False),
        ("The text isn't available in the sources.", True),
        ("You do not need an account.", False),
        ("ペットの同伴はできません。", False),
        ("この機能はありません。", False),
        ("下書きが「出典には書かれていません」と述べたとき、回答を控えます。", False),
    ],
)
def test_refuses(sentence: str, refusal: bool) -> None:
    assert refuses(sentence) is refusal
