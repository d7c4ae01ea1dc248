"""Questions of several parts. Rules cut them; the model is asked only where a part leans on another.

"How long are conversations kept, and can I delete one?" is two questions. Each is looked up, judged, answered and
checked by itself, since the sentences that answer one are far from the other, and a small model answers the first and
forgets the second (compare Press et al. 2023, "Measuring and narrowing the compositionality gap", arXiv 2210.03350).
What belongs together must stay so: the rules of `prompts/<language>/parts.yaml` would rather miss than cut wrongly.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from string import Template
from typing import Any

import yaml
from langchain_core.messages import HumanMessage

from agent import facts
from agent.models.chat import ChatModel, Meter
from agent.prompts import FOLDER, fill
from agent.state import Language
from tools.library.tokens import terms
from tools.sentences import split

MOST = 3
"""Parts that are looked up separately; what is beyond stays with the last."""
_OWN = 0.5
"""Share of a rewritten part's words that the user must have used: it may complete, not invent."""
_FEWEST = 3
"""Words of an English question: "when and where was it founded" is one."""
_POINTING = frozenset(terms("it they them one ones both another this that these those he she him her its their"))
_LONG = 600
"""Characters. A longer text is a story with a question in it, and is left whole."""


@dataclass(frozen=True)
class Part:
    """A question out of several. `leans`: only the model can say what it means without the first of them."""

    text: str
    leans: bool = False


async def divided(question: str, model: ChatModel, meter: Meter) -> tuple[str, ...]:
    """The parts of a question that stands alone, each of which stands alone too; none where it has one part."""
    language = _language(question)
    parts = cut(question, language)
    alone: list[str] = []
    for part in parts:
        if not part.leans:
            alone.append(part.text)
        elif text := named(alone[0], part.text, language):
            alone.append(text)
        else:
            alone.append(await _completed(alone[0], part.text, language, model, meter))
    return tuple(alone) if len({facts.solid(text) for text in alone}) == len(alone) else ()


def cut(question: str, language: Language) -> tuple[Part, ...]:
    """What the rules see; nothing for a question of one part."""
    if len(question) > _LONG:
        return ()
    pieces, bare = _pieces(question, language)
    if len(pieces) < 2:
        return tuple(Part(side) for side in _sides(question.strip(), language))
    pieces = [*pieces[: MOST - 1], " ".join(pieces[MOST - 1 :])] if len(pieces) > MOST else pieces
    leaning = [any(rule.search(piece) for rule in _rules(language, "leans")) for piece in pieces]
    return tuple(
        Part(_finished(piece, language), n > 0 and (leans or piece in bare))
        for n, (piece, leans) in enumerate(zip(pieces, leaning, strict=True))
    )


def named(first: str, part: str, language: Language) -> str:
    """A part with the thing that the first one is about in place of "it", where that is plain; otherwise ""."""
    found = next((m for rule in _rules(language, "things") if (m := rule.search(first))), None)
    if found is None:
        return ""
    for pointing in _told(language)["pointing"]:
        instead = Template(pointing["instead"]).substitute(thing=found["thing"])
        text, n = re.subn(pointing["pattern"], lambda m, said=instead: said, part, count=1, flags=re.IGNORECASE)  # type: ignore[misc]
        if n:
            return "" if any(rule.search(text) for rule in _rules(language, "leans")) else text
    return ""


