"""`kotae specialist`: small models for one task, trained here, examined, and put into use once they are proven."""

from __future__ import annotations

import typer

specialist_app = typer.Typer(
    help="Train specialists on examples of your own, examine them, and put them into use.", no_args_is_help=True
)


@specialist_app.callback()
def _group() -> None:
    """Train specialists on examples of your own, examine them, and put them into use."""
