"""The copies of uploaded files go with their documents, whoever removes them, and whenever the process is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.ui.library_parts import open_library, write
from tools.library import E5, Library
from ui import cli
from ui.copies import going_along
from ui.library_views import LibraryDesk
from ui.uploads import Uploads

HERE = Path(__file__).resolve().parent


async def content(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def uploaded(library: Library, folder: Path, name: str, text: str, collection: str = "default") -> Path:
    """A file that was uploaded and read."""
    uploads = Uploads.of(folder)
    path = await uploads.take(name, len(text.encode()), content(text), collection)
    library.index([path], collection=collection)
    uploads.read(path)
    return path


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = open_library(tmp_path)
    yield library
    library.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    return tmp_path


async def test_commands_delete_the_copies_and_nothing_else(home: Path) -> None:
    data = home / "data"
    library = Library.open(data / "library", E5())
    write(home / "own", pool="The pool is 25 metres long.")
    write(data / "uploads", beside="It lies in the folder, but in none that was made for it.")
    library.index([home / "own"])
    library.index([data / "uploads" / "beside.md"])
    hours = await uploaded(library, data, "hours.md", "It opens at nine.")
    law = await uploaded(library, data, "law.md", "The notice period is three months.", "legal")
    broken = await uploaded(library, data, "broken.pdf", "%PDF-1.4 nothing of a PDF follows", "legal")
    library.close()
    own = [home / "own" / "pool.md", data / "uploads" / "beside.md"]
    assert cli.run(["library", "remove", str(own[0]), str(own[1]), str(hours)]) == 0
    assert all(path.exists() for path in own)
    assert not hours.parent.exists()
    assert law.exists()
    assert broken.exists()
    assert cli.run(["library", "delete", "legal", "--yes"]) == 0
    assert sorted(path.name for path in (data / "uploads").rglob("*")) == ["beside.md"]


async def test_what_the_library_keeps_is_kept(library: Library, tmp_path: Path) -> None:
    path = await uploaded(library, tmp_path, "hours.md", "It opens at nine.")
    uploads = Uploads.of(tmp_path)
    with pytest.raises(RuntimeError), going_along(library, uploads, [str(path)]):
        raise RuntimeError("the library is busy")
    assert path.exists()
    assert uploads.doomed() == []


PROCESS = """
    import os, signal, sys
    from pathlib import Path
    from tests.ui.library_parts import open_library
    from ui.copies import going_along
    from ui.uploads import Uploads

    library, uploads = open_library(Path(sys.argv[1])), Uploads.of(Path(sys.argv[1]))
    document = next(one for one in library.documents() if one.path == sys.argv[2])
    with going_along(library, uploads, [document.path]):
        if sys.argv[3] == "after":
            library.remove(document.id)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_the_next_start_ends_what_a_killed_process_left(library: Library, tmp_path: Path, killed: str) -> None:
    """Killed before or after the library let go of the document."""
    path = await uploaded(library, tmp_path, "hours.md", "It opens at nine.")
    other = await uploaded(library, tmp_path, "law.md", "The notice period is three months.")
    library.close()
    command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(tmp_path), str(path), killed]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    ended = await asyncio.to_thread(subprocess.run, command, env=environment)
    assert ended.returncode == -signal.SIGKILL
    assert path.exists()
    again = open_library(tmp_path)
    desk = LibraryDesk.of(again, tmp_path)
    desk.work.take_up()
    assert path.exists() is (killed == "before")
    assert path.parent.exists() is (killed == "before")
    assert other.exists()
    assert desk.uploads.doomed() == []
    assert len(again.documents()) == (2 if killed == "before" else 1)
    again.close()


async def test_a_library_that_cannot_be_read_costs_no_file(library: Library, tmp_path: Path) -> None:
    path = await uploaded(library, tmp_path, "hours.md", "It opens at nine.")
    Uploads.of(tmp_path).doom(path)
    library.close()
    for file in (tmp_path / "library").glob("*.db*"):
        file.write_bytes(b"no database at all" * 1000)
    broken = open_library(tmp_path)
    LibraryDesk.of(broken, tmp_path).work.take_up()
    broken.close()
    assert path.exists()
