"""What the widget needs to show itself: its words, its look, and what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui.widget.site import Texts

if TYPE_CHECKING:
    from ui.strings import Strings
    from ui.widget.site import Site


def session(site: Site, words: Strings, *, longest: int) -> dict[str, Any]:
    """For a site, in one language. `longest`: characters of a question."""
    texts = site.look.texts.get(words.language, Texts())
    return {
        "language": words.language,
        "title": texts.title or words("widget.title"),
        "greeting": texts.greeting or words("widget.greeting"),
        "suggestions": list(texts.suggestions),
        "note": texts.note,
        "accent": site.look.accent,
        "corner": site.look.corner,
        "theme": site.look.theme,
        "logo": f"/widget/{site.id}/logo" if site.logo else "",
        "longest": longest,
        "words": words.items("widget")
        | {
            "copy": words("message.copy"),
            "copied": words("message.copied"),
            "empty": words("error.empty"),
            "too_long": words("error.too_long", limit=f"{longest:,}"),
        },
    }
