"""What a question asks for by its words, and what a sentence must hold or be of to answer it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.asked import asks_for_the_latest, current, days, echoes, holds_what_is_asked, of_the_day, other_day
from agent.nodes.answer import _quoted, _quotes
from agent.nodes.judge import coverage
from agent.reading import weighed
from agent.state import Evidence, Support, Turn
from tools.base import Passage
from tools.library.evidence import Nearness
from tools.sentences import spans


@pytest.mark.parametrize(
    ("question", "text", "holds"),
    [
        ("What time does breakfast begin?", "Breakfast begins at 7:30.", True),
        ("What time does breakfast begin?", "Breakfast is served in the hall on the first floor.", False),
        ("What time can I come?", "You can come at any time.", True),
        ("How many people may enter?", "Up to twelve people may enter.", True),
        ("How many people may enter?", "People may enter by the north door.", False),
        ("How many people may enter?", "Nobody may enter; no people are let in.", True),
        ("How much does the ticket cost?", "The ticket is free of charge.", True),
        ("How much does the ticket cost?", "The ticket is sold at the counter.", False),
        ("In which year did the line open?", "The line opened in 1932.", True),
        ("In which year did the line open?", "The line was opened by the mayor.", False),
        ("What percentage of couples sleep apart?", "A third of all couples sleep apart.", True),
        ("What percentage of couples sleep apart?", "Many sleep apart because of snoring.", False),
        ("How much do you like it?", "It is liked.", True),  # no amount is asked for
        ("Where is the museum?", "It is by the lake.", True),
        ("The mast fell in the storm. Where did this happen?", "The mast fell in the storm.", False),
        ("The mast fell in the storm. Where did this happen?", "The tall mast of the ship fell down.", True),
        ("The mast fell in the storm. Where did this happen?", "The mast fell in the storm at Whitby.", True),
        ("Where was the treaty signed and held?", "Old Whitby", True),
        ("Where is the fair held?", "The yearly fair is held every spring.", False),
        ("When did the line open?", "The line opened in the autumn after the flood.", True),
        ("When did the line open?", "The line was opened by the mayor.", False),
        ("When should I restart it?", "Restart it whenever the lamp is red.", True),
        ("Tell me what opens when.", "It is opened by the mayor.", True),  # nothing of the kind is asked for
        ("会社が鉱業権を得たのはいつですか", "会社は銅山の開発を積極的に進めた。", False),
        ("会社が鉱業権を得たのはいつですか", "会社は明治の末に鉱業権を得た。", True),
        ("通知はいつ届きますか", "登録がすんだときに届きます。", True),
        ("いつでも申し込めますか", "窓口で申し込めます。", True),
        ("朝食は何時からですか", "朝食は7時から始まります。", True),
        ("朝食は何時からですか", "朝食は1階の食堂でご利用いただけます。", False),
        ("会議は何時間ですか", "会議は1時間です。", True),
        ("入場料はいくらですか", "入場料は無料です。", True),
        ("入場料はいくらですか", "入場料は窓口で払います。", False),
        ("定員は何人ですか", "定員は十二人です。", True),
        ("何人まで予約できますか", "予約は電話で受け付けます。", False),
        ("開業は何年ですか", "昭和七年に開業しました。", True),
        ("ベルの父親は、誰なの?", "ベルは、1847年3月3日、スコットランドのエディンバラに生まれる。", False),
        ("ベルの父親は、誰なの?", "ベルの父は話し方を教えるメルヴィルである。", True),
        ("申請は誰が承認しますか", "申請は3日以内に承認されます。", False),
        ("申請は誰が承認しますか", "申請は部長が承認します。", True),
        ("修理代は誰が払うのですか", "修理代は管理会社の負担です。", True),
        ("大会で優勝したのは誰ですか", "志摩直人", True),
        ("大会で優勝したのは誰ですか", "優勝したのは私です。", True),
        ("後任は誰ですか", "後任はまだ決まっていません。", True),
        ("大会で優勝したのは誰ですか", "大会では第4話のアンケートの結果が好評だった。", False),
        ("志摩と寺山の中で、優勝したのは誰ですか", "優勝したのは志摩です。", True),
        ("誰でも参加できますか", "大会には自由に参加できます。", True),
        ("大会は誰かに手伝ってもらえますか", "大会は手伝いなしでできます。", True),
        ("志摩とは誰ですか", "志摩は詩をよくした。", True),
    ],
)
def test_an_answer_is_of_the_kind_that_was_asked_for(question: str, text: str, holds: bool) -> None:
    assert holds_what_is_asked(f"{text} [1]", question) == holds


@pytest.mark.parametrize(
    ("question", "claim", "is_echo"),
    [
        (
            "Which type of recalled food was sent to retailers?",
            "The type of recalled food was sent to retailers.",
            True,
        ),
        ("Which type of recalled food was sent?", "Recalled fruit was sent.", False),
        ("Is the deposit refunded?", "The deposit is refunded.", False),
        ("Which game stood in the Pocketbook of 1744?", "The game stood in the Pocket-Book of 1744.", True),
        ("On which day is the party?", "The day of the art is the party.", False),
        ("Which game stood in the Pocketbook?", "Rounders stood in the Pocket-Book.", False),
        ("Which plan has support, basic or pro?", "The pro plan has support.", False),
        ("最新の料金はいくらですか", "最新の料金です。", True),
        ("最新の料金はいくらですか", "最新の料金は500円です。", False),
        ("保証金は返金されますか", "保証金は返金されます。", False),
    ],
)
def test_the_words_of_the_question_answer_nothing(question: str, claim: str, is_echo: bool) -> None:
    assert echoes(claim, question) == is_echo


@pytest.mark.parametrize(
    "text",
    [
        "on 2022-07-24",
        "on 2022/7/24",
        "on July 24th, 2022",
        "on 24 July 2022",
        "the 24th of July, 2022",
        "Jul. 24, 2022",
        "2022年7月24日",
        "２０２２年７月２４日",
        "二〇二二年七月二十四日",
    ],
)
def test_a_day_in_any_notation(text: str) -> None:
    assert days(text) == {(2022, 7, 24)}


def test_what_is_no_day() -> None:
    assert days("In May 2022, version 1.2.3 of 10/2022 came out; 2022-13-45 is no date.") == set()


def passage(text: str, title: str = "") -> Passage:
    return Passage("p", text, title, "https://a.example/", "web")


@pytest.mark.parametrize(
    ("question", "texts", "other"),
    [
        ("What did Richard do on 2022/03/26?", ["Richard saw a play on March 1st, 2022."], True),
        ("What did Richard do on 2022/03/26?", ["Richard saw a play on March 26th, 2022."], False),
        ("What did Richard do on 2022/03/26?", ["Richard sees plays."], False),  # of no day at all
        ("What did Richard do in March 2022?", ["Richard saw a play on March 1st, 2022."], False),
        ("Is the pool open on 2024-05-03?", ["The pool is open from April 1, 2024 to May 31, 2024."], False),
        ("Is the pool open on 2024-05-03?", ["Since 3 May 2024 the pool is open."], False),
        (
            "Where was Ann on 2022-02-21?",
            [
                "On December 16th, 2022 Ann is at home, from 5:00 PM to 9:00 PM.",
                "On July 4, 2022 Ann helps until 11:00 AM.",
            ],
            True,
        ),
        ("How long may I stay from 2024-05-03 on?", ["The fair was on 2023-05-03."], False),
        ("2024年5月3日は開館していますか", ["2024年5月6日は休館します。"], True),
        ("2024年5月3日は開館していますか", ["2024年4月1日から5月31日まで開館します。"], True),
        ("2024年5月3日は開館していますか", ["2024年4月1日から2024年5月31日まで開館します。"], False),
    ],
)
def test_what_happened_on_another_day(question: str, texts: list[str], other: bool) -> None:
    assert other_day(question, [passage(text) for text in texts]) == other


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("Who watched the stars on 2022/08/23?", ["2022-08-23", "none"]),
        ("Who watched the stars between 8:00 PM and 11:00 PM on 23 August 2022?", ["2022-08-23", "none"]),
        ("Who watched the stars on 2022/08/24?", ["2022-08-23", "2022-06-21", "none"]),  # no page tells of that day
        ("Who watched the stars from 2022/06/21 to 2022/08/23?", ["2022-08-23", "2022-06-21", "none"]),
        ("Who watches the stars?", ["2022-08-23", "2022-06-21", "none"]),
        ("2022年8月23日に星を見たのは誰ですか", ["2022-08-23", "none"]),
    ],
)
def test_pages_of_other_days_are_left_out_where_one_tells_of_the_day(question: str, kept: list[str]) -> None:
    pages = [
        passage("Adrian watches the stars on August 23, 2022 from 8:00 PM to 11:00 PM.", "2022-08-23"),
        passage("Sophie watches the stars on June 21st, 2022.", "2022-06-21"),
        passage("The stars are watched from the terrace.", "none"),
    ]
    assert [page.title for page in of_the_day(pages, question)] == kept


def test_the_pieces_of_a_date_are_no_words_that_the_documents_lack() -> None:
    page = passage("Adrian watches the stars on August 23, 2022, from eight o'clock to 11 PM.")
    question = "Who watched the stars between 8:00 PM and 11:00 PM on 2022/08/23 in Grantville?"
    assert coverage(question, [page])[1] == ("watched", "Grantville") or coverage(question, [page])[1] == (
        "Grantville",
    )


def test_a_page_of_many_days_may_hold_the_one() -> None:
    pages = [passage("The fair is on May 3, 2024."), passage("Open from April 1, 2024 to May 31, 2024.")]
    assert of_the_day(pages, "Is the pool open on 2024-05-03?") == pages


def evidence(passages: list[Passage]) -> list[Evidence]:
    return [Evidence(n, 0, len(p.text), 1.0, 0.9, 0.9, 1.0) for n, p in enumerate(passages, 1)]


def test_the_latest_is_not_what_was_the_latest_years_ago() -> None:
    pages = [
        passage("Greta was Person of the Year 2019."),
        passage("Zelensky is Person of the Year 2022."),
        passage("It is awarded."),
    ]
    kept = current(evidence(pages), pages, "Who is the latest Person of the Year?")
    assert [found.passage for found in kept] == [2, 3]
    assert len(current(evidence(pages), pages, "Who was Person of the Year 2019?")) == 3
    assert len(current(evidence(pages[:1]), pages[:1], "Who is the latest Person of the Year?")) == 1


@pytest.mark.parametrize(
    ("question", "latest"),
    [
        ("Who is the current mayor?", True),
        ("What was the most recent eruption?", True),
        ("When was the line opened?", False),
        ("What is electric current?", True),  # taken too far: it only matters where years differ
        ("最新のモデルは何ですか", True),
        ("現在の会長は誰ですか", True),
        ("会長は誰でしたか", False),
    ],
)
def test_asking_for_the_latest(question: str, latest: bool) -> None:
    assert asks_for_the_latest(question) == latest


def test_a_question_on_a_page_is_no_evidence_but_stands_above_its_reply() -> None:
    asked: list[tuple[str, str]] = []

    def nearness(question: str, places: list[tuple[str, str]]) -> list[Nearness]:
        asked.extend(places)
        return [Nearness(1.0, 0.9, 0.9, 1.0) for _ in places]

    page = passage("When does the pool open? At seven. It closes at ten.", "Pool")
    weighed("When does the pool open?", [page], nearness)  # type: ignore[arg-type]
    assert asked == [("Pool › When does the pool open?", "At seven."), ("Pool", "It closes at ten.")]


def test_what_was_asked_for_is_quoted_where_the_draft_said_something_else() -> None:
    text = "The workshop is held at The StoryStudio. It starts at 6:00 PM."
    near = [Evidence(1, start, end, 1.0, 0.9, 0.9, 1.0) for start, end in spans(text)]
    question = "What time does the workshop start?"
    beside = Support("It is held at The StoryStudio. [1]", (1,), False, "similarity", "kind")
    turn = Turn(question, 0.0, standalone=question, passages=(passage(text),), evidence=tuple(near), supports=(beside,))
    assert _quotes(turn)
    assert _quoted(turn) == "It starts at 6:00 PM. [1]"
    assert not _quotes(replace(turn, evidence=tuple(near[:1])))
    assert not _quotes(replace(turn, supports=(replace(beside, reason="meaning"),)))
