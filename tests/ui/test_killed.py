"""A process is killed while uploaded files wait: the next start goes on with them, and leaves nothing lying about."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_agent import FakeAgent
from library_parts import open_library

from agent.settings import Settings
from tools.library import Library
from ui.api import create_app
from ui.library_views import LibraryDesk

HERE = Path(__file__).resolve().parent

PROCESS = """
    import asyncio, sys
    from pathlib import Path
    from library_parts import WordEmbedder, open_library
    from ui.library_views import LibraryDesk

    data, embedder = Path(sys.argv[1]), WordEmbedder()
    desk = LibraryDesk.of(open_library(data, embedder), data)

    async def content(text, whole=True):
        yield text.encode()
        if not whole:
            print("ready", flush=True)
            await asyncio.sleep(600)

    async def upload(name, text, collection, batch=""):
        path = await desk.uploads.take(name, len(text), content(text), collection)
        return desk.work.upload(path, collection, batch)

    async def main():
        desk.uploads.read = lambda path: None  # as if it were killed between the library and the mark
        await upload("first.md", "The first one opens at nine.", "default")
        while any(job.open for job in desk.work.jobs()):
            await asyncio.sleep(0.01)
        embedder.hold.clear()
        batch = await upload("second.md", "The second one is read at the moment.", "default")
        while desk.work.waiting():
            await asyncio.sleep(0.01)
        await upload("third.md", "The third one waits in the same job.", "default", batch)
        await upload("first.md", "The first one opens at nine.", "default", batch)
        await upload("law.md", "The notice period is three months.", "Law")
        await upload("broken.pdf", "%PDF-1.4 nothing of a PDF follows", "Law")
        await desk.uploads.take("half.md", 1000, content("The half of it", whole=False))

    asyncio.run(main())
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a file that is read, some that wait, and one that is still arriving."""
    path = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROCESS), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = open_library(tmp_path)
    yield library
    library.close()


def held(folder: Path) -> list[str]:
    # not rglob: it raises where a folder is taken away while it is read, and it is asked while the next start tidies up
    return sorted(name for _, _, names in os.walk(folder / "uploads") for name in names)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


async def start(folder: Path, library: Library) -> None:
    """Start the page's application, and end it when there is nothing left to do."""
    agent = FakeAgent(Settings(data_dir=folder, models_dir=folder), {})
    agent.library = library  # type: ignore[assignment]
    app = create_app(agent, chat=False)  # type: ignore[arg-type]
    async with app.router.lifespan_context(app):
        deadline = time.monotonic() + 30
        while ".waiting" in held(folder):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_what_waited_is_read_at_the_next_start(
    tmp_path: Path, process: subprocess.Popen[str], library: Library
) -> None:
    kill(process)
    assert [Path(document.path).name for document in library.documents()] == ["first.md"]
    assert held(tmp_path).count(".waiting") == 7
    await start(tmp_path, library)
    found = sorted((document.collection, Path(document.path).name) for document in library.documents())
    assert found == [("Law", "law.md"), ("default", "first.md"), ("default", "second.md"), ("default", "third.md")]
    assert [(Path(f.path).name, f.collection) for f in library.failures()] == [("broken.pdf", "Law")]
    assert held(tmp_path) == ["broken.pdf", "first.md", "law.md", "second.md", "third.md"]
    assert len(list((tmp_path / "uploads").iterdir())) == 5
    assert library.search("notice period", k=1)[0].title == "law"


async def test_a_third_start_has_nothing_to_do(
    tmp_path: Path, process: subprocess.Popen[str], library: Library
) -> None:
    kill(process)
    await start(tmp_path, library)
    before = library.documents()
    desk = LibraryDesk.of(library, tmp_path)
    desk.work.take_up()
    assert desk.work.jobs() == []
    assert library.documents() == before


def test_what_another_process_is_at_is_left_to_it(
    tmp_path: Path, process: subprocess.Popen[str], library: Library
) -> None:
    before = held(tmp_path)
    desk = LibraryDesk.of(library, tmp_path)
    desk.work.take_up()
    assert desk.work.jobs() == []
    assert held(tmp_path) == before
    assert ".arriving" in before
