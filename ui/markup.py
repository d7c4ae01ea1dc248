"""The one gate between text and HTML: Markdown without HTML in, allowlisted HTML out.

Every fragment that a browser gets from Kotae passes `clean`. Links and images may only lead to the addresses that the
caller names; everything else keeps its words and loses its address. So neither a document nor a model can make a
browser ask another host for anything (the answer as a way out for data: EchoLeak, CVE-2025-32711).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

import nh3

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

Cite = Callable[[int], str | None]
"""HTML for the citation mark `[n]`, or None when there is no such source and the mark stays plain text."""

OPEN, CLOSE = "\ue000", "\ue001"
"""Private-use characters that stand for <mark> and </mark> while text is Markdown."""

_TAGS = frozenset(
    "a article blockquote br button code dd del details div dl dt em figcaption figure h2 h3 h4 h5 h6 hr img li mark "
    "nav ol p pre s span strong summary sup table tbody td th thead time tr ul".split()
)
_ATTRIBUTES = {
    "*": frozenset({"class", "lang", "title"}),
    "a": frozenset({"href", "target", "hreflang"}),
    "button": frozenset({"type", "value"}),
    "details": frozenset({"open"}),
    "img": frozenset({"src", "alt", "loading"}),
    "li": frozenset({"value"}),
    "ol": frozenset({"start"}),
    "td": frozenset({"align"}),
    "th": frozenset({"align"}),
    "time": frozenset({"datetime"}),
}
_CONTROLS = frozenset("form input label meter option progress section select textarea".split())
"""Further tags of the library's own parts. No fragment that holds somebody else's Markdown needs them."""
_CONTROL_ATTRIBUTES = {
    **{tag: names for tag, names in _ATTRIBUTES.items() if tag != "*"},
    "*": _ATTRIBUTES["*"] | {"id", "role", "hidden", "tabindex"},
    "button": _ATTRIBUTES["button"] | {"disabled"},
    "input": frozenset(
        "type name value placeholder min max step checked multiple maxlength required autocomplete spellcheck".split()
    ),
    "label": frozenset({"for"}),
    "meter": frozenset({"value", "min", "max"}),
    "option": frozenset({"value", "selected", "disabled"}),
    "progress": frozenset({"value", "max"}),
    "select": frozenset({"name", "data-collection"}),
    "td": frozenset({"align", "colspan"}),
    "textarea": frozenset({"name", "rows", "maxlength", "placeholder", "spellcheck"}),
    "th": frozenset({"align", "scope"}),
}
_CHARTS = frozenset("svg g line polyline circle rect text".split())
"""Of a chart that our own renderer drew. A shape can name no address, so none of them can load anything."""
_CHART_ATTRIBUTES = {
    "svg": frozenset({"viewBox"}),
    "line": frozenset({"x1", "y1", "x2", "y2"}),
    "polyline": frozenset({"points"}),
    "circle": frozenset({"cx", "cy", "r"}),
    "rect": frozenset({"x", "y", "width", "height"}),
    "text": frozenset({"x", "y", "text-anchor"}),
}
_CITATION = re.compile(r"\[(\d{1,2}(?:\s*[,、]\s*\d{1,2})*)\]")


def clean(html: str, *, links: Collection[str] = (), controls: bool = False, charts: bool = False) -> str:
    """`html` with nothing in it but the allowed tags, classes of our own, and addresses out of `links`.

    `controls` allows fields and what describes them to those who listen to the page; forms lead nowhere. `charts`
    allows plain shapes besides. The result has no line breaks (they become `&#10;`), so that a Markdown reader behind
    us sees one HTML block.
    """
    allowed = frozenset(links)

    def keep(tag: str, name: str, value: str) -> str | None:
        if name in ("href", "src"):
            return value if value in allowed else None
        if name == "class":
            return " ".join(c for c in value.split() if c.startswith("kotae-")) or None
        if name == "id":
            return value if value.startswith("kotae-") else None
        if name == "target":
            return "_blank" if value == "_blank" else None
        return value

    attributes = (_CONTROL_ATTRIBUTES if controls else _ATTRIBUTES) | (_CHART_ATTRIBUTES if charts else {})
    safe = nh3.clean(
        html,
        tags=set(_TAGS | (_CONTROLS if controls else set()) | (_CHARTS if charts else set())),
        attributes={tag: set(names) for tag, names in attributes.items()},
        generic_attribute_prefixes={"aria-", "data-"} if controls else set(),
        attribute_filter=keep,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
    return safe.strip().replace("\r", "").replace("\n", "&#10;")


def paragraphs(text: str) -> str:
    """Plain text as it was typed: escaped, line breaks kept. Not Markdown."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "".join(f"<p>{'<br>'.join(escape(line) for line in block.splitlines())}</p>" for block in blocks)


