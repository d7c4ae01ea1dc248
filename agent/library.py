"""The library of this installation, and what of it answers may be written from. Loads no language model's packages."""

from __future__ import annotations

from agent.settings import Settings
from tools.library import E5, EVERYTHING, Library, Scope
from tools.web import Egress


def open_library(settings: Settings) -> Library:
    """The library of this installation."""
    return Library.open(settings.data_dir / "library", E5(), egress=Egress(settings.egress_allow))


def readable(settings: Settings) -> Scope:
    """What the answers of this installation may be written from."""
    return Scope(frozenset(settings.collections)) if settings.collections else EVERYTHING
