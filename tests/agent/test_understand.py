from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent import Agent, Settings
from agent.followups import (
    accepted,
    asked_before,
    completes,
    corrected,
    exchanged,
    leans_on_context,
    says_little,
    together,
)
from agent.models.chat import Meter
from agent.models.scripted import ScriptedChatModel
from agent.nodes.understand import _asks_nothing, detect, stand_alone
from agent.parts import cut
from agent.state import Language


@pytest.mark.parametrize(
    ("question", "language", "leans"),
    [
        ("How long does it last?", "en", True),
        ("And the second one?", "en", True),
        ("What about Osaka?", "en", True),
        ("Why?", "en", True),
        ("Which of them is cheaper?", "en", True),
        ("How many pages does the annual report of 2023 have?", "en", False),
        ("What is the warranty period of the K-200 kettle?", "en", False),
        ("Who founded the railway company in Matsumoto?", "en", False),
        ("それはいつからですか", "ja", True),
        ("料金は？", "ja", True),
        ("では、子どもの場合は？", "ja", True),
        ("二つ目について教えて", "ja", True),
        ("朝食の時間を教えてください", "ja", False),
        ("松本の鉄道会社を設立したのは誰ですか", "ja", False),
    ],
)
def test_leans_on_context(question: str, language: Language, leans: bool) -> None:
    assert leans_on_context(question, language) is leans


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How?", "en"),
        ("PDFの上限は？", "ja"),
        ("K-200", "en"),
        ("営業時間", "ja"),
        ("What does 答え mean in Kotae?", "en"),
    ],
)
def test_detect(question: str, language: Language) -> None:
    assert detect(question, []) == language


def test_a_question_without_letters_keeps_the_language_of_the_conversation() -> None:
    assert detect("2024?", [HumanMessage("料金は？"), AIMessage("500円です。")]) == "ja"


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ('"How long does the K-200 last?"\nBecause …', "How long does the K-200 last?"),
        ("", ""),
        ("x" * 500, ""),
        ("How big is the K-200?", ""),
    ],
)
def test_a_rewriting_is_one_line_that_asks_something_new(said: str, taken: str) -> None:
    assert accepted(said, "How long?", [HumanMessage("How big is the K-200?"), AIMessage("30 cm.")]) == taken


async def test_where_there_is_no_rewriting_both_questions_are_asked(indexed: Settings) -> None:
    async with Agent.open(indexed, model=ScriptedChatModel(lines=["How big is the K-200?"])) as agent:
        said = [("user", "How big is the K-200?"), ("assistant", "30 cm.")]
        assert await agent.understand("And how long?", said) == "How big is the K-200? And how long?"


LOOKS = ("ライブラリを別のマシンに移せますか？", "kotae library export で1つのファイルに書き出します。")
KINDS = ("付属のモデルには何がありますか？", "keigo、support、grounded の3つです。")


def past(*pairs: tuple[str, str]) -> list[AnyMessage]:
    return [message for asked, said in pairs for message in (HumanMessage(asked), AIMessage(said))]


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("２番目のにすると何が起こりますか？", True),
        ("真ん中のは何をするものですか", True),
        ("ウェブ検索がオフでも？", True),
        ("アカウントを使わない場合もですか？", True),
        ("手元の文書とどっちが高い？", True),
        ("ﾓﾃﾞﾙとの違いは？", True),
        ("編集者だとどこが違いますか", True),
        ("なんでですか？", True),
        ("文書とウェブではどちらが信頼されますか？", False),
        ("どうして空は青いのですか？", False),
        ("早瀬清一郎はどこの出身ですか？", False),
        ("それぞれの段階の重みを教えてください", False),
        ("オフでもウェブを調べることはありますか？", False),
    ],
)
def test_what_leans_in_japanese(question: str, leans: bool) -> None:
    assert leans_on_context(question, "ja") is leans


@pytest.mark.parametrize(
    ("question", "little"),
    [
        ("途中のコマンドは何ですか", True),
        ("パスワードは何文字以上ですか？", True),
        ("PDFのパスワードは何文字ですか", False),
        ("松本の鉄道会社を設立したのは誰ですか", False),
        ("What is the minimum length of passwords?", True),
    ],
)
def test_words_in_katakana_are_no_names(question: str, little: bool) -> None:
    assert says_little(question) is little


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("いえ、自転車のほうです。", "自転車のほうです"),
        ("違います、プロバイダーのキーです", "プロバイダーのキーです"),
        ("そうじゃなくて、HTTP APIの場合です", "HTTP APIの場合です"),
        ("すみません、会話ではなくて、コレクションの話です。", "会話ではなくて、コレクションの話です"),
        ("会話じゃなくてエラーのログのことです。", "会話じゃなくてエラーのログのことです"),
        ("いえ、大丈夫です。", ""),
        ("いいえ、結構です", ""),
        ("いや、ありがとう。", ""),
        ("会話ではなくて、コレクションを消す場合はどうしますか？", ""),
        ("すみません、料金はいくらですか", ""),
    ],
)
def test_a_correction_is_told_from_thanks_and_questions(said: str, right: str) -> None:
    assert corrected(said, "ja") == right


