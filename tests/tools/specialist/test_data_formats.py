from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from example_files import HERE, Write, asked, lines
from example_files import write as write

from agent.feedback import Feedback
from tools.specialist.data import read
from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example, Message
from ui.commands.feedback import as_csv, as_jsonl

USER, REPLY = {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}


@pytest.mark.parametrize(
    ("row", "example"),
    [
        ({"question": " Where? ", "answer": "Here.\n"}, HERE),
        ({"Question": "Where?", "ANSWER": "Here."}, HERE),
        ({"prompt": "Where?", "completion": " Here."}, HERE),
        ({"prompt": [USER], "completion": [REPLY]}, HERE),
        ({"instruction": "Where?", "output": "Here."}, HERE),
        ({"instruction": "Say it.", "input": "Where?", "output": "Here."}, asked("Say it.\n\nWhere?", "Here.")),
        ({"instruction": "Say it.", "input": "", "output": "Here."}, asked("Say it.", "Here.")),
        ({"context": "It is here.", "question": "Where?", "answer": "Here."}, asked("It is here.\n\nWhere?", "Here.")),
        ({"input": "Where?", "output": "Here."}, HERE),
        ({"text": "Where?", "label": "place"}, asked("Where?", "place")),
        ({"text": "Where?", "intent": "place", "id": 7}, asked("Where?", "place")),
        ({"text": "Where?", "label": 3}, asked("Where?", "3")),
        ({"text": "Where?", "label": False}, asked("Where?", "false")),
        ({"質問": "どこ？", "回答": "ここ。"}, asked("どこ？", "ここ。")),
        ({"question": "Where?", "answer": {"at": "ここ", "n": 1}}, asked("Where?", '{"at": "ここ", "n": 1}')),
        ({"question": "Where?", "answer": ["a", "b"]}, asked("Where?", '["a", "b"]')),
        ({"question": "a", "answer": "b", "group": "g", "refuses": True}, asked("a", "b", group="g", refuses=True)),
        ({"question": "a", "answer": "b", "group": 12, "refuses": "no"}, asked("a", "b", group="12", refuses=False)),
        ({"messages": [USER, REPLY]}, HERE),
        ({"messages": [USER], "answer": "Here."}, HERE),
        ({"messages": [USER], "answer": {"at": 1}}, asked("Where?", '{"at": 1}')),
        ({"conversations": [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "Here."}]}, HERE),
        ({"chat_messages": [{"sender": "human", "text": "Where?"}, {"sender": "assistant", "text": "Here."}]}, HERE),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}, REPLY]}, HERE),
        ([USER, REPLY], HERE),
        ({"question": "Wo?\r\nWo?", "answer": "Hier."}, asked("Wo?\nWo?", "Hier.")),
    ],
)  # fmt: skip
def test_every_usual_shape(write: Write, row: Any, example: Example) -> None:
    for content in (lines(row), lines(row, row), json.dumps([row, row], indent=1), json.dumps(row, indent=1)):
        read_ = read(write(content))
        assert set(read_.examples) == {example}
        assert read_.faults == ()


def test_rows_of_a_specialists_own_data_come_back_as_they_are(write: Write) -> None:
    kept = [
        Example((Message("system", "s"), Message("user", "a"), Message("assistant", "b"), Message("user", "c")), "d"),
        asked("Where?", "Here.", group="g", refuses=False),
    ]  # fmt: skip
    assert read(write(lines(*(e.as_json() for e in kept)))).examples == tuple(kept)


def test_what_was_said_before_and_the_system_go_in_front(write: Write) -> None:
    row = {"question": "And then?", "answer": "Home.", "system": "Be kind.", "history": [["Where?", "Here."]]}
    (one,) = read(write(lines(row))).examples
    assert [(m.role, m.content) for m in one.messages] == [
        ("system", "Be kind."), ("user", "Where?"), ("assistant", "Here."), ("user", "And then?"),
    ]  # fmt: skip
    assert read(write(lines({**row, "history": [USER, REPLY]}))).examples == (one,)


def test_names_may_be_given_where_they_are_others(write: Write) -> None:
    row = {"text": "お寒うございます。", "level": 1, "label": "x"}
    assert read(write(lines(row)), answer="level").examples == (asked("お寒うございます。", "1"),)
    table = "sentence,level\nお寒うございます。,1\n"
    assert read(write(table), question="Sentence", answer="level").examples == (asked("お寒うございます。", "1"),)


def test_each_reply_of_a_conversation_is_an_example_of_one_group(write: Write) -> None:
    said = [
        {"role": "system", "content": "Be kind."},
        USER,
        REPLY,
        {"role": "user", "content": "When?"},
        {**REPLY, "content": "Now."},
    ]
    first, second = read(write(lines({"messages": said}))).examples
    assert (first.question, first.answer, len(first.messages)) == ("Where?", "Here.", 2)
    assert (second.question, second.answer, len(second.messages)) == ("When?", "Now.", 4)
    assert first.group == second.group != ""
    longer = [*said, {"role": "user", "content": "Who?"}, {**REPLY, "content": "I."}]
    assert read(write(lines({"messages": longer}))).examples[0].group == first.group, "it may grow"
    assert {e.group for e in read(write(lines({"messages": said, "group": "g"}))).examples} == {"g"}


def test_a_long_conversation_keeps_only_the_last_of_its_history(write: Write) -> None:
    said = [{"role": "system", "content": "Be kind."}]
    for i in range(60):
        said += [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}]
    found = read(write(lines({"messages": said}))).examples
    assert len(found) == 60
    assert max(len(e.messages) for e in found) <= 22
    assert {(e.messages[0].role, e.messages[1].role, e.messages[-1].role) for e in found} == {
        ("system", "user", "user")
    }


