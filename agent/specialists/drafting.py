"""The card of a specialist that is to be trained: what the order says, else the version before, else what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from pydantic import ValidationError

from agent.prompts import fill
from agent.specialists.likest import Pool
from agent.specialists.preparing import Order, Prepared
from agent.state import Language
from tools.library import Embedder
from tools.library.tokens import language as spoken_in
from tools.specialist.card import Base, Card, Data, Shot
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Metric
from tools.specialist.example import Example

_QUESTIONS = 12
"""Typical questions by which the router knows a specialist."""
_COMPARED = 600
"""Examples among which the typical ones are looked for."""
_LONGEST = 300
"""Characters of such a question."""


def draft(order: Order, prepared: Prepared, before: Card | None, base: Base, embedder: Embedder) -> Card:
    """The card but for what training will show. Raises `SpecialistError` (`card`) where something must be given."""
    description = order.description or (before.description if before is not None else ())
    if not description:
        raise SpecialistError("card", "Say in a sentence what the specialist is for, with --description TEXT.")
    use = order.use or (before.use if before is not None else "answer")
    pool = Pool(prepared.split.training, embedder, most=_COMPARED)
    shots: tuple[Shot, ...] = ()
    if order.plan.method == "few_shot":
        shots = tuple(_shots(pool.typical(order.plan.shots))) if order.plan.shots else ()
    prompt = order.prompt if order.prompt is not None else before.prompt if before is not None else None
    if prompt is None:
        prompt = usual(prepared.form.metric, description, prepared.language)
    try:
        return Card(
            name=order.name,
            description=description,
            examples=order.examples or (before.examples if before is not None else typical(pool)),
            use=use,
            languages=_languages(before, prepared.language) if use == "grounded" and before is not None else (),
            prompt=prompt,
            answers=prepared.form.answers,
            schema=prepared.form.schema,
            metric=prepared.form.metric,
            base=base,
            adapter="" if order.plan.method == "few_shot" else "adapter.gguf",
            shots=shots,
            data=Data(
                fingerprint=prepared.fingerprint,
                training=len(prepared.split.training),
                validation=len(prepared.split.validation),
                test=len(prepared.split.test),
                licence=order.licence or (before.data.licence if before is not None else ""),
                sources=prepared.sources,
            ),
            training=prepared.plan,
        )
    except ValidationError as error:
        raise SpecialistError("card", _fault(error)) from error


def usual(metric: Metric, description: Sequence[str], language: Language) -> str:
    """A short prompt by the form of the answers. It names none of them: what is learned need not be told, and every
    token of a prompt is read anew where the adapter changes."""
    told = next((text for text in description if spoken_in(text) == language), description[0]).strip()
    if not told.endswith((".", "!", "?", "。", "！", "？")):
        told += "。" if spoken_in(told) == "ja" else "."
    if language == "ja" and told.endswith("."):
        told += " "
    return fill(language, f"specialist/{metric}", description=told)


def _languages(before: Card, learned: Language) -> tuple[Language, ...]:
    """The languages that the version before reads, and the one that was learned; none named: all of them."""
    if not before.languages or learned in before.languages:
        return before.languages
    both = (*before.languages, learned)
    return () if set(both) == set(get_args(Language)) else both


def typical(pool: Pool) -> tuple[str, ...]:
    """Questions that stand for all others, for the router."""
    return tuple(dict.fromkeys(example.question[:_LONGEST] for example in pool.typical(_QUESTIONS)))


def _shots(examples: Sequence[Example]) -> list[Shot]:
    return [Shot(question=example.question, answer=example.answer) for example in examples]


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["loc"][:1] == ("name",):
        return "A name has small letters, digits and hyphens only, such as `banking`."
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}."
