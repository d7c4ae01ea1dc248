"""E-mail: who wrote what to whom and when, the text, and what is attached."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

from tools.decode import decode
from tools.library.formats.blocks import Blocks, squeeze
from tools.library.formats.html import markdown_of
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, title_of

_FIELDS = ("From", "To", "Cc", "Date", "Subject")
_PARTS = 200
"""Parts of one e-mail that are looked at."""
_START = re.compile(rb"^From \S+.*\d{4}\s*$", re.MULTILINE)


def read_mail(source: Source) -> Loaded:
    """An e-mail, with the text of its attachments."""
    blocks = Blocks(source)
    title = _write(source, blocks, level=1)
    return Loaded(blocks.text(), title or title_of(source.path), "mail")


def read_mbox(source: Source) -> Loaded:
    """A mailbox in one file: each message a section."""
    blocks = Blocks(source)
    starts = [found.start() for found in _START.finditer(source.data) if _is_start(source.data, found.start())]
    for start, end in zip(starts, [*starts[1:], len(source.data)], strict=True):
        body = source.data[start:end].partition(b"\n")[2]
        _write(replace(source, data=re.sub(rb"^>(>*From )", rb"\1", body, flags=re.MULTILINE)), blocks, level=1)
    return Loaded(blocks.text(), title_of(source.path), "mail")


def _is_start(data: bytes, at: int) -> bool:
    return at == 0 or data[max(0, at - 2) : at] == b"\n\n" or data[max(0, at - 4) : at] == b"\r\n\r\n"


def _write(source: Source, blocks: Blocks, level: int) -> str:
    """Write an e-mail under its subject; returns the subject."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(source.data)
    except RecursionError as error:
        raise LoadError("The e-mail is nested too deeply to be read: save its text and index that.") from error
    assert isinstance(message, EmailMessage)
    subject = _field(message, "Subject")
    blocks.heading(level, subject)
    lines = [f"{name}: {value}" for name in _FIELDS if (value := _field(message, name))]
    blocks.paragraph("\n".join(lines))
    body, attached = _parts(message)
    blocks.plain(_unquoted(body[0])) if body[1] == "plain" else blocks.markdown(body[0], shift=level)
    for part in attached:
        _attachment(source, part, blocks, level + 1)
    return subject


def _parts(message: EmailMessage) -> tuple[tuple[str, str], list[EmailMessage]]:
    """(text and how it is written, what is attached). Plain text is preferred; pictures of the page are passed over."""
    plain: list[str] = []
    html: list[str] = []
    attached: list[EmailMessage] = []
    work: list[EmailMessage] = [message]
    for _ in range(_PARTS):
        if not work:
            break
        part = work.pop(0)
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or kind == "message/rfc822" or part.get_filename():
            inline = part.get_content_disposition() == "inline" or part.get("Content-ID")
            if not (inline and part.get_content_maintype() == "image"):
                attached.append(part)
        elif part.is_multipart():
            work = [item for item in part.iter_parts() if isinstance(item, EmailMessage)] + work
        elif kind == "text/plain":
            plain.append(_text(part))
        elif kind == "text/html":
            html.append(markdown_of(_text(part)))
    text = "\n\n".join(plain)
    rich = "\n\n".join(html)
    # some programs send a stub of text beside the real page
    return ((rich, "html") if len(text.strip()) * 5 < len(rich) else (text, "plain")), attached


def _attachment(source: Source, part: EmailMessage, blocks: Blocks, level: int) -> None:
    name = PurePosixPath(squeeze(part.get_filename() or "").replace("\\", "/")).name
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        if source.depth < source.limits.depth and isinstance(inner, EmailMessage):
            data = inner.as_bytes(policy=policy.SMTP)
            _write(replace(source, data=data, depth=source.depth + 1), blocks, level)
        else:
            blocks.paragraph(f"Attachment: {name or 'e-mail'} (not read)")
        return
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    if not data:
        blocks.paragraph(f"Attachment: {name}" if name else "")
        return
    from tools.library import formats

    name = name or "attachment"
    text = ""
    if source.depth < source.limits.depth:
        try:
            text = formats.read(replace(source, data=data, path=Path(name), depth=source.depth + 1)).text
        except LoadError:  # what cannot be read is still named
            text = ""
    if text.strip():
        blocks.heading(level, f"Attachment: {name}")
        blocks.markdown(text, shift=level)
    else:
        blocks.paragraph(f"Attachment: {name} (not read)")


def _field(message: EmailMessage, name: str) -> str:
    try:
        value = message.get(name)
        if name == "Date" and value is not None and isinstance(when := getattr(value, "datetime", None), datetime):
            return when.strftime("%Y-%m-%d %H:%M %z").strip()
        text = squeeze(str(value or ""))
    except (ValueError, TypeError, LookupError, AttributeError, IndexError):  # the parser of broken fields has holes
        return ""
    # raw Japanese in a field that says nothing of its encoding
    raw = (
        text.encode("ascii", "surrogateescape")
        if any("\udc80" <= c <= "\udcff" for c in text) and text.isascii()
        else b""
    )
    return (decode(raw) or text) if raw else text.encode("utf-8", "replace").decode()


def _text(part: EmailMessage) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = (part.get_content_charset() or "").lower()
    aliases = {
        "shift_jis": "cp932",
        "shift-jis": "cp932",
        "x-sjis": "cp932",
        "iso-2022-jp": "iso2022_jp_ext",
        "gb2312": "gb18030",
    }
    try:
        text = data.decode(aliases.get(charset, charset)) if charset else None
    except (LookupError, ValueError):
        text = None
    return (text if text is not None else decode(data) or "").replace("\r\n", "\n")


def _unquoted(text: str) -> str:
    """The quotation that a reply carries is kept, one level of marks for all."""
    return re.sub(r"^(?:>[ \t]?)+", "> ", text, flags=re.MULTILINE)
