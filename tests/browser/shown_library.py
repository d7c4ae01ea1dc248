"""The library's page on the real agent's library, with a cheap embedder, and what a person does there."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import Settings

if TYPE_CHECKING:
    from library_parts import WordEmbedder
    from playwright.sync_api import Locator, Page
    from visits import Site, Visit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))

HOURS = b"# Opening hours\n\n## Summer\n\nThe museum opens at nine.\n\n## Winter\n\nThe museum opens at ten.\n"
LEAVE = "# 有給休暇\n\n有給休暇は年に二十日あります。届けは上司に出してください。\n".encode()


@contextmanager
def shown(folder: Path, embedder: WordEmbedder) -> Iterator[Site]:
    """A chat with an empty library, served; its embedder waits where `embedder.hold` is cleared."""
    from fake_agent import FakeAgent, Play, answer
    from library_parts import open_library
    from visits import Running

    settings = Settings(data_dir=folder / "data", models_dir=folder, web="off")

    @asynccontextmanager
    async def opened() -> AsyncIterator[FakeAgent]:
        slow = answer("At nine.", route="direct")
        agent = FakeAgent(settings, {"Slow?": Play(slow, "word " * 40, 0.1)})
        library = open_library(folder / "data", embedder)
        agent.library = library  # type: ignore[assignment]
        agent.put("old", "An old conversation", [("Slow?", slow)])
        yield agent
        library.close()

    with Running(opened) as one:
        yield one
        embedder.hold.set()


def file(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def go(page: Page, site: Site, path: str = "/chat/en/?view=library") -> None:
    page.goto(site.url + path)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")
    page.wait_for_selector(".kotae-lib-summary:not(:empty)")


def add(page: Page, *files: dict[str, Any]) -> None:
    page.set_input_files(".kotae-lib-files", list(files))


def settled(page: Page, jobs: int = 1) -> None:
    page.wait_for_function(
        "n => document.querySelectorAll('.kotae-job-clear').length === n && !document.querySelector('.kotae-job-stop')",
        arg=jobs,
    )


def refusals_are_expected(seen: Visit) -> None:
    """Chromium reports every answer that is no success."""
    seen.faults[:] = [fault for fault in seen.faults if "server responded with a status of 4" not in fault]


def part(page: Page, name: str) -> Locator:
    page.click(f"#kotae-lib-tab-{name}")
    return page.locator(f"#kotae-lib-{name}")


def filled(page: Page, site: Site) -> None:
    go(page, site)
    add(page, file("hours.md", HOURS), file("休暇.md", LEAVE))
    settled(page)
    page.wait_for_function("() => document.querySelectorAll('.kotae-lib-table tbody tr').length === 2")
