"""Bytes of a file to the text that passages are cut from, by one reader a format. Runs in the child process.

To add a format: teach `kinds.tell` how its content looks, write a reader `(Source) -> Loaded`, name it in `_READERS`.
"""

from __future__ import annotations

from importlib import import_module

from tools.library.formats.kinds import Kind, tell
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError

__all__ = ["Kind", "Source", "read", "tell"]

_READERS: dict[Kind, str] = {
    "markdown": "text:read_text",
    "text": "text:read_text",
    "code": "code:read_code",
    "csv": "table:read_csv",
    "json": "data:read_json",
    "jsonl": "data:read_jsonl",
    "notebook": "data:read_notebook",
    "html": "html:read_html",
    "pdf": "pdf:read_pdf",
    "docx": "word:read_docx",
    "rtf": "rtf:read_rtf",
    "pptx": "slides:read_pptx",
    "xlsx": "sheets:read_xlsx",
    "odt": "opendocument:read_odt",
    "ods": "opendocument:read_ods",
    "odp": "opendocument:read_odp",
    "epub": "epub:read_epub",
    "mail": "mail:read_mail",
    "mbox": "mail:read_mbox",
    "image": "image:read_image",
}


def read(source: Source) -> Loaded:
    """The text of a file. Raises `LoadError`."""
    module, name = _READERS[tell(source.data, source.path)].split(":")
    reader = getattr(import_module(f"tools.library.formats.{module}"), name)
    loaded: Loaded = reader(source)
    if not loaded.text.strip():
        raise LoadError("No text was found: the file holds nothing that can be read.")
    source.check(len(loaded.text), loaded.text.count("\n"))
    return loaded
