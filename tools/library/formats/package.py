"""Packed formats (OOXML, OpenDocument, EPUB): a ZIP that cannot explode, and XML that cannot expand."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from tools.library.formats.source import Source
from tools.library.load import LoadError

RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_DAMAGED = "The file is damaged and cannot be opened: export or download it again."
_ENTITY = re.compile(rb"<!ENTITY|<\0!\0E\0N\0T\0I\0T\0Y|\0<\0!\0E\0N\0T\0I\0T\0Y")


def directory_size(data: bytes) -> int:
    """How many entries a ZIP file claims, before any of them is looked at."""
    at = data.rfind(b"PK\x05\x06")
    if at < 0:
        return 0
    count = int.from_bytes(data[at + 10 : at + 12], "little")
    # 65,535 stands for "see the larger record"; the directory's bytes tell then, an entry taking 46 at least
    return count if count < 0xFFFF else int.from_bytes(data[at + 12 : at + 16], "little") // 46


class Package:
    """The parts of a packed file. What is read is counted, and reading ends at the limit."""

    def __init__(self, source: Source) -> None:
        self._limits = source.limits
        if directory_size(source.data) > self._limits.members:
            raise LoadError(f"The packed file has more than {self._limits.members:,} parts: split it.")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(source.data))
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise LoadError(_DAMAGED) from error
        self.names = frozenset(self._archive.namelist())
        self._left = self._limits.expanded

    def read(self, name: str) -> bytes:
        """A part; empty when there is none. Raises `LoadError` beyond the limits and for a broken part."""
        if name not in self.names:
            return b""
        try:
            if self._archive.getinfo(name).flag_bits & 1:
                raise LoadError("The file is encrypted: save a copy without a password and index that.")
            with self._archive.open(name) as part:
                data = part.read(self._left + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise LoadError(_DAMAGED) from error
        self._left -= len(data)
        if self._left < 0:
            raise LoadError(
                f"The file unpacks to more than {self._limits.expanded / 2**20:.0f} MB, which is a trap: leave it out."
            )
        return data

    def xml(self, name: str) -> Any:
        """The root element of a part, None when there is no such part or it is empty."""
        data = self.read(name)
        return xml(data) if data.strip() else None

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """What an OOXML part points to inside of the file: id to (last word of the type, name of the part)."""
        folder, base = posixpath.split(name)
        root = self.xml(posixpath.join(folder, "_rels", base + ".rels"))
        found = {}
        for item in () if root is None else root.iter(RELATIONSHIPS):
            if item.get("TargetMode") != "External":
                kind = item.get("Type", "").rpartition("/")[2]
                found[item.get("Id", "")] = (kind, self.path(folder, item.get("Target", "")))
        return found

    def one(self, name: str, kind: str) -> str:
        """The name of the part of that kind that an OOXML part points to; empty when there is none."""
        return next((target for found, target in self.related(name).values() if found == kind), "")

    def main(self, usual: str) -> str:
        """The name of an OOXML file's main part."""
        found = self.one("", "officeDocument")
        return found if found in self.names else usual

    def path(self, folder: str, target: str) -> str:
        """A link of a part as the name of another one."""
        target = target.partition("#")[0]
        absolute = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
        name = posixpath.normpath(absolute)
        return name if name in self.names else unquote(name)

    def title(self) -> str:
        """The title of an OOXML file's properties."""
        root = self.xml(self.one("", "core-properties") or "docProps/core.xml")
        found = None if root is None else root.find("{http://purl.org/dc/elements/1.1/}title")
        return (found.text or "").strip() if found is not None else ""


def xml(data: bytes) -> Any:
    """The root of an XML document. Entities are refused, nothing is fetched. Raises `LoadError`."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    _refuse_entities(data)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise LoadError(_DAMAGED) from error
    if root is None:
        raise LoadError(_DAMAGED)
    return root


def elements(data: bytes, tag: str) -> Iterator[Any]:
    """The elements of one tag, in order, each let go after it was looked at: for parts too large for a tree."""
    from lxml import etree

    _refuse_entities(data)
    try:
        walk = etree.iterparse(
            io.BytesIO(data), tag=tag, resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )
        for _, element in walk:
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except (etree.XMLSyntaxError, ValueError) as error:
        raise LoadError(_DAMAGED) from error


def local(element: Any) -> str:
    """The tag of an element without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str:
    """An attribute by its name without namespace; empty when it is not set."""
    for key, value in element.attrib.items():
        if key == name or key.endswith("}" + name):
            return str(value)
    return ""


def _refuse_entities(data: bytes) -> None:
    if _ENTITY.search(data[:65536]):
        raise LoadError("The file defines XML entities, as only a trap does: leave it out.")
