"""What the specialists' page shows, from data that are laid down: words, escaping, and the curve."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.specialists.bases import Choice
from agent.specialists.preparing import Prepared
from agent.specialists.study import Comparison
from agent.specialists.workplace import Step
from tools.specialist.card import Base, Card, Data
from tools.specialist.data import Fault, Finding, Findings, Form, Split
from tools.specialist.evaluation import Evaluation, Margin, Score
from tools.specialist.example import Example, Message
from tools.specialist.plan import Progress
from tools.specialist.versions import Specialist, Version
from ui import strings
from ui.markup import clean
from ui.render_examples import checked_html
from ui.render_report import comparison_html, report_html
from ui.render_specialist_form import form_html
from ui.render_specialists import frame_html, list_html, signed
from ui.render_training import curve_html, work_html
from ui.specialist_orders import NewSpecialist
from ui.specialist_reasons import sentences, told
from ui.specialist_work import Made, Point, Work

EN, JA = strings.load("en"), strings.load("ja")
EVIL = "<img src=x onerror=alert(1)>\"'<script>alert(2)</script></svg>"
SHA, OTHER = "a" * 64, "b" * 64


class Tags(HTMLParser):
    """The tags and attributes of a fragment."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def harmless(html: str) -> None:
    """No script, no address, no handler, whatever stood in the data."""
    for tag, attributes in Tags(html).found:
        assert tag not in ("script", "img", "iframe", "style", "link", "a", "use", "image", "foreignobject"), tag
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "src", "style")], (
            attributes
        )


def evaluation(*, passed: bool = True, failed: tuple[str, ...] = (), base: str = SHA, gain: float = 0.21) -> Evaluation:
    return Evaluation(
        metric="exact",
        examples=100,
        scores={
            "specialist": Score(score=0.7 + gain, low=0.85, high=0.96, valid=1.0, seconds=0.31, examples=100),
            "base": Score(score=0.7, low=0.61, high=0.78, valid=0.92, seconds=0.3, examples=100),
            "retrieval": Score(score=0.74, low=0.65, high=0.82, valid=0.95, seconds=1.2, examples=100),
        },
        margins={
            "base": Margin(difference=gain, low=gain - 0.09, high=gain + 0.08),
            "retrieval": Margin(difference=gain - 0.04, low=0.06, high=0.27),
        },
        general={"base": 0.8, "specialist": 0.775, "off": 0.8},
        general_examples=80,
        unchanged=True,
        base=base,
        data="c" * 64,
        date="2026-11-01T10:00:00+00:00",
        seconds=200.0,
        passed=passed,
        failed=failed,
    )


def version(
    number: int = 1, found: Evaluation | None = None, folder: Path = Path("/nowhere"), **card: object
) -> Version:
    values = {
        "name": "banking",
        "description": ("Names what a customer wants", "お客様の用件を見分ける"),
        "examples": ("Where is my card?",),
        "base": Base(name="small", sha256=SHA),
        "adapter": "adapter.gguf",
        "metric": "exact",
        "data": Data(training=700, validation=100, test=200, sources=("data.csv",)),
        "figures": {"seconds": 372.0, "tokens_per_second": 512.4},
        "date": "2026-11-01T09:00:00+00:00",
    }
    return Version(number, folder, Card.model_validate({**values, **card}), found)


def one(*versions: Version, promoted: int | None = None) -> Specialist:
    return Specialist("banking", promoted, versions)


def listed(specialist: Specialist, words: strings.Strings = EN, **given: object) -> str:
    values: dict[str, object] = {"stale": (), "orders": (), "work": None, **given}
    return list_html([specialist], **values, words=words)  # type: ignore[arg-type]


def test_a_row_tells_state_score_and_margin() -> None:
    html = listed(one(version(found=evaluation()), promoted=1))
    assert "In use: version 1" in html
    assert "0.91, which is +0.21 over the base (+0.12 to +0.29)" in html
    assert "Names what a customer wants" in html
    assert "small · Adapters (LoRA) · 1,000 examples" in html
    assert "kotae-spec-promote" not in html
    assert "kotae-spec-rollback" in html
    japanese = listed(one(version(found=evaluation()), promoted=1), JA)
    assert "0.91、基本モデルとの差は +0.21（+0.12～+0.29）" in japanese
    assert "お客様の用件を見分ける" in japanese


