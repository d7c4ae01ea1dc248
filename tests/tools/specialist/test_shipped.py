"""The data of the shipped examples: whole, consistent, and true to its own rules as far as rules can be checked."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tools.specialist.card import Card, load
from tools.specialist.example import Example

SHIPPED = Path(__file__).parents[3] / "tools" / "specialist" / "shipped"


def lines(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SHIPPED / file).read_text("utf-8").splitlines()]


KEIGO = [Example.from_json(row) for row in lines("keigo/data.jsonl")]
SUPPORT = [Example.from_json(row) for row in lines("support/data.jsonl")]
GROUPS = lines("grounded/groups.jsonl")


def unlike(texts: list[str]) -> None:
    """No two the same but for width, case and punctuation."""
    plain = Counter(re.sub(r"\W", "", unicodedata.normalize("NFKC", text).casefold()) for text in texts)
    assert not [text for text, times in plain.items() if times > 1]


@pytest.mark.parametrize("name", ["keigo", "support", "grounded"])
def test_a_card_is_complete_but_for_its_training(name: str) -> None:
    card: Card = load(SHIPPED / name)
    assert card.name == name
    assert card.base is None
    assert not card.adapter
    assert card.data.licence == "Apache-2.0"


def test_there_is_enough() -> None:
    assert min(len(KEIGO), len(SUPPORT)) >= 900
    assert min(Counter(group["language"] for group in GROUPS).values()) >= 60


# keigo

DOUBLE = """
おっしゃられ ご覧になられ お見えになられ お越しになられ いらっしゃられ お帰りになられ お読みになられ
お話しになられ お聞きになられ お出かけになられ お休みになられ ご出席になられ ご利用になられ 召し上がられ
召し上がりになられ なさられ 拝見させていただ 拝読させていただ 伺わせていただ ご拝見 お伺いさせて
""".split()
WRONG = """
よろしかったで からお預かり のほう、 申され 参られ まいられ ご苦労様 了解 ご利用できま ご乗車できま
ご参加できま [おご][一-龠]+してください お体ご自愛 部長様 でございますでしょうか 見れ 来れ やらさせ 読まさせ
""".split()


@pytest.mark.parametrize("fault", DOUBLE + WRONG)
def test_no_answer_has_a_known_fault(fault: str) -> None:
    assert not [e.answer for e in KEIGO if re.search(fault, e.answer)]


def test_every_row_of_keigo_changes_something_and_stands_once() -> None:
    unlike([e.question for e in KEIGO])
    assert not [e.question for e in KEIGO if e.answer in re.split(r"[\n「」：]", e.question)]
    assert all(e.group and len(e.messages) == 1 for e in KEIGO)
    assert not [text for text, times in Counter(e.answer for e in KEIGO).items() if times > 1]


@pytest.mark.parametrize(
    ("asked", "never"),
    [
        ("謙譲語", r"召し上が|ご覧にな|(?<!て)いらっしゃ|なさいま"),
        ("丁寧語", r"召し上が|ご覧|いらっしゃ|なさいま|おっしゃ|伺|いたし|存じ|おります|申し上げ"),
    ],
)
def test_an_answer_keeps_to_the_level_that_is_asked_for(asked: str, never: str) -> None:
    rows = [e for e in KEIGO if asked in e.question and "敬語" not in e.question.replace(asked, "")]
    assert len(rows) > 100
    assert not [e.answer for e in rows if re.search(never, e.answer)]


def test_plain_style_is_left_behind() -> None:
    level = [e for e in KEIGO if re.search("尊敬語|謙譲語|丁寧語", e.question)]
    assert len(level) > 500
    assert not [
        e.answer for e in level if not re.search(r"ます|です|ません|でした|ました|ください|ましょう|でしょう", e.answer)
    ]


# support


def test_support_answers_fit_the_schema_of_their_card() -> None:
    schema = load(SHIPPED / "support").schema_
    assert schema is not None
    for example in SUPPORT:
        answer = json.loads(example.answer)
        assert list(answer) == schema["required"]
        for key, rule in schema["properties"].items():
            assert answer[key] in rule["enum"] if "enum" in rule else answer[key] is None or answer[key].strip()


def test_support_answers_name_what_stands_in_the_message() -> None:
    for example in SUPPORT:
        answer = json.loads(example.answer)
        for key in ("product", "order"):
            assert answer[key] is None or answer[key] in example.question, example.question
        assert (answer["language"] == "ja") == bool(re.search(r"[ぁ-んァ-ヶ一-龠]", example.question)), example.question


def test_a_product_that_is_known_from_other_messages_is_never_left_out() -> None:
    answers = [(e.question, json.loads(e.answer)["product"]) for e in SUPPORT]
    names = {product for _, product in answers if product}
    assert not [(q, n) for q, product in answers for n in names if product is None and re.search(rf"\b{n}\b", q)]


def test_urgency_follows_the_rules() -> None:
    pressing = (
        r"(?i)urgen|immediate|right (now|away)|at once\.$|\btoday\b|tonight|tomorrow|smoke|spark|burning|leaked"
        r"|is hurt|stolen|got into|(?-i:NOW before)|至急|急ぎです|急いで|すぐ|ただちに|今日|今夜|明日"
        r"|煙|火花|焦げ|薬品|危険"
    )
    for example in SUPPORT:
        answer = json.loads(example.answer)
        if answer["urgency"] == "high":
            assert re.search(pressing, example.question), example.question
        if answer["intent"] in ("product_question", "feedback"):
            assert answer["urgency"] != "normal", example.question


def test_support_is_balanced_and_no_message_stands_twice() -> None:
    unlike([e.question for e in SUPPORT])
    answers = [json.loads(e.answer) for e in SUPPORT]
    languages = Counter(a["language"] for a in answers)
    assert languages["en"] == languages["ja"]
    assert min(Counter((a["intent"], a["language"]) for a in answers).values()) >= 25


# grounded


def questions() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for group in GROUPS:
        for question in group["questions"]:
            yield group, question


def cited(group: dict[str, Any], question: dict[str, Any]) -> tuple[str, str]:
    """The answer without its marks, and the passage with its title; both in plain width."""
    passage = group["passages"][question["passage"] - 1]
    answer = re.sub(r" ?\[\d\]", "", question["answer"])
    return unicodedata.normalize("NFKC", answer), unicodedata.normalize(
        "NFKC", f"{passage['title']}\n{passage['text']}"
    )


def test_groups_have_passages_of_a_fair_length_and_questions_of_both_kinds() -> None:
    for group in GROUPS:
        assert set(group) == {"language", "passages", "questions"}
        assert 3 <= len(group["passages"]) <= 5
        assert len(group["questions"]) >= 6
        for passage in group["passages"]:
            length = len(passage["text"].split()) if group["language"] == "en" else len(passage["text"])
            low, high = (65, 210) if group["language"] == "en" else (130, 420)
            assert low <= length <= high, passage["title"]
        none = sum(question["answer"] is None for question in group["questions"])
        assert 1 / 3 <= none / len(group["questions"]) <= 2 / 3, group["passages"][0]["title"]


def test_no_passage_and_no_question_stands_twice() -> None:
    unlike([passage["text"] for group in GROUPS for passage in group["passages"]])
    unlike([question["question"] for _, question in questions()])


def test_an_answer_ends_every_sentence_with_the_number_of_its_passage() -> None:
    for group, question in questions():
        assert (question["answer"] is None) == (question["passage"] is None)
        if question["answer"] is not None:
            assert question["passage"] <= len(group["passages"])
            assert re.search(rf"[.!?。」]”? ?\[{question['passage']}\]$", question["answer"]), question
            assert set(re.findall(r"\[(\d)\]", question["answer"])) == {str(question["passage"])}


def test_numbers_and_names_of_an_answer_stand_in_its_passage() -> None:
    for group, question in questions():
        if question["answer"] is None:
            continue
        answer, passage = cited(group, question)
        for number in re.findall(r"\d+(?:[.,:]\d+)*", answer):
            assert re.search(rf"(?<!\d){re.escape(number)}(?!\d)", passage), question
        for name in re.findall(r"(?<=[a-z,] )[A-Z]\w+", answer):
            assert name in passage or name in question["question"], question


def test_an_answer_follows_the_words_of_its_passage_more_than_those_of_any_other() -> None:
    def pairs(text: str) -> set[tuple[str, str]]:
        words = re.findall(r"[a-z]+|\d+|[^\W\da-z_]", text.casefold())
        return set(pairwise(words))

    for group, question in questions():
        if question["answer"] is None:
            continue
        answer, _ = cited(group, question)
        said = pairs(answer)
        shared = [len(said & pairs(unicodedata.normalize("NFKC", p["text"]))) for p in group["passages"]]
        assert shared[question["passage"] - 1] == max(shared), question
