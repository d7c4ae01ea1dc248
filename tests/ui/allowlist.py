"""All that rendered HTML may hold, for tests that read it as a browser does; and a source of each kind to render."""

from __future__ import annotations

import re

from fake_agent import passage
from selectolax.lexbor import LexborHTMLParser

from agent.state import Source
from ui import strings

EN, JA = strings.load("en"), strings.load("ja")
LIBRARY = Source(
    1, passage(1, "The museum opens at nine.", title="Handbook", heading=("Handbook", "Hours")), "opens at nine"
)
WEB = Source(
    2, passage(2, "Trains run hourly.", title="Trains", kind="web", url="https://rail.example/times?a=1&b=2"), "hourly"
)

TAGS = set(
    "html head body a article blockquote br button code dd del details div dl dt em figcaption figure h2 h3 h4 h5 h6 "
    "hr img li mark nav ol p pre s span strong summary sup table tbody td th thead time tr ul".split()
)
ATTRIBUTES = {
    "class",
    "href",
    "src",
    "alt",
    "title",
    "lang",
    "value",
    "type",
    "rel",
    "target",
    "datetime",
    "start",
    "align",
    "loading",
    "open",
}
LINK = re.compile(
    r"/api/threads/[\w%.-]+/answers/\d+/sources/\d+(/document|/page\.png)?"
    r"|https://rail\.example/times\?a=1&b=2|\?thread=[\w%.-]*"
)


def inspect(html: str) -> LexborHTMLParser:
    """Parse as a browser does and assert that nothing but the allowlist is there."""
    assert "\n" not in html, "Markdown behind us would see more than one block"
    tree = LexborHTMLParser(f"<body>{html}</body>")
    for node in tree.root.traverse():  # type: ignore[union-attr]
        assert node.tag in TAGS, f"<{node.tag}> in {html}"
        for name, value in node.attributes.items():
            assert name in ATTRIBUTES, f"{name}={value!r} in {html}"
            if name in ("href", "src"):
                assert LINK.fullmatch(value or ""), f"{name}={value!r} in {html}"
            if name == "class":
                assert all(c.startswith("kotae-") for c in (value or "").split())
    return tree
