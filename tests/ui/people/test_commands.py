"""`kotae people` and `kotae keys`, with the real commands."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import Agent, Settings
from agent.asker import OWNER
from tests.ui.http.served import LEAVE, TWENTY, PacedModel
from tests.ui.people.town import CHEAP, PASSWORD
from ui import journal
from ui.cli import run as command
from ui.people import passwords
from ui.people.accounts import Accounts


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: CHEAP)
    yield tmp_path / "data"
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, journal._Journal):
            logging.getLogger().removeHandler(handler)
            handler.close()


class Run:
    """Runs commands; what they print is what they return."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.err = ""

    def __call__(self, *arguments: str, said: str = "", code: int = 0) -> str:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(said))
        got = command(arguments)
        out, self.err = self._capsys.readouterr()
        assert got == code, (out, self.err)
        return out

    def add(self, name: str, role: str = "reader") -> None:
        self("people", "add", name, "--role", role, "--password-stdin", said=f"{PASSWORD}\n")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(capsys, monkeypatch)


def listed(run: Run) -> list[tuple[str, str, object]]:
    told = json.loads(run("people", "list", "--json"))
    return [(one["name"], one["role"], one["collections"]) for one in told["people"]]


def test_people(run: Run, data: Path) -> None:
    assert "kotae people add" in run("people")
    run.add("Anna", "owner")
    assert "kotae settings set accounts on" in run.err
    run.add("Rin")
    run.add("美咲", "editor")
    assert listed(run) == [("Anna", "owner", None), ("Rin", "reader", None), ("美咲", "editor", None)]
    assert PASSWORD.encode() not in (data / "people.db").read_bytes()
    run("people", "collections", "--role", "reader", "public, travel")
    assert "no such collection yet: public, travel" in run.err
    run("people", "collections", "Rin", "handbook")
    assert listed(run)[1] == ("Rin", "reader", ["handbook"])
    run("people", "collections", "Rin", "role")
    assert listed(run)[1] == ("Rin", "reader", ["public", "travel"])
    run("people", "collections", "rin", "all")
    run("people", "role", "Rin", "editor")
    assert listed(run)[1] == ("Rin", "editor", None)


@pytest.mark.parametrize(
    ("arguments", "said", "told"),
    [
        (("add", "anna", "--password-stdin"), f"{PASSWORD}\n", "somebody called 'anna' already"),
        (("add", "Ben", "--password-stdin"), "short\n", "at least 10 characters"),
        (("add", "Ben", "--password-stdin"), "password123\n", "choose another"),
        (("add", "Ben", "--role", "admin", "--password-stdin"), f"{PASSWORD}\n", "reader, editor, owner"),
        (("add", "", "--password-stdin"), f"{PASSWORD}\n", "1 to 64 characters"),
        (("add", "a\x1bb", "--password-stdin"), f"{PASSWORD}\n", "1 to 64 characters"),
        (("role", "Nobody", "owner"), "", "nobody called 'Nobody'"),
        (("role", "Anna", "reader"), "", "only owner"),
        (("collections", "--role", "editor", "a"), "", "only readers can be limited"),
        (("collections", "Anna", "a"), "", "only readers can be limited"),
        (("remove", "Anna", "--yes"), "", "only owner"),
    ],
)
def test_what_is_refused_is_one_line(run: Run, arguments: tuple[str, ...], said: str, told: str) -> None:
    run.add("Anna", "owner")
    run.add("Rin")
    run("people", *arguments, said=said, code=1)
    assert told in run.err
    assert run.err.count("\n") == 1
    assert len(listed(run)) == 2


def test_collections_belong_to_somebody(run: Run) -> None:
    run("people", "collections", "a,b", code=2)
    run("people", "collections", "--role", "reader", "Anna", "a,b", code=2)


@pytest.mark.filterwarnings("ignore::getpass.GetPassWarning")
def test_a_password_is_asked_for_twice(run: Run) -> None:
    run("people", "add", "Anna", "--role", "owner", said=f"{PASSWORD}\n{PASSWORD}\n")
    assert len(listed(run)) == 1


async def test_a_new_password_logs_out(run: Run, data: Path) -> None:
    await asyncio.to_thread(run.add, "Anna", "owner")
    accounts = Accounts(Settings(data_dir=data), hasher=CHEAP)
    token = accounts.sessions.begin(accounts.store.named("Anna").id)
    await asyncio.to_thread(run, "people", "password", "Anna", "--password-stdin", said="another whale swims\n")
    assert accounts.sessions.find(token) is None
    assert (await accounts.login("Anna", "another whale swims", "x"))[0].name == "Anna"


@pytest.fixture
def stocked(data: Path, library: Path) -> Path:
    """The data folder with the library of the handbook."""
    data.mkdir()
    (data / "library").symlink_to(library)
    return data


async def test_who_is_removed_takes_all_conversations_along(run: Run, stocked: Path) -> None:
    for name, role in (("Anna", "owner"), ("Rin", "reader")):
        await asyncio.to_thread(run.add, name, role)
    accounts = Accounts(Settings(data_dir=stocked), hasher=CHEAP)
    rin = accounts.store.named("Rin")
    accounts.sessions.begin(rin.id)
    await asyncio.to_thread(run, "keys", "create", "script", "--person", "Rin")
    settings = Settings(data_dir=stocked, models_dir=stocked, web="off")
    async with Agent.open(settings, model=PacedModel(lines=[TWENTY] * 3)) as agent:
        await agent.ask(LEAVE)
        for _ in range(2):
            await agent.acting_for(rin.as_asker()).ask(LEAVE)
    told = await asyncio.to_thread(run, "people", "remove", "Rin", "--yes")
    assert "Rin is removed, with 2 conversations, 1 session and 1 key." in told
    assert accounts.store.find(rin.id) is None
    async with Agent.open(settings, model=PacedModel(lines=[])) as agent:
        assert len(await agent.acting_for(OWNER).threads()) == 1
        assert await agent.acting_for(rin.as_asker()).threads() == []
    assert rin.id.encode() not in (stocked / "threads.db").read_bytes()
    assert "Anna is removed" in await asyncio.to_thread(run, "people", "remove", "Anna", "--yes")


def test_keys(run: Run, data: Path) -> None:
    run.add("Anna", "owner")
    assert "no keys" in run("keys")
    secret = run("keys", "create", "prometheus", "--person", "anna", "--scope", "metrics", "--days", "30").strip()
    assert secret.startswith("kotae_")
    assert secret not in run("keys", "list")
    [key] = json.loads(run("keys", "list", "--json"))["keys"]
    assert (key["name"], key["person"], key["scopes"], key["used"]) == ("prometheus", "Anna", ["metrics"], None)
    assert Accounts(Settings(data_dir=data)).keys.find(secret) is not None
    run("keys", "revoke", key["id"])
    assert Accounts(Settings(data_dir=data)).keys.find(secret) is None
    run("keys", "revoke", key["id"], code=1)
    run("keys", "create", "x", "--person", "Anna", "--scope", "everything", code=1)
    assert "chat, read, write, metrics" in run.err


def test_a_file_that_is_none_is_one_line(run: Run, data: Path) -> None:
    data.mkdir()
    (data / "people.db").write_bytes(b"no database at all" * 100)
    run("people", "list", code=1)
    assert "people.db cannot be read" in run.err
    assert run.err.count("\n") == 1
