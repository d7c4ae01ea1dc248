"""Other forms of words: the loanword in the other script, and the word of the other language that means the same.

A Japanese user writes パスワード or password, and a page either. Nothing in an index depends on this: a query's words
are looked for under their other forms too, so that the tables may grow at any time. loanwords.tsv holds English words
and their katakana, native_words.tsv what offices and programs call by native words in Japanese.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from tools.library.bm25 import occurrences
from tools.library.words import indexed, phrase, search_terms, spoken, stems

TABLES = ("loanwords.tsv", "native_words.tsv")
LONGEST = 4
"""Terms of a form at most."""

Key = tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """A word of a query, which may have several terms (smart phone)."""

    written: str
    """Japanese in its normal form."""
    own: Key
    """Its terms, as the query has them."""
    others: tuple[str, ...]
    """Its other forms as the word index holds them; those of several terms have spaces between them."""


def other_forms(query: str) -> list[Word]:
    """The words of a query that have other forms, each once; of those that overlap the longest."""
    asked = set(search_terms(query))
    found: dict[Key, Word] = {}
    for run in spoken(query):
        at = 0
        while at < len(run):
            size, others = next(
                ((n, forms) for n in range(LONGEST, 0, -1) if (forms := _others(tuple(run[at : at + n])))), (1, ())
            )
            key = tuple(run[at : at + size])
            if others and (own := tuple(term for term in stems(key) if term in asked)):
                found[key] = Word(" ".join(key), own, others)
            at += size
    return list(found.values())


def meant(word: str) -> tuple[str, ...]:
    """The other forms of a word that stands alone; none where the tables know only a part of it.

    With a capital letter it counts as it is written: Teams is no team.
    """
    runs = [tuple(run) for run in spoken(word) if run]
    if len(runs) != 1:
        return ()
    return _tables()[0].get(runs[0], ()) if word[:1].isupper() else _others(runs[0])


def told(words: Sequence[Word], terms: Sequence[str]) -> list[Word]:
    """Those of a query's words of which a text, given by its search terms, holds another form."""
    held = set(terms)
    return [word for word in words if _any(word.others, terms, held)]


def tells(text: str, word: str) -> bool:
    """Whether a text holds another form of a word."""
    return bool(others := meant(word)) and _any(others, terms := search_terms(text), set(terms))


def rows(table: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The lines of a table: English forms and Japanese ones."""
    for line in resources.files("tools.library").joinpath(table).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            english, japanese = line.split("\t")
            yield tuple(english.split(", ")), tuple(japanese.split(", "))


def _any(forms: Sequence[str], terms: Sequence[str], held: set[str]) -> bool:
    return any(form in held or (" " in form and occurrences(terms, form, held)) for form in forms)


def _others(words: Key) -> tuple[str, ...]:
    """The other forms of words as they are written, or else of their stems: a customer is nothing customized."""
    written, stemmed = _tables()
    return written.get(words) or stemmed.get(stems(words), ())


@cache
def _tables() -> tuple[Mapping[Key, tuple[str, ...]], Mapping[Key, tuple[str, ...]]]:
    """For each form the others of its line, those of the other language first: by what is written and by stems."""
    written: defaultdict[Key, dict[str, None]] = defaultdict(dict)
    stemmed: defaultdict[Key, dict[str, None]] = defaultdict(dict)
    for table in TABLES:
        for english, japanese in rows(table):
            for here, there in ((english, japanese), (japanese, english)):
                for form in here:
                    own = phrase(form)
                    others = [" ".join(indexed(other)) for other in (*there, *here)]
                    forms = dict.fromkeys(other for other in others if other and other != " ".join(stems(own)))
                    written[own] |= forms
                    stemmed[stems(own)] |= forms
    by_words, by_stems = ({key: tuple(forms) for key, forms in side.items()} for side in (written, stemmed))
    return by_words, by_stems
