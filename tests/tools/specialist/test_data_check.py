from __future__ import annotations

import dataclasses
import random

import pytest

from tools.specialist.check import check, without
from tools.specialist.example import Example, Message
from tools.specialist.near import twins


def asked(question: str, answer: str = "yes", *before: str) -> Example:
    roles = ("user", "assistant")
    history = [Message(roles[i % 2], text) for i, text in enumerate(before)]  # type: ignore[arg-type]
    return Example((*history, Message("user", question)), answer)


def rows_of(code: str, *examples: Example) -> tuple[int, ...]:
    return check(examples).rows(code)  # type: ignore[arg-type]


def test_nothing_doubtful_is_nothing() -> None:
    findings = check([asked("Where is my card?", "lost"), asked("What does it cost?", "fees")])
    assert list(findings) == []
    assert findings.personal == ()
    assert list(check([])) == []


def test_copies_are_found_and_the_first_is_kept() -> None:
    examples = [asked("a", "1"), asked("b", "1"), asked("a", "1"), asked("a", "1")]
    findings = check(examples)
    assert findings.rows("duplicate") == (2, 3)
    assert findings.rows("near_duplicate") == ()
    assert without(examples, findings, "duplicate") == tuple(examples[:2])
    (finding,) = findings
    assert str(finding).startswith("2 examples stand before")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Where is my card?", "where is my  card"),
        ("Where is my card?", "Ｗｈｅｒｅ ｉｓ ｍｙ ｃａｒｄ？！"),
        ("カードはどこですか？", "ｶｰﾄﾞはどこですか"),
        ("１，５００円です", "1,500円です。"),
    ],
)
def test_the_same_question_but_for_its_looks(first: str, second: str) -> None:
    assert rows_of("near_duplicate", asked(first), asked(second)) == (1,)
    assert rows_of("duplicate", asked(first), asked(second)) == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [("1.5 cups", "15 cups"), ("on 1/11", "on 11/1"), ("What is C?", "What is C++?"), ("?", "!"), ("はし", "はじ")],
)
def test_other_questions_that_look_alike(first: str, second: str) -> None:
    assert rows_of("near_duplicate", asked(first), asked(second)) == ()


def test_the_same_words_after_another_history_are_another_question() -> None:
    assert rows_of("duplicate", asked("Yes.", "a", "Red?", "Or blue?"), asked("Yes.", "a", "One?", "Or two?")) == ()
    assert rows_of("contradiction", asked("Yes.", "a", "Red?", "Or blue?"), asked("Yes.", "b", "One?", "Or two?")) == ()


def test_contradictions_are_given_with_both_sides() -> None:
    examples = [asked("a", "1"), asked("b", "1"), asked("A?", "2"), asked("b", "1!"), asked("c", "+"), asked("c", "-")]
    assert rows_of("contradiction", *examples) == (0, 2, 4, 5)


def test_empty_long_and_marked_ones() -> None:
    examples = [
        asked("a", " "),
        asked("b", "x" * 6000),
        asked("c", "あ" * 1500),
        asked("d<|im_end|>"),
        asked("e", "[/INST]"),
    ]
    findings = check([*examples, asked("f", "x" * 3000)])
    assert findings.rows("empty") == (0,)
    assert findings.rows("too_long") == (1, 2)
    assert findings.rows("marks") == (3, 4)
    assert check(examples, longest=4096).rows("too_long") == ()


def test_personal_data_is_told_by_row_kind_and_place_and_never_whole() -> None:
    examples = [asked("a"), asked("Call 090-1234-5678", "to taro@mail.jp", "at 8.8.8.8", "ok")]
    findings = check(examples)
    assert findings.rows("personal") == (1,)
    assert [(s.row, s.where, s.found.kind) for s in findings.personal] == [
        (1, "history", "ip"), (1, "question", "phone"), (1, "answer", "email"),
    ]  # fmt: skip
    assert not any(whole in str(dataclasses.asdict(findings)) for whole in ("1234", "taro", "8.8.8"))


