"""What a reader is given: the bytes of a file, its name as a hint, and the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.library.load import Limits, LoadError

_DEFAULTS = Limits()


@dataclass(frozen=True)
class Source:
    """A file to read."""

    data: bytes
    path: Path
    """Only its name is looked at; nothing is opened."""
    limits: Limits = _DEFAULTS
    depth: int = 0
    """How many e-mails this one is attached to."""
    scanning: Callable[[int, int], None] = lambda done, total: None
    """Called before the text of each page is recognised: so many are done, of so many. It gives the page its time."""

    def check(self, characters: int, lines: int = 0) -> None:
        """Raises `LoadError` when the text so far is beyond the limits."""
        if characters > self.limits.characters:
            raise LoadError(f"The file holds more than {self.limits.characters:,} characters of text: split it.")
        if lines > self.limits.lines:
            raise LoadError(f"The file holds more than {self.limits.lines:,} lines of text: split it.")
