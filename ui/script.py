"""Scripted conversations as they are written: the schema of a `*.yaml`, and reading one with the line of each fault."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from agent.errors import KotaeError
from agent.examples import is_place
from agent.state import Language, Place
from tools.base import Consent
from tools.specialist.card import Card


class ScriptError(KotaeError):
    """A script cannot be read. The message begins with `file:line:`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if not path.strip() or pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise ValueError("must be a relative path inside the script's library")
    return path


def _place_of_answer(route: str) -> Place:
    if not is_place(route):
        raise ValueError(f"{route!r} is no route, such as library, web or specialist:banking")
    return route


def _unless_false(value: object) -> object:
    # YAML 1.1 reads a bare `off` as false
    return "off" if value is False else value


class Document(_Strict):
    """A document that the script brings with it."""

    path: Annotated[str, AfterValidator(_inside)]
    text: str


class Hit(_Strict):
    """A web search result that the script brings with it."""

    title: str
    url: Annotated[str, Field(pattern=r"^https?://")]
    text: str


Web = Annotated[Literal["off", "unavailable"] | tuple[Hit, ...], BeforeValidator(_unless_false)]
"""`off`: the turn may not leave the machine; `unavailable`: the search fails; otherwise what it finds."""

Words = str | tuple[str, ...]
"""A text that must be there, or several of which one must be."""


class Expect(_Strict):
    """What a turn must come to; what is not given is not checked."""

    route: Annotated[Place, AfterValidator(_place_of_answer)] | None = None
    standalone: tuple[Words, ...] | None = None
    """Texts in the question as it was understood, after a follow-up was made to stand alone."""
    cites: tuple[str, ...] | None = None
    """Titles or paths of documents that the answer must cite, among others; an empty list: it must cite nothing."""
    contains: tuple[Words, ...] | None = None
    not_contains: tuple[str, ...] | None = None
    refused: bool | None = None
    or_refused: bool | None = None
    """A refusal will do as well; then `refused`, `route` (a refusal names the last place looked at), `contains` and
    `cites` are not checked. For models that know less."""
    language: Language | None = None
    choices: tuple[Words, ...] | None = None
    """Texts in what a question that is asked back offers to choose from; an empty list: it must offer nothing."""
    notices: tuple[str, ...] | None = None
    """Codes of the notices that must come with the answer, among others; an empty list: there must be none."""
    max_model_calls: int | None = Field(default=None, ge=0)
    error: Literal["empty", "too_long"] | None = None
    """The question is not accepted, for this reason."""

    def updated(self, other: Expect | None) -> Expect:
        """With what `other` gives in place of this; a null there takes the expectation away."""
        return self if other is None else self.model_copy(update={k: getattr(other, k) for k in other.model_fields_set})


class ScriptedTurn(_Strict):
    """What the user says, what is expected, and, for the fast run, what the model says."""

    user: str
    times: int = Field(default=1, ge=1, le=100_000)
    """How often `user` is repeated, for a very long question."""
    expect: Expect = Expect()
    expect_live: Expect | None = None
    """Replaces single expectations in a run with a real model."""
    model: tuple[str, ...] | None = None
    """The model's replies in this turn, in order. Each must be asked for."""
    web: Web | None = None
    """In place of the script's `web`, for this turn."""

    @property
    def question(self) -> str:
        return self.user * self.times


class Script(_Strict):
    """A conversation over a small library of its own."""

    name: str
    about: str = ""
    language: Language | None = None
    """Expected of every answer that says nothing else."""
    library: Literal["sample"] | tuple[Document, ...] = ()
    specialists: tuple[Card, ...] = ()
    """Promoted specialists that the script brings with it: cards without an adapter, so that the model of the run
    speaks for them."""
    web: Web = "off"
    consent: Consent = "on"
    """Whether a question may go to the web without asking first."""
    turns: Annotated[tuple[ScriptedTurn, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _paths_differ(self) -> Script:
        paths = [d.path for d in self.library if isinstance(d, Document)]
        if len(set(paths)) < len(paths):
            raise ValueError("two documents of the library have the same path")
        if trained := [card.name for card in self.specialists if card.adapter]:
            raise ValueError(f"the specialist {trained[0]} has an adapter, and a script brings none")
        return self

    @property
    def scripted(self) -> bool:
        """Whether it brings the model's lines; turns without `model` then make no call."""
        return any(turn.model is not None for turn in self.turns)


def read(path: Path) -> Script:
    """The script in `path`. Raises `ScriptError` naming file, line and what is wrong, for the first fault."""
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
    try:
        return Script.model_validate(values)
    except ValidationError as error:
        # of a union every branch complains; the one that got furthest into the file is meant
        places = [(_place(root, fault["loc"]), fault) for fault in error.errors()]
        place, fault = max(places, key=lambda row: row[0].depth)
        raise ScriptError(f"{path}:{place.line}: {_in_words(fault, place)}") from error


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