def options(pairs: Iterable[tuple[str, str]], chosen: str = "") -> str:
    """The options of a select: each with its value and what it reads as. They still have to pass `clean`."""
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in pairs
    )


def markdown(text: str, *, cite: Cite | None = None, links: Collection[str] = ()) -> str:
    """Markdown as HTML that still has to pass `clean`. HTML in `text` is text; images are text.

    `links`: the addresses a link may lead to; any other link becomes its words.
    """
    reader = _reader()
    tokens = reader.parse(_printable(text), {"cite": cite})
    return str(reader.renderer.render(_unlinked(tokens, frozenset(links)), reader.options, {}))


def marked(text: str, *, cite: Cite | None = None, links: Collection[str] = ()) -> str | None:
    """Like `markdown`, with the words that `OPEN` and `CLOSE` enclose marked; None when a mark fell into a part that is
    not shown (a link's address, a table's rule), and the caller had better show the text as it is."""
    reader = _reader()
    tokens = _unlinked(reader.parse(_printable(text), {"cite": cite}), frozenset(links))
    inside, opened, closed = False, 0, 0
    for token in _leaves(tokens):
        if OPEN in token.content or CLOSE in token.content or inside:
            opened += token.content.count(OPEN)
            closed += token.content.count(CLOSE)
            token.meta["marked"], inside = _split_marks(token.content, inside)
    wanted = (text.count(OPEN), text.count(CLOSE))
    if (opened, closed) != wanted:
        return None
    return str(reader.renderer.render(tokens, reader.options, {}))


def mend(text: str) -> str:
    """Unfinished Markdown made presentable while it streams: half a citation is held back, emphasis is closed."""
    text = re.sub(r"\[[\d\s,、]*$", "", text)
    if text.count("```") % 2:
        return text
    last = text.rsplit("\n\n", 1)[-1]
    if last.count("`") % 2:
        return text + "`"
    text = re.sub(r"(?<!\*)\*{1,2}$", "", text)
    last = text.rsplit("\n\n", 1)[-1]
    return text + "**" if last.count("**") % 2 else text


def _printable(text: str) -> str:
    # bidirectional overrides can make a harmless link read like another one
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", "", text)


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    reader.enable(["table", "strikethrough"])
    # A reference definition would turn every [1] into a link of the model's choosing.
    reader.disable(["image", "html_inline", "html_block", "reference"])
    reader.inline.ruler.before("link", "citation", _citation)
    reader.add_render_rule("citation", lambda _self, tokens, i, *_: str(tokens[i].content))
    for kind in ("text", "code_inline", "code_block", "fence"):
        reader.add_render_rule(kind, _leaf_rule(kind))
    return reader


def _citation(state: StateInline, silent: bool) -> bool:
    """`[1]`, `[1, 2]` and `[1、2]` as citation marks, before they could be taken for the text of a link."""
    cite = state.env.get("cite")
    if cite is None or state.src[state.pos] != "[":
        return False
    match = _CITATION.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    marks = [cite(int(n)) for n in re.findall(r"\d+", match.group(1))]
    if not any(marks):
        return False
    if not silent:
        token = state.push("citation", "", 0)
        token.content = "".join(mark for mark in marks if mark)
    state.pos = match.end()
    return True


def _leaf_rule(kind: str) -> Callable[..., str]:
    def rule(_self: object, tokens: Sequence[Token], i: int, *_: object) -> str:
        token = tokens[i]
        body = token.meta.get("marked") or escape(token.content)
        if kind == "text":
            return body
        return f"<code>{body}</code>" if kind == "code_inline" else f"<pre><code>{body}</code></pre>"

    return rule


def _leaves(tokens: Sequence[Token]) -> list[Token]:
    """The tokens that carry text, in reading order."""
    found: list[Token] = []
    for token in tokens:
        if token.children is not None:
            found += _leaves(token.children)
        elif token.type in ("text", "code_inline", "code_block", "fence"):
            found.append(token)
    return found


def _split_marks(content: str, inside: bool) -> tuple[str, bool]:
    out: list[str] = []
    for piece in re.split(f"([{OPEN}{CLOSE}])", content):
        if piece in (OPEN, CLOSE):
            inside = piece == OPEN
        elif piece:
            out.append(f"<mark>{escape(piece)}</mark>" if inside else escape(piece))
    return "".join(out), inside


def _unlinked(tokens: Sequence[Token], links: frozenset[str]) -> list[Token]:
    """The tokens without the links that lead elsewhere, and with headings that fit below those of the page."""
    kept: list[Token] = []
    dropped: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            dropped.append(str(token.attrs.get("href", "")) not in links)
            if dropped[-1]:
                continue
            token.attrs = {"href": token.attrs["href"], "target": "_blank"}
        elif token.type == "link_close" and dropped.pop():
            continue
        elif token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        if token.children is not None:
            token.children = _unlinked(token.children, links)
        kept.append(token)
    return kept
