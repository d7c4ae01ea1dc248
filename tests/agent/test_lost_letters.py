"""What a model lost of a rare letter is put back from the sources."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from agent.lost_letters import LOST, restored, whole
from agent.verify import examine
from tools.base import Passage

SOURCE = "フー・マンチューは満州民族の貴族の出である。舞台は倫敦で、鷺沢という医師が追う。"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("フー・マンチューは\ufffd州民族である。", "フー・マンチューは満州民族である。"),
        ("フー・マンチューは\ufffd\ufffd州民族である。", "フー・マンチューは満州民族である。"),
        ("\ufffd沢という医師です。", "鷺沢という医師です。"),
        ("追うのは\ufffd沢、舞台は\ufffd敦です。", "追うのは鷺沢、舞台は倫敦です。"),
        ("それは\ufffdです。", "それは\ufffdです。"),
        ("満州民族です。", "満州民族です。"),
    ],
)
def test_a_lost_letter_is_put_back_where_the_sources_say_one_thing(written: str, told: str) -> None:
    assert restored(written, [SOURCE]) == told


def test_two_sources_that_differ_leave_it_lost() -> None:
    assert restored("\ufffd田さん", ["山田さん", "池田さん"]) == "\ufffd田さん"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_a_stream_is_whole_again_in_pieces_of_any_size(size: int) -> None:
    async def stream(text: str) -> AsyncIterator[str]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    async def heard(text: str) -> Sequence[str]:
        return [piece async for piece in whole(stream(text), [SOURCE])]

    pieces = await heard("フー・マンチューは\ufffd州民族である。[1]舞台は倫\ufffd")
    assert "".join(pieces) == "フー・マンチューは満州民族である。[1]舞台は倫敦"
    plain = "フー・マンチューは満州民族である。"
    assert len(await heard(plain)) == -(-len(plain) // size)  # nothing waits where nothing is lost


def test_a_sentence_that_stays_broken_is_not_carried() -> None:
    passage = Passage(id="1", text=SOURCE, title="小説", url="novel.md", kind="library", score=1.0)
    assert examine(f"フー・マンチューは{LOST}州民族の貴族の出である。", passage, "誰?").verdict == "foreign"
