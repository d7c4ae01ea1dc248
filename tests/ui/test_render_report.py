"""What is told of a specialist's examples, answers and faults: numbers, places, and no commands or paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from laid_down_specialists import CASES, EN, JA, evaluation, one, prepared, version

from agent.specialists.study import Comparison
from tools.specialist.data import Fault, Finding, Findings, Form
from ui.render_examples import checked_html
from ui.render_report import comparison_html, report_html
from ui.specialist_reasons import sentences, told


def test_examples_are_shown_as_they_are_learned() -> None:
    html = checked_html(prepared(), {}, EN)
    assert "12 examples were read: 8 to learn from, 1 to stop by, 2 held out" in html
    assert "one of 2 answers (card_arrival, card_lost)" in html
    assert html.count("<li>") == 6
    assert "Be short." in html
    assert "JSON オブジェクトと判断しました。キーは people、day です。" in checked_html(
        prepared(form=Form("slots", schema={"properties": {"people": {}, "day": {}}})), {}, JA
    )


def test_faults_and_doubts_stand_with_their_place_and_number() -> None:
    found = prepared(
        faults=(
            Fault("a1.csv", 7, "columns", "there are 3 cells for 2 columns; put texts with the delimiter into quotes."),
            Fault("a1.csv", 9, "characters", "a sentence that nobody knows yet"),
            *(Fault("a1.csv", n, "empty", "the answer is empty; write one, or leave the line out.") for n in range(30)),
        ),
        findings=Findings((Finding("unbalanced", tuple(range(900)), "card_lost"), Finding("rare", (1, 2)))),
        left={"duplicate": 4},
    )
    html = checked_html(found, {"a1.csv": "顧客.csv"}, EN)
    assert "顧客.csv, line 7:</span> There are 3 cells for 2 columns." in html
    assert EN("fault.characters") in html
    assert "… and 12 more" in html
    assert "900 examples have the answer “card_lost”" in html
    assert "Left out: 4 that stand there before." in html
    japanese = checked_html(found, {}, JA)
    assert "a1.csv の 7 行目:</span> 列は 2 個ですが、セルが 3 個あります。" in japanese
    assert "nobody" not in html + japanese


def test_the_report_is_a_table_of_who_answered_how_well() -> None:
    shown = version(found=evaluation())
    html = report_html(one(shown, promoted=1), shown, CASES, EN, stale=False)
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">([^<]+)</th>(.*?)</tr>", html)
    assert [name for name, _ in rows] == ["Specialist", "Base model", "Base with retrieval"]
    assert ">+0.21 (+0.12 to +0.29)</td>" in rows[1][1]
    assert ">92 %</td>" in rows[1][1]
    assert EN("report.passed") in html
    assert "Of 80 general questions, the base model answers 80 % right, with the specialist 78 %." in html
    assert EN("report.unchanged") in html
    assert "Better than the base model (1)" in html
    assert "Worse than the base model (1)" in html
    assert "700 learned, 100 to stop by, 200 held out" in html
    assert "6 min" in html


def test_what_failed_is_said_and_what_was_found_elsewhere_is_marked(tmp_path: Path) -> None:
    shown = version(found=evaluation(passed=False, failed=("forgets",)))
    html = report_html(one(shown), shown, [], JA, stale=False)
    assert JA("against.forgets") in html
    assert JA("report.passed") not in html
    imported = version(folder=tmp_path)
    (tmp_path / "imported_evaluation.json").write_text(evaluation().model_dump_json(), "utf-8")
    html = report_html(one(imported), imported, [], EN, stale=False)
    assert EN("report.elsewhere") in html
    assert EN("against.not_examined") in html


def test_both_answers_stand_beside_each_other() -> None:
    html = comparison_html("banking", Comparison("Where?", 2, "One\ntwo", "", (0.31, 1.25)), EN)
    assert html.count('kotae-spec-side"') == 2
    assert "One<br>two" in html
    assert EN("spec.silent") in html
    assert "banking, version 2" in html
    same = comparison_html("banking", Comparison("Where?", 2, "Here", "Here", (0.1, 0.1)), EN)
    assert EN("spec.same") in same


def test_sentences_for_errors_are_alike_in_both_languages() -> None:
    english, japanese = sentences("en"), sentences("ja")
    assert [pattern.pattern for pattern, _ in english] == [pattern.pattern for pattern, _ in japanese]
    for pattern, sentence in [*english, *japanese]:
        used = {int(n) for n in re.findall(r"\\(\d)", sentence)}
        assert used <= set(range(1, pattern.groups + 1)), sentence
        assert "--" not in sentence


@pytest.mark.parametrize(
    ("reason", "message", "english", "japanese"),
    [
        (
            "base",
            "The base model qwen2.5-coder-0.5b is not downloaded yet: kotae models pull small",
            "Run kotae models pull qwen2.5-coder-0.5b.",
            "kotae models pull qwen2.5-coder-0.5b を実行してください。",
        ),
        (
            "data",
            "my data.csv, line 3: the answer is empty; write one, or leave the line out. So it is with all 12 rows.",
            "my data.csv, line 3: The answer is empty. So it is with all 12 lines.",
            "my data.csv の 3 行目: 回答が空です。全 12 行が同じ状態です。",
        ),
        (
            "data",
            "/home/me/x.csv cannot be read; check that it is a file and may be read.",
            "unable.data",
            "unable.data",
        ),
        ("busy", "banking is being trained; wait.", "unable.busy", "unable.busy"),
        ("something_new", "/home/me: what?", "unable.inside", "unable.inside"),
    ],
)
def test_errors_are_told_without_commands_and_paths(reason: str, message: str, english: str, japanese: str) -> None:
    for words, said in ((EN, english), (JA, japanese)):
        shown = told(reason, message, words)
        assert (words(said) if said.startswith("unable.") else said) in shown
        assert "/home" not in shown