def test_no_english_message_is_a_correction() -> None:
    assert corrected("No, the bicycles, I mean.", "en") == ""


@pytest.mark.parametrize(
    ("before", "put", "understood"),
    [
        ("島までの旅客運賃はいくらですか？", "知りたいのは自転車の運賃です", "島までの自転車の運賃はいくらですか？"),
        ("会議室の期限はいつですか？", "会議室ではなくて、駐車場の期限です", "駐車場の期限はいつですか？"),
        ("長さの上限はどれですか？", "下書きのほうの長さです", "下書きのほうの長さの上限はどれですか？"),
        ("APIキーはどこに入れますか？", "言語モデルのキーです", "言語モデルのキーはどこに入れますか？"),
        ("持ち込みの料金はいくらですか？", "自転車のほうです", ""),
        ("大人の料金と子どもの料金は？", "団体の料金です", ""),
        ("申込みの締切はいつですか？", "団体の料金です", ""),
    ],
)
def test_a_correction_takes_the_place_of_its_counterpart(before: str, put: str, understood: str) -> None:
    assert exchanged(before, put) == understood


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("自転車の持ち込みの料金はいくらですか？", "自転車の持ち込みの料金はいくらですか？"),
        ("いえ、自転車のほうです。", "持ち込みの料金はいくらですか？（自転車のほうです）"),
        ("持ち込みの料金はいくらですか？", "持ち込みの料金はいくらですか？（自転車のほうです）"),
    ],
)
async def test_a_correction_is_put_into_the_question_or_stands_with_it(
    indexed: Settings, line: str, understood: str
) -> None:
    async with Agent.open(indexed, model=ScriptedChatModel(lines=[line])) as agent:
        said = [("user", "持ち込みの料金はいくらですか？"), ("assistant", "車は500円です。")]
        assert await agent.understand("いえ、自転車のほうです。", said) == understood


@pytest.mark.parametrize(
    ("line", "question", "whole"),
    [
        ("supportは何をするものですか？", "真ん中のは何をするものですか？", True),
        ("真ん中のは何をするものですか？", "真ん中のは何をするものですか？", False),
        ("supportの真ん中のは何をするものですか？", "真ん中のは何をするものですか？", False),
        ("付属のモデルには何がありますか？", "真ん中のは何をするものですか？", False),
        ("付属のモデルにはありますか？", "どうしてですか？", False),
        ("何をやめたいですか？", "やめるには？", False),
    ],
)
def test_a_rewriting_must_complete_the_question_and_keep_it(line: str, question: str, whole: bool) -> None:
    assert completes(line, question, past(KINDS)) is whole


def test_the_question_before_is_the_one_that_was_understood() -> None:
    typed = past(LOOKS, ("取り込むには？", "kotae library import で取り込みます。"))
    assert asked_before(typed, "ja") == "ライブラリを別のマシンに移せますか、取り込むには"
    understood = "別のマシンでライブラリを取り込むには何をしますか？"
    record = {"answer": {"standalone": understood}}
    known = [*typed[:-1], AIMessage("kotae library import で取り込みます。", additional_kwargs=record)]
    assert asked_before(known, "ja") == understood
    thanks = AIMessage("どういたしまして。", additional_kwargs={"answer": {"route": "direct"}})
    assert asked_before([*known, HumanMessage("ありがとう。"), thanks], "ja") == understood


@pytest.mark.parametrize(
    ("question", "before", "language"),
    [
        ("それを取り除くには？", "サンプルライブラリって何ですか？", "ja"),
        ("なぜ使えないんですか？", "ほかのプログラムからも使えますか？", "ja"),
    ],
)
def test_a_question_with_the_one_before_it_is_one_question(question: str, before: str, language: Language) -> None:
    assert cut(together(question, before, language), language) == ()


async def test_what_asks_and_points_back_is_no_small_talk(indexed: Settings) -> None:
    model = ScriptedChatModel(lines=["3つ目は何に使うんですか？"])
    async with Agent.open(indexed, model=model) as agent:
        assert _asks_nothing("ありがとう、それで助かりました。", "ja", agent.context)
        standalone = await agent.understand("3つ目は何に使うんですか？", [("user", KINDS[0]), ("assistant", KINDS[1])])
    assert standalone == "3つ目は何に使うんですか？（付属のモデルには何がありますか）"


async def test_the_same_question_again_may_mean_another_thing(indexed: Settings) -> None:
    record = {"answer": {"standalone": "期限は？（会議室の予約）"}}
    said: list[AnyMessage] = [HumanMessage("期限は？"), AIMessage("3日前です。", additional_kwargs=record)]
    async with Agent.open(indexed, model=ScriptedChatModel(lines=["期限は？"])) as agent:
        assert await stand_alone("期限は？", said, agent.context, Meter()) == "期限は？"
