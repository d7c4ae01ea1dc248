"""What the insights show of the conversations of others: a line for each, and of people nothing behind it."""

from __future__ import annotations

import re

import pytest

from tests.ui.people.town import LEAVE, TWENTY, Town, asked
from ui import strings

ROW = re.compile(r'<button type="button" class="kotae-ins-open ([\w-]+)" title="([^"]+)">([^<]+)</button>')


@pytest.mark.parametrize("language", strings.LANGUAGES)
async def test_a_conversation_of_another_person_is_said_to_be_theirs(here: Town, language: str) -> None:
    anna, eri, ben = await here.person("Anna", "owner"), await here.person("Eri", "editor"), await here.person("Ben")
    his = here.as_(ben)
    done = await asked(his, LEAVE)
    path = f"/api/threads/{done['thread']}/turns/{done['exchange']['id']}/feedback"
    assert (await his.put(path, json={"verdict": "down", "reasons": ["too_long"]})).status_code == 200
    words = strings.load(language)  # type: ignore[arg-type]
    for reader in (anna, eri):
        client = here.as_(reader, params={"lang": language})
        listed = await client.get("/api/insights/list", params={"which": "disliked"})
        assert ROW.findall(listed.text) == [("kotae-ins-private", words("insight.private"), LEAVE)]
        assert words("insight.person") in listed.text
        assert words("reason.too_long") in listed.text
        assert "<a " not in listed.text
        assert done["thread"] not in listed.text
        assert TWENTY[:20] not in listed.text
        assert (await client.get(f"/api/insights/visits/{done['thread']}/0")).status_code == 404


async def test_ones_own_is_opened_in_the_chat(here: Town) -> None:
    for person in (await here.person("Anna", "owner"), await here.person("Eri", "editor")):
        client = here.as_(person)
        own = await asked(client, LEAVE)
        listed = await client.get("/api/insights/list", params={"which": "all", "lang": "en"})
        assert f'href="?thread={own["thread"]}&amp;exchange=0"' in listed.text
