"""Which of the titles that a file offers says something."""

from __future__ import annotations

import re
import unicodedata

_DULL = re.compile(
    r"(?:untitled|無題|名称未設定|title|タイトル|presentation\d*|プレゼンテーション\d*|powerpoint[ -].*|"
    r"slide \d+|スライド \d+|microsoft\s+(?:word|powerpoint|excel)\b.*|word document|document\d*|文書\s*\d*|"
    r".*\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|pdf|rtf|odt|jtd))",
    re.IGNORECASE,
)


def chosen(*offered: str) -> str:
    """The first title that is more than a program's default; empty when there is none."""
    for title in offered:
        title = " ".join(unicodedata.normalize("NFKC", title).split())
        if title and not _DULL.fullmatch(title):
            return title
    return ""
