"""EPUB: the chapters in the order of the spine."""

from __future__ import annotations

import posixpath
from typing import Any

from tools.decode import decode
from tools.library.formats.blocks import Blocks
from tools.library.formats.html import markdown_of
from tools.library.formats.package import Package, attribute, local, xml
from tools.library.formats.source import Source
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, LoadError, title_of

_DAMAGED = "The book is damaged and cannot be opened: download it again."


def read_epub(source: Source) -> Loaded:
    """A book. Raises `LoadError` when it is protected against copying."""
    package = Package(source)
    container = package.xml("META-INF/container.xml")
    rootfile = None if container is None else next(container.iter("{*}rootfile"), None)
    name = "" if rootfile is None else rootfile.get("full-path", "")
    root = package.xml(name)
    if root is None:
        raise LoadError(_DAMAGED)
    folder = posixpath.dirname(name)
    manifest = {attribute(item, "id"): item for item in root.iter("{*}item")}
    protected = _encrypted(package)
    names = _contents(package, manifest, folder)
    blocks = Blocks(source)
    seen: set[str] = set()
    for reference in root.iter("{*}itemref"):
        item = manifest.get(reference.get("idref", ""))
        if item is None or reference.get("linear") == "no" or "nav" in item.get("properties", "").split():
            continue
        part = package.path(folder, item.get("href", ""))
        if part in seen:
            continue
        seen.add(part)
        if part in protected:
            raise LoadError("The book is protected against copying (DRM): index a copy without protection.")
        text = markdown_of(decode(package.read(part), html=True) or "")
        if not any(line.startswith("#") for line in text[:5000].split("\n")):
            blocks.heading(1, names.get(part, ""))
        blocks.markdown(text)
    named = next((item.text or "" for item in root.iter("{*}title")), "")
    return Loaded(blocks.text(), chosen(named) or title_of(source.path), "epub")


def _encrypted(package: Package) -> frozenset[str]:
    """The parts that are encrypted. Fonts often are, which is no matter here."""
    root = package.xml("META-INF/encryption.xml")
    references = () if root is None else root.iter("{*}CipherReference")
    return frozenset(package.path("", reference.get("URI", "")) for reference in references)


def _contents(package: Package, manifest: dict[str, Any], folder: str) -> dict[str, str]:
    """What the table of contents calls each part; the first name counts."""
    found: dict[str, str] = {}
    for item in manifest.values():
        navigation = "nav" in item.get("properties", "").split()
        if not navigation and item.get("media-type") != "application/x-dtbncx+xml":
            continue
        part = package.path(folder, item.get("href", ""))
        try:
            root = xml(package.read(part))
        except LoadError:  # a book without a table of contents can still be read
            continue
        base = posixpath.dirname(part)
        for point in root.iter("{*}a" if navigation else "{*}navPoint"):
            target = point.get("href", "")
            label = "".join(point.itertext())
            if not navigation:
                target = next((content.get("src", "") for content in point if local(content) == "content"), "")
                label = next(("".join(text.itertext()) for text in point if local(text) == "navLabel"), "")
            if target and label.strip():
                found.setdefault(package.path(base, target), label)
    return found
