"""What is asked of a web search, made from the user's own words. Nothing else may become part of it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tools.web.freshness import TimeLimit, time_limit

QUERY_CHARS = 200

_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f]")
# "!w …", "w! …", "! …" and "\ …" hand the query on to another site, which would then be the one that is asked.
_BANGS = str.maketrans("!\\", "  ")
# Unseen or unprintable: controls, formatting (zero width, text direction), surrogates, private use, unassigned.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Where DuckDuckGo's region is not made of the codes of ISO 3166 and ISO 639.
_COUNTRIES = {"wt": "", "xa": "", "xl": "", "ct": "ES", "uk": "GB"}
_LANGUAGES = {"wt": "", "jp": "ja", "kr": "ko", "tzh": "zh"}


@dataclass(frozen=True)
class WebQuery:
    """One line of text, where and in which language pages are looked for, and how old they may be."""

    text: str
    region: str
    """DuckDuckGo's code, country and language: `us-en`, `jp-jp`; `wt-wt` is the whole world."""
    language: str = ""
    """ISO 639-1; empty for any."""
    timelimit: TimeLimit | None = None

    @classmethod
    def of(cls, question: str, region: str, *, language: str = "", today: date | None = None) -> WebQuery:
        """The question as a query. A question in Japanese script is asked in Japan, any other in `region`.

        `language` is the question's, where the caller knows better than the script tells.
        """
        text = cut(clean(clean(question).translate(_BANGS)), QUERY_CHARS)
        language = language or ("ja" if _JAPANESE.search(text) else "")
        if language == "ja":
            region = "jp-jp"
        spoken = region.partition("-")[2]
        language = language or _LANGUAGES.get(spoken, spoken)
        return cls(text, region, language, time_limit(text, today or datetime.now(UTC).date()))

    @property
    def country(self) -> str:
        """ISO 3166 alpha-2 in capitals; empty for the whole world."""
        code = self.region.partition("-")[0]
        return _COUNTRIES.get(code, code.upper())


def clean(value: str) -> str:
    """NFKC, on one line, without characters that are not seen."""
    text = unicodedata.normalize("NFKC", value)
    seen = (c for c in text if c.isspace() or unicodedata.category(c) not in UNSEEN)
    return " ".join("".join(seen).split())


def cut(text: str, most: int) -> str:
    """At most `most` characters, cut at a space where there is one in the last quarter."""
    if len(text) <= most:
        return text
    space = text.rfind(" ", most - most // 4, most + 1)
    return text[: space if space > 0 else most].rstrip()
