"""Kotae as tools of another assistant, through the client of the MCP library."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agent.errors import KotaeError
from tests.ui.http.served import LEAVE, TWENTY, Start
from ui.commands import mcp as command

mcp = pytest.importorskip("mcp")

ROOT = Path(__file__).resolve().parents[3]


async def test_an_assistant_asks_and_searches(start: Start) -> None:
    from ui.mcp_server import server

    served = await start(TWENTY, TWENTY)
    async with mcp.Client(server(served.agent)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"ask", "search"}
        nodes: list[str] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            nodes.append(message or "")

        got = await client.call_tool("ask", {"question": LEAVE}, progress_callback=progress)
        reply = got.structured_content
        assert reply["answer"] == TWENTY
        assert not reply["refused"]
        [source] = reply["sources"]
        assert source["quote"] == "Every employee has 20 days of paid leave a year."
        assert nodes[:2] == ["understand", "route"]
        again = await client.call_tool("ask", {"question": LEAVE, "thread": reply["thread"]})
        assert again.structured_content["thread"] == reply["thread"]
        found = await client.call_tool("search", {"query": LEAVE, "k": 1})
        assert "20 days" in found.structured_content["passages"][0]["text"]


async def test_what_goes_wrong_is_a_sentence(start: Start) -> None:
    from ui.mcp_server import server

    served = await start()
    async with mcp.Client(server(served.agent)) as client:
        for arguments, said in (
            ({"question": ""}, "Please write a question"),
            ({"question": "x", "thread": "nowhere"}, "no longer exists"),
            ({"question": "How many days of leave does an employee get?"}, "Something went wrong"),
        ):
            got = await client.call_tool("ask", arguments)
            assert got.is_error
            assert said in got.content[0].text
            assert "script" not in got.content[0].text


async def test_over_standard_input_and_output(tmp_path: Path, library: Path) -> None:
    from mcp.client.stdio import StdioServerParameters, stdio_client

    data = tmp_path / "data"
    data.mkdir()
    (data / "library").symlink_to(library)
    environment = {"PYTHONPATH": str(ROOT), "KOTAE_DATA_DIR": str(data), "KOTAE_SETTINGS": str(tmp_path / "none")}
    there = StdioServerParameters(command=sys.executable, args=["-m", "ui.cli", "mcp"], env=environment)
    async with mcp.Client(stdio_client(there)) as client:
        found = await client.call_tool("search", {"query": LEAVE, "k": 1})
    assert "20 days" in json.dumps(found.structured_content)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(KotaeError, match=r"kotae\[mcp\]"):
        command.mcp()
