"""Who asks. Every route of the API depends on `authorise`, and nothing else decides what an asker may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request


@dataclass(frozen=True)
class Asker:
    """Who asks: turns and keys of one are not there for another."""

    name: str


OWNER = Asker("owner")
"""Whoever sits at this machine: Kotae is served on a loopback address, to its owner alone."""


def authorise(request: Request) -> Asker:
    """Who sent `request`. That it is no page of another site, `ui.shield` has seen to."""
    return OWNER


Authorised = Annotated[Asker, Depends(authorise)]
