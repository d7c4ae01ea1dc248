"""What documents and models write, in a real browser: in the chat's page and in the widget, whole and as it streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from visits import Site

pytestmark = pytest.mark.browser

WATCH = """() => {
  window.hits = [];
  for (const name of ["alert", "confirm", "prompt", "open", "msgbox"]) window[name] = (...x) => { hits.push(name); };
  document.addEventListener("securitypolicyviolation", (event) => hits.push(`blocked: ${event.blockedURI}`));
}"""
SHOW = """([fragments, trees]) => {
  const box = document.createElement("div");
  document.body.append(box);
  const running = (root) => [...root.querySelectorAll("*")].some((element) =>
    element.matches("script, style, link, meta, base, iframe, object, embed, form, input, video, audio, svg, math")
    || [...element.attributes].some((a) => a.name.startsWith("on") || a.name === "style" || a.name === "srcdoc"));
  for (const html of fragments) {
    box.innerHTML = html;
    if (running(box)) hits.push(`chat: ${html}`);
  }
  box.remove();
  const chat = document.querySelector("kotae-chat");
  for (const tree of trees) {
    const place = chat.view.begin("?");
    chat.view.settle(place, { answer: tree, verdict: "", question: "?" });
    const answer = place.querySelector(".k-answer");
    answer.querySelectorAll("svg").forEach((own) => own.remove());
    if (running(answer)) hits.push(`widget: ${JSON.stringify(tree)}`);
    for (const link of answer.querySelectorAll("a")) {
      if (link.hasAttribute("href")) hits.push(`widget link: ${link.href}`);
    }
    place.remove();
  }
}"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    from fake_agent import FakeAgent, settings
    from visits import Running

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield FakeAgent(settings(tmp_path), {})

    with Running(opened) as one:
        yield one


def test_nothing_runs_and_nobody_is_asked(page: Page, site: Site) -> None:
    """360 payloads whole; 90 of them in every state of a stream. The visit itself asserts that no other host was
    asked."""
    from fake_agent import answer, passage
    from payloads import EVERYWHERE, PAYLOADS

    from agent.state import Source
    from ui import strings
    from ui.render import answer_html, draft_html
    from ui.render_panel import panel_html
    from ui.widget.session import session
    from ui.widget.site import Site as Kept
    from ui.widget.tree import tree

    words = strings.load("en").for_visitors()
    page.goto(f"{site.url}/chat/en/")
    page.wait_for_selector("#kotae-threads", state="attached")
    look = session(Kept(id="abcdefghij12", name="x"), words, longest=100)
    page.add_script_tag(url=f"{site.url}/widget.js")
    page.evaluate(
        """(look) => {
          const chat = document.createElement("kotae-chat");
          chat.setAttribute("preview", "");
          document.body.append(chat);
          chat.preview(look);
        }""",
        look,
    )
    page.evaluate(WATCH)
    shown = 0
    for n, payload in enumerate(EVERYWHERE):
        bad = Source(1, passage(1, payload, title=payload, heading=(payload,)), payload)
        whole = [
            answer_html(answer(f"Before. {payload} [1] After.", bad, choices=(payload,)), words, thread="t", index=0),
            panel_html(bad, words, before=payload, after=payload),
        ]
        drafts = [draft_html(payload[:end], words) for end in range(len(payload) + 1)] if n % 4 == 0 else []
        fragments = [*whole, *drafts]
        shown += len(fragments)
        page.evaluate(SHOW, [fragments, [tree(html, {"/api/threads/t/answers/0/sources/1": 1}) for html in fragments]])
    page.wait_for_timeout(500)
    assert page.evaluate("hits") == []
    assert len(EVERYWHERE) >= 300
    assert shown > 4 * len(PAYLOADS)