@pytest.mark.parametrize(
    ("found", "state", "promotable"),
    [
        (None, "Not examined", False),
        (evaluation(), "Proven, not in use", True),
        (evaluation(passed=False, failed=("not_better_than_base", "forgets")), "Not proven", False),
        (evaluation(base=OTHER), "Not proven", False),
    ],
)
def test_what_is_not_proven_is_shown_with_its_reason(found: Evaluation | None, state: str, promotable: bool) -> None:
    shown = version(found=found)
    html = listed(one(shown))
    assert state in html
    button = dict(next(a for t, a in Tags(html).found if "kotae-spec-promote" in (a.get("class") or "")))
    assert ("disabled" not in button) == promotable
    for code in shown.against:
        assert EN(f"against.{code}") in (button["title"] or "")


def test_a_newer_version_beside_the_one_in_use_is_told() -> None:
    html = listed(one(version(1, evaluation()), version(2, evaluation(passed=False, failed=("too_few",))), promoted=1))
    assert "In use: version 1" in html
    assert "Version 2: Not proven" in html


def test_a_retired_base_can_be_trained_again() -> None:
    html = listed(one(version(found=evaluation()), promoted=1), stale={"banking"})
    assert "Base model retired" in html
    assert "kotae-spec-again" in html
    assert EN("spec.retired_base", base="small") in html


def test_what_is_being_made_shows_its_share_and_what_was_stopped_can_go_on() -> None:
    work = Work("w1", "train", "banking", step=Step("training", 43, 100))
    html = listed(one(version(found=evaluation()), promoted=1), work=work)
    assert "Training · 43 %" in html
    order = NewSpecialist(name="gates", description=("Opens gates",))
    html = listed(one(version(found=evaluation())), orders=[order])
    assert "Not finished" in html
    assert 'kotae-spec-resume" value="gates"' in html
    html = listed(one(version(found=evaluation())), orders=[order], work=replace(work, name="gates"))
    assert "kotae-spec-resume" not in html


def progress(step: int = 120) -> Progress:
    return Progress(step, 300, 0.4123, 0.48, 0.451, 9000, 512.4, 95.0)


def points(n: int = 100) -> list[Point]:
    return [Point(i, 3.2 / i + 0.2, 3.0 / i + 0.3 if i % 20 == 0 else None) for i in range(1, n + 1)]


def test_the_work_tells_how_far_it_is() -> None:
    work = Work("w1", "train", "banking", step=Step("training", 120, 300, 95.0, progress()), curve=tuple(points()))
    html = work_html(work, EN)
    assert "Training · 120 of 300 · loss 0.412 · 512 tokens/s · about 2 min left" in html
    assert 'value="0.4000" max="1"' in html
    assert "kotae-spec-stop" in html
    assert "Stopping…" in work_html(replace(work, stopping=True), EN)
    assert "残り約 2 分" in work_html(work, JA)
    harmless(html)


def test_the_end_of_the_work_is_told_in_a_sentence() -> None:
    work = Work("w1", "train", "banking", state="done", made=Made(3, True, True))
    assert EN("spec.made_promoted", n=3) in work_html(work, EN)
    lost = replace(work, made=Made(3, False, False, ("forgets", "too_few")))
    why = f"{EN('against.forgets')} {EN('against.too_few')}"
    assert EN("spec.made_unproven", n=3, why=why) in work_html(lost, EN)
    failed = replace(work, state="failed", made=None, reason="data", message="/srv/x.jsonl cannot be read; check it.")
    html = work_html(failed, EN)
    assert EN("unable.data") in html
    assert "/srv" not in html


def test_the_curve_is_drawn_within_its_frame_and_told_in_words() -> None:
    html = clean(curve_html(points(), EN, steps=300), controls=True, charts=True)
    tags = Tags(html).found
    (svg,) = [attributes for tag, attributes in tags if tag == "svg"]
    assert svg["role"] == "img"
    said = "Loss by step: 3.400 at first, 0.232 at step 100. On validation examples 0.330, at best 0.330."
    assert svg["aria-label"] == said
    for line in (a["points"] or "" for tag, a in tags if tag == "polyline"):
        places = [tuple(map(float, pair.split(","))) for pair in line.split()]
        assert all(44 <= x <= 628 and 12 <= y <= 192 for x, y in places)
        assert places == sorted(places), "from the left to the right"
    training = next(a["points"] or "" for tag, a in tags if tag == "polyline")
    assert float(training.split()[-1].split(",")[0]) < 300, "a third of the steps that are planned"
    assert "step 300" in html
    assert len([tag for tag, _ in tags if tag == "circle"]) == 5
    assert "<td>0.330</td>" in html


