from __future__ import annotations

import io
import os
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specialist_parts import a_card, a_split, added, an_evaluation, weights

from tests.agent.models.gguf_files import gguf
from tools.specialist.errors import SpecialistError
from tools.specialist.registry import Registry
from tools.specialist.versions import lines

Parts = Mapping[str, bytes | str]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "specialists")


@pytest.fixture
def other(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "other machine")


CARD, ADAPTER = a_card().text(), weights()
SPLIT = a_split()
DATA = {f"data/{part}.jsonl": lines(getattr(SPLIT, part)) for part in ("training", "validation", "test")}
GOOD: Parts = {"card.yaml": CARD, "adapter.gguf": ADAPTER}


def packed(parts: Parts | list[tuple[str, bytes | str]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", method) as out:
        for name, data in parts.items() if isinstance(parts, Mapping) else parts:
            out.writestr(name, data)
    return buffer.getvalue()


def test_what_is_exported_is_taken_in_elsewhere_and_must_be_proven_there(
    registry: Registry, other: Registry, tmp_path: Path
) -> None:
    version = added(registry, tmp_path, proven=True)
    registry.promote("banking", 1)
    file = tmp_path / "banking.kotae"
    assert registry.export("banking", None, file, data=True) == registry.version("banking")
    taken = other.take_in(file)
    assert (taken.number, taken.card, taken.evaluation) == (1, version.card, None)
    assert taken.imported == version.evaluation
    assert taken.adapter is not None
    assert taken.adapter.read_bytes() == weights()
    assert other.split_of("banking", 1) == registry.split_of("banking", 1)
    assert other.get("banking").promoted is None
    with pytest.raises(SpecialistError, match="not examined here"):
        other.promote("banking", 1)
    other.record("banking", 1, an_evaluation())
    assert other.promote("banking", 1).promoted == 1
    assert [p.name for p in other.folder.iterdir() if p.name.startswith(".")] == [".locks"]


def test_examples_are_written_only_where_they_are_asked_for(
    registry: Registry, other: Registry, tmp_path: Path
) -> None:
    added(registry, tmp_path)
    file = tmp_path / "banking.kotae"
    registry.export("banking", 1, file)
    assert zipfile.ZipFile(file).namelist() == ["card.yaml", "adapter.gguf"]
    other.take_in(file)
    with pytest.raises(SpecialistError, match="keeps no examples"):
        other.split_of("banking", 1)


def test_a_name_that_is_there_gets_another_version_and_another_name_may_be_given(
    registry: Registry, tmp_path: Path
) -> None:
    registry.promote("banking", added(registry, tmp_path, proven=True).number)
    registry.export("banking", 1, tmp_path / "x.zip")
    assert registry.take_in(tmp_path / "x.zip").number == 2
    assert registry.get("banking").promoted == 1
    renamed = registry.take_in(tmp_path / "x.zip", name="bank-2")
    assert (renamed.card.name, renamed.number) == ("bank-2", 1)


def test_the_folder_of_a_version_packed_by_hand_is_taken_in(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed(GOOD | DATA))
    registry.take_in(tmp_path / "x.zip")
    assert registry.split_of("banking", 1) == SPLIT


def test_an_export_that_cannot_be_written_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    added(registry, tmp_path)
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "x.zip", tmp_path / "folder", tmp_path / "a\0b"):
        with pytest.raises(SpecialistError, match="cannot be written") as raised:
            registry.export("banking", 1, path)
        assert raised.value.reason == "archive"
    assert not list(tmp_path.glob(".part-*"))


def flagged(data: bytes, flag: int) -> bytes:
    """With a flag set in every entry of the central directory."""
    out = bytearray(data)
    at = out.find(b"PK\x01\x02")
    while at >= 0:
        out[at + 8] |= flag
        at = out.find(b"PK\x01\x02", at + 1)
    return bytes(out)


def lying(data: bytes, name: bytes, size: int) -> bytes:
    """With another unpacked size of a member."""
    out = bytearray(data)
    for magic, where, start in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        at = out.find(magic)
        while at >= 0:
            if out[at + start : at + start + len(name)] == name:
                out[at + where : at + where + 4] = struct.pack("<I", size)
            at = out.find(magic, at + 1)
    return bytes(out)


def card(**more: Any) -> str:
    return a_card(**more).text()


ALIASES = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)) + CARD
BOMB = packed({"card.yaml": CARD, "adapter.gguf": ADAPTER, "data/test.jsonl": b"0" * 50_000_000})
LINK = zipfile.ZipInfo("adapter.gguf")
LINK.external_attr = 0o120777 << 16


