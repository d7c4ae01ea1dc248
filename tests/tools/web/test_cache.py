"""What earlier searches found: how long it is kept, and that it is gone when it should be."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tools.web.cache import DAY, HOUR, NOTHING, SearchCache
from tools.web.providers import Hit
from tools.web.query import WebQuery

QUERY = WebQuery("how deep is the lake", "wt-wt", "en")
HITS = (Hit("湖", "https://a.example/", "canary-of-a-snippet", "2026-05-03"),)
MIDNIGHT = 20_000 * DAY


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web" / "searches.sqlite"


def test_kept(path: Path) -> None:
    cache = SearchCache(path, clock=Clock(MIDNIGHT + 100))
    assert cache.get("brave", QUERY) is None
    assert not path.parent.exists()  # nothing is made before it is needed
    cache.put("brave", QUERY, HITS, MIDNIGHT + 50)
    kept = SearchCache(path, clock=Clock(MIDNIGHT + 100)).get("brave", QUERY)
    assert kept is not None
    assert (kept.hits, kept.at) == (HITS, MIDNIGHT + 50)
    assert path.stat().st_mode & 0o077 == 0
    assert b"how deep" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.parametrize("same", ["how deep is the lake?", "How deep is the LAKE", "how deep is the lake。"])
def test_the_same_question(path: Path, same: str) -> None:
    cache = SearchCache(path)
    cache.put("brave", QUERY, HITS, cache._clock())
    assert cache.get("brave", replace(QUERY, text=same))


@pytest.mark.parametrize(
    "other", [{"text": "how deep"}, {"region": "us-en"}, {"language": ""}, {"timelimit": "w"}, {"provider": "searxng"}]
)
def test_another_question(path: Path, other: dict[str, str]) -> None:
    cache = SearchCache(path)
    cache.put("brave", QUERY, HITS, cache._clock())
    assert cache.get(other.pop("provider", "brave"), replace(QUERY, **other)) is None


@pytest.mark.parametrize(
    ("limit", "hits", "asked", "seconds"),
    [
        (None, HITS, MIDNIGHT, DAY),
        (None, HITS, MIDNIGHT + DAY - 60, 60),
        ("w", HITS, MIDNIGHT, DAY),
        ("d", HITS, MIDNIGHT, HOUR),
        ("d", HITS, MIDNIGHT + DAY - 60, 60),
        (None, (), MIDNIGHT, NOTHING),
        ("d", (), MIDNIGHT, NOTHING),
    ],
)
def test_how_long(path: Path, limit: str | None, hits: tuple[Hit, ...], asked: float, seconds: float) -> None:
    clock = Clock(asked)
    cache = SearchCache(path, clock=clock)
    query = replace(QUERY, timelimit=limit)
    cache.put("brave", query, hits, asked)
    clock.now = asked + seconds - 1
    kept = cache.get("brave", query)
    assert kept is not None
    assert kept.hits == hits
    for clock.now in (asked + seconds, asked - 1):  # too old, or the clock was set back
        assert cache.get("brave", query) is None


def rows(path: Path) -> int:
    with sqlite3.connect(path) as db:
        (count,) = db.execute("SELECT count(*) FROM searches").fetchone()
    return int(count)


def test_bounded(path: Path) -> None:
    clock = Clock(MIDNIGHT)
    cache = SearchCache(path, rows=10, clock=clock)
    for n in range(25):
        clock.now += 1
        cache.put("brave", replace(QUERY, text=f"question {n}"), HITS, clock.now)
    assert rows(path) == 10
    assert cache.get("brave", replace(QUERY, text="question 24"))
    assert cache.get("brave", replace(QUERY, text="question 14")) is None
    clock.now += DAY
    cache.put("brave", QUERY, HITS, clock.now)
    assert rows(path) == 1


def test_what_is_too_old_goes_when_the_file_is_opened(path: Path) -> None:
    SearchCache(path, clock=Clock(MIDNIGHT)).put("brave", QUERY, HITS, MIDNIGHT)
    SearchCache(path, clock=Clock(MIDNIGHT + DAY)).get("brave", QUERY)
    assert rows(path) == 0


def test_forgotten_to_the_last_byte(path: Path) -> None:
    cache = SearchCache(path)
    cache.forget()
    other = SearchCache(path)
    for n in range(100):
        cache.put("brave", replace(QUERY, text=f"question {n}"), HITS, cache._clock())
        assert other.get("brave", replace(QUERY, text=f"question {n}"))
    cache.forget()
    assert b"canary" not in b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert other.get("brave", replace(QUERY, text="question 1")) is None
    cache.put("brave", QUERY, HITS, cache._clock())
    assert other.get("brave", QUERY)


def warned(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelno >= logging.WARNING for record in caplog.records)


def test_damaged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"canary" * 5000)
    cache = SearchCache(path)
    for _ in range(3):
        assert cache.get("brave", QUERY) is None
        cache.put("brave", QUERY, HITS, cache._clock())
    assert warned(caplog) == 1
    cache.forget()
    assert list(path.parent.iterdir()) == []
    cache.put("brave", QUERY, HITS, cache._clock())
    assert cache.get("brave", QUERY)


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "web").write_text("a file")
    cache = SearchCache(tmp_path / "web" / "searches.sqlite")
    for _ in range(3):
        cache.put("brave", QUERY, HITS, cache._clock())
        assert cache.get("brave", QUERY) is None
    assert warned(caplog) == 1


@pytest.mark.parametrize("hits", ["", "7", "[7]", '[{"title": "t"}]', '[{"titel": "t"}]', "{"])
def test_rows_that_are_garbage(path: Path, hits: str) -> None:
    cache = SearchCache(path)
    cache.put("brave", QUERY, HITS, cache._clock())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE searches SET hits = ?", (hits,))
    assert cache.get("brave", QUERY) is None


def test_another_process_that_holds_the_file_is_a_miss(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = SearchCache(path)
    cache.put("brave", QUERY, HITS, cache._clock())
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    cache.put("brave", replace(QUERY, text="held"), HITS, cache._clock())
    assert cache.get("brave", QUERY)  # readers do not wait
    db.execute("ROLLBACK")
    db.close()
    assert cache.get("brave", replace(QUERY, text="held")) is None
    cache.put("brave", replace(QUERY, text="held"), HITS, cache._clock())
    assert cache.get("brave", replace(QUERY, text="held"))
    assert warned(caplog) == 0


def _many(path: Path, who: int) -> None:
    cache = SearchCache(path)
    threads = [
        threading.Thread(
            target=lambda n=n: [
                cache.put("brave", replace(QUERY, text=f"{who} {n} {i}"), HITS, cache._clock()) for i in range(20)
            ]
        )
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_processes_and_several_threads(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=_many, args=(path, who)) for who in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0]
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert rows(path) >= 100  # one that waited too long may be left out
