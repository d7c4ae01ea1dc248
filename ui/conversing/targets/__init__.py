"""Where a conversation is played, and what can be seen there. A new place needs one class: a `Target`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

if TYPE_CHECKING:
    from tools.base import Consent
    from ui.conversing.stage import Stage

TargetName = Literal["graph", "http", "chat", "widget"]
TARGETS: tuple[TargetName, ...] = get_args(TargetName)


@dataclass(frozen=True)
class Played:
    """What a target has seen of one turn. None: it cannot see that."""

    text: str = ""
    error: str | None = None
    """Why there is no answer; None when there is one."""
    reason: str = ""
    """The code of a question that was not accepted: `empty` or `too_long`."""
    route: str | None = None
    refused: bool | None = None
    language: str | None = None
    standalone: str | None = None
    sources: tuple[tuple[str, str], ...] | None = None
    """Title and address of each source that is listed."""
    cited: tuple[tuple[str, str], ...] | None = None
    """Of those, the ones that a supported sentence cites. A refusal cites nothing."""
    supported: tuple[bool, ...] | None = None
    """Of each sentence that was looked at, whether it is supported."""
    choices: tuple[str, ...] | None = None
    notices: tuple[str, ...] | None = None
    worded: frozenset[str] | None = None
    """The notices that this target has words for; None: all."""
    would_send: str | None = None
    sent: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None
    calls: int | None = None
    prompt_tokens: int | None = None
    """Those that were evaluated and those that the model had kept."""
    tokens: int | None = None
    seconds: float = 0.0
    """From the question to the answer, as whoever asks meets it."""
    faults: tuple[str, ...] = ()
    """What went wrong beside the answer, such as an error in the console of the browser."""

    def as_json(self) -> dict[str, Any]:
        """What was seen, without what was not."""
        rows = {name: value for name, value in asdict(self).items() if value not in (None, "", ()) and name != "worded"}
        return rows | {"seconds": round(self.seconds, 3)}


class Conversations(Protocol):
    """The conversations of one script on a target."""

    async def ask(self, question: str, *, thread: str, web: Consent | None) -> Played:
        """Play one turn. `thread` names the conversation that goes on or begins; `web` is what the user says of the
        web for this turn, None to leave it as it is."""


class Target(Protocol):
    """Where conversations are played."""

    @property
    def name(self) -> TargetName: ...

    @property
    def elsewhere(self) -> bool:
        """It plays on a server that runs already, with the documents and the model that this has: of the script only
        the questions and the expectations count."""

    def open(self, stage: Stage) -> AbstractAsyncContextManager[Conversations]:
        """Make ready for one script, whose library, web and model `stage` holds."""

    async def close(self) -> None:
        """Let go of what is kept from one script to the next."""


_PLACES: dict[TargetName, str] = {
    "graph": "graph:GraphTarget",
    "http": "http:HttpTarget",
    "chat": "chat:ChatTarget",
    "widget": "widget:WidgetTarget",
}


def target(name: TargetName, url: str = "") -> Target:
    """The target of that name; with `url` on the server that answers there. Raises `KotaeError` naming the extra to
    install where a package is missing, or when there is no such place to play."""
    module, _, kind = _PLACES[name].partition(":")
    made: Target = getattr(import_module(f"ui.conversing.targets.{module}"), kind)(url)
    return made


def seen(answer: dict[str, Any], *, events: tuple[str, ...] | None = None, seconds: float) -> Played:
    """An answer as its JSON object (`Answer.as_json`) tells it."""
    listed = [(int(s["n"]), (str(s["title"]), str(s["url"]))) for s in answer["sources"]]
    numbers = {int(n) for s in answer["sentences"] if s["supported"] for n in s["cites"]}
    cited = () if answer["refused"] else tuple(dict.fromkeys(source for n, source in listed if n in numbers))
    tokens = answer["tokens"]
    return Played(
        text=answer["answer"],
        route=answer["route"],
        refused=answer["refused"],
        language=answer["language"],
        standalone=answer["standalone"],
        sources=tuple(dict.fromkeys(source for _, source in listed)),
        cited=cited,
        supported=tuple(bool(s["supported"]) for s in answer["sentences"]),
        choices=tuple(answer["choices"]),
        notices=tuple(answer["notices"]),
        would_send=answer["would_send"],
        sent=tuple(one["query"] for one in answer["sent"]),
        events=events,
        calls=answer["model_calls"],
        prompt_tokens=tokens["prompt"] + tokens["cached"],
        tokens=tokens["completion"],
        seconds=seconds,
    )


def joined(kinds: list[str]) -> tuple[str, ...]:
    """Kinds of events, those that repeat themselves once."""
    return tuple(kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before)
