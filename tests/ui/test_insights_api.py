"""The insights' routes on a real database of conversations: figures, lists, and the table to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_agent import FakeAgent
from insight_parts import FORMULA, HOSTILE, QUESTIONS, opened

from agent.insights import LISTINGS
from ui import strings
from ui.api import create_app
from ui.render_insights import ON_A_PAGE

BASE = "http://127.0.0.1:7860"
EN, JA = strings.load("en"), strings.load("ja")


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[FakeAgent]:
    async with opened(tmp_path) as one:
        yield one


def client_of(agent: FakeAgent) -> httpx.AsyncClient:
    app = create_app(agent, chat=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE)


async def text(agent: FakeAgent, path: str, **query: Any) -> str:
    async with client_of(agent) as client:
        got = await client.get(f"/api/insights/{path}", params={"lang": "en", **query})
    assert got.status_code == 200, got.text
    assert got.headers["cache-control"] == "no-store"
    return got.text


async def test_the_figures_of_a_period(agent: FakeAgent) -> None:
    month = await text(agent, "figures", days=30)
    assert "<dd>10</dd>" in month
    assert 'Not answered</dt><dd>2 <span class="kotae-ins-share">20 %</span>' in month
    assert 'Disliked</dt><dd>1 <span class="kotae-ins-share">50 %</span>' in month
    assert 'role="img"' in month
    assert "10 in all, 2 of them not answered" in month
    assert month.count("<rect") >= 7
    assert "From the web" in month
    assert "<dd>11</dd>" in await text(agent, "figures", days=0)
    assert "<dd>9</dd>" in await text(agent, "figures", days=7)


async def test_everything_in_japanese(agent: FakeAgent) -> None:
    for path in ("frame", "figures", "list"):
        html = await text(agent, path, lang="ja", days=0)
        assert "Not answered" not in html
        assert "questions" not in html.lower()
    assert "日本語" in await text(agent, "figures", lang="ja")


async def test_a_list_leads_to_the_turn_and_shows_text_as_text(agent: FakeAgent) -> None:
    html = await text(agent, "list", which="all", days=0)
    assert "<img" not in html
    assert "&lt;img src=x onerror=" in html
    n = next(n for n, row in enumerate(QUESTIONS) if row["question"] == HOSTILE)
    assert f'href="?thread=t&amp;exchange={n}"' in html
    disliked = await text(agent, "list", which="disliked")
    assert EN("reason.wrong") in disliked
    assert "20 days, and 2 more after a year" in disliked
    assert "+see &lt;b&gt;page 3&lt;/b&gt;" in disliked
    assert "asked 2 times" in await text(agent, "list", which="repeated")
    assert "Failed" in await text(agent, "list", which="failed")


async def test_search_and_its_empty_end(agent: FakeAgent) -> None:
    assert "canteen" in await text(agent, "list", which="all", text="CANTEEN opens?"[:12])
    assert "食堂" in await text(agent, "list", which="all", text="食堂")
    assert EN("insight.none_found") in await text(agent, "list", which="all", text="nothing of this")


async def test_a_list_is_paged(agent: FakeAgent, tmp_path: Path) -> None:
    async with opened(
        tmp_path / "many", [{"question": f"Number {n}", "days": 0} for n in range(ON_A_PAGE + 3)]
    ) as many:
        first = await text(many, "list", which="all")
        assert first.count("<li") == ON_A_PAGE
        assert f"1–{ON_A_PAGE} of {ON_A_PAGE + 3}" in first
        second = await text(many, "list", which="all", page=1)
        assert second.count("<li") == 3
        assert (await text(many, "list", which="all", page=40)).count("<li") == 3, "the last page there is"


async def test_before_anything_was_asked_the_page_says_what_will_stand_there(tmp_path: Path) -> None:
    async with opened(tmp_path, []) as agent:
        assert EN("insight.empty") in await text(agent, "figures")
        assert JA("insight.empty") in await text(agent, "figures", lang="ja")
    async with opened(tmp_path / "old", [{"question": "Long ago", "days": 50}]) as agent:
        assert EN("insight.empty_period") in await text(agent, "figures", days=7)


async def test_the_table_can_be_opened_without_running_a_formula(agent: FakeAgent) -> None:
    async with client_of(agent) as client:
        got = await client.get("/api/insights/export.csv", params={"which": "all"})
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in got.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(got.content.decode("utf-8-sig"))))
    assert len(rows) == len(QUESTIONS)
    assert {row["asker"] for row in rows} == {"owner"}
    cells = [cell for row in rows for cell in row.values()]
    assert f"'{FORMULA}" in cells
    assert "'+see <b>page 3</b>" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    refused = await text(agent, "export.csv", which="refused", days=30)
    assert refused.count("refused") == 2


@pytest.mark.parametrize("query", [{"which": "../x"}, {"days": -1}, {"text": "x" * 201}, {"page": -1}])
async def test_what_no_page_sends_is_refused(agent: FakeAgent, query: dict[str, Any]) -> None:
    async with client_of(agent) as client:
        assert (await client.get("/api/insights/list", params=query)).status_code == 422


async def test_only_under_our_own_name(agent: FakeAgent) -> None:
    async with client_of(agent) as client:
        got = await client.get("/api/insights/figures", headers={"host": "evil.example"})
    assert got.status_code == 421


async def test_every_list_has_a_tab(agent: FakeAgent) -> None:
    frame = await text(agent, "frame")
    for which in LISTINGS:
        assert f'value="{which}"' in frame
        await text(agent, "list", which=which)


async def test_what_is_gone_meanwhile_is_not_in_the_way(agent: FakeAgent) -> None:
    await agent.insights.drop("t", 1)
    assert (await text(agent, "list", which="all", days=0)).count("<li") == 1
    await agent.insights.drop("t", 0)
    assert EN("insight.empty") in await text(agent, "figures")


async def test_a_visitors_question_is_shown_apart_and_without_their_name(tmp_path: Path) -> None:
    asked = {"question": "Do you ship to Guam?", "asker": "site:shop/visitor-4711"}
    async with opened(tmp_path, [asked, {"question": "And to Peru?"}]) as agent:
        html = await text(agent, "list", which="all")
        table = await text(agent, "export.csv")
    assert "Do you ship to Guam?" in html
    assert html.count("<a ") == 1, "their conversations are read apart from the owner's"
    assert html.count(EN("insight.visitor")) == 1
    assert html.count("kotae-ins-visit") == 1
    assert "4711" not in html + table
    assert table.count(",visitor,") == 1
