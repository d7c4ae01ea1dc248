"""What users tell about themselves: kept only while that is on, from their own words alone, and gone when deleted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent import Agent, Settings
from agent.about_user import FILE, MOST, AboutUser
from agent.errors import MemoryFileError
from agent.models.scripted import ScriptedChatModel
from agent.nodes.gather import outward
from agent.state import Language
from agent.telling import LONGEST, Told, helping, is_secret, only_tells, told
from tools.base import Passage

NIGHT = "I am on the night shift"
TOLD: list[tuple[Language, str, list[str]]] = [
    ("en", "My name is Aya.", ["name"]),
    ("en", "Hi, my name is Aya Tanaka and I work in accounting.", ["name", "work"]),
    ("en", "Please call me Bob.", ["name"]),
    ("en", f"{NIGHT}, what are my working hours?", ["shift"]),
    ("en", "I use the Enterprise plan. How many users may I have?", ["plan"]),
    ("en", "I'm a nurse at Mercy Hospital.", ["work"]),
    ("en", "I live in Osaka.", ["place"]),
    ("en", "I use Windows, how do I install it?", ["device"]),
    ("en", "From now on, answer briefly.", ["wish"]),
    ("en", "Remember that I am left-handed.", ["note"]),
    ("ja", "私は経理部です。", ["work"]),
    ("ja", "田中と申します。よろしくお願いします。", ["name"]),
    ("ja", "アヤと呼んでください", ["name"]),
    ("ja", "私は夜勤ですが、勤務時間は？", ["shift"]),
    ("ja", "エンタープライズプランを使っています。上限は？", ["plan"]),
    ("ja", "大阪に住んでいます。", ["place"]),
    ("ja", "今後は短く答えてください", ["wish"]),
    ("ja", "私は左利きだと覚えておいて", ["note"]),
]
NOT_TOLD: list[tuple[Language, str]] = [
    ("en", "Is my name on the list?"),
    ("en", "My name is not on the list."),
    ("en", "If I am on the night shift, what then?"),
    ("en", "I am on the night shift?"),
    ("en", "I am not on the night shift."),
    ("en", "I am a bit lost."),
    ("en", "Call me back later."),
    ("en", 'The file says "My name is Bob". Why?'),
    ("en", "What does 'I am a teacher' mean?"),
    ("en", 'I prefer "short" answers'),
    ("en", "> My name is Bob.\nWho wrote this?"),
    ("en", "```\nMy name is Bob.\n```"),
    ("en", "My name is Bob. " + "This was pasted from a letter. " * 30),
    ("en", "How long is the night shift?"),
    ("ja", "経理部はどこですか"),
    ("ja", "申請先は総務部です。"),
    ("ja", "夜勤の手当はいくらですか？"),
    ("ja", "「私は経理部です」という文の意味は？"),
    ("ja", "これは何と呼んでいますか"),
    ("ja", "英語で何と言いますか"),
]
SECRETS = [
    "Remember that my password is hunter2.",
    "Please note that my API key is sk-abc123def456ghi7.",
    "Remember that my card is 4111 1111 1111 1111.",
    "Remember that I use AKIAIOSFODNN7EXAMPLE1.",
    "Remember that my phone is 090-1234-5678.",
    "Remember that my PIN is 4711.",
    "私のパスワードはhunter2だと覚えておいて",
    "私のマイナンバーは123だと覚えておいて",
    "私の暗証番号は４７１１だと覚えておいて",
]


@pytest.mark.parametrize(("language", "text", "kinds"), TOLD, ids=[row[1] for row in TOLD])
def test_what_counts_as_told(language: Language, text: str, kinds: list[str]) -> None:
    assert [one.kind for one in told(text, language)] == kinds


@pytest.mark.parametrize(("language", "text"), NOT_TOLD, ids=[row[1][:40] for row in NOT_TOLD])
def test_what_does_not(language: Language, text: str) -> None:
    assert told(text, language) == []


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_not_taken_up(text: str) -> None:
    assert is_secret(text)
    assert told(text, "en") == told(text, "ja") == []


@pytest.mark.parametrize(
    ("question", "language", "kind"),
    [
        ("What are my working hours?", "en", "shift"),
        ("How many users may I have?", "en", "plan"),
        ("What are the working hours?", "en", None),
        ("What is my name?", "en", None),
        ("私の勤務時間は？", "ja", "shift"),
        ("勤務時間は？", "ja", None),
    ],
)
def test_which_questions_a_fact_belongs_to(question: str, language: Language, kind: str | None) -> None:
    facts = [Told("name", "Aya"), Told("shift", NIGHT), Told("plan", "I use the Enterprise plan")]
    found = helping(question, facts, language)
    assert (found.kind if found else None) == kind


def test_a_message_that_only_tells() -> None:
    assert only_tells("Hi, my name is Aya!", "en")
    assert only_tells("私は経理部です。よろしくお願いします。", "ja")
    assert not only_tells("My name is Aya. Show me the rules on overtime and on sick leave.", "en")
    assert not only_tells("Hello!", "en")


def test_nothing_is_kept_until_it_is_switched_on(tmp_path: Path) -> None:
    about = AboutUser(tmp_path)
    assert about.keep("My name is Aya.", "en", "t") == ([], False)
    assert not about.on
    assert list(tmp_path.iterdir()) == []
    about.switch(True)
    about.switch(False)
    before = (tmp_path / FILE).read_bytes()
    assert about.keep("My name is Aya.", "en", "t") == ([], False)
    assert (tmp_path / FILE).read_bytes() == before


def test_facts_are_listed_with_date_and_conversation_replaced_and_deleted(tmp_path: Path) -> None:
    about = AboutUser(tmp_path)
    about.switch(True)
    [name], _ = about.keep("My name is Aya.", "en", "t1")
    about.keep(NIGHT, "en", "t2")
    assert about.keep("my name is Aya", "en", "t3") == ([], False), "it is known"
    assert [(f.text, f.thread, f.told_at > 1e9) for f in about.facts()] == [
        ("My name is Aya", "t1", True),
        (NIGHT, "t2", True),
    ]
    about.keep("My name is Maya.", "en", "t3")
    assert [f.text for f in about.facts()] == [NIGHT, "My name is Maya"], "there is one name"
    assert about.forget([name.id]) == 0
    assert about.forget_thread("t2") == 1
    about.switch(False)
    assert [f.text for f in about.facts()] == ["My name is Maya"]
    assert about.used() == ()
    assert about.forget_all() == 1
    assert AboutUser(tmp_path).facts() == ()


def test_what_is_deleted_is_overwritten(tmp_path: Path) -> None:
    about = AboutUser(tmp_path)
    about.switch(True)
    about.keep("My name is Zyxomma.", "en", "t")
    with (tmp_path / FILE).open("rb") as held:  # the file that is let go of
        about.forget_all()
        held.seek(0)
        assert b"Zyxomma" not in held.read()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert b"Zyxomma" not in (tmp_path / FILE).read_bytes()


def test_number_and_length_are_bounded(tmp_path: Path) -> None:
    about = AboutUser(tmp_path)
    about.switch(True)
    for n in range(MOST):
        assert about.keep(f"Remember that I own {n} boats.", "en", "t")[1] is False
    assert about.keep("Remember that I own too many boats.", "en", "t") == ([], True)
    assert len(about.facts()) == MOST
    assert told(f"I prefer {'long ' * LONGEST}answers.", "en") == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"on": true, "facts": [{"x": 1}]}'])
def test_a_file_that_cannot_be_read_is_named_and_left(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(MemoryFileError, match="mend it or delete it"):
        AboutUser(tmp_path).facts()
    with pytest.raises(MemoryFileError):
        AboutUser(tmp_path).switch(True)
    assert (tmp_path / FILE).read_text("utf-8") == text


async def test_a_turn_keeps_what_is_told_says_so_and_uses_it(indexed: Settings) -> None:
    model = ScriptedChatModel(lines=["Nice to meet you, Aya.", "You are Aya."])
    async with Agent.open(indexed, model=model) as agent:
        agent.about.switch(True)
        thread = agent.new_thread()
        answer = await agent.ask("My name is Aya.", thread)
        [fact] = agent.about.facts()
        assert answer.route == "direct"
        assert answer.notices == (f"remembered:{fact.id}",)
        assert fact.thread == thread
        assert fact.text not in model.prompts[0].partition("\nMy name is Aya.")[0], "it is not known yet"
        answer = await agent.ask("What is my name?")
        assert answer.notices == ()
        assert "- My name is Aya" in model.prompts[1]
        await agent.delete(thread)
        assert agent.about.facts() == ()
    assert model.leftover == []


async def test_while_it_is_off_nothing_is_written_nor_used(indexed: Settings) -> None:
    about = AboutUser(indexed.data_dir)
    about.switch(True)
    about.keep(NIGHT, "en", "t")
    about.switch(False)
    before = (indexed.data_dir / FILE).read_bytes()
    model = ScriptedChatModel(lines=["Nice to meet you.", "Hello."])
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask("My name is Zyxomma.")
        assert answer.notices == ()
        await agent.ask("Hello!")
    assert (indexed.data_dir / FILE).read_bytes() == before
    assert all("night shift" not in prompt for prompt in model.prompts)
    told_to = [p for p in indexed.data_dir.rglob("*") if p.is_file() and b"Zyxomma" in p.read_bytes()]
    assert {path.name for path in told_to} <= {"threads.db", "threads.db-wal"}, (
        "the conversation itself, and nothing else"
    )


@dataclass
class Recorder:
    """A web search that keeps what it was asked."""

    name = "web"
    queries: list[str]

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        self.queries.append(query)
        return []


async def test_a_question_of_ones_own_is_asked_with_the_fact_and_never_so_on_the_web(indexed: Settings) -> None:
    web = Recorder([])
    settings = indexed.model_copy(update={"web": "on"})
    model = ScriptedChatModel(lines=["no"] * 6)
    async with Agent.open(settings, model=model, web=web) as agent:
        agent.about.switch(True)
        agent.about.keep(NIGHT, "en", "elsewhere")
        answer = await agent.ask("Please search the web for my working hours in Japan.")
        assert answer.standalone.endswith(f"({NIGHT})")
        answer = await agent.ask("What are my working hours at Aoba Railway?")
        assert answer.standalone == f"What are my working hours at Aoba Railway? ({NIGHT})"
        assert answer.sources == () or all(NIGHT not in s.passage.text for s in answer.sources)
    assert web.queries
    assert all("night" not in query and "shift" not in query for query in web.queries)


def test_what_was_told_in_this_conversation_does_not_leave_it_either() -> None:
    from langchain_core.messages import AIMessage, HumanMessage

    messages = [HumanMessage(f"{NIGHT}."), AIMessage("I see."), HumanMessage("When do I start?")]
    kept = [NIGHT]
    assert outward("When do I start?", messages, kept=kept) == "When do I start?"
    carried = f" ({NIGHT})"
    assert "night" not in outward(f"When do I start?{carried}", messages, carries=carried, kept=kept)
    assert "night" not in outward("When does the night shift start?", messages, kept=kept)
    assert "night" in outward("When does the night shift start?", messages), "today's words when nothing is kept"


async def test_documents_and_answers_tell_nothing(settings: Settings, tmp_path: Path) -> None:
    from tools.library import E5, Library

    (tmp_path / "cv.md").write_text(
        "# A letter\n\nMy name is Bob. I live in Paris and I am on the night shift.\n", "utf-8"
    )
    library = Library.open(settings.data_dir / "library", E5())
    library.index([tmp_path / "cv.md"])
    library.close()
    model = ScriptedChatModel(lines=["I live in Paris. My name is Bob. [1]"] * 4)
    async with Agent.open(settings, model=model) as agent:
        agent.about.switch(True)
        await agent.ask("Where does the writer of the letter live?")
        assert agent.about.facts() == ()


async def test_a_broken_file_costs_no_answer(indexed: Settings) -> None:
    (indexed.data_dir / FILE).write_text("broken", "utf-8")
    model = ScriptedChatModel(lines=["Hello."])
    async with Agent.open(indexed, model=model) as agent:
        answer = await agent.ask("My name is Aya.")
    assert answer.text == "Hello."
    assert answer.notices == ("memory_broken",)


def test_the_file_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    about = AboutUser(tmp_path)
    about.switch(True)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / FILE).read_text("utf-8")) == {"on": True, "facts": []}
