from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.library import Library, Loader, LoadError

MODULE = """
class Document:
    def __init__(self, text, **metadata):
        self.page_content, self.metadata = text, metadata

class Paged:
    def __init__(self, path):
        self.path = path
    def lazy_load(self):
        for page, text in enumerate(("about walruses", "about seals")):
            yield Document(text, source=self.path, page=page, title="Report")

class Rows(Paged):
    def lazy_load(self):
        yield Document("row about whales", source=self.path)
        yield Document("row about krill", source=self.path)
        yield Document("from elsewhere", source="https://example.com//other")

class Old:
    def __init__(self, path): pass
    def load(self): return [Document("# A\\n\\ntext\\n\\n# B\\n\\ntext")]

class Broken(Paged):
    def lazy_load(self): raise RuntimeError("no network\\nat all")

class Empty(Paged):
    def lazy_load(self): return iter(())

thing = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loaders_of_mine.py").write_text(MODULE)
    (tmp_path / "broken_of_mine.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)


def test_pages_of_a_source_become_one_document(library: Library) -> None:
    report = library.index(["https://example.com//x"], loader=Loader("loaders_of_mine:Paged"))
    assert (report.added, report.failed) == (1, ())
    (document,) = library.documents()
    assert (document.path, document.title, document.pages) == ("https://example.com//x", "Report", 2)
    (found,) = [p for p in library.search("seals") if "seals" in p.text]
    assert (found.page, found.url) == (2, "https://example.com//x")
    assert library.index(["https://example.com//x"], loader=Loader("loaders_of_mine:Paged")).unchanged == 1


def test_a_file_keeps_its_place_and_counts_as_unchanged_later(library: Library, folder: Path) -> None:
    path = folder / "a.md"
    path.write_text("what the usual reader would read")
    report = library.index([path], loader=Loader("loaders_of_mine:Rows"))
    assert report.added == 2
    assert {d.path: d.passages for d in library.documents()} == {str(path): 1, "https://example.com//other": 1}
    assert library.index([folder]).unchanged == 1
    assert any("krill" in p.text for p in library.search("krill"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Broken", r"could not read it \(RuntimeError: no network at all\)"),
        ("Empty", "found no text"),
    ],
)
def test_what_a_loader_cannot_read_is_reported_and_the_rest_goes_on(library: Library, name: str, reason: str) -> None:
    report = library.index(["x", "y"], loader=Loader(f"loaders_of_mine:{name}"))
    assert [f.name for f in report.failed] == ["x", "y"]
    with pytest.raises(LoadError, match=reason):
        Loader(f"loaders_of_mine:{name}").read("x")


def test_a_loader_of_the_old_kind() -> None:
    ((place, loaded),) = Loader("loaders_of_mine:Old").read("x")
    assert (place, loaded.type, loaded.title) == ("x", "markdown", "x")


def test_a_loader_of_langchain(library: Library, folder: Path) -> None:
    pytest.importorskip("langchain_community")
    (folder / "a.log").write_text("a line about whales")
    library.index([folder / "a.log"], loader=Loader("langchain_community.document_loaders:TextLoader"))
    assert library.search("whales")[0].text == "a line about whales"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("nothing", "write MODULE:CLASS"),
        ("a:b c", "write MODULE:CLASS"),
        ("no_such_module:Loader", "No module named 'no_such_module'"),
        ("broken_of_mine:Loader", "ZeroDivisionError"),
        ("loaders_of_mine:Nobody", "has no class Nobody"),
        ("loaders_of_mine:thing", "no document loader"),
        ("loaders_of_mine:Document", "no document loader"),
    ],
)
def test_what_is_no_loader_is_said_in_one_sentence(spec: str, reason: str) -> None:
    with pytest.raises(LoadError, match=reason) as caught:
        Loader(spec)
    assert str(caught.value).endswith(".")


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_community.document_loaders", None)
    with pytest.raises(LoadError, match=r"pip install 'kotae\[loaders\]'"):
        Loader("langchain_community.document_loaders:TextLoader")
