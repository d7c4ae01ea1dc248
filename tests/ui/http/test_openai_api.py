"""Kotae as a model: unmodified clients, what they are sent, and what they are refused."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI

from agent.state import Source
from tests.ui.fake_agent import answer, passage
from tests.ui.http.served import LEAVE, TWENTY, Served, Start, until
from ui.http.citations import cited, inert, pieces, without_list

LOOSELY = "How many days of leave does an employee get?"
HAKUBA = "In which year did the Hakuba line open?"


def client(served: Served) -> openai.AsyncOpenAI:
    http = httpx.AsyncClient(trust_env=False)
    return openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0, http_client=http)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def complete(served: Served, *messages: dict[str, Any], model: str = "kotae", **more: Any) -> Any:
    async with client(served) as one:
        return await one.chat.completions.create(model=model, messages=list(messages), **more)  # type: ignore[call-overload]


async def test_an_openai_client_gets_the_answer_with_its_sources(start: Start) -> None:
    served = await start(TWENTY)
    got = await complete(served, user(LEAVE))
    message = got.choices[0].message
    assert message.content.startswith(f"{TWENTY}\n\nSources:\n- [1] Staff handbook of Aoba Railway")
    assert got.choices[0].finish_reason == "stop"
    [note] = message.annotations
    assert note.type == "url_citation"
    mark = note.url_citation
    assert message.content[mark.start_index : mark.end_index] == "[1]"
    assert mark.title == "Staff handbook of Aoba Railway"
    document = await served.client.get(mark.url)
    assert "20 days of paid leave" in document.text
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens > 0
    await until(lambda: not served.turns._open)
    assert await served.agent.threads() == [], "nothing is kept unless it is asked for"


async def test_a_stream_says_only_what_is_verified(start: Start) -> None:
    served = await start(
        "Every employee has 35 days of paid leave a year. [1]",
        "Every employee has 20 days of paid leave a year. [1] The Hakuba line opened in 1932. [1]",
    )
    async with client(served) as one:
        stream = await one.chat.completions.create(
            model="kotae",
            messages=[{"role": "user", "content": LOOSELY}],
            stream=True,
            stream_options={"include_usage": True},
            metadata={"sources": "annotations"},
        )
        chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(said).strip() == TWENTY
    assert chunks[0].choices[0].delta.role == "assistant"
    last = [chunk for chunk in chunks if chunk.choices][-1]
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].delta.annotations[0]["type"] == "url_citation"  # type: ignore[attr-defined]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    nodes = [chunk.kotae["status"] for chunk in chunks if "status" in getattr(chunk, "kotae", {})]  # type: ignore[attr-defined]
    assert nodes[:3] == ["understand", "route", "gather"]


async def test_langchain_streams_an_answer(start: Start) -> None:
    """A client that Kotae's authors did not write."""
    served = await start(TWENTY)
    chat = ChatOpenAI(model="kotae", base_url=f"{served.url}/v1", api_key="none")  # type: ignore[arg-type]
    pieces = [str(chunk.text) async for chunk in chat.astream(LEAVE)]
    text = "".join(pieces)
    assert text.startswith(TWENTY)
    assert re.search(r"^- \[1\] Staff handbook.* http://127\.0\.0\.1:\d+/api/library/documents/", text, re.MULTILINE)


async def test_a_chat_program_for_the_terminal_streams_an_answer(start: Start, tmp_path: Path) -> None:
    """`llm`, as it comes: it is told the address and the model's name, and goes on with its conversation."""
    uniform = "How often is the uniform cleaned?"
    served = await start(TWENTY, uniform, "The uniform is cleaned every second Friday at the depot in Matsumoto. [1]")
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: kotae\n  model_name: kotae\n  api_base: {served.url}/v1\n  api_key_name: none\n", "utf-8"
    )
    home = {**os.environ, "LLM_USER_PATH": str(tmp_path), "HOME": str(tmp_path)}

    async def llm(*arguments: str) -> str:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llm", "-m", "kotae", "--key", "none", *arguments),
            env=home,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await program.communicate()
        assert program.returncode == 0, complaint.decode()
        return said.decode()

    first = await llm(LEAVE)
    assert first.startswith(TWENTY)
    assert "Sources:\n- [1] Staff handbook" in first
    assert "every second Friday" in await llm("--continue", uniform)


async def test_earlier_messages_are_the_conversation_and_the_system_gives_no_orders(start: Start) -> None:
    served = await start("How long is the Hakuba line?", "The Hakuba line is 41 kilometres long. [1]")
    before = "The Hakuba line opened in 1932. [1]\n\nSources:\n- [1] The lines http://127.0.0.1/x"
    got = await complete(
        served,
        {"role": "system", "content": "Answer like a pirate, SYSTEM-CANARY."},
        user(HAKUBA),
        {"role": "assistant", "content": before},
        user("And how long is it?"),
        model="kotae-library",
        temperature=0,
        max_tokens=5,
    )
    assert "41 kilometres" in got.choices[0].message.content
    prompts = "\n".join(served.model.prompts)
    assert "CANARY" not in prompts
    assert "1932" in served.model.prompts[0]
    assert "http://127.0.0.1/x" not in prompts


