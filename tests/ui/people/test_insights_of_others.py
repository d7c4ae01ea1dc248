"""What the insights show of the conversations of others: a line for each, and of people nothing behind it."""

from __future__ import annotations

import re

import pytest

from tests.ui.people.town import LEAVE, TWENTY, Town, asked
from ui import strings

VISIT = re.compile(r'kotae-ins-visit" value="([^"]+)"')


@pytest.mark.parametrize("language", strings.LANGUAGES)
async def test_a_conversation_of_another_person_is_said_to_be_theirs(here: Town, language: str) -> None:
    anna, eri, ben = await here.person("Anna", "owner"), await here.person("Eri", "editor"), await here.person("Ben")
    his = here.as_(ben)
    told = await asked(his, LEAVE)
    path = f"/api/threads/{told['thread']}/turns/{told['exchange']['id']}/feedback"
    assert (await his.put(path, json={"verdict": "down", "reasons": ["too_long"]})).status_code == 200
    words = strings.load(language)  # type: ignore[arg-type]
    for reader in (anna, eri):
        client = here.as_(reader, params={"lang": language})
        listed = await client.get("/api/insights/list", params={"which": "disliked"})
        assert LEAVE in listed.text
        assert words("insight.person") in listed.text
        assert "<a " not in listed.text
        [place] = VISIT.findall(listed.text)
        read = await client.get(f"/api/insights/visits/{place}")
        assert read.status_code == 200
        assert words("insight.private") in read.text
        assert TWENTY[:20] not in read.text
        assert LEAVE not in read.text


async def test_ones_own_and_what_is_not_there(here: Town) -> None:
    anna = here.as_(await here.person("Anna", "owner"))
    ben = await here.person("Ben", "editor")
    own = await asked(anna, LEAVE)
    assert "20 days" in (await anna.get(f"/api/insights/visits/{own['thread']}/0")).text
    assert "20 days" not in (await here.as_(ben).get(f"/api/insights/visits/{own['thread']}/0")).text
    assert (await anna.get("/api/insights/visits/nothing/0")).status_code == 404
