"""The documentation is held to the code: the same pages in both languages, true settings, commands and figures."""

from __future__ import annotations

import importlib
import itertools
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LANGUAGES = ("en", "ja")
PAGES = sorted(path.stem for path in (DOCS / "en").glob("*.md"))
MARKDOWN = [
    *ROOT.glob("*.md"),
    *sorted(DOCS.rglob("*.md")),
]
QUESTIONS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests" / "benchmarks" / "questions.yaml").read_text("utf-8"))

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MACHINE = re.compile(r"(?<![\w.~])/(?:work|tmp|root|home/\w+|Users/\w+)/|\.venv/lib")

FIGURES = {
    ("agent.router", "SURE"): "how-routing-works",
    ("agent.nodes.route", "FAMILIAR"): "how-routing-works",
    ("agent.nodes.route", "ANSWERS"): "how-routing-works",
    ("agent.nodes.judge", "SUFFICIENT"): "how-reflection-works",
    ("agent.nodes.reflect", "BELIEVED"): "how-reflection-works",
    ("agent.nodes.reflect", "CERTAIN"): "how-reflection-works",
    ("agent.nodes.reflect", "STATED"): "how-reflection-works",
    ("agent.nearest", "QUOTED"): "how-reflection-works",
    ("agent.nodes.finish", "_NEAREST"): "asking-questions",
    ("agent.nodes.understand", "HISTORY"): "conversations-and-threads",
    ("agent.parts", "MOST"): "asking-questions",
    ("agent.reading", "LONGER"): "asking-questions",
    ("agent.tables", "ROWS"): "asking-questions",
    ("agent.threads", "_TITLE_CHARS"): "conversations-and-threads",
    ("agent.insights", "LONGEST"): "conversations-and-threads",
    ("agent.feedback", "LONGEST"): "asking-questions",
    ("agent.archive", "KEPT"): "conversations-and-threads",
    ("agent.about_user", "MOST"): "conversations-and-threads",
    ("agent.telling", "LONGEST"): "conversations-and-threads",
    ("ui.widget.routes", "LONGEST"): "embedding",
    ("ui.widget.sites", "DAYS"): "embedding",
    ("ui.commands.sites", "DEMO_PORT"): "embedding",
    ("ui.people.passwords", "SHORTEST"): "people",
    ("ui.people.throttle", "WAIT"): "people",
    ("ui.http.turns", "GRACE"): "http-api",
    ("ui.http.turn", "BEAT"): "http-api",
    ("ui.serve", "DRAIN"): "http-api",
}
"""Constants whose values a page states."""


def page(language: str, name: str) -> str:
    return (DOCS / language / f"{name}.md").read_text("utf-8")


def headings(text: str) -> list[tuple[int, str]]:
    return [(len(marks), title) for marks, title in _HEADING.findall(_FENCE.sub("", text))]


