"""Web pages as documents: fetched through the one way out, then read like a file of that content."""

from __future__ import annotations

import email.utils
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tools.decode import decode
from tools.library import load
from tools.library.load import Limits, Loaded, LoadError
from tools.library.sources import Page
from tools.library.worker import Worker

if TYPE_CHECKING:
    from tools.web.egress import Egress, Response

_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/markdown": ".md",
    "text/plain": ".txt",
}
HTML = frozenset(("text/html", "application/xhtml+xml"))
TEXTS = HTML | {"text/markdown", "text/plain"}


@dataclass(frozen=True)
class Read:
    """A page that was read. `loaded` is None when it is what it was."""

    page: Page
    loaded: Loaded | None = None
    bytes: int = 0
    modified: int = 0
    """Nanoseconds: what its server says, otherwise now."""
    sha256: str = ""


class Missing(LoadError):
    """The server says that the page is not there (404 or 410)."""


def read_url(egress: Egress, url: str, known: Page, digest: str, limits: Limits, worker: Worker) -> Read:
    """Fetch and read a page. `known` and `digest` are of its last reading, empty to read it in any case.

    Raises `Missing`, `LoadError` and `EgressError`.
    """
    headers = {}
    if digest and known.etag:
        headers["If-None-Match"] = known.etag
    if digest and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    answer = egress.get(url, headers)
    if answer.status == 304 and headers:
        return Read(Page(answer.etag or known.etag, answer.last_modified or known.last_modified))
    if answer.status in (404, 410):
        raise Missing(f"The page is not there ({answer.status}): check its address.")
    if answer.status in (401, 402, 403, 407, 451):
        raise LoadError(f"The page is not open to everybody ({answer.status}): save it and index the file.")
    if answer.status == 429 or answer.status >= 500:
        raise LoadError(f"The server has trouble ({answer.status}): try again later.")
    if answer.status != 200:
        raise LoadError(f"The server gave no page (status {answer.status}): check its address.")
    page = Page(answer.etag[:1000], answer.last_modified[:100])
    fresh = sha256(answer.body).hexdigest()
    if fresh == digest:
        return Read(page)
    with saved(answer, url, limits) as path:
        loaded = worker.read(path)
    return Read(page, loaded, len(answer.body), _modified(answer), fresh)


@contextmanager
def saved(answer: Response, url: str, limits: Limits) -> Iterator[Path]:
    """The body of an answer as a file for the child process, which never hears the header. Raises `LoadError`."""
    load.examine(len(answer.body), limits)
    text = None
    if answer.charset and answer.type in TEXTS:
        # what the server says goes before what the page says (HTML standard, "determining the character encoding")
        text = decode(answer.body, html=answer.type in HTML, declared=answer.charset)
    with tempfile.TemporaryDirectory(prefix="kotae-") as folder:
        path = Path(folder, _name(url, answer.type))
        path.write_bytes(answer.body if text is None else text.encode("utf-8-sig", "replace"))
        yield path


def _name(url: str, type: str) -> str:
    """A name for the file that the readers see: the page's own, as far as it is harmless."""
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc
    name = re.sub(r"[^\w.-]+", " ", last).strip(" .")[-80:].strip(" .") or "page"
    ending = _ENDINGS.get(type, "")
    # servers send anything that is text as plain text, so the name's own ending says more
    named = type == "text/plain" and "." in name
    return name if named or name.lower().endswith(ending) else name + ending


def _modified(answer: Response) -> int:
    try:
        return int(email.utils.parsedate_to_datetime(answer.last_modified).timestamp() * 1e9)
    except (TypeError, ValueError, OverflowError):
        return time.time_ns()
