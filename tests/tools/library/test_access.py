"""Nobody finds, sees or infers what the scope of the question does not permit."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.base import ToolError
from tools.library import EVERYTHING, Library, LibraryTool, Scope, matching, store
from tools.library.words import search_terms

MakePdf = Callable[..., bytes]

WORDS = [f"{a}{b}{c}" for a in ("bo", "ka", "ti", "mu", "re") for b in ("lan", "dor", "vis", "pek") for c in ("a", "o")]
TENANTS = [f"tenant{i}" for i in range(20)]


def fill(library: Library, folder: Path, names: list[str]) -> None:
    """For each collection, some files of random words; all use the same words."""
    for name in names:
        draw = random.Random(name)
        path = folder / name
        path.mkdir(parents=True, exist_ok=True)
        for i in range(draw.randint(4, 12)):
            text = " ".join(draw.choices(WORDS, k=25))
            (path / f"{i}.md").write_text(
                f"# {draw.choice(WORDS)}\n\n{text}. 文書{draw.choice('東西南北')}の記録です。"
            )
        library.index([path], collection=name)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, term_embedder: type) -> Library:
    folder = tmp_path_factory.mktemp("shared")
    library = Library.open(folder / "library", term_embedder())
    fill(library, folder / "documents", TENANTS)
    return library


def collection_of(library: Library) -> dict[str, str]:
    return {document.id: document.collection for document in library.documents()}


def test_ten_thousand_questions_find_no_foreign_passage(shared: Library) -> None:
    owner_of = collection_of(shared)
    sizes = {c.name: c.passages for c in shared.collections()}
    draw = random.Random(1)
    foreign = asked = 0
    for tenant in TENANTS:
        scope = Scope.of(tenant)
        for _ in range(500):
            query = " ".join(draw.choices(WORDS, k=draw.randint(1, 5))) + draw.choice(["", "の記録", " 東"])
            found = shared.search(query, k=5, scope=scope)
            asked += 1
            foreign += sum(owner_of[passage.document] != tenant for passage in found)
            assert len(found) == min(5, sizes[tenant])
    assert (asked, foreign) == (10_000, 0)


def test_vectors_are_those_of_an_index_of_the_collection_alone(
    shared: Library, tmp_path: Path, term_embedder: type
) -> None:
    """The nearest passages, their similarities and the languages' averages do not depend on what else there is."""
    for tenant in TENANTS[:5]:
        alone = Library.open(tmp_path / tenant, term_embedder())
        fill(alone, tmp_path / "documents", [tenant])
        for query in WORDS[:20]:
            there = {p.text: p for p in shared.search(query, k=50, scope=Scope.of(tenant))}
            here = {p.text: p for p in alone.search(query, k=50)}
            assert there.keys() == here.keys()
            for text, passage in here.items():
                assert there[text].stages["vector"] == pytest.approx(passage.stages["vector"], abs=1e-6)
                assert (there[text].stages["words"] > 0) == (passage.stages["words"] > 0)


def test_each_stage_alone_proposes_permitted_passages_only(shared: Library) -> None:
    """Retrieval is not saved by what follows it: the vectors and the words each know nothing else."""
    scope = Scope.of("tenant3")
    with shared._store.read() as db:
        assert db is not None
        index = shared._refresh()
        allowed = shared._permissions.of(db, scope, index.state)
        assert allowed is not None
        for query in WORDS:
            near = index.propose(shared.embedder.query(query), 10, allowed)
            matched = matching.matches(db, search_terms(query), 1000, scope)
            assert set(near) <= set(allowed.numbers.tolist())
            assert set(matched) <= set(allowed.numbers.tolist())
        # on both sides there is something that the filter keeps out
        assert len(index.propose(shared.embedder.query(WORDS[0]), 1000)) > len(allowed.numbers)
        assert len(matching.matches(db, search_terms(WORDS[0]), 1000)) > len(
            matching.matches(db, search_terms(WORDS[0]), 1000, scope)
        )


@pytest.fixture
def two(library: Library, folder: Path, make_pdf: MakePdf) -> Library:
    for name in ("ours", "theirs"):
        (folder / name).mkdir()
        (folder / name / "note.md").write_text(f"# Note\n\nThe secret word of {name} is {name}word. " + "Filler. " * 30)
        (folder / name / "page.pdf").write_bytes(make_pdf([f"a page of {name}"]))
        library.index([folder / name], collection=name, owner=name.upper())
    os.utime(folder / "ours" / "note.md", (1_000_000, 1_000_000))
    library.index([folder / "ours"], collection="ours")
    return library