def linked() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("card.yaml", CARD)
        out.writestr(LINK, "/etc/passwd")
    return buffer.getvalue()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no export"),
    "text": (b"hello " * 100, "no export"),
    "no members": (packed({}), "no export"),
    "no card": (packed({"adapter.gguf": ADAPTER}), "no export"),
    "other files": (packed({**GOOD, "x.txt": "x"}), "no export"),
    "slip": (packed({**GOOD, "../../x": "x"}), "no export"),
    "absolute": (packed({"/card.yaml": CARD, "adapter.gguf": ADAPTER}), "no export"),
    "backslash": (packed({**GOOD, "data\\test.jsonl": "x"}), "no export"),
    "folder": (packed({**GOOD, "data/": ""}), "no export"),
    "twice": (packed([*GOOD.items(), ("adapter.gguf", ADAPTER)]), "twice"),
    "link": (linked(), "adapter cannot be used"),
    "many": (packed([(f"{i}", "") for i in range(5000)]), "no export"),
    "remark": (packed(GOOD)[:-2] + b"\x04\0PK\x05\x06", "no export"),
    "encrypted": (flagged(packed(GOOD), 1), "encrypted"),
    "bzip2": (packed(GOOD, zipfile.ZIP_BZIP2), "packed in a way"),
    "lzma": (packed(GOOD, zipfile.ZIP_LZMA), "packed in a way"),
    "bomb": (BOMB, "expands beyond all measure"),
    "too large": (lying(packed(GOOD), b"adapter.gguf", 0xFFFFFFF0), "expands beyond|too large"),
    "larger than it says": (lying(packed(GOOD), b"adapter.gguf", 200), "damaged|cut off"),
    "cut off": (packed(GOOD)[:-200], "no export"),
    "torn": (packed(GOOD, zipfile.ZIP_STORED).replace(b"banking", b"bonking"), "damaged"),
    "large card": (packed({"card.yaml": CARD + "#" * 300_000, "adapter.gguf": ADAPTER}), "card.yaml is too large"),
    "card is none": (packed({**GOOD, "card.yaml": "a: b"}), "card.yaml, name"),
    "card is binary": (packed({**GOOD, "card.yaml": bytes(range(256))}), "not YAML"),
    "card is deep": (packed({**GOOD, "card.yaml": "[" * 100_000}), "too large"),
    "card is deep in blocks": (packed({**GOOD, "card.yaml": "- " * 60_000}), "too large"),
    "card has many parts": (packed({**GOOD, "card.yaml": "- a\n" * 30_000}), "too large"),
    "card repeats itself": (packed({**GOOD, "card.yaml": ALIASES}), "repeats parts"),
    "python in the card": (packed({**GOOD, "card.yaml": "!!python/object/apply:os.system [echo]"}), "not YAML"),
    "half a character": (packed({**GOOD, "card.yaml": CARD + 'prompt: "\\ud800"\n'}), "cannot be written"),
    "name": (packed({**GOOD, "card.yaml": CARD.replace("name: banking", "name: ../../x")}), "give a name"),
    "name with a line": (packed({**GOOD, "card.yaml": CARD.replace("banking", '"banking\\n"')}), "give a name"),
    "server": (
        packed({"card.yaml": card(adapter="remote", remote={"url": "http://x.test/v1", "model": "m"})}),
        "names a server",
    ),
    "adapter missing": (packed({"card.yaml": CARD}), "do not belong together"),
    "adapter too many": (packed({"card.yaml": card(adapter=""), "adapter.gguf": ADAPTER}), "do not belong together"),
    "model for an adapter": (packed({**GOOD, "adapter.gguf": gguf()}), "no LoRA adapter"),
    "half an adapter": (packed({**GOOD, "adapter.gguf": ADAPTER[:-5]}), "cut off"),
    "no adapter at all": (packed({**GOOD, "adapter.gguf": b"\0" * 500}), "not a GGUF"),
    "schema fetches": (packed({**GOOD, "card.yaml": card(schema={"$ref": "https://x.test/s.json"})}), "schema"),
    "schema explodes": (
        packed({**GOOD, "card.yaml": card(schema={"type": "array", "items": {}, "maxItems": 10**9})}), "schema",
    ),
    "schema is slow": (packed({**GOOD, "card.yaml": card(schema={"type": "string", "pattern": "(a+)+$"})}), "schema"),
    "evaluation": (packed({**GOOD, "evaluation.json": '{"passed": true}'}), "evaluation does not fit"),
    "a part of the data": (packed({**GOOD, "data/test.jsonl": "{}"}), "a part of its data is missing"),
    "data is none": (packed({**GOOD, **DATA, "data/test.jsonl": "{}\n"}), "data/test.jsonl, line 1"),
    "data of other types": (
        packed({**GOOD, **DATA, "data/test.jsonl": '{"messages": [{"role": "user", "content": 7}], "answer": 1}'}),
        "data/test.jsonl, line 1",
    ),
    "a long line": (packed({**GOOD, **DATA, "data/test.jsonl": os.urandom(2**20 + 2).hex()}), "is too long"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_export_is_refused_in_one_line_and_leaves_nothing(
    registry: Registry, tmp_path: Path, name: str
) -> None:
    data, says = HOSTILE[name]
    file = tmp_path / "evil.zip"
    file.write_bytes(data)
    added(registry, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and ".locks" not in path.parts}
    tracemalloc.start()
    with pytest.raises(SpecialistError, match=says) as raised:
        registry.take_in(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised.value.reason == "archive"
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("evil.zip was not taken in: ")
    assert peak < 30 * 2**20
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and ".locks" not in path.parts}
    assert after == before
    assert not list(registry.folder.glob(".incoming-*"))


def test_a_file_that_is_not_there(registry: Registry, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.zip", tmp_path, Path("a\0b")):
        with pytest.raises(SpecialistError, match="cannot be read") as raised:
            registry.take_in(path)
        assert raised.value.reason == "archive"


def test_schemas_that_kotae_makes_or_that_only_look_dangerous_are_taken_in(registry: Registry, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "max": {"type": "integer", "maximum": 100},
            "$ref": {"enum": ["a"]},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    }
    (tmp_path / "x.zip").write_bytes(packed({**GOOD, "card.yaml": card(schema=schema)}))
    assert registry.take_in(tmp_path / "x.zip").card.schema_ == schema


def or_error(act: Callable[[], object]) -> object:
    try:
        return act()
    except SpecialistError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 4000), noise=st.binary(min_size=1, max_size=6), stored=st.booleans())
def test_damage_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes, stored: bool
) -> None:
    root = tmp_path_factory.getbasetemp() / "damage"
    root.mkdir(exist_ok=True)
    data = bytearray(packed(GOOD | DATA, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED))
    at %= len(data)
    data[at : at + len(noise)] = noise
    file = root / "x.zip"
    file.write_bytes(data)
    registry = Registry(root / "specialists")
    found = or_error(lambda: registry.take_in(file))
    if isinstance(found, SpecialistError):
        assert found.reason == "archive"
        assert "\n" not in str(found)
    else:
        registry.remove("banking")
    assert not [p for p in root.rglob("*") if p.is_file() and p.name != "x.zip" and ".locks" not in p.parts]
