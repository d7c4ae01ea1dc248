"""Whole turns that a specialist takes part in: alone, over passages, after the documents, or not at all."""

from __future__ import annotations

import pytest
from speaking_parts import BANK, DECLINED, LEAVE, TOLD, Heard, Opens, facts_of, path_of, promoted, removed
from speaking_parts import based as based
from speaking_parts import opens as opens

from agent import Draft, Settings, Sources, Token
from tools.specialist.card import Card, Shot

RAIL = Card(
    name="rail",
    description="Questions about the work at Aoba Railway: leave, uniforms, lines, tunnels and stations",
    examples=(
        "How many days off do I get at the railway?",
        "How many days of paid leave do employees have?",
        "When is my uniform cleaned?",
        "What does a lost cap cost?",
        "How long is the longest tunnel of the line?",
    ),
)
STYLE = Card(
    name="polite",
    description="Rewrites a sentence into polite business Japanese",
    examples=("Rewrite politely: 明日行く", "丁寧語にしてください：これを見て", "敬語に直してください：もう帰る"),
    use="style",
)


# alone


async def test_a_question_for_a_specialist_alone_is_answered_in_its_words(based: Settings, opens: Opens) -> None:
    promoted(based, BANK)
    heard = Heard("Your card may be expired.\n\nAsk for a new one.")
    async with opens(based, heard) as agent:
        answer = await agent.ask(DECLINED)
    assert (answer.route, answer.specialist, answer.place) == ("specialist", "banking", "specialist:banking")
    assert answer.text == "Your card may be expired.\n\nAsk for a new one."
    assert (answer.refused, answer.sentences, answer.sources) == (False, (), ()), "an opinion rests on nothing"
    assert answer.notices == ("specialist_said",)
    assert path_of(answer) == ["understand", "route", "gather", "answer"], "nothing judges or verifies an opinion"
    assert heard.voices == ["banking"]
    assert heard.prompts == [f"{BANK.prompt}\n{DECLINED}"], "as it was trained to be asked"
    assert facts_of(answer, "route")["route"] == "specialist:banking"
    assert facts_of(answer, "gather")["specialist"] == "banking"
    assert answer.usage.calls == 1
    assert answer.as_json()["route"] == "specialist:banking"


async def test_its_words_are_streamed_while_they_are_said(based: Settings, opens: Opens) -> None:
    promoted(based, BANK)
    async with opens(based, Heard("Your card may be expired.")) as agent:
        events = [event async for event in agent.stream(DECLINED, "t")]
    drafts = [n for n, event in enumerate(events) if isinstance(event, Draft)]
    tokens = [n for n, event in enumerate(events) if isinstance(event, Token)]
    assert len(drafts) == 1
    assert len(tokens) > 3
    assert drafts[0] < tokens[0]
    assert "".join(events[n].text for n in tokens) == "Your card may be expired."  # type: ignore[union-attr]
    assert not any(isinstance(event, Sources) for event in events)
    assert events[-1].answer.first_token is not None  # type: ignore[union-attr]


async def test_what_it_says_is_a_passage_of_its_own_kind(based: Settings, opens: Opens) -> None:
    promoted(based, BANK)
    async with opens(based, Heard("Perhaps.")) as agent:
        [passage] = await agent.context.specialists.tool("banking").gather(DECLINED, k=4)
    assert (passage.kind, passage.title, passage.text, passage.url) == ("specialist", "banking", "Perhaps.", "")
    assert passage.trust < 0.5


async def test_examples_in_the_prompt_of_one_without_training(based: Settings, opens: Opens) -> None:
    shots = (Shot(question="My card is gone", answer="lost_card"), Shot(question="Where is it?", answer="card_arrival"))
    promoted(based, BANK.model_copy(update={"shots": shots, "answers": ("lost_card", "card_arrival")}), adapter=False)
    heard = Heard("lost_card")
    async with opens(based, heard) as agent:
        answer = await agent.ask(DECLINED)
    assert answer.text == "lost_card"
    assert heard.voices == [""], "the base model itself"
    assert heard.prompts == [
        "\n".join([BANK.prompt, "My card is gone", "lost_card", "Where is it?", "card_arrival", DECLINED])
    ]


async def test_a_text_to_be_rewritten_is_left_as_it_was_written(based: Settings, opens: Opens) -> None:
    promoted(based, STYLE)
    text = "丁寧語にしてください：それは見た。日本語でお願い"
    heard = Heard("拝見しました。", "それは拝見しました。")
    async with opens(based, heard) as agent:
        await agent.ask("敬語に直してください：もう見た", "t")
        answer = await agent.ask(text, "t")
    assert answer.place == "specialist:polite"
    assert answer.standalone == text, "nothing is completed in it, and its words are no wishes"
    assert heard.prompts[-1] == text
    assert len(heard.prompts) == 2


async def test_a_question_of_several_parts_is_one_to_it(based: Settings, opens: Opens) -> None:
    promoted(based, BANK)
    heard = Heard("One answer to all of it.")
    question = "How do I activate my new card, and how long does a transfer take?"
    async with opens(based, heard) as agent:
        answer = await agent.ask(question)
    assert answer.place == "specialist:banking"
    assert heard.prompts[-1].endswith(question)


# with the documents


