"""The terminal: what is shown of answers, passages and work in progress, in colour on a screen and plain in a pipe.

Results go to standard output, everything about them (progress, steps, hints, errors) to standard error. No text of
a document, a model or a file name reaches the terminal with its control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from agent.events import Event
    from agent.state import Answer, Language, Source
    from tools.base import Passage

_ASKS_THE_MODEL = ("judge", "answer", "clarify")
# C0 and C1 controls but tab and newline, and the marks that turn the direction of writing around
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """`text` without anything that a terminal would obey instead of showing."""
    return _CONTROLS.sub("", text)


def one_line(text: str, limit: int = 0) -> str:
    """`clean`, white space runs as one space, cut to `limit` characters if that is not 0."""
    line = " ".join(clean(text).split())
    return f"{line[: limit - 1].rstrip()}…" if limit and len(line) > limit else line


class Terminal:
    """Standard output and standard error of one command. `NO_COLOR` and `TERM=dumb` are heeded."""

    def __init__(self) -> None:
        plain: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
        self.out = Console(**plain)
        self.err = Console(stderr=True, **plain)
        # what is piped is read by programs: no line is broken at 80 columns
        self.out.soft_wrap = not self.out.is_terminal
        self.err.soft_wrap = not self.err.is_terminal

    @property
    def interactive(self) -> bool:
        """Whether a person sees what is going on and can be asked."""
        return self.err.is_terminal and not self.err.is_dumb_terminal

    def say(self, text: str, style: str = "") -> None:
        """A line of the result."""
        self.out.print(Text(clean(text), style))

    def data(self, value: object) -> None:
        """`value` as JSON, and nothing else: no colour, no wrapping."""
        import json

        self.out.file.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
        self.out.file.flush()

    def note(self, text: str, style: str = "dim") -> None:
        """A line about the result."""
        self.err.print(Text(clean(text), style))

    def error(self, text: str) -> None:
        """The one line that says what is wrong and what to do."""
        self.err.print(Text(one_line(text), "bold red"), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """Columns on a screen; in a pipe one line a row, its cells parted by tabs."""
        if not self.out.is_terminal:
            for row in rows:  # past rich, which would turn the tabs into spaces
                self.out.file.write("\t".join(one_line(cell) for cell in row) + "\n")
            return
        headers = [Column(c, justify="right" if c in right else "left", overflow="fold") for c in columns]
        table = Table(*headers, box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self.out.print(table)

    @contextmanager
    def bar(self, *columns: str) -> Iterator[Progress | None]:
        """A progress bar on standard error with the named fields behind it; None where nobody watches."""
        if not self.interactive:
            yield None
            return
        fields = [TextColumn(f"{{task.fields[{name}]}}", style="dim") for name in columns]
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            *fields,
            TimeRemainingColumn(compact=True),
            console=self.err,
            transient=True,
        ) as progress:
            yield progress

    def answer(self, answer: Answer) -> None:
        """The verified answer and its numbered sources; a refusal with the nearest passages."""
        from ui.render import provider
        from ui.render_specialist import authorship
        from ui.strings import load

        words = load(answer.language)
        if said := authorship(answer, words):
            self.note(said, "yellow")
        self._text(answer.text, "yellow" if answer.refused else "")
        for n, choice in enumerate(answer.choices, 1):
            self.out.print(Text.assemble((f"  {n}. ", "cyan"), one_line(choice)))
        if answer.sources:
            self.out.print()
            self.out.print(Text(words("answer.nearest" if answer.refused else "answer.sources"), "bold"))
        for source in answer.sources:
            self._source(source, words("answer.page", page=source.passage.page) if source.passage.page else "")
        for one in answer.sent:
            self.note(words("answer.sent", provider=provider(one.provider), query=one_line(one.query)))
        for notice in answer.notices:
            code, _, given = notice.partition(":")
            if said := words.code("notice", code):
                self.note(f"{said} {words('memory.commands')}" if given else said, "yellow")

    def _text(self, text: str, style: str) -> None:
        """An answer's text; on a screen its tables have columns."""
        from agent.tables import cells, is_table, statements

        last = 0
        tables = [span for span in statements(text) if is_table(text[slice(*span)])] if self.out.is_terminal else []
        for start, end in tables:
            if before := text[last:start].strip("\n"):
                self.out.print(Text(clean(before), style))
            header, _, *rows = (cells(line) for line in text[start:end].splitlines())
            self.table(header, rows)
            last = end
        if rest := text[last:].strip("\n"):
            self.out.print(Text(clean(rest), style))

    def _source(self, source: Source, page: str) -> None:
        place = Text.assemble((f"[{source.n}] ", "cyan"), (place_of(source.passage), "bold"))
        if page:
            place.append(f" · {page}", "dim")
        self.out.print(place)
        self._address(source.link or source.passage.url)
        if quote := one_line(source.quote, 300):
            self._under(f"“{quote}”", "italic")

    def _address(self, url: str) -> None:
        # not wrapped, so that it can be copied whole
        self.out.print(Text(f"    {one_line(url)}", "dim"), soft_wrap=True)

    def _under(self, text: str, style: str) -> None:
        line = Text(one_line(text), style)
        self.out.print(Padding(line, (0, 0, 0, 4)) if self.out.is_terminal else Text("    ") + line)

    def path(self, answer: Answer) -> None:
        """The steps that were taken, on one dim line."""
        from ui.strings import load

        words = load(answer.language)
        steps = [
            f"{words.code('step', s.node) or s.node} {words('path.seconds', n=_seconds(s.seconds))}"
            for s in answer.steps
        ]
        route = words("route.refused") if answer.refused else words.place("route", answer.place)
        title = words("path.title", route=route, seconds=words("path.seconds", n=_seconds(answer.seconds)))
        self.note(f"{title}  ({' → '.join(steps)})")

    def passages(self, passages: Sequence[Passage], *, limit: int = 240) -> None:
        """What a search found, best first, with the scores of each stage."""
        for n, passage in enumerate(passages, 1):
            stages = "  ".join(f"{name} {value:.3f}" for name, value in passage.stages.items())
            head = Text.assemble((f"{n}. ", "cyan"), (place_of(passage), "bold"))
            if passage.page:
                head.append(f" · p. {passage.page}", "dim")
            self.out.print(head)
            self._under(f"score {passage.score:.3f}  {stages}", "dim")
            for url in (passage.url, *passage.copies):
                self._address(url)
            self._under(one_line(passage.text, limit), "")


