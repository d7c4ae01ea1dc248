"""What the one renderer lets through. Its output is read by an HTML5 parser and held against an allowlist."""

from __future__ import annotations

import dataclasses
from html import unescape

import pytest
from allowlist import EN, JA, LIBRARY, WEB, inspect
from fake_agent import answer, passage
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads import EVERYWHERE, PAYLOADS
from selectolax.lexbor import LexborHTMLParser

from agent.state import Sentence, Step
from ui.markup import clean, markdown, mend
from ui.render import (
    answer_html,
    draft_html,
    error_html,
    question_html,
    source_path,
    stopped_html,
    supported_text,
    web_address,
)
from ui.render_nav import threads_html
from ui.render_panel import panel_html
from ui.render_path import path_html


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 60
    assert len(set(EVERYWHERE)) >= 300


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_gets_through_any_fragment(payload: str) -> None:
    bad = dataclasses.replace(
        LIBRARY,
        passage=dataclasses.replace(
            LIBRARY.passage, text=payload, title=payload, heading=(payload,), url=f"{payload}.md", id=payload
        ),
        quote=payload,
    )
    web = dataclasses.replace(WEB, passage=dataclasses.replace(WEB.passage, title=payload, text=payload))
    given = answer(f"Before. {payload} [1] After.", bad, web, choices=(payload, f"{payload} › {payload}"))
    fragments = [
        answer_html(given, EN, thread="t1", index=0, last=True),
        answer_html(dataclasses.replace(given, refused=True), JA, thread="t1", index=0),
        draft_html(payload, EN),
        question_html(payload, EN, index=0),
        error_html(payload, EN),
        panel_html(bad, EN, path=source_path("t1", 0, 1), before=payload, after=payload, page_image=True),
        panel_html(web, JA, path=source_path("t1", 0, 2)),
        threads_html([_Thread("t1", payload)], "t1", EN, now=10.0),  # type: ignore[list-item]
    ]
    for html in fragments:
        inspect(html)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_gets_through_character_by_character(payload: str) -> None:
    text = f"As [1] says: {payload}"
    for end in range(len(text) + 1):
        inspect(draft_html(text[:end], EN))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_an_answer_has_no_way_to_another_host(payload: str) -> None:
    html = answer_html(answer(payload, LIBRARY), EN, thread="t", index=3)
    links = [node.attributes.get("href") for node in LexborHTMLParser(html).css("a")]
    assert set(links) <= {source_path("t", 3, 1)}
    assert not LexborHTMLParser(html).css("img")


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_whatever_the_text_the_allowlist_holds(text: str) -> None:
    inspect(draft_html(text, EN))
    inspect(answer_html(answer(text, LIBRARY, WEB), EN, thread="t1", index=0))


@dataclasses.dataclass(frozen=True)
class _Thread:
    id: str
    title: str
    updated: float = 0.0


def cites(html: str) -> list[tuple[str, str]]:
    return [
        (node.text(deep=True).replace("Source ", ""), str(node.attributes["href"]))
        for node in LexborHTMLParser(html).css("a.kotae-cite")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("At nine [1].", [1]),
        ("At nine [1][2].", [1, 2]),
        ("At nine [1, 2].", [1, 2]),
        ("九時です[1、2]。", [1, 2]),
        ("Nothing [7].", []),
        ("In code `[1]`.", []),
        ("In a list:\n\n- nine [1]\n- ten [2]", [1, 2]),
        ("**bold [1]**", [1]),
        ("[1](https://evil.example)", [1]),
        ("[12345]", []),
    ],
)
def test_citations_lead_to_their_sources(text: str, expected: list[int]) -> None:
    html = answer_html(answer(text, LIBRARY, WEB), EN, thread="a b", index=4)
    assert cites(html) == [(str(n), f"/api/threads/a%20b/answers/4/sources/{n}") for n in expected]


def test_a_number_without_a_source_stays_as_it_was_written() -> None:
    html = answer_html(answer("Since [9] it is so.", LIBRARY), EN, thread="t", index=0)
    assert "Since [9] it is so." in html


def test_a_draft_cites_but_does_not_link() -> None:
    tree = inspect(draft_html("At nine [1].", EN))
    assert tree.css_first("sup .kotae-cite").text() == "1"
    assert not tree.css("a")
    assert EN("message.checking") in tree.body.text()  # type: ignore[union-attr]


def test_unsupported_sentences_are_never_shown() -> None:
    given = answer("It opens at nine [1]. It is free on Mondays [1].", LIBRARY)
    given = dataclasses.replace(
        given,
        sentences=(
            Sentence("It opens at nine [1].", (1,), True),
            Sentence("It is free on Mondays [1].", (1,), False),
        ),
    )
    html = answer_html(given, EN, thread="t", index=0)
    assert "free on Mondays" not in html
    assert "It opens at nine" in html
    assert EN("answer.removed_one") in unescape(html)
    assert supported_text(dataclasses.replace(given, route="direct"))[1] == 0


def test_a_refused_answer_looks_different_and_shows_the_nearest_passages() -> None:
    tree = inspect(answer_html(answer("I do not know.", LIBRARY, refused=True), EN, thread="t", index=0))
    assert tree.css_first(".kotae-answer.kotae-is-refused")
    assert tree.css_first(".kotae-label").text() == EN("answer.refused")
    assert tree.css_first(".kotae-head").text() == EN("answer.nearest")
    assert "opens at nine" in tree.css_first(".kotae-excerpt").text()


