"""What a page says about showing its text: `X-Robots-Tag` and `<meta name="robots">`.

Rules about finding a page again (`noindex`, `nofollow`) do not concern whoever reads it for one person; those about
showing and keeping its text do. docs/decisions/0026 has the definitions and the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from tools.web.egress import USER_AGENT

Withheld = Literal["nosnippet", "noarchive"]
"""`nosnippet`: nothing of its text may be shown. `noarchive`: no more than a search service shows."""

_US = frozenset(("", "*", "robots", USER_AGENT.lower()))
_VALUED = frozenset(("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"))
"""Rules that have a colon themselves."""
_AGENT = re.compile(r"[a-z0-9_.*-]+")


def withheld(headers: Iterable[str], meta: str = "") -> Withheld | None:
    """What is withheld by these values of `X-Robots-Tag`, and `content` of `<meta>` elements that are for us.

    Where rules differ, the strictest holds.
    """
    rules = {*_parted(meta.lower())}
    for header in headers:
        rules.update(_for_us(header.lower()))
    length = min((found for rule in rules if (found := _length(rule)) is not None), default=None)
    if "nosnippet" in rules or length == 0:
        return "nosnippet"
    return "noarchive" if length or rules & {"noarchive", "nocache"} else None


def _for_us(header: str) -> Iterator[str]:
    """The rules of a header that are for everybody or for us; the name of an agent holds for what follows it."""
    agent = ""
    for rule in header.split(","):
        name, colon, rest = (part.strip() for part in rule.partition(":"))
        if colon and name not in _VALUED and _AGENT.fullmatch(name):
            agent, rule = name, rest
        if agent in _US:
            yield from _parted(rule)


def _parted(rules: str) -> Iterator[str]:
    """Rules one by one, without blanks; some write blanks between them in place of commas."""
    for rule in re.sub(r"\s*:\s*", ":", rules).split(","):
        yield from rule.split()


def _length(rule: str) -> int | None:
    """The characters that a `max-snippet` allows; None where there is no limit."""
    found = re.fullmatch(r"max-snippet:([0-9]{1,9})", rule)
    return int(found[1]) if found else None