async def test_over_passages_it_is_checked_like_any_other_draft(based: Settings, opens: Opens) -> None:
    promoted(based, RAIL)
    heard = Heard("Every employee has 20 days of paid leave a year. [1] Nobody has 70 days of it. [1]", "None.")
    async with opens(based, heard) as agent:
        answer = await agent.ask(LEAVE)
    assert (answer.route, answer.specialist) == ("specialist", "rail")
    assert answer.text == TOLD, "what the passages do not say is gone"
    assert [source.passage.kind for source in answer.sources] == ["library"]
    assert "specialist_said" not in answer.notices
    assert path_of(answer)[:6] == ["understand", "route", "gather", "judge", "answer", "reflect"]
    assert facts_of(answer, "gather")["tool"] == "library"
    assert set(heard.voices) == {"rail"}, "draft and revision are its own"
    assert "Sources:" in heard.prompts[0]


async def test_documents_that_do_not_hold_the_answer_leave_it_to_the_specialist(based: Settings, opens: Opens) -> None:
    promoted(based, RAIL)
    heard = Heard("no", "Perhaps 900 metres.")
    async with opens(based, heard) as agent:
        answer = await agent.ask("How long is the longest tunnel of the Azumi line?")
    assert answer.place == "specialist:rail"
    assert (answer.text, answer.sources) == ("Perhaps 900 metres.", ())
    assert answer.notices == ("specialist_said",)
    assert [s.facts["tool"] for s in answer.steps if s.node == "gather"] == ["library", "specialist"]
    assert heard.voices == ["", "rail"], "the judge is no specialist"


async def test_labels_cannot_be_checked_so_documents_come_first(based: Settings, opens: Opens) -> None:
    promoted(based, RAIL.model_copy(update={"answers": ("leave", "uniform")}))
    heard = Heard(TOLD)
    async with opens(based, heard) as agent:
        answer = await agent.ask(LEAVE)
    assert (answer.place, answer.specialist) == ("library", "")
    assert facts_of(answer, "route")["why"] == "library_match"
    assert answer.text == TOLD
    assert heard.voices == [""]


async def test_who_has_learned_to_read_has_no_opinion_of_its_own(based: Settings, opens: Opens) -> None:
    promoted(based, RAIL.model_copy(update={"metric": "grounded"}))
    async with opens(based, Heard("no")) as agent:
        answer = await agent.ask("How long is the longest tunnel of the Azumi line?")
    assert (answer.refused, answer.route) == (True, "library")


async def test_nobody_else_has_an_opinion(based: Settings, opens: Opens) -> None:
    """A question that resembles no card is refused as ever."""
    promoted(based, BANK)
    async with opens(based, Heard(*["no"] * 1)) as agent:
        answer = await agent.ask("Who was the architect of the station in Hakuba?")
    assert answer.refused
    assert answer.specialist == ""


# what does not work


async def test_a_specialist_without_its_base_gives_way_to_the_documents(based: Settings, opens: Opens) -> None:
    promoted(based, RAIL, base="0" * 64)
    heard = Heard(TOLD)
    async with opens(based, heard) as agent:
        answer = await agent.ask(LEAVE)
    assert (answer.route, answer.text) == ("library", TOLD)
    assert answer.notices == ("specialist_unusable",)
    assert facts_of(answer, "route")["why"] == "specialist_unusable"
    assert heard.voices == [""]


async def test_one_that_fails_while_it_is_asked_gives_way_too(based: Settings, opens: Opens) -> None:
    promoted(based, BANK)
    heard = Heard("no", refuses=["banking"])
    async with opens(based, heard) as agent:
        answer = await agent.ask("Why has my card been declined at the depot in Matsumoto?")
    assert answer.refused, "the documents say nothing of it"
    assert answer.route == "library"
    assert "specialist_unusable" in answer.notices
    assert [s.facts["tool"] for s in answer.steps if s.node == "gather"] == ["specialist", "library"]


async def test_one_that_fails_over_passages_leaves_the_writing_to_kotae(based: Settings, opens: Opens) -> None:
    promoted(based, RAIL)
    async with opens(based, Heard(TOLD, refuses=["rail"])) as agent:
        answer = await agent.ask(LEAVE)
    assert (answer.route, answer.specialist, answer.text) == ("library", "", TOLD)
    assert answer.notices == ("specialist_unusable",)


async def test_one_that_says_nothing_has_not_answered(based: Settings, opens: Opens) -> None:
    promoted(based, BANK)
    async with opens(based, Heard(" \n")) as agent:
        answer = await agent.ask(DECLINED)
    assert answer.refused
    assert "specialist_unusable" in answer.notices


# who comes and goes


async def test_the_next_turn_follows_what_was_promoted_meanwhile(based: Settings, opens: Opens) -> None:
    heard = Heard("Your card may be expired.")
    async with opens(based, heard) as agent:
        assert (await agent.ask(DECLINED)).specialist == ""
        promoted(based, BANK)  # by another program
        assert (await agent.ask(DECLINED)).specialist == "banking"
        assert "specialist:banking" in await agent.places()
        removed(based, "banking")
        assert (await agent.ask(DECLINED)).specialist == ""
        assert (await agent.route(DECLINED)).route != "specialist"


async def test_specialists_that_cannot_be_read_stop_nobody(
    based: Settings, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(based, BANK)
    async with opens(based, Heard("Expired.", "Expired.")) as agent:
        assert (await agent.ask(DECLINED)).specialist == "banking"

        def broken(self: object) -> str:
            raise OSError("the disk is gone")

        monkeypatch.setattr("tools.specialist.registry.Registry.stamp", broken)
        assert (await agent.ask(DECLINED)).specialist == "banking", "what was known stays"