def test_notices_are_in_the_readers_language_and_unknown_ones_are_silent() -> None:
    given = answer("x", LIBRARY, notices=("web_off", "brand_new"))
    html = answer_html(given, JA, thread="t", index=0)
    assert JA("notice.web_off") in html
    assert "brand_new" not in html


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("https://a.example/x", "web", "https://a.example/x"),
        ("http://a.example/x", "web", "http://a.example/x"),
        ("javascript:alert(1)", "web", ""),
        ("https://good@evil.example", "web", ""),
        ("file:///etc/passwd", "web", ""),
        ("https://[broken", "web", ""),
        ("", "web", ""),
        ("https://a.example/x", "library", ""),
    ],
)
def test_only_web_passages_with_a_plain_address_can_be_visited(url: str, kind: str, expected: str) -> None:
    assert web_address(passage(1, "x", url=url, kind=kind)) == expected


def test_a_link_to_a_source_of_the_turn_stays() -> None:
    html = answer_html(answer("See [times](https://rail.example/times?a=1&b=2).", WEB), EN, thread="t", index=0)
    link = next(n for n in LexborHTMLParser(html).css(".kotae-text a") if n.text() == "times")
    assert link.attributes["target"] == "_blank"
    assert "noopener" in str(link.attributes["rel"])


def test_a_question_is_shown_as_typed() -> None:
    tree = inspect(question_html("a **b** <i>c</i> [1]\nd\n\ne", EN, index=2))
    assert tree.css_first(".kotae-text").text(separator="|", deep=True) == "a **b** <i>c</i> [1]|d|e"
    assert [b.attributes["value"] for b in tree.css("button")] == ["2", "2"]


def test_what_a_question_may_mean_is_chosen_until_something_is_said() -> None:
    choices = ("Boat hire › Rowing boats", 'Lockers "north" & south')
    given = answer("Which one do you mean?", route="clarify", choices=choices)
    buttons = LexborHTMLParser(answer_html(given, EN, thread="t", index=0, last=True)).css("button.kotae-choice")
    assert [button.attributes["value"] for button in buttons] == list(choices)
    assert [node.text() for node in buttons[0].css(".kotae-title, .kotae-where")] == ["Rowing boats", "Boat hire"]
    later = LexborHTMLParser(answer_html(given, EN, thread="t", index=0))
    assert later.css("button.kotae-choice") == []
    assert [node.text() for node in later.css(".kotae-choice .kotae-title")] == ["Rowing boats", choices[1]]


def test_only_the_last_answer_can_be_tried_again() -> None:
    for last in (True, False):
        for html in (
            answer_html(answer("x", LIBRARY), EN, thread="t", index=1, last=last),
            stopped_html(EN, index=1, last=last),
        ):
            assert bool(LexborHTMLParser(html).css("button.kotae-retry")) is last


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It opens [1", "It opens "),
        ("It opens [", "It opens "),
        ("It opens [1, ", "It opens "),
        ("a **bold", "a **bold**"),
        ("a **bold*", "a **bold**"),
        ("a **bold** b", "a **bold** b"),
        ("a `code", "a `code`"),
        ("```\n[1", "```\n"),
        ("one **a**\n\ntwo **b", "one **a**\n\ntwo **b**"),
        ("- a **", "- a "),
        ("2 * 3", "2 * 3"),
        ("", ""),
    ],
)
def test_unfinished_markdown_is_mended(text: str, shown: str) -> None:
    assert mend(text) == shown


def test_clean_removes_what_is_not_ours() -> None:
    html = clean(
        '<p class="kotae-x evil" style="color:red" onclick="x()">a\nb</p><a href="/other">c</a><img src="/other">',
        links={"/mine"},
    )
    assert html == '<p class="kotae-x">a&#10;b</p><a rel="noopener noreferrer">c</a><img>'


def test_headings_stay_below_those_of_the_page() -> None:
    assert "<h3>" in markdown("# a")
    assert "<h6>" in markdown("###### a")


def test_the_path_says_what_was_done() -> None:
    text = inspect(path_html(answer("x").steps, EN)).body.text(separator="|", deep=True)  # type: ignore[union-attr]
    assert "Look in the documents · as similar questions are · 93 % sure" in text
    assert "3 passages for “opening hours”, from Handbook" in text
    assert "2 sentences checked, 2 supported" in text
    assert "< 0.01 s" in text


def test_the_path_names_the_parts_of_a_question() -> None:
    step = Step(
        "understand", 0.1, {"parts": ["Where is A?", "<b>Who</b> is B?"], "standalone": "q", "rewritten": False}
    )
    text = inspect(path_html([step], EN)).body.text(separator="|", deep=True)  # type: ignore[union-attr]
    assert "Split into “Where is A?”, “<b>Who</b> is B?”" in text


def test_a_table_keeps_its_cells_and_its_citation_leads_to_the_source() -> None:
    table = "| Day | Hours |\n|---|---|\n| Monday | <img src=//evil.example> |\n| Sunday | 10 to 17 [1] |"
    tree = inspect(answer_html(answer(f"Yes. [1]\n\n{table}", LIBRARY), EN, thread="t", index=0))
    assert [cell.text() for cell in tree.css("th")] == ["Day", "Hours"]
    assert [cell.text() for cell in tree.css("td")][:2] == ["Monday", "<img src=//evil.example>"]
    [link] = tree.css("td a.kotae-cite")
    assert link.attributes["href"] == source_path("t", 0, 1)
