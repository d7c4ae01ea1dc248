"""Keeps watched folders and pages current: reads what changed, soon after it changed."""

from __future__ import annotations

from tools.library.library import Library
from tools.library.records import OnChange, WatchStatus


class Watcher:
    """Follows what `Library.watched` names in a thread of its own. One at a time watches a library; others wait.

    An error is told by `status` and tried again; nothing but `stop` ends it.
    """

    def __init__(self, library: Library, *, changed: OnChange | None = None) -> None:
        """`changed` is called for each document, from the watcher's thread."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin; returns at once. Starting twice does nothing."""
        raise NotImplementedError

    def stop(self, timeout: float | None = 10.0) -> bool:
        """End after the document at hand. False when that took longer than `timeout` seconds."""
        raise NotImplementedError

    def status(self) -> WatchStatus:
        """What it does now."""
        raise NotImplementedError
