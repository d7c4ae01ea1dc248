"""What the interface needs of the library: a document's passages in order, and sources that are given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.base import ToolError
from tools.library import Library, Scope

LONG = "\n\n".join(f"## Part {n}\n\nParagraph {n} speaks about subject {n}. " + "It is long. " * 60 for n in range(6))


def titles(library: Library) -> set[str]:
    return {document.title for document in library.documents()}


def test_the_passages_of_a_document_come_in_reading_order(library: Library, folder: Path) -> None:
    (folder / "long.md").write_text(f"# Long\n\n{LONG}", "utf-8")
    library.index([folder])
    (document,) = library.documents()
    found = library.passages(document.id)
    assert len(found) == document.passages > 3
    assert [p.start for p in found] == sorted(p.start for p in found)
    assert {p.document for p in found} == {document.id}
    assert found[0].heading == ("Long", "Part 0")
    assert library.passages(document.id, first=1, count=2) == found[1:3]
    assert library.passages(document.id, Scope.of("other")) == []
    assert library.passages("nothing") == []


def test_a_source_goes_with_its_documents_and_no_others(library: Library, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    for path in (folder / "a.md", folder / "b.md", inner / "c.md"):
        path.write_text(f"# {path.stem}\n\nSome text about {path.stem}.", "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    library.index([folder])
    library.index([inner])
    library.index([folder / "b.md"])
    library.index([folder / "a.md"], collection="other")
    assert library.remove_source(folder) == 1
    assert [(d.title, d.collection) for d in library.documents()] == [
        ("a", "other"),
        ("b", "default"),
        ("c", "default"),
    ]
    assert library.failures() == []
    assert (folder / "a.md").is_file()
    assert {Path(s.path).name for s in library.sources()} == {"inner", "b.md", "a.md"}
    assert library.search("text about a", scope=Scope.of("default"))[0].title != "a"


def test_a_source_that_is_not_there_is_refused(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("# A\n\nText.", "utf-8")
    library.index([folder])
    with pytest.raises(ToolError, match="no source"):
        library.remove_source(folder / "a.md")
    with pytest.raises(ToolError, match="no collection"):
        library.remove_source(folder, collection="none")
    assert titles(library) == {"A"}
