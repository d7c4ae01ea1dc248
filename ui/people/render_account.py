"""One's own account as safe HTML: sessions and keys. `assets/people.js` sends what its buttons and forms say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from ui.markup import clean
from ui.people.roles import SCOPES
from ui.render_nav import ago

if TYPE_CHECKING:
    from ui.people.keys import Key
    from ui.people.roles import KeyScope, Person
    from ui.people.sessions import Session
    from ui.strings import Strings

_DAYS = ("30", "90", "365", "")
"""How long a new key may last, in days; "" until it is revoked."""


def account_html(
    person: Person,
    sessions: Sequence[Session],
    keys: Sequence[Key],
    words: Strings,
    *,
    now: float,
    here: str,
    secret: str = "",
) -> str:
    """The panel. `here` is the session of whoever reads it; `secret` a key that was just made."""
    role = escape(words.code("role", person.role))
    own = "".join(_session(one, words, now, here=one.id == here) for one in sessions)
    listed = "".join(key_row(one, words, now, path=f"/api/account/keys/{one.id}") for one in keys)
    none = f'<p class="kotae-none">{escape(words("account.no_keys"))}</p>'
    listed = f'<ul class="kotae-rows">{listed}</ul>' if listed else none
    people = (
        f'<button type="button" class="kotae-plain kotae-people-open">{escape(words("people.title"))}</button>'
        if person.role == "owner"
        else ""
    )
    return clean(
        f'<div class="kotae-account-who"><p><strong>{escape(person.name)}</strong><span>{role}</span></p>'
        f'<div class="kotae-edit-row">{people}<button type="button" class="kotae-plain kotae-log-out">'
        f"{escape(words('account.log_out'))}</button></div></div>"
        f"{shown_once(words('account.key_made'), secret, words)}"
        f"<section><h3>{escape(words('account.keys'))}</h3><p>{escape(words('account.keys_about'))}</p>"
        f"{listed}{_new_key(words)}</section>"
        f'<section><h3>{escape(words("account.sessions"))}</h3><ul class="kotae-rows">{own}</ul></section>'
        f'<p><a class="kotae-account-password" href="/password?lang={words.language}">'
        f"{escape(words('account.password'))}</a></p>",
        links={f"/password?lang={words.language}"},
        controls=True,
    )


def key_row(key: Key, words: Strings, now: float, *, path: str) -> str:
    """A key: its name, what it is for, when it was used, until when it lasts."""
    scopes = words("account.and").join(_scope(one, words) for one in SCOPES if one in key.scopes)
    used = words("account.unused") if key.used is None else words("account.used", ago=ago(key.used, now, words))
    parts = [scopes, used]
    if key.expires is not None:
        day = datetime.fromtimestamp(key.expires).strftime("%Y-%m-%d")
        parts.append(words("account.expired" if key.expires <= now else "account.expires", day=day))
    return _row(key.name, parts, act(words("account.revoke"), "DELETE", path, sure=words("account.revoke_sure")))


def shown_once(title: str, secret: str, words: Strings) -> str:
    """A secret that is shown now and never again; "" without one."""
    if not secret:
        return ""
    return (
        f'<div class="kotae-secret" role="status"><p>{escape(title)}</p><p><code>{escape(secret)}</code>'
        f'<button type="button" class="kotae-plain kotae-copy-secret">{escape(words("account.copy"))}</button></p>'
        "</div>"
    )


def act(label: str, method: str, path: str, *, sure: str = "", kind: str = "kotae-link") -> str:
    """A button that sends something; where it asks `sure`, only at the second click."""
    asks = f' data-sure="{escape(sure)}"' if sure else ""
    return (
        f'<button type="button" class="{kind} kotae-send" data-method="{method}" data-path="{escape(path)}"{asks}>'
        f"{escape(label)}</button>"
    )


def _session(session: Session, words: Strings, now: float, *, here: bool) -> str:
    began = words("account.since", ago=ago(session.created, now, words))
    title = words("account.this_browser" if here else "account.other_browser")
    parts = [began, words("account.used", ago=ago(session.used, now, words))]
    end = "" if here else act(words("account.end"), "DELETE", f"/api/account/sessions/{session.id}")
    return _row(title, parts, end)


def _row(title: str, parts: Sequence[str], button: str) -> str:
    about = escape(" · ".join(parts))
    return f'<li><span>{escape(title)}<span class="kotae-where">{about}</span></span>{button}</li>'


def _scope(scope: KeyScope, words: Strings) -> str:
    return words.code("scope", scope)


def _new_key(words: Strings) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="scopes" value="{one}"{" checked" if one == "chat" else ""}>'
        f"<span>{escape(_scope(one, words))}</span></label>"
        for one in SCOPES
    )
    options = "".join(
        f'<option value="{days}"{" selected" if days == "90" else ""}>'
        f"{escape(words('account.days', n=days) if days else words('account.for_ever'))}</option>"
        for days in _DAYS
    )
    return (
        f'<details class="kotae-more"><summary>{escape(words("account.new_key"))}</summary>'
        '<form data-method="POST" data-path="/api/account/keys">'
        f'<label class="kotae-labelled"><span>{escape(words("account.key_name"))}</span>'
        '<input class="kotae-field" name="name" maxlength="80" required autocomplete="off"></label>'
        f'<div class="kotae-boxes" role="group" aria-label="{escape(words("account.key_for"))}">{boxes}</div>'
        f'<label class="kotae-labelled"><span>{escape(words("account.key_lasts"))}</span>'
        f'<select class="kotae-field" name="days" data-number="yes">{options}</select></label>'
        f'<button class="kotae-primary" type="submit">{escape(words("account.create"))}</button></form></details>'
    )
