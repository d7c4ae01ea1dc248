"""Variables of a script: `$name` in any of its texts, filled as strictly as prompts are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
"""`$$`, `$name` or `${name}`. A dollar sign before anything else, such as `$5`, is one."""
UNFILLED = frozenset({"vars", "table"})


class VariableError(ValueError):
    """A variable is missing or surplus; the message names it. `seen` is how it stands in the script."""

    def __init__(self, message: str, *seen: str) -> None:
        super().__init__(message)
        self.seen = seen


def rows(script: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The script once for each row of its table, by the row's name; "" without a table. Its variables are replaced.

    Raises `VariableError` for a variable that is not given, given and not used, or given by `vars` and the table."""
    common = _mapping(script.get("vars") or {}, "vars")
    table = _mapping(script.get("table") or {}, "table")
    body = {key: value for key, value in script.items() if key not in UNFILLED}
    wanted = names(body)
    filled = {}
    for row, own in (table or {"": {}}).items():
        values = _mapping(own, f"table {row!r}")
        where = f" in the row {row!r}" if table else ""
        if twice := sorted(common.keys() & values.keys()):
            raise VariableError(f"${twice[0]} stands in vars and{where}", twice[0])
        given = common | values
        if missing := sorted(wanted - given.keys()):
            name = missing[0]
            fault = f"the variable ${name} is not given{where} (write $$ for a dollar sign)"
            raise VariableError(fault, f"${name}", f"${{{name}}}")
        if surplus := sorted(given.keys() - wanted):
            raise VariableError(f"the variable {surplus[0]!r} is given{where} and not used", surplus[0])
        filled[str(row)] = {key: fill(value, given) for key, value in body.items()}
    return filled


def names(value: Any) -> set[str]:
    """The variables in all texts of `value`."""
    if isinstance(value, str):
        return {a or b for a, b in _NAME.findall(value) if a or b}
    if isinstance(value, Mapping):
        return {name for one in value.values() for name in names(one)}
    if isinstance(value, list):
        return {name for one in value for name in names(one)}
    return set()


def fill(value: Any, given: Mapping[str, Any]) -> Any:
    """`value` with its variables replaced. A text that is nothing but a variable becomes what the variable is, so that
    numbers and yes or no stay what they are."""
    if isinstance(value, str):
        alone = _NAME.fullmatch(value)
        if alone and (name := alone[1] or alone[2]):
            return given[name]
        return _NAME.sub(lambda found: str(given[found[1] or found[2]]) if found[0] != "$$" else "$", value)
    if isinstance(value, Mapping):
        return {key: fill(one, given) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, given) for one in value]
    return value


def escaped(text: str) -> str:
    """`text` so that it stands for itself in a script."""
    return re.sub(r"\$(?=[$A-Za-z_{])", "$$", text)


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise VariableError(f"{what} must be names with values")
    return dict(value)