def test_what_leaks_into_the_test_is_found() -> None:
    test = [asked("How can I get a new card for my account?"), asked("カードを紛失しましたがどうすればよいですか")]
    examples = [
        asked("how can i get a new card for my account"),
        asked("Please, how can I get a new card for my account?"),
        asked("How can I close my account?"),
        asked("カードを紛失しましたがどうすればよいですか？", "x"),
        asked("カードを紛失しましたがどうすればよいのですか"),
    ]
    findings = check(examples, test)
    assert findings.rows("leak") == (0, 3)
    assert findings.rows("near_leak") == (1, 4)


def test_questions_that_name_other_numbers_are_not_the_same() -> None:
    test = [asked("I want to book a table for 4 people on Friday at noon")]
    assert list(twins([asked("I want to book a table for 6 people on Friday at noon")], test)) == []
    assert list(twins([asked("I want to book a table for 4 people on Friday at the noon")], test)) != []


def test_near_questions_are_all_found_without_comparing_each_with_each() -> None:
    draw = random.Random(3)
    words = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(20) for j in range(20)]
    test = [asked(" ".join(draw.sample(words, draw.randint(3, 25)))) for _ in range(150)]
    examples = []
    for one in test:
        said = one.question.split()
        said[draw.randrange(len(said))] = draw.choice(words)
        examples.append(asked(" ".join(said[: draw.randint(2, len(said))])))

    def near(a: Example, b: Example) -> bool:
        x, y = set(a.question.split()), set(b.question.split())
        return len(x & y) >= 0.8 * len(x | y)

    expected = {i for i, one in enumerate(examples) if any(near(one, other) for other in test)}
    assert {twin.row for twin in twins(examples, test)} == expected
    assert 10 < len(expected) < len(examples) - 10


def test_long_texts_are_compared_by_a_part_of_their_words() -> None:
    draw = random.Random(4)
    words = [f"w{chr(97 + i)}{chr(97 + j)}{chr(97 + k)}" for i in range(20) for j in range(20) for k in range(5)]
    said = draw.sample(words, 600)
    changed = {
        share: [*said[: round(600 * share)], *draw.sample(words, 600 - round(600 * share))] for share in (0.97, 0.6)
    }
    test = [asked(" ".join(said))]
    assert [t.same for t in twins([asked(" ".join(changed[0.97]))], test)] == [False]
    assert list(twins([asked(" ".join(changed[0.6]))], test)) == []
    assert list(twins([asked(" ".join([*said[:-1], "77"]))], test)) == [], "a number is told wherever it stands"


def test_imbalance_is_told_with_the_answer_it_is_about() -> None:
    examples = [asked(f"q{i}", "card" if i < 30 else f"x{i % 4}") for i in range(50)]
    (finding,) = [f for f in check(examples) if f.code == "unbalanced"]
    assert (finding.about, finding.rows) == ("card", tuple(range(30)))
    assert "'card'" in str(finding)
    even = [asked(f"q{i}", f"x{i % 4}") for i in range(50)]
    assert list(check(even)) == []
    lone = [*even, asked("other", "rare one")]
    assert check(lone).rows("rare") == (50,)
    assert [f.code for f in check([asked(f"q{i}", f"free text {i}") for i in range(50)])] == []


def test_every_finding_has_a_sentence() -> None:
    mail = "a@b.co [INST]"
    examples = [
        asked(mail, "y" * 9000),
        asked(mail, "y" * 9000),
        asked(mail + "!", " "),
        *[asked(f"q{i}") for i in range(90)],
    ]
    examples += [asked(f"r{i}", f"{i % 2}") for i in range(4)]
    findings = check(examples, [asked("Q1"), asked("q2")])
    assert {f.code for f in findings} >= {
        "empty", "leak", "contradiction", "personal", "too_long", "duplicate", "near_duplicate", "marks", "unbalanced",
    }  # fmt: skip
    for finding in findings:
        assert str(finding).startswith(str(finding.count))
        assert str(finding).endswith(".")
