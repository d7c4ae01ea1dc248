"""Source code: cut at its definitions, each under the name that people ask for."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from tools.decode import decode
from tools.library.formats.blocks import Blocks
from tools.library.formats.source import Source
from tools.library.load import Loaded

_LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "jsx",
    ".ts": "typescript", ".tsx": "tsx", ".java": "java", ".kt": "kotlin", ".kts": "kotlin", ".scala": "scala",
    ".groovy": "groovy", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp",
    ".m": "objectivec", ".cs": "csharp", ".go": "go", ".rs": "rust", ".rb": "ruby", ".php": "php", ".swift": "swift",
    ".dart": "dart", ".lua": "lua", ".pl": "perl", ".pm": "perl", ".r": "r", ".jl": "julia", ".ex": "elixir",
    ".exs": "elixir", ".hs": "haskell", ".clj": "clojure", ".sh": "bash", ".bash": "bash", ".zsh": "bash",
    ".ps1": "powershell", ".sql": "sql", ".vue": "vue", ".svelte": "svelte", ".proto": "proto", ".graphql": "graphql",
    ".tf": "terraform", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".ini": "ini", ".cfg": "ini", ".xml": "xml",
}  # fmt: skip
_SHEBANG = re.compile(r"\A#!.*?\b(python|bash|sh|zsh|node|ruby|perl|php)[\d.]*\s*$", re.MULTILINE)
_NAMED = {"sh": "bash", "zsh": "bash", "node": "javascript"}
_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|sealed|open|override|pub"
    r"(?:\([^)]*\))?|unsafe|extern|inline|const|virtual|data|suspend|partial|readonly|declare|local)\s+)*"
)
_TYPES = (
    r"(?:class|interface|struct|enum|trait|impl|protocol|record|object|namespace|module|mod|message|service|type|"
    r"extension|union|defmodule|package)"
)
_FUNCTIONS = r"(?:function\*?|func|fun|fn|def|defp|sub|proc)"
_DEFINITIONS = (
    # class Name, impl Trait for Name, def name, function name, func (r *Receiver) Name
    re.compile(rf"[ \t]{{0,4}}{_MODIFIERS}(?P<kind>{_TYPES})\s+(?P<name>[^\s({{;=:]+(?:\s+for\s+[^\s{{]+)?)"),
    re.compile(rf"[ \t]{{0,4}}{_MODIFIERS}{_FUNCTIONS}\s+(?:\([^)]*\)\s*)?(?P<name>[^\s({{;=<]+)"),
    # const name = (…) => and const name = function
    re.compile(
        r"(?:export\s+)?(?:const|let|var)\s+(?P<name>\w+)\s*(?::[^=]+)?=\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*(?::[^=]+)?=>"
    ),
    re.compile(r"(?:export\s+)?(?:const|let|var)\s+(?P<name>\w+)\s*=\s*(?:async\s+)?function"),
    # type name(arguments) { in C, Java, C#; not a call, which ends in a semicolon
    re.compile(
        r"[ \t]{0,4}(?!return|else|if|for|while|switch|catch|new\b|throw)(?:[\w:<>,\[\]*&~]+[ \t]+)+[*&]*"
        r"(?P<name>[\w:~]+)\s*\([^;{}]*\)[^;]*\{?\s*$"
    ),
    # name() { in shell
    re.compile(r"(?P<name>[\w:-]+)\s*\(\)\s*\{?\s*$"),
    re.compile(
        r"(?i:create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|trigger|index)\s+(?:if\s+not\s+exists\s+)?)(?P<name>\S+)"
    ),
    re.compile(r"\[(?P<name>[^\]\[]{1,80})\]\s*$"),
)
_LEADING = re.compile(r"\s*(?:#|//|/\*|\*|--|@|\[[A-Z]|///|;|\"\"\")")


def language_of(suffix: str, text: str) -> str:
    """The language that a text is written in; empty when it is none."""
    if found := _SHEBANG.match(text):
        return _NAMED.get(found[1], found[1])
    if text.lstrip()[:5] == "<?php":
        return "php"
    return _LANGUAGES.get(suffix, "")


def read_code(source: Source) -> Loaded:
    """A file of source code or configuration."""
    text = decode(source.data) or ""
    language = language_of(source.path.suffix.lower(), text)
    lines = text.expandtabs(4).split("\n")
    source.check(len(text), len(lines))
    marks = list(_python(text)) if language == "python" else []
    marks = marks or list(_others(lines, language))
    blocks = Blocks(source)
    starts = [0, *(at for at, _ in marks)]
    names = ["", *(name for _, name in marks)]
    for start, end, name in zip(starts, [*starts[1:], len(lines)], names, strict=True):
        piece = "\n".join(lines[start:end])
        if piece.strip():
            blocks.heading(2, name)
            blocks.code(piece, language)
    return Loaded(blocks.text(), source.path.name, "code")


def _python(text: str) -> Iterator[tuple[int, str]]:
    """(first line from 0, name) of functions, classes and methods, decorators included."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _first(node), f"def {node.name}"
        elif isinstance(node, ast.ClassDef):
            yield _first(node), f"class {node.name}"
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield _first(inner), f"{node.name}.{inner.name}"


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1


def _others(lines: list[str], language: str) -> Iterator[tuple[int, str]]:
    """The same for other languages, by how a line with a definition looks; comments above it go with it."""
    if language in ("yaml", "xml", "vue", "svelte"):
        return
    owner = ""
    after = 0
    for number, line in enumerate(lines):
        if (
            len(line) > 300
            or not line.strip()
            or (found := next(filter(None, (p.match(line) for p in _DEFINITIONS)), None)) is None
        ):
            continue
        name = found["name"].strip('`"[]:')
        indented = line[:1].isspace()
        if not indented:
            kind = found.groupdict().get("kind")
            owner = name if kind else ""
            name = f"{kind} {name}" if kind else name
        elif owner:
            name = f"{owner}.{name}"
        start = number
        while start > after and lines[start - 1].strip() and _LEADING.match(lines[start - 1]):
            start -= 1
        yield start, name
        after = number + 1
