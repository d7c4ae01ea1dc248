"""The pages around the chat that need no script: logging in, and choosing a password."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from ui import strings
from ui.markup import clean
from ui.people.passwords import LONGEST, SHORTEST

if TYPE_CHECKING:
    from ui.people.roles import Person
    from ui.strings import Strings


def login_html(words: Strings, wanted: str, fault: str = "") -> str:
    """Name and password. `wanted` is the local path that the reader is on the way to."""
    fields = (
        f'<input type="hidden" name="next" value="{escape(wanted)}">'
        + _field(words("login.name"), "name", "text", "username", focus=True)
        + _field(words("login.password"), "password", "password", "current-password")
    )
    onwards = f"&next={quote(wanted, safe='')}" if wanted else ""
    return _page(
        words,
        title=words("login.title"),
        text=words("login.text"),
        action=f"/login?lang={words.language}",
        fields=fields,
        button=words("login.go"),
        fault=fault,
        switch=f"/login?lang={_other(words)}{onwards}",
    )


def password_html(words: Strings, person: Person, fault: str = "") -> str:
    """The old password and the new one."""
    fields = (
        # password managers keep the new password under this name
        f'<input type="hidden" name="username" autocomplete="username" value="{escape(person.name)}">'
        + _field(words("login.old"), "password", "password", "current-password", focus=True)
        + _field(words("login.new"), "new", "password", "new-password", hint=words("login.rules", n=SHORTEST))
        + _field(words("login.again"), "again", "password", "new-password")
    )
    text = words("login.must_change" if person.must_change else "login.password_text", name=person.name)
    return _page(
        words,
        title=words("login.password_title"),
        text=text,
        action=f"/password?lang={words.language}",
        fields=fields,
        button=words("login.keep"),
        fault=fault,
        switch=f"/password?lang={_other(words)}",
        back="" if person.must_change else words("login.back"),
    )


def _page(
    words: Strings,
    *,
    title: str,
    text: str,
    action: str,
    fields: str,
    button: str,
    fault: str,
    switch: str,
    back: str = "",
) -> str:
    said = clean(f'<p class="kotae-fault">{escape(fault)}</p>') if fault else ""
    # read out when the page opens, as nothing changes on it later
    alert = f'<div role="alert">{said}</div>' if said else ""
    away = f'<a href="/">{escape(back)}</a>' if back else ""
    return (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f"<title>{escape(title)} · {escape(words('app.name'))}</title>"
        '<link rel="icon" href="/assets/kotae.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/assets/login.css"></head><body><main>'
        f'<p class="kotae-brand">{escape(words("app.name"))}<span lang="ja">答え</span></p>'
        f"<h1>{escape(title)}</h1>{clean(f'<p>{escape(text)}</p>')}{alert}"
        f'<form method="post" action="{escape(action)}">{fields}'
        f'<button type="submit">{escape(button)}</button></form>'
        f'<footer>{away}<a href="{escape(switch)}" lang="{_other(words)}" hreflang="{_other(words)}">'
        f"{escape(words('head.language'))}</a></footer></main></body></html>"
    )


def _field(label: str, name: str, kind: str, fills: str, *, hint: str = "", focus: bool = False) -> str:
    about = f'<span class="kotae-hint" id="about-{name}">{escape(hint)}</span>' if hint else ""
    described = f' aria-describedby="about-{name}"' if hint else ""
    more = ' autocapitalize="none" spellcheck="false"' if kind == "text" else ""
    more += " autofocus" if focus else ""
    return (
        f'<label for="field-{name}">{escape(label)}</label><input id="field-{name}" name="{name}" type="{kind}" '
        f'autocomplete="{fills}" maxlength="{LONGEST}" required{more}{described}>{about}'
    )


def _other(words: Strings) -> str:
    return next(one for one in strings.LANGUAGES if one != words.language)
