"""Whole turns through the real graph, the real library and the real checkpointer; only the model is scripted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent import Agent, Done, Draft, QuestionError, Settings, Sources, Status, ThreadError, Token
from agent.models.scripted import ScriptedChatModel, ScriptExhausted
from tests.agent.killed_turn import kill_behind
from tools.library import E5, Library, Scope

LEAVE = "How many days of paid leave does an employee have?"
LOOSELY = "How many days of leave does an employee get?"
"""The same in words that leave the judge a doubt, so that the nearest sentence is not quoted at once."""


def scripted(*lines: str) -> ScriptedChatModel:
    return ScriptedChatModel(lines=list(lines))


async def test_a_lookup_is_answered_with_its_source(indexed: Settings) -> None:
    model = scripted("Every employee has 20 days of paid leave a year. [1]")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LEAVE)
    assert model.leftover == []
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert answer.route == "library"
    assert not answer.refused
    [source] = answer.sources
    assert source.passage.title == "Staff handbook of Aoba Railway"
    assert source.passage.heading[0] == "Staff handbook of Aoba Railway"
    assert source.quote == "Every employee has 20 days of paid leave a year."
    assert answer.usage.calls == 1
    assert [step.node for step in answer.steps] == ["understand", "route", "gather", "judge", "answer", "reflect"]


async def test_the_chat_reads_the_named_collections_only(settings: Settings, documents: Path, embedder: E5) -> None:
    """Not one part of a turn knows the rest: search, titles, words that nobody mentions, the router's look."""
    library = Library.open(settings.data_dir / "library", embedder)
    library.index([documents / "handbook.md"], collection="private")
    library.index([documents / "lines.md", documents / "ryokan.md"], collection="public")
    library.close()
    settings = settings.model_copy(update={"collections": ("public",)})
    model = ScriptedChatModel(lines=["no"] * 9)
    async with Agent.open(settings, model=model) as agent:
        assert agent.scope == Scope.of("public")
        context = agent.context
        assert len(context.titles()) == 2
        assert context.unmentioned(["uniform", "tunnel"]) == ["uniform"]
        found = await context.tools["library"].gather("How often is the uniform cleaned?", k=20)
        assert found
        assert all("handbook" not in passage.url for passage in found)
        answer = await agent.ask("How often is the uniform of Aoba Railway cleaned?")
    assert answer.refused
    assert all("handbook" not in source.passage.url for source in answer.sources)


async def test_a_question_that_stands_alone_costs_no_call_to_understand(indexed: Settings) -> None:
    model = scripted("Every employee has 20 days. [1]", "The Hakuba line opened in 1932. [1]")
    async with Agent.open(indexed, model=model) as agent:
        thread = agent.new_thread()
        await agent.ask(LEAVE, thread)
        answer = await agent.ask("In which year did the Hakuba line open?", thread)
    assert answer.standalone == "In which year did the Hakuba line open?"
    assert model.leftover == []


async def test_a_follow_up_becomes_a_question_that_stands_alone(indexed: Settings) -> None:
    model = scripted(
        "The Hakuba line opened in 1932. [1]",
        "How long is the Hakuba line?",
        "The Hakuba line is 41 kilometres long. [1]",
    )
    async with Agent.open(indexed, model=model) as agent:
        thread = agent.new_thread()
        await agent.ask("In which year did the Hakuba line open?", thread)
        answer = await agent.ask("And how long is it?", thread)
    assert answer.standalone == "How long is the Hakuba line?"
    assert "41 kilometres" in answer.text
    assert model.leftover == []


async def test_an_unsupported_sentence_is_revised_once(indexed: Settings) -> None:
    model = scripted(
        "Every employee has 35 days of paid leave a year. [1]",
        "Every employee has 20 days of paid leave a year. [1]",
    )
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LOOSELY)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert "35" not in answer.text
    assert "number" in model.prompts[1] or "35" in model.prompts[1]
    assert model.leftover == []