@pytest.mark.parametrize(
    "losses", [[1.0], [0.0, 0.0], [5e-7, 4e-7], [9e9, 1.0], [float("nan"), 1.0], [float("inf")] * 3]
)
def test_no_loss_is_too_strange_to_be_drawn(losses: list[float]) -> None:
    html = curve_html([Point(i + 1, loss, None) for i, loss in enumerate(losses)], EN)
    assert bool(html) == (len(losses) > 1)
    assert not re.search(r'points="[^"]*(nan|inf|e[+-])', html)


def test_charts_let_nothing_in_that_loads_or_runs() -> None:
    hostile = (
        '<svg viewBox="0 0 1 1" onload="alert(1)"><use href="#x"/><image href="https://x.example/p.png"/>'
        '<foreignObject><img src=x onerror=alert(1)></foreignObject><a href="https://x.example">x</a>'
        "<style>*{background:url(https://x.example)}</style><script>alert(1)</script>"
        '<line x1="1" style="fill:url(https://x.example)" onclick="alert(1)"/></svg>'
    )
    html = clean(hostile, charts=True)
    harmless(html.replace('<a rel="noopener noreferrer">', "").replace("</a>", ""))
    assert "example" not in html.replace(">x<", "")


def prepared(*, question: str = "Where is my card?", **given: object) -> Prepared:
    examples = tuple(
        Example((Message("system", "Be short."), Message("user", question)), "card_arrival") for _ in range(8)
    )
    values: dict[str, object] = {
        "split": Split(examples, examples[:1], examples[:2]),
        "form": Form("exact", ("card_arrival", "card_lost")),
        "language": "en",
        "read": 12,
        **given,
    }
    return Prepared(**values)  # type: ignore[arg-type]


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


CASES = [
    {
        "id": "1",
        "question": "Where is my card?",
        "wanted": "card_arrival",
        "replies": {"specialist": "card_arrival", "base": "card_lost"},
        "scores": {"specialist": 1.0, "base": 0.0},
    },
    {
        "id": "2",
        "question": "It is gone",
        "wanted": "card_lost",
        "replies": {"specialist": "card_arrival", "base": "card_lost"},
        "scores": {"specialist": 0.0, "base": 1.0},
    },
]


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


def test_nothing_that_a_stranger_wrote_becomes_html() -> None:
    card = {
        "description": (EVIL,),
        "examples": (EVIL,),
        "prompt": EVIL,
        "base": Base(name=EVIL, sha256=SHA),
        "data": Data(licence=EVIL, sources=(EVIL,)),
    }
    shown = version(found=evaluation(), **card)
    cases = [{**CASES[0], "question": EVIL, "wanted": EVIL, "replies": {"specialist": EVIL, "base": EVIL}}]
    found = prepared(
        question=EVIL,
        faults=(Fault(EVIL, 1, "empty", EVIL),),
        findings=Findings((Finding("unbalanced", (1,), EVIL),)),
        form=Form("exact", (EVIL,)),
    )
    fragments = [
        listed(one(shown), orders=[NewSpecialist(name="gates", description=(EVIL,))]),
        report_html(one(shown), shown, cases, EN, stale=False),
        checked_html(found, {EVIL: EVIL}, EN),
        comparison_html("banking", Comparison(EVIL, 1, EVIL, EVIL, (0.1, 0.2)), EN),
        work_html(Work(EVIL, "raft", EVIL, state="done", made=Made(file=EVIL, rows=3)), EN),
        work_html(Work("w1", "train", EVIL, state="failed", reason=EVIL, message=EVIL), EN),
        frame_html(form_html([Choice(EVIL, EVIL, True)], [EVIL], EN, limit=1), EN),
    ]
    for html in fragments:
        harmless(html)
        assert "\n" not in html


def test_both_answers_stand_beside_each_other() -> None:
    html = comparison_html("banking", Comparison("Where?", 2, "One\ntwo", "", (0.31, 1.25)), EN)
    assert html.count('kotae-spec-side"') == 2
    assert "One<br>two" in html
    assert EN("spec.silent") in html
    assert "banking, version 2" in html
    same = comparison_html("banking", Comparison("Where?", 2, "Here", "Here", (0.1, 0.1)), EN)
    assert EN("spec.same") in same


@pytest.mark.parametrize(("value", "said"), [(0.214, "+0.21"), (-0.05, "−0.05"), (0.001, "±0.00"), (-0.004, "±0.00")])
def test_margins_have_a_sign(value: float, said: str) -> None:
    assert signed(value) == said


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
