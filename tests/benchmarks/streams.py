"""A hundred turns at once through the API beside one: `python -m tests.benchmarks streams`.

The server runs in a process of its own. `bare` is the web server alone, which sends as many pieces at the same pace:
what a hundred at once add there, the machine adds. `stream` is a turn that is played word by word, without graph and
library: what is measured is the API alone. `graph` is a turn through the real graph, library and conversations, whose
model is scripted. Each begins at a moment of its own within the time that one takes, as a hundred people do, and then
all at the same moment, when a hundred times the processor time of a `graph` turn is asked for at once.

Then twenty times as many as the server takes (`memory` is that of the server's process), and a hundred readers that go
away in the middle of their turns.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

MANY = 100
LOAD = 20
WORDS = 50
PAUSE = 0.06
"""Seconds between two words: the pace of a small model on a processor."""
QUESTION = "How many days of paid leave does an employee have?"
_SERVER = """
import asyncio, sys
from pathlib import Path
from agent import Agent, Settings
from tests.benchmarks.streams import bare, play
from ui import serve
if sys.argv[1] == "bare":
    import uvicorn
    listener = serve.listen("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    asyncio.run(uvicorn.Server(uvicorn.Config(bare, log_level="warning", access_log=False)).serve([listener]))
    sys.exit()
folder = Path(sys.argv[2])
settings = Settings(data_dir=folder, models_dir=folder, port=0, web="off", watch="off", max_turns=100, max_waiting=0)
play(sys.argv[1])
serve.serve(settings, ready=lambda url: print(url, flush=True))
"""


def sentence() -> str:
    """What the scripted model says; the source carries it."""
    return "Every employee has 20 days of paid leave a year. [1]"


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """An application that only sends."""
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(WORDS + 6):
        await asyncio.sleep(PAUSE)
        await send({"type": "http.response.body", "body": b"data: word\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b"event: done\n\n", "more_body": False})


def play(what: str) -> None:
    """Have `Agent.open` open an agent that plays turns, or the real one with a scripted model."""
    from contextlib import asynccontextmanager
    from functools import partial

    from agent import Agent, Settings
    from tests.ui.fake_agent import FakeAgent, Play, answer
    from tests.ui.http.served import PacedModel

    if what == "graph":
        model = PacedModel(lines=[sentence()] * 10_000, pause=PAUSE * WORDS / 16)
        Agent.open = partial(Agent.open, model=model)  # type: ignore[method-assign]
        return

    @asynccontextmanager
    async def opened(settings: Settings) -> Any:
        agent = FakeAgent(settings, {})
        draft = " ".join(["word"] * WORDS)
        agent.plays = {QUESTION: Play(answer("At nine."), draft=draft, pause=PAUSE)}
        agent.warm_up = lambda: asyncio.sleep(0)  # type: ignore[attr-defined]
        yield agent

    Agent.open = opened  # type: ignore[method-assign,assignment]


@contextmanager
def _server(what: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-c", _SERVER, what, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def run() -> dict[str, Any]:
    """Measure, print and return the figures."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for what in ("bare", "stream", "graph"):
            data = Path(folder) / what
            _index(data)
            with _server(what, data) as (url, process):
                found = asyncio.run(_measured(what, url, process))
            for key, value in found.items():
                print(f"{key:34} {value}")
            figures |= found
    return {"figures": figures}


def _index(data: Path) -> None:
    from tests.agent.conftest import HANDBOOK
    from tools.library import E5, Library

    documents = data / "documents"
    documents.mkdir(parents=True)
    for name, text in HANDBOOK.items():
        (documents / name).write_text(text, "utf-8")
    library = Library.open(data / "library", E5())
    library.index([documents])
    library.close()


async def _measured(what: str, url: str, process: psutil.Process) -> dict[str, Any]:
    address = url.removeprefix("http://").strip("/")
    await asyncio.gather(*(_turn(address) for _ in range(3)))  # what is loaded on first use
    usual = statistics.median([await _turn(address) for _ in range(5)])
    before, busy = process.memory_info().rss, sum(process.cpu_times()[:2])
    found: dict[str, Any] = {f"{what}_alone_s": round(usual, 2)}
    found[f"{what}_added_p95_ms"] = _p95(await _turns(address, [usual * n / MANY for n in range(MANY)]), usual)
    found[f"{what}_cpu_ms_a_turn"] = round(1000 * (sum(process.cpu_times()[:2]) - busy) / MANY)
    found[f"{what}_added_p95_ms_same_moment"] = _p95(await _turns(address, [0.0] * MANY), usual)
    if what != "stream":
        return found
    after = process.memory_info().rss
    waits, peak = await _overload(url, address, process)
    return found | {
        "turned_away": len(waits),
        "turned_away_p95_ms": round(1000 * _quantile(waits)),
        "memory_before_mb": before >> 20,
        f"memory_after_{MANY}_mb": after >> 20,
        f"memory_peak_of_{LOAD * MANY}_mb": peak >> 20,
        f"free_after_{MANY}_disconnects_s": round(await _left(url, address), 2),
    }


async def _turn(address: str, after: float = 0.0) -> float:
    """Seconds of a turn. It is read as plain bytes: a client that takes them apart would need the processor itself."""
    await asyncio.sleep(after)
    began = time.perf_counter()
    status, body = await _post(address)
    assert status == 200, body
    assert b"event: done" in body, body[-300:]
    return time.perf_counter() - began


async def _post(address: str) -> tuple[int, bytes]:
    host, _, port = address.partition(":")
    body = json.dumps({"question": QUESTION}).encode()
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = f"POST /api/chat HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        whole = await reader.read()
    finally:
        writer.close()
    return int(whole.split(b" ", 2)[1]), whole


async def _turns(address: str, after: list[float]) -> list[float]:
    return await asyncio.gather(*(_turn(address, seconds) for seconds in after))


async def _overload(url: str, address: str, process: psutil.Process) -> tuple[list[float], int]:
    """Seconds until each of those beyond the limit was turned away, and the most memory meanwhile."""
    waits: list[float] = []
    peak = 0
    for _ in range(LOAD - 1):
        running = [asyncio.create_task(_post(address)) for _ in range(MANY)]
        await _until(url, MANY)
        for _ in range(MANY):
            began = time.perf_counter()
            status, _body = await _post(address)
            assert status == 429, status
            waits.append(time.perf_counter() - began)
        peak = max(peak, process.memory_info().rss)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await _until(url, 0)
    return waits, peak


async def _left(url: str, address: str) -> float:
    """Seconds from the moment that a hundred readers go until no turn runs."""
    tasks = [asyncio.create_task(_turn(address)) for _ in range(MANY)]
    await _until(url, MANY)
    for task in tasks:
        task.cancel()
    began = time.perf_counter()
    await asyncio.gather(*tasks, return_exceptions=True)
    await _until(url, 0)
    return time.perf_counter() - began


async def _until(url: str, running: int) -> None:
    """Wait until so many turns run."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for _ in range(1000):
            if f"kotae_turns_running {running}.0" in (await client.get("/metrics")).text:
                return
            await asyncio.sleep(0.02)
    raise AssertionError(f"there were never {running} turns")


def _p95(seconds: list[float], usual: float) -> int:
    return round(1000 * (_quantile(seconds) - usual))


def _quantile(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else 0.0
