"""An MCP server with two tools: `ask` answers a question with sources, `search` shows passages.

What it returns is text that an assistant reads as a source; it changes nothing but the conversation it was asked in.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError as Told
from pydantic import BaseModel, Field

from agent.events import Done, Status
from ui import strings
from ui.faults import where
from ui.http.problems import Problem, told
from ui.http.reads import Found, found, within
from ui.render import supported_text

if TYPE_CHECKING:
    from agent import Agent, Answer, Settings

log = logging.getLogger(__name__)

Collection = Annotated[str, Field(description="Only this collection.", max_length=200)]


class Cited(BaseModel):
    """A numbered source of an answer, and the words that the answer rests on."""

    n: int
    title: str
    url: str
    page: int | None
    quote: str


class Reply(BaseModel):
    """A verified answer. Where Kotae does not know, `refused` is true and `sources` are the nearest passages."""

    answer: str
    refused: bool
    sources: list[Cited]
    thread: str


async def serve_stdio(settings: Settings) -> None:
    """Serve on standard input and output until the input ends."""
    from agent import Agent

    async with Agent.open(settings) as agent:
        await server(agent).run_stdio_async()


def server(agent: Agent) -> MCPServer:
    """The server around an open agent."""
    kotae = MCPServer("kotae", instructions="Answers from the documents of this machine's owner, with sources.")

    @kotae.tool()
    async def ask(
        question: Annotated[str, Field(description="A whole question, in English or Japanese.")],
        context: Context,
        thread: Annotated[str, Field(description="The conversation to go on with.", max_length=100)] = "",
    ) -> Reply:
        """Answer a question from the user's own documents, each sentence checked against its source."""
        try:
            if thread and not any(one.id == thread for one in await agent.threads()):
                raise Problem("thread")
            return await _answered(agent, question, thread or agent.new_thread(), context)
        except Exception as error:
            raise _in_words(error, agent.settings) from None

    @kotae.tool()
    async def search(
        query: Annotated[str, Field(description="What to look for.")],
        k: Annotated[int, Field(ge=1, le=50, description="How many passages.")] = 8,
        collection: Collection = "",
    ) -> Found:
        """Find the passages of the user's documents that are nearest to a query, without answering it."""
        try:
            wanted = agent.settings.checked(query)
            return await asyncio.to_thread(found, agent.library, wanted, k, within(agent.scope, collection))
        except Exception as error:
            raise _in_words(error, agent.settings) from None

    return kotae


async def _answered(agent: Agent, question: str, thread: str, context: Context) -> Reply:
    steps = 0
    answer: Answer | None = None
    async with aclosing(agent.stream(question, thread)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, Done):
                answer = event.answer
            elif isinstance(event, Status) and event.seconds is None:
                steps += 1
                await context.report_progress(steps, message=event.node)
    assert answer is not None
    sources = [
        Cited(n=s.n, title=s.passage.title, url=s.passage.url, page=s.passage.page, quote=s.quote)
        for s in answer.sources
    ]
    choices = [f"{n}. {choice}" for n, choice in enumerate(answer.choices, 1)]
    text = "\n".join([supported_text(answer)[0], *choices])
    return Reply(answer=text, refused=answer.refused, sources=sources, thread=thread)


def _in_words(error: Exception, settings: Settings) -> Told:
    """What the assistant is told of an error; the text of an exception is not."""
    log.warning("A tool failed: %s", where(error))
    return Told(told(error, strings.load("en"), limit=settings.max_question_chars).message)
