"""A reader of pages and the site that it reads, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.web.site import Site, clock, serving
from tools.web.fetch import Page, PageReader


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(scope="module")
def reader(site: Site) -> Iterator[PageReader]:
    reader = PageReader(site.egress("a.example", "b.example"), readers=2, clock=clock)
    yield reader
    reader.close()


@pytest.fixture(autouse=True)
def _fresh(site: Site) -> None:
    site.pages.clear()
    site.asked.clear()


async def one(reader: PageReader, url: str, seconds: float = 15) -> Page:
    [outcome] = await reader.read([url], seconds)
    assert isinstance(outcome, Page), outcome
    return outcome
