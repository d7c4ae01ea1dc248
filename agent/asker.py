"""Who asks: whose conversations these are, what of the library they may read, and how far their word goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from tools.base import Consent

_OWNER = "owner"


@dataclass(frozen=True)
class Asker:
    """Conversations of one are not there for another. What is not said of somebody is as little as there can be."""

    name: str
    """Unique among all who ask; never shown."""
    collections: frozenset[str] | None = frozenset()
    """What of the library they may read, within what the installation reads. None is all of that."""
    web: Consent = "off"
    """Whether their questions may go to a web search: at most this, where installation and collections allow more."""
    specialists: bool = False
    """Whether their questions may be sent to specialists, whose words come from what those were trained on."""
    teaches: bool = False
    """Whether the router follows what they say of answers, and what they wish for."""
    remembered: bool = False
    """Whether what they tell about themselves may be kept, where that is switched on."""

    def within(self, other: Asker) -> bool:
        """Whether nothing of this goes beyond `other`."""
        widest_first = get_args(Consent)
        reads = other.collections is None or (self.collections is not None and self.collections <= other.collections)
        flags = ("specialists", "teaches", "remembered")
        allowed = all(getattr(other, name) or not getattr(self, name) for name in flags)
        return reads and allowed and widest_first.index(self.web) >= widest_first.index(other.web)


VISITORS = "site:"
"""What the names of those begin with who ask on another site."""
OWNER = Asker(_OWNER, collections=None, web="on", specialists=True, teaches=True, remembered=True)
"""Whoever sits at the machine: all that the installation allows."""
