from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.specialist.data import Split, split
from tools.specialist.example import Example, Message

WORDS = [a + b + c for a in "bdfghklmnprst" for b in "aeiou" for c in "bdfgklmnprst"]


def asked(question: str, group: str = "", answer: str = "yes") -> Example:
    return Example((Message("user", question),), answer, group)


def many(count: int, group: int = 0, seed: int = 1) -> list[Example]:
    """Questions that have little in common; `group` of them each make one."""
    draw = random.Random(seed)
    return [
        asked(f"{' '.join(draw.sample(WORDS, 6))} {seed}x{i}", f"g{seed}-{i // group}" if group else "")
        for i in range(count)
    ]


def sizes(parts: Split) -> tuple[int, int, int]:
    return len(parts.training), len(parts.validation), len(parts.test)


def where(parts: Split) -> dict[str, str]:
    return {e.id: name for name in ("training", "validation", "test") for e in getattr(parts, name)}


@pytest.mark.parametrize(
    ("count", "validation", "test"),
    [(60, (10, 10), (20, 20)), (200, (10, 24), (20, 36)), (1000, (60, 100), (95, 145)), (6000, (200, 200), (400, 400))],
)
def test_the_sizes_are_sensible(count: int, validation: tuple[int, int], test: tuple[int, int]) -> None:
    parts = split(many(count))
    _, second, third = sizes(parts)
    assert validation[0] <= second <= validation[1]
    assert test[0] <= third <= test[1]
    assert sum(sizes(parts)) == count
    assert parts.leaks == ()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 9, 20, 59])
def test_few_examples_are_mostly_learned_from(count: int) -> None:
    parts = split(many(count))
    assert sum(sizes(parts)) == count
    assert len(parts.training) >= count / 2
    assert len(parts.test) <= count / 3
    assert parts.grouped


def test_the_place_in_the_file_does_not_matter() -> None:
    examples = many(500)
    shuffled = random.Random(5).sample(examples, len(examples))
    assert where(split(examples)) == where(split(shuffled))
    assert split(examples) == split(examples)


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 900), st.integers(1, 5000), st.integers(0, 99))
def test_what_was_learned_from_is_never_examined_when_the_file_grows(before: int, more: int, seed: int) -> None:
    examples = many(before)
    first, second = where(split(examples)), where(split([*examples, *many(more, seed=seed + 2)]))
    for id, part in first.items():
        assert second[id] in (part, "training")
    if before >= 200 and before + more < 1500:
        assert {id: second[id] for id in first} == first


def test_a_group_is_in_one_part() -> None:
    parts = split(many(800, group=7))
    by_group: dict[str, set[str]] = {}
    for name in ("training", "validation", "test"):
        for example in getattr(parts, name):
            by_group.setdefault(example.group, set()).add(name)
    assert {len(names) for names in by_group.values()} == {1}
    assert len(parts.test) >= 20
    assert len(parts.validation) >= 10
    assert parts.grouped


def test_a_very_large_group_is_learned_from() -> None:
    large = [asked(e.question, "large") for e in many(600, seed=2)]
    parts = split([*large, *many(300, group=5)])
    assert {name for id, name in where(parts).items() if id in {e.id for e in large}} == {"training"}
    assert len(parts.test) >= 20


@pytest.mark.parametrize("groups", [1, 2])
def test_too_few_groups_are_parted_and_that_is_told(groups: int) -> None:
    parts = split(many(120, group=120 // groups))
    assert not parts.grouped
    assert len(parts.test) >= 20
    assert len(parts.validation) >= 10


def test_the_same_question_in_other_looks_is_in_one_part() -> None:
    examples = many(300)
    examples += [asked(e.question.upper() + "?!") for e in examples]
    parts = split(examples)
    places = where(parts)
    assert all(places[e.id] == places[asked(e.question.upper() + "?!").id] for e in examples[:300])


def test_what_is_nearly_asked_in_the_test_is_not_learned_from() -> None:
    examples = many(400)
    twice = [asked(f"{e.question} indeed") for e in examples]  # 8 of 9 words
    parts = split([*examples, *twice])
    assert len(parts.leaks) > 20
    assert sum(sizes(parts)) + len(parts.leaks) == 800
    tested = {e.question.removesuffix(" indeed") for e in parts.test}
    assert not tested & {e.question.removesuffix(" indeed") for e in (*parts.training, *parts.validation)}
    for leak in parts.leaks:
        assert not leak.same
        row = [*examples, *twice][leak.row]
        assert row.question.removesuffix(" indeed") == parts.test[leak.like].question.removesuffix(" indeed")


def test_a_question_of_several_groups_is_not_learned_from_where_it_is_examined() -> None:
    examples = many(300, group=3)
    same = [asked(e.question, f"other-{i // 3}") for i, e in enumerate(examples)]
    parts = split([*examples, *same])
    assert any(leak.same for leak in parts.leaks)
    assert not {e.question for e in parts.test} & {e.question for e in (*parts.training, *parts.validation)}


def test_a_test_that_is_given_apart_is_kept_whole_and_its_leaks_are_removed() -> None:
    examples, test = many(300), [*many(50, seed=9), *many(300)[:25]]
    parts = split(examples, test)
    assert parts.test == tuple(test)
    assert {leak.row for leak in parts.leaks} == set(range(25))
    assert len(parts.training) + len(parts.validation) == 275
    assert len(parts.validation) >= 9
    assert not set(parts.test) & set(parts.training)


def test_parts_keep_the_order_of_the_file() -> None:
    examples = many(300)
    order = {e.id: i for i, e in enumerate(examples)}

    def ascending(part: Sequence[Example]) -> bool:
        rows = [order[e.id] for e in part]
        return rows == sorted(rows)

    parts = split(examples)
    assert ascending(parts.training)
    assert ascending(parts.validation)
    assert ascending(parts.test)
    assert len(parts.fingerprint) == 64
