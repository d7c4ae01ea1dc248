from __future__ import annotations

from typing import Any

import pytest

from tools.specialist.example import Example, Message
from tools.specialist.scoring import chrf, conforms, f1, mark, same


def example(answer: str, question: str = "Where?", refuses: bool | None = None) -> Example:
    return Example((Message("user", question),), answer, refuses=refuses)


@pytest.mark.parametrize(
    ("reply", "answer", "right"),
    [
        ("card_arrival", "card_arrival", True),
        (" Card_Arrival.\n", "card_arrival", True),
        ("「ＡＴＭ　手数料」。", "atm 手数料", True),
        ("ｶｰﾄﾞ", "カード", True),
        ("\"'yes'\"!", "Yes", True),
        ("card arrival", "card_arrival", False),
        ("card_arrival, I think", "card_arrival", False),
        ("", "card_arrival", False),
        ("e.g", "e.g.", True),
    ],
)
def test_an_exact_answer_may_differ_in_case_width_spaces_quotes_and_final_stop(
    reply: str, answer: str, right: bool
) -> None:
    assert mark("exact", example(answer), reply).score == float(right)


def test_an_answer_that_is_only_punctuation_stays_comparable() -> None:
    assert same("!") == same("") == ""


def test_where_all_answers_are_known_it_is_told_whether_a_reply_is_one() -> None:
    assert mark("exact", example("a"), "B.", answers=("a", "b")).valid is True
    assert mark("exact", example("a"), "c", answers=("a", "b")).valid is False
    assert mark("exact", example("a"), "c").valid is None


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"people": {"type": "string"}, "time": {"type": "string"}},
    "required": ["people"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("reply", "answer", "counts", "valid"),
    [
        ('{"people": "5", "time": "7 PM"}', '{"people": 5, "time": "7 pm."}', (2, 2, 2), True),
        ('{"people": "5"}', '{"people": "5", "time": "7 pm"}', (1, 1, 2), True),
        ('{"people": "5", "time": "8 pm"}', '{"people": "5", "time": "7 pm"}', (1, 2, 2), True),
        ('{"people": "5", "time": ""}', '{"people": "5"}', (1, 1, 1), True),
        ('{"time": "7 pm"}', '{"time": "7 pm"}', (1, 1, 1), False),
        ('{"people": "5", "table": "3"}', '{"people": "5"}', (1, 2, 1), False),
        ("people: 5", '{"people": "5"}', (0, 0, 1), False),
        ('```json\n{"people": "5"}\n```', '{"people": "5"}', (0, 0, 1), False),
        ('["5"]', "{}", (0, 0, 1), False),
    ],
)
def test_slots_are_pairs_of_key_and_value(reply: str, answer: str, counts: tuple[int, int, int], valid: bool) -> None:
    told = mark("slots", example(answer), reply, schema=SCHEMA)
    assert (told.right, told.given, told.wanted) == counts
    assert told.score == f1(*counts)
    assert told.valid is valid


def test_slots_inside_lists_and_objects_count_one_by_one() -> None:
    told = mark("slots", example('{"a": {"b": 1, "c": [true, "x", "x"]}}'), '{"a": {"c": ["x", true, "y"], "b": "1"}}')
    assert (told.right, told.given, told.wanted) == (3, 4, 4)


def test_nothing_wanted_and_nothing_given_is_right_but_no_json_is_not() -> None:
    assert mark("slots", example("{}"), "{}").score == 1.0
    assert mark("slots", example("{}"), "nothing").score == 0.0


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        (1, {"type": "integer"}, True),
        (True, {"type": "integer"}, False),
        (1.5, {"type": ["number", "null"]}, True),
        (None, {"type": ["number", "null"]}, True),
        ("a", {"enum": ["a", "b"]}, True),
        ("c", {"enum": ["a", "b"]}, False),
        ([1, "a"], {"items": {"type": "integer"}}, False),
        ({"a": {"b": 1}}, {"properties": {"a": {"properties": {"b": {"type": "string"}}}}}, False),
        ({"x": 1}, {"additionalProperties": {"type": "string"}}, False),
        ("a", {"anyOf": [{"type": "null"}, {"const": "a"}]}, True),
        ("b", {"anyOf": [{"type": "null"}, {"const": "a"}]}, False),
    ],
)
def test_a_value_fits_a_schema(value: Any, schema: dict[str, Any], fits: bool) -> None:
    assert conforms(value, schema) is fits