async def test_what_stays_unsupported_is_dropped(indexed: Settings) -> None:
    model = scripted(
        "Every employee has 20 days of paid leave a year. [1] The bonus is 900 euros. [1]",
        "The bonus is 800 euros. [1]",
    )
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LEAVE)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert "some_removed" in answer.notices
    assert [s.supported for s in answer.sentences] == [True, False]


async def test_a_heading_of_the_source_is_no_answer(indexed: Settings) -> None:
    model = scripted("## Paid leave [1]\n\nEvery employee has 20 days of paid leave a year. [1]")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LEAVE)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert "some_removed" not in answer.notices
    assert model.leftover == []


async def test_where_the_draft_fails_twice_the_passage_is_quoted(indexed: Settings) -> None:
    model = scripted("The bonus is 900 euros. [1]", "Employees have 35 days of paid leave. [1]")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LOOSELY)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert "some_removed" not in answer.notices, "what was quoted stands in for all that was drafted"
    assert [step.facts["draft"] for step in answer.steps if step.node == "answer"] == [1, 2, 3]
    assert model.leftover == []


async def test_a_yes_that_the_source_denies_is_answered_in_the_sources_words(
    settings: Settings, tmp_path: Path, embedder: E5
) -> None:
    said = "The programme never sends usage statistics to anybody."
    (tmp_path / "privacy.md").write_text(f"# Privacy\n\n{said}\n", "utf-8")
    library = Library.open(settings.data_dir / "library", embedder)
    library.index([tmp_path / "privacy.md"])
    library.close()
    wrong = "Yes, the programme sends usage statistics. [1]"
    model = scripted(wrong)
    async with Agent.open(settings, model=model) as agent:
        answer = await agent.ask("Does the programme send usage statistics?")
    assert answer.text == f"{said} [1]"
    assert model.leftover == []


async def test_several_unsupported_sentences_cost_one_call_to_revise(indexed: Settings) -> None:
    model = scripted(
        "Every employee has 35 days of paid leave. [1] The bonus is 900 euros. [1]",
        "Every employee has 20 days of paid leave a year. [1]",
    )
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LOOSELY)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    assert "35" in model.prompts[1]
    assert "900" in model.prompts[1]
    assert model.leftover == []


async def test_an_answer_does_not_say_the_same_twice(indexed: Settings) -> None:
    same = "Every employee has 20 days of paid leave a year. [1]"
    async with Agent.open(indexed, model=scripted(f"{same} {same}")) as agent:
        answer = await agent.ask(LEAVE)
    assert answer.text == same
    assert answer.notices == ()


async def test_one_item_of_a_list_is_answered_as_a_sentence(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted("- Every employee has 20 days of paid leave a year. [1]")) as agent:
        answer = await agent.ask(LEAVE)
    assert answer.text == "Every employee has 20 days of paid leave a year. [1]"
    two = "- Every employee has 20 days of paid leave a year. [1]\n- Unused days may be carried over for two years. [1]"
    async with Agent.open(indexed, model=scripted(two)) as agent:
        answer = await agent.ask(f"{LEAVE} Answer as a list.")
    assert answer.text.startswith("- Every")


async def test_when_the_draft_refuses_it_does_not_know_and_shows_the_nearest(indexed: Settings) -> None:
    model = scripted("The bonus is 900 euros. [1]", "The sources do not say.")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask(LOOSELY)
    assert answer.refused
    assert "900" not in answer.text
    assert answer.sources
    assert model.leftover == []


async def test_passages_that_do_not_answer_end_in_a_refusal(indexed: Settings) -> None:
    model = scripted("no")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask("What does a season ticket for the Azumi line cost?")
    assert answer.refused
    assert answer.route == "library"
    assert "replies" not in answer.text


async def test_japanese(indexed: Settings) -> None:
    model = scripted("はい", "チェックアウトは11時です。[1]")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask("旅館のチェックアウトは何時ですか")
    assert answer.language == "ja"
    assert answer.text == "チェックアウトは11時です。[1]"
    assert answer.sources[0].passage.title == "あおば旅館のご案内"


