"""What axe-core finds on a page, and what of it is wider than the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


def violations(page: Page, within: str) -> list[str]:
    """The rules of WCAG 2.1 A and AA that a part of the page breaks, each with the elements that break it."""
    from axe_playwright_python.sync_playwright import Axe

    found: dict[str, Any] = Axe().run(page, context=within, options={"runOnly": RULES}).response
    return [f"{one['id']}: {[node['html'][:160] for node in one['nodes']]}" for one in found["violations"]]


def overflow(page: Page, within: str) -> list[str]:
    """What of a part of the page, and of the bar above it, is wider than the screen."""
    found: list[str] = page.evaluate(
        """within => [...document.querySelectorAll(`${within}, ${within} *, .kotae-bar, .kotae-bar *`)]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.getClientRects().length
                && !e.closest(".kotae-sr, svg"))
            .map(e => e.className || e.tagName)""",
        within,
    )
    return found
