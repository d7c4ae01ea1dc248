"""Reading sets in files: groups that somebody wrote, or questions with their contexts, as `Group`s.

Two kinds of rows, one a line:

    {"language": "en", "passages": [{"title", "text"}], "questions": [{"question", "answer" | null, "passage" | null}]}
    {"id", "lang", "question", "answerable", "answers" or "answer", "gold", "context" or "context_ids"}

`passage` counts from 0. Short `answers` become the sentence of the context that holds one of them, as the product
quotes.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import facts
from agent.specialists.reading_rows import Asked, Group
from agent.state import Language
from agent.verify import examine, refuses, strongest
from tools.base import Passage
from tools.library.evaluate import EvaluationError, corpus
from tools.library.records import Text
from tools.library.tokens import terms
from tools.sentences import spans, split
from tools.specialist.errors import SpecialistError

TOGETHER = 4
"""Passages of a context that several questions share."""
ANSWERED = 4
"""Questions at most that such a context answers."""
UNANSWERED = 0.4
"""Share of the questions of such a context that it does not answer."""
LONGEST = 500
"""Characters of a sentence that is still an answer, and not a page."""


@dataclass(frozen=True)
class Read:
    """What a file holds. `left_out` counts rows by why they are not used: `no_sentence` (no sentence of the context
    holds the answer), `unstated` (the context does not say what the answer does), `no_context`, `alone` (nothing
    shares its context, and there are enough that have no answer)."""

    groups: tuple[Group, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class _Question:
    """A question of a reading set with its context. `gold`: which passage answers it, None where none does."""

    text: str
    context: tuple[Passage, ...]
    gold: int | None
    answer: str = ""
    quote: str = ""
    spans: tuple[str, ...] = ()
    """Short answers: a passage that has one of them may answer the question."""


@dataclass
class _Article:
    language: Language
    asked: list[_Question] = field(default_factory=list)


def groups(path: Path, corpora: Sequence[Path] = (), *, share: bool = False, seed: int = 7) -> Read:
    """The groups of a file. `share` puts questions of one article over common contexts; those whose golden passage is
    not there are unanswerable if no passage holds one of their answers.

    Raises `SpecialistError` (`data`) that names file, line and fault.
    """
    held = _held(corpora)
    written: list[Group] = []
    alone: list[Group] = []
    articles: dict[tuple[Language, str], _Article] = {}
    left_out: Counter[str] = Counter()
    for number, row in _rows(path):
        where = f"{path}, line {number}"
        if "questions" in row:
            written.append(_group(row, f"{path.stem}-{number}", where))
            continue
        language: Language = "ja" if row.get("lang") == "ja" else "en"
        found = _question(row, held, language, where)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            article = articles.setdefault((language, found.context[0].title), _Article(language))
            article.asked.append(found)
    for (_, title), article in articles.items():
        contexts = _shared(article.asked, random.Random(f"{seed}:{title}")) if share else _alone(article.asked)
        for context, asked in contexts:
            group = Group(f"{path.stem}:{title}", article.language, context, tuple(asked))
            lonely = share and len(context) > 1 and not any(one.passage is not None for one in asked)
            (alone if lonely else written).append(group)
    kept = _as_many(alone, written, random.Random(seed))
    left_out["alone"] += sum(len(group.asked) for group in alone if group not in kept)
    return Read((*written, *kept), {why: n for why, n in left_out.items() if n})


def _as_many(alone: Sequence[Group], others: Sequence[Group], draw: random.Random) -> list[Group]:
    """Of the contexts that answer nothing, which cost a trainer most, so many that the share is `UNANSWERED`."""
    asked = [one for group in others for one in group.asked]
    answered = sum(one.answer is not None for one in asked)
    room = round(answered * UNANSWERED / (1 - UNANSWERED)) - (len(asked) - answered)
    return draw.sample(alone, min(max(room, 0), len(alone)))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _misfit(f"{path} cannot be read: check its path and that it is UTF-8.") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _misfit(f"{path}, line {number}: this is not JSON.") from error
        if not isinstance(row, dict) or not ("questions" in row or "question" in row):
            raise _misfit(f"{path}, line {number}: give `questions` with `passages`, or `question` with `context`.")
        yield number, row


def _group(row: Mapping[str, Any], name: str, where: str) -> Group:
    if row.get("language") not in ("en", "ja"):
        raise _misfit(f"{where}: `language` is en or ja.")
    passages = _passages(row.get("passages"), where)
    asked = []
    for n, given in enumerate(row["questions"], 1):
        try:
            question, answer, passage = str(given["question"]), given.get("answer"), given.get("passage")
        except (KeyError, TypeError, AttributeError) as error:
            raise _misfit(f"{where}, question {n}: it needs the key `question`.") from error
        if answer is not None and not facts.citations(str(answer)):
            _checked(str(answer), passage, passages, question, f"{where}, question {n}")
        elif answer is not None:
            passage = None
            if any(not 0 < cite <= len(passages) for cite in facts.citations(str(answer))):
                raise _misfit(f"{where}, question {n}: the answer cites a passage that is not there.")
        asked.append(Asked(question, None if answer is None else str(answer), passage if answer is not None else None))
    return Group(str(row.get("group") or name), row["language"], passages, tuple(asked))


def _checked(answer: str, passage: Any, passages: Sequence[Passage], question: str, where: str) -> None:
    """An answer in own words must at least not contradict the passage that it names."""
    if not isinstance(passage, int) or not 0 <= passage < len(passages):
        raise _misfit(f"{where}: `passage` is the position of the passage that answers, from 0.")
    if refuses(answer):
        raise _misfit(f"{where}: an answer that refuses is null.")
    for sentence in split(answer):
        if examine(sentence, passages[passage], question).verdict == "foreign":
            other = next((n for n, p in enumerate(passages) if examine(sentence, p, question).verdict == "carried"), -1)
            advice = f"passage {other} does (they count from 0)" if other >= 0 else "correct one of them"
            raise _misfit(f"{where}: passage {passage} does not say {sentence!r}; {advice}.")


def _question(row: Mapping[str, Any], held: Mapping[str, Text], language: Language, where: str) -> _Question | str:
    """A row of a reading set, or why it cannot be used."""
    ids = [str(id) for id in row.get("context_ids") or ()]
    if "context" in row:
        context = _passages(row["context"], where)
    elif missing := [id for id in ids if id not in held]:
        raise _misfit(f"{where}: the document {missing[0]!r} is in no corpus; name the corpus with --corpus.")
    else:
        context = tuple(_passage(held[id].title, held[id].text, id) for id in ids)
    if not context:
        return "no_context"
    text = str(row["question"])
    if not row.get("answerable", True):
        return _Question(text, context, None)
    gold, answers = row.get("gold"), tuple(map(str, row.get("answers") or ()))
    places = [gold] if isinstance(gold, int) else [ids.index(str(g)) for g in gold or () if str(g) in ids]
    places = [place for place in places if 0 <= place < len(context)] or list(range(len(context)))
    if answers:
        sentences = [(n, s) for n in places for s in _holding(context[n].text, answers)]
        if not sentences:
            return "no_sentence"
        asked = set(terms(text))
        best, sentence = max(sentences, key=lambda row: len(asked & set(terms(row[1]))))
        return _Question(text, context, best, sentence, sentence, answers)
    return _in_own_words(text, str(row.get("answer") or ""), context)


def _in_own_words(question: str, answer: str, context: tuple[Passage, ...]) -> _Question | str:
    """A long answer that a person wrote, if one passage carries all of it."""
    sentences = split(answer)
    found = [strongest(sentence, (), context, question) for sentence in sentences]
    numbers = {n for row in found if row is not None for n in [row[0]]}
    if not sentences or len(numbers) != 1 or any(row is None or row[1].verdict != "carried" for row in found):
        return "unstated"
    return _Question(question, context, numbers.pop() - 1, answer)


def _holding(text: str, answers: Sequence[str]) -> list[str]:
    """The sentences of a text that hold one of the short answers."""
    wanted = [facts.solid(answer) for answer in answers]
    sentences = [text[a:b] for a, b in spans(text) if b - a <= LONGEST]
    return [s for s in sentences if any(w and w in facts.solid(s) for w in wanted)]


def _alone(asked: Sequence[_Question]) -> Iterator[tuple[tuple[Passage, ...], list[Asked]]]:
    """Each context as it is given, with all questions that have the very same one."""
    contexts: dict[tuple[str, ...], tuple[tuple[Passage, ...], list[Asked]]] = {}
    for one in asked:
        _, row = contexts.setdefault(tuple(p.text for p in one.context), (one.context, []))
        row.append(_asked(one, one.context))
    yield from contexts.values()


def _shared(asked: Sequence[_Question], draw: random.Random) -> Iterator[tuple[tuple[Passage, ...], list[Asked]]]:
    """Contexts of an article over which several of its questions are asked.

    A question without an answer keeps its own context, since nobody knows what else might answer it. Questions that
    have one are asked where their golden passage is, and may be asked again where it is not.
    """
    open_ = [one for one in asked if one.gold is not None]
    answered = list(open_)
    seeds = [one for one in asked if one.gold is None]
    used: set[str] = set()
    while seeds or open_:
        if seeds:
            seed = seeds.pop(0)
            context, alone = seed.context, [seed]
            same = [one for one in seeds if {p.text for p in one.context} == {p.text for p in context}]
            seeds = [one for one in seeds if one not in same]
            alone += same
        else:
            context, alone = _composed(open_, draw), []
        texts = [p.text for p in context]
        here = [one for one in open_ if _gold(one).text in texts][:ANSWERED]
        open_ = [one for one in open_ if one not in here]
        room = round(len(here) * UNANSWERED / (1 - UNANSWERED)) - len(alone)
        others = [one for one in answered if one.text not in used and _does_not_answer(context, one)]
        foreign = draw.sample(others, min(max(room, 0), len(others)))
        used |= {one.text for one in foreign}
        rows = [*(_asked(one, context) for one in here), *(Asked(one.text, None) for one in [*alone, *foreign])]
        draw.shuffle(rows)
        yield context, rows


def _composed(open_: Sequence[_Question], draw: random.Random) -> tuple[Passage, ...]:
    """The golden passages of the next questions, at most all but one, and beside them what stood beside the first."""
    golds = {_gold(one).text: _gold(one) for one in open_}
    chosen = dict(list(golds.items())[: TOGETHER - 1])
    beside = [p for one in open_ for p in one.context if p.text not in chosen]
    for passage in beside:
        if len(chosen) < TOGETHER:
            chosen.setdefault(passage.text, passage)
    context = list(chosen.values())
    draw.shuffle(context)
    return tuple(context)


def _does_not_answer(context: Sequence[Passage], one: _Question) -> bool:
    """Whether a context holds neither the golden passage of a question nor, anywhere, one of its answers."""
    if not one.spans or any(p.text == _gold(one).text for p in context):
        return False
    said = facts.solid(" ".join(f"{p.title} {p.text}" for p in context))
    return not any(facts.solid(answer) in said for answer in one.spans)


def _gold(one: _Question) -> Passage:
    assert one.gold is not None
    return one.context[one.gold]


def _asked(one: _Question, context: Sequence[Passage]) -> Asked:
    if one.gold is None:
        return Asked(one.text, None)
    place = next(n for n, p in enumerate(context) if p.text == _gold(one).text)
    return Asked(one.text, one.answer, place, one.quote)


def _passages(given: Any, where: str) -> tuple[Passage, ...]:
    try:
        found = tuple(_passage(str(p.get("title") or ""), str(p["text"]), f"{where}-{n}") for n, p in enumerate(given))
    except (KeyError, TypeError, AttributeError) as error:
        raise _misfit(f"{where}: passages are a list of objects with `title` and `text`.") from error
    if not found:
        raise _misfit(f"{where}: there is no passage.")
    return found


def _passage(title: str, text: str, id: str) -> Passage:
    return Passage(id=id, text=text, title=title, url=id, kind="library")


def _held(files: Sequence[Path]) -> dict[str, Text]:
    try:
        return {text.id: text for file in files for text in corpus(file)}
    except EvaluationError as error:
        raise _misfit(str(error)) from error


def _misfit(message: str) -> SpecialistError:
    return SpecialistError("data", message)
