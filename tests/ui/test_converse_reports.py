"""The reports of conversations: JUnit for machines, one HTML file for people."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

from ui.conversing.junit import junit
from ui.conversing.report import report
from ui.conversing.results import ConversationResult, Difference, TurnResult, explained
from ui.conversing.script import Expect
from ui.conversing.targets import Played

HOSTILE = '<script>alert("x")</script>\x00\x1b & ]]> <img src=https://evil.example/a.png>'
GOOD = TurnResult("When?", Expect(), Played(text="At nine [1].", route="library", calls=2, seconds=0.5), ())
BAD = TurnResult(
    HOSTILE,
    Expect(contains=("Goodbye",)),
    Played(text=f"Hello {HOSTILE}", sources=((HOSTILE, "/a"),), choices=(HOSTILE,), seconds=1.0),
    (Difference("contains", "Goodbye", f"Hello {HOSTILE}"),),
    unseen=("events",),
    said=((HOSTILE, HOSTILE),),
)
FAILED = TurnResult("Now?", Expect(), Played(error="no model"), (Difference("error", "none", "no model"),))
RAN = [
    (Path("good.yaml"), ConversationResult("all fine", False, (GOOD,))),
    (Path("bad.yaml"), ConversationResult(HOSTILE, True, (GOOD, BAD, FAILED), "chat", judged=HOSTILE)),
    (Path("left.yaml"), ConversationResult("left out", True, (), "http", skipped="it brings documents")),
    (Path("sim.yaml"), ConversationResult("simulated", True, (GOOD,), outcome=(Difference("judged", "yes", "No."),))),
]


def test_junit_is_what_systems_read() -> None:
    root = ET.fromstring(junit(RAN))
    assert root.tag == "testsuites"
    suite = root.find("testsuite")
    assert suite is not None
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "2", "errors": "0", "skipped": "1",
    }  # fmt: skip
    good, bad, left, simulated = suite.findall("testcase")
    assert (good.get("name"), good.get("classname"), good.get("time")) == ("all fine", "graph.good", "0.500")
    assert list(good) == []
    failure = bad.find("failure")
    assert failure is not None
    assert failure.text is not None
    assert "turn 2 of 3" in failure.text
    assert "expected: Goodbye" in failure.text
    assert (failure.get("message") or "").startswith("turn 2, contains: expected Goodbye, came Hello <script>")
    assert "events" in (bad.findtext("system-out") or "")
    assert left.find("skipped") is not None
    assert "the whole conversation" in (simulated.findtext("failure") or "")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "background")]


def test_the_page_needs_nothing_else_and_escapes_everything() -> None:
    page = report(RAN)
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "iframe"} & set(tags.seen)
    assert tags.links == []
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "&lt;script&gt;" in page


def test_the_differing_turn_stands_in_front_with_both_sides() -> None:
    page = report(RAN)
    body = page[page.index("<main>") :]
    assert "4 conversations, 5 turns" in body
    assert "2 of them with 2 differing turns" in body
    places = [body.index(text) for text in ("Turn 2 of 3", "<b>Expected</b>Goodbye", "<b>Came</b>Hello", "all fine")]
    assert places == sorted(places)
    assert "not played: it brings documents" in body
    assert len(re.findall("<details", body)) >= 4
    assert "all as expected" in report(RAN[:1])


def test_in_plain_text() -> None:
    text = explained(RAN[1][1])
    assert text.index("turn 2 of 3") < text.index("expected: Goodbye") < text.index("came:     Hello")
    assert "turn 1" not in text
