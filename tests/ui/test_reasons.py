"""Every reason that the library can give has its sentence in Japanese."""

from __future__ import annotations

import json
import re

import pytest
from reasons_in_code import Reason, reasons

from tools.library.outcome import KEPT
from ui import strings
from ui.reasons import told

EN, JA = strings.load("en"), strings.load("ja")
FOUND, LOST = reasons(("tools",))
LOADERS = "tools/library/loaders.py"
"""Its reasons go to the command line alone: a loader cannot be named on the page, and its failures are not kept."""
SHOWN = {reason.text: reason for reason in FOUND if not reason.place.startswith(LOADERS)}

HANDED_ON = {
    "tools/library/index.py: failure.reason",
    "tools/library/index.py: str(error)",
    "tools/library/intake.py: str(error)",
    "tools/library/outcome.py: entry.reason",
    "tools/library/outcome.py: own",  # no reason but a collection's number
    "tools/library/read.py: content.loaded.unread",
    "tools/library/read.py: reason",
    "tools/library/read.py: str(error)",
    "tools/library/sources.py: reason",
    "tools/library/watch.py: '; '.join(errors)",
    "tools/library/watch.py: error.detail",
    "tools/library/worker.py: reply.decode()",
    "tools/library/worker.py: str(error).encode('utf-8', 'replace')[:4096]",
}
"""Reasons that were made elsewhere and only pass through."""

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龥]")


def test_every_reason_was_followed_to_where_it_is_written() -> None:
    assert set(LOST) == HANDED_ON


@pytest.mark.parametrize(
    "text",
    [
        "The file is empty (0 bytes): save it again from where it came.",  # raised as it stands
        "The file is damaged and cannot be opened: export or download it again.",  # a constant of the module
        "Old Word files (.doc) cannot be read: save it as .docx or PDF and index that.",  # out of a table
        "The text of pictures is not read without an extra: pip install 'kotae[ocr]', then index again.",  # imported
        "Only the first 7 scanned pages were read: split the file.",  # returned by a function
        "This is sound or video, not a document: index a transcript of it.",  # out of a row of a table
        "The link leads nowhere: index again when it is back.",  # put together
        "The file may not be read: change its permissions.",  # the child's answer
        "Watching failed (7): it is tried again.",  # told by the watcher
    ],
)
def test_reasons_are_found_however_they_are_made(text: str) -> None:
    assert text in SHOWN


@pytest.mark.parametrize("reason", SHOWN.values(), ids=lambda reason: reason.text)
def test_a_reason_has_its_sentence_in_japanese(reason: Reason) -> None:
    said = told(reason.text, JA)
    assert said != reason.text, f"{reason.place}: no entry of reasons.ja.json fits {reason.text!r}"
    assert JAPANESE.search(said)
    assert said.endswith("。")
    assert told(reason.text, EN) == reason.text


def test_no_sentence_is_left_over() -> None:
    entries = json.loads((strings.FOLDER / "reasons.ja.json").read_text("utf-8"))
    samples = [*SHOWN, KEPT, "/mnt/papers: The path does not exist: check its spelling."]
    # the pages that are named are no sample but numbers
    samples += ["Pages 1, 2 and others are scans and the reader for those is not installed"]
    said = {sentence for text in samples if (sentence := _first(entries, text))}
    assert said == set(entries)


def _first(entries: dict[str, str], text: str) -> str | None:
    return next((pattern for pattern in entries if re.search(pattern, text)), None)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            "Page 3 is a scan and the reader for those is not installed: pip install 'kotae[ocr]', then index again.",
            "3 ページはスキャン画像のため、読み込まれていません。"
            "pip install 'kotae[ocr]' を実行してから、もう一度お試しください。",
        ),
        (
            "Pages 1, 2, 3, 4, 5, 6, 7, 8 and others are scans and the reader for those is not installed: index again.",
            "1, 2, 3, 4, 5, 6, 7, 8 ページなどはスキャン画像のため、読み込まれていません。"
            "pip install 'kotae[ocr]' を実行してから、もう一度お試しください。",
        ),
        (
            f"The file may not be read: change its permissions. {KEPT}",
            "ファイルを読む権限がありません。アクセス権を変更してください。以前に読み込んだ内容はそのまま残ります。",
        ),
        (
            "/mnt/papers: The path does not exist: check its spelling.",
            "/mnt/papers が見つかりません。ドライブやネットワークの接続を確認してください。",
        ),
    ],
)
def test_what_a_reason_names_is_named_in_japanese_too(reason: str, said: str) -> None:
    assert told(reason, JA) == said
    assert told(reason, EN) == reason


def test_a_reason_without_its_sentence_is_shown_as_it_is() -> None:
    unknown = f"Something new is wrong: mend it. {KEPT}"
    assert told(unknown, JA) == unknown