def test_what_cannot_be_learned_from_text_alone_is_left_out_and_counted(write: Write) -> None:
    tool = {"role": "tool", "content": "17 °C"}
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]}
    picture = {
        "role": "user",
        "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}],
    }
    again = [{"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Please."}]
    found = read(write(lines({"messages": [USER, call, tool, REPLY, *again]}, {"messages": [picture, REPLY, *again]})))
    assert [(e.question, e.answer) for e in found.examples] == [("Thanks", "Please.")]
    assert found.left_out == {"not_in_text": 3}
    weighed = lines({"messages": [USER, {**REPLY, "weight": 0}, *again]})
    assert [e.question for e in read(write(weighed)).examples] == ["Thanks"]


def node(id: str, parent: str | None, role: str, text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, **more}
    return id, {"id": id, "parent": parent, "children": [], "message": message}


def export(*nodes: tuple[str, dict[str, Any]], current: str | None = None) -> dict[str, Any]:
    return {"title": "t", "conversation_id": "c1", "mapping": dict(nodes), "current_node": current}


def test_a_chat_export_is_followed_along_the_branch_that_was_shown_last(write: Write) -> None:
    root = ("r", {"id": "r", "parent": None, "children": ["1"], "message": None})
    whole = export(
        root, node("1", "r", "system", "hid"), node("2", "1", "user", "Where?"), node("3", "2", "assistant", "There."),
        node("4", "2", "assistant", "Here."), node("5", "4", "user", "When?"),
        node("6", "5", "assistant", "search()", recipient="browser"), node("7", "6", "tool", "found"),
        node("8", "7", "assistant", "Now."), current="8",
    )  # fmt: skip
    found = read(write(json.dumps([whole, export(root, node("9", "r", "user", "Hello?"), current="9")])))
    assert found.examples == (Example((Message("user", "Where?"),), "Here.", "conversation:c1"),)
    assert found.left_out == {"not_in_text": 1, "unanswered": 1}


def test_a_chat_export_that_goes_in_circles_ends(write: Write) -> None:
    circle = export(node("a", "b", "user", "Where?"), node("b", "a", "assistant", "Here."), current="b")
    assert read(write(json.dumps([circle]))).examples == (
        Example((Message("user", "Where?"),), "Here.", "conversation:c1"),
    )


def test_a_plain_list_of_messages_is_one_conversation(write: Write) -> None:
    said = [USER, REPLY, {"role": "user", "content": "When?"}, {"role": "assistant", "content": "Now."}]
    for content in (json.dumps(said), json.dumps(said, indent=2)):
        assert [e.answer for e in read(write(content)).examples] == ["Here.", "Now."]
    with pytest.raises(SpecialistError, match=r"line \d+: the JSON is broken"):
        read(write(json.dumps(said, indent=2)[:-20]))


UP = Feedback(
    thread="th", turn="t1", question="Where?", standalone="Where?", answer="Here [1]. And there [2].", refused=False,
    route="library", language="en", model="m", time=0.0, verdict="up",
)  # fmt: skip
DOWN = replace(UP, verdict="down", history=(("Where?", "Here."),))
GIVEN = (UP, replace(DOWN, corrected="Here."), DOWN, replace(UP, refused=True))


def test_thumbs_are_taken_with_the_answer_or_its_correction(write: Write) -> None:
    found = read(write(as_jsonl(GIVEN)))
    up, corrected = found.examples
    assert (up.question, up.answer, up.refuses) == ("Where?", "Here. And there.", None)
    assert (corrected.answer, len(corrected.messages)) == ("Here.", 3)
    assert up.group == corrected.group == "conversation:th"
    assert found.left_out == {"thumb_down": 1, "refused": 1}
    assert found.faults == ()


def test_the_table_of_feedback_is_read_too_but_for_its_history(write: Write) -> None:
    found = read(write(as_csv([*GIVEN, replace(UP, question="=1+1?", answer="-2 [1]")])))
    assert [(e.question, e.answer) for e in found.examples] == [
        ("Where?", "Here. And there."), ("Where?", "Here."), ("=1+1?", "-2"),
    ]  # fmt: skip
    assert found.left_out == {"thumb_down": 1, "refused": 1}


def table(rows: list[list[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_tables_of_any_delimiter_and_encoding(write: Write, delimiter: str, encoding: str) -> None:
    rows = [
        ["question", "answer", "group"],
        ["これは何ですか、教えて;ください", 'a "b"\n2行目です,はい', "g"],
        ["どこですか", "こちらです", ""],
    ]
    found = read(write(table(rows, delimiter).encode(encoding)))
    assert found.examples == (asked(rows[1][0], rows[1][1], group="g"), asked("どこですか", "こちらです"))
    assert found.lines == (2, 4)


def test_a_quotation_mark_that_is_not_closed_spoils_its_own_line_only(write: Write) -> None:
    found = read(write('question,answer\na,"b\nc,d\ne,"f, g"\nh,i"j\nk,"l"m\nn,o,p\n"q,r\ns,t\n'))
    assert [(e.question, e.answer) for e in found.examples] == [("c", "d"), ("e", "f, g"), ("h", 'i"j'), ("s", "t")]
    assert [(f.line, f.code) for f in found.faults] == [(2, "quotes"), (6, "quotes"), (7, "columns"), (8, "quotes")]


def test_quotation_marks_without_end_are_given_up_in_time(write: Write) -> None:
    with pytest.raises(SpecialistError, match="do not pair up"):
        read(write("question,answer\n" + 'a","b\n' * 100_000))
