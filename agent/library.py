"""The library of this installation, and what of it answers may be written from. Loads no language model's packages."""

from __future__ import annotations

from agent.asker import OWNER, Asker
from agent.settings import Settings
from tools.library import E5, EVERYTHING, Library, Scope
from tools.web import Egress


def open_library(settings: Settings) -> Library:
    """The library of this installation."""
    return Library.open(settings.data_dir / "library", E5(), egress=Egress(settings.egress_allow))


def readable(settings: Settings, asker: Asker = OWNER) -> Scope:
    """What the answers that `asker` gets may be written from."""
    if not settings.collections:
        return EVERYTHING if asker.collections is None else Scope(asker.collections)
    allowed = frozenset(settings.collections)
    return Scope(allowed if asker.collections is None else allowed & asker.collections)
