"""pytest collects `*.conversation.yaml`: each script is a test, and a turn that differs is the failure that is shown.

Importing this loads nothing of Kotae, because pytest does it in every run of every project; reading a script does not
load the agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ui.conversing.script import AnyScript
    from ui.conversing.targets import Target

ENDING = ".conversation.yaml"


class Differs(Exception):
    """A conversation is not as expected; the message says where."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kotae", "scripted conversations of Kotae")
    group.addoption("--kotae-target", default="graph", metavar="PLACE", help="graph, http or chat (default: graph)")
    group.addoption("--kotae-url", default="", metavar="URL", help="play on the server that answers there")
    group.addoption("--kotae-live", action="store_true", help="let the configured model answer, not the script")
    group.addoption("--kotae-model", default=None, metavar="MODEL", help="use this model, as kotae converse does")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(ENDING):
        return None
    found: pytest.Collector = ConversationFile.from_parent(parent, path=file_path)
    return found


class ConversationFile(pytest.File):
    """A file of scripts: one, or one for each row of its table."""

    def collect(self) -> Iterator[pytest.Item]:
        from ui.conversing.reading import read
        from ui.conversing.script import ScriptError

        try:
            scripts = read(self.path)
        except ScriptError as error:
            raise self.CollectError(str(error)) from error
        for script in scripts:
            yield ConversationItem.from_parent(self, name=script.name, script=script)


class ConversationItem(pytest.Item):
    """A conversation."""

    def __init__(self, *, script: AnyScript, **given: Any) -> None:
        super().__init__(**given)
        self.script = script

    def runtest(self) -> None:
        import asyncio

        from ui.conversing.results import explained

        result = asyncio.run(self._run())
        if result.unseen:
            seen = f"not seen on {result.target}, and not checked: {', '.join(result.unseen)}"
            self.add_report_section("call", "kotae", seen)
        if result.skipped:
            pytest.skip(result.skipped)
        if not result.ok:
            raise Differs(explained(result))

    async def _run(self) -> Any:
        from agent import Settings
        from ui.conversing.run import run
        from ui.conversing.targets import TARGETS, target

        option = self.config.getoption
        name = next((name for name in TARGETS if name == option("--kotae-target")), None)
        if name is None:
            raise pytest.UsageError(f"--kotae-target must be one of {', '.join(TARGETS)}")
        place: Target = target(name, option("--kotae-url"))
        try:
            model = option("--kotae-model")
            settings = Settings.load(**({"model": model} if model else {}))
            return await run(self.script, place, live=option("--kotae-live"), settings=settings)
        finally:
            await place.close()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Differs):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name