async def _completed(first: str, part: str, language: Language, model: ChatModel, meter: Meter) -> str:
    """A part as it reads without the first one. Where the model drops what is asked, or adds what nobody said, the
    first one stands before it instead."""
    prompt = fill(language, "parts", first=first, second=part)
    said = ""
    async with aclosing(model.stream([HumanMessage(prompt)], max_tokens=60, meter=meter)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            said += piece
            if "\n" in said.lstrip():
                break  # a small model goes on with examples of its own
    line = said.strip().partition("\n")[0].strip(' "「」')
    words, own = set(terms(line)), set(terms(part)) - _POINTING
    fits = own <= words and words > own and len(words & set(terms(f"{first} {part}"))) >= _OWN * len(words)
    return line if fits and facts.solid(line) != facts.solid(first) else f"{first} {part}"


def _pieces(question: str, language: Language) -> tuple[list[str], list[str]]:
    """The questions of a text, and those of them that are only question words."""
    inside = _inside_japanese if language == "ja" else _inside_english
    pieces: list[str] = []
    bare: list[str] = []
    said = ""
    for sentence in split(question):
        if not any(rule.search(sentence) for rule in _rules(language, "asks")):
            said = f"{said} {sentence}".strip()
            continue
        found, only_words = inside(sentence)
        bare += only_words
        pieces += [f"{said} {found[0]}".strip() if said else found[0], *found[1:]]
        said = ""
    if said and pieces:
        pieces[-1] = f"{pieces[-1]} {said}"
    return pieces, bare


def _inside_english(sentence: str) -> tuple[list[str], list[str]]:
    rule = {name: _rule("en", name) for name in ("left", "indirect", "nested", "plain", "open", "comma", "embedded")}
    indirect = rule["indirect"].search(sentence)
    begins = indirect or rule["left"].search(sentence)
    if begins is None:
        return [sentence], []
    pieces, last, before = [], 0, str(begins.groupdict().get("lead") or begins.groupdict().get("intro") or "")
    for found in sorted(
        (m for n in ("plain", "open", "comma", "embedded") for m in rule[n].finditer(sentence)),
        key=lambda m: (m.start(), -m.end()),
    ):
        left, kind = sentence[last : found.start()], found.re
        nested = not indirect and rule["nested"].search(left.removeprefix(before))
        allowed = {rule["plain"]} | ({rule["embedded"]} if indirect else set())
        if not indirect and (not nested or found.group().startswith((",", ";"))):
            allowed |= {rule["open"], rule["comma"]}
        if kind not in allowed or len(left.split()) < _FEWEST:
            continue
        own = kind is rule["plain"] and indirect
        pieces.append((before if last and not own else "") + left.strip(" ,;"))
        last = found.end()
    rest = sentence[last:]
    if not indirect and (tail := _rule("en", "bare").search(rest)) and not rule["nested"].search(rest[: tail.start()]):
        return [*pieces, rest[: tail.start()], rest[tail.end() :]], [rest[tail.end() :]]
    plain = indirect and last and re.match(rf"(?:{_fragment('en', 'aux')})\b", rest, re.IGNORECASE)
    return [*pieces, (before if last and not plain else "") + rest], []


def _inside_japanese(sentence: str) -> tuple[list[str], list[str]]:
    pieces: list[str] = []
    begin, topic = 0, ""
    for comma in re.finditer("[、,]", sentence):
        left, right = sentence[begin : comma.start()], sentence[comma.end() :]
        head = _rule("ja", "left").search(left)
        closed = _rule("ja", "closed").search(left)
        if not (head or closed) or _rule("ja", "not_left").search(left) or _rule("ja", "not_right").search(right):
            continue
        if not _rule("ja", "right").search(right):
            continue
        pieces.append(_with_topic(left, topic))
        topic = head["topic"] if head else topic
        begin = comma.end()
    return [*pieces, _with_topic(sentence[begin:], topic)], []


def _with_topic(piece: str, topic: str) -> str:
    """The piece under the topic of the one before, where it names none of its own."""
    bare = _rule("ja", "joins").sub("", piece)
    return f"{topic}は{bare}" if topic and not _rule("ja", "own_topic").search(piece) else bare


def _finished(piece: str, language: Language) -> str:
    """A piece as a question: without what joined it to others, and with an end."""
    piece = _rule(language, "joins").sub("", piece.strip(" ,;、")).strip()
    if language == "en":
        told = _rule("en", "indirect").search(piece)
        return piece[:1].upper() + piece[1:] + ("" if piece.endswith((".", "?", "!")) else "." if told else "?")
    if piece.endswith(("。", "？", "?")):
        return piece
    if piece.endswith("で"):
        return f"{piece[:-1]}ですか。"
    if re.search("[いきしちにみりぎびえけせねめれげべ]$", piece):
        return f"{piece}ますか。"  # the stem of a verb
    return f"{piece}。"


def _sides(question: str, language: Language) -> tuple[str, ...]:
    """A comparison as a question about each side."""
    if len(split(question)) > 1:
        return ()
    for rule in _rules(language, "comparisons"):
        if found := rule.search(question):
            sides = (_whole_sides_ja if language == "ja" else _whole_sides_en)(found["a"].strip(), found["b"].strip())
            return tuple(Template(_told(language)["side"]).substitute(thing=side) for side in sides)
    return ()


def _whole_sides_en(a: str, b: str) -> tuple[str, ...]:
    if re.search(r"\band\b|,", f"{a} {b}") or _any_leans(a, b, language="en"):
        return ()
    if (head := _rule("en", "shared_head").search(a)) and not _rule("en", "shared_head").search(b):
        b = head["head"] + b
    elif _rule("en", "adjective").search(a) and len(b.split()) > 1:
        a = f"{a} {b.split()[-1]}"
    return a, b


def _whole_sides_ja(a: str, b: str) -> tuple[str, ...]:
    if any(_rule("ja", "not_a_thing").search(side) for side in (a, b)) or "と" in b:
        return ()
    if _any_leans(a, b, language="ja"):
        return ()
    tail = _rule("ja", "shared_tail").search(b)
    return (a + tail["tail"] if tail and "の" not in a else a), b


def _any_leans(*sides: str, language: Language) -> bool:
    return any(rule.search(side) for side in sides for rule in _rules(language, "leans"))


def _language(question: str) -> Language:
    return "ja" if facts.is_japanese(question) else "en"


@cache
def _told(language: Language) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((FOLDER / language / "parts.yaml").read_text("utf-8"))
    return told


def _fragment(language: Language, name: str) -> str:
    text: str = _told(language)["fragments"][name]
    return text


@cache
def _rules(language: Language, name: str) -> tuple[re.Pattern[str], ...]:
    told = _told(language)[name]
    found = []
    for pattern in [told] if isinstance(told, str) else told:
        while "<<" in pattern:
            pattern = re.sub("<<([a-z_]+)>>", lambda m: _fragment(language, m.group(1)), pattern)
        found.append(re.compile(pattern, re.IGNORECASE))
    return tuple(found)


def _rule(language: Language, name: str) -> re.Pattern[str]:
    [rule] = _rules(language, name)
    return rule