def test_every_way_to_a_document_asks_for_the_scope(two: Library) -> None:
    ours, theirs = Scope.of("ours"), Scope.of("theirs")
    passage = two.search("theirsword", k=1)[0]
    pdf = next(d for d in two.documents(theirs) if d.type == "pdf")
    assert two.context(passage.id, theirs) is not None
    assert two.context(passage.id, ours) is None
    assert two.document(passage.document, theirs) is not None
    assert two.document(passage.document, ours) is None
    assert two.page_image(pdf.id, 1, scope=theirs) is not None
    assert two.page_image(pdf.id, 1, scope=ours) is None
    assert two.unmentioned(["theirsword", "oursword"], ours) == ["theirsword"]
    assert {d.collection for d in two.documents(ours)} == {"ours"}
    assert not two.remove(passage.document, ours)
    assert two.document(passage.document) is not None
    assert all("theirs" not in p.text for p in two.search("theirsword", k=9, scope=ours))


async def test_the_tool_reads_what_it_was_given(two: Library) -> None:
    found = await LibraryTool(two, Scope.of("ours")).gather("theirsword", k=9)
    assert found
    assert {two.document(p.document).collection for p in found} == {"ours"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (EVERYTHING, {"ours/note.md", "ours/page.pdf", "theirs/note.md", "theirs/page.pdf"}),
        (Scope.of(), set()),
        (Scope.of("nobody"), set()),
        (Scope.of("ours", "nobody"), {"ours/note.md", "ours/page.pdf"}),
        (Scope(types=frozenset({"pdf"})), {"ours/page.pdf", "theirs/page.pdf"}),
        (Scope(types=frozenset()), set()),
        (Scope(owners=frozenset({"THEIRS"})), {"theirs/note.md", "theirs/page.pdf"}),
        (Scope(until=2_000_000), {"ours/note.md"}),
        (Scope(since=2_000_000, types=frozenset({"markdown"})), {"theirs/note.md"}),
        (Scope(since=1_000_000, until=1_000_000), set()),
        (Scope(since=1_000_000, until=1_000_001), {"ours/note.md"}),
        (
            Scope(since=float(-(10**30)), until=float(10**30), owners=frozenset({"OURS"})),
            {"ours/note.md", "ours/page.pdf"},
        ),
    ],
)
def test_filters(two: Library, folder: Path, scope: Scope, names: set[str]) -> None:
    listed = {Path(d.path).relative_to(folder).as_posix() for d in two.documents(scope)}
    found = {Path(p.url).relative_to(folder).as_posix() for p in two.search("word page note", k=20, scope=scope)}
    assert listed == found == names


def test_a_scope_cannot_be_broken_out_of(two: Library) -> None:
    for name in ("ours') OR 1=1 --", 'x" OR 1', "%", "*", "ours\0", "' OR name LIKE '%"):
        assert two.documents(Scope.of(name)) == []
        assert two.search("word", scope=Scope.of(name)) == []


def test_there_are_k_passages_when_the_scope_has_as_many(library: Library, folder: Path) -> None:
    """A filter behind retrieval would lose them: the other collection's passages are all nearer."""
    (folder / "near").mkdir()
    (folder / "far").mkdir()
    for i in range(300):
        (folder / "near" / f"{i}.md").write_text(f"otter otter otter otter number {i} x{i}")
    for i in range(12):
        (folder / "far" / f"{i}.md").write_text(f"One sentence about whale {i}, beside an otter of y{i} and z{i}.")
    library.index([folder / "near"], collection="near")
    library.index([folder / "far"], collection="far")
    assert len(library.search("otter", k=12, scope=Scope.of("far"))) == 12


