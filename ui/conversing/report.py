"""The report that a person reads: one HTML file that needs nothing else, the differing turns in front."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ui.conversing.results import ConversationResult, Difference, summary

if TYPE_CHECKING:
    from ui.conversing.results import TurnResult

_PAGE = Path(__file__).with_name("report.html")
_LONG = 4000
"""Characters of a text; a question that is repeated thousands of times is not read."""


def report(ran: Sequence[tuple[Path, ConversationResult]]) -> str:
    """The page for conversations with the files that they stand in."""
    results = [result for _, result in ran]
    failed, turns = summary(results)
    played = sum(len(r.turns) for r in results)
    skipped = sum(bool(r.skipped) for r in results)
    total = f"{_count(len(ran), 'conversation')}, {_count(played, 'turn')}, {sum(r.seconds for r in results):.1f} s on "
    total += escape(", ".join(dict.fromkeys(r.target for r in results)) or "nothing") + ": "
    if failed:
        total += f'<strong class="bad">{failed} of them with {_count(turns, "differing turn")}</strong>'
    else:
        total += '<strong class="good">all as expected</strong>'
    if skipped:
        total += f", {skipped} not played"
    parts = [_differing(path, result) for path, result in ran if not result.ok]
    rest = [_passed(path, result) for path, result in ran if result.ok]
    if rest:
        parts.append(f"<section><h2>{'As expected' if failed else 'Conversations'}</h2>{''.join(rest)}</section>")
    title = f"{failed} differ" if failed else "all as expected"
    page = Template(_PAGE.read_text("utf-8"))
    return page.substitute(title=f"Scripted conversations: {title}", total=total, body="\n".join(parts))


def _differing(path: Path, result: ConversationResult) -> str:
    wrong = [(n, turn) for n, turn in enumerate(result.turns, 1) if not turn.ok]
    turns = "".join(
        f'<div class="turn"><h3>Turn {n} of {len(result.turns)}</h3>{_user(turn)}'
        f"{''.join(map(_sides, turn.differences))}{_came(turn)}{_asked(turn)}</div>"
        for n, turn in wrong
    )
    if result.outcome:
        turns += f'<div class="turn"><h3>The whole conversation</h3>{"".join(map(_sides, result.outcome))}</div>'
    return (
        f'<article class="differs"><h2>{escape(result.name)}</h2>{_line(path, result)}{turns}'
        f"<details><summary>The whole conversation, {_count(len(result.turns), 'turn')}</summary>"
        f"{_whole(result)}</details></article>"
    )


def _passed(path: Path, result: ConversationResult) -> str:
    mark = "–" if result.skipped else '<span class="good">✓</span>'
    return (
        f'<details class="passed"><summary>{mark} {escape(result.name)}</summary>{_line(path, result)}'
        f"{_whole(result)}</details>"
    )


def _line(path: Path, result: ConversationResult) -> str:
    said = [path.name, result.target, "a real model answered" if result.live else "scripted model"]
    said.append(f"{result.seconds:.1f} s")
    if result.skipped:
        said.append(f"not played: {result.skipped}")
    if result.unseen:
        said.append(f"not seen on {result.target}, and not checked: {', '.join(result.unseen)}")
    judged = f'<p class="soft">Judged: {escape(result.judged)}</p>' if result.judged else ""
    return f'<p class="soft">{escape(" · ".join(said))}</p>{judged}'


def _whole(result: ConversationResult) -> str:
    return "".join(f"{_user(turn)}{_answer(turn)}" for turn in result.turns)


def _user(turn: TurnResult) -> str:
    thread = f'<p class="soft">conversation {escape(turn.thread)}</p>' if turn.thread != "main" else ""
    return f'{thread}<div class="user long">{_text(turn.user) or "(nothing)"}</div>'


def _came(turn: TurnResult) -> str:
    """The answer under the differences; an error stands in one of them already."""
    return "" if turn.played.error is not None else f'<p class="what">the answer</p>{_answer(turn)}'


def _answer(turn: TurnResult) -> str:
    seen = turn.played
    if seen.error is not None:
        return f'<div class="answer long bad">{_text(seen.error)}</div>'
    facts = [seen.route or "", "refused" if seen.refused else "", f"{seen.seconds:.1f} s"]
    facts += [_count(seen.calls, "model call") if seen.calls is not None else "", *(seen.notices or ()), *turn.remarks]
    sources = "".join(f"<li>{escape(title)}</li>" for title, _ in seen.sources or ())
    choices = "".join(f"<li>{escape(choice)}</li>" for choice in seen.choices or ())
    lists = "".join(f'<ul class="sources">{rows}</ul>' for rows in (sources, choices) if rows)
    shown = escape(" · ".join(fact for fact in facts if fact))
    return f'<div class="answer long">{_text(seen.text)}</div>{lists}<p class="soft">{shown}</p>'


def _asked(turn: TurnResult) -> str:
    """What the scripted model was asked and said, which is what a line too many or too few is found by."""
    rows = "".join(f'<p class="soft">… {escape(p)}</p><div class="answer">{_text(line)}</div>' for p, line in turn.said)
    return f"<details><summary>What the model was asked</summary>{rows}</details>" if rows else ""


def _sides(difference: Difference) -> str:
    return (
        f'<p class="what">{escape(difference.what)}</p><div class="sides">'
        f'<div class="side expected"><b>Expected</b>{_text(difference.expected)}</div>'
        f'<div class="side came"><b>Came</b>{_text(difference.got)}</div></div>'
    )


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONG else f"{text[:_LONG]}…")


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
