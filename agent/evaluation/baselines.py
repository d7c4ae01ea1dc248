"""What Kotae is measured against, on the same model and the same library.

`plain`: retrieve, then one call. `adaptive`: the flow that Adaptive-RAG, CRAG and Self-RAG have become in graphs that
are published as examples (Jeong et al. 2024, arXiv 2403.14403; Yan et al. 2024, arXiv 2401.15884; Asai et al. 2023,
arXiv 2310.11511): route, grade each passage, generate, grade for hallucination, grade for usefulness, rewrite and begin
again. Each step is a call of its own with a prompt of its own, as there.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent import facts
from agent.agent import Agent
from agent.context import Context
from agent.evaluation.bench import Reply
from agent.evaluation.tasks import Said
from agent.models.chat import Meter
from agent.nodes.understand import detect
from agent.prompts import fill
from agent.state import Language
from agent.verify import refuses
from tools.base import Passage, ToolError
from tools.sentences import split

Baseline = Callable[[Agent, str, Sequence[Said]], Awaitable[Reply]]

_ROUNDS = 3
"""How often the adaptive flow may rewrite or generate again; the published ones have no bound but the graph's own."""


async def plain(agent: Agent, question: str, history: Sequence[Said] = ()) -> Reply:
    """Retrieve with the last question, then one call that is told to say so if the passages do not hold the answer."""
    run = _Run(agent.context, question, history)
    passages = await run.retrieve(question)
    text = await run.write("generate", run.context.limits.answer_tokens, sources=_listed(passages), question=question)
    return run.reply(text, passages, ("retrieve", "generate"))


async def adaptive(agent: Agent, question: str, history: Sequence[Said] = ()) -> Reply:
    """Route, retrieve, grade, generate, grade twice, rewrite: until all grades say yes or the rounds are over."""
    run = _Run(agent.context, question, history)
    path = ["route"]
    if (await run.write("route", 4, question=question)).lower().startswith("direct"):
        path.append("generate")
        return run.reply(await run.write("direct", run.context.limits.answer_tokens, question=question), [], path)
    asked = question
    for _ in range(_ROUNDS):
        passages = await run.retrieve(asked)
        path.append("retrieve")
        path += ["grade"] * len(passages)
        kept = [p for p in passages if await run.yes("grade", passage=p.text, question=asked)]
        if kept:
            path.append("generate")
            sources = _listed(kept)
            text = await run.write("generate", run.context.limits.answer_tokens, sources=sources, question=asked)
            path.append("grounded?")
            if await run.yes("grounded", sources=sources, answer=text):
                path.append("useful?")
                if await run.yes("useful", question=question, answer=text):
                    return run.reply(text, kept, path)
        path.append("rewrite")
        asked = (await run.write("rewrite", 80, question=asked)).strip() or asked
    return run.reply("", [], path)


class _Run:
    """The calls of one question, and what they cost."""

    def __init__(self, context: Context, question: str, history: Sequence[Said]) -> None:
        self.context = context
        self.language: Language = detect(question, [])
        self._meter = Meter()
        self._began = time.time()
        self._before: list[BaseMessage] = [
            AIMessage(said.text) if said.role == "assistant" else HumanMessage(said.text) for said in history[-6:]
        ]

    async def retrieve(self, question: str) -> list[Passage]:
        try:
            return list(await self.context.tools["library"].gather(question, k=self.context.limits.passages))
        except ToolError:
            return []

    async def write(self, prompt: str, max_tokens: int, **values: str) -> str:
        return await self.context.model.write(self._messages(prompt, values), max_tokens=max_tokens, meter=self._meter)

    async def yes(self, prompt: str, **values: str) -> bool:
        return await self.context.model.yes(self._messages(prompt, values), meter=self._meter) >= 0.5

    def _messages(self, prompt: str, values: dict[str, str]) -> list[BaseMessage]:
        system = SystemMessage(fill(self.language, "baselines/system"))
        return [system, *self._before, HumanMessage(fill(self.language, f"baselines/{prompt}", **values))]

    def reply(self, text: str, passages: Sequence[Passage], path: Sequence[str]) -> Reply:
        sentences = split(text)
        refused = not text.strip() or any(refuses(sentence) for sentence in sentences)
        cited = [n for n in facts.citations(text) if 0 < n <= len(passages)]
        return Reply(
            text=text,
            refused=refused,
            cites=() if refused else tuple(dict.fromkeys(passages[n - 1].url for n in cited)),
            sentences=0 if refused else len(sentences),
            route="library" if passages else "direct",
            standalone="",
            steps=tuple(path),
            seconds=time.time() - self._began,
            calls=self._meter.usage.calls,
            prompt=self._meter.usage.prompt,
        )


def _listed(passages: Sequence[Passage]) -> str:
    return "\n\n".join(f"[{n}] {p.title}\n{p.text}" for n, p in enumerate(passages, 1))
