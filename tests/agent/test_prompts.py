from __future__ import annotations

import pytest

from agent.errors import PromptError
from agent.prompts import fill, fingerprint


def test_a_filled_prompt_holds_its_values() -> None:
    assert "How many?" in fill("en", "question", sources="[1] A\nText", question="How many?")


def test_a_value_with_dollar_signs_is_not_a_variable() -> None:
    assert "$question" in fill("en", "question", sources="$question costs $5", question="x")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(PromptError, match=r"missing \$sources"):
        fill("en", "question", question="x")


def test_a_surplus_variable_is_named() -> None:
    with pytest.raises(PromptError, match="surplus colour"):
        fill("ja", "judge", colour="red")


def test_an_unknown_prompt_is_named() -> None:
    with pytest.raises(PromptError, match="nowhere"):
        fill("en", "nowhere")


def test_fingerprint_is_stable() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 12
