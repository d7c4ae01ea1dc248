"""Which pages of other sites may ask what. The only place that opens anything to another origin."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ui.widget.sites import Sites

_OF_SITE = re.compile(r"/widget/([^/]+)/(session|ask|follow|stop|history|source|feedback|forget)")
_PICTURE = re.compile(r"/widget/[^/]+/logo|/widget\.js")
_HOUR = "3600"

Kind = Literal["ours", "file", "visit", "refused"]


@dataclass(frozen=True)
class Entry:
    """What a request is: one for our own pages (`ours`), a file that any page may show (`file`), a visitor's on a page
    of their site (`visit`), or one that no page of that origin may make (`refused`)."""

    kind: Kind
    origin: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the browser has to be told so that the page is handed the response."""
        if self.kind == "ours":
            return {}
        crossing = {"Cross-Origin-Resource-Policy": "cross-origin"}
        if self.kind != "visit":
            return crossing
        return {
            **crossing,
            "Access-Control-Allow-Origin": self.origin,
            "Access-Control-Expose-Headers": "Retry-After",
            "Vary": "Origin",
        }

    @property
    def preflight(self) -> Mapping[str, str]:
        """What a browser is told that asks beforehand whether it may ask."""
        return {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": _HOUR,
        }


OURS = Entry("ours")


class CrossOrigin:
    """Looks at each request once, before anything else does."""

    def __init__(self, sites: Sites | None) -> None:
        self._sites = sites

    async def entry(self, method: str, path: str, origin: str | None) -> Entry:
        """What a request is. A page's own browser writes its `origin`, and it has to be one of the site's, letter for
        letter: `null`, another port and a longer name are other origins."""
        if self._sites is None or not path.startswith("/widget"):
            return OURS
        if _PICTURE.fullmatch(path) and method in ("GET", "HEAD"):
            return Entry("file")
        wanted = _OF_SITE.fullmatch(path)
        if wanted is None or method not in ("POST", "OPTIONS") or not origin:
            return Entry("refused")
        site = await asyncio.to_thread(self._sites.find, wanted[1])
        if site is None or not site.admits(origin):
            return Entry("refused")
        return Entry("visit", origin)
