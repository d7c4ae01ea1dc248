"""What `kotae people` and `kotae keys` change beside a running server holds in that server, within seconds."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from agent import Settings
from tests.ui.people.town import CHEAP, LEAVE, PASSWORD, bearer
from ui.people import passwords
from ui.people.accounts import Accounts

SECRET = "cormorants"
"""Stands in every question, so that what is left of them can be found in the files."""
ENDS = 4.0
"""Seconds within which what is open ends after a change."""

SERVER = """
import sys
from functools import partial
from pathlib import Path
from agent import Agent, Settings
from tests.ui.http.served import PacedModel
from ui.serve import serve

folder = Path(sys.argv[1])
settings = Settings(data_dir=folder, models_dir=folder, port=0, web="off", accounts="on", max_turns=3)
line = " ".join(["Every employee has 20 days of paid leave a year. [1]"] * 20)
Agent.open = partial(Agent.open, model=PacedModel(lines=[line] * 20, pause=1))
serve(settings, ready=lambda url: print(url, flush=True))
"""


class Beside:
    """A running server, its people, and commands in other processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.accounts = Accounts(Settings(data_dir=folder, models_dir=folder), hasher=CHEAP)
        self.streams: list[Stream] = []

    def headers(self, name: str) -> dict[str, str]:
        """What a browser in which somebody has logged in sends."""
        token = self.accounts.sessions.begin(self.accounts.store.named(name).id)
        return {"Cookie": f"{self.accounts.cookie}={token}"}

    def key(self, name: str) -> tuple[str, dict[str, str]]:
        """A key's id, and what a program that has it sends."""
        person = self.accounts.store.named(name).id
        secret = self.accounts.create_key(person, "program", ["chat"])
        return self.accounts.keys.of(person)[-1].id, bearer(secret)

    def ask(self, headers: dict[str, str], told: str = "event: token") -> Stream:
        """Ask, and read until `told`."""
        stream = self.read("POST", "api/chat", headers, json={"question": f"{LEAVE} I keep {SECRET}."})
        stream.until(told)
        return stream

    def read(self, method: str, path: str, headers: dict[str, str], **given: object) -> Stream:
        self.streams.append(Stream(f"{self.url}{path}", method, headers, given))
        return self.streams[-1]

    def command(self, *arguments: str, said: str = "") -> str:
        environment = {**os.environ, "KOTAE_DATA_DIR": str(self.folder), "KOTAE_ACCOUNTS": "on"}
        told = subprocess.run(
            [sys.executable, "-m", "ui.cli", *arguments], input=said, env=environment, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stderr
        return told.stdout

    def running(self) -> int:
        """How many turns run."""
        metrics = httpx.get(f"{self.url}metrics", headers=self.headers("Anna"), trust_env=False).text
        return int(float(re.search(r"^kotae_turns_running (\S+)", metrics, re.M)[1]))  # type: ignore[index]

    def until(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + ENDS
        while not (holds := condition()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return holds

    def traces(self, text: str) -> list[str]:
        """The files of the conversations in which `text` stands."""
        db = sqlite3.connect(self.folder / "threads.db")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        return [path.name for path in self.folder.glob("threads.db*") if text.encode() in path.read_bytes()]

    def rows(self, table: str) -> int:
        with sqlite3.connect(self.folder / "threads.db") as db:
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


class Stream(threading.Thread):
    """Reads a response to its end."""

    def __init__(self, url: str, method: str, headers: dict[str, str], given: dict[str, object]) -> None:
        super().__init__(daemon=True)
        self._request = method, url, headers, given
        self.text = ""
        self.status = 0
        self.start()

    def run(self) -> None:
        method, url, headers, given = self._request
        try:
            with httpx.stream(method, url, headers=headers, timeout=60, trust_env=False, **given) as response:  # type: ignore[arg-type]
                self.status = response.status_code
                for text in response.iter_text():
                    self.text += text
        except httpx.RemoteProtocolError:
            pass  # cut off

    def until(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.text:
            assert time.monotonic() < deadline, (self.status, self.text[-3000:])
            time.sleep(0.02)

    def goes_on(self) -> bool:
        """Whether more is told after all that was to end has ended."""
        time.sleep(ENDS)
        before = len(self.text)
        time.sleep(2.5)
        return len(self.text) > before

    def ended(self, within: float = ENDS) -> bool:
        self.join(within)
        return not self.is_alive()


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("beside")
    (folder / "library").symlink_to(library)
    hashed = passwords.Passwords(CHEAP).hashed(PASSWORD)
    one = Beside(folder)
    for name in ("Anna", "Rin", "Ben", "Eve"):
        one.accounts.store.add(name, "owner" if name == "Anna" else "editor", hashed)
    with subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        one.url = process.stdout.readline().strip()
        yield one
        one.accounts.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_a_new_password_ends_what_is_open_in_browsers_but_not_what_a_key_reads(beside: Beside) -> None:
    page = beside.read("GET", "chat/en/gradio_api/heartbeat/eve", beside.headers("Eve"))
    page.until("ALIVE")
    browser, (_, key) = beside.ask(beside.headers("Eve")), beside.key("Eve")
    program = beside.ask(key)
    beside.command("people", "password", "Eve", "--password-stdin", said="another whale swims\n")
    assert browser.ended()
    assert page.ended()
    assert "event: done" not in browser.text
    assert program.goes_on()
    assert beside.running() == 1
    beside.command("keys", "revoke", beside.accounts.keys.all()[-1].id)
    assert program.ended()
    assert "event: done" not in program.text


def test_a_question_asked_on_the_page_ends_with_the_session(beside: Beside) -> None:
    headers = beside.headers("Ben")
    data = {"data": [LEAVE, "", "off"], "fn_index": 1, "session_hash": "ben"}
    page = beside.read("GET", "chat/en/gradio_api/heartbeat/ben", headers)
    joined = httpx.post(f"{beside.url}chat/en/gradio_api/queue/join", json=data, headers=headers, trust_env=False)
    assert joined.status_code == 200, joined.text
    events = beside.read("GET", "chat/en/gradio_api/queue/data?session_hash=ben", headers)
    events.until("process_generating")
    assert beside.until(lambda: beside.running() == 1)
    beside.command("people", "password", "Ben", "--password-stdin", said="another whale swims\n")
    assert events.ended()
    assert page.ended()
    assert beside.until(lambda: beside.running() == 0)


def test_a_role_that_becomes_smaller_ends_what_was_asked_with_the_larger_one(beside: Beside) -> None:
    asked = beside.ask(beside.headers("Ben"))
    beside.command("people", "role", "Ben", "owner")
    assert asked.goes_on()
    beside.command("people", "role", "Ben", "reader")
    assert asked.ended()
    assert '"stopped"' in asked.text
    again = beside.ask(beside.headers("Ben"))
    beside.command("people", "collections", "Ben", "travel")
    assert again.ended()
    beside.command("people", "collections", "Ben", "role")


def test_who_is_removed_is_stopped_and_leaves_nothing(beside: Beside) -> None:
    """The turn that runs, those that wait, and the page that is open."""
    page = beside.read("GET", "chat/en/gradio_api/heartbeat/rin", beside.headers("Rin"))
    page.until("ALIVE")
    rin = beside.headers("Rin")
    theirs = [beside.ask(rin), beside.ask(rin), beside.ask(beside.headers("Eve"))]
    theirs += [beside.ask(rin, '"queue"'), beside.ask(beside.headers("Eve"), '"queue"')]
    behind = beside.ask(beside.headers("Ben"), '"queue"')
    assert beside.traces(SECRET)
    told = [beside.command("people", "remove", name, "--yes") for name in ("Rin", "Eve")]
    assert "Rin is removed, with" in told[0]
    assert all(stream.ended(0) for stream in (*theirs, page))
    assert all("event: done" not in stream.text for stream in theirs)
    behind.until("event: token")  # whoever waited behind them is answered
    beside.command("people", "remove", "Ben", "--yes")
    assert behind.ended(0)
    assert beside.traces(SECRET) == []
    assert [beside.rows(table) for table in ("threads", "asked", "checkpoints", "writes", "past")] == [0] * 5
