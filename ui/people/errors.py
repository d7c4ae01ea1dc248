"""What cannot be done with people: a code for the page, a sentence for the command line."""

from __future__ import annotations

from agent.errors import KotaeError


class PeopleError(KotaeError):
    """`reason` has a sentence `people.<reason>` in each language of the page."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WrongLoginError(Exception):
    """Name and password do not belong together; which of them is wrong is told to nobody."""


class ThrottledError(Exception):
    """There were too many attempts. `after`: seconds to wait before the next one."""

    def __init__(self, after: int) -> None:
        super().__init__(after)
        self.after = after
