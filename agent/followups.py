"""What the words of a follow-up tell, and what a rewriting of it must keep.

Patterns of words that point back are data: `prompts/<language>/followups.yaml`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Literal

import yaml
from langchain_core.messages import AnyMessage, HumanMessage

from agent import facts
from agent.digest import Gist, gists
from agent.prompts import FOLDER, LANGUAGES
from agent.router import cue
from agent.state import Language
from tools.library.tokens import terms
from tools.library.words import search_terms

HISTORY = 3
"""How many past exchanges a follow-up is read against."""
ASKS = ("?", "？", "か", "か。")
"""How a question ends."""
_FEW_TERMS = 4
_FEW_WORDS = 3
_WHY = re.compile("なぜ|何故|なんで|どうして|理由")
_NOUN = "[一-鿿々ァ-ヺーA-Za-z0-9]"
_CORE = re.compile(
    r"^(?:.*(?:のは|(?:じゃ|では)なくて?)、?)?(?P<core>.+?)(?:の(?:ほう|方|こと|話|件|場合))?"
    r"(?:です(?:けど|が)?|でした|なの?です|だよ?|だけど)?$"
)
"""What is meant in a correction, without 知りたいのは, 会議室ではなくて, のほうです around it."""


def leans_on_context(question: str, language: Language) -> bool:
    """Whether the words of a question point outside of it: pronouns, ellipsis, "and the second one?"."""
    text = unicodedata.normalize("NFKC", question)
    return any(pattern.search(text) for pattern in _patterns(language, "any"))


def points(question: str, language: Language) -> bool:
    """Whether words of a question point at what was said: "it", "the third one", a bare "why?"."""
    text = unicodedata.normalize("NFKC", question)
    return any(pattern.search(text) for pattern in _patterns(language, "points"))


def says_little(question: str) -> bool:
    """Whether a question has so few words, and no name, that its subject must be that of the conversation ("What are
    the rules on overtime?"). Of 193 such questions behind others a person found only 35 clear without them."""
    names = facts.claimed_names(question)
    if len(set(terms(question))) <= _FEW_TERMS and not names:
        return True
    # pairs of characters count no words of Japanese, and its words in katakana are mostly no names
    few = facts.is_japanese(question) and len(set(search_terms(question))) <= _FEW_WORDS
    return few and not any(name.isascii() for name in names)


def corrected(question: str, language: Language) -> str:
    """What a correction puts right ("no, the bicycles, I mean"), without the words that say no; "" if it is none. It
    is to take the place of what was wrong, by `exchanged` or by the model: where it only stands beside the question
    before it, a small model answers what was asked first."""
    text = unicodedata.normalize("NFKC", question).strip()
    if text.rstrip("。 ").endswith(ASKS):
        return ""
    for pattern in _patterns(language, "corrects"):
        if found := pattern.search(text):
            return text[found.end("drop") :].rstrip("。.!！ ")
    return ""


def exchanged(before: str, put: str) -> str:
    """The question before with what a Japanese correction puts right in the place of its counterpart, which is known
    by its last word: 旅客運賃は… and 自転車の運賃です make 自転車の運賃は…. "" where there is none or more than one."""
    found = _CORE.search(put)
    core = found["core"] if found else ""
    head = core.rpartition("の")[2]
    if head == core or len(head) < 2:
        return ""
    places = list(re.finditer(f"(?:{_NOUN}+の)?{_NOUN}*{re.escape(head)}", before))
    if len(places) != 1:
        return ""
    return before[: places[0].start()] + core + before[places[0].end() :]


def accepted(said: str, question: str, past: list[AnyMessage]) -> str:
    """The model's rewriting if it is one line of sane length that keeps the user's own words and asks something new
    where the user asked, otherwise "": a small model sometimes repeats what was asked before."""
    line = said.strip().splitlines()[0].strip(" \"'「」") if said.strip() else ""
    asked = [str(m.text) for m in past if isinstance(m, HumanMessage)]
    repeats = facts.solid(line) in {facts.solid(q) for q in asked} and facts.solid(line) != facts.solid(question)
    own = set(terms(question))
    keeps = not own or bool(own & set(terms(line)))
    answers = question.endswith(ASKS) and not line.endswith(ASKS)
    if (
        line
        and len(line) <= max(200, 4 * len(question))
        and keeps
        and not repeats
        and not answers
        and not _sent_away(line, [*asked, question])
    ):
        return line
    return ""


def completes(line: str, question: str, past: Sequence[AnyMessage]) -> bool:
    """Whether a rewriting leaves nothing to be looked for in the conversation and loses nothing of the question. A
    small model likes to repeat a Japanese follow-up as it is, or to ask the question before once more."""
    said = gists(past[-2 * HISTORY :])
    rest = unicodedata.normalize("NFKC", question)
    for pattern in _patterns("ja", "points"):
        rest = pattern.sub(" ", rest)
    if facts.solid(line) == facts.solid(question) or points(line, "ja") or not joins(line, rest, said):
        return False
    if _WHY.search(question) and not _WHY.search(line):
        return False
    return not set(terms(line)) <= set(terms(said[-1].asked if said else ""))


def joins(line: str, rest: str, picked: Sequence[Gist]) -> bool:
    """Whether a rewriting has something of what was pointed at, and at least half of what is new in the question. A
    small model likes to leave out one or the other; both questions, one behind the other, are then found as well."""
    old, own, has = set(terms(" ".join(gist.text for gist in picked))), set(terms(rest)), set(terms(line))
    return bool((old - own) & has) and 2 * len((own - old) & has) >= len(own - old)


def together(question: str, before: str, language: Language) -> str:
    """A question with the one before it, which says what it is about. In Japanese that stands in brackets, since two
    sentences would be answered as two questions; English ones may be."""
    if language == "en":
        return f"{before} {question}".strip()
    bare = before.rstrip("?？。.!！ ")
    return f"{question}（{bare}）" if bare else question


def asked_before(past: Sequence[AnyMessage], language: Language) -> str:
    """The last question as it was understood. Where that is not known and its words point back themselves, it stands
    with the one before it: a client that sends the conversation along keeps only what was typed. Thanks ask nothing."""
    talk = [n for n, m in enumerate(past) if (m.additional_kwargs.get("answer") or {}).get("route") == "direct"]
    said = gists([m for n, m in enumerate(past) if n not in talk and n + 1 not in talk]) or gists(past)
    if not said:
        return ""
    if len(said) > 1 and language == "ja" and _points_or_little(said[-1].asked):
        return "、".join(one.asked.rstrip("?？。 ") for one in said[-2:])
    return said[-1].asked


def _points_or_little(question: str) -> bool:
    return "（" not in question and (leans_on_context(question, "ja") or says_little(question))


@cache
def _patterns(language: Language, kind: Literal["any", "points", "corrects"]) -> tuple[re.Pattern[str], ...]:
    """The patterns of followups.yaml: those that say how a question leans, of which some `points` at what was said, and
    those of a correction."""
    rows = yaml.safe_load((FOLDER / language / "followups.yaml").read_text("utf-8"))
    found = [row if isinstance(row, str) else row.get("points", "") for row in rows] if kind == "any" else []
    found += [row[kind] for row in rows if isinstance(row, dict) and kind in row]
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in found if pattern)


def _sent_away(line: str, asked: list[str]) -> bool:
    """Whether a rewriting names a route that the user never did. Earlier answers quote documents, and no document may
    send a question to the web."""
    return any(
        (found := cue(line, each)) is not None and found not in [cue(q, each) for q in asked] for each in LANGUAGES
    )
