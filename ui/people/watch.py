"""What is open while something changes in who may do what: responses that are still being written, turns that run.

A request is judged once, at the door; an answer or the stream of an open page goes on for minutes or hours after that.
The change may come from a command beside the server, of which nothing but the file of the accounts tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.asker import VISITORS
from ui.faults import where
from ui.people.errors import PeopleError
from ui.people.gate import decide

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agent.asker import Asker
    from ui.http.turns import Turns
    from ui.people.accounts import Accounts
    from ui.people.roles import Visitor

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at the accounts."""
SETTLED = 3.0
"""Seconds after which whatever somebody may not do any more has ended in a server that runs beside."""


@dataclass(eq=False)
class _Response:
    """One that is being written. When it is to end, the application is told that its reader has gone, which it knows
    how to take: an order that is being carried out is not broken off half-way."""

    visitor: Visitor
    method: str
    path: str
    cut: bool = False
    begun: bool = False
    over: bool = False
    _listening: set[asyncio.Timeout] = field(default_factory=set)

    async def play(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def hear() -> Message:
            try:
                async with asyncio.timeout(0 if self.cut else None) as limit:
                    self._listening.add(limit)
                    return await receive()
            except TimeoutError:
                return {"type": "http.disconnect"}
            finally:
                self._listening.discard(limit)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.begun = True
            elif not message.get("more_body"):
                self.over = True
            await send(message)

        await app(scope, hear, tell)
        if self.cut and self.begun and not self.over:
            await send({"type": "http.response.body", "body": b""})

    def end(self) -> None:
        self.cut = True
        for limit in self._listening:
            limit.reschedule(asyncio.get_running_loop().time())


class Watch:
    """Ends what is open to somebody whose session or key has ended, who may less than before, or who is gone."""

    def __init__(self, accounts: Accounts, turns: Turns) -> None:
        self._accounts = accounts
        self._turns = turns
        self._open: set[_Response] = set()
        self._seen: object = None
        self._fresh = False

    async def respond(self, visitor: Visitor, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` respond to `visitor` as long as they may ask for that."""
        response = _Response(visitor, scope["method"], scope["path"])
        self._open.add(response)
        try:
            await response.play(app, scope, receive, send)
        finally:
            self._open.discard(response)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every second meanwhile."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()

    async def _run(self) -> None:
        told = ""
        while True:
            await asyncio.sleep(TICK)
            fault = ""
            try:
                await self.look()
            except PeopleError as error:
                fault = str(error)
            except Exception as error:  # whatever it is, the next look may do better
                fault = where(error)
            if fault and fault != told:
                log.warning("what is open to whom cannot be looked at: %s", fault)
            told = fault

    async def look(self) -> None:
        """End what is open to those who may not have it any more, if the accounts have changed. What ends by its age
        ends with the next request."""
        stamp = await asyncio.to_thread(self._accounts.stamp)
        if stamp == self._seen and not self._fresh:
            return
        self._fresh = stamp != self._seen  # once more after a change, for what was just being let in
        responses, askers = set(self._open), self._turns.askers()
        lost, gone = await asyncio.to_thread(self._judged, responses, askers)
        self._seen = stamp
        for response in lost:
            response.end()
        for asker in gone:
            await self._turns.forget(asker)

    def _judged(self, responses: set[_Response], askers: set[Asker]) -> tuple[list[_Response], list[Asker]]:
        visitors = {one.visitor: self._accounts.now(one.visitor) for one in responses}
        lost = [one for one in responses if decide(one.method, one.path, visitors[one.visitor]) != "pass"]
        return lost, [one for one in askers if not one.name.startswith(VISITORS) and self._exceeds(one)]

    def _exceeds(self, asker: Asker) -> bool:
        """Whether somebody asked with more than they may have now."""
        now = self._accounts.store.asker(asker.name)
        return now is None or not asker.within(now)