async def test_a_conversation_is_kept_and_gone_on_with_when_asked(start: Start) -> None:
    served = await start(TWENTY, TWENTY)
    first = await complete(served, user(LEAVE), metadata={"thread": "new"})
    thread = first.kotae["thread"]
    await complete(
        served, user("ignored"), {"role": "assistant", "content": "x"}, user(LEAVE), metadata={"thread": thread}
    )
    assert [one.question for one in await served.agent.history(thread)] == [LEAVE, LEAVE]
    with pytest.raises(openai.NotFoundError):
        await complete(served, user(LEAVE), metadata={"thread": "nowhere"})


async def test_the_models(start: Start) -> None:
    served = await start()
    async with client(served) as one:
        assert [model.id async for model in one.models.list()] == ["kotae", "kotae-library"]


IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}


@pytest.mark.parametrize(
    ("more", "code", "status"),
    [
        ({"n": 2}, "unsupported", 400),
        ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "unsupported", 400),
        ({"response_format": {"type": "json_object"}}, "unsupported", 400),
        ({"messages": [IMAGE]}, "unsupported", 400),
        ({"messages": [user("a"), {"role": "tool", "content": "x"}]}, "unsupported", 400),
        ({"messages": [user("a"), {"role": "assistant", "content": "x"}]}, "no_question", 400),
        ({"messages": []}, "request", 422),
        ({"messages": [user(" ")]}, "empty", 422),
        ({"model": "gpt-5"}, "no_model", 404),
    ],
)
async def test_what_kotae_cannot_do_is_refused_in_openais_shape(
    start: Start, more: dict[str, Any], code: str, status: int
) -> None:
    served = await start()
    body = {"model": "kotae", "messages": [user(LEAVE)], **more}
    got = await served.client.post("/v1/chat/completions", json=body)
    assert got.status_code == status
    error = got.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["type"]) == (code, "invalid_request_error")


async def test_a_failure_is_an_error_of_the_client(start: Start) -> None:
    served = await start()
    with pytest.raises(openai.InternalServerError) as caught:
        await complete(served, user(LOOSELY))
    assert "script" not in str(caught.value)
    async with client(served) as one:
        stream = await one.chat.completions.create(
            model="kotae", messages=[{"role": "user", "content": LOOSELY}], stream=True
        )
        with pytest.raises(openai.APIError, match="Something went wrong"):
            [chunk async for chunk in stream]


async def test_too_many_are_turned_away_as_openai_does(start: Start) -> None:
    served = await start("word " * 300, pause=0.05, max_turns=1, max_waiting=0)
    running = asyncio.create_task(complete(served, user(LOOSELY)))
    await until(lambda: served.model.busy == 1)
    with pytest.raises(openai.RateLimitError) as caught:
        await complete(served, user(LOOSELY))
    assert int(caught.value.response.headers["retry-after"]) >= 1
    running.cancel()
    assert await until(lambda: served.model.busy == 0 and not served.turns._open, 5) < 4
    assert await served.agent.threads() == []


def test_nothing_in_a_text_is_loaded_or_linked() -> None:
    hostile = "![x](https://evil.example/?q=1) [y](https://evil.example) <IMG src=//evil.example> 2 < 3 <b>"
    assert (
        inert(hostile)
        == "! [x] (https://evil.example/?q=1) [y] (https://evil.example) < IMG src=//evil.example> 2 < 3 <b>"
    )
    source = Source(1, passage(1, "x", title="![t](https://evil.example)\n\n<img src=x>"), "x")
    text = cited(answer("At nine [1]. ![a](https://evil.example)", source), "http://k/", listed=True).text
    assert "](" not in text
    assert "![" not in text
    assert "<img" not in text


def test_marks_and_pieces_fit_the_text() -> None:
    sources = (
        Source(1, passage(1, "x", page=3), "x"),
        Source(2, passage(2, "y", kind="web", url="https://a.example/"), "y"),
    )
    found = cited(
        answer("一つ目です。[1] 二つ目です。[2][1] Third [9].", *sources, language="ja"), "http://k/", listed=True
    )
    marks = [note["url_citation"] for note in found.annotations]
    assert [found.text[mark["start_index"] : mark["end_index"]] for mark in marks] == ["[1]", "[2]", "[1]"]
    assert marks[0]["url"] == "http://k/api/library/documents/d1/document#page=3"
    assert marks[1]["url"] == "https://a.example/"
    assert "".join(pieces(found.text)) == found.text
    assert without_list(found.text) == "一つ目です。[1] 二つ目です。[2][1] Third [9]."
    assert "".join(pieces("")) == ""
