"""The form of a new specialist."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from tools.specialist.plan import Plan
from ui.markup import options
from ui.render_library import size

if TYPE_CHECKING:
    from agent.specialists.bases import Choice
    from ui.strings import Strings

_STEPS = {"epochs": "any", "learning_rate": "any", "general": "any"}
_SETTINGS = ("epochs", "learning_rate", "rank", "layers", "batch", "longest", "general", "shots", "seed")


def form_html(bases: Sequence[Choice], collections: Sequence[str], words: Strings, *, limit: int) -> str:
    """The form; it still has to pass `clean`. `limit` is the most bytes of a file of examples."""
    return (
        f'<form class="kotae-spec-fields"><h3 class="kotae-spec-sub">{escape(words("spec.new"))}</h3>'
        f"{_what(words)}{_examples(collections, words, limit)}{_how(bases, words)}"
        '<div class="kotae-spec-checked" aria-live="polite"></div>'
        f"{_box('promote', words('spec.promote_if'))}"
        '<div class="kotae-spec-bar kotae-spec-go">'
        f'<button type="submit" class="kotae-primary">{escape(words("spec.train"))}</button>'
        f'<button type="button" class="kotae-plain kotae-spec-check">{escape(words("spec.check"))}</button>'
        f'<button type="button" class="kotae-plain kotae-spec-cancel">{escape(words("dialog.cancel"))}</button>'
        "</div></form>"
    )


def _what(words: Strings) -> str:
    uses = options([(use, words.code("use", use)) for use in ("answer", "style", "grounded")])
    return (
        '<div class="kotae-spec-grid">'
        + _field(
            words("spec.name"),
            '<input type="text" name="name" maxlength="64" required autocomplete="off" spellcheck="false" '
            f'placeholder="{escape(words("spec.name_example"))}">',
            words("spec.name_hint"),
        )
        + _field(words("spec.use"), f'<select name="use">{uses}</select>', "")
        + _field(
            words("spec.description"),
            '<input type="text" name="description" maxlength="500" autocomplete="off" '
            f'placeholder="{escape(words("spec.description_example"))}">',
            words("spec.description_hint"),
            wide=True,
        )
        + "</div>"
    )


def _examples(collections: Sequence[str], words: Strings, limit: int) -> str:
    raft = ""
    if collections:
        choice = options([(name, name) for name in collections])
        raft = (
            f'<div class="kotae-drop-row kotae-spec-raft"><label>{escape(words("spec.raft"))}'
            f'<select class="kotae-spec-collection">{choice}</select></label>'
            f"<label>{escape(words('spec.raft_questions'))}"
            '<input type="number" class="kotae-spec-questions" value="200" min="10" max="5000"></label>'
            f'<button type="button" class="kotae-plain kotae-spec-make">'
            f"{escape(words('spec.raft_make'))}</button></div>"
        )
    return (
        f'<section class="kotae-drop" aria-label="{escape(words("spec.examples"))}">'
        f'<div class="kotae-drop-row"><p class="kotae-drop-text">{escape(words("spec.drop"))}</p>'
        f'<button type="button" class="kotae-plain kotae-spec-choose">{escape(words("lib.choose"))}</button>'
        '<input type="file" class="kotae-spec-files" multiple hidden></div>'
        f'<p class="kotae-lib-limit">{escape(words("spec.formats", size=size(limit)))}</p>'
        '<ul class="kotae-spec-chips"></ul>'
        f"{_box('feedback', words('spec.feedback'))}"
        f"{raft}</section>"
    )


def _how(bases: Sequence[Choice], words: Strings) -> str:
    choices = "".join(
        f'<option value="{escape(one.name)}"{"" if one.here else " disabled"}>'
        f"{escape(one.title if one.here else words('spec.base_missing', name=one.title))}</option>"
        for one in bases
    )
    methods = options([(method, words.code("method", method)) for method in ("lora", "layers", "few_shot")])
    numbers = "".join(
        _field(
            words.code("setting", name),
            f'<input type="number" name="{name}" step="{_STEPS.get(name, "1")}" '
            f'placeholder="{escape(_usual(name, words))}" autocomplete="off">',
            "",
        )
        for name in _SETTINGS
    )
    columns = "".join(
        _field(words(f"spec.{key}_key"), f'<input type="text" name="{key}" maxlength="100" autocomplete="off">', "")
        for key in ("question", "answer")
    )
    return (
        '<div class="kotae-spec-grid">'
        + _field(words("spec.base"), f'<select name="base">{choices}</select>', words("spec.base_hint"))
        + _field(words("spec.method"), f'<select name="method">{methods}</select>', words("spec.method_hint"))
        + f'</div><details class="kotae-spec-more"><summary>{escape(words("spec.advanced"))}</summary>'
        f'<div class="kotae-spec-grid kotae-spec-small">{numbers}{columns}</div><div class="kotae-spec-grid">'
        + _field(
            words("spec.prompt"),
            '<textarea name="prompt" rows="2" maxlength="4000"></textarea>',
            words("spec.prompt_hint"),
            wide=True,
        )
        + _field(
            words("spec.description_other"),
            '<input type="text" name="description_other" maxlength="500" autocomplete="off">',
            "",
        )
        + _field(words("spec.licence"), '<input type="text" name="licence" maxlength="200" autocomplete="off">', "")
        + f"</div>{_box('continues', words('spec.continues'))}{_box('again', words('spec.anew'))}"
        "</details>"
    )


def _field(label: str, control: str, hint: str, *, wide: bool = False) -> str:
    return (
        f'<label class="kotae-spec-field{" kotae-spec-wide" if wide else ""}"><span>{escape(label)}</span>{control}'
        + (f'<span class="kotae-spec-hint">{escape(hint)}</span>' if hint else "")
        + "</label>"
    )


def _usual(name: str, words: Strings) -> str:
    """What a setting is without a word on it."""
    value = getattr(Plan(), name)
    return words("spec.automatic") if value is None else str(value)


def _box(name: str, label: str) -> str:
    return f'<label class="kotae-lib-check"><input type="checkbox" name="{name}">{escape(label)}</label>'
