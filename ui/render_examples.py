"""Examples before a training: as they will be learned, what is wrong with them, and what is doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from ui.markup import clean
from ui.specialist_reasons import fault

if TYPE_CHECKING:
    from agent.specialists.preparing import Prepared
    from tools.specialist.data import Finding
    from tools.specialist.example import Example
    from ui.strings import Strings

_SHOWN = 6
"""Examples that are shown, and answers that are named."""
_TOLD = 20
"""Faults, and places with personal data, that are shown one by one."""
_LONGEST = 600
"""Characters of a text of an example."""


def checked_html(found: Prepared, names: Mapping[str, str], words: Strings) -> str:
    """What was read. `names` are those that the files have with their owner, by those that they have here."""
    parts = (found.split.training, found.split.validation, found.split.test)
    counts = words(
        "check.counts", read=f"{found.read:,}", training=f"{len(parts[0]):,}", validation=f"{len(parts[1]):,}",
        test=f"{len(parts[2]):,}",
    )  # fmt: skip
    return clean(
        f'<section class="kotae-spec-report" aria-label="{escape(words("check.title"))}">'
        f'<h4 class="kotae-spec-sub">{escape(words("check.title"))}</h4>'
        f"<p>{escape(counts)}</p><p>{escape(_form(found, words))}</p>"
        f"{_faults(found, names, words)}{_findings(found, words)}{_personal(found, words)}"
        f'<h5 class="kotae-spec-sub">{escape(words("check.first"))}</h5>'
        f'<ol class="kotae-spec-examples">{"".join(_example(e, words) for e in parts[0][:_SHOWN])}</ol></section>',
        controls=True,
    )


def _form(found: Prepared, words: Strings) -> str:
    metric = found.form.metric
    if metric == "exact" and found.form.answers:
        some = words("check.comma").join(found.form.answers[:_SHOWN])
        more = "…" if len(found.form.answers) > _SHOWN else ""
        return words("check.labels", n=len(found.form.answers), some=some + more)
    if metric == "slots" and found.form.schema is not None:
        keys = words("check.comma").join(list(found.form.schema.get("properties", {}))[:12])
        return words("check.json", keys=keys)
    return words.code("recognised", metric)


def _faults(found: Prepared, names: Mapping[str, str], words: Strings) -> str:
    if not found.faults:
        return ""
    rows = ""
    for one in found.faults[:_TOLD]:
        file = names.get(one.file, one.file)
        place = words("check.line", file=file, n=f"{one.line:,}") if one.line else f"{file}:"
        rows += f'<li><span class="kotae-spec-place">{escape(place)}</span> {escape(fault(one, words))}</li>'
    if (more := len(found.faults) - _TOLD) > 0:
        rows += f"<li>{escape(words('check.more_faults', n=f'{more:,}'))}</li>"
    n = len(found.faults)
    title = words("check.faults_one") if n == 1 else words("check.faults_many", n=f"{n:,}")
    return f'<div class="kotae-spec-faults"><h5 class="kotae-spec-sub">{escape(title)}</h5><ul>{rows}</ul></div>'


def _findings(found: Prepared, words: Strings) -> str:
    rows = [_finding(one, words) for one in found.findings if one.code != "personal"]
    rows += [words(f"left.{code}", n=f"{count:,}") for code, count in found.left.items()]
    items = "".join(f"<li>{escape(row)}</li>" for row in rows)
    if not items:
        return ""
    title = escape(words("check.doubts"))
    return f'<div class="kotae-spec-doubts"><h5 class="kotae-spec-sub">{title}</h5><ul>{items}</ul></div>'


def _finding(one: Finding, words: Strings) -> str:
    n = f"{one.count:,}"
    if one.code == "unbalanced":
        return words("finding.unbalanced", n=n, about=one.about)
    return words(f"finding.{one.code}", n=n)


def _personal(found: Prepared, words: Strings) -> str:
    if not found.personal:
        return ""
    rows = "".join(
        f"<li>{escape(words('check.spot', n=f'{s.row + 1:,}', where=words.code('part', s.where)))} "
        f"{escape(words.code('personal', s.found.kind))} <code>{escape(s.found.masked)}</code></li>"
        for s in found.personal[:_TOLD]
    )
    if (more := len(found.personal) - _TOLD) > 0:
        rows += f"<li>{escape(words('check.more_spots', n=f'{more:,}'))}</li>"
    n = len({spot.row for spot in found.personal})
    title = words("check.personal_one") if n == 1 else words("check.personal_many", n=f"{n:,}")
    return (
        f'<div class="kotae-spec-faults"><h5 class="kotae-spec-sub">{escape(title)}</h5><ul>{rows}</ul>'
        f'<label class="kotae-lib-check"><input type="checkbox" name="personal">'
        f"{escape(words('check.allow'))}</label></div>"
    )


def _example(example: Example, words: Strings) -> str:
    said = "".join(
        f'<p class="kotae-spec-turn"><span class="kotae-spec-role">{escape(words.code("role", message.role))}</span>'
        f"{_text(message.content)}</p>"
        for message in example.messages
    )
    role = escape(words("role.assistant"))
    return (
        f'<li>{said}<p class="kotae-spec-turn kotae-spec-answer"><span class="kotae-spec-role">{role}</span>'
        f"{_text(example.answer)}</p></li>"
    )


def _text(text: str) -> str:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f'<span class="kotae-spec-text">{escape(shown).replace(chr(10), "<br>")}</span>'
