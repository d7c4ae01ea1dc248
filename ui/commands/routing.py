"""`kotae route`: where a question would go, why, and how to teach the router better."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from ui.commands.asking import Question, read
from ui.commands.options import AsJson, DataDir, load_settings
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from agent import Settings
    from agent.router import Router
    from agent.state import Language

_QUESTION = "(a question)"
"""The command behind `kotae route "…"`; no question begins a command line with this as one word."""


class _Questions(TyperGroup):
    """What is no command of the group is a question: `kotae route "Which …?"`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_QUESTION, *args]
        return super().parse_args(ctx, args)


route_app = typer.Typer(
    cls=_Questions,
    help='Show where a question would be looked up (kotae route "…"), explain it, and teach the router.',
    no_args_is_help=True,
    subcommand_metavar="TEXT | COMMAND [ARGS]...",
)


@route_app.callback()
def _group() -> None:
    """Show where a question would be looked up (kotae route "…"), explain it, and teach the router."""


@route_app.command(_QUESTION, hidden=True)
def route(text: Question, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show where a question would be looked up, and why, without answering it."""
    from agent.nodes.understand import detect

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)

    async def decide() -> tuple[object, float]:
        from agent import Agent

        async with Agent.open(settings) as agent:
            began = time.perf_counter()
            return await agent.route(question), time.perf_counter() - began

    from agent import Decision

    question = read(text)
    decision, seconds = asyncio.run(decide())
    assert isinstance(decision, Decision)
    language = detect(question, [])
    if as_json:
        terminal.data(
            {
                "route": decision.place,
                "query": decision.query,
                "confidence": round(decision.confidence, 4),
                "why": decision.why,
                "cue": decision.cue,
                "language": language,
                "seconds": round(seconds, 4),
            }
        )
        return
    _decided(terminal, decision.place, decision.why, decision.cue)
    terminal.note(f"confidence {decision.confidence:.2f} · language {language} · {seconds * 1000:.0f} ms")


@route_app.command("explain")
def explain(
    text: Question,
    n: Annotated[int, typer.Option("-k", min=1, max=50, help="How many labelled questions to show.")] = 5,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show why a question takes its route: how likely each is, and the labelled questions that are most like it."""
    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    question = settings.checked(read(text))
    router = _router(settings)
    choice = router.choose(question, _language(question))
    likely = router.probabilities(question)
    similar = router.nearest(question, n)
    if as_json:
        terminal.data(
            {
                "question": question,
                "route": choice.route,
                "confidence": round(choice.confidence, 4),
                "why": choice.why,
                "cue": choice.cue,
                "classifier": {name: round(p, 4) for name, p in likely.items()},
                "nearest": [
                    {"text": s.example.text, "route": s.example.route, "similarity": round(s.similarity, 4)}
                    for s in similar
                ],
            }
        )
        return
    _decided(terminal, choice.route, choice.why, choice.cue)
    ranked = sorted(likely.items(), key=lambda one: -one[1])
    shares = " · ".join(f"{name} {p:.2f}" for name, p in ranked)
    terminal.note(f"confidence {choice.confidence:.2f} · the classifier alone: {shares}")
    terminal.table(
        ("similarity", "route", "labelled question"),
        [(f"{s.similarity:.2f}", s.example.route, one_line(s.example.text, 100)) for s in similar],
        right=("similarity",),
    )


@route_app.command("correct")
def correct(
    text: Question,
    to: Annotated[str, typer.Argument(metavar="ROUTE", help="library, web, direct, clarify or specialist:NAME.")],
    data_dir: DataDir = None,
) -> None:
    """Teach the router where a question belongs; the same question follows at once, similar ones lean that way."""
    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    router = _router(settings)
    wanted = to.strip().lower()
    if wanted not in router.places:
        raise typer.BadParameter(f"{to!r} is none of {', '.join(router.places)}", param_hint="ROUTE")
    question = settings.checked(read(text))
    before = router.choose(question, _language(question)).route
    router.correct(question, wanted)
    terminal.say(wanted, "bold")
    changed = "as before" if before == wanted else f"it went to {before} before"
    terminal.note(f"Noted in {settings.data_dir / 'routes.yaml'} ({changed}).")


@route_app.command("corrections")
def corrections(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the questions whose place was corrected, here and in the chat."""
    from agent.examples import corrections as kept

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    found = kept(settings.data_dir)
    if as_json:
        terminal.data([{"question": one.text, "route": one.route} for one in found])
    elif found:
        terminal.table(("route", "question"), [(one.route, one_line(one.text, 100)) for one in found])
    else:
        terminal.note("No question was corrected.")


@route_app.command("forget")
def forget(text: Question, data_dir: DataDir = None) -> None:
    """Take a correction back, also out of what was learned from it."""
    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    router = _router(settings)
    question = settings.checked(read(text))
    if router.correction(question) is None:
        raise typer.BadParameter(
            "this question was not corrected; kotae route corrections lists those that were", param_hint="TEXT"
        )
    router.forget(question)
    after = router.choose(question, _language(question)).route
    terminal.say(after, "bold")
    terminal.note("The correction was taken back; this is where the question goes now.")


@route_app.command("train")
def train(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Learn the labelled questions and this data folder's corrections anew, and say how well that goes."""
    from agent.examples import examples
    from agent.router import retrain
    from tools.intervals import wilson
    from tools.library import E5

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    began = time.perf_counter()
    with terminal.bar() as bar:
        task = None if bar is None else bar.add_task("Reading the questions", total=len(examples()))

        def tick() -> None:
            if bar is not None and task is not None:
                bar.advance(task)

        report = retrain(E5(), settings.data_dir, tick)
    seconds = time.perf_counter() - began
    rows = [(name, right, n, wilson(right, n)) for name, (right, n) in report.right.items()]
    if as_json:
        terminal.data(
            {
                "questions": report.questions,
                "corrections": report.corrections,
                "accuracy": {name: round(right / n, 4) for name, right, n, _ in rows},
                "accuracy_interval": {name: [round(b, 4) for b in bounds] for name, _, _, bounds in rows},
                "ece": round(report.ece, 4),
                "seconds": round(seconds, 2),
            }
        )
        return
    terminal.say(
        f"Learned {report.questions:,} questions in {seconds:.1f} s, {report.corrections:,} of them corrections."
    )
    terminal.table(
        ("language", "questions", "accuracy", "95 % interval"),
        [(name, str(n), f"{right / n:.3f}", f"{low:.3f} to {high:.3f}") for name, right, n, (low, high) in rows],
        right=("questions", "accuracy"),
    )
    terminal.note(f"Each question by a classifier that had not seen it; calibration error (ECE) {report.ece:.3f}")


def _decided(terminal: Terminal, route: str, why: str, cue: str) -> None:
    from ui.strings import load

    words = load("en")
    terminal.say(route, "bold")
    reason = words.code("why", why) or why
    terminal.note(f"{words.place('goes', route)}, {reason}{f' ({cue})' if cue else ''}")


def _router(settings: Settings) -> Router:
    """The router alone, without library, conversations and model."""
    from agent.router import Router
    from agent.specialists.promoted import cards
    from tools.library import E5

    return Router.open(E5(), settings.data_dir, cards(settings))


def _language(question: str) -> Language:
    from agent.facts import is_japanese

    return "ja" if is_japanese(question) else "en"
