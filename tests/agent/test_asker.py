"""Who asks decides what is there: conversations, documents, the web, specialists, and whether the router listens."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent import Agent, Asker, FeedbackError, Settings, ThreadError
from agent.asker import OWNER
from agent.models.scripted import ScriptedChatModel
from tools.library import E5, Library, Scope

LEAVE = "How many days of paid leave does an employee have?"
SAID = "Every employee has 20 days of paid leave a year. [1]"
ANNA, BEN = Asker("anna", None), Asker("ben", None)


async def test_conversations_of_one_are_not_there_for_another(indexed: Settings) -> None:
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[SAID])) as agent:
        anna, ben = agent.acting_for(ANNA), agent.acting_for(BEN)
        thread = anna.new_thread()
        await anna.ask(LEAVE, thread)
        [exchange] = await anna.history(thread)
        for other in (ben, agent):
            assert await other.threads() == []
            assert await other.history(thread) == []
            assert await other.feedback() == []
            with pytest.raises(ThreadError):
                await other.ask("And who approves it?", thread)
            with pytest.raises(ThreadError):
                await other.begin(thread, [("user", "Hello")])
            with pytest.raises(ThreadError):
                await other.rename(thread, "Mine")
            with pytest.raises(ThreadError):
                await other.set_web(thread, "off")
            with pytest.raises(ThreadError):
                await other.rewind(thread, 0)
            with pytest.raises(ThreadError):
                await other.delete(thread)
            with pytest.raises(FeedbackError):
                await other.give_feedback(thread, exchange.turn, "up")
            with pytest.raises(FeedbackError):
                await other.take_back_feedback(thread, exchange.turn)
        [kept] = await anna.threads()
        assert kept.title == LEAVE
        assert await anna.history(thread) == [exchange]


async def test_feedback_of_all_reaches_the_owner_and_that_of_others_nobody(indexed: Settings) -> None:
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[SAID])) as agent:
        anna = agent.acting_for(ANNA)
        thread = anna.new_thread()
        await anna.ask(LEAVE, thread)
        [exchange] = await anna.history(thread)
        await anna.give_feedback(thread, exchange.turn, "down", ["wrong_route"], route="web")
        assert len(await anna.feedback()) == len(await agent.feedback()) == 1
        assert await agent.acting_for(BEN).feedback() == []


async def test_the_router_follows_only_who_teaches(indexed: Settings) -> None:
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[SAID, SAID])) as agent:
        for asker, followed in ((ANNA, False), (replace(BEN, teaches=True), True)):
            other = agent.acting_for(asker)
            thread = other.new_thread()
            await other.ask(LEAVE, thread)
            [exchange] = await other.history(thread)
            await other.give_feedback(thread, exchange.turn, "down", ["wrong_route"], route="web")
            assert ((await agent.route(LEAVE)).why == "correction") is followed
            await other.take_back_feedback(thread, exchange.turn)
            assert (await agent.route(LEAVE)).why != "correction"


async def test_answers_come_from_what_the_asker_may_read(settings: Settings, documents: Path, embedder: E5) -> None:
    library = Library.open(settings.data_dir / "library", embedder)
    library.index([documents / "handbook.md"], collection="private")
    library.index([documents / "lines.md"], collection="public")
    library.close()
    async with Agent.open(settings, model=ScriptedChatModel(lines=["no"] * 9)) as agent:
        visitor = agent.acting_for(Asker("visitor", frozenset({"public"})))
        nobody = agent.acting_for(Asker("nobody"))
        assert visitor.scope == Scope.of("public")
        assert nobody.scope == Scope.of()
        for one in (visitor, nobody):
            answer = await one.ask("How often is the uniform of Aoba Railway cleaned?")
            assert answer.refused
            assert all("handbook" not in source.passage.url for source in answer.sources)
        assert (await nobody.ask(LEAVE)).sources == ()
    narrow = settings.model_copy(update={"collections": ("public",)})
    async with Agent.open(narrow, model=ScriptedChatModel(lines=[])) as agent:
        assert agent.acting_for(Asker("both", frozenset({"public", "private"}))).scope == Scope.of("public")
        assert agent.acting_for(ANNA).scope == Scope.of("public")


async def test_the_web_is_for_the_owner_and_for_whom_it_is_opened(indexed: Settings) -> None:
    async with Agent.open(indexed.model_copy(update={"web": "on"}), model=ScriptedChatModel(lines=[])) as agent:
        assert await agent.web() == "on"
        assert await agent.acting_for(ANNA).web() == "off"
        assert await agent.acting_for(replace(ANNA, web="ask")).web() == "ask"
    async with Agent.open(indexed.model_copy(update={"web": "ask"}), model=ScriptedChatModel(lines=[])) as agent:
        assert await agent.acting_for(replace(ANNA, web="on")).web() == "ask"


async def test_what_others_tell_about_themselves_is_not_kept(indexed: Settings) -> None:
    told = "I work in the Kyoto office. " + LEAVE
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[SAID] * 4)) as agent:
        agent.about.switch(True)
        await agent.acting_for(ANNA).ask(told)
        assert agent.about.facts() == ()
        await agent.ask(told)
        assert agent.about.facts() != ()


async def test_conversations_of_an_earlier_version_are_the_owners(indexed: Settings) -> None:
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[SAID])) as agent:
        await agent.ask(LEAVE, "kept")
    with sqlite3.connect(indexed.data_dir / "threads.db") as db:
        db.execute("DROP INDEX threads_of")
        db.execute("ALTER TABLE threads DROP COLUMN asker")
    db.close()
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[])) as agent:
        assert [thread.id for thread in await agent.threads()] == ["kept"]
        assert len(await agent.history("kept")) == 1
        assert agent.asker == OWNER
