"""What of the hits of a search can be used: real web addresses, clean text, each page once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from tools.web.providers import Hit
from tools.web.query import UNSEEN, clean, cut

SNIPPET_CHARS = 600
TITLE_CHARS = 200
URL_CHARS = 2000

# Some services undo the percent signs of an address; these characters must not stand in one bare.
_BARE = {ord(c): f"%{ord(c):02X}" for c in " <>\"'`\\{}|^"}
_TRACKING = re.compile(r"utm_|(fbclid|gclid|msclkid|yclid|mc_eid)$", re.I)


def usable(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """The hits that can be shown, best first. Without a web address or any text a hit is dropped, and so is a second
    hit of a page."""
    found: dict[str, Hit] = {}
    for hit in hits:
        url = _address(hit.url)
        title = cut(clean(hit.title), TITLE_CHARS)
        text = cut(clean(hit.text), SNIPPET_CHARS) or title
        if url is None or not text or (page := _page(url)) in found:
            continue
        found[page] = Hit(title or (urlsplit(url).hostname or ""), url, text, hit.published)
    return tuple(found.values())


def _address(value: str) -> str | None:
    """The address as it may be shown; None if it is no web address, or one that deceives."""
    try:
        parts = urlsplit(value.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    url = parts.geturl().translate(_BARE)
    # A name before an @ passes itself off as the host.
    if not usable or "@" in parts.netloc or len(url) > URL_CHARS:
        return None
    return None if any(c.isspace() or unicodedata.category(c) in UNSEEN for c in url) else url


def _page(url: str) -> str:
    """What tells pages apart: not the scheme, `www.`, a closing slash, the fragment, or who sent the visitor."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    wanted = [(n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(n)]
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path.rstrip('/')}?{urlencode(sorted(wanted))}"
