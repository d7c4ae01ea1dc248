"""Scripted conversations as they are written: the schema of a `*.yaml`, from which the JSON Schema is made.

Nothing here loads the agent: pytest collects scripts with it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from agent.errors import KotaeError
from tools.base import Consent
from tools.specialist.card import NAME, Card

Language = Literal["en", "ja"]
_PLACE = re.compile(rf"library|web|direct|clarify|specialist:{NAME.pattern}")
EVENT = r"status:[a-z_]+|draft|token|checked|sources|done"
"""Kinds of events: `status:NODE` is the beginning of a node; tokens and checked sentences that follow each other count
as one."""


class ScriptError(KotaeError):
    """A script cannot be read. The message begins with `file:line:`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if not path.strip() or pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise ValueError("must be a relative path inside the script's library")
    return path


def _place_of_answer(route: str) -> str:
    if not _PLACE.fullmatch(route):
        raise ValueError(f"{route!r} is no route, such as library, web or specialist:banking")
    return route


_ROUTE_IN_EDITORS = {
    "anyOf": [
        {"enum": ["library", "web", "direct", "clarify"]},
        {"type": "string", "pattern": rf"^specialist:{NAME.pattern}$|^\$"},
    ]
}


def _unless_false(value: object) -> object:
    # YAML 1.1 reads a bare `off` as false
    return "off" if value is False else value


class Document(_Strict):
    """A document that the script brings with it: its text, or a file to copy."""

    path: Annotated[str, AfterValidator(_inside)]
    """Where it lies in the script's library, and under what name it can be cited."""
    text: str | None = None
    """What it says."""
    file: str | None = None
    """In place of `text`: a file, named from the folder of the script."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Document:
        if (self.text is None) == (self.file is None):
            raise ValueError("a document has either `text` or `file`")
        return self


class Hit(_Strict):
    """A web search result that the script brings with it."""

    title: str
    """The title of the page."""
    url: Annotated[str, Field(pattern=r"^https?://")]
    """The address of the page. It is never asked for."""
    text: str
    """What the page says."""


Web = Annotated[Literal["off", "unavailable"] | tuple[Hit, ...], BeforeValidator(_unless_false)]
"""`off`: the turn may not leave the machine; `unavailable`: the search fails; otherwise what it finds."""

Words = str | tuple[str, ...]
"""A text that must be there, or several of which one must be."""

Value = str | int | float | bool
"""What a variable stands for."""


class Expect(_Strict):
    """What a turn must come to; what is not given is not checked."""

    route: Annotated[str, AfterValidator(_place_of_answer), WithJsonSchema(_ROUTE_IN_EDITORS)] | None = None
    """Where the answer comes from: `library`, `web`, `direct`, `clarify` or `specialist:NAME`."""
    standalone: tuple[Words, ...] | None = None
    """Texts in the question as it was understood, after a follow-up was made to stand alone."""
    cites: tuple[str, ...] | None = None
    """Titles or paths of documents that the answer must cite, among others; an empty list: it must cite nothing."""
    sources: tuple[str, ...] | None = None
    """Titles or paths that must be listed under the answer, cited or not: those of a refusal are the nearest
    passages. An empty list: nothing is listed."""
    contains: tuple[Words, ...] | None = None
    """Texts in the answer; of a list inside the list one is enough. Width, case and white space do not count."""
    not_contains: tuple[str, ...] | None = None
    """Texts that must not stand in the answer."""
    supported: Literal["all"] | Annotated[int, Field(ge=1)] | None = None
    """`all`: nothing is shown that was found unsupported, and something is shown; a number: at least so many supported
    sentences."""
    refused: bool | None = None
    """Whether Kotae must say that it does not know."""
    or_refused: bool | None = None
    """A refusal will do as well; then `refused`, `route` (a refusal names the last place looked at), `contains`,
    `cites`, `sources` and `supported` are not checked. For models that know less."""
    language: Language | None = None
    """The language of the answer."""
    choices: tuple[Words, ...] | None = None
    """Texts in what a question that is asked back offers to choose from; an empty list: it must offer nothing."""
    notices: tuple[str, ...] | None = None
    """Codes of the notices that must come with the answer, among others; an empty list: there must be none."""
    would_send: tuple[Words, ...] | None = None
    """Texts in the query that would leave the machine if the user agreed; an empty list: none would."""
    sent: tuple[Words, ...] | None = None
    """Texts in the queries that have left the machine; an empty list: none has."""
    events: tuple[Annotated[str, Field(pattern=f"^(?:{EVENT})$")], ...] | None = None
    """Kinds of events that must come in this order; others may come between them."""
    max_model_calls: int | None = Field(default=None, ge=0)
    """How many calls of the language model the turn may make."""
    max_tokens: int | None = Field(default=None, ge=0)
    """How many tokens the language model may write in the turn."""
    max_prompt_tokens: int | None = Field(default=None, ge=0)
    """How many tokens of prompts the turn may send to the language model, those it remembers included."""
    max_seconds: float | None = Field(default=None, gt=0)
    """How long the turn may take. A turn that takes longer is only remarked, unless the run is told to check times."""
    error: Literal["empty", "too_long"] | None = None
    """The question is not accepted, for this reason."""

    def updated(self, other: Expect | None) -> Expect:
        """With what `other` gives in place of this; a null there takes the expectation away."""
        return self if other is None else self.model_copy(update={k: getattr(other, k) for k in other.model_fields_set})


class ScriptedTurn(_Strict):
    """What the user says, what is expected, and, for the fast run, what the model says."""

    user: str
    """What the user types. Said word for word as a choice that was offered, it is chosen."""
    times: int = Field(default=1, ge=1, le=100_000)
    """How often `user` is repeated, for a very long question."""
    thread: str = "main"
    """Turns of one name are one conversation; another name begins another, over the same documents."""
    expect: Expect = Expect()
    """What the turn must come to."""
    expect_live: Expect | None = None
    """Replaces single expectations in a run with a real model."""
    model: tuple[str, ...] | None = None
    """The model's replies in this turn, in order. Each must be asked for."""
    web: Web | None = None
    """In place of the script's `web`, for this turn."""

    @property
    def question(self) -> str:
        return self.user * self.times