class TestCollections:
    def test_the_same_file_may_be_in_two(self, library: Library, folder: Path) -> None:
        (folder / "a.md").write_text("about whales")
        for name in ("one", "two"):
            assert library.index([folder], collection=name).added == 1
        first, second = library.documents()
        assert first.path == second.path
        assert first.id != second.id
        (folder / "a.md").unlink()
        assert library.index([folder], collection="one").removed == 1
        assert [d.collection for d in library.documents()] == ["two"]

    def test_they_are_counted(self, two: Library) -> None:
        assert [(c.name, c.documents) for c in two.collections()] == [("default", 0), ("ours", 2), ("theirs", 2)]
        assert all(c.created_at > 1e9 for c in two.collections())

    def test_renaming_keeps_ids_and_moves_the_right(self, two: Library) -> None:
        ids = {d.id for d in two.documents(Scope.of("ours"))}
        assert two.search("oursword", scope=Scope.of("ours"))
        two.rename_collection("ours", "mine")
        assert {d.id for d in two.documents(Scope.of("mine"))} == ids
        assert two.search("oursword", scope=Scope.of("ours")) == []
        assert two.search("oursword", scope=Scope.of("mine"))

    def test_a_new_collection_of_an_old_name_is_another(self, two: Library, folder: Path) -> None:
        two.rename_collection("ours", "mine")
        assert two.index([folder / "ours"], collection="ours").added == 2
        assert len({d.id for d in two.documents()}) == 6

    def test_deleting_takes_the_documents_along(self, two: Library) -> None:
        assert two.search("oursword", k=1, scope=Scope.of("ours"))
        assert two.delete_collection("ours") == 2
        assert [c.name for c in two.collections()] == ["default", "theirs"]
        assert two.search("oursword", scope=Scope.of("ours")) == []
        assert two.unmentioned(["oursword"]) == ["oursword"]
        with sqlite3.connect(two.folder / store.FILE) as db:
            counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("words", "passages")]
        assert counts == [2, 2]

    def test_moving_keeps_ids_and_the_folder_does_not_bring_it_back(self, two: Library, folder: Path) -> None:
        note = next(d for d in two.documents(Scope.of("ours")) if d.type == "markdown")
        passage = two.search("oursword", k=1)[0]
        two.create_collection("archive")
        assert two.move([note.id], "archive") == 1
        moved = two.document(note.id, Scope.of("archive"))
        assert moved is not None
        assert two.context(passage.id, Scope.of("archive")) is not None
        assert two.search("oursword", k=1, scope=Scope.of("ours"))[0].id != passage.id
        assert two.index([folder / "ours"], collection="ours").added == 0
        (folder / "ours" / "note.md").write_text("# Note\n\nWritten anew.")
        assert two.index([folder / "ours" / "note.md"], collection="archive").replaced == 1
        assert two.index([folder / "ours" / "note.md"], collection="ours").added == 1, "named by its own path it does"
        assert len({d.id for d in two.documents()}) == 5

    def test_moving_is_all_or_nothing(self, two: Library, folder: Path) -> None:
        ids = [d.id for d in two.documents(Scope.of("ours"))]
        two.index([folder / "ours" / "note.md"], collection="theirs")
        with pytest.raises(ToolError) as caught:
            two.move(ids, "theirs")
        assert caught.value.reason == "library_name"
        assert len(two.documents(Scope.of("ours"))) == 2

    @pytest.mark.parametrize("name", ["", " ", "a,b", "a\nb", "x" * 65, "\u200bzero"])
    def test_names_that_cannot_be(self, two: Library, name: str) -> None:
        for act in (two.create_collection, lambda n: two.rename_collection("ours", n)):
            with pytest.raises(ToolError) as caught:
                act(name)
            assert caught.value.reason == "library_name"

    def test_taken_names_and_missing_ones(self, two: Library) -> None:
        for act, reason in (
            (lambda: two.create_collection("ours"), "library_name"),
            (lambda: two.rename_collection("ours", "theirs"), "library_name"),
            (lambda: two.rename_collection("default", "first"), "library_name"),
            (lambda: two.rename_collection("nobody", "first"), "library_unknown"),
            (lambda: two.delete_collection("nobody"), "library_unknown"),
            (lambda: two.move([], "nobody"), "library_unknown"),
        ):
            with pytest.raises(ToolError) as caught:
                act()
            assert caught.value.reason == reason
            assert "\n" not in caught.value.detail

    def test_a_japanese_name_is_one_however_it_is_typed(self, library: Library) -> None:
        library.create_collection("カ\u3099イド")
        assert library.collections()[-1].name == "ガイド"


def test_permitted_numbers_as_bits(shared: Library) -> None:
    with shared._store.read() as db:
        assert db is not None
        allowed = shared._permissions.of(db, Scope.of("tenant1"), "x")
        assert allowed is not None
        bits = np.unpackbits(allowed.bitmap, bitorder="little")
        assert np.flatnonzero(bits).tolist() == allowed.numbers.tolist()
