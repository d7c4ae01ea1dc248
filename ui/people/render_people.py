"""The part "People" as safe HTML: everybody with role, collections and keys, and a form for somebody new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ui.markup import clean, options
from ui.people.render_account import act, key_row, shown_once
from ui.people.roles import ROLES

if TYPE_CHECKING:
    from ui.people.keys import Key
    from ui.people.roles import Person
    from ui.strings import Strings

ROUTE = "/api/people"


@dataclass(frozen=True)
class Given:
    """A password that somebody got and has to change."""

    name: str
    password: str


def people_html(
    people: Sequence[Person],
    keys: Mapping[str, Sequence[Key]],
    collections: Sequence[str],
    readers: frozenset[str] | None,
    words: Strings,
    *,
    now: float,
    me: str,
    given: Given | None = None,
) -> str:
    """Everybody. `readers` is what everybody of that role may read, `me` the id of whoever looks at it."""
    rows = "".join(_person(one, keys[one.id], collections, words, now, mine=one.id == me) for one in people)
    secret = ""
    if given is not None:
        secret = shown_once(words("people.password_made", name=given.name), given.password, words)
    return clean(
        f'{secret}<ul class="kotae-rows kotae-people">{rows}</ul>{_new(words)}'
        f"<section><h3>{escape(words('people.readers'))}</h3><p>{escape(words('people.readers_about'))}</p>"
        f'<details class="kotae-more"><summary>{escape(_reads(readers, words))}</summary>'
        f'<form data-method="PATCH" data-path="{ROUTE}">'
        f"{_choice('all' if readers is None else 'some', readers, collections, words, ('all', 'some'))}"
        f'<button class="kotae-primary" type="submit">{escape(words("people.save"))}</button></form></details>'
        "</section>",
        controls=True,
    )


def _person(
    person: Person, keys: Sequence[Key], collections: Sequence[str], words: Strings, now: float, *, mine: bool
) -> str:
    path = f"{ROUTE}/{person.id}"
    about = [words.code("role", person.role)]
    if person.role == "reader":
        about.append(_reads(person.collections, words))
    if person.must_change:
        about.append(words("people.waits"))
    name = f"{person.name} {words('people.you')}" if mine else person.name
    parts = [_role(person, path, words)]
    if person.role == "reader":
        chosen = "role" if not person.exception else "all" if person.collections is None else "some"
        parts.append(
            f'<form data-method="PATCH" data-path="{path}">'
            f"{_choice(chosen, person.collections, collections, words, ('role', 'all', 'some'))}"
            f'<button class="kotae-primary" type="submit">{escape(words("people.save"))}</button></form>'
        )
    if keys:
        listed = "".join(key_row(one, words, now, path=f"{path}/keys/{one.id}") for one in keys)
        parts.append(f'<h3>{escape(words("account.keys"))}</h3><ul class="kotae-rows">{listed}</ul>')
    if not mine:
        parts.append(
            '<div class="kotae-edit-row">'
            + act(
                words("people.new_password"),
                "POST",
                f"{path}/password",
                sure=words("people.password_sure"),
                kind="kotae-plain",
            )
            + act(words("people.remove"), "DELETE", path, sure=words("people.remove_sure"), kind="kotae-danger")
            + "</div>"
        )
    return (
        f'<li><details class="kotae-more"><summary><span>{escape(name)}'
        f'<span class="kotae-where">{escape(" · ".join(about))}</span></span></summary>{"".join(parts)}</details></li>'
    )


def _role(person: Person, path: str, words: Strings) -> str:
    return (
        f'<form data-method="PATCH" data-path="{path}" class="kotae-inline"><label class="kotae-labelled">'
        f"<span>{escape(words('people.role'))}</span>{_roles(person.role, words)}</label>"
        f'<button class="kotae-plain" type="submit">{escape(words("people.save"))}</button></form>'
    )


def _roles(chosen: str, words: Strings) -> str:
    roles = options([(one, words.code("role", one)) for one in ROLES], chosen)
    return f'<select class="kotae-field" name="role">{roles}</select>'


def _choice(
    chosen: str, reads: frozenset[str] | None, collections: Sequence[str], words: Strings, choices: Sequence[str]
) -> str:
    """What is read: radio buttons, and boxes for the collections. What is read and not there any more stays listed."""
    radios = "".join(
        f'<label><input type="radio" name="reads" value="{one}"{" checked" if one == chosen else ""}>'
        f"<span>{escape(words.code('reads', one))}</span></label>"
        for one in choices
    )
    held = reads or frozenset()
    boxes = "".join(
        f'<label><input type="checkbox" name="collections" value="{escape(one)}"{" checked" if one in held else ""}>'
        f"<span>{escape(one)}</span></label>"
        for one in [*collections, *sorted(held - set(collections))]
    )
    return (
        f'<div class="kotae-boxes" role="group" aria-label="{escape(words("people.reads"))}">{radios}</div>'
        f'<div class="kotae-boxes kotae-some" role="group" aria-label="{escape(words("reads.some"))}">{boxes}</div>'
    )


def _reads(reads: frozenset[str] | None, words: Strings) -> str:
    if reads is None:
        return words("people.reads_all")
    return (
        words("people.reads_some", names=words("account.and").join(sorted(reads)))
        if reads
        else words("people.reads_none")
    )


def _new(words: Strings) -> str:
    return (
        f'<details class="kotae-more"><summary>{escape(words("people.add"))}</summary>'
        f'<form data-method="POST" data-path="{ROUTE}"><label class="kotae-labelled">'
        f"<span>{escape(words('login.name'))}</span>"
        '<input class="kotae-field" name="name" maxlength="64" required autocomplete="off"></label>'
        f'<label class="kotae-labelled"><span>{escape(words("people.role"))}</span>{_roles("reader", words)}</label>'
        f"<p>{escape(words('people.add_about'))}</p>"
        f'<button class="kotae-primary" type="submit">{escape(words("people.create"))}</button></form></details>'
    )