def section(text: str, title: str) -> str:
    """What stands under the heading `title`, down to the next heading."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found.group(1)


def test_there_are_enough_pages_and_each_has_its_twin() -> None:
    assert len(PAGES) >= 12
    assert sorted(path.stem for path in (DOCS / "ja").glob("*.md")) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_twins_have_the_same_outline(name: str) -> None:
    levels = {language: [level for level, _ in headings(page(language, name))] for language in LANGUAGES}
    assert levels["en"] == levels["ja"]
    assert levels["en"][0] == 1
    assert levels["en"].count(1) == 1


def test_the_readmes_are_twins() -> None:
    english, japanese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ja.md"))
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(japanese)]
    commands = [
        re.findall(r"^(?:\.venv/bin/|make )\S+(?: [a-z]\S*)?", text, re.MULTILINE) for text in (english, japanese)
    ]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("target", ["chat", "test"])
def test_make_has_the_targets_of_the_readme(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert f"make {target}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_its_language(name: str) -> None:
    japanese = re.compile(r"[ぁ-んァ-ヶ一-龥]")
    code = re.compile(rf"kotae \w+|{'|'.join(Settings.model_fields)}")
    foreign = [title for _, title in headings(page("ja", name)) if not japanese.search(title)]
    assert not [title for title in foreign if not code.fullmatch(title)]
    assert not [title for _, title in headings(page("en", name)) if japanese.search(title)]


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_resolve(path: Path) -> None:
    broken = [
        target
        for target in _LINK.findall(_FENCE.sub("", path.read_text("utf-8")))
        if not re.match(r"[a-z]+:|#", target) and not (path.parent / target.partition("#")[0]).exists()
    ]
    assert not broken


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_path_of_one_machine(path: Path) -> None:
    assert not _MACHINE.findall(path.read_text("utf-8"))


@pytest.mark.parametrize("key", Settings.model_fields)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_is_documented_with_its_default(language: str, key: str) -> None:
    text = section(page(language, "settings"), key)
    assert f"`{key}`" in text
    default = Settings.model_fields[key].get_default(call_default_factory=True)
    stated = re.search(r"(?:the default is|既定値は|既定では、)(.+)", text, re.IGNORECASE)
    assert stated, f"{key}: no default in docs/{language}/settings.md"
    if isinstance(default, Path):  # differs from machine to machine; the page names that of Linux
        assert {"data_dir": "`~/.local/share/kotae`", "models_dir": "`~/.cache/kotae/models`"}[key] in stated.group(1)
    elif default is None:
        assert stated.group(1).strip().startswith(("no ", "キーはありません", "アドレスはありません"))
    elif default == ():
        assert stated.group(1).strip().startswith(("an empty list", "空のリスト"))
    elif isinstance(default, tuple):
        assert stated.group(1).strip().startswith(f"`{','.join(default)}`")
    else:
        assert stated.group(1).strip().startswith(f"`{default}`")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_setting_is_documented_that_does_not_exist(language: str) -> None:
    text = page(language, "settings")
    documented = {title for level, title in headings(text) if level == 3}
    assert documented == set(Settings.model_fields)
    assert str(len(documented)) in text, "the page states how many settings there are"


@pytest.mark.parametrize("language", LANGUAGES)
def test_bounds_of_settings_are_those_of_the_code(language: str) -> None:
    text = page(language, "settings")
    for key, field in Settings.model_fields.items():
        for bound in field.metadata:
            limits = [getattr(bound, name, None) for name in ("ge", "le")]
            for limit in limits:
                if limit is not None:
                    assert str(limit) in section(text, key), f"{key}: {limit} in docs/{language}/settings.md"


@pytest.mark.parametrize(("where", "name"), FIGURES.items(), ids=lambda value: str(value[-1]))
def test_figures_are_those_of_the_code(where: tuple[str, str], name: str) -> None:
    value = getattr(importlib.import_module(where[0]), where[1])
    for language, one in itertools.product(LANGUAGES, value.values() if isinstance(value, dict) else [value]):
        assert re.search(rf"(?<![\d.]){re.escape(str(one))}(?![\d]|\.\d)", page(language, name)), (
            f"{'.'.join(where)} is {one}; docs/{language}/{name}.md says otherwise"
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_limits_of_a_file_are_those_of_the_code(language: str) -> None:
    from tools.library import Limits

    limits = Limits()
    text = section(
        page(language, "adding-documents"), {"en": "Limits for one file", "ja": "1つのファイルの上限"}[language]
    )
    words = {
        "en": (f"{limits.characters // 10**6} million", f"{limits.lines:,} lines", f"{limits.seconds:.0f} seconds"),
        "ja": (f"{limits.characters // 10**4}万文字", f"{limits.lines // 10**4}万行", f"{limits.seconds:.0f}秒"),
    }
    figures = (
        f"{limits.bytes >> 20} MB",
        f"{limits.expanded >> 20} MB",
        str(limits.pages),
        str(limits.scanned),
        str(round(limits.page_seconds)),
    )
    assert not [stated for stated in (*words[language], *figures) if stated not in text]


def commands() -> set[str]:
    import typer

    from ui.cli import app

    group = typer.main.get_command(app)
    return set(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_command_line_page_names_every_command_and_no_other(language: str) -> None:
    titles = [title for _, title in headings(page(language, "command-line"))]
    named = {match.group(1) for title in titles if (match := re.fullmatch(r"kotae (\w+)", title))}
    assert named == commands()


def test_commands_in_all_pages_exist() -> None:
    known = commands()
    for path in MARKDOWN:
        used = set(re.findall(r"`(?:\.venv/bin/)?kotae ([a-z]+)\b", path.read_text("utf-8")))
        assert used <= known, f"{path.relative_to(ROOT)}: {sorted(used - known)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_models_page_states_the_catalogue(language: str) -> None:
    text = page(language, "models")
    entries = yaml.safe_load((ROOT / "agent" / "models" / "catalogue.yaml").read_text("utf-8"))
    for entry in _models(entries):
        assert f"`{entry['name']}`" in text
        assert f"{entry['bytes']:,}" in text


def _models(entries: Any) -> list[dict[str, Any]]:
    found = entries.get("models", entries)
    return [{"name": name, **entry} for name, entry in found.items()] if isinstance(found, dict) else list(found)


def test_json_keys_of_an_answer_are_documented() -> None:
    from agent.state import Answer

    keys = Answer("", "library", False, "", "en").as_json()
    for language in LANGUAGES:
        text = page(language, "command-line")
        assert not [key for key in keys if f"`{key}`" not in text]


def test_questions_are_whole() -> None:
    assert len({q["id"] for q in QUESTIONS}) == len(QUESTIONS) == 52
    for language in LANGUAGES:
        of_language = [q for q in QUESTIONS if q["language"] == language]
        assert sum(q["answerable"] for q in of_language) == 21
        assert sum(not q["answerable"] for q in of_language) == 5
    asked = {name for q in QUESTIONS for name in q["page"]}
    assert asked == set(PAGES), "every page is asked about, and no other"


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q["answerable"]], ids=lambda q: q["id"])
def test_an_answer_stands_on_one_of_its_pages(question: dict[str, Any]) -> None:
    """A page of the question's language satisfies all groups of acceptable answers."""
    texts = [unicodedata.normalize("NFKC", page(question["language"], name)) for name in question["page"]]
    assert any(
        all(any(re.search(pattern, text, re.IGNORECASE) for pattern in group["any"]) for group in question["answers"])
        for text in texts
    )


@pytest.mark.parametrize("question", [q for q in QUESTIONS if not q["answerable"]], ids=lambda q: q["id"])
def test_an_unanswerable_question_names_no_page_and_no_answer(question: dict[str, Any]) -> None:
    assert question["page"] == []
    assert question["answers"] == []