def place_of(passage: Passage) -> str:
    """Title and headings of a passage."""
    above = (h for h in passage.heading if h != passage.title)
    return one_line(" › ".join((passage.title, *above)))


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}"


class Watch:
    """Shows a turn while it runs, on standard error: what Kotae is at, and the draft, dim because it is not verified
    yet. Leaves nothing behind. Use as a context manager; silent where nobody watches."""

    def __init__(self, terminal: Terminal, language: Language = "en") -> None:
        self._language = language
        self._doing = ""
        self._draft = ""
        self._live = (
            Live(console=terminal.err, transient=True, refresh_per_second=12, vertical_overflow="crop")
            if terminal.interactive
            else None
        )
        self._lines = max(terminal.err.height - 3, 3)

    def __enter__(self) -> Watch:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.update(Text(""))
            self._live.stop()

    def event(self, event: Event, *, ready: bool = True) -> None:
        """Take in what the agent tells. `ready`: the language model is loaded."""
        from agent.events import Draft, Status, Token

        if isinstance(event, Status):
            if event.seconds is None and not ready and event.node in _ASKS_THE_MODEL:
                self._show(self._words()("path.starting"))
            elif event.seconds is None:
                node = "specialist" if event.facts.get("specialist") else event.node
                self._show(self._words().code("doing", node) or self._doing)
            elif event.facts.get("language"):
                self._language = event.facts["language"]
        elif isinstance(event, Draft):
            self._draft = ""
        elif isinstance(event, Token):
            self._draft += event.text
            self._show(self._doing)

    def _words(self) -> Any:
        from ui.strings import load

        return load(self._language)

    def _show(self, doing: str) -> None:
        # a new step is shown at once, the draft as often as the screen is redrawn
        new, self._doing = doing != self._doing, doing
        if self._live is not None:
            tail = "\n".join(clean(self._draft).splitlines()[-self._lines :])
            line = Text(f"{doing} …", "cyan")
            self._live.update(Group(line, Text(tail, "dim")) if tail else line, refresh=new)
