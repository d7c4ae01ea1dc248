from __future__ import annotations

from pathlib import Path

import pytest

from tools.specialist.card import load
from tools.specialist.errors import SpecialistError

WHOLE = """
name: banking
description: Questions about accounts
examples: ["Why was my card declined?", "Where is my transfer?"]
data: {licence: apache-2.0}
metric: exact
"""
EXAMPLES = '["Why was my card declined?", "Where is my transfer?"]'


def card(folder: Path, text: str) -> Path:
    file = folder / "card.yaml"
    file.write_text(text, "utf-8")
    return file


def test_a_card_is_read_from_a_file_or_its_folder_and_may_hold_more(tmp_path: Path) -> None:
    file = card(tmp_path, WHOLE)
    assert load(file) == load(tmp_path)
    assert load(file).label == "specialist:banking"
    assert load(file).description == ("Questions about accounts",)
    assert load(file).examples == ("Why was my card declined?", "Where is my transfer?")


def test_texts_may_be_given_for_each_language(tmp_path: Path) -> None:
    read = load(
        card(
            tmp_path,
            """
name: bank-2
description: {en: Accounts, ja: 口座}
examples:
  en:
    - Where is my card?
    - Where is my money?
  ja:
    - カードはどこ？
""",
        )
    )
    assert read.description == ("Accounts", "口座")
    assert read.examples == ("Where is my card?", "Where is my money?", "カードはどこ？")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WHOLE.replace("name: banking", "name: My Bank"), "name: give a name"),
        (WHOLE.replace("name: banking", "name: -bank"), "name: give a name"),
        (WHOLE.replace("name: banking", ""), "name: give a name"),
        (WHOLE.replace("name: banking", "name: 7"), "name: give a name"),
        (WHOLE.replace("description: Questions about accounts", "description: ''"), "description: say"),
        (WHOLE.replace("description: Questions about accounts", "description: [1, 2]"), "description: say"),
        (WHOLE.replace("description: Questions about accounts", ""), "description: say"),
        (WHOLE.replace(EXAMPLES, "[]"), "examples: list 5 to 20"),
        (WHOLE.replace(EXAMPLES, "{en: [], ja: []}"), "examples: list"),
        (WHOLE.replace(EXAMPLES, "[a: b]"), "examples: list"),
        ("- a list", "mapping"),
        ("", "mapping"),
        ("name: banking\ndescription: a: b", "line 2"),
        (WHOLE + "date: 2026-99-99\n", "not YAML"),
        ("[" * 3000, "not YAML"),
    ],
)
def test_a_fault_is_told_on_one_line_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    file = card(tmp_path, text)
    with pytest.raises(SpecialistError) as raised:
        load(file)
    assert str(raised.value).startswith(str(file))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecialistError, match=r"card\.yaml cannot be read"):
        load(tmp_path)
