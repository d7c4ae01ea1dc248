"""What several commands take, and the settings that come of it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent import Settings
    from tools.library import Library

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="FOLDER", help="Use this folder for index and conversations."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="Use this model: a name, a .gguf file, provider:model or a URL."),
]
DEFAULT_COLLECTION = "default"
InCollection = Annotated[
    str, typer.Option("--collection", metavar="NAME", help="The collection that the documents belong to.")
]
OfCollections = Annotated[
    list[str] | None,
    typer.Option("--collection", metavar="NAME", help="Only this collection; may be given several times."),
]
Every = Annotated[
    str | None,
    typer.Option("--every", metavar="TIME", help="Read web pages again at this interval: 30m, 6h, 1d."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def load_settings(**given: Any) -> Settings:
    """The settings of this command. Warnings go to the log in their data folder from here on."""
    from agent.settings import Settings
    from ui.journal import keep

    settings = Settings.load(**given)
    keep(settings.data_dir)
    return settings


@contextmanager
def opened_library(settings: Settings) -> Iterator[Library]:
    """The library alone, without conversations and model. What it cannot do becomes a line of its own."""
    from agent.errors import KotaeError
    from agent.library import open_library
    from tools.base import ToolError

    library = None
    try:
        library = open_library(settings)
        yield library
    except ToolError as error:
        raise KotaeError(in_words(error)) from error
    finally:
        if library is not None:
            library.close()


def interval(text: str | None) -> float | None:
    """`30m`, `6h` or `1d` in seconds; None when nothing was given."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})\s*([mhd])", text.strip().lower())
    if match is None or (seconds := float(match[1]) * {"m": 60, "h": 3600, "d": 86_400}[match[2]]) <= 0:
        raise typer.BadParameter("give a number and a unit: 30m, 6h or 1d", param_hint="--every")
    return seconds


def plain(record: Any) -> dict[str, Any]:
    """A record of the library as JSON types."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(record).items()}


def in_words(error: Exception) -> str:
    """A `ToolError` as a person reads it: its own detail, otherwise the interface's words for its code."""
    from ui.strings import load

    reason, detail = getattr(error, "reason", ""), getattr(error, "detail", "")
    return str(detail or load("en").code("notice", reason) or error)