async def test_small_talk_looks_nothing_up(indexed: Settings) -> None:
    model = scripted("Hello! What would you like to know?")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask("Hello!")
    assert answer.route == "direct"
    assert answer.sources == ()
    assert [step.node for step in answer.steps] == ["understand", "route", "answer"]


@pytest.mark.parametrize("question", ["本種は何年生きる？", "How long does this species live?"])
async def test_what_only_the_documents_can_mean_is_looked_up(indexed: Settings, question: str) -> None:
    async with Agent.open(indexed, model=scripted("no")) as agent:
        answer = await agent.ask(question)
    assert answer.route == "library"
    assert answer.refused


async def test_the_empty_library_says_how_to_fill_it(settings: Settings) -> None:
    async with Agent.open(settings, model=scripted()) as agent:
        answer = await agent.ask(LEAVE)
    assert answer.refused
    assert "library_empty" in answer.notices
    assert "kotae index" in answer.text


async def test_web_switched_off_is_said(indexed: Settings) -> None:
    model = scripted("no")
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask("Search the web for the latest news about Kyoto.")
    assert answer.refused
    assert "web_off" in answer.notices


async def test_events_come_in_order_and_the_draft_before_the_answer(indexed: Settings) -> None:
    model = scripted("Every employee has 20 days of paid leave a year. [1]")
    async with Agent.open(indexed, model=model) as agent:
        events = [event async for event in agent.stream(LEAVE, "t")]
    kinds = [type(event) for event in events]
    assert kinds[0] is Status
    assert kinds[-1] is Done
    assert kinds.index(Draft) < kinds.index(Sources) < kinds.index(Token)
    assert "".join(e.text for e in events if isinstance(e, Token)).startswith("Every employee")
    begun = [e.node for e in events if isinstance(e, Status) and e.seconds is None]
    assert begun == ["understand", "route", "gather", "judge", "answer", "reflect", "finish"]


@pytest.mark.parametrize(("question", "reason"), [("", "empty"), (" \n", "empty"), ("x" * 4001, "too_long")])
async def test_a_question_that_cannot_be_asked_leaves_no_trace(indexed: Settings, question: str, reason: str) -> None:
    async with Agent.open(indexed, model=scripted()) as agent:
        with pytest.raises(QuestionError) as caught:
            await agent.ask(question)
        assert caught.value.reason == reason
        assert await agent.threads() == []


async def test_a_thread_goes_on_after_a_restart(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted("The Hakuba line opened in 1932. [1]")) as agent:
        thread = agent.new_thread()
        first = await agent.ask("In which year did the Hakuba line open?", thread)
    model = scripted("How long is the Hakuba line?", "It is 41 kilometres long. [1]")
    async with Agent.open(indexed, model=model) as agent:
        [listed] = await agent.threads()
        assert listed.id == thread
        assert listed.title == "In which year did the Hakuba line open?"
        [exchange] = await agent.history(thread)
        assert exchange.answer == first
        await agent.ask("How long is it?", thread)
        assert "1932" in model.prompts[0], "the follow-up is read against what was said before the restart"
        assert len(await agent.history(thread)) == 2


async def test_rename_delete_and_rewind(indexed: Settings) -> None:
    model = scripted(*["Every employee has 20 days of paid leave a year. [1]"] * 3)
    async with Agent.open(indexed, model=model) as agent:
        thread = agent.new_thread()
        for _ in range(2):
            await agent.ask(LEAVE, thread)
        await agent.rename(thread, "  Leave  ")
        assert [t.title for t in await agent.threads()] == ["Leave"]
        await agent.rewind(thread, 1)
        assert len(await agent.history(thread)) == 1
        await agent.ask(LEAVE, thread)
        assert len(await agent.history(thread)) == 2
        with pytest.raises(ThreadError):
            await agent.rewind(thread, 7)
        await agent.delete(thread)
        assert await agent.threads() == []
        assert await agent.history(thread) == []
        with pytest.raises(ThreadError):
            await agent.delete(thread)
        with pytest.raises(ThreadError):
            await agent.rename(thread, "x")


