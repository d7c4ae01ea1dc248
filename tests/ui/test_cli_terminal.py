"""What the terminal shows: everything of an answer, nothing that a terminal would obey."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from agent.events import Draft, Status, Token
from agent.state import Answer, Sentence, Source, Step
from tools.base import Passage
from ui.terminal import Terminal, Watch, clean, one_line

PASSAGE = Passage(
    id="p1",
    text="The museum is closed on Mondays.",
    title="Museum guide",
    url="/documents/guide.pdf",
    kind="library",
    page=3,
    heading=("Museum guide", "Hours"),
    score=1.25,
    stages={"vector": 0.91, "words": 4.5},
)
ANSWER = Answer(
    text="It is closed on Mondays. [1]",
    route="library",
    refused=False,
    standalone="When is the museum closed?",
    language="en",
    sentences=(Sentence("It is closed on Mondays.", (1,), True),),
    sources=(Source(1, PASSAGE, "closed on Mondays"),),
    steps=(Step("understand", 0.01), Step("answer", 1.23)),
    notices=("some_removed",),
    seconds=2.5,
)


def screen(terminal: Terminal, *, tty: bool = False) -> tuple[io.StringIO, io.StringIO]:
    """Let `terminal` write into buffers; as a real screen of 60 columns if `tty`."""
    out, err = io.StringIO(), io.StringIO()
    kind: dict[str, Any] = {"force_terminal": tty, "markup": False, "highlight": False, "width": 60, "_environ": {}}
    terminal.out, terminal.err = Console(file=out, **kind), Console(file=err, **kind)
    terminal.out.soft_wrap = terminal.err.soft_wrap = not tty
    return out, err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b2J", "2J"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("over\rwritten", "overwritten"),
        ("答え", "答え"),
    ],
)
def test_nothing_that_a_terminal_obeys(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_one_line_is_cut_to_its_limit() -> None:
    assert one_line("a\n b\t c") == "a b c"
    assert one_line("abcdefgh", 5) == "abcd…"
    assert one_line("abcde", 5) == "abcde"


def test_an_answer_with_its_sources() -> None:
    terminal = Terminal()
    out, err = screen(terminal)
    terminal.answer(ANSWER)
    assert out.getvalue() == (
        "It is closed on Mondays. [1]\n\nSources\n"
        "[1] Museum guide › Hours · p. 3\n    /documents/guide.pdf\n    “closed on Mondays”\n"
    )
    assert "left out" in err.getvalue()


def test_a_table_of_an_answer_has_columns_on_a_screen_and_is_markdown_in_a_pipe() -> None:
    table = "| Day | Hours |\n|---|---|\n| Monday | \x1b[31mclosed |\n| Sunday | 10 to 17 [1] |"
    shown = replace(ANSWER, text=f"The hours are:\n\n{table}\n\nThat is all.")
    terminal = Terminal()
    out, _ = screen(terminal, tty=True)
    terminal.answer(shown)
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in out.getvalue().splitlines()]
    assert lines[:5] == [
        "The hours are:",
        "Day      Hours",
        "Monday   [31mclosed",
        "Sunday   10 to 17 [1]",
        "That is all.",
    ]
    out, _ = screen(terminal)
    terminal.answer(shown)
    assert "| Sunday | 10 to 17 [1] |\n" in out.getvalue()


def test_a_refusal_shows_the_nearest_passages_in_the_readers_language() -> None:
    from dataclasses import replace

    terminal = Terminal()
    out, _ = screen(terminal)
    terminal.answer(replace(ANSWER, text="見つかりませんでした。", refused=True, language="ja", notices=()))
    assert "出典" not in out.getvalue().split("\n")[2]
    assert "Museum guide › Hours" in out.getvalue()


def test_a_pipe_gets_no_colour_and_no_broken_lines() -> None:
    from dataclasses import replace

    terminal = Terminal()
    out, _ = screen(terminal)
    terminal.answer(replace(ANSWER, text="word " * 60, sources=()))
    assert "\x1b" not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 1


def test_a_hostile_title_does_not_reach_the_screen() -> None:
    from dataclasses import replace

    terminal = Terminal()
    out, _ = screen(terminal, tty=True)
    hostile = replace(PASSAGE, title="\x1b]8;;https://evil.example\x07link", text="\x1b[2J[red]text[/red]")
    terminal.passages([hostile])
    assert "\x1b]8" not in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()
    assert "[red]text[/red]" in out.getvalue()


def test_the_path_is_one_line() -> None:
    terminal = Terminal()
    _, err = screen(terminal)
    terminal.path(ANSWER)
    assert err.getvalue().count("\n") == 1
    assert "1.2 s" in err.getvalue()


def test_a_table_is_tabs_in_a_pipe_and_columns_on_a_screen() -> None:
    terminal = Terminal()
    out, _ = screen(terminal)
    terminal.table(("Name", "Size"), [("a\nb", "1"), ("c", "2")])
    assert out.getvalue() == "a b\t1\nc\t2\n"
    out, _ = screen(terminal, tty=True)
    terminal.table(("Name", "Size"), [("a", "1")])
    assert "Name" in out.getvalue()


def test_a_watched_turn_shows_the_draft_and_leaves_nothing_behind() -> None:
    terminal = Terminal()
    out, err = screen(terminal, tty=True)
    with Watch(terminal) as watch:
        watch.event(Status("understand"))
        watch.event(Status("understand", 0.1, {"language": "ja"}))
        watch.event(Status("judge"), ready=False)
        watch.event(Draft(1))
        watch.event(Token("first "))
        watch.event(Draft(2))
        watch.event(Token("second"))
        assert watch._live is not None
        watch._live.refresh()
    shown = err.getvalue()
    assert "second" in shown
    assert "first" not in shown.rsplit("second", 1)[-1]
    assert shown.endswith(("\x1b[2K", "\x1b[?25h", "\x1b[2K\x1b[?25h")) or "\x1b[2K" in shown
    assert out.getvalue() == ""


def test_an_unwatched_turn_is_silent() -> None:
    terminal = Terminal()
    out, err = screen(terminal)
    with Watch(terminal) as watch:
        watch.event(Status("route"))
        watch.event(Token("draft"))
    assert out.getvalue() == err.getvalue() == ""


def test_json_is_not_touched_by_the_width() -> None:
    terminal = Terminal()
    out, _ = screen(terminal, tty=True)
    terminal.data({"a": "答え" * 100, "b": "[bold]x[/bold]"})
    assert "答え" * 100 in out.getvalue()
    assert "\x1b" not in out.getvalue()
