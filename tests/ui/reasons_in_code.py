"""Every sentence that the library may give as the reason of a failure, read out of its source.

A sentence is followed from where it is used (an error that is raised, a failure that is noted) back to where it is
written: through names, conditions, tables of constants and functions that return it. What is followed nowhere is told
too, so that a new way of making a reason is noticed.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "7"
"""Stands for what is filled in: a number, a name and a status all at once."""

_MOST = 400
"""Sentences of one place; more would be a mistake of this reader."""
_GIVEN = {"LoadError": 0, "Missing": 0, "EgressError": 1, "Failure": 1, "_fail": 1, "fail": 1, "ToolError": 1}
"""What is called with a reason, and in which place."""
_SILENT = {"library_archive", "library_name", "library_empty", "web_unavailable"}
"""Codes of `ToolError` that the library's page has words of its own for: their sentences go to the command line."""


@dataclass(frozen=True)
class Reason:
    """A sentence, and the file and line in which it is used."""

    text: str
    place: str


class Untraced(Exception):
    """An expression that leads to no text that is written down."""


class Module:
    """A source file and what it names."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(ROOT).as_posix()
        self.tree = ast.parse(path.read_text("utf-8"))
        self.lost: list[str] = []
        """Expressions that could not be followed."""
        self.functions = {n.name: n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef)}

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """Names that come from elsewhere: module, and name in it."""
        found: dict[str, tuple[str, str]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        return found


def reasons(folders: tuple[str, ...]) -> tuple[list[Reason], list[str]]:
    """(the sentences in the modules below `folders`, the expressions that could not be followed)."""
    found: list[Reason] = []
    lost: list[str] = []
    for path in sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py")):
        module = Module(path)
        for scope, expression in _used(module):
            place = f"{module.name}:{expression.lineno}"
            try:
                found += [Reason(text, place) for text in _texts(expression, scope, module) if text]
            except Untraced:
                module.lost.append(ast.unparse(expression))
        lost += [f"{module.name}: {expression}" for expression in module.lost]
    return found, lost


def _used(module: Module) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Where reasons are used: the function around, and the expression."""
    for scope, node in _inside(module.tree, module.tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "Loaded" and (given := [k.value for k in node.keywords if k.arg == "unread"] or node.args[4:5]):
                yield scope, given[0]
            if name == "_say":
                yield from ((scope, k.value) for k in node.keywords if k.arg == "error")
            if name in _GIVEN and len(node.args) > _GIVEN[name] and not _silent(node):
                yield scope, node.args[_GIVEN[name]]
        # the child's answer to its parent
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and node.value.elts:
            kind, *rest = node.value.elts
            if isinstance(kind, ast.Constant) and kind.value == b"E":
                yield scope, rest[0]


def _silent(call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Constant) and call.args[0].value in _SILENT


def _inside(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield scope, child
        yield from _inside(child, child if isinstance(child, ast.FunctionDef) else scope)


def _texts(node: ast.expr, scope: ast.AST, module: Module) -> list[str]:
    """Every text that an expression may have. Raises `Untraced`."""
    found = list(itertools.islice(dict.fromkeys(_followed(node, scope, module)), _MOST + 1))
    assert len(found) <= _MOST, ast.unparse(node)
    return found


def _followed(node: ast.expr, scope: ast.AST, module: Module) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        yield node.value.decode() if isinstance(node.value, bytes) else node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [_part(value, scope, module) for value in node.values]
        yield from map("".join, itertools.product(*parts))
    elif isinstance(node, ast.IfExp):
        yield from _each((node.body, node.orelse), scope, module)
    elif isinstance(node, ast.BoolOp | ast.Dict):
        yield from _each(node.values, scope, module)
    elif isinstance(node, ast.Subscript):  # one of a table
        yield from _texts(node.value, scope, module)
    elif isinstance(node, ast.Name):
        yield from _named(node.id, scope, module)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in module.imported:
        package, name = module.imported[node.value.id]
        yield from _constant(_module(f"{package}.{name}"), node.attr)
    elif isinstance(node, ast.Call):
        yield from _called(node, scope, module)
    else:
        raise Untraced


def _part(node: ast.expr, scope: ast.AST, module: Module) -> list[str]:
    """A part of an f-string: what is written, otherwise a sample."""
    before = len(module.lost)
    try:
        found = _texts(node.value if isinstance(node, ast.FormattedValue) else node, scope, module)
    except Untraced:
        return [SAMPLE]
    if len(module.lost) > before:
        del module.lost[before:]
        found.append(SAMPLE)
    return found


def _each(nodes: tuple[ast.expr, ...] | list[ast.expr], scope: ast.AST, module: Module) -> Iterator[str]:
    """Of a choice everything that can be followed; the rest is lost."""
    for node in nodes:
        try:
            yield from _texts(node, scope, module)
        except Untraced:
            module.lost.append(ast.unparse(node))


def _called(node: ast.Call, scope: ast.AST, module: Module) -> Iterator[str]:
    """What a function of this file returns, what a table gives, or a text that is only encoded."""
    if isinstance(node.func, ast.Name) and node.func.id in module.functions:
        function = module.functions[node.func.id]
        for inner, child in _inside(function, function):
            if isinstance(child, ast.Return) and child.value is not None and inner is function:
                yield from _texts(child.value, function, module)
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        yield from _texts(node.func.value, scope, module)
        yield from _each(node.args[1:], scope, module)
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "encode" and not node.args:
        yield from _texts(node.func.value, scope, module)
    else:
        raise Untraced


def _named(name: str, scope: ast.AST, module: Module) -> Iterator[str]:
    """What a name was given in its function, otherwise in its module or where it is imported from."""
    given = list(_given(name, scope, module)) if scope is not module.tree else []
    if given:
        yield from (text for node in given for text in _texts(node, scope, module))
    elif name in module.imported:
        package, original = module.imported[name]
        yield from _constant(_module(package), original)
    else:
        yield from _constant(module, name)


def _given(name: str, scope: ast.AST, module: Module) -> Iterator[ast.expr]:
    for _, node in _inside(scope, scope):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield node.value
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Tuple):
            places = [t.id if isinstance(t, ast.Name) else "" for t in node.target.elts]
            rows = _value(module, node.iter.id) if isinstance(node.iter, ast.Name) else node.iter
            if name in places and isinstance(rows, ast.Tuple):
                yield from (row.elts[places.index(name)] for row in rows.elts if isinstance(row, ast.Tuple))


def _constant(module: Module | None, name: str) -> Iterator[str]:
    value = None if module is None else _value(module, name)
    if module is None or value is None:
        raise Untraced
    yield from _texts(value, module.tree, module)


def _value(module: Module, name: str) -> ast.expr | None:
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return node.value
    return None


def _module(dotted: str) -> Module | None:
    path = ROOT / f"{dotted.replace('.', '/')}.py"
    return Module(path) if path.is_file() else None
