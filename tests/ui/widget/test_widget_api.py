"""What the widget may ask over HTTP: by whom, from where, how much, and about whose conversations."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from agent.asker import OWNER, Asker
from tests.ui.http.served import Served, Start, parsed, until
from ui.widget.routes import LONGEST
from ui.widget.site import Site
from ui.widget.sites import Sites

PLACE = "https://shop.example"
LEAVE = "How many days of paid leave does an employee have?"
SAID = "Every employee has 20 days of paid leave a year. [1]"
WHAT = ("session", "ask", "follow", "stop", "history", "source", "feedback", "forget")
BODIES: dict[str, dict[str, Any]] = {
    "session": {},
    "ask": {"question": LEAVE},
    "follow": {"turn": "t"},
    "stop": {"turn": "t"},
    "history": {"thread": "t"},
    "source": {"thread": "t", "index": 0, "n": 1},
    "feedback": {"thread": "t", "turn": "t", "verdict": "up"},
    "forget": {},
}


class Visitor:
    """Somebody at a page of a site."""

    def __init__(self, served: Served, site: Site, origin: str = PLACE) -> None:
        self.served, self.site, self.origin = served, site, origin
        self.token = self.secret = ""

    async def send(self, what: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        given = {"Origin": self.origin, **({"Authorization": f"Bearer {self.token}"} if self.token else {}), **headers}
        path = f"/widget/{self.site.id}/{what}?lang=en"
        return await self.served.client.post(path, json=body or {}, headers=given)

    async def come(self) -> Visitor:
        said = (await self.send("session", {"visitor": self.secret})).json()
        self.token, self.secret = said["token"], said["visitor"]
        return self

    async def ask(self, question: str = LEAVE, thread: str = "") -> dict[str, Any]:
        response = await self.send("ask", {"question": question, "thread": thread})
        assert response.status_code == 200, response.text
        events = parsed(response.text)
        assert events[0].type == "turn"
        assert events[-1].type == "done", events[-1]
        return {**events[0].data, **events[-1].data, "turn_id": events[0].data["turn"]}


def keep(served: Served, **given: Any) -> Site:
    values = {"id": Sites.new_id(), "name": "Shop", "origins": [PLACE], "collections": ["default"], **given}
    site = Site.model_validate(values)
    Sites(served.agent.settings.data_dir).put(site)
    return site


def words(nodes: list[Any]) -> str:
    return "".join(node if isinstance(node, str) else words(node[2]) for node in nodes)


async def test_a_visitor_asks_reads_the_source_and_judges(start: Start) -> None:
    served = await start(SAID)
    visitor = await Visitor(served, keep(served)).come()
    answer = await visitor.ask()
    assert "20 days of paid leave" in words(answer["answer"])
    assert "Staff handbook of Aoba Railway" in words(answer["answer"])
    assert str(served.agent.settings.data_dir) not in str(answer), "paths of the machine are nobody's business"
    at = {"thread": answer["thread"], "index": answer["index"]}
    source = (await visitor.send("source", {**at, "n": 1})).json()["source"]
    assert "Unused days may be carried over" in words(source)
    assert "/api/" not in str(source)
    judged = {"thread": answer["thread"], "turn": answer["turn"], "verdict": "down"}
    assert (await visitor.send("feedback", judged)).status_code == 204
    history = (await visitor.send("history", {"thread": answer["thread"]})).json()
    assert [one["verdict"] for one in history["exchanges"]] == ["down"]
    assert [one["title"] for one in history["threads"]] == [LEAVE]
    assert (await visitor.send("feedback", {**judged, "verdict": ""})).status_code == 204
    assert (await visitor.send("source", {**at, "n": 9})).status_code == 404


async def test_a_visitor_comes_back_and_is_forgotten_on_wish(start: Start) -> None:
    served = await start(SAID)
    site = keep(served)
    first = await Visitor(served, site).come()
    thread = (await first.ask())["thread"]
    again = Visitor(served, site)
    again.secret = first.secret
    await again.come()
    assert len((await again.send("history", {"thread": thread})).json()["exchanges"]) == 1
    assert (await again.send("forget")).status_code == 204
    assert (await again.send("history", {"thread": thread})).json() == {"threads": [], "exchanges": []}


async def test_nobody_sees_the_conversation_of_another(start: Start) -> None:
    """Another visitor, a visitor of another site, the owner: each has their own."""
    served = await start(SAID, "pause", pause=0.0)
    site = keep(served)
    anna = await Visitor(served, site).come()
    answer = await anna.ask()
    elsewhere = keep(served, name="Other")
    thief = Visitor(served, elsewhere)
    thief.secret = anna.secret
    thread = answer["thread"]
    for other in (await Visitor(served, site).come(), await thief.come()):
        assert (await other.send("history", {"thread": thread})).json() == {"threads": [], "exchanges": []}
        assert (await other.send("ask", {"question": LEAVE, "thread": thread})).status_code == 404
        assert (await other.send("source", {"thread": thread, "index": 0, "n": 1})).status_code == 404
        judged = {"thread": thread, "turn": answer["turn"], "verdict": "up"}
        assert (await other.send("feedback", judged)).status_code == 404
        assert (await other.send("forget", {"thread": thread})).status_code == 404
        for what in ("follow", "stop"):
            assert (await other.send(what, {"turn": answer["turn_id"]})).status_code == 404
        assert (await other.send("forget")).status_code == 204
    assert len((await anna.send("history", {"thread": thread})).json()["exchanges"]) == 1
    assert await served.agent.threads() == []
    assert (await served.client.get(f"/api/threads/{thread}")).status_code == 404
    assert (await served.client.get(f"/api/threads/{thread}/answers/0/sources/1")).status_code == 404
    assert served.agent.asker == OWNER


async def test_whoever_keeps_the_site_reads_what_visitors_were_told(start: Start) -> None:
    served = await start(SAID, SAID, SAID)
    answer = await (await Visitor(served, keep(served)).come()).ask()
    listed = await served.client.get("/api/insights/list", params={"which": "all", "lang": "en"})
    assert f'value="{answer["thread"]}/0"' in listed.text
    read = await served.client.get(f"/api/insights/visits/{answer['thread']}/0")
    assert "20 days of paid leave" in read.text
    assert "Staff handbook of Aoba Railway" in read.text
    assert "href" not in read.text
    assert "<button" not in read.text
    assert (await served.client.get(f"/api/insights/visits/{answer['thread']}/1")).status_code == 404
    for name in ("owner", "person:7"):
        other = served.agent.acting_for(Asker(name, None))
        thread = other.new_thread()
        await other.ask(LEAVE, thread)
        assert (await served.client.get(f"/api/insights/visits/{thread}/0")).status_code == 404, "not a visitor's"


async def test_a_token_of_another_site_or_origin_is_none(start: Start) -> None:
    served = await start()
    site, other = keep(served, origins=[PLACE, "https://b.example"]), keep(served)
    visitor = await Visitor(served, site).come()
    for stranger in (Visitor(served, other), Visitor(served, site, "https://b.example"), Visitor(served, site)):
        stranger.token = visitor.token if stranger.site is other or stranger.origin != PLACE else "made-up"
        for what in WHAT[1:]:
            assert (await stranger.send(what, BODIES[what])).status_code == 401, what
    Sites(served.agent.settings.data_dir).remove(site.id)
    assert (await visitor.send("history")).status_code == 403, "a site that is gone has no visitors"


ORIGINS = [
    *("null", "", "*", "https://", "http://shop.example", "https://shop.example:444", "https://shop.example:443"),
    *(
        "https://shop.example/",
        "https://shop.example.",
        "https://SHOP.example",
        "https://shop.EXAMPLE",
        "HTTPS://shop.example",
    ),
    *(
        "https://www.shop.example",
        "https://evil.shop.example",
        "https://shop.example.evil.example",
        "https://evilshop.example",
    ),
    *("https://shop.exampl", "https://shop.examplee", "https://shop-example", "https://shop.example@evil.example"),
    *(
        "https://evil.example#shop.example",
        "https://evil.example?https://shop.example",
        "https://evil.example/https://shop.example",
    ),
    *(
        "https://shop.example https://evil.example",
        "https://evil.example, https://shop.example",
        "https://shop.example,null",
    ),
    *(
        "file://",
        "file:///shop.example",
        "chrome-extension://shop.example",
        "data:text/html",
        "blob:https://shop.example/x",
    ),
    *(
        "javascript:https://shop.example",
        "ftp://shop.example",
        "ws://shop.example",
        "wss://shop.example",
        "//shop.example",
    ),
    *("shop.example", "https:shop.example", "https:/shop.example", "https:///shop.example", "https://shop%2eexample"),
    *(
        "https://shop.example%00",
        "https://shop.example%2f",
        "https://shop.example\\@evil.example",
        "https://xn--shop.example",
    ),
    *(
        "https://127.0.0.1",
        "http://127.0.0.1",
        "http://localhost",
        "http://[::1]",
        "https://0x7f000001",
        "https://2130706433",
    ),
    *("https://shop.example:0", "https://shop.example:80", "https://shop.example:8443", "https://shop.example:65536"),
    *(
        "https://shop.example;x",
        "https://shop.example'",
        'https://shop.example"',
        "https://shop.example<x>",
        "HTTPS://SHOP.EXAMPLE",
    ),
    *("https://ѕhop.example".encode().decode("latin-1"), "https://shop.example\xa0", "undefined", "about:blank"),
]


async def test_sixty_foreign_origins_reach_nothing(start: Start) -> None:
    """With a good token of a visitor in hand, from everywhere else, and in every language a browser writes."""
    assert len({*ORIGINS}) >= 60
    served = await start()
    visitor = await Visitor(served, keep(served)).come()
    accepted = []
    for origin in ORIGINS:
        sent = origin.encode("latin-1")
        for what in WHAT:
            path = f"/widget/{visitor.site.id}/{what}"
            head = [(b"origin", sent), (b"authorization", f"Bearer {visitor.token}".encode())]
            for response in (
                await served.client.post(path, json=BODIES[what], headers=[*head]),
                await served.client.request(
                    "OPTIONS", path, headers=[*head, (b"access-control-request-method", b"POST")]
                ),
            ):
                if response.status_code != 403 or "access-control-allow-origin" in response.headers:
                    accepted.append((origin, what, response.status_code))
    assert accepted == []


async def test_without_an_origin_nothing_is_told(start: Start) -> None:
    served = await start()
    visitor = await Visitor(served, keep(served)).come()
    for what in WHAT:
        path = f"/widget/{visitor.site.id}/{what}"
        head = {"Authorization": f"Bearer {visitor.token}"}
        assert (await served.client.post(path, json=BODIES[what], headers=head)).status_code == 403
        assert (await served.client.get(path, headers={**head, "Origin": PLACE})).status_code == 403


async def test_a_page_of_the_site_reaches_the_widget_and_nothing_else(start: Start) -> None:
    served = await start()
    visitor = await Visitor(served, keep(served)).come()
    head = {"Origin": PLACE, "Authorization": f"Bearer {visitor.token}"}
    before = await served.client.request("OPTIONS", f"/widget/{visitor.site.id}/ask", headers=head)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == PLACE
    assert "access-control-allow-credentials" not in before.headers
    for path in ("/api/threads", "/api/library/overview", "/api/documents", "/health", "/metrics", "/widget.js"):
        response = await served.client.get(path, headers=head)
        assert "access-control-allow-origin" not in response.headers, path
        if path != "/widget.js":
            assert response.headers["cross-origin-resource-policy"] == "same-origin", path
    for path in ("/api/chat", "/api/library/sources", "/v1/chat/completions"):
        assert (await served.client.post(path, json={}, headers=head)).status_code == 403, path
    for path in (f"/widget/{visitor.site.id}/nothing", f"/widget/{visitor.site.id}/ask/x", "/widget/", "/widget/x"):
        assert (await served.client.post(path, json={}, headers=head)).status_code == 403, path


async def test_visitors_read_what_the_site_names(start: Start) -> None:
    served = await start("no", "no", "no", "no")
    nothing = await Visitor(served, keep(served, collections=[])).come()
    answer = await nothing.ask()
    assert answer["refused"]
    assert "Aoba" not in words(answer["answer"])


async def test_limits_of_the_day_and_of_the_minute(start: Start) -> None:
    served = await start(SAID, SAID, SAID)
    visitor = await Visitor(served, keep(served, daily_each=1)).come()
    await visitor.ask()
    refused = await visitor.send("ask", {"question": LEAVE})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "visitor_limit")
    assert "tomorrow" in refused.json()["error"]["message"]
    full = await Visitor(served, keep(served, daily=1)).come()
    await full.ask()
    assert (await (await Visitor(served, full.site).come()).send("ask", {"question": LEAVE})).json()["error"][
        "code"
    ] == "site_limit"
    codes = [(await full.send("session")) for _ in range(80)]
    assert codes[-1].status_code == 429
    assert int(codes[-1].headers["retry-after"]) >= 1
    assert codes[-1].headers["access-control-allow-origin"] == PLACE, "the page can read why"


async def test_one_question_at_a_time(start: Start) -> None:
    served = await start(SAID, pause=0.2)
    visitor = await Visitor(served, keep(served)).come()
    first = asyncio.create_task(visitor.ask())
    await until(lambda: served.turns.running == 1)
    refused = await visitor.send("ask", {"question": LEAVE})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "still_asking")
    await first


@pytest.mark.parametrize(("question", "code"), [("  ", "empty"), ("x" * (LONGEST + 1), "too_long")])
async def test_questions_that_cannot_be_asked(start: Start, question: str, code: str) -> None:
    served = await start()
    visitor = await Visitor(served, keep(served)).come()
    refused = await visitor.send("ask", {"question": question})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, code)
    assert Sites(served.agent.settings.data_dir).asked(visitor.site.id) == {}, "it does not count"


async def test_a_turn_is_gone_on_with_and_stopped(start: Start) -> None:
    served = await start(SAID, pause=0.3)
    visitor = await Visitor(served, keep(served)).come()
    head = {"Origin": PLACE, "Authorization": f"Bearer {visitor.token}"}
    path = f"/widget/{visitor.site.id}/ask"
    async with served.client.stream("POST", path, json={"question": LEAVE}, headers=head) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                break
    [turn] = served.turns._open.values()
    followed = asyncio.create_task(visitor.send("follow", {"turn": turn.id}))
    await until(lambda: turn._readers == 1)
    assert (await visitor.send("stop", {"turn": turn.id})).status_code == 204
    events = parsed((await followed).text)
    assert events[-1].type == "error"
    assert events[-1].data["code"] == "stopped"


async def test_what_a_page_says_of_the_web_can_only_be_less(start: Start) -> None:
    from ui.widget.routes import _at_most

    assert _at_most("on", "ask") is None
    assert _at_most("on", "off") is None
    assert _at_most("off", "on") == "off"
    assert _at_most("ask", "ask") == "ask"


async def test_nothing_that_goes_wrong_is_told_in_words_of_the_machine(start: Start) -> None:
    served = await start()  # the model has nothing to say, and raises
    visitor = await Visitor(served, keep(served)).come()
    response = await visitor.send("ask", {"question": "Who wrote the staff handbook, and when was that?"})
    last = parsed(response.text)[-1]
    text = words(last.data["answer"])
    for word in ("kotae", "Traceback", "Script", str(served.agent.settings.data_dir)):
        assert word not in text


async def test_the_script_is_small_and_asks_nobody_else(start: Start) -> None:
    import gzip

    served = await start()
    response = await served.client.get("/widget.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(gzip.compress(response.content, 9)) <= 35_000
    for other in (
        "http://",
        "https://",
        "import(",
        "eval(",
        "innerHTML",
        "insertAdjacentHTML",
        "document.write",
        "Function(",
    ):
        assert other not in response.text.replace("http://www.w3.org/2000/svg", ""), other
    again = await served.client.get("/widget.js", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
