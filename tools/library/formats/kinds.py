"""What a file is, told by its content. The name decides only between kinds of plain text."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Literal

from tools.decode import decode
from tools.library.load import NOT_YET, LoadError

Kind = Literal[
    "markdown", "text", "code", "csv", "json", "jsonl", "notebook", "html", "pdf", "docx", "rtf", "pptx", "xlsx",
    "odt", "ods", "odp", "epub", "mail", "mbox", "image",
]  # fmt: skip

HEAD = 8192
"""Bytes that `promising` wants to see."""

_PDF = re.compile(rb"(?:\A|[\r\n])\s*%PDF-\d")
_HTML = re.compile(
    rb"\A\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"GIF87a", b"GIF89a")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ARCHIVE = "This is an archive, not a document: unpack it and index the folder."
_PROGRAM = "This is a program, not a document: leave it out."
_SOUND = "This is sound or video, not a document: index a transcript of it."
_OTHER = (
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"7z\xbc\xaf", _ARCHIVE),
    (b"Rar!", _ARCHIVE),
    (b"\xfd7zXZ", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"\x7fELF", _PROGRAM),
    (b"MZ\x90", _PROGRAM),
    (b"\xca\xfe\xba\xbe", _PROGRAM),
    (b"OggS", _SOUND),
    (b"ID3", _SOUND),
    (b"fLaC", _SOUND),
    (b"\x1aE\xdf\xa3", _SOUND),
    (b"SQLite format 3", "This is a database, not a document: export its tables as CSV and index those."),
)
_BINARY = "This is a binary file, not a document: export it as PDF, HTML, Markdown or text."
_MARKDOWN = frozenset((".md", ".markdown", ".mdown"))
_TEXT = frozenset((".txt", ".text", ".rst", ".adoc", ".org", ".tex", ".log", ".srt", ".vtt"))
_ATX = re.compile(r"^#{1,6} \S", re.MULTILINE)
_FIELD = re.compile(
    rb"^(from|to|cc|date|subject|message-id|mime-version|received|return-path|delivered-to|reply-to|content-type|"
    rb"x-[a-z-]+|dkim-signature|content-transfer-encoding|sender|in-reply-to|references|user-agent):[ \t]",
    re.IGNORECASE,
)
_MBOX = re.compile(rb"\AFrom \S+.*\d{4}\s*$", re.MULTILINE)


def promising(head: bytes) -> bool:
    """Whether the first `HEAD` bytes are those of a document that is worth picking up whatever it is called."""
    return bool(
        _PDF.search(head[:1024])
        or _is_html(head)
        or head.startswith(b"{\\rtf")
        or (head.startswith(b"PK\x03\x04") and head[30:49].startswith((b"[Content_Types].xml", b"mimetype")))
    )


def tell(data: bytes, path: Path) -> Kind:
    """The kind of a file. Raises `LoadError` with the reason when it is none that can be read."""
    head = data[:HEAD]
    suffix = path.suffix.lower()
    if _PDF.search(head[:1024]):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(data, suffix)
    if head.startswith(_OLE):
        raise LoadError(_compound(data, suffix))
    if head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or _is_bitmap(head):
        return "image"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head[4:8] == b"ftyp":
        raise LoadError(NOT_YET[".heic"] if head[8:11] in (b"hei", b"mif") else _SOUND)
    for magic, reason in _OTHER:
        if head.startswith(magic):
            raise LoadError(reason)
    return _textual(data, suffix)


def _textual(data: bytes, suffix: str) -> Kind:
    text = decode(data)
    if text is None:
        if suffix == ".pdf":
            raise LoadError("This is not a PDF although it is named so: export it as PDF again.")
        raise LoadError(NOT_YET.get(suffix, _BINARY))
    if not text.strip():
        raise LoadError("No text was found: the file holds nothing but white space.")
    head = data[:HEAD].lstrip(b"\xef\xbb\xbf")
    if suffix in _MARKDOWN:
        return "markdown"
    if _is_html(head):
        return "html"
    if _MBOX.match(head):
        return "mbox"
    if _is_mail(head, suffix):
        return "mail"
    if kind := _data(text):
        return kind
    from tools.library.formats.code import language_of

    if language_of(suffix, text):
        return "code"
    if suffix not in _TEXT and len(_ATX.findall(text)) > 1:
        return "markdown"
    from tools.library.formats.table import delimiter_of

    if delimiter_of(text, sure=suffix in (".csv", ".tsv", ".tab")):
        return "csv"
    return "markdown" if len(_ATX.findall(text)) > 1 else "text"


def _is_html(head: bytes) -> bool:
    return bool(_HTML.match(head.lstrip(b"\xef\xbb\xbf")[:4096]))


def _is_bitmap(head: bytes) -> bool:
    return (
        head[:2] == b"BM"
        and head[6:10] == b"\x00\x00\x00\x00"
        and head[14:18] in (b"\x28\0\0\0", b"\x7c\0\0\0", b"\x6c\0\0\0")
    )


def _is_mail(head: bytes, suffix: str) -> bool:
    """Header fields that only e-mails have; a note that begins with `To:` is none."""
    names = set()
    for line in head.split(b"\n"):
        if field := _FIELD.match(line):
            names.add(field[1].lower())
        elif not line.strip():
            break
        elif not line[:1].isspace():
            return False
    if suffix in (".eml", ".mht", ".mhtml"):
        return bool(names)
    return (
        bool({b"message-id", b"mime-version", b"received"} & names) and len({b"from", b"date", b"subject"} & names) > 1
    )


def _data(text: str) -> Kind | None:
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    try:
        value = json.loads(text)
    except RecursionError:
        raise LoadError("The JSON is nested too deeply to be read: flatten it, or export it as text.") from None
    except ValueError:
        return "jsonl" if _is_jsonl(text) else None
    if isinstance(value, dict) and "nbformat" in value and isinstance(value.get("cells"), list):
        return "notebook"
    return "json"


def _is_jsonl(text: str) -> bool:
    lines = [line for line in text[:200_000].split("\n")[:5] if line.strip()]
    good = 0
    for line in lines:
        try:
            good += isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            continue
    # the window may end within a line, and one broken record does not make a file something else
    return good >= 1 and good >= len(lines) - 1


def _packed(data: bytes, suffix: str) -> Kind:
    """What a ZIP file is, by the parts that only that kind has."""
    from tools.library.formats.package import directory_size

    if directory_size(data) > 100_000:
        raise LoadError("The packed file has too many parts: unpack it and index the folder.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            mime = archive.read("mimetype")[:100].decode("latin-1").strip() if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError) as error:
        raise LoadError("The file is damaged and cannot be opened: export or download it again.") from error
    kinds: dict[str, Kind] = {"application/epub+zip": "epub"}
    for ending, kind in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")):
        kinds[f"application/vnd.oasis.opendocument.{ending}"] = kind  # type: ignore[assignment]
    if mime in kinds:
        return kinds[mime]
    if "xl/workbook.bin" in names:
        raise LoadError(NOT_YET[".xlsb"])
    parts: tuple[tuple[str, Kind], ...] = (
        ("word/document", "docx"),
        ("ppt/presentation", "pptx"),
        ("xl/workbook", "xlsx"),
        ("META-INF/container.xml", "epub"),
    )
    for part, kind in parts:
        if any(name.startswith(part) for name in names):
            return kind
    raise LoadError(NOT_YET.get(suffix, _ARCHIVE))


def _compound(data: bytes, suffix: str) -> str:
    """Why an OLE container (what Office wrote before 2007, and writes for a password) cannot be read."""
    for stream, reason in (
        ("EncryptedPackage", "The file is encrypted: save a copy without a password and index that."),
        ("WordDocument", NOT_YET[".doc"]),
        ("Workbook", NOT_YET[".xls"]),
        ("PowerPoint Document", NOT_YET[".ppt"]),
        ("__substg1.0_", NOT_YET[".msg"]),
    ):
        if stream.encode("utf-16-le") in data:
            return reason
    return NOT_YET.get(suffix, _BINARY)
