"""Web search: DuckDuckGo's HTML page through `ddgs`, under one deadline and behind a circuit breaker.

What leaves the machine is the query, a region and a time limit, nothing else. `ddgs.DDGS().text()` cannot be used as it
is: it says "No results found." also for a rate limit (any status but 200) and for its own timeout, and an answer that
calls a refusal "nothing found" is a lie. So the parts of its DuckDuckGo engine are called one by one, and the status
and the page are looked at in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from tools.base import Passage, ToolError

TimeLimit = Literal["d", "w", "m", "y"]
Hit = Mapping[str, Any]

QUERY_CHARS = 200
SNIPPET_CHARS = 600
TITLE_CHARS = 200
URL_CHARS = 2000
TRUST = 0.5
TRIES = 3

_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f]")
# "!w …", "w! …", "! …" and "\ …" hand the query on to another site, which would then be the one that is asked.
_BANGS = str.maketrans("!\\", "  ")
# ddgs undoes the percent signs of an address; these characters must not stand in one bare.
_BARE = {ord(c): f"%{ord(c):02X}" for c in " <>\"'`\\{}|^"}
# The widest span that still answers: what is "latest" may be months old, and a day's filter hides yesterday.
_FRESH: tuple[tuple[TimeLimit, re.Pattern[str]], ...] = (
    ("d", re.compile(r"\b(today|tonight|this morning|breaking news)\b|今日|本日|今朝|今夜|今晩|速報", re.I)),
    ("w", re.compile(r"\b(yesterday|last night|this week|these days)\b|昨日|昨夜|昨晩|今週|ここ数日", re.I)),
    ("m", re.compile(r"\b(recent(ly)?|last week|this month)\b|最近|このごろ|先週|今月|先日", re.I)),
    ("y", re.compile(r"\b(latest|newest|up[- ]to[- ]date|this year|last month)\b|最新|直近|今年|先月", re.I)),
)
_NOTHING_FOUND = re.compile(r"""class=["'][^"']*\bno-results?\b""")
_CHALLENGE = re.compile(r"anomaly-modal|anomaly\.js|challenge-form", re.I)
# Unseen or unprintable: controls, formatting (zero width, text direction), surrogates, private use, unassigned.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_TRACKING = re.compile(r"utm_|(fbclid|gclid|msclkid|yclid|mc_eid)$", re.I)


@dataclass(frozen=True)
class WebQuery:
    """What is asked of the search: one line of text, DuckDuckGo's region, and how old a page may be."""

    text: str
    region: str
    timelimit: TimeLimit | None = None

    @classmethod
    def of(cls, question: str, region: str) -> WebQuery:
        """The question as a query. A question in Japanese script is asked in Japan, any other in `region`."""
        text = _cut(_clean(_clean(question).translate(_BANGS)), QUERY_CHARS)
        limit = next((span for span, words in _FRESH if words.search(text)), None)
        return cls(text, "jp-jp" if _JAPANESE.search(text) else region, limit)


Search = Callable[[WebQuery, float], Sequence[Hit]]
"""Blocking: hits with `title`, `href` and `body`, found within so many seconds, best first. Raises what it likes."""


class SearchRefused(Exception):
    """The engine takes us for a robot or forbids us. Asking again at once only prolongs it."""


def duckduckgo(query: WebQuery, seconds: float, *, address: str | None = None) -> Sequence[Hit]:
    """Hits of DuckDuckGo's HTML page; empty only when the page itself says that there are none.

    `address` asks another place than DuckDuckGo. Raises `SearchRefused` for a challenge page or a refusal,
    `ConnectionError` for any other answer that is not a result page, and what `ddgs` raises for a failed request.
    """
    from ddgs.engines.duckduckgo import Duckduckgo

    engine = Duckduckgo(timeout=seconds)
    payload = engine.build_payload(query.text, query.region, "moderate", query.timelimit)
    response = engine.http_client.request(engine.search_method, address or engine.search_url, data=payload)
    status, page = response.status_code, response.text
    if status in (202, 401, 403, 418):
        raise SearchRefused(f"status {status}")
    if status != 200:
        raise ConnectionError(f"status {status}")
    found = engine.post_extract_results(engine.extract_results(page)) if page.strip() else []
    hits = [{"title": r.title, "href": r.href, "body": r.body} for r in found if r.href]
    if hits or _NOTHING_FOUND.search(page):
        return hits
    if _CHALLENGE.search(page):
        raise SearchRefused("a challenge instead of results")
    raise ConnectionError("an answer that is not a result page")


class Breaker:
    """Stops calling what keeps failing. For one event loop; not for several threads.

    After `limit` failures in a row every call is refused for `rest` seconds. Then one call is let through: if it
    succeeds all is as before, if it fails the rest begins anew. A cancelled call counts as neither.
    Circuit Breaker: Nygard, Release It! (2nd ed. 2018), ch. 5.
    """

    def __init__(self, limit: int = 3, rest: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._probing = False

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around a call. Raises `ToolError` instead of entering while the calls rest."""
        probe = self._failures >= self._limit
        if probe and (self._probing or self._clock() < self._until):
            wait = max(0, round(self._until - self._clock()))
            raise ToolError("web_unavailable", f"resting for {wait} s after {self._failures} failures in a row")
        self._probing = probe
        try:
            yield
        except Exception:
            self._failures += 1
            self._until = self._clock() + self._rest
            raise
        else:
            self._failures = 0
        finally:
            if probe:
                self._probing = False


class WebTool:
    """Finds passages on the web: the snippets of a search, which are believed less than the owner's documents.

    `seconds` is the deadline of one `gather`, all tries together; it holds even when the search hangs, whose thread is
    then left behind (as a daemon, so that it keeps no program from ending). `region` is asked for questions that are
    not in Japanese; `wt-wt` is the whole world. `pause` (seconds) is the longest wait before the second try, doubling
    after that; the wait itself is drawn from all below it ("full jitter").
    """

    name = "web"

    def __init__(
        self,
        seconds: float = 8.0,
        region: str = "wt-wt",
        *,
        search: Search = duckduckgo,
        breaker: Breaker | None = None,
        pause: float = 0.5,
    ) -> None:
        self._seconds = seconds
        self._region = region
        self._search = search
        self._breaker = breaker or Breaker()
        self._pause = pause

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """The first `k` hits for `query`; an empty list when the search found none.

        Raises `ToolError("web_unavailable")` when the search failed, refused us, or did not answer in time.
        """
        asked = WebQuery.of(query, self._region)
        if not asked.text or k < 1:
            return []
        with self._breaker.guard():
            try:
                async with asyncio.timeout(self._seconds):
                    hits = await self._ask(asked)
                    if not hits and asked.timelimit:
                        # Pages without a date (forecasts, tables) fall through every time limit.
                        hits = await self._ask(replace(asked, timelimit=None))
                return passages(hits, k)
            except TimeoutError as error:
                raise ToolError("web_unavailable", f"no answer within {self._seconds:g} s") from error
            except Exception as error:
                detail = f"{type(error).__name__}: {error}"
                raise ToolError("web_unavailable", _cut(_clean(detail), 200)) from error

    async def _ask(self, query: WebQuery) -> Sequence[Hit]:
        tries = AsyncRetrying(
            # Not for every BaseException: a cancelled turn must end, not be tried again.
            retry=retry_if_exception(lambda e: isinstance(e, Exception) and not isinstance(e, SearchRefused)),
            wait=wait_random_exponential(multiplier=self._pause, max=4 * self._pause),
            stop=stop_after_attempt(TRIES),
            reraise=True,
        )
        # Half of the time for one try, so that a connection that hangs leaves room for another.
        return await tries(_in_daemon, self._search, query, self._seconds / 2)


async def _in_daemon(search: Search, query: WebQuery, seconds: float) -> Sequence[Hit]:
    """Run `search` in a daemon thread for at most `seconds`. `asyncio.to_thread` will not do: its threads are waited
    for when the program ends, and a hanging search would take the pool's threads from everybody else."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Sequence[Hit] | Exception] = loop.create_future()

    def settle(value: Sequence[Hit] | Exception) -> None:
        if not outcome.done():  # nobody waits any more after a timeout or a cancelled turn
            outcome.set_result(value)

    def run() -> None:
        value: Sequence[Hit] | Exception
        try:
            value = search(query, seconds)
        except Exception as error:
            value = error
        except BaseException as error:  # a panic in primp's Rust is no Exception
            value = RuntimeError(repr(error))
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended
            loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=run, name="kotae-web-search", daemon=True).start()
    async with asyncio.timeout(seconds):
        value = await outcome
    if isinstance(value, Exception):
        raise value
    return value


def passages(hits: Sequence[Hit], k: int) -> list[Passage]:
    """The first `k` usable hits. Without a web address or any text a hit is dropped, and so is a second hit of a page.

    `score` is the reciprocal rank. The id is a hash of address and text: the same finding has the same id.
    """
    found: dict[str, Passage] = {}
    for hit in hits:
        if len(found) == k:
            break
        if not isinstance(hit, Mapping) or (url := _address(hit.get("href"))) is None:
            continue
        title = _cut(_clean(hit.get("title")), TITLE_CHARS)
        text = _cut(_clean(hit.get("body")), SNIPPET_CHARS) or title
        page = _page(url)
        if not text or page in found:
            continue
        mark = hashlib.sha256(f"{url}\0{text}".encode()).hexdigest()[:16]
        found[page] = Passage(
            id=mark,
            text=text,
            title=title or (urlsplit(url).hostname or ""),
            url=url,
            kind="web",
            end=len(text),
            score=1 / (len(found) + 1),
            trust=TRUST,
        )
    return list(found.values())


def _clean(value: object) -> str:
    """NFKC, on one line, without characters that are not seen; empty for anything but text."""
    if not isinstance(value, str):
        return ""
    text = unicodedata.normalize("NFKC", value)
    seen = (c for c in text if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    return " ".join("".join(seen).split())


def _cut(text: str, most: int) -> str:
    """At most `most` characters, cut at a space where there is one in the last quarter."""
    if len(text) <= most:
        return text
    space = text.rfind(" ", most - most // 4, most + 1)
    return text[: space if space > 0 else most].rstrip()


def _address(value: object) -> str | None:
    """The web address, out of DuckDuckGo's redirect where it stands in one; None if it is none that may be shown."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
        if parts.hostname in ("duckduckgo.com", "www.duckduckgo.com") and parts.path == "/l/":
            parts = urlsplit(parse_qs(parts.query).get("uddg", [""])[0])
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    url = parts.geturl().translate(_BARE)
    # A name before an @ passes itself off as the host.
    if not usable or "@" in parts.netloc or len(url) > URL_CHARS:
        return None
    return None if any(c.isspace() or unicodedata.category(c) in _UNSEEN for c in url) else url


def _page(url: str) -> str:
    """What tells pages apart: not the scheme, `www.`, a closing slash, the fragment, or who sent the visitor."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    wanted = [(n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(n)]
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path.rstrip('/')}?{urlencode(sorted(wanted))}"
