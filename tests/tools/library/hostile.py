"""More than two hundred files that mean harm, or look as if they did: bombs, loops, truncated, encrypted, mislabelled.

`write_all(folder)` makes them; the same ones every time. Each is at most a few megabytes on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hostile_archives import bombs, books, sheets, xmls, zips
from hostile_files import images, mails, pdfs, strangers, texts

MAKER: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    make.__name__: make for make in (bombs, zips, xmls, sheets, pdfs, images, mails, books, texts, strangers)
}


def write_all(folder: Path, *, every: int = 1) -> list[Path]:
    """Write the files into `folder`; a sample has each `every`-th of a family, and none that is slow to make."""
    paths = []
    for name, make in MAKER.items():
        if every > 1 and make is bombs:
            continue
        for count, (file, data) in enumerate(make()):
            if count % every == 0:
                paths.append(folder / f"{name}-{file}")
                paths[-1].write_bytes(data)
    return paths
