"""One Chromium for all browser tests. Each module has its own `site`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from visits import FLAGS

if TYPE_CHECKING:
    from library_parts import WordEmbedder
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: run tests/browser/install-chromium")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield one
        one.close()


@pytest.fixture
def embedder() -> WordEmbedder:
    from library_parts import WordEmbedder

    return WordEmbedder()


@pytest.fixture
def seen(browser: Browser, site: Site) -> Iterator[Visit]:
    from visits import visit

    yield from visit(browser, site)


@pytest.fixture
def page(seen: Visit) -> Page:
    return seen.page