def test_chrf_is_what_its_paper_counts() -> None:
    """By hand: abcd against abce. Sequences in common: 3 of 4, 2 of 3, 1 of 2, 0 of 1; as many on both sides."""
    share = (3 / 4 + 2 / 3 + 1 / 2 + 0) / 4
    assert chrf("ab cd", "abce") == pytest.approx(share)
    # half as long: precision 1, recall 2/4 and 1/3; recall weighs four times in the mean
    precision, recall = 1.0, (2 / 4 + 1 / 3) / 2
    assert chrf("ab", "abcd") == pytest.approx(5 * precision * recall / (4 * precision + recall))
    assert chrf("同じ 文", "同じ文") == 1.0
    assert chrf("", "文") == chrf("x", "文") == 0.0


@pytest.mark.parametrize(
    ("reply", "answer", "refuses", "right"),
    [
        ("It was cleaned in Matsumoto [2].", "Matsumoto", False, True),
        ("In Nagano.", "Matsumoto", False, False),
        ("The sources do not say where.", "Matsumoto", False, False),
        ("The sources do not say where.", "The sources do not say it.", True, True),
        ("出典には記載されていません。", "出典には書かれていません。", None, True),
        ("In Matsumoto.", "The sources do not say it.", True, False),
        ("", "The sources do not say it.", True, True),
        ("", "Matsumoto", False, False),
        ("チェックアウトは十一時です。", "11時", False, True),
    ],
)
def test_a_grounded_reply_says_the_answer_or_refuses(
    reply: str, answer: str, refuses: bool | None, right: bool
) -> None:
    assert mark("grounded", example(answer, refuses=refuses), reply).score == float(right)


READ = "Sources:\n\n[1] Ferry\nWhat is sold? Tickets.\n\nQuestion: {}\n\nAnswer every part of the question."


@pytest.mark.parametrize(
    ("asked", "answer", "reply", "right"),
    [
        ("How long is the trip across?", "The crossing takes 18 minutes. [1]", "18 minutes [1].", True),
        ("How long is the trip across?", "The crossing takes 18 minutes. [1]", "20 minutes [1].", False),
        ("How long is the trip across?", "The crossing takes 18 minutes. [1]", "The crossing takes 20 minutes.", False),
        ("How long is the trip across?", "The crossing takes 18 minutes. [1]", "It takes eighteen minutes.", True),
        ("How long is the trip across?", "The crossing takes 18 minutes. [1]", "The crossing takes long.", False),
        ("Can I pay by card?", "No, tickets are sold only in cash. [2]", "Tickets are sold only in cash [2].", True),
        ("Can I pay by card?", "No, tickets are sold only in cash. [2]", "Yes, tickets are sold only in cash.", False),
        ("Who pays?", "The guests of the hotel pay for it.", "The sources do not say who.", False),
        ("何名入れますか。", "温室に入れるのは50名までです。[1]", "50名まで入れます。[1]", True),
        ("何名入れますか。", "温室に入れるのは50名までです。[1]", "温室に入れるのは60名までです。[1]", False),
        ("花火を上げてもいいですか。", "いいえ、花火は、馬がいるため禁止です。[3]", "はい、花火は禁止です。", False),
        ("花火を上げてもいいですか。", "いいえ、花火は、馬がいるため禁止です。[3]", "馬がいるため禁止です。[3]", True),
    ],
)
def test_a_sentence_may_be_put_in_other_words_with_its_numbers_and_on_its_side(
    asked: str, answer: str, reply: str, right: bool
) -> None:
    given = example(answer, READ.format(asked), refuses=False)
    assert mark("grounded", given, reply).score == float(right)


@pytest.mark.parametrize(
    ("answer", "reply", "right"),
    [
        ("no", "No.", True),
        ("no", "Nothing is said of it.", False),
        ("no", "I know: yes", False),
        ("yes", "Yes, they do.", True),
        ("いいえ", "いいえ。", True),
        ("はい", "いいえ", False),
        ("はい", "", False),
    ],
)
def test_a_judges_yes_or_no_is_the_first_word(answer: str, reply: str, right: bool) -> None:
    assert mark("grounded", example(answer), reply).score == float(right)
