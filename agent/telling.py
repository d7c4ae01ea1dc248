"""What users tell about themselves in their own words, recognised by rules (`prompts/<language>/about_user.yaml`).

Nothing else is ever read for it: no document, no web page, no answer. What is quoted or pasted counts as somebody
else's words, and what looks like a secret is not taken up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import yaml

from agent.prompts import FOLDER
from agent.state import Language
from tools.library.tokens import terms
from tools.sentences import split

LONGEST = 160
"""Characters of what is kept of one sentence; what is longer is not kept."""
_TYPED = 600
"""A longer question is taken to be pasted."""
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`]*`|^\s*>.*$|\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|(?<!\w)'[^'\n]{2,}'(?!\w)",
    re.DOTALL | re.MULTILINE,
)
_GONE = "\ufffc"
"""Stands where something was quoted, so that no two parts of a sentence grow together."""
_KEY = re.compile(
    r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[A-Za-z\d_+/=-]{16,}|\b(?:sk|pk|ghp|AKIA|xox[a-z])[-_]?\w{8,}|-----BEGIN"
)
_DIGITS = re.compile(r"\d(?:[\s-]?\d){7,}")
"""Card, account and telephone numbers."""
_NOT = re.compile(r"\b(?:not|no longer|never)\b|ではな|じゃな|ません|なかった", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """Something told: its kind, and the user's words for it."""

    kind: str
    text: str


@dataclass(frozen=True)
class _Rules:
    patterns: Sequence[tuple[str, re.Pattern[str]]]
    helps: Mapping[str, re.Pattern[str]]
    single: frozenset[str]
    own: re.Pattern[str]
    never: re.Pattern[str]


def told(text: str, language: Language) -> list[Told]:
    """What `text` says about who wrote it, each kind once."""
    if len(text) > _TYPED:
        return []
    rules = _rules(language)
    found: dict[str, Told] = {}
    for sentence in split(_QUOTED.sub(_GONE, unicodedata.normalize("NFKC", text))):
        if is_secret(sentence):
            continue
        asks = sentence.rstrip().endswith("?")
        for kind, pattern in rules.patterns:
            if kind not in found and (match := pattern.search(sentence)):
                fact = (match.groupdict().get("fact") or match["whole"]).strip(" ,、。.!")
                # "I am on the night shift?" asks; "I am on the night shift, when do I start?" tells first
                alone = asks and not sentence[match.end() :].strip(" ?")
                if not alone and _GONE not in fact and not _NOT.search(fact) and len(fact) <= LONGEST:
                    found[kind] = Told(kind, fact)
    return list(found.values())


def is_secret(text: str) -> bool:
    """Whether a text names a secret in any language, or has the form of one."""
    text = unicodedata.normalize("NFKC", text)
    return any(_rules(language).never.search(text) for language in _LANGUAGES) or bool(
        _KEY.search(text) or _DIGITS.search(text)
    )


def only_tells(text: str, language: Language) -> bool:
    """Whether a text tells something about its writer and asks nothing."""
    facts = told(text, language)
    if not facts or "?" in unicodedata.normalize("NFKC", text):
        return False
    rest = unicodedata.normalize("NFKC", text)
    for fact in facts:
        rest = rest.replace(fact.text, " ")
    return len(set(terms(rest))) <= _REMAINS


def helping(question: str, facts: Sequence[Told], language: Language) -> Told | None:
    """The latest fact that belongs to a question of the user's own: the night shift to "what are my working hours?"."""
    rules = _rules(language)
    if not rules.own.search(question):
        return None
    return next((f for f in reversed(facts) if f.kind in rules.helps and rules.helps[f.kind].search(question)), None)


def is_single(kind: str) -> bool:
    """Whether a newer fact of this kind replaces the older one."""
    return kind in _rules("en").single


_LANGUAGES: tuple[Language, ...] = ("en", "ja")
_REMAINS = 3
"""So many words may stand around what was told: a greeting, a thank-you."""


@cache
def _rules(language: Language) -> _Rules:
    rows = yaml.safe_load((FOLDER / language / "about_user.yaml").read_text("utf-8"))
    kinds = rows["kinds"]
    return _Rules(
        patterns=[
            (kind, re.compile(f"{rows['opens']}(?P<whole>{pattern})", re.IGNORECASE))
            for kind, row in kinds.items()
            for pattern in row["patterns"]
        ],
        helps={kind: re.compile(row["helps"], re.IGNORECASE) for kind, row in kinds.items() if "helps" in row},
        single=frozenset(kind for kind, row in kinds.items() if row.get("single")),
        own=re.compile(rows["own"], re.IGNORECASE),
        never=re.compile(rows["never"], re.IGNORECASE),
    )
