"""The widget's one file: its style and its parts, put together in the order in which they need each other."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "source"
PARTS = ("dom.js", "line.js", "state.js", "view.js", "conversation.js", "chat.js", "boot.js")


@cache
def script() -> tuple[str, str]:
    """The script, and a tag that changes with it."""
    style = re.sub(r"\s*\n\s*", "\n", (SOURCE / "widget.css").read_text("utf-8"))
    style = re.sub(r"/\*.*?\*/\n?", "", style, flags=re.DOTALL)
    parts = [(SOURCE / name).read_text("utf-8") for name in PARTS]
    text = "\n".join(["(() => {", '"use strict";', f"const STYLE = {json.dumps(style)};", *parts, "})();", ""])
    return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
