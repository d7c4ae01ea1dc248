"""JSON, JSONL and notebooks: data as a person would read it aloud."""

from __future__ import annotations

import json
from typing import Any

from tools.decode import decode
from tools.library.formats.blocks import Blocks
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, title_of

_DEEP = "The JSON is nested too deeply to be read: flatten it, or export it as text."
_DEPTH = 60
_SHOWN = 2000
"""Characters of a cell's output that are kept."""


def read_json(source: Source) -> Loaded:
    """One JSON value: objects in a list become records, everything else lines of `path: value`."""
    value = _parsed(decode(source.data) or "")
    blocks = Blocks(source)
    _write(blocks, value, (), 1)
    title = value.get("title") if isinstance(value, dict) else None
    return Loaded(blocks.text(), title if isinstance(title, str) and title.strip() else title_of(source.path), "json")


def read_jsonl(source: Source) -> Loaded:
    """A JSON value on each line. Lines that are broken are passed over, unless most are."""
    blocks = Blocks(source)
    good = bad = 0
    for line in (decode(source.data) or "").split("\n"):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            bad += 1
            continue
        good += 1
        _record(blocks, value, 2)
    if bad > good:
        raise LoadError("Most lines are no JSON: export the file again.")
    return Loaded(blocks.text(), title_of(source.path), "json")


def read_notebook(source: Source) -> Loaded:
    """A Jupyter notebook: its Markdown, its code, and the text that the code printed."""
    value = _parsed(decode(source.data) or "")
    language = str((value.get("metadata") or {}).get("kernelspec", {}).get("language", "python"))
    blocks = Blocks(source)
    for cell in value["cells"]:
        if not isinstance(cell, dict):
            continue
        text = _joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            blocks.markdown(text)
        elif cell.get("cell_type") == "code":
            blocks.code(text, language)
            for output in cell.get("outputs") or ():
                if isinstance(output, dict):
                    data = output.get("data") or {}
                    blocks.code(_joined(output.get("text") or data.get("text/plain"))[:_SHOWN])
        else:
            blocks.plain(text)
    first = next((line.lstrip("# ") for line in blocks.text().split("\n") if line.startswith("# ")), "")
    return Loaded(blocks.text(), first or title_of(source.path), "code")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise LoadError(_DEEP) from error


def _write(blocks: Blocks, value: Any, path: tuple[str, ...], level: int) -> None:
    if len(path) > _DEPTH:
        raise LoadError(_DEEP)
    if isinstance(value, dict):
        simple = {key: _scalar(item) for key, item in value.items() if not isinstance(item, dict | list)}
        simple |= {key: ", ".join(map(_scalar, item)) for key, item in value.items() if _flat(item)}
        for key, text in simple.items():
            if text.strip():
                name = ".".join((*path, str(key)))
                blocks.item(f"{name}: {text}") if len(text) <= 300 else blocks.plain(f"{name}: {text}")
        for key, item in value.items():
            if key not in simple and item:
                inner = (*path, str(key))
                if level <= 2:
                    blocks.heading(level + 1, ".".join(inner))
                _write(blocks, item, inner, level + 1)
    elif isinstance(value, list):
        if _flat(value):
            blocks.paragraph(
                f"{'.'.join(path)}: {', '.join(map(_scalar, value))}" if path else ", ".join(map(_scalar, value))
            )
            return
        for item in value:
            _record(blocks, item, min(6, level + 1))
    elif text := _scalar(value):
        blocks.paragraph(f"{'.'.join(path)}: {text}" if path else text)


def _record(blocks: Blocks, value: Any, level: int) -> None:
    """An object of a list, its nested values beside their paths."""
    if isinstance(value, dict):
        blocks.record(_flattened(value), level)
    elif isinstance(value, list):
        blocks.item(" | ".join(_flattened({"": value}).values()))
    else:
        blocks.item(_scalar(value))


def _flattened(value: dict[str, Any]) -> dict[str, str]:
    """Scalars by the path to them: `address.city`."""
    found: dict[str, str] = {}
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        if depth > _DEPTH:
            raise LoadError(_DEEP)
        if isinstance(item, dict):
            stack.extend(
                (f"{path}.{key}" if path else str(key), inner, depth + 1) for key, inner in reversed(item.items())
            )
        elif isinstance(item, list) and not _flat(item):
            stack.extend(
                (f"{path}.{at}" if path else str(at), inner, depth + 1)
                for at, inner in reversed(list(enumerate(item, 1)))
            )
        else:
            found[path] = ", ".join(map(_scalar, item)) if isinstance(item, list) else _scalar(item)
    return found


def _flat(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else str(value)


def _joined(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")
