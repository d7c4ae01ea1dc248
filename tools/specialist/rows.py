"""Rows of files as examples: one function for each shape that data sets and exports have."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tools.specialist.conversations import Said, exported, learned, said
from tools.specialist.example import Example, Message
from tools.specialist.tables import Misfit
from tools.specialist.texts import clean, written

_QUESTION = ("question", "instruction", "prompt", "input", "text", "query", "utterance", "質問", "指示", "入力", "文")
_ANSWER = ("answer", "output", "completion", "response", "label", "intent", "slots", "回答", "答え", "出力", "ラベル")
_MESSAGES = ("messages", "conversations", "conversation", "chat_messages")
_YES, _NO = ("true", "yes", "1", "はい"), ("false", "no", "0", "いいえ")
_CITED = re.compile(r"[ \t]*\[\d{1,2}\]")
_FORMULA = re.compile(r"'(?=\s*[=+\-@＝＋－＠])")
"""What an export to a spreadsheet puts before a text that would be a formula."""
_GROUP = 200
_MOST_KEYS = 8


class Shapes:
    """Makes examples of rows. `question` and `answer` are the keys that hold them where these have other names."""

    def __init__(self, question: str = "", answer: str = "") -> None:
        self._named = bool(question or answer)
        self._questions = (_name(question),) if question else _QUESTION
        self._answers = (_name(answer),) if answer else _ANSWER
        self.left_out: Counter[str] = Counter()
        """What was left out on purpose, by its code; see `Reading`."""

    def fits(self, names: Sequence[str]) -> bool:
        """Whether columns of these names hold examples."""
        known = {_name(name) for name in names}
        return _first(known, self._questions) is not None and _first(known, self._answers) is not None

    def examples(self, value: Any) -> list[Example]:
        """The examples of a row; none where it is left out on purpose. Raises `Misfit`."""
        if isinstance(value, list):
            return self._conversation(said(value), "")
        if not isinstance(value, Mapping):
            raise Misfit("shape", "this is no object with names such as question and answer; write it as one.")
        row = {_name(key): inner for key, inner in value.items()}
        if not self._named:
            if isinstance(row.get("mapping"), Mapping):
                return self._conversation(exported(row), _group(row) or _id(row), strict=False)
            if (name := _first(row, _MESSAGES)) and isinstance(row[name], list):
                if "answer" in row:
                    return [_own(row, said(row[name]), row["answer"])]
                strict = name != "chat_messages"
                return self._conversation([*_system(row), *said(row[name])], _group(row) or _id(row), strict=strict)
            if "verdict" in row and "corrected_answer" in row:
                return self._feedback(row)
        return [self._pair(row)]

    def _conversation(self, messages: list[Said], group: str, *, strict: bool = True) -> list[Example]:
        before = self.left_out.total()
        found = learned(messages, group, self.left_out)
        if not found and self.left_out.total() == before:
            if strict:
                raise Misfit("messages", "the assistant replies to no question here; add the reply, or leave it out.")
            self.left_out["unanswered"] += 1
        return found

    def _pair(self, row: Mapping[str, Any]) -> Example:
        question, answer = _first(row, self._questions), _first(row, self._answers)
        if question is None or answer is None or question == answer:
            names = ", ".join(repr(name[:30]) for name in list(row)[:_MOST_KEYS])
            raise Misfit(
                "shape",
                f"among {names or 'no names at all'} there is no question with an answer; call them question and "
                "answer, or say which names hold them.",
            )
        given = row[question]
        if isinstance(given, list):
            reply = row[answer]
            if isinstance(reply, list) and len(reply) == 1:
                reply = said(reply)[0].text
            return _own(row, said(given), reply)
        text = _text(given, question)
        if not self._named:
            more = _text(row.get("input"), "input") if question == "instruction" else ""
            text = "\n\n".join(filter(None, (_text(row.get("context"), "context"), text, more)))
        system = [Message("system", part.text) for part in _system(row)]
        return _example([*system, *_history(row), Message("user", text)], row, row[answer], answer)

    def _feedback(self, row: Mapping[str, Any]) -> list[Example]:
        """A thumb up stands for the answer, a thumb down for its correction.

        What was refused is left out, since whether a refusal is right depends on the passages of that time; and marks
        of citations are taken off, since there are no passages that they would point at.
        """
        if row["verdict"] not in ("up", "down"):
            raise Misfit("value", "the verdict is neither up nor down; export the feedback again.")
        up = row["verdict"] == "up"
        corrected = _text(row["corrected_answer"], "corrected_answer")
        if not up and not corrected:
            self.left_out["thumb_down"] += 1
            return []
        if up and _truth(row.get("refused"), "refused"):
            self.left_out["refused"] += 1
            return []
        answer = corrected or _CITED.sub("", _text(row.get("answer"), "answer"))
        thread = row.get("thread")
        row = {**row, "group": f"conversation:{thread}" if isinstance(thread, str) and thread else "", "refuses": None}
        question = _FORMULA.sub("", _text(row.get("question"), "question"), count=1)
        answer = _FORMULA.sub("", answer, count=1)
        return [_example([*_history(row), Message("user", question)], row, answer, "answer")]


def _own(row: Mapping[str, Any], messages: list[Said], answer: Any) -> Example:
    """Messages that end with the user, and the answer beside them."""
    if any(m.role == "tool" or not m.whole for m in messages):
        raise Misfit("messages", "a message is no text, or of a tool; leave the line out.")
    found = [Message(m.role, m.text) for m in (*_system(row), *messages) if m.role != "tool"]
    if not found or found[-1].role != "user":
        raise Misfit("messages", "the messages do not end with the user; with an answer beside them they must.")
    return _example(found, row, answer, "answer")


def _example(messages: list[Message], row: Mapping[str, Any], answer: Any, name: str) -> Example:
    text = written(answer, name)
    if not messages[-1].content:
        raise Misfit("empty", "the question is empty; write one, or leave the line out.")
    if not text:
        raise Misfit("empty", "the answer is empty; write one, or leave the line out.")
    return Example(tuple(messages), text, _group(row), _truth(row.get("refuses"), "refuses"))


def _history(row: Mapping[str, Any]) -> list[Message]:
    """Messages, or pairs of a question and its answer."""
    history = row.get("history")
    if not history:
        return []
    if not isinstance(history, list):
        raise Misfit("messages", "history is no list of messages; write it as one, or leave it out.")
    found = []
    for one in history:
        if isinstance(one, list) and len(one) == 2:
            found += [Message("user", _text(one[0], "history")), Message("assistant", _text(one[1], "history"))]
        else:
            found += [Message(part.role, part.text) for part in said([one]) if part.role != "tool"]
    return found


def _system(row: Mapping[str, Any]) -> list[Said]:
    text = _text(row.get("system"), "system")
    return [Said("system", text)] if text else []


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Misfit("value", f"{name[:30]} is no text; write it as one.")
    return clean(value) if isinstance(value, str) else written(value, name)


def _truth(value: Any, name: str) -> bool | None:
    if value is None or value == "" or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    said = str(value).strip().casefold() if isinstance(value, str | int) else ""
    if said not in (*_YES, *_NO):
        raise Misfit("value", f"{name} is neither true nor false; write one of them, or leave it out.")
    return said in _YES


def _group(row: Mapping[str, Any]) -> str:
    return _text(row.get("group"), "group")[:_GROUP]


def _id(row: Mapping[str, Any]) -> str:
    """Of an exported conversation, which is a group of its own."""
    id = next((row[key] for key in ("conversation_id", "id", "uuid") if isinstance(row.get(key), str)), "")
    return f"conversation:{clean(id)[:_GROUP]}" if id else ""


def _name(key: str) -> str:
    return re.sub(r"[\s\-_]+", "_", unicodedata.normalize("NFKC", key).strip().casefold())


def _first(names: Any, wanted: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in names), None)
