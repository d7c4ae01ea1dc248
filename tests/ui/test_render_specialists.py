"""What the specialists' page shows, from data that are laid down: words, escaping, and the curve."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from laid_down_specialists import CASES, EN, JA, OTHER, SHA, evaluation, one, prepared, version

from agent.specialists.bases import Choice
from agent.specialists.study import Comparison
from agent.specialists.workplace import Step
from tools.specialist.card import Base, Data
from tools.specialist.data import Fault, Finding, Findings, Form
from tools.specialist.evaluation import Evaluation
from tools.specialist.plan import Progress
from tools.specialist.versions import Specialist
from ui import strings
from ui.markup import clean
from ui.render_examples import checked_html
from ui.render_report import comparison_html, report_html
from ui.render_specialist_form import form_html
from ui.render_specialists import frame_html, list_html, signed
from ui.render_training import curve_html, work_html
from ui.specialist_orders import NewSpecialist
from ui.specialist_work import Made, Point, Work

EVIL = "<img src=x onerror=alert(1)>\"'<script>alert(2)</script></svg>"


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


@pytest.mark.parametrize(("value", "said"), [(0.214, "+0.21"), (-0.05, "−0.05"), (0.001, "±0.00"), (-0.004, "±0.00")])
def test_margins_have_a_sign(value: float, said: str) -> None:
    assert signed(value) == said
