"""The path a turn took, in words: what was understood, decided, searched, judged and verified, with times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ui.markup import clean
from ui.render import shortened

if TYPE_CHECKING:
    from agent.state import Answer, Step
    from ui.strings import Strings


def path_title(answer: Answer, words: Strings) -> str:
    """The line that stands for the whole path when it is folded up."""
    route = words("route.refused") if answer.refused else words.place("route", answer.place)
    return escape(words("path.title", route=route, seconds=seconds(answer.seconds, words)))


def path_html(steps: Sequence[Step], words: Strings) -> str:
    """One line for each step that was taken."""
    rows = "".join(
        f'<li class="kotae-step"><span class="kotae-step-name">{escape(_name(step, words))}'
        f'</span><span class="kotae-step-facts">{_facts(step.node, step.facts, words)}</span>'
        f'<span class="kotae-step-time">{escape(seconds(step.seconds, words))}</span></li>'
        for step in steps
    )
    return clean(f'<ol class="kotae-path">{rows}</ol>')


def doing(node: str, words: Strings) -> str:
    """What Kotae is at while `node` runs."""
    return words.code("doing", node) or words("path.working")


def _name(step: Step, words: Strings) -> str:
    """A specialist is asked; everything else is searched."""
    return words.code("step", "specialist" if step.facts.get("tool") == "specialist" else step.node) or step.node


def seconds(value: float, words: Strings) -> str:
    """Seconds with as many digits as mean something: < 0.01, 0.02, 1.4, 12."""
    if value < 0.005:
        return words("path.seconds", n="< 0.01")
    digits = 2 if value < 0.995 else 1 if value < 9.95 else 0
    return words("path.seconds", n=f"{value:.{digits}f}")


def _facts(node: str, facts: Mapping[str, Any], words: Strings) -> str:
    writers = {
        "understand": _understand,
        "route": _route,
        "gather": _gather,
        "judge": _judge,
        "answer": _answer,
        "reflect": _reflect,
    }
    parts = writers[node](facts, words) if node in writers else [words.code("fact", node)]
    return " · ".join(escape(part) for part in parts if part)


def _understand(facts: Mapping[str, Any], words: Strings) -> list[str]:
    if parts := facts.get("parts"):
        return [words("fact.parts", questions=words("path.listed").join(_quoted(part, words) for part in parts))]
    if facts.get("rewritten"):
        return [words("fact.rewritten", question=_quoted(facts.get("standalone", ""), words))]
    return [words("fact.standalone")]


def _route(facts: Mapping[str, Any], words: Strings) -> list[str]:
    return [
        words.place("goes", str(facts.get("route", ""))),
        words("fact.reads") if facts.get("reads") else "",
        words.code("why", str(facts.get("why", ""))),
        _sure(facts, words),
    ]


def _gather(facts: Mapping[str, Any], words: Strings) -> list[str]:
    if name := str(facts.get("specialist") or ""):
        return [words("fact.specialist", name=name), words.code("notice", str(facts.get("error") or ""))]
    if error := str(facts.get("error") or ""):
        return [words.code("notice", error) or words("fact.found_none", query=_quoted(facts.get("query", ""), words))]
    query, found = _quoted(facts.get("query", ""), words), int(facts.get("found") or 0)
    titles = words("path.listed").join(dict.fromkeys(str(t) for t in facts.get("titles") or ()))
    if not found:
        return [words("fact.found_none", query=query)]
    if found == 1:
        return [words("fact.found_one", query=query, titles=shortened(titles, 160))]
    return [words("fact.found_many", n=found, query=query, titles=shortened(titles, 160))]


def _judge(facts: Mapping[str, Any], words: Strings) -> list[str]:
    verdict = words.code("verdict", str(facts.get("why", "")))
    verdict = verdict or words("verdict.sufficient" if facts.get("sufficient") else "verdict.insufficient")
    missing = words("path.listed").join(str(word) for word in facts.get("missing") or ())
    return [
        verdict,
        words("fact.missing", words=shortened(missing, 120)) if missing else "",
        _sure(facts, words),
    ]


def _answer(facts: Mapping[str, Any], words: Strings) -> list[str]:
    return [words("fact.draft", n=int(facts.get("draft") or 1))]


def _reflect(facts: Mapping[str, Any], words: Strings) -> list[str]:
    checked, supported = int(facts.get("checked") or 0), int(facts.get("supported") or 0)
    parts = [
        words("fact.checked_one", supported=supported)
        if checked == 1
        else words("fact.checked_many", n=checked, supported=supported)
    ]
    if unsupported := checked - supported:
        parts.append(
            words("fact.unsupported_one") if unsupported == 1 else words("fact.unsupported_many", n=unsupported)
        )
    return parts


def _sure(facts: Mapping[str, Any], words: Strings) -> str:
    confidence = facts.get("confidence")
    # what is certain by itself (nothing was found, the user chose) needs no figure
    return "" if confidence is None or float(confidence) >= 1 else words("fact.sure", n=round(100 * float(confidence)))


def _quoted(text: object, words: Strings) -> str:
    return words("path.quoted", text=shortened(str(text), 160))