async def test_what_is_deleted_is_gone_from_the_file(indexed: Settings) -> None:
    secret = "xylophone-4711"
    model = scripted("Hello!")
    async with Agent.open(indexed, model=model) as agent:
        await agent.ask(f"Hello, my word is {secret}, thanks!", "t")
        await agent.delete("t")
    data = b"".join(p.read_bytes() for p in indexed.data_dir.glob("threads.db*"))
    assert secret.encode() not in data


async def test_a_turn_that_was_stopped_is_kept_without_an_answer(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted("Every employee has 20 days. [1]")) as agent:
        async for event in agent.stream(LEAVE, "t"):
            if isinstance(event, Token):
                break
        [exchange] = await agent.history("t")
        assert exchange.question == LEAVE
        assert exchange.answer is None


async def test_a_turn_that_was_killed_leaves_its_question(indexed: Settings) -> None:
    kill_behind("Token", LEAVE, indexed, "Every employee has 20 days. [1]")
    async with Agent.open(indexed, model=scripted("Every employee has 20 days of paid leave a year. [1]")) as agent:
        [exchange] = await agent.history("t")
        assert (exchange.question, exchange.answer) == (LEAVE, None)
        answer = await agent.ask(LEAVE, "t")
        assert "20 days" in answer.text
        assert [one.answer is None for one in await agent.history("t")] == [True, False]


async def test_the_end_of_a_turn_tells_where_its_answer_stands(indexed: Settings) -> None:
    model = scripted("Hello!", "Every employee has 20 days of paid leave a year. [1]", "You are welcome.")
    async with Agent.open(indexed, model=model) as agent:
        told = []
        for question in ("Hello!", LEAVE, "Thank you!"):
            told += [event async for event in agent.stream(question, "t") if isinstance(event, Done)]
        history = await agent.history("t")
        assert [(done.index, done.turn) for done in told] == [(n, one.turn) for n, one in enumerate(history)]


async def test_a_turn_writes_two_checkpoints(indexed: Settings) -> None:
    """One with the question, one with the answer; see docs/decisions/0025."""
    async with Agent.open(indexed, model=scripted("Every employee has 20 days of paid leave a year. [1]")) as agent:
        written = []
        saver = agent._threads.checkpointer
        put = saver.aput

        async def noted(config: Any, checkpoint: Any, *rest: Any) -> Any:
            written.append(len(checkpoint["channel_values"].get("messages", [])))
            return await put(config, checkpoint, *rest)

        saver.aput = noted  # type: ignore[method-assign]
        await agent.ask(LEAVE, "t")
        assert written == [1, 2]


async def test_a_script_that_runs_out_fails_loudly(indexed: Settings) -> None:
    async with Agent.open(indexed, model=scripted()) as agent:
        with pytest.raises(ScriptExhausted, match="no line 1"):
            await agent.ask(LEAVE)


async def test_a_broken_conversations_file_is_one_clear_line(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "threads.db").write_bytes(b"this is no database, it is a text " * 100)
    with pytest.raises(ThreadError, match=r"cannot be read .* move that file away"):
        async with Agent.open(settings, model=scripted()):
            pass
    assert (settings.data_dir / "threads.db").read_bytes().startswith(b"this is no database")


async def test_a_corrected_route_is_followed_by_the_next_question(settings: Settings) -> None:
    async with Agent.open(settings, model=ScriptedChatModel(lines=[])) as agent:
        question = "Which bus goes to the old harbour?"
        other = "direct" if (await agent.route(question)).route == "web" else "web"
        await agent.correct_route(question, other)
        decision = await agent.route(question)
        assert (decision.route, decision.why) == (other, "correction")
        with pytest.raises(QuestionError):
            await agent.correct_route("  ", "web")
