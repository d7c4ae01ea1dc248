"""What retrieval sees: the passages that a search found, the matching words marked, the scores of each stage."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from ui.markup import CLOSE, OPEN, clean, marked, paragraphs

if TYPE_CHECKING:
    from tools.base import Passage
    from tools.library import Document
    from ui.strings import Strings

_WORD = re.compile(r"[A-Za-z0-9À-ɏ]+|[一-鿿々〆ヶ]+|[ァ-ヿ]+|[ぁ-ゟ]{3,}")
_LETTER = "[A-Za-z0-9À-ɏ]"
_LATIN = re.compile(_LETTER)
_SMALL = frozenset(
    "a an and are as at be by can do does for from has have how i in is it its my of on or that the there this to was "
    "we were what when where which who why will with you your".split()
)


def results_html(
    found: Sequence[Passage], documents: Mapping[str, Document], words: Strings, *, query: str, milliseconds: float
) -> str:
    """What a search found: each passage with its place, the matching words marked, and the scores of each stage."""
    ms = f"{milliseconds:.0f}"
    if not found:
        return clean(f'<p class="kotae-lib-took">{escape(words("lib.took_none", ms=ms))}</p>')
    took = words("lib.took_one", ms=ms) if len(found) == 1 else words("lib.took", n=len(found), ms=ms)
    names = list(dict.fromkeys(name for passage in found for name in passage.stages))
    spans = {name: _span([p.stages[name] for p in found if name in p.stages]) for name in names}
    hits = "".join(
        _hit(rank, passage, documents.get(passage.document), words, query, spans)
        for rank, passage in enumerate(found, 1)
    )
    return clean(
        f'<p class="kotae-lib-took">{escape(took)}</p><ol class="kotae-hits">{hits}</ol>'
        f'<p class="kotae-lib-explained">{escape(words("lib.scores_hint"))}</p>',
        controls=True,
    )


def matching(query: str, text: str) -> list[tuple[int, int]]:
    """Where words of `query` stand in `text`: Latin words with their endings, parts of two characters and more of
    Japanese ones. For the eye only; what retrieval matched is in the scores."""
    patterns: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", query)[:500]):
        if _LATIN.match(word):
            if word.casefold() not in _SMALL and (len(word) > 1 or word.isdecimal()):
                patterns.append(rf"(?<!{_LETTER}){_with_endings(word)}(?!{_LETTER})")
        elif len(word) == 1 or re.match("[ぁ-ゟ]", word):
            patterns.append(re.escape(word))
        else:
            parts = {word[i:j] for i in range(len(word)) for j in range(i + 2, min(len(word), i + 12) + 1)}
            patterns += [re.escape(part) for part in parts]
    if not patterns:
        return []
    patterns.sort(key=len, reverse=True)
    return [match.span() for match in re.finditer("|".join(patterns), text, re.IGNORECASE)]


def passage_text(text: str, query: str, *, plain: bool) -> str:
    """A passage as HTML with the words of `query` marked."""
    text = re.sub(f"[{OPEN}{CLOSE}]", "", text)
    spans = matching(query, text) if query else []
    out, at = [], 0
    for start, end in spans:
        out += [text[at:start], OPEN, text[start:end], CLOSE]
        at = end
    whole = "".join([*out, text[at:]])
    html = None if plain else marked(whole)
    if html is None:
        html = paragraphs(whole).replace(OPEN, "<mark>").replace(CLOSE, "</mark>")
    return html


def type_name(type: str, words: Strings) -> str:
    """A type of document as the reader calls it."""
    return words.code("type", type) or type.upper()


def language_name(language: str, words: Strings) -> str:
    """`en` or `ja` as the reader calls it."""
    return words.code("spoken", language) or language


def _with_endings(word: str) -> str:
    """A pattern for an English word in its other forms."""
    if len(word) <= 4:
        return rf"{re.escape(word)}(?:s|es|ed|ing)?"
    if re.search("(?:y|ies)$", word, re.IGNORECASE):
        return re.escape(re.sub("(?:y|ies)$", "", word, flags=re.IGNORECASE)) + "(?:y|ies|ied)"
    return re.escape(re.sub("(?:es|s|ed|ing)$", "", word, flags=re.IGNORECASE)) + "[a-z]{0,4}"


def _hit(
    rank: int,
    passage: Passage,
    document: Document | None,
    words: Strings,
    query: str,
    spans: Mapping[str, tuple[float, float]],
) -> str:
    inner = [h for h in passage.heading if h.strip() and h.strip() != passage.title.strip()]
    about = [words("answer.page", page=passage.page)] if passage.page is not None else []
    plain = False
    if document is not None:
        about += [type_name(document.type, words), language_name(document.language, words), document.collection]
        plain = document.type == "text"
    names = ", ".join(re.split(r"[/\\]", url.rstrip("/"))[-1] for url in passage.copies)
    also = f'<p class="kotae-where">{escape(words("lib.also", names=names))}</p>' if names else ""
    bars = "".join(
        f'<dt>{escape(words.code("stage", name) or name)}</dt><dd><meter min="0" max="1" '
        f'value="{_share(passage.stages[name], *span):.3f}" aria-label="{escape(words.code("stage", name) or name)}">'
        f"</meter><span>{_score(passage.stages[name])}</span></dd>"
        for name, span in spans.items()
        if name in passage.stages
    )
    return (
        f'<li class="kotae-hit" value="{rank}"><span class="kotae-number">{rank}</span><div class="kotae-hit-body">'
        f'<button type="button" class="kotae-doc-open" value="{escape(passage.document)}" '
        f'data-passage="{escape(passage.id)}"><span class="kotae-title">{escape(" › ".join([passage.title, *inner]))}'
        f'</span></button><p class="kotae-where">{escape(" · ".join(about))}</p>'
        f'<div class="kotae-context">{passage_text(passage.text, query, plain=plain)}</div>{also}</div>'
        f'<dl class="kotae-stages" aria-label="{escape(words("lib.scores", n=rank))}">{bars}</dl></li>'
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _share(value: float, low: float, high: float) -> float:
    """How far a bar is filled: the best of the results fully, the worst a little, what has no score not at all."""
    if value == 0 and low == 0:
        return 0.0
    return 1.0 if high - low < 1e-9 else 0.08 + 0.92 * (value - low) / (high - low)


def _score(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
