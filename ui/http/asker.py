"""Who asks. Every route that shows or changes something of somebody depends on this; `ui.people.door` has found out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from agent.asker import Asker
from ui.people.roles import Visitor


def visitor_of(request: Request) -> Visitor:
    """Who sent `request`, as the door has let them in. That it is no page of another site, `ui.shield` has seen to."""
    found = request.state.visitor
    assert isinstance(found, Visitor)
    return found


async def visiting(request: Request) -> Visitor:
    """`visitor_of` as a dependency: FastAPI sends one that is not async to another thread, which costs more."""
    return visitor_of(request)


async def authorise(request: Request) -> Asker:
    """Whose conversations a request meets, and what of the library: hand it to `Agent.acting_for`."""
    return visitor_of(request).asker


Authorised = Annotated[Asker, Depends(authorise)]
Visiting = Annotated[Visitor, Depends(visiting)]
