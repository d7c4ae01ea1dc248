from __future__ import annotations

import json

import pytest

from agent.specialists.preparing import Order, prepare
from agent.specialists.shipped import completed, names
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan


def test_there_is_one_for_each_use() -> None:
    assert names() == ("grounded", "keigo", "support")


@pytest.mark.parametrize(("name", "metric"), [("grounded", "grounded"), ("keigo", "text"), ("support", "slots")])
def test_its_examples_can_be_learned_with_what_its_card_says(name: str, metric: str) -> None:
    with completed(Order(name)) as order:
        found = prepare(order)
    assert found.form.metric == metric
    assert found.plan.longest == (2048 if name == "grounded" else 1024)
    assert not found.faults
    assert len(found.split.training) > 500
    assert len(found.split.test) >= 20
    assert order.licence == "Apache-2.0"
    assert len(order.examples) >= 2
    assert order.use == {"grounded": "grounded", "keigo": "style", "support": "answer"}[name]


def test_what_the_order_says_counts() -> None:
    given = Order("keigo", description=("Mine",), prompt="", licence="mine", plan=Plan(longest=256))
    with completed(given) as order:
        assert (order.description, order.prompt, order.licence, order.plan.longest) == (("Mine",), "", "mine", 256)
        assert order.files[0].name == "data.jsonl"


def test_passages_become_rows_that_are_gone_afterwards() -> None:
    with completed(Order("grounded")) as order:
        rows = [json.loads(line) for line in order.files[0].read_text("utf-8").splitlines()]
        assert {row.get("refuses") for row in rows} == {True, False, None}
    assert not order.files[0].exists()


def test_another_name_is_told_those_that_there_are() -> None:
    with pytest.raises(SpecialistError, match="there are grounded, keigo, support"), completed(Order("banking")):
        pass
