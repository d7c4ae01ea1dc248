"""`kotae models`: which language models there are, getting one, choosing one."""

from __future__ import annotations

import typer

models_app = typer.Typer(help="List, download and choose language models.")
