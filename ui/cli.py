"""`kotae …`: the commands, and the one place where what went wrong becomes a line and an exit code.

Exit codes: 0 done, 1 an error that the line on standard error names, 2 wrong use (an empty question is that too),
130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from ui.commands import (
    asking,
    conversations,
    documents,
    evaluating,
    feedback,
    insights,
    keeping,
    keys,
    library,
    mcp,
    models,
    people,
    remembering,
    routing,
    sites,
    specialist_raft,
    upkeep,
)
from ui.terminal import Terminal

app = typer.Typer(
    name="kotae",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        with contextlib.suppress(PackageNotFoundError):
            typer.echo(f"kotae {version('kotae')}")
            raise typer.Exit
        typer.echo("kotae (not installed, running from its source)")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ask your own documents, and get answers that are checked and show their sources."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("serve")(upkeep.serve)
app.command("ask")(asking.ask)
app.command("mcp")(mcp.mcp)
app.command("index")(documents.index)
app.command("search")(documents.search)
app.command("watch")(keeping.watch)
app.add_typer(routing.route_app, name="route")
app.add_typer(feedback.feedback_app, name="feedback")
app.command("insights")(insights.insights)
app.add_typer(library.library_app, name="library")
app.add_typer(sites.site_app, name="site")
app.add_typer(models.models_app, name="models")
app.add_typer(remembering.memory_app, name="memory")
app.add_typer(people.people_app, name="people")
app.add_typer(keys.keys_app, name="keys")
app.add_typer(specialist_raft.specialist_app, name="specialist")
app.add_typer(upkeep.settings_app, name="settings")
app.command("graph")(upkeep.graph)
app.command("doctor")(upkeep.doctor)
app.command("converse")(conversations.converse)
app.add_typer(evaluating.eval_app, name="eval")


def main() -> None:
    """The entry point of the installed program."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Nothing is raised, whatever happens."""
    try:
        code = app(args=arguments, prog_name="kotae", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, Abort):
        return 130
    except BrokenPipeError:
        return _deaf()
    except SystemExit as ended:  # typer and rich end so when nobody reads on
        return ended.code if isinstance(ended.code, int) else 1
    except TyperException as error:
        Terminal().error(f"{error.format_message()} See `kotae --help`.")
        return error.exit_code
    except Exception as error:
        return _explain(error)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    """One line for what went wrong; the traceback of what nobody foresaw goes to the log."""
    if isinstance(error, ImportError):  # a package is missing: what comes below may need it too
        Terminal().error(f"A part of Kotae cannot be loaded ({error}); install it again: pip install .")
        return 1
    # not at the top: `kotae --help` must not load the agent
    from agent.errors import KotaeError, QuestionError
    from tools.base import ToolError
    from tools.specialist.errors import SpecialistError
    from ui.commands.options import in_words
    from ui.journal import record

    terminal = Terminal()
    if isinstance(error, KotaeError | SpecialistError):
        terminal.error(str(error))
        return 2 if isinstance(error, QuestionError) else 1
    if isinstance(error, ToolError):
        terminal.error(in_words(error))
        return 1
    written = record(error)
    details = f"Details: {written}" if written else "The details could not be written to the log."
    terminal.error(f"Something went wrong inside Kotae ({type(error).__name__}). {details}")
    return 1


def _deaf() -> int:
    """Nobody reads the output any more: end as a program that SIGPIPE ended, without a word."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


if __name__ == "__main__":
    main()
