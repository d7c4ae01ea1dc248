"""Whether the specialists that are promoted can be asked, for the owner."""

from __future__ import annotations

from dataclasses import dataclass

from agent.settings import Settings
from agent.specialists.promoted import FOLDER, current
from agent.specialists.speakers import Speakers
from agent.wiring import chat_model
from tools.specialist.registry import Registry
from tools.specialist.versions import Version

_REMEDIES = {
    "base_missing": "Get its base model with `kotae models pull`, or train it again: `kotae specialist train {name}`.",
    "base_other": "Train it again on the model that there is now: `kotae specialist train {name}`.",
    "no_server": "Start its server, or mend `remote` in its card.",
}
_FAULTS = {
    "base_missing": "its base model {base} is not on this machine",
    "base_other": "its base model {base} has been replaced by another",
    "no_server": "nobody answers at {url}",
}


@dataclass(frozen=True)
class Health:
    """`ok` is None where a specialist is promoted and has nothing to do."""

    ok: bool | None
    finding: str
    remedy: str = ""


def health(settings: Settings) -> Health:
    """Loads no model. A server of a specialist is asked whether it is there."""
    registry = Registry(settings.data_dir / FOLDER)
    known, promoted = registry.all(), current(registry)
    if not known:
        return Health(True, "none yet")
    speakers = Speakers(settings, chat_model(settings))
    told = ", ".join(f"{v.card.name} (version {v.number})" for v in promoted) or "none"
    found = [f"{len(known)}, promoted: {told}"]
    ok: bool | None = True
    remedies: list[str] = []
    for version in promoted:
        card = version.card
        if code := speakers.usable(card):
            base = card.base.name if card.base is not None else ""
            url = card.remote.url if card.remote is not None else ""
            found.append(f"{card.name} cannot be used: {_FAULTS[code].format(base=base, url=url)}")
            remedies.append(_REMEDIES[code].format(name=card.name))
            ok = False
        elif card.use == "grounded" and not _reads(version, speakers.base()):
            found.append(f"{card.name} reads nothing: it belongs to another model than the configured one")
            remedies.append(f"Train it on that model (`kotae specialist train {card.name}`), or use its own.")
            ok = None if ok else ok
    return Health(ok, "; ".join(found), remedies[0] if remedies else "")


def _reads(version: Version, base: str) -> bool:
    return version.adapter is not None and version.card.base is not None and version.card.base.sha256 == base
