"""What one reply is worth: the metrics of `tools.specialist.evaluation` on a single example."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.answers import agrees, holds, refuses
from tools.notation import digits, uncited
from tools.sentences import split
from tools.specialist.evaluation import Metric
from tools.specialist.example import Example

_OUTER = "\"'“”‘’「」『』`"
_FINAL = ".。．!！?？,、;:：…"
_ORDER, _BETA = 6, 2
"""Longest character sequence, and how much more recall counts than precision; with both so, chrF is chrF2."""
_WORDS, _CHARACTERS = 5, 12
"""From this many words on, or characters of Japanese, a wanted answer is a sentence and no name or number."""
_POLAR = ("yes", "no", "はい", "いいえ")


@dataclass(frozen=True)
class Mark:
    """What a reply is worth, in [0, 1]; for `slots` also how many pairs it has right, gives, and should give."""

    score: float
    valid: bool | None = None
    """Whether it has the form that was asked for; None where none was."""
    right: int = 0
    given: int = 0
    wanted: int = 0


def mark(
    metric: Metric,
    example: Example,
    reply: str,
    *,
    answers: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
) -> Mark:
    """Score `reply` against the wanted answer. `answers` and `schema` are the form that the card asks for."""
    if metric == "slots":
        return _slots(example.answer, reply, schema)
    valid = same(reply) in {same(answer) for answer in answers} if answers else None
    if metric == "exact":
        return Mark(float(same(reply) == same(example.answer)), valid)
    if metric == "text":
        return Mark(chrf(reply, example.answer), valid)
    return Mark(float(_grounded(example, reply)), valid)


def same(text: str) -> str:
    """The form in which two answers are compared: NFKC, one case, single spaces, no outer quotes and no final stop."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    while (bare := folded.strip(_OUTER).rstrip(_FINAL).strip()) != folded:
        folded = bare
    return folded


def f1(right: int, given: int, wanted: int) -> float:
    """Of counts; 1 where nothing was wanted and nothing given."""
    return 2 * right / (given + wanted) if given + wanted else 1.0


def chrf(text: str, reference: str) -> float:
    """F-score over character sequences of 1 to 6, recall counting twice (chrF2; Popović 2015, WMT, 392-395).

    White space does not count. Precision and recall are averaged over the lengths that both texts have.
    """
    said, wanted = ("".join(unicodedata.normalize("NFKC", t).split()) for t in (text, reference))
    if said == wanted:
        return 1.0
    precision = recall = 0.0
    orders = 0
    for n in range(1, _ORDER + 1):
        ours, theirs = _sequences(said, n), _sequences(wanted, n)
        if not ours or not theirs:
            break
        shared = (ours & theirs).total()
        precision += shared / ours.total()
        recall += shared / theirs.total()
        orders += 1
    if not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)


def conforms(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value fits a schema, as far as this reads one: `type`, `enum`, `const`, `anyOf`, `items`,
    `properties`, `required`, `additionalProperties`."""
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "anyOf" in schema and not any(conforms(value, one) for one in schema["anyOf"]):
        return False
    kinds = schema.get("type")
    if kinds is not None and _kind(value).isdisjoint([kinds] if isinstance(kinds, str) else kinds):
        return False
    if isinstance(value, list):
        return all(conforms(item, schema.get("items", {})) for item in value)
    if isinstance(value, dict):
        return _fits(value, schema)
    return True


def _fits(value: dict[str, Any], schema: Mapping[str, Any]) -> bool:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    if any(key not in value for key in schema.get("required", ())):
        return False
    rest = {key: others for key in value if key not in known}
    if rest and others is False:
        return False
    return all(
        conforms(value[key], one) for key, one in {**rest, **known}.items() if key in value and isinstance(one, Mapping)
    )


def _kind(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    names = {dict: "object", list: "array", str: "string", float: "number", type(None): "null"}
    return {names[type(value)]}


def _slots(answer: str, reply: str, schema: Mapping[str, Any] | None) -> Mark:
    told = _object(reply)
    valid = told is not None and conforms(told, schema or {})
    ours, theirs = Counter(_pairs(told or {})), Counter(_pairs(_object(answer) or {}))
    right, given, wanted = (ours & theirs).total(), ours.total(), theirs.total()
    # what cannot be read is no empty object, also where nothing was to be found
    score = f1(right, given, wanted) if told is not None else 0.0
    return Mark(score, valid, right, given, wanted if told is not None or wanted else 1)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _pairs(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Keys, with dots between those of nested objects, and values as they are compared; empty values are none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _pairs(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner, key)
    elif value is not None and (text := same(json.dumps(value) if isinstance(value, bool) else str(value))):
        yield key, text


def _sequences(text: str, n: int) -> Counter[str]:
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def _grounded(example: Example, reply: str) -> bool:
    """A refusal where one is wanted; otherwise no refusal, and the wanted answer said."""
    refused = not reply.strip() or any(refuses(sentence) for sentence in split(reply))
    wanted, said = uncited(example.answer), uncited(reply)
    if example.refuses or (example.refuses is None and refuses(wanted)):
        return refused
    if same(wanted) in _POLAR:  # what a judge is asked
        return _side(said) == same(wanted)
    return not refused and _says(said, wanted, _asked(example.question))


def _says(said: str, wanted: str, question: str) -> bool:
    """Whether a reply says what is wanted. A sentence may be put in other words, but with its numbers, and on its
    side."""
    if not _is_sentence(wanted):
        return holds(said, [wanted])
    known, given = _numbers(question), _numbers(wanted)
    told, new = _numbers(said) - known, given - known
    sides = {_side(said), _side(wanted)} - {""}
    if len(sides) > 1 or (new and not told & new) or not (told <= given or new <= told):
        return False
    return holds(said, [wanted]) or agrees(said, wanted, question)


def _side(text: str) -> str:
    """The yes or no that a text begins with."""
    begins = same(text)
    return next((word for word in _POLAR if re.match(rf"{word}(?![a-z])", begins)), "")


def _asked(text: str) -> str:
    """The question in a message that holds sources and a task too: its last line with a question mark, or the last."""
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.rstrip().endswith(("?", "？", "か。", "か"))), lines[-1])


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.:]\d+)*", digits(text)))


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= _WORDS or len(re.findall(r"[^\x00-\x7f]", text)) >= _CHARACTERS
