"""The settings' page: its frame, and each setting with where it comes from and how it is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ui.markup import clean
from ui.settings_fields import GROUPS, Control, Group, control, written

if TYPE_CHECKING:
    from agent.settings import Settings
    from ui.strings import Strings

PARTS = (*GROUPS, "health")


@dataclass(frozen=True)
class Standing:
    """How the settings stand."""

    settings: Settings
    """What holds at the next start."""
    running: Settings
    origins: Mapping[str, str]
    """For each setting a variable, a file, or `default`."""
    given: Collection[str]
    """Settings that this run was given when it was started."""
    file: str
    broken: bool = False
    """The settings file cannot be read; `settings` is then what runs."""

    def waits(self, key: str) -> bool:
        """Whether a restart would change this setting."""
        return key not in self.given and getattr(self.settings, key) != getattr(self.running, key)

    def locked(self, key: str) -> bool:
        """Whether the settings file has no say in it."""
        return self.broken or key in self.given or self.variable(key) != ""

    def variable(self, key: str) -> str:
        """The environment variable that a setting comes from."""
        found = self.origins.get(key, "default")
        return "" if found in ("default", self.file) else found


def frame_html(words: Strings) -> str:
    """The empty page that the script fills."""
    tabs = "".join(
        f'<button type="button" role="tab" class="kotae-lib-tab kotae-set-tab" id="kotae-set-tab-{part}" '
        f'value="{part}" aria-controls="kotae-set-{part}" aria-selected="{"true" if i == 0 else "false"}" '
        f'tabindex="{0 if i == 0 else -1}">{escape(words.code("group", part))}</button>'
        for i, part in enumerate(PARTS)
    )
    panels = "".join(
        f'<section role="tabpanel" class="kotae-set-part" id="kotae-set-{part}" '
        f'aria-labelledby="kotae-set-tab-{part}"{"" if i == 0 else " hidden"}>{_inside(part, words)}</section>'
        for i, part in enumerate(PARTS)
    )
    return clean(
        '<div class="kotae-lib kotae-spec kotae-set"><div class="kotae-lib-head">'
        f'<h2 class="kotae-lib-title">{escape(words("option.title"))}</h2>'
        f'<p class="kotae-lib-summary">{escape(words("option.about"))}</p></div>'
        '<p class="kotae-lib-said" role="status"></p><div class="kotae-set-banner" role="status"></div>'
        f'<p class="kotae-set-memory">{escape(words("option.memory"))} '
        f'<button type="button" class="kotae-link kotae-memory-open">{escape(words("memory.title"))}</button></p>'
        f'<div class="kotae-lib-tabs" role="tablist" aria-label="{escape(words("option.parts"))}">{tabs}</div>'
        f"{panels}</div>",
        controls=True,
    )


def banner_html(now: Standing, words: Strings) -> str:
    """What a restart would change, and where the settings are kept."""
    if now.broken:
        said = words("option.file_broken", path=now.file)
        return clean(f'<p class="kotae-set-restart kotae-is-bad">{escape(said)}</p>')
    waiting = [words.code("opt", key) for keys in GROUPS.values() for key in keys if now.waits(key)]
    if not waiting:
        return ""
    said = words("option.restart", names=words("option.comma").join(waiting))
    return clean(f'<p class="kotae-set-restart">{escape(said)}</p>')


def group_html(group: Group, now: Standing, words: Strings) -> str:
    """The settings of a group as a form."""
    fields = "".join(_field(control(key), now, words) for key in GROUPS[group])
    path = f'<p class="kotae-where">{escape(words("option.file", path=now.file))}</p>'
    save = f'<button type="submit" class="kotae-primary kotae-set-save">{escape(words("option.save"))}</button>'
    if all(now.locked(key) or control(key).kind == "fixed" for key in GROUPS[group]):
        save = ""
    return clean(
        f'<form class="kotae-set-form">{fields}<div class="kotae-set-row">{path}{save}</div></form>', controls=True
    )


def _inside(part: str, words: Strings) -> str:
    if part == "health":
        return (
            f'<p class="kotae-lib-explained">{escape(words("health.about"))}</p><button type="button" '
            f'class="kotae-plain kotae-set-check">{escape(words("health.check"))}</button>'
            '<div class="kotae-set-health" aria-live="polite"></div>'
        )
    models = '<div class="kotae-set-work" hidden></div><div class="kotae-set-models"></div>' if part == "model" else ""
    return f'{models}<div class="kotae-set-fields" data-part="{part}"></div>'


def _field(one: Control, now: Standing, words: Strings) -> str:
    key, id = one.key, f"kotae-opt-{one.key}"
    label, why = words.code("opt", key), words.code("purpose", key) + _limits(one, words)
    changed = one.kind != "fixed" and not now.locked(key)
    heading = f'<span class="kotae-set-label" id="{id}-name">{escape(label)}</span>'
    if changed and one.kind != "order":
        heading = f'<label class="kotae-set-label" id="{id}-name" for="{id}">{escape(label)}</label>'
    shown = _changeable(one, id, now, words) if changed else _shown(one, now, words)
    hint = "" if changed else f'<p class="kotae-set-hint">{_hint(one, now, words)}</p>'
    return (
        f'<div class="kotae-set-field" data-key="{key}"><div class="kotae-set-about">{heading}'
        f'<p class="kotae-set-why" id="{id}-why">{escape(why)}</p></div><div class="kotae-set-control">{shown}'
        f'<p class="kotae-set-fault" id="{id}-fault" role="alert"></p>{hint}{_from(one, label, now, words)}</div></div>'
    )


def _changeable(one: Control, id: str, now: Standing, words: Strings) -> str:
    value = getattr(now.settings, one.key)
    common = f'id="{id}" name="{one.key}" aria-describedby="{id}-why {id}-fault"'
    if one.kind == "choice":
        return f"<select {common}>{_options(one.choices, value, words)}</select>"
    if one.kind == "order":
        places = "".join(
            f'<select class="kotae-set-place" id="{id}-{n}" aria-label="{escape(words.code("order", str(n)))}" '
            f'aria-describedby="{id}-why {id}-fault">'
            f"{_options(('', *one.choices), value[n - 1] if n <= len(value) else '', words)}</select>"
            for n in range(1, len(one.choices) + 1)
        )
        return (
            f'<div class="kotae-set-places" role="group" aria-labelledby="{id}-name" data-was="{",".join(value)}">'
            f"{places}</div>"
        )
    if one.kind == "secret":
        hint = words("secret.replace") if value is not None else words("secret.enter")
        return f'<input type="password" {common} autocomplete="new-password" placeholder="{escape(hint)}">'
    if one.kind == "number":
        least = f' min="{one.least:g}"' if one.least is not None else ""
        most = f' max="{one.most:g}"' if one.most is not None else ""
        step = "1" if one.whole else "any"
        return f'<input type="number" {common} value="{written(value)}" step="{step}"{least}{most}>'
    text = escape(written(value))
    return f'<input type="text" {common} value="{text}" maxlength="2000" autocomplete="off" spellcheck="false">'


def _options(names: Collection[str], value: object, words: Strings) -> str:
    return "".join(
        f'<option value="{name}"{" selected" if name == value else ""}>'
        f"{escape(words.code('choice', name) if name else words('order.none'))}</option>"
        for name in names
    )


def _shown(one: Control, now: Standing, words: Strings) -> str:
    """A value that cannot be changed here."""
    settings = now.running if one.key in now.given else now.settings
    if one.kind == "secret":
        return ""
    value = getattr(settings, one.key)
    text = written(value)
    if one.kind == "choice":
        text = words.code("choice", text) or text
    if one.kind == "order":
        text = words("option.comma").join(words.code("choice", name) or name for name in value)
    return f'<p class="kotae-set-value">{escape(text or words("option.empty_list"))}</p>'


def _hint(one: Control, now: Standing, words: Strings) -> str:
    """Why it cannot be changed here, and how it can, as HTML."""
    if now.broken:
        return ""
    if variable := now.variable(one.key):
        return escape(words("option.locked_variable", name=variable))
    if one.key in now.given:
        return escape(words("option.locked_start"))
    return words("option.locked_place", command=f"<code>kotae settings set {one.key} …</code>")


def _from(one: Control, label: str, now: Standing, words: Strings) -> str:
    """Where it comes from, whether it is in use yet, and the way back to the default."""
    key = one.key
    in_file = now.origins.get(key) == now.file and key not in now.given
    if key in now.given:
        said = words("option.from_start")
    elif variable := now.variable(key):
        said = words("option.from_variable", name=variable)
    else:
        said = words("option.from_file") if in_file else words("option.default")
    parts = [f'<span class="kotae-set-origin">{escape(said)}</span>']
    if one.kind == "secret":
        settings = now.running if key in now.given else now.settings
        state = "unset" if getattr(settings, key) is None else "set"
        mark = f'<span class="kotae-spec-state kotae-is-{state}">{escape(words.code("secret", state))}</span>'
        parts = [mark] if said == words("option.default") else [mark, *parts]
    if now.waits(key) and not now.broken:
        parts.append(f'<span class="kotae-spec-state kotae-is-waiting">{escape(words("option.waits"))}</span>')
    if in_file and one.kind != "fixed" and not now.locked(key):
        secret = one.kind == "secret"
        name = words("secret.clear_of", name=label) if secret else words("option.reset_of", name=label)
        text = words("secret.clear") if secret else words("option.reset")
        parts.append(
            f'<button type="button" class="kotae-link kotae-set-reset" value="{key}" aria-label="{escape(name)}">'
            f"{escape(text)}</button>"
        )
    return f'<p class="kotae-set-from">{" ".join(parts)}</p>'


def _limits(one: Control, words: Strings) -> str:
    if one.kind == "list":
        said = words("option.commas")
    elif one.kind != "number" or (one.least is None and one.most is None):
        return ""
    elif one.most is None:
        said = words("option.at_least", least=f"{one.least:,g}")
    elif one.least is None:
        said = words("option.at_most", most=f"{one.most:,g}")
    else:
        said = words("option.limits", least=f"{one.least:,g}", most=f"{one.most:,.0f}")
    return f"（{said}）" if words.language == "ja" else f" ({said})"
