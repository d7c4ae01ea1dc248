"""The specialists' page: its frame, and the list of what there is and what may be done with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

from ui.markup import clean
from ui.render_training import percent

if TYPE_CHECKING:
    from tools.specialist.card import Card
    from tools.specialist.evaluation import Evaluation
    from tools.specialist.versions import Specialist, Version
    from ui.specialist_orders import NewSpecialist
    from ui.specialist_work import Work
    from ui.strings import Strings

State = Literal["training", "examining", "unfinished", "retired_base", "in_use", "proven", "unexamined", "unproven"]
"""`retired_base`: in use, and its base model is not what it was trained on any more."""


def frame_html(form: str, words: Strings) -> str:
    """The empty page that the script fills. `form` is that of a new specialist."""
    return clean(
        '<div class="kotae-lib kotae-spec">'
        f'<div class="kotae-lib-head"><h2 class="kotae-lib-title">{escape(words("spec.title"))}</h2>'
        f'<p class="kotae-lib-summary">{escape(words("spec.about"))}</p></div>'
        '<section class="kotae-lib-work kotae-spec-work" '
        f'aria-label="{escape(words("spec.work"))}" hidden></section>'
        '<p class="kotae-lib-said" role="status"></p>'
        '<section class="kotae-spec-home"><div class="kotae-spec-bar">'
        f'<button type="button" class="kotae-primary kotae-spec-new">{escape(words("spec.new"))}</button>'
        f'<button type="button" class="kotae-plain kotae-spec-import">{escape(words("spec.import"))}</button>'
        '<input type="file" class="kotae-spec-archive" hidden></div>'
        '<div class="kotae-spec-list"></div></section>'
        f'<section class="kotae-spec-form" aria-label="{escape(words("spec.new"))}" hidden>{form}</section>'
        '<section class="kotae-spec-one" hidden></section></div>',
        controls=True,
    )


def list_html(
    specialists: Sequence[Specialist],
    stale: Collection[str],
    orders: Sequence[NewSpecialist],
    work: Work | None,
    words: Strings,
    *,
    shipped: Mapping[str, Card] = {},
) -> str:
    """All specialists by name, and those that are only being made. `stale`: whose base model was replaced. `orders`:
    what was not carried out to its end. `shipped`: those that come with Kotae; what was not made of them is offered."""
    busy = work if work is not None and work.open and work.kind != "raft" else None
    waiting = {order.name: order for order in orders}
    made = {one.name: one for one in specialists}
    names = sorted({*made, *waiting, *([busy.name] if busy is not None else [])})
    offered = _offered({name: card for name, card in shipped.items() if name not in names}, work, words)
    if not names:
        return clean(f'<p class="kotae-none">{escape(words("spec.none"))}</p>{offered}', controls=True)
    rows = []
    for name in names:
        at = busy if busy is not None and busy.name == name else None
        order = None if at is not None else waiting.get(name)
        if name in made:
            rows.append(_row(made[name], name in stale, at, order, words))
        else:
            description = next(iter(waiting[name].description), "") if name in waiting else ""
            rows.append(_coming(name, description, at, words))
    return clean(f'<ul class="kotae-spec-rows">{"".join(rows)}</ul>{offered}', controls=True)


def state_of(one: Specialist, version: Version, *, stale: bool) -> State:
    """How a version of a specialist stands, when nothing is done with it at the moment."""
    if one.promoted == version.number:
        return "retired_base" if stale else "in_use"
    if version.proven:
        return "proven"
    return "unexamined" if version.against == ("not_examined",) else "unproven"


def badge(state: State, words: Strings, said: str = "") -> str:
    """The state as a mark with words."""
    return f'<span class="kotae-spec-state kotae-is-{state}">{escape(said or words.code("stands", state))}</span>'


def score_said(found: Evaluation, words: Strings) -> str:
    """Score, and by how much it is better than the base, in a line."""
    margin = found.margins["base"]
    return words(
        "spec.score",
        score=decimal(found.scores["specialist"].score),
        margin=signed(margin.difference),
        low=signed(margin.low),
        high=signed(margin.high),
    )


def decimal(value: float) -> str:
    return f"{value:.2f}"


def signed(value: float) -> str:
    """With its sign, a minus being one."""
    text = f"{value:+.2f}".replace("-", "−")
    return "±0.00" if text[1:] == "0.00" else text


def against_said(codes: Sequence[str], words: Strings) -> str:
    """What speaks against a promotion, as sentences."""
    return joined([words.code("against", code) or code for code in codes], words)


def joined(sentences: Sequence[str], words: Strings) -> str:
    """Sentences one after the other, as the language writes them."""
    return ("" if words.language == "ja" else " ").join(sentences)


def acts_html(one: Specialist, version: Version, words: Strings, *, stale: bool, training: bool) -> str:
    """What may be done with a version. What is not possible is shown with its reason."""
    name, number = escape(one.name), f' data-version="{version.number}"'
    parts: list[str] = []
    if stale:
        off = " disabled" if training else ""
        parts.append(_button("again", "kotae-primary", name, words("spec.again"), f"{off}"))
    if one.promoted != version.number:
        why = against_said(version.against, words)
        hint = why if version.against else words("spec.promote_hint")
        off = " disabled" if version.against else ""
        kind = "kotae-primary" if version.proven else "kotae-plain"
        parts.append(_button("promote", kind, name, words("spec.promote"), f'{number}{off} title="{escape(hint)}"'))
    if version.evaluation is None:
        off = " disabled" if training else ""
        parts.append(_button("examine", "kotae-plain", name, words("spec.examine"), f"{number}{off}"))
    if one.promoted is not None:
        hint = f' title="{escape(words("spec.rollback_hint"))}"'
        parts.append(_button("rollback", "kotae-plain", name, words("spec.rollback"), hint))
        hint = f' title="{escape(words("spec.retire_hint"))}"'
        parts.append(_button("retire", "kotae-plain", name, words("spec.retire"), hint))
    return "".join(parts)


def _button(act: str, kind: str, value: str, label: str, more: str = "") -> str:
    return f'<button type="button" class="{kind} kotae-spec-{act}" value="{value}"{more}>{escape(label)}</button>'


def _row(one: Specialist, stale: bool, work: Work | None, order: NewSpecialist | None, words: Strings) -> str:
    version = one.current or one.latest
    card = version.card
    state: State = state_of(one, version, stale=stale)
    marks = [badge(state, words, _in_use(one, words) if state == "in_use" else "")]
    if work is not None:
        marks.append(_working(work, words))
    elif order is not None:
        marks.append(badge("unfinished", words))
    newest = ""
    if one.promoted is not None and one.latest.number != one.promoted:
        newest = words(
            "spec.newer", n=one.latest.number, state=words.code("stands", state_of(one, one.latest, stale=False))
        )
    base = card.base.name if card.base is not None else card.remote.model if card.remote is not None else ""
    examples = card.data.training + card.data.validation + card.data.test
    about = [base, words.code("method", card.training.method), words("spec.examples_n", n=f"{examples:,}")]
    score = score_said(version.evaluation, words) if version.evaluation is not None else ""
    why = against_said(version.against, words) if state == "unproven" else ""
    notice = words("spec.retired_base", base=base) if stale else why
    return (
        f'<li class="kotae-spec-row"><div class="kotae-spec-about"><h3 class="kotae-spec-name">'
        f'<button type="button" class="kotae-spec-open" value="{escape(one.name)}">{escape(one.name)}</button></h3>'
        f'<span class="kotae-spec-marks">{"".join(marks)}</span>'
        f'<p class="kotae-spec-for">{escape(description_of(card.description, words))}</p>'
        + (f'<p class="kotae-spec-score">{escape(score)}</p>' if score else "")
        + f'<p class="kotae-where">{escape(" · ".join(part for part in about if part))}</p>'
        + (f'<p class="kotae-where">{escape(newest)}</p>' if newest else "")
        + (f'<p class="kotae-notice">{escape(notice)}</p>' if notice else "")
        + f'</div><div class="kotae-spec-acts">{_unfinished(one.name, order, words)}'
        f"{acts_html(one, version, words, stale=stale, training=work is not None)}"
        f'<button type="button" class="kotae-plain kotae-spec-open" value="{escape(one.name)}">'
        f'{escape(words("spec.show"))}<span class="kotae-sr"> {escape(one.name)}</span></button></div></li>'
    )


def _coming(name: str, description: str, work: Work | None, words: Strings) -> str:
    """One that has no version yet."""
    mark = _working(work, words) if work is not None else badge("unfinished", words)
    acts = "" if work is not None else _unfinished(name, True, words)
    return (
        f'<li class="kotae-spec-row"><div class="kotae-spec-about"><h3 class="kotae-spec-name">{escape(name)}</h3>'
        f'<span class="kotae-spec-marks">{mark}</span><p class="kotae-spec-for">{escape(description)}</p></div>'
        f'<div class="kotae-spec-acts">{acts}</div></li>'
    )


def _offered(cards: Mapping[str, Card], work: Work | None, words: Strings) -> str:
    """Those that come with Kotae, each with the button that makes it."""
    if not cards:
        return ""
    off = " disabled" if work is not None and work.open else ""
    rows = "".join(
        f'<li class="kotae-spec-row"><div class="kotae-spec-about"><h3 class="kotae-spec-name">{escape(name)}</h3>'
        f'<p class="kotae-spec-for">{escape(description_of(card.description, words))}</p></div>'
        f'<div class="kotae-spec-acts">{_button("shipped", "kotae-plain", name, words("spec.train"), off)}</div></li>'
        for name, card in cards.items()
    )
    return (
        f'<section aria-label="{escape(words("spec.shipped"))}">'
        f'<h3 class="kotae-spec-sub">{escape(words("spec.shipped"))}</h3>'
        f'<p class="kotae-where">{escape(words("spec.shipped_about"))}</p>'
        f'<ul class="kotae-spec-rows">{rows}</ul></section>'
    )


def _unfinished(name: str, order: object, words: Strings) -> str:
    if not order:
        return ""
    value = escape(name)
    return _button("resume", "kotae-primary", value, words("spec.resume")) + _button(
        "give-up", "kotae-plain", value, words("spec.give_up")
    )


def _working(work: Work, words: Strings) -> str:
    state: State = "training" if work.kind == "train" else "examining"
    said = words.code("stands", state)
    if work.share is not None:
        step = work.step.what if work.step is not None else "reading"
        said = words("spec.at", what=words.code("making", step), share=percent(work.share, words))
    return badge(state, words, said)


def _in_use(one: Specialist, words: Strings) -> str:
    return words("spec.in_use", n=one.promoted or 0)


def description_of(texts: Sequence[str], words: Strings) -> str:
    """The description in the reader's language where there is one."""
    from tools.library.tokens import language

    return next((text for text in texts if language(text) == words.language), texts[0] if texts else "")
