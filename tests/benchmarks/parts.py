"""Questions of several parts: what is cut and what is left whole, and right answers beside the same questions uncut.

The rules and the model's completions are measured on parts.yaml; then every compound question is asked twice, once as
Kotae does and once as if it had one part. A part is right when the answer says what parts.yaml wants of it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import yaml

from agent import Agent, Answer
from agent.models.chat import ChatModel, Meter
from agent.parts import divided
from tests.benchmarks.sample import HERE, sample_settings


@dataclass(frozen=True)
class Part:
    """`about` must be found in the question that was cut out, `answers` in the answer; none where there is none."""

    about: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Compound:
    """A question of several parts."""

    id: str
    language: str
    text: str
    parts: tuple[Part, ...]


def compounds() -> list[Compound]:
    """Those of parts.yaml."""
    return [
        Compound(
            row["id"],
            row["language"],
            row["question"],
            tuple(
                Part(tuple(part["about"]), tuple(tuple(group["any"]) for group in part.get("answers", [])))
                for part in row["parts"]
            ),
        )
        for row in _file()["compound"]
    ]


def singles() -> dict[str, list[str]]:
    """The questions of parts.yaml that must be left whole, by language."""
    found: dict[str, list[str]] = _file()["single"]
    return found


def rightly(found: tuple[str, ...], question: Compound) -> bool:
    """Whether these are the parts of the question."""
    return len(found) == len(question.parts) and all(
        all(re.search(pattern, text, re.IGNORECASE) for pattern in part.about)
        for text, part in zip(found, question.parts, strict=True)
    )


def right_parts(answer: Answer, question: Compound) -> int:
    """How many of the parts that have an answer got it."""
    text = unicodedata.normalize("NFKC", answer.text)
    return sum(
        not answer.refused and all(any(re.search(p, text, re.IGNORECASE) for p in group) for group in part.answers)
        for part in question.parts
        if part.answers
    )


async def run(model: str | None, limit: int | None) -> dict[str, Any]:
    """Measure, print and return the figures."""
    cases: list[dict[str, Any]] = []
    by_language = [[c for c in compounds() if c.language == language][:limit] for language in ("en", "ja")]
    asked = [question for pair in zip(*by_language, strict=True) for question in pair]
    with sample_settings(model) as settings:
        async with Agent.open(settings) as agent:
            await agent.warm_up()
            whole, calls = await _left_whole(agent.context.model)
            for question in asked:
                meter = Meter()
                found = await divided(question.text, agent.context.model, meter)
                answer = await agent.ask(question.text)
                with patch("agent.nodes.understand.divided", _uncut):
                    uncut = await agent.ask(question.text)
                case = {
                    "id": question.id,
                    "language": question.language,
                    "cut": rightly(found, question),
                    "found": found,
                    "answerable": sum(bool(part.answers) for part in question.parts),
                    "right": right_parts(answer, question),
                    "right_uncut": right_parts(uncut, question),
                    "answer": answer.as_json(),
                    "uncut": uncut.as_json(),
                }
                cases.append(case)
                print(
                    f"{'ok ' if case['cut'] else 'CUT'} {question.id} {case['right']}/{case['answerable']} in "
                    f"{answer.seconds:.1f} s, uncut {case['right_uncut']} in {uncut.seconds:.1f} s  {answer.text!r}",
                    flush=True,
                )
    return {"figures": _figures(cases, whole, calls), "cases": cases}


async def _left_whole(model: ChatModel) -> tuple[dict[str, list[bool]], int]:
    meter = Meter()
    found = {
        language: [not await divided(text, model, meter) for text in texts] for language, texts in singles().items()
    }
    for language, texts in singles().items():
        for text, whole in zip(texts, found[language], strict=True):
            if not whole:
                print(f"CUT {text}")
    return found, meter.usage.calls


async def _uncut(question: str, model: ChatModel, meter: Meter) -> tuple[str, ...]:
    return ()


def _figures(cases: list[dict[str, Any]], whole: dict[str, list[bool]], calls: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for language in ("en", "ja"):
        rows = [case for case in cases if case["language"] == language]
        figures[f"left_whole_{language}"] = f"{sum(whole[language])}/{len(whole[language])}"
        figures[f"cut_rightly_{language}"] = f"{sum(case['cut'] for case in rows)}/{len(rows)}"
        answerable = sum(case["answerable"] for case in rows)
        figures[f"right_parts_{language}"] = f"{sum(case['right'] for case in rows)}/{answerable}"
        figures[f"right_parts_uncut_{language}"] = f"{sum(case['right_uncut'] for case in rows)}/{answerable}"
    figures["model_calls_for_single_questions"] = calls
    for name in ("answer", "uncut"):
        for key, value in (
            ("seconds", [case[name]["seconds"]["total"] for case in cases]),
            ("model_calls", [case[name]["model_calls"] for case in cases]),
            ("prompt_tokens", [case[name]["tokens"]["prompt"] for case in cases]),
        ):
            figures[f"{key}_{name}"] = round(sum(value) / max(len(value), 1), 2)
    for key, value in figures.items():
        print(f"{key:34} {value}")
    return figures


def _file() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((HERE / "parts.yaml").read_text("utf-8"))
    return told
