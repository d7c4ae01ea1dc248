"""A process that asks a question and is killed (SIGKILL) at a moment of its own choice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from agent import Settings

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from agent import Agent, Settings
    from agent.models.scripted import ScriptedChatModel

    async def main():
        folder, question, behind, *lines = sys.argv[1:]
        settings = Settings(data_dir=Path(folder), models_dir=Path(folder), web="off")
        async with Agent.open(settings, model=ScriptedChatModel(lines=lines)) as agent:
            async for event in agent.stream(question, "t"):
                if type(event).__name__ == behind:
                    print("now", flush=True)
                    await asyncio.sleep(600)

    asyncio.run(main())
"""


def kill_behind(event: str, question: str, settings: Settings, *lines: str) -> None:
    """Ask `question` in the conversation `t` of a process of its own, whose model says `lines`, and kill it as soon as
    it has told `event` (the name of its class)."""
    program = [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(settings.data_dir), question, event, *lines]
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(program, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
