"""The JUnit XML that systems of continuous integration read: a test case for each conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from ui.conversing.results import ConversationResult, explained

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def junit(ran: Sequence[tuple[Path, ConversationResult]]) -> str:
    """The report of conversations with the files that they stand in."""
    failed, skipped = (sum(not r.ok for _, r in ran), sum(bool(r.skipped) for _, r in ran))
    counts = {"tests": str(len(ran)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}
    seconds = f"{sum(r.seconds for _, r in ran):.3f}"
    root = ET.Element("testsuites", {"name": "kotae converse", **counts, "time": seconds})
    suite = ET.SubElement(root, "testsuite", {"name": "kotae converse", **counts, "time": seconds})
    for path, result in ran:
        given = {"name": result.name, "classname": f"{result.target}.{path.stem}", "file": path.as_posix()}
        case = ET.SubElement(
            suite, "testcase", {k: _legal(v) for k, v in given.items()} | {"time": f"{result.seconds:.3f}"}
        )
        if result.skipped:
            ET.SubElement(case, "skipped", {"message": _legal(result.skipped)})
        if not result.ok:
            text = _legal(explained(result))
            failure = ET.SubElement(case, "failure", {"message": _first(result), "type": "difference"})
            failure.text = text
        if result.unseen:
            said = ET.SubElement(case, "system-out")
            said.text = _legal(f"not seen on {result.target}, and not checked: {', '.join(result.unseen)}")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _first(result: ConversationResult) -> str:
    found = [(f"turn {n}", d) for n, turn in enumerate(result.turns, 1) for d in turn.differences]
    found += [("the whole conversation", d) for d in result.outcome]
    where, difference = found[0]
    return _legal(f"{where}, {difference.what}: expected {difference.expected}, came {difference.got}"[:300])


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
