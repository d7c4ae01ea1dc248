"""Which language a request is answered in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui import strings

if TYPE_CHECKING:
    from fastapi import Request

    from agent.state import Language

COOKIE = "kotae_lang"


def preferred_language(request: Request) -> Language:
    """The reader's choice, otherwise the first of the browser's languages that Kotae has, otherwise English."""
    chosen = request.cookies.get(COOKIE)
    for language in strings.LANGUAGES:
        if chosen == language:
            return language
    ranked: list[tuple[float, int, Language]] = []
    for place, entry in enumerate(request.headers.get("accept-language", "").split(",")):
        tag, _, weight = entry.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        for language in strings.LANGUAGES:
            if tag.lower().split("-")[0] == language and quality > 0:
                ranked.append((-quality, place, language))
    return min(ranked)[2] if ranked else "en"


def asked_language(request: Request) -> Language:
    """The language that the page names, otherwise the preferred one."""
    asked = request.query_params.get("lang")
    return next((language for language in strings.LANGUAGES if language == asked), preferred_language(request))
