"""How the answer is wanted: language, length and form, in both languages, and what is left to look up."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agent.prompts import LANGUAGES
from agent.state import Form, Length, Turn
from agent.wishes import Wish, last_question, read, standing, task

JA, EN = Wish(language="ja"), Wish(language="en")
LONG, LINE = Wish(length="long"), Wish(length="line")
STEPS, LIST, TABLE = Wish(length="long", form="steps"), Wish(form="list"), Wish(form="table")


@pytest.mark.parametrize(
    ("message", "wish", "rest"),
    [
        ("How long are they kept? Answer in Japanese.", JA, "How long are they kept?"),
        ("How long are they kept, in Japanese please?", JA, "How long are they kept?"),
        ("In Japanese, please: how long are they kept?", JA, "how long are they kept?"),
        ("Explain reflection in Japanese.", JA, "Explain reflection."),
        ("Answer in Japanese", JA, ""),
        ("Can you say that in English?", EN, ""),
        ("Japanese please", JA, ""),
        ("From now on, please reply in Japanese.", Wish(language="ja", lasting=True), ""),
        ("answer in English from now on", Wish(language="en", lasting=True), ""),
        ("in more detail please", LONG, ""),
        ("Explain in detail how routing works.", LONG, "Explain how routing works."),
        ("How do I install Kotae step by step?", STEPS, "How do I install Kotae?"),
        ("What is Kotae in one sentence?", LINE, "What is Kotae?"),
        ("Briefly, what is reflection?", LINE, "what is reflection?"),
        ("Which files does it read, in bullet points?", LIST, "Which files does it read?"),
        ("What is kept where? As a table, please.", TABLE, "What is kept where?"),
        ("日本語でお願いします", JA, ""),
        ("英語で答えて", EN, ""),
        ("会話はどこに保存されますか。英語で答えてください。", EN, "会話はどこに保存されますか。"),
        ("会話の保存場所を英語で教えてください。", EN, "会話の保存場所を教えてください。"),
        ("回答は英語でお願いします。料金はいくらですか。", EN, "料金はいくらですか。"),
        ("今後は英語で回答してください", Wish(language="en", lasting=True), ""),
        ("もっと詳しく教えてください", LONG, ""),
        ("検証の仕組みを詳しく説明してください。", LONG, "検証の仕組みを説明してください。"),
        ("インストールの手順を教えてください。", STEPS, "インストールの手順を教えてください。"),
        ("追加する方法を、順を追って説明して。", STEPS, "追加する方法を、説明して。"),
        ("Kotaeとは何か、一言で教えて。", LINE, "Kotaeとは何か、教えて。"),
        ("ファイルの種類を箇条書きで教えて。", LIST, "ファイルの種類を教えて。"),
        ("どこに何が保存されるか、表で教えて。", TABLE, "どこに何が保存されるか、教えて。"),
    ],
)
def test_a_wish_is_read_and_taken_out_of_the_question(message: str, wish: Wish, rest: str) -> None:
    assert read(message) == (wish, rest)


@pytest.mark.parametrize(
    "message",
    [
        "Can Kotae answer in Japanese?",
        "Does it answer in Japanese or English?",
        "How do I search in Japanese?",
        "How do I say thanks in Japanese?",
        "Is the page available in English?",
        "Is there a step-by-step guide to the installation?",
        "Where is reflection described in detail?",
        "Is the text in a table read?",
        "How does the detail view work?",
        "英語で書かれた文書の読み方を教えてください。",
        "日本語で質問できますか。",
        "日本語で回答できますか。",
        "代表で連絡するのは誰ですか。",
        "表で示された料金はいくらですか。",
        "詳しく書かれたページはどこですか。",
    ],
)
def test_a_question_about_such_things_is_no_wish(message: str) -> None:
    assert read(message) == (Wish(), message)


def test_the_last_lasting_wish_holds() -> None:
    past = [
        HumanMessage("From now on, answer in Japanese."),
        AIMessage("はい。"),
        HumanMessage("What is a thread? Answer in English."),
        AIMessage("A conversation."),
    ]
    assert standing(past) == "ja"
    assert standing([*past, HumanMessage("今後は英語で答えてください")]) == "en"
    assert standing(past[2:]) is None


def test_the_last_question_is_the_last_that_was_looked_up() -> None:
    looked_up = AIMessage("a", additional_kwargs={"answer": {"route": "library", "standalone": "When did it open?"}})
    small_talk = AIMessage("b", additional_kwargs={"answer": {"route": "direct", "standalone": "Thanks!"}})
    assert last_question([HumanMessage("q"), looked_up, HumanMessage("Thanks!"), small_talk]) == "When did it open?"
    assert last_question([HumanMessage("Thanks!"), small_talk]) == ""


def test_the_task_follows_the_wish() -> None:
    manners: list[tuple[Length, Form]] = [
        ("short", "prose"),
        ("long", "prose"),
        ("line", "prose"),
        ("short", "list"),
        ("long", "steps"),
    ]
    tasks = {
        task(Turn(question="q", started=0, language=language, length=length, form=form))
        for language in LANGUAGES
        for length, form in manners
    }
    assert len(tasks) == 10
    assert task(Turn(question="q", started=0, form="table")) == task(Turn(question="q", started=0))
