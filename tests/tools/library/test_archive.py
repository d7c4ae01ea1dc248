"""Export and import: what comes out goes in again, without embedding, and nothing a stranger wrote is believed."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.base import ToolError
from tools.library import Library, Scope, archive

MakePdf = Callable[..., bytes]


@pytest.fixture
def filled(library: Library, folder: Path, make_pdf: MakePdf) -> Library:
    (folder / "sea").mkdir()
    (folder / "land").mkdir()
    (folder / "sea" / "whales.md").write_text("# Whales\n\n" + "\n\n".join(f"About whale {i}. " * 30 for i in range(9)))
    (folder / "sea" / "page.pdf").write_bytes(make_pdf(["about otters"], ["about seals"]))
    (folder / "land" / "neko.txt").write_text("猫の話です。\n\n犬の話もあります。")
    library.index([folder / "sea"], collection="海", owner="Ann")
    library.index([folder / "land"])
    return library


@pytest.fixture
def file(filled: Library, tmp_path: Path) -> Path:
    path = tmp_path / "library.kotae"
    filled.export(path)
    return path


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, term_embedder: Callable[..., object]) -> bytes:
    """An archive of three documents in two collections, made once."""
    root = tmp_path_factory.mktemp("packed")
    library = Library.open(root / "library", term_embedder())  # type: ignore[arg-type]
    for collection, name, text in (
        ("default", "neko.txt", "猫の話です。\n\n犬の話もあります。"),
        ("海", "whales.md", "# Whales\n\n" + "\n\n".join(f"About whale {i}. " * 30 for i in range(9))),
        ("海", "seals.md", "about seals"),
    ):
        (root / name).write_text(text)
        library.index([root / name], collection=collection)
    library.export(root / "library.kotae")
    return (root / "library.kotae").read_bytes()


@pytest.fixture
def copied(packed: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "library.kotae"
    path.write_bytes(packed)
    return path


@pytest.fixture
def other(tmp_path: Path, new_embedder: Callable[..., object]) -> Library:
    return Library.open(tmp_path / "other", new_embedder())  # type: ignore[arg-type]


def content(library: Library) -> list[tuple[object, ...]]:
    with library._store.read(any_embedder=True) as db:
        assert db is not None
        return db.execute(
            "SELECT c.name, d.path, d.title, d.type, d.language, d.owner, d.bytes, d.modified, d.text, d.pages, "
            'p.start, p."end", p.page, p.heading, p.language, p.text, p.vector, w.terms FROM passages p '
            "JOIN documents d ON d.id = p.document JOIN collections c ON c.number = d.collection "
            "JOIN words w ON w.rowid = p.number ORDER BY c.name, d.path, p.start"
        ).fetchall()


def test_what_comes_out_goes_in_without_embedding(filled: Library, file: Path, other: Library) -> None:
    transfer = other.import_(file)
    assert transfer is not None
    assert (transfer.documents, transfer.embedded, transfer.collections) == (3, 0, ("default", "海"))
    assert transfer.bytes == file.stat().st_size
    assert other.embedder.embedded == 0  # type: ignore[attr-defined]
    assert content(other) == content(filled)
    assert other.verify() == []
    for query in ("whale 3", "seals", "猫"):
        assert [p.text for p in other.search(query)] == [p.text for p in filled.search(query)]
    assert {d.source for d in other.documents()} == {"import"}
    assert {d.owner for d in other.documents(Scope.of("海"))} == {"Ann"}


def test_twice_is_once(file: Path, other: Library) -> None:
    other.import_(file)
    before = content(other), {d.id for d in other.documents()}
    other.import_(file)
    assert (content(other), {d.id for d in other.documents()}) == before


def test_into_one_collection_and_a_part(filled: Library, tmp_path: Path, other: Library) -> None:
    part = tmp_path / "part.kotae"
    assert filled.export(part, Scope.of("海")).documents == 2
    transfer = other.import_(part, collection="mine")
    assert transfer is not None
    assert transfer.collections == ("mine",)
    assert [(c.name, c.documents) for c in other.collections()] == [("default", 0), ("mine", 2)]


def test_another_embedder_embeds_anew(filled: Library, file: Path, tmp_path: Path, new_embedder: Any) -> None:
    other = Library.open(tmp_path / "other", new_embedder("terms/32", 32))
    transfer = other.import_(file)
    assert transfer is not None
    assert transfer.embedded == transfer.passages > 0
    assert other.search("seals", k=1)[0].page == 2
    assert other.verify() == []


def test_the_real_files_are_taken_up_without_embedding(
    filled: Library, file: Path, folder: Path, other: Library
) -> None:
    """The same machine after a loss, or another one with the same files."""
    other.import_(file)
    assert other.page_image(next(d.id for d in other.documents() if d.type == "pdf"), 1) is None
    report = other.index([folder / "sea"], collection="海")
    assert (report.unchanged, report.embedded, report.removed) == (2, 0, 0)
    assert {d.source for d in other.documents(Scope.of("海"))} == {"file"}
    assert other.page_image(next(d.id for d in other.documents() if d.type == "pdf"), 1) is not None
    assert other.index([folder / "sea"], collection="海").unchanged == 2


def test_files_that_are_not_on_this_machine_stay(file: Path, folder: Path, other: Library) -> None:
    other.import_(file)
    for path in sorted(folder.rglob("*.*")):
        path.unlink()
    assert other.index([folder / "sea"], collection="海").removed == 0
    assert len(other.documents()) == 3


def test_an_archive_that_names_a_file_of_this_machine_is_not_believed(
    filled: Library, file: Path, folder: Path, other: Library
) -> None:
    """The right checksum under a wrong text: the file is read, and its text is what counts."""

    def lie(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["text"] = row["text"].replace("猫", "狸")

    other.import_(changed(file, documents=lie))
    assert "狸" in other.search("狸の話", k=1)[0].text
    report = other.index([folder / "land"])
    assert report.replaced == 1
    assert "猫" in other.search("猫の話", k=1)[0].text
    assert report.embedded == report.passages, "no vector of a stranger is taken for the same text"


def test_a_stranger_s_vector_is_not_used_for_the_same_text_elsewhere(file: Path, folder: Path, other: Library) -> None:
    other.import_(file)
    report = other.index([folder / "land"], collection="mine")
    assert report.embedded == report.passages == 1


def test_a_document_takes_the_place_of_the_one_under_its_path(filled: Library, file: Path, folder: Path) -> None:
    (folder / "land" / "neko.txt").write_text("written anew")
    filled.index([folder / "land"])
    filled.import_(file)
    assert "猫" in filled.search("猫の話", k=1)[0].text
    assert len(filled.documents()) == 3


def test_export_is_put_in_place_at_once(filled: Library, file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(ToolError, match="cannot be written"):
            filled.export(file)
        tmp_path.chmod(0o700)
    assert file.read_bytes() == before
    filled.export(file)
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []
    with pytest.raises(ToolError) as caught:
        filled.export(tmp_path / "no" / "such" / "folder")
    assert caught.value.reason == "library_archive"


def test_no_pickle_and_exactly_these_members(file: Path) -> None:
    with zipfile.ZipFile(file) as pack:
        assert sorted(pack.namelist()) == [
            "documents.jsonl",
            "manifest.json",
            "passages.jsonl",
            "tokens.bin",
            "vectors.npy",
        ]
        manifest = json.loads(pack.read("manifest.json"))
        vectors = np.load(io.BytesIO(pack.read("vectors.npy")), allow_pickle=False)
    assert vectors.dtype == np.float32
    assert vectors.shape == (manifest["passages"], manifest["dimension"])


Rows = Callable[[list[dict[str, Any]]], object]


def changed(
    file: Path,
    *,
    manifest: Callable[[dict[str, Any]], object] = lambda _: None,
    documents: Rows = lambda _: None,
    passages: Rows = lambda _: None,
    vectors: Callable[[bytes], bytes] = lambda data: data,
    honest: bool = True,
    more: dict[str, bytes] | None = None,
) -> Path:
    """A copy of an archive with something else in it; its checksums are right if `honest`."""
    import hashlib

    with zipfile.ZipFile(file) as pack:
        parts = {name: pack.read(name) for name in pack.namelist()}
    head = json.loads(parts.pop("manifest.json"))
    for name, change in (("documents.jsonl", documents), ("passages.jsonl", passages)):
        rows = [json.loads(line) for line in parts[name].splitlines()]
        change(rows)
        parts[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    parts["vectors.npy"] = vectors(parts["vectors.npy"])
    if honest:
        for name, data in parts.items():
            head["members"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest(head)
    copy = file.with_name("changed.kotae")
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("manifest.json", json.dumps(head))
        for name, data in {**parts, **(more or {})}.items():
            out.writestr(name, data)
    return copy


def put(index: int, key: str, value: object) -> Rows:
    return lambda rows: rows[index].__setitem__(key, value)


def pickled(_: bytes) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return out.getvalue()


def with_numbers(value: float) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        array = np.load(io.BytesIO(data)).copy()
        array[1, :] = value
        out = io.BytesIO()
        np.save(out, array)
        return out.getvalue()

    return change


def retyped(dtype: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        out = io.BytesIO()
        np.save(out, np.load(io.BytesIO(data)).astype(dtype))
        return out.getvalue()

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"documents": put(0, "text", "another text altogether, and longer than before"), "honest": False}, "damaged"),
        ({"manifest": lambda m: m.update(format="other")}, "manifest"),
        ({"manifest": lambda m: m.update(version=2)}, "manifest"),
        ({"manifest": lambda m: m.update(more=1)}, "manifest"),
        ({"manifest": lambda m: m.update(dimension="64")}, "manifest"),
        ({"manifest": lambda m: m.update(documents=2)}, "as many"),
        ({"manifest": lambda m: m.update(passages=10**9)}, "not those of its passages"),
        ({"manifest": lambda m: m.update(dimension=32)}, "not those of its passages"),
        ({"manifest": lambda m: m["members"].pop("vectors.npy")}, "members"),
        ({"manifest": lambda m: m.update(collections=["default"])}, "does not name"),
        ({"manifest": lambda m: m.update(collections=["default", "海", "a,b"])}, "no comma"),
        ({"documents": put(0, "path", "")}, "does not fit"),
        ({"documents": put(0, "path", "a\0b")}, "does not fit"),
        ({"documents": put(0, "path", "x" * 5000)}, "does not fit"),
        ({"documents": put(0, "type", "program")}, "does not fit"),
        ({"documents": put(0, "language", "xx")}, "does not fit"),
        ({"documents": put(0, "modified", 2**70)}, "does not fit"),
        ({"documents": put(0, "indexed_at", float("nan"))}, "does not fit"),
        ({"documents": put(0, "sha256", "zz")}, "does not fit"),
        ({"documents": put(0, "pages", [5, 1])}, "do not lie"),
        ({"documents": put(0, "pages", [10**9])}, "do not lie"),
        ({"documents": put(0, "text", "")}, "does not fit"),
        ({"documents": put(0, "id", "mine")}, "does not fit"),
        ({"documents": lambda rows: rows.append(dict(rows[0]))}, "twice"),
        ({"documents": lambda rows: rows.pop()}, "no document"),
        ({"passages": lambda rows: rows.pop()}, "passages"),
        ({"passages": put(0, "end", 10**7)}, "does not lie"),
        ({"passages": put(0, "start", -1)}, "does not fit"),
        ({"passages": lambda rows: rows[0].update(end=rows[0]["start"])}, "does not lie"),
        ({"passages": put(0, "document", 7)}, "no passages"),
        ({"passages": put(0, "page", 0)}, "does not fit"),
        ({"passages": put(0, "heading", "x")}, "does not fit"),
        ({"passages": lambda rows: rows.reverse()}, "no passages"),
        ({"vectors": pickled}, "vectors"),
        ({"vectors": lambda data: data[:-4]}, "fewer vectors"),
        ({"vectors": lambda data: data + b"more"}, "no document"),
        ({"vectors": lambda data: b"garbage" + data}, "vectors"),
        ({"vectors": retyped("<f8")}, "vectors"),
        ({"vectors": retyped(">f4")}, "vectors"),
        ({"vectors": with_numbers(float("nan"))}, "unit length"),
        ({"vectors": with_numbers(float("inf"))}, "unit length"),
        ({"vectors": with_numbers(0)}, "unit length"),
        ({"vectors": with_numbers(3)}, "unit length"),
        ({"more": {"../../evil.py": b"x"}}, "other files"),
        ({"more": {"/etc/passwd": b"x"}}, "other files"),
        ({"documents": put(0, "title", "\0")}, "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_imported(
    copied: Path, other: Library, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    bad = changed(copied, **change)
    before = {path for path in tmp_path.rglob("*") if other.folder not in path.parents}
    with pytest.raises(ToolError) as caught:
        other.import_(bad)
    assert caught.value.reason in ("library_archive", "library_name")
    assert words in caught.value.detail
    assert "\n" not in caught.value.detail
    assert other.documents() == []
    assert [c.name for c in other.collections()] in ([], ["default"])
    assert {path for path in tmp_path.rglob("*") if other.folder not in path.parents} - {other.folder} == before


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\3\4" + bytes(100)])
def test_what_is_no_archive_at_all(tmp_path: Path, other: Library, content: bytes) -> None:
    path = tmp_path / "x.kotae"
    path.write_bytes(content)
    for file in (path, tmp_path / "nowhere.kotae", tmp_path):
        with pytest.raises(ToolError) as caught:
            other.import_(file)
        assert caught.value.reason == "library_archive"


def test_every_flipped_byte_is_refused_or_harmless(copied: Path, other: Library) -> None:
    """Whatever is damaged, what is taken in is what was written."""
    file = copied
    other.import_(file)
    good, wanted = file.read_bytes(), content(other)
    for collection in other.collections():
        other.delete_collection(collection.name)
    for at in range(0, len(good), max(1, len(good) // 120)):
        file.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        try:
            other.import_(file)
        except ToolError:
            assert other.documents() == []
        else:
            assert content(other) == wanted
            for collection in other.collections():
                other.delete_collection(collection.name)


def test_a_bomb_is_not_unpacked(copied: Path, other: Library) -> None:
    with pytest.raises(ToolError, match="expands"):
        other.import_(changed(copied, documents=lambda rows: rows[0].update(text="a" * 30_000_000)))


def test_an_import_that_is_stopped_changes_nothing(file: Path, other: Library, folder: Path) -> None:
    other.index([folder / "land"])
    before = content(other)
    stop = threading.Event()
    assert other.import_(file, stop=stop, progress=lambda p: stop.set()) is None
    assert content(other) == before


def test_an_empty_library_says_so(other: Library, tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        other.export(tmp_path / "x.kotae")
    assert caught.value.reason == "library_empty"


def test_the_format_is_described_where_it_is_made() -> None:
    assert all(
        name in (archive.__doc__ or "") for name in ("manifest.json", "documents.jsonl", "passages.jsonl", "npy")
    )
