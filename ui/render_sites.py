"""The page of sites: those that there are, and the form of one with what is to be pasted into its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, get_args

from tools.base import Consent
from ui import strings
from ui.markup import clean, options
from ui.widget.site import Look, Site, Texts

if TYPE_CHECKING:
    from agent.state import Language
    from ui.strings import Strings

_CONSENTS: tuple[Consent, ...] = get_args(Consent)


def frame_html(words: Strings) -> str:
    """The empty page that the script fills."""
    return clean(
        '<div class="kotae-lib kotae-sites">'
        f'<div class="kotae-lib-head"><h2 class="kotae-lib-title">{escape(words("site.title"))}</h2>'
        f'<p class="kotae-lib-summary">{escape(words("site.about"))}</p></div>'
        '<p class="kotae-lib-said" role="status"></p>'
        '<section class="kotae-site-home">'
        f'<button type="button" class="kotae-primary kotae-site-new">{escape(words("site.new"))}</button>'
        '<div class="kotae-site-list"></div></section>'
        f'<section class="kotae-site-one" aria-label="{escape(words("site.one"))}" hidden></section></div>',
        controls=True,
    )


def list_html(sites: Sequence[Site], asked: Mapping[str, Mapping[str, int]], words: Strings) -> str:
    """All sites by name. `asked`: questions by site and day."""
    if not sites:
        return clean(f'<p class="kotae-none">{escape(words("site.none"))}</p>')
    today = date.today().isoformat()
    rows = "".join(_row(site, asked.get(site.id, {}), today, words) for site in sites)
    return clean(f'<ul class="kotae-site-rows">{rows}</ul>', controls=True)


def snippet(base: str, id: str) -> str:
    """What is pasted into the pages of a site. `base` is where Kotae is served."""
    return f'<script src="{base}/widget.js" data-site="{id}" async></script>'


def form_html(
    site: Site | None, collections: Sequence[str], words: Strings, *, code: str, base: str, limit: int
) -> str:
    """The form of a site; of a new one without. `code` is its snippet, `limit` the most bytes of a logo."""
    kept = site or Site(id="0" * 12, name="-", collections=tuple(collections[:1]))
    id = site.id if site else "new"
    head = escape(site.name if site else words("site.new"))
    return clean(
        f'<p><button type="button" class="kotae-link kotae-site-back">{escape(words("site.back"))}</button></p>'
        f'<h3 class="kotae-site-name" tabindex="-1">{head}</h3>'
        f"{_pasting(code, base, words) if site else ''}"
        f'<div class="kotae-site-columns"><form class="kotae-site-form" data-id="{id}">'
        f"{_where(kept, site, collections, words)}{_texts(kept.look, words)}{_look(kept, id, words, limit)}"
        f'<div class="kotae-site-bar"><button type="submit" class="kotae-primary">{escape(words("site.save"))}</button>'
        + (
            f'<button type="button" class="kotae-danger kotae-site-remove">{escape(words("site.remove"))}</button>'
            if site
            else ""
        )
        + "</div></form>"
        f'<div class="kotae-site-seen"><p class="kotae-site-label">{escape(words("site.preview"))}</p>'
        '<div class="kotae-site-stage"></div>'
        f'<p class="kotae-site-hint">{escape(words("site.preview_hint"))}</p></div></div>',
        controls=True,
    )


def _row(site: Site, asked: Mapping[str, int], today: str, words: Strings) -> str:
    where = words("path.listed").join(site.origins) or words("site.nowhere")
    state = "" if site.on else f'<span class="kotae-site-state">{escape(words("site.off"))}</span>'
    counts = words("site.asked", today=asked.get(today, 0), limit=site.daily, all=sum(asked.values()))
    return (
        f'<li class="kotae-site-row"><h3><button type="button" class="kotae-site-open" value="{site.id}">'
        f"{escape(site.name)}</button></h3>{state}"
        f'<p class="kotae-where">{escape(where)}</p><p class="kotae-where">{escape(counts)}</p></li>'
    )


def _pasting(code: str, base: str, words: Strings) -> str:
    rule = f"script-src {base}; connect-src {base}; img-src {base}"
    return (
        f'<div class="kotae-site-code"><p class="kotae-site-label">{escape(words("site.paste"))}</p>'
        f'<pre><code>{escape(code)}</code></pre><button type="button" class="kotae-plain kotae-site-copy">'
        f"{escape(words('site.copy'))}</button>"
        f"<details><summary>{escape(words('site.policy'))}</summary><pre><code>{escape(rule)}</code></pre></details></div>"
    )


def _where(kept: Site, site: Site | None, collections: Sequence[str], words: Strings) -> str:
    known = [*collections, *(name for name in kept.collections if name not in collections)]
    boxes = "".join(_box("collection", name, name, name in kept.collections) for name in known)
    origins = escape("\n".join(kept.origins))
    web = options([(one, words.code("site_web", one)) for one in _CONSENTS], kept.web)
    return (
        f'<section class="kotae-site-part"><h4>{escape(words("site.where"))}</h4>'
        + _field(
            words("site.name"),
            f'<input type="text" name="name" maxlength="100" required autocomplete="off" '
            f'value="{escape(site.name if site else "")}">',
        )
        + _field(
            words("site.origins"),
            f'<textarea name="origins" rows="3" spellcheck="false" placeholder="https://www.example.com">{origins}'
            "</textarea>",
            words("site.origins_hint"),
        )
        + f'<div class="kotae-site-field" role="group" aria-label="{escape(words("site.collections"))}">'
        f"<span>{escape(words('site.collections'))}</span>{boxes}"
        f'<span class="kotae-site-hint">{escape(words("site.collections_hint"))}</span></div>'
        + _field(words("site.web"), f'<select name="web">{web}</select>', words("site.web_hint"))
        + '<div class="kotae-site-pair">'
        + _field(words("site.daily"), _number("daily", kept.daily, 1_000_000))
        + _field(words("site.daily_each"), _number("daily_each", kept.daily_each, 10_000))
        + "</div>"
        + _box("specialists", "", words("site.specialists"), kept.specialists)
        + _box("on", "", words("site.on"), kept.on)
        + "</section>"
    )


def _texts(look: Look, words: Strings) -> str:
    return "".join(_texts_in(language, look.texts.get(language, Texts()), words) for language in strings.LANGUAGES)


def _texts_in(language: Language, texts: Texts, words: Strings) -> str:
    usual = strings.load(language).for_visitors()
    name = words.code("site_language", language)

    def line(key: str, value: str, placeholder: str, most: int) -> str:
        control = (
            f'<input type="text" name="{key}.{language}" maxlength="{most}" autocomplete="off" '
            f'value="{escape(value)}" placeholder="{escape(placeholder)}">'
        )
        return _field(words(f"site.{key}"), control)

    def area(key: str, value: str, placeholder: str, hint: str = "") -> str:
        control = (
            f'<textarea name="{key}.{language}" rows="3" maxlength="1500" placeholder="{escape(placeholder)}">'
            f"{escape(value)}</textarea>"
        )
        return _field(words(f"site.{key}"), control, hint)

    return (
        f'<section class="kotae-site-part"><h4>{escape(words("site.texts", language=name))}</h4>'
        + line("heading", texts.title, usual("widget.title"), 80)
        + area("greeting", texts.greeting, usual("widget.greeting"))
        + area("suggestions", "\n".join(texts.suggestions), "", words("site.suggestions_hint"))
        + line("note", texts.note, "", 200)
        + "</section>"
    )


def _look(kept: Site, id: str, words: Strings, limit: int) -> str:
    look = kept.look

    corner = options([(one, words.code("site_corner", one)) for one in ("right", "left")], look.corner)
    theme = options([(one, words.code("site_theme", one)) for one in ("auto", "light", "dark")], look.theme)
    language = options([(one, words.code("site_language", one)) for one in ("page", "en", "ja")], look.language)
    logo = ""
    if id != "new":
        remove = "" if kept.logo else " hidden"
        logo = (
            f'<div class="kotae-site-field"><span>{escape(words("site.logo"))}</span><span class="kotae-site-bar">'
            f'<button type="button" class="kotae-plain kotae-site-logo">{escape(words("site.logo_choose"))}</button>'
            f'<button type="button" class="kotae-plain kotae-site-unlogo"{remove}>{escape(words("site.logo_remove"))}'
            '</button></span><input type="file" class="kotae-site-file" hidden>'
            f'<span class="kotae-site-hint">{escape(words("site.logo_hint", kb=limit // 1000))}</span></div>'
        )
    return (
        f'<section class="kotae-site-part"><h4>{escape(words("site.look"))}</h4><div class="kotae-site-pair">'
        + _field(words("site.accent"), f'<input type="color" name="accent" value="{look.accent}">')
        + _field(words("site.corner"), f'<select name="corner">{corner}</select>')
        + _field(words("site.theme"), f'<select name="theme">{theme}</select>')
        + _field(words("site.language"), f'<select name="language">{language}</select>')
        + f"</div>{logo}</section>"
    )


def _field(label: str, control: str, hint: str = "") -> str:
    below = f'<span class="kotae-site-hint">{escape(hint)}</span>' if hint else ""
    return f'<label class="kotae-site-field"><span>{escape(label)}</span>{control}{below}</label>'


def _number(name: str, value: int, most: int) -> str:
    return f'<input type="number" name="{name}" value="{value}" min="1" max="{most}" step="1" required>'


def _box(name: str, value: str, label: str, on: bool) -> str:
    given = f' value="{escape(value)}"' if value else ""
    return (
        f'<label class="kotae-lib-check"><input type="checkbox" name="{name}"{given}{" checked" if on else ""}>'
        f"{escape(label)}</label>"
    )
