"""The types that travel through the graph. All are frozen; a node replaces the turn, it never edits it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

from tools.base import Consent, Passage, Sent
from tools.web.fragment import text_fragment

Route = Literal["library", "web", "direct", "clarify", "specialist"]
Place = str
"""A route with the name of the specialist, if it leads to one: `library`, `specialist:banking`."""
Language = Literal["en", "ja"]
Length = Literal["short", "long", "line"]
Form = Literal["prose", "list", "steps", "table"]
How = Literal["checks", "similarity", "model", "uncited"]
Shown = Literal["supported", "partly", "removed"]
"""How a sentence reaches the reader. `partly`: its source does not say it in these words, and only the language model
found that it means the same."""


NO_CLAIM = ("refusal", "heading", "off_topic", "repeat", "empty", "alone")
"""`Support.reason` of what is left out without being revised: "the sources do not say", a heading copied from one, what
a source says about something else than the question, what was said before, marks without words, and what one site of
the web says by itself where the question may as well not be answered there."""


def place(route: Route, specialist: str) -> Place:
    """How users, files and interfaces name a route."""
    return f"{route}:{specialist}" if route == "specialist" else route


@dataclass(frozen=True)
class Decision:
    """Where the answer should come from. `why` is a code the interface has words for, `cue` what triggered it."""

    route: Route
    query: str
    confidence: float
    why: str
    cue: str = ""
    specialist: str = ""
    """Who answers, by name. With the route `library`: who is asked if the documents do not hold the answer."""
    reads: bool = False
    """The specialist writes over what the library finds, and is checked against it, instead of giving its opinion."""

    @property
    def place(self) -> Place:
        return place(self.route, self.specialist)

    @property
    def tool(self) -> Route:
        """Where passages are looked for."""
        return "library" if self.reads else self.route


@dataclass(frozen=True)
class Verdict:
    """Whether the passages can answer the question, and if not, what to look for next."""

    sufficient: bool
    confidence: float
    why: str
    missing: tuple[str, ...] = ()
    next_query: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "missing", tuple(self.missing))


@dataclass(frozen=True)
class Evidence:
    """A sentence of a passage and how near it is to the question (see `tools.library.evidence`)."""

    passage: int
    """Number of the passage, from 1."""
    start: int
    end: int
    """Where the sentence stands in the passage's text."""
    score: float
    cosine: float
    tokens: float
    words: float


