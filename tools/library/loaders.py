"""Document loaders of LangChain, named by the user as MODULE:CLASS. They run in this process, with all its rights."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from tools.library.load import Limits, Loaded, LoadError, title_of

_DEFAULTS = Limits()
_ATX = re.compile(r"^#{1,6} \S", re.MULTILINE)


class _Document(Protocol):
    """`langchain_core.documents.Document`, as far as it is looked at."""

    page_content: str
    metadata: dict[str, Any]


class Loader:
    """A loader class, ready to be called with one path or address after the other."""

    def __init__(self, spec: str) -> None:
        """Import `MODULE:CLASS`. Raises `LoadError` when there is no such thing."""
        module, _, name = spec.partition(":")
        if not module or not name.isidentifier():
            raise LoadError(
                f"{spec!r} names no loader: write MODULE:CLASS, for example "
                "langchain_community.document_loaders:WikipediaLoader."
            )
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())  # a module of the user's own, beside the documents
        try:
            found = getattr(importlib.import_module(module), name)
        except AttributeError as error:
            raise LoadError(f"The module {module} has no class {name}: check its spelling.") from error
        except ImportError as error:
            if (error.name or "").partition(".")[0] == "langchain_community":
                raise LoadError(
                    "This loader needs an extra that is not installed: pip install 'kotae[loaders]'."
                ) from error
            raise LoadError(
                f"The loader's module cannot be imported ({_line(error)}): install it, or check its spelling."
            ) from error
        except Exception as error:
            raise LoadError(f"The loader's module cannot be imported ({_line(error)}): mend it first.") from error
        if not callable(found) or not (hasattr(found, "lazy_load") or hasattr(found, "load")):
            raise LoadError(f"{spec} is no document loader: it has no method lazy_load or load.")
        self._class = found
        self.name = name

    def read(self, given: str, limits: Limits = _DEFAULTS) -> list[tuple[str, Loaded]]:
        """What the loader makes of a path or an address: (path or address, text) of each document.

        Pieces of one source, such as its pages or rows, become one document. Raises `LoadError`.
        """
        pieces: dict[str, list[_Document]] = {}
        length = 0
        try:
            loader = self._class(given)
            documents: Iterable[_Document] = loader.lazy_load() if hasattr(loader, "lazy_load") else loader.load()
            for document in documents:
                length += len(document.page_content)
                if length > limits.characters * 20:
                    raise LoadError(f"The loader gave more than {limits.characters * 20:,} characters: give it less.")
                pieces.setdefault(_place(str(document.metadata.get("source") or given)), []).append(document)
        except LoadError:
            raise
        except Exception as error:
            raise LoadError(f"The loader {self.name} could not read it ({_line(error)}).") from error
        found = [(place, _joined(place, documents)) for place, documents in pieces.items()]
        if not any(loaded.text.strip() for _, loaded in found):
            raise LoadError(f"The loader {self.name} found no text in it.")
        for _, loaded in found:
            if len(loaded.text) > limits.characters:
                raise LoadError(f"A document holds more than {limits.characters:,} characters of text: split it.")
        return found


def _place(source: str) -> str:
    return os.path.abspath(source) if os.path.lexists(source) else source


def _joined(place: str, documents: Sequence[_Document]) -> Loaded:
    """The pieces of one source as one text, with its pages if all pieces know theirs."""
    numbers = [document.metadata.get("page") for document in documents]
    paged = all(isinstance(number, int) and 0 <= number < 100_000 for number in numbers)
    # LangChain counts from 0 in most loaders and from 1 in some
    first = 0 if 0 in numbers else 1
    text = ""
    pages: list[int] = []
    for document, number in zip(documents, numbers, strict=True):
        while paged and len(pages) <= int(number or 0) - first:
            pages.append(len(text))
        text += document.page_content.replace("\r\n", "\n").replace("\0", " ").rstrip() + "\n\n"
    title = next((str(d.metadata["title"]) for d in documents if d.metadata.get("title")), "")
    name = title_of(Path(place)) if os.path.lexists(place) else place
    return Loaded(text, title or name, "markdown" if len(_ATX.findall(text)) > 1 else "text", tuple(pages))


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": .")
