"""`kotae mcp`: Kotae as tools of another assistant."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from ui.commands.options import DataDir, Model, load_settings


def mcp(model: Model = None, data_dir: DataDir = None) -> None:
    """Offer the tools `ask` and `search` to an assistant (MCP over standard input and output)."""
    from agent.errors import KotaeError

    if find_spec("mcp") is None:
        raise KotaeError("This needs an extra that is not installed: pip install 'kotae[mcp]'.")
    from ui.mcp_server import serve_stdio

    asyncio.run(serve_stdio(load_settings(model=model, data_dir=data_dir)))
