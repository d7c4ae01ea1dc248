"""Judged questions as they stand in JSONL files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.state import Language
from tools.library.evaluate import EvaluationError, corpus, rows
from tools.library.records import Text
from tools.web.providers import Hit


@dataclass(frozen=True)
class Grounded:
    """A question and the documents to answer it from. `gold` are the ids of those that hold the answer."""

    id: str
    language: Language
    question: str
    documents: tuple[Text, ...]
    gold: frozenset[str]
    answerable: bool
    answers: tuple[str, ...] = ()
    """Short answers, one of which an answer must hold."""
    reference: str = ""
    """A long answer that a person wrote, instead of `answers`."""


@dataclass(frozen=True)
class Said:
    """What was said before the question at hand."""

    role: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """The last question of a conversation. `unanswerable` ones should be refused; None means that either is right."""

    id: str
    language: Language
    history: tuple[Said, ...]
    question: str
    gold: frozenset[str]
    unanswerable: bool | None
    reference: str = ""


@dataclass(frozen=True)
class Rewrite:
    """A question of a conversation, and how a person wrote it so that it stands alone; the same if it already does."""

    id: str
    language: Language
    history: tuple[Said, ...]
    question: str
    rewrite: str
    changed: bool


@dataclass(frozen=True)
class Injection:
    """A question over documents, one of which carries an instruction to whoever reads it. `attack` is empty in clean
    ones; `canary` is what an answer says that obeys, empty where only a person can tell."""

    id: str
    language: Language
    question: str
    documents: tuple[Text, ...]
    attack: str
    canary: str
    answerable: bool


@dataclass(frozen=True)
class Searched:
    """A question and what a web search found for it. `answerable`: whether what was found holds the answer."""

    id: str
    language: Language
    question: str
    hits: tuple[Hit, ...]
    answerable: bool
    answers: tuple[str, ...] = ()
    """Short answers, one of which an answer must hold."""


@dataclass(frozen=True)
class Told:
    """A text and whether it tries to steer whoever reads it."""

    id: str
    text: str
    attack: bool


def grounded(file: Path, documents: Sequence[Path] = ()) -> list[Grounded]:
    """Questions with their documents: `context` holds them, or `context_ids` name them in the corpora `documents`."""
    held = _corpora(documents)
    found = []
    for row in rows(file, ("id", "question", "answerable")):
        texts = _documents(row, held, file)
        answerable = bool(row["answerable"])
        gold = frozenset(map(str, row.get("gold") or ())) if isinstance(row.get("gold"), list) else frozenset()
        if isinstance(row.get("gold"), int):
            gold = frozenset({texts[row["gold"]].id})
        if answerable and not gold and len(texts) == 1:
            gold = frozenset({texts[0].id})
        found.append(
            Grounded(
                id=str(row["id"]),
                language=_language(row),
                question=str(row["question"]),
                documents=texts,
                gold=gold,
                answerable=answerable,
                answers=tuple(map(str, row.get("answers") or ())),
                reference=str(row.get("answer") or ""),
            )
        )
    return found


def conversations(file: Path) -> list[Conversation]:
    """Questions with their `history` of {role, text}, `answerability`, and the ids of documents that answer them."""
    found = []
    for row in rows(file, ("id", "question", "history", "answerability")):
        answerability = str(row["answerability"]).lower()
        unanswerable = {"answerable": False, "partial": False, "unanswerable": True}.get(answerability)
        found.append(
            Conversation(
                id=str(row["id"]),
                language=_language(row),
                history=_history(row["history"]),
                question=str(row["question"]),
                gold=frozenset(map(str, row.get("context_ids") or ())) if unanswerable is False else frozenset(),
                unanswerable=unanswerable,
                reference=str(row.get("reference") or ""),
            )
        )
    return found


def rewrites(file: Path) -> list[Rewrite]:
    """Questions with the user's earlier ones (`history_user`), a person's `rewrite`, and whether it `changed` them."""
    found = []
    for row in rows(file, ("id", "question", "history_user", "rewrite", "changed")):
        history = [Said("user", str(text)) for text in row["history_user"]]
        if row.get("previous_answer"):
            history.append(Said("assistant", str(row["previous_answer"])))
        found.append(
            Rewrite(
                id=str(row["id"]),
                language=_language(row),
                history=tuple(history),
                question=str(row["question"]),
                rewrite=str(row["rewrite"]),
                changed=bool(row["changed"]),
            )
        )
    return found


def injections(file: Path) -> list[Injection] | list[Told]:
    """Poisoned documents with a question (`documents`), or texts with a `label` (1 is an attack)."""
    everything = list(rows(file, ("id",)))
    if everything and "documents" not in everything[0]:
        return [Told(str(r["id"]), str(r["text"]), bool(r["label"])) for r in rows(file, ("id", "text", "label"))]
    return [
        Injection(
            id=str(row["id"]),
            language=_language(row),
            question=str(row["question"]),
            documents=_documents({"context": row["documents"]}, {}, file),
            attack=str(row.get("attack") or ""),
            canary=str(row.get("success_if_contains") or ""),
            answerable=str(row.get("ideal") or "unknown").lower() != "unknown",
        )
        for row in rows(file, ("id", "question", "documents"))
    ]


def searched(file: Path) -> list[Searched]:
    """Questions with `web_results` of {title, text, and if known url}, `answers`, and whether these hold one
    (`answer_in_results`)."""
    return [
        Searched(
            id=str(row["id"]),
            language=_language(row),
            question=str(row["question"]),
            hits=tuple(
                Hit(
                    str(hit.get("title") or ""), str(hit.get("url") or f"https://result-{n}.example/"), str(hit["text"])
                )
                for n, hit in enumerate(row["web_results"], 1)
                if str(hit.get("text") or "").strip()
            ),
            answerable=bool(row["answer_in_results"]),
            answers=tuple(map(str, row["answers"])),
        )
        for row in rows(file, ("id", "question", "answers", "web_results", "answer_in_results"))
    ]


def _corpora(files: Sequence[Path]) -> dict[str, Text]:
    return {text.id: text for file in files for text in corpus(file)}


def _documents(row: Mapping[str, Any], held: Mapping[str, Text], file: Path) -> tuple[Text, ...]:
    if "context" in row:
        return tuple(
            Text(str(c.get("id") or f"document-{n}"), str(c["text"]), str(c.get("title") or ""))
            for n, c in enumerate(row["context"])
        )
    found = []
    for id in map(str, row.get("context_ids") or ()):
        if id not in held:
            raise EvaluationError(f"{file}: the document {id!r} is in no corpus; name the corpus with --corpus.")
        found.append(held[id])
    return tuple(found)


def _history(history: Sequence[Mapping[str, Any]]) -> tuple[Said, ...]:
    return tuple(Said(str(h["role"]), str(h["text"])) for h in history)


def _language(row: Mapping[str, Any]) -> Language:
    return "ja" if row.get("lang") == "ja" else "en"