class Scene(_Strict):
    """What scripts of both kinds have: a name, and a small world of documents, web and specialists."""

    name: str
    """What the conversation is called in reports."""
    about: str = ""
    """What it is for."""
    language: Language | None = None
    """Expected of every answer that says nothing else."""
    vars: dict[str, Value] = Field(default_factory=dict)
    """What `$name` stands for wherever it is written in the script; `$$` is a dollar sign."""
    table: dict[str, dict[str, Value]] = Field(default_factory=dict)
    """Rows of variables, by name: the script runs once with each of them."""
    library: Literal["sample"] | tuple[Document, ...] = ()
    """The documents, or `sample` for those that come with Kotae."""
    specialists: tuple[Card, ...] = ()
    """Promoted specialists that the script brings with it: cards without an adapter, so that the model of the run
    speaks for them."""
    web: Web = "off"
    """What a web search finds."""
    consent: Consent = "on"
    """Whether a question may go to the web without asking first."""

    @model_validator(mode="after")
    def _paths_differ(self) -> Scene:
        paths = [d.path for d in self.library if isinstance(d, Document)]
        if len(set(paths)) < len(paths):
            raise ValueError("two documents of the library have the same path")
        if trained := [card.name for card in self.specialists if card.adapter]:
            raise ValueError(f"the specialist {trained[0]} has an adapter, and a script brings none")
        return self

    @property
    def brings(self) -> str:
        """What of it a server that runs already does not have; "" for nothing."""
        own = {"documents": self.library not in ((), "sample"), "specialists": self.specialists}
        own["web results"] = self.web != "off"
        return " and ".join(what for what, there in own.items() if there)


class Script(Scene):
    """A conversation whose user's lines are written down."""

    kind: Literal["scripted"] = "scripted"
    """`scripted`: the lines of the user are written down; `simulated`: a model plays the user."""
    turns: Annotated[tuple[ScriptedTurn, ...], Field(min_length=1)]
    """What the user says, one after the other."""

    @property
    def scripted(self) -> bool:
        """Whether it brings the model's lines; turns without `model` then make no call."""
        return any(turn.model is not None for turn in self.turns)


class Success(_Strict):
    """What a simulated conversation must come to."""

    any: Expect | None = None
    """What one of the answers must fit."""
    last: Expect | None = None
    """What the last answer must fit."""
    judged: str = ""
    """A question about the whole conversation, which the model answers with yes or no and a reason. Only a yes will
    do."""

    @model_validator(mode="after")
    def _something(self) -> Success:
        if self.any is None and self.last is None and not self.judged:
            raise ValueError("success needs `any`, `last` or `judged`")
        return self


class Simulated(Scene):
    """A conversation whose user is played by a model."""

    kind: Literal["simulated"]
    """`simulated`: a model plays the user."""
    persona: str
    """Who the user is, and how they write."""
    goal: str
    """What the user wants to know or to get done."""
    opening: str
    """The first message, as it is written here."""
    turns_at_most: int = Field(default=6, ge=1, le=30)
    """How many messages the user may send. It stops sooner when the goal is reached."""
    success: Success
    """What the conversation must come to."""
    user: tuple[str, ...] | None = None
    """For a run without a real model: what the user says after the opening. `DONE` ends the conversation."""
    model: tuple[str, ...] | None = None
    """For a run without a real model: its replies as Kotae's model, in order."""
    judge: tuple[str, ...] | None = None
    """For a run without a real model: its reply to `judged`."""

    @property
    def scripted(self) -> bool:
        """Whether it brings the model's lines."""
        return self.user is not None or self.model is not None


AnyScript = Script | Simulated
