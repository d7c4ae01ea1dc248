"""Five pages read side by side beside the slowest of them alone: `python -m tests.benchmarks pages`.

A site on this machine waits before it answers, as servers do. Prints the ratio with children that are warm and with
none running, and what ranking the pages costs afterwards.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.tools.web.site import Reply, Site, page, serving
from tools.library import E5
from tools.web.fetch import Page, PageReader
from tools.web.ranking import rank

WAITS = {
    "different": (0.2, 0.4, 0.6, 0.8, 1.2),
    "equal": (0.8, 0.8, 0.8, 0.8, 0.8),
}
"""Seconds before each page is answered."""
PARAGRAPHS = (15, 30, 40, 80, 40)
LINKS, SCRIPT = 500, 100_000
"""Links around the text, and characters of scripts: most of what a news page sends is neither read nor kept."""
QUERY = "How long did the repairs of the harbour bridge take, and what did they cost?"
HOST = "www.example.com"
RUNS = 5


def pages(waits: tuple[float, ...]) -> dict[str, Reply]:
    """Pages of 150 to 180 KB, as news have: an article and much around it."""
    news = page("news_en").body.decode()
    links = "".join(f'<li><a href="/more/{n}">Another story, number {n}</a></li>' for n in range(LINKS))
    made = {}
    for i, (wait, paragraphs) in enumerate(zip(waits, PARAGRAPHS, strict=True)):
        said = "".join(
            f"<p>Report {i}, paragraph {n}: the council heard about hangers, girders, trams and tolls of the bridge. "
            f"It asked the engineers for a list of {n} parts that had come late, and what each of them had cost.</p>"
            for n in range(paragraphs)
        )
        body = news.replace("<h2>", f"{said}<h2>", 1).replace('href="/news/harbour-bridge"', f'href="/{i}"')
        body = body.replace("</ul></div>", f"{links}</ul></div>", 1)
        body = body.replace("</body>", f"<script>{'var a = {b: 1};' * (SCRIPT // 15)}</script></body>")
        made[f"/{i}"] = Reply(body.encode(), delay=wait)
    return made


async def timed(reader: PageReader, urls: list[str]) -> tuple[float, list[Page]]:
    began = time.perf_counter()
    outcomes = await reader.read(urls, 30)
    took = time.perf_counter() - began
    found = [outcome for outcome in outcomes if isinstance(outcome, Page)]
    assert len(found) == len(urls), outcomes
    return took, found


async def measure(site: Site, waits: tuple[float, ...], *, warm: bool) -> tuple[float, float, list[Page]]:
    """Seconds of all pages and of the slowest alone, the best of `RUNS`, and the pages."""
    site.pages = pages(waits)
    urls = [site.url(path, HOST) for path in site.pages]
    together, alone = [], []
    found: list[Page] = []
    for _ in range(RUNS):
        for wanted, into in ((urls, together), (urls[-1:], alone)):
            reader = PageReader(site.egress(HOST))
            if warm:
                reader.warm()
                await asyncio.sleep(1.5)
            took, read = await timed(reader, wanted)
            into.append(took)
            found = read if wanted is urls else found
            reader.close()
    return min(together), min(alone), found


def run() -> dict[str, Any]:
    """Measure, print and return the figures."""
    figures: dict[str, Any] = {}
    found: list[Page] = []
    with serving() as site:
        for name, waits in WAITS.items():
            for warm in (True, False):
                together, alone, found = asyncio.run(measure(site, waits, warm=warm))
                key = f"{name}_{'warm' if warm else 'cold'}"
                figures |= {f"{key}_five": together, f"{key}_slowest": alone, f"{key}_ratio": together / alone}
    embedder = E5()
    embedder.query("warm")
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        rank(QUERY, found, [], embedder, 6)
        times.append(time.perf_counter() - began)
    figures["rank_seconds"] = min(times)
    for name, value in figures.items():
        print(f"{name:28} {value:8.2f}")
    return figures
