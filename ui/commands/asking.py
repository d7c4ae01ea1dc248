"""`kotae ask`: a question and its answer."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import AsJson, DataDir, Model, load_settings
from ui.terminal import Terminal, Watch

if TYPE_CHECKING:
    from agent import Agent, Answer, Settings
    from tools.base import Consent

Question = Annotated[str, typer.Argument(metavar="TEXT", help="The question; - reads it from standard input.")]


def ask(
    text: Question,
    thread: Annotated[
        str | None, typer.Option("--thread", metavar="ID", help="Go on with this conversation; `last`: the latest.")
    ] = None,
    as_json: AsJson = False,
    web: Annotated[
        bool | None,
        typer.Option("--web/--no-web", help="Search the web without asking first, or send nothing to it."),
    ] = None,
    model: Model = None,
    data_dir: DataDir = None,
) -> None:
    """Answer a question from your documents, with numbered sources."""
    terminal = Terminal()
    settings = load_settings(model=model, data_dir=data_dir)
    if not as_json:
        offer_sample(settings, terminal)
    leave: Consent | None = None if web is None else "on" if web else "off"
    answer, thread = asyncio.run(_answer(read(text), thread, settings, terminal, web=leave))
    if as_json:
        terminal.data({**answer.as_json(), "thread": thread})
        return
    terminal.answer(answer)
    if answer.would_send and terminal.interactive and sys.stdin.isatty():
        said = typer.prompt(">", default="", show_default=False, prompt_suffix=" ", err=True)
        if said.strip():
            answer, thread = asyncio.run(_answer(said, thread, settings, terminal, web=leave))
            terminal.answer(answer)
    terminal.err.print()
    terminal.path(answer)
    if answer.choices:
        terminal.note(f"To reply: kotae ask --thread last N, with a number or in words  (conversation {thread})")
    else:
        terminal.note(f"To go on: kotae ask --thread last …  (conversation {thread})")


def read(text: str) -> str:
    """The argument itself, or standard input for `-`."""
    return sys.stdin.read() if text == "-" else text


def offer_sample(settings: Settings, terminal: Terminal) -> None:
    """Where there are no documents yet, offer those that come with Kotae; a pipe is told how, a person is asked.

    A library that cannot be read is named and no reason to stop: the conversations are still there.
    """
    from agent.errors import KotaeError
    from ui.commands.documents import index_paths
    from ui.commands.options import opened_library
    from ui.samples import sample_folders

    try:
        with opened_library(settings) as library:
            if library.status().documents:
                return
    except KotaeError as error:
        terminal.note(str(error), "yellow")
        return
    if not (terminal.interactive and sys.stdin.isatty()):
        terminal.note("The library is empty. Try the sample library: kotae index --sample", "yellow")
        return
    terminal.note("The library is empty. The sample library is Kotae's own documentation, a minute or two of work.", "")
    if typer.confirm("Index the sample library now?", default=True, err=True):
        with opened_library(settings) as library:
            index_paths(library, sample_folders(), terminal)


async def _answer(
    question: str, thread: str | None, settings: Settings, terminal: Terminal, *, web: Consent | None
) -> tuple[Answer, str]:
    from agent import Agent, Done, KotaeError

    async with Agent.open(settings) as agent:
        name = await _thread(agent, thread)
        with Watch(terminal) as watch:
            events = agent.stream(question, name, web=web)
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Done):
                        return event.answer, event.thread
                    watch.event(event, ready=agent.model_ready)
    raise KotaeError("The turn ended without an answer; ask again.")


async def _thread(agent: Agent, named: str | None) -> str:
    from agent import ThreadError

    if named is None:
        return agent.new_thread()
    known = await agent.threads()
    if named == "last" and known:
        return known[0].id
    if not any(thread.id == named for thread in known):
        raise ThreadError(f"There is no conversation {named!r}; leave --thread out to begin a new one.")
    return named