@dataclass(frozen=True)
class Support:
    """What `reflect` found about one sentence of the draft."""

    sentence: str
    cites: tuple[int, ...]
    supported: bool
    how: How
    reason: str = ""
    """Why it is not supported, as a code with its object: `number:42`, `name:Oslo`, `quote:…`, `polarity`, `meaning`;
    or one of `NO_CLAIM`."""
    quote: str = ""
    """The words of the passage that carry the sentence."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cites", tuple(self.cites))

    @property
    def state(self) -> Shown:
        if not self.supported:
            return "removed"
        return "partly" if self.how == "model" else "supported"


@dataclass(frozen=True)
class Sentence:
    """One sentence as it is shown. `cites` are the numbers of the answer's sources."""

    text: str
    cites: tuple[int, ...]
    supported: bool
    partly: bool = False
    """Supported by the language model's word only; see `Shown`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cites", tuple(self.cites))

    @property
    def state(self) -> Shown:
        if not self.supported:
            return "removed"
        return "partly" if self.partly else "supported"


@dataclass(frozen=True)
class Source:
    """A numbered source of an answer. `quote` is the part of the passage that the answer rests on."""

    n: int
    passage: Passage
    quote: str

    @property
    def link(self) -> str:
        """The address of a page of the web, at the quoted words where a browser can find them; "" for other sources."""
        passage = self.passage
        if passage.kind != "web":
            return ""
        if passage.page is not None:
            return f"{passage.url}#page={passage.page}"
        # what a search shows of a page need not stand there
        return text_fragment(passage.url, self.quote, passage.text) if passage.document and self.quote else passage.url


@dataclass(frozen=True)
class Usage:
    """Language-model work: calls, and tokens of prompt (evaluated and cached) and completion."""

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
        )


@dataclass(frozen=True)
class Step:
    """One node of the path taken: its seconds and the facts that the interface shows."""

    node: str
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a turn ends in. `refused` says that Kotae does not know; `sources` are then the nearest passages.

    `notices` are codes of what the reader must know besides the answer (`web_unavailable`, `stopped`, …).
    """

    text: str
    route: Route
    refused: bool
    standalone: str
    language: Language
    sentences: tuple[Sentence, ...] = ()
    sources: tuple[Source, ...] = ()
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """Of a question that Kotae asks back: replies to choose from. Another one will do as well."""
    choices_of_web: bool = False
    """Whether pages of the web say so, and not documents: only then may what is chosen go to a web search."""
    would_send: str = ""
    """Where Kotae asks whether it may search the web: the query that would leave the machine."""
    sent: tuple[Sent, ...] = ()
    """The queries that did leave it."""
    usage: Usage = Usage()
    seconds: float = 0.0
    first_token: float | None = None
    """Seconds to the first word of the draft; None when no draft was written."""
    specialist: str = ""
    """Whose words these are if not Kotae's. Without `sources` they are an opinion, which nobody checked."""

    def __post_init__(self) -> None:
        for name in ("sentences", "sources", "steps", "notices", "choices", "sent"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def place(self) -> Place:
        return place(self.route, self.specialist)

    def as_json(self) -> dict[str, Any]:
        """The object that `kotae ask --json` prints."""
        nodes: dict[str, float] = {}
        for step in self.steps:
            nodes[step.node] = round(nodes.get(step.node, 0.0) + step.seconds, 4)
        return {
            "answer": self.text,
            "refused": self.refused,
            "route": self.place,
            "standalone": self.standalone,
            "language": self.language,
            "sources": [
                {
                    "n": s.n,
                    "id": s.passage.id,
                    "title": s.passage.title,
                    "url": s.passage.url,
                    "page": s.passage.page,
                    "quote": s.quote,
                    "link": s.link,
                    "published": s.passage.published,
                    "read_at": s.passage.read_at,
                }
                for s in self.sources
            ],
            "sentences": [
                {"text": s.text, "cites": list(s.cites), "supported": s.supported, "state": s.state}
                for s in self.sentences
            ],
            "notices": list(self.notices),
            "choices": list(self.choices),
            "would_send": self.would_send,
            "sent": [{"provider": one.provider, "query": one.query, "at": round(one.at, 3)} for one in self.sent],
            "model_calls": self.usage.calls,
            "tokens": {
                "prompt": self.usage.prompt,
                "cached": self.usage.cached,
                "completion": self.usage.completion,
            },
            "seconds": {
                "total": round(self.seconds, 4),
                "first_token": None if self.first_token is None else round(self.first_token, 4),
                **nodes,
            },
        }


@dataclass(frozen=True)
class Turn:
    """Everything about the question at hand. Replaced whole when the next question comes."""

    question: str
    started: float
    """`time.time()` at which the turn began."""
    web: Consent = "on"
    """Whether this turn may leave the machine."""
    web_stays: bool = False
    """Whether that holds for the rest of the conversation: its writer has just said so."""
    standalone: str = ""
    carries: str = ""
    """What `standalone` ends in that the user told about themselves, in another conversation perhaps. It stays here."""
    language: Language = "en"
    """That of the answer."""
    length: Length = "short"
    form: Form = "prose"
    parts: tuple[str, ...] = ()
    """The questions that `standalone` consists of, each understood alone; none where it is one question."""
    wish: Place | None = None
    """Where the user asked to look ("search the web for this"); `standalone` is then the question before."""
    decision: Decision | None = None
    verdict: Verdict | None = None
    passages: tuple[Passage, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """The sentences of the passages, the nearest to the question first."""
    beside: tuple[Passage, ...] = ()
    """What was found as well, too weak to be read. It is never cited; what one site says may stand there, too."""
    draft: str = ""
    supports: tuple[Support, ...] = ()
    gathers: int = 0
    drafts: int = 0
    tried: tuple[str, ...] = ()
    """`route:query` of each gather, so that nothing is looked up twice."""
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """What the question may mean, where it is asked back."""
    choices_of_web: bool = False
    """See `Answer`."""
    would_send: str = ""
    """See `Answer`."""
    sent: tuple[Sent, ...] = ()
    usage: Usage = Usage()
    first_token: float | None = None
    answer: Answer | None = None

    def __post_init__(self) -> None:
        for name in "parts passages evidence beside supports tried steps notices choices sent".split():
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.web, bool):  # a turn that an earlier version kept
            object.__setattr__(self, "web", "on" if self.web else "off")

    @property
    def opinion(self) -> Passage | None:
        """What a specialist said instead of passages that an answer could be checked against."""
        return next((p for p in self.passages if p.kind == "specialist"), None)


class State(TypedDict):
    """What the checkpointer stores for a thread."""

    messages: Annotated[list[AnyMessage], add_messages]
    turn: Turn
