"""What reading a file means: its limits, what comes out of it, and the sentence when nothing does.

The reading itself happens in `formats`, which runs in a child process (`worker`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools.library.records import DocumentType

SUFFIXES = frozenset(
    (
        *(
            ".md .markdown .mdown .txt .text .rst .adoc .org .tex .log .srt .vtt .html .htm .xhtml .mht .mhtml .pdf"
        ).split(),
        *(".docx .docm .dotx .rtf .odt .pptx .pptm .ppsx .odp .xlsx .xlsm .ods .csv .tsv .tab").split(),
        *(".epub .eml .mbox .json .jsonl .ndjson .ipynb .png .jpg .jpeg .tif .tiff .webp .gif .bmp").split(),
        *(".py .pyi .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .groovy .c .h .cc .cpp .cxx .hpp .hh .m").split(),
        *(".cs .go .rs .rb .php .swift .dart .lua .pl .pm .r .jl .ex .exs .hs .clj .sh .bash .zsh .ps1 .sql").split(),
        *(".vue .svelte .proto .graphql .tf .yaml .yml .toml .ini .cfg .xml").split(),
    )
)
"""Endings that are picked up from a folder; elsewhere a look at the content finds documents (`formats.kinds`)."""

NOT_YET = {
    ".doc": "Old Word files (.doc) cannot be read: save it as .docx or PDF and index that.",
    ".xls": "Old Excel files (.xls) cannot be read: save it as .xlsx or CSV and index that.",
    ".xlsb": "Binary Excel files (.xlsb) cannot be read: save it as .xlsx or CSV and index that.",
    ".ppt": "Old PowerPoint files (.ppt) cannot be read: save it as .pptx or PDF and index that.",
    ".msg": "Outlook messages (.msg) cannot be read: save it as .eml or text and index that.",
    ".pst": "Outlook mailboxes (.pst) cannot be read: save the messages as .eml and index those.",
    ".pages": "Pages files cannot be read: export it as .docx or PDF and index that.",
    ".numbers": "Numbers files cannot be read: export it as .xlsx or CSV and index that.",
    ".key": "Keynote files cannot be read: export it as .pptx or PDF and index that.",
    ".mobi": "Kindle books cannot be read: convert it to EPUB and index that.",
    ".azw3": "Kindle books cannot be read: convert it to EPUB and index that.",
    ".jtd": "Ichitaro files cannot be read: save it as .docx or PDF and index that.",
    ".heic": "HEIC pictures cannot be read: save it as JPEG or PNG and index that.",
}
"""Documents that people have and this version cannot read: they are reported, never passed over silently."""


@dataclass(frozen=True)
class Limits:
    """What one file may cost. A file beyond a limit is reported, the rest goes on."""

    bytes: int = 64 * 2**20
    pages: int = 3000
    """Of a PDF."""
    characters: int = 2_000_000
    lines: int = 100_000
    """Each may become a block of its own, and blocks cost the parent more memory than characters do."""
    expanded: int = 256 * 2**20
    """Bytes that the parts of one packed file (DOCX, EPUB and the like) may have together once they are unpacked."""
    members: int = 20_000
    """Entries of a packed file."""
    depth: int = 3
    """How deep an e-mail is followed into the e-mails attached to it."""
    pixels: int = 120_000_000
    """Of a picture, before it is decoded: an A3 page at 600 dpi has 70 million."""
    seconds: float = 18.0
    """Wall time in the child process, its start included; recognition has its own."""
    page_seconds: float = 40.0
    """Wall time for the recognition of one page: 3 seconds on two idle cores, 15 on busy ones."""
    scanned: int = 500
    """Pages of one file whose text is recognised from a picture."""
    scanned_seconds: float = 3600.0
    """Wall time of a file with scanned pages as a whole."""
    memory: int = 2**30
    """Address space that one file may take in the child process."""
    scanned_memory: int = 2 * 2**30
    """The same while pages are recognised: the recogniser reserves 1.1 GB and uses 0.7 GB of it."""


@dataclass(frozen=True)
class Loaded:
    """A document's text as passages are cut from it: Markdown for everything that has headings."""

    text: str
    title: str
    type: DocumentType
    pages: tuple[int, ...] = ()
    """Where each page of a PDF, or each slide, begins in `text`."""
    unread: str = ""
    """One sentence on what is missing from `text`, such as scanned pages; empty when everything was read."""
    published: str = ""
    """The day on which a page of the web was published, or else changed, as 2025-03-14; empty when it does not say."""
    canonical: str = ""
    """The address by which a page of the web wants to be known, as it is written there."""
    robots: str = ""
    """The rules for programs that a page of the web holds, as they are written there, parted by commas."""


class LoadError(Exception):
    """The file cannot be read. `str(error)` is one sentence: what is wrong and what to do."""


def examine(size: int, limits: Limits) -> None:
    """Raises `LoadError` for a file that is not worth opening."""
    if size == 0:
        raise LoadError("The file is empty (0 bytes): save it again from where it came.")
    if size > limits.bytes:
        raise LoadError(
            f"The file is too large ({size / 2**20:.0f} MB, the limit is {limits.bytes / 2**20:.0f} MB): "
            "split it into smaller files."
        )


def plain(heading: str) -> str:
    """A heading without its Markdown marks."""
    heading = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[*`]|\s*\{#[^}]*\}\s*$|(?<!\w)_|_(?!\w)", "", heading).strip()


def title_of(path: Path) -> str:
    """A title from the file's name."""
    return re.sub(r"[_\s]+", " ", path.stem).strip() or path.name
