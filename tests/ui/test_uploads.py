"""Uploaded files: where they go, whatever they are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui import uploads
from ui.uploads import UploadError, Uploads, safe_name

PARTS = st.sampled_from(
    [
        "..",
        "/",
        "\\",
        "~",
        "C:",
        "\0",
        "\n",
        "%2e%2e",
        "%2f",
        "con",
        ".",
        " ",
        "a",
        "手引き",
        "é",
        "\u202e",
        "|",
        "$(x)",
    ]
)
NAMES = st.one_of(st.text(max_size=400), st.lists(PARTS, max_size=12).map("".join))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def held(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@settings(max_examples=2_000, deadline=None)
@given(NAMES)
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    made = safe_name(name)
    assert Path("/a/b", made).parent == Path("/a/b")
    assert made not in ("", ".", "..")
    assert not made.startswith((".", "-", " "))
    assert not set(made) & set("/\\\0\n:*?\"<>|~$%'`\u202e")
    assert len(made.encode()) <= 120


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("handbook.pdf", "handbook.pdf"),
        ("社員 手引き（2025）.PDF", "社員 手引き 2025.pdf"),
        ("Q3_report-v2 (final).docx", "Q3_report-v2 (final).docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\notes.md", "notes.md"),
        (".bashrc", "document.bashrc"),
        ("...", "document"),
        ("nul.txt", "document nul.txt"),
        ("", "document"),
        ("a" * 500 + ".md", "a" * 117 + ".md"),
    ],
)
def test_names_stay_readable(name: str, made: str) -> None:
    assert safe_name(name) == made


async def test_a_file_is_kept_in_a_folder_of_its_own(tmp_path: Path) -> None:
    store = Uploads(tmp_path / "uploads", 100)
    one = await store.take("../a.md", 4, pieces(b"ab", b"cd"))
    two = await store.take("a.md", 4, pieces(b"abcd"))
    assert one.read_bytes() == b"abcd"
    assert (one.name, one.parent.parent) == ("a.md", tmp_path / "uploads")
    assert one != two
    assert store.holds(one)
    assert store.twin(two, [one, two]) == one
    two.write_bytes(b"abce")
    assert store.twin(two, [one, two]) is None
    store.forget(one)
    assert not one.parent.exists()


async def test_a_file_waits_until_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Uploads(tmp_path / "uploads", 100)
    one = await store.take("a.md", 4, pieces(b"abcd"), "Papers")
    two = await store.take("b.md", 4, pieces(b"abcd"))
    assert store.left() == [], "this process is at it"
    monkeypatch.setattr(uploads, "_alive", lambda process, started: False)
    assert sorted(store.left()) == sorted([(one, "Papers"), (two, "default")])
    store.read(one)
    assert store.left() == [(two, "default")]
    (two.parent / ".waiting").write_text("{")
    assert store.left() == [(two, "default")], "nothing that arrived is given up"
    two.unlink()
    assert store.left() == []
    assert held(tmp_path / "uploads") == {one.parent, one}


def test_a_process_is_known_by_its_number_and_its_start() -> None:
    own = psutil.Process()
    assert uploads._alive(own.pid, own.create_time())
    assert not uploads._alive(own.pid, own.create_time() - 60), "another one had the number before"
    assert not uploads._alive(0, 0.0)


@pytest.mark.parametrize(
    ("size", "content", "reason"),
    [
        (101, [b"x"], "too_large"),
        (0, [], "empty"),
        (50, [b"x" * 60, b"y" * 60], "too_large"),
        (50, [b"x" * 20], "broken_off"),
    ],
)
async def test_what_is_not_taken_leaves_nothing(tmp_path: Path, size: int, content: list[bytes], reason: str) -> None:
    store = Uploads(tmp_path / "uploads", 100)
    with pytest.raises(UploadError, match=reason):
        await store.take("a.md", size, pieces(*content))
    assert held(tmp_path) <= {tmp_path / "uploads"}


async def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Uploads(tmp_path, 100).take("a.md", 5, broken())
    assert held(tmp_path) == set()


async def test_a_disk_that_is_nearly_full_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SPARE", 2**62)
    with pytest.raises(UploadError, match="no_room"):
        await Uploads(tmp_path, 100).take("a.md", 1, pieces(b"x"))
    assert held(tmp_path) == set()


def test_only_uploaded_files_are_deleted(tmp_path: Path) -> None:
    store = Uploads(tmp_path / "uploads", 100)
    own = tmp_path / "papers" / "a.md"
    inside = tmp_path / "uploads" / "x" / "y" / "a.md"
    link = tmp_path / "uploads" / "z" / "a.md"
    for path in (own, inside):
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    link.parent.mkdir(parents=True)
    link.symlink_to(own)
    for path in (own, inside, link, tmp_path / "uploads" / ".." / "papers" / "a.md"):
        store.forget(path)
    assert own.read_text() == "mine"
    assert inside.is_file()
