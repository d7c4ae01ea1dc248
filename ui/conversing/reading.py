"""Reading scripts: variables are filled in, and a fault is told with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from ui.conversing.script import AnyScript, Document, Script, ScriptError, Simulated
from ui.conversing.variables import VariableError, rows


def read(path: Path) -> tuple[AnyScript, ...]:
    """The scripts in `path`: one, or one for each row of its table. Raises `ScriptError` naming file, line and what is
    wrong, for the first fault."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ScriptError(f"{path}: cannot be read ({reason}).") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_doubles(root, path)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise ScriptError(f"{path}:{mark.line + 1 if mark else 1}: {problem}.") from error
    if not isinstance(values, dict):
        raise ScriptError(f"{path}:1: a script is a mapping that begins with `name:`.")
    try:
        filled = rows(values)
    except VariableError as error:
        raise ScriptError(f"{path}:{_line_of(root, error.seen)}: {error}.") from error
    return tuple(_validated(one, row, root, path) for row, one in filled.items())


def _validated(values: dict[str, Any], row: str, root: yaml.Node | None, path: Path) -> AnyScript:
    kind = Simulated if values.get("kind") == "simulated" else Script
    try:
        script = kind.model_validate(values)
    except ValidationError as error:
        # of a union every branch complains; the one that got furthest into the file is meant
        places = [(_place(root, fault["loc"]), fault) for fault in error.errors()]
        place, fault = max(places, key=lambda found: found[0].depth)
        where = f" (row {row!r})" if row else ""
        raise ScriptError(f"{path}:{place.line}: {_in_words(fault, place)}{where}") from error
    name = f"{script.name} [{row}]" if row else script.name
    return script.model_copy(update={"name": name, "library": _with_files(script, path)})


def _with_files(script: AnyScript, path: Path) -> Any:
    """The library, its files named by their whole path."""
    if script.library == "sample":
        return script.library
    found = []
    for document in script.library:
        assert isinstance(document, Document)
        if document.file is not None:
            file = path.parent / Path(document.file).expanduser()
            if not file.is_file():
                raise ScriptError(f"{path}: there is no file {document.file}, which the library of the script names.")
            document = document.model_copy(update={"file": str(file.resolve())})
        found.append(document)
    return tuple(found)


def _line_of(root: yaml.Node | None, seen: tuple[str, ...]) -> int:
    """Where something stands first: a variable in a text, or the name of one."""
    found = (
        line
        for text, line in _scalars(root)
        if any(one in text if one.startswith("$") else one == text for one in seen)
    )
    return min(found, default=1)


def _scalars(node: yaml.Node | None) -> list[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        return [found for pair in node.value for part in pair for found in _scalars(part)]
    if isinstance(node, yaml.SequenceNode):
        return [found for part in node.value for found in _scalars(part)]
    return [(node.value, node.start_mark.line + 1)] if isinstance(node, yaml.ScalarNode) else []


class _Place(NamedTuple):
    """Where a fault stands: its line (from 1), how many steps from the top, and the last key on the way."""

    line: int
    depth: int
    key: str


def _place(root: yaml.Node | None, loc: tuple[int | str, ...]) -> _Place:
    """The deepest node on the way to `loc`; pydantic's own tags in `loc` are passed over."""
    node = root
    place = _Place(root.start_mark.line + 1 if root else 1, 0, "")
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is not None:
                place, node = _Place(found[0].start_mark.line + 1, place.depth + 1, str(part)), found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            place = _Place(node.start_mark.line + 1, place.depth + 1, place.key)
    return place


def _in_words(fault: Any, place: _Place) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key {place.key!r}."
    if fault["type"] == "missing":
        return f"the key {fault['loc'][-1]!r} is missing."
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "string_type":
        message += "; put it in quotes"
    return f"{place.key or 'the script'}: {message}."


def _refuse_doubles(node: yaml.Node | None, path: Path) -> None:
    """YAML lets the later of two equal keys win in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ScriptError(f"{path}:{key.start_mark.line + 1}: the key {key.value!r} stands here twice.")
            seen.add(key.value)
            _refuse_doubles(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_doubles(child, path)
