"""The log file of the command line: warnings, and the tracebacks that no terminal should show."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path
from typing import Any

_BYTES = 1_000_000
log = logging.getLogger("kotae")


class _Journal(logging.handlers.RotatingFileHandler):
    """Makes its folder with the first line and not before; one that cannot be written stays silent."""

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def file_in(folder: Path) -> Path:
    """The log file of the data folder `folder`."""
    return folder / "logs" / "kotae.log"


def keep(folder: Path) -> None:
    """From now on write warnings and worse to the log of the data folder `folder`, and none to the terminal."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Journal)]:
        root.removeHandler(handler)
        handler.close()
    journal = _Journal(file_in(folder), maxBytes=_BYTES, backupCount=1, encoding="utf-8", delay=True)
    journal.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root.addHandler(journal)


def record(error: BaseException) -> Path | None:
    """Write the traceback of `error` down; the file it is in, or None if it cannot be written."""
    journal = next((h for h in logging.getLogger().handlers if isinstance(h, _Journal)), None)
    if journal is None:
        return None
    path = Path(journal.baseFilename)
    before = path.stat().st_size if path.exists() else 0
    log.error("something went wrong", exc_info=error)
    return path if path.exists() and path.stat().st_size != before else None
