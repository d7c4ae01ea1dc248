"""The HTTP application: who may ask, what is served, and with which headers."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fake_agent import FakeAgent, FakeContext, FakeDocument, Play, answer, passage, settings
from fastapi import FastAPI, Request

from agent.settings import Settings
from agent.state import Source
from ui import strings
from ui.api import create_app, preferred_language

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
BASE = "http://127.0.0.1:7860"
PATH = "/api/threads/t/answers/0/sources"


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    return make_agent(tmp_path)


def make_agent(folder: Path, **given: object) -> FakeAgent:
    agent = FakeAgent(Settings(data_dir=folder, models_dir=folder, **given), {"q": Play(answer("x"))})
    text, pdf, page = folder / "hours.md", folder / "plan.pdf", folder / "page.html"
    text.write_text("It opens at nine.", "utf-8")
    pdf.write_bytes(b"%PDF-1.7")
    page.write_text("<script>alert(1)</script>", "utf-8")
    agent.library.files = [FakeDocument(f"d{n}", str(path)) for n, path in enumerate((text, pdf, page), 1)]
    agent.library.context_of = {"p1": FakeContext("Before it.\n", "\nAfter it.")}
    agent.library.picture = PNG
    sources = (
        Source(1, passage(1, "It opens at nine.", title="Hours", url=str(text)), "opens at nine"),
        Source(2, passage(2, "The plan.", title="Plan", url=str(pdf), page=2), "plan"),
        Source(3, passage(3, "A page.", title="Page", url=str(page)), "page"),
        Source(4, passage(4, "Web.", title="Web", kind="web", url="https://a.example/"), "Web"),
        Source(5, passage(5, "Gone.", title="Gone", url="/etc/passwd"), "Gone"),
    )
    agent.put("t", "T", [("q", answer("At nine [1].", *sources)), ("interrupted", None)])
    return agent


@pytest.fixture
async def client(agent: FakeAgent) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(create_app(agent, chat=False)) as one:  # type: ignore[arg-type]
        yield one


def connected(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


async def test_health(client: httpx.AsyncClient) -> None:
    got = await client.get("/health")
    assert got.json() == {"status": "ok", "model": "fake-model", "model_ready": True}


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        ("", "", "en"),
        ("", "ja", "ja"),
        ("", "ja-JP,en;q=0.8", "ja"),
        ("", "en-GB,ja;q=0.9", "en"),
        ("", "fr,ja;q=0.5,en;q=0.6", "en"),
        ("", "de,fr", "en"),
        ("", "ja;q=0", "en"),
        ("", "ja;q=x,,;", "en"),
        ("ja", "en", "ja"),
        ("en", "ja", "en"),
        ("xx", "ja", "ja"),
    ],
)
async def test_the_page_follows_the_choice_then_the_browser(
    client: httpx.AsyncClient, cookie: str, accept: str, expected: str
) -> None:
    headers = {"accept-language": accept} | ({"cookie": f"kotae_lang={cookie}"} if cookie else {})
    got = await client.get("/?thread=t", headers=headers)
    assert (got.status_code, got.headers["location"]) == (307, f"/chat/{expected}/?thread=t")


async def test_an_idle_page_does_not_keep_the_processor_busy(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio looks whether something was asked: 1,100 times a second if it is left to itself."""
    app = create_app(agent)  # type: ignore[arg-type]
    looks, sleep = [], asyncio.sleep

    async def counted(seconds: float, *rest: object) -> None:
        looks.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("gradio.queueing.asyncio.sleep", counted)
    async with app.router.lifespan_context(app), connected(app) as client:
        await client.get("/chat/en/config")
        looks.clear()
        await sleep(0.3)
    assert looks
    assert min(looks) >= 0.02


async def test_switching_the_language_is_remembered_and_keeps_the_thread(client: httpx.AsyncClient) -> None:
    got = await client.get("/language/ja?thread=t")
    assert (got.status_code, got.headers["location"]) == (303, "/chat/ja/?thread=t")
    assert re.match(r"kotae_lang=ja;.*HttpOnly.*SameSite=lax", got.headers["set-cookie"])
    assert (await client.get("/language/xx")).status_code == 404


def test_without_a_request_header_english_is_spoken() -> None:
    assert preferred_language(Request({"type": "http", "headers": []})) == "en"


async def test_a_source_is_shown_in_its_surroundings(client: httpx.AsyncClient) -> None:
    got = await client.get(f"{PATH}/1?lang=en")
    assert got.headers["content-type"].startswith("text/html")
    assert "<mark>opens at nine</mark>" in got.text
    assert "Before it." in got.text
    assert "After it." in got.text
    assert f'href="{PATH}/1/document"' in got.text
    japanese = await client.get(f"{PATH}/1?lang=ja")
    assert strings.load("ja")("panel.open") in japanese.text


async def test_the_page_of_a_pdf_is_a_picture(client: httpx.AsyncClient) -> None:
    assert f'src="{PATH}/2/page.png"' in (await client.get(f"{PATH}/2")).text
    got = await client.get(f"{PATH}/2/page.png")
    assert (got.headers["content-type"], got.content) == ("image/png", PNG)


async def test_a_slide_has_a_page_and_no_picture(client: httpx.AsyncClient, agent: FakeAgent) -> None:
    agent.library.context_of["p2"] = FakeContext("", "", "slides")
    got = await client.get(f"{PATH}/2")
    assert "Page 2" in got.text
    assert "page.png" not in got.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/threads/x/answers/0/sources/1",
        "/api/threads/t/answers/1/sources/1",
        "/api/threads/t/answers/7/sources/1",
        "/api/threads/t/answers/-1/sources/1",
        f"{PATH}/9",
        f"{PATH}/1/page.png",
        f"{PATH}/4/page.png",
        f"{PATH}/4/document",
        f"{PATH}/5/document",
        "/api/anything",
        "/assets/../api.py",
        "/assets/%2e%2e/api.py",
        "/docs",
        "/openapi.json",
    ],
)
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_a_page_image_that_cannot_be_made_is_404(client: httpx.AsyncClient, agent: FakeAgent) -> None:
    agent.library.picture = None
    assert (await client.get(f"{PATH}/2/page.png")).status_code == 404


@pytest.mark.parametrize(
    ("n", "kind", "disposition"),
    [
        (1, "text/plain; charset=utf-8", ""),
        (2, "application/pdf", "inline"),
        (3, "application/octet-stream", "attachment"),
    ],
)
async def test_documents_are_shown_but_never_run(
    client: httpx.AsyncClient, n: int, kind: str, disposition: str
) -> None:
    got = await client.get(f"{PATH}/{n}/document")
    assert got.status_code == 200
    assert got.headers["content-type"] == kind
    assert got.headers.get("content-disposition", "").startswith(disposition)
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "script-src" not in got.headers["content-security-policy"]
    assert "default-src 'none'" in got.headers["content-security-policy"]


async def test_a_broken_library_still_shows_the_passage(client: httpx.AsyncClient, agent: FakeAgent) -> None:
    agent.library.broken = True
    got = await client.get(f"{PATH}/1?lang=en")
    assert "<mark>opens at nine</mark>" in got.text
    assert "secret" not in got.text
    assert strings.load("en")("panel.gone") in got.text


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"])
async def test_loopback_names_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:7860", "", "[::1", "0.0.0.0"],
)
async def test_other_names_are_refused(client: httpx.AsyncClient, host: str) -> None:
    got = await client.get("/health", headers={"host": host})
    assert got.status_code == 421


SAME = {"origin": BASE}


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        (SAME, True),
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://127.0.0.1:7861"}, False),
        ({"origin": "http://localhost:7860"}, False),
        ({"origin": "https://127.0.0.1:7860"}, False),
        ({"origin": "http://127.0.0.1:7860.evil.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_changes_come_from_our_own_pages_only(
    client: httpx.AsyncClient, method: str, headers: dict[str, str], allowed: bool
) -> None:
    got = await client.request(method, "/chat/en/gradio_api/queue/join", headers=headers)
    assert (got.status_code != 403) is allowed


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/assets/kotae.css", f"{PATH}/1", f"{PATH}/2/document"])
async def test_every_response_has_the_headers(client: httpx.AsyncClient, path: str) -> None:
    got = await client.get(path)
    policy = got.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["x-frame-options"] == "SAMEORIGIN"
    assert got.headers["referrer-policy"] == "same-origin"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"


async def test_embedding_needs_an_exact_origin(tmp_path: Path) -> None:
    origins = ("https://shop.example", "https://a.example; script-src *", "https://*.b.example", "null", "*")
    agent = make_agent(tmp_path, embed_origins=origins)
    async with connected(create_app(agent, chat=False)) as client:  # type: ignore[arg-type]
        got = await client.get("/health")
    assert got.headers["content-security-policy"].endswith("frame-ancestors 'self' https://shop.example")
    assert "x-frame-options" not in got.headers


@pytest.fixture(scope="module")
def page_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(make_agent(tmp_path_factory.mktemp("page")))  # type: ignore[arg-type]


async def test_the_page_names_no_other_host_and_every_script_has_the_nonce(page_app: FastAPI) -> None:
    async with connected(page_app) as client:
        first = await client.get("/chat/ja/", headers={"accept-encoding": "gzip"})
        second = await client.get("/chat/en/")
    assert first.status_code == 200
    nonces = [re.search(r"'nonce-([\w-]+)'", r.headers["content-security-policy"]).group(1) for r in (first, second)]  # type: ignore[union-attr]
    assert nonces[0] != nonces[1]
    assert '<html\n\tlang="ja"' in first.text
    assert set(re.findall(r"<script([^>]*?)(?: |>)", first.text)) <= {"", f' nonce="{nonces[0]}"'}
    assert first.text.count("<script") == first.text.count(f'<script nonce="{nonces[0]}"')
    loaded = re.findall(
        r"""<(?:script|link|img|iframe|meta)\b[^>]*(?:src|href|content)=["'](?:https?:)?//[^"']+""", first.text
    )
    assert loaded == []
    assert "/assets/kotae.js" in first.text


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/upload",
        "gradio_api/proxy=https://evil.example/",
        "gradio_api/file=/etc/passwd",
        "gradio_api/info",
        "gradio_api/openapi.json",
        "gradio_api/run/predict",
        "gradio_api/call/x",
        "gradio_api/runs",
        "gradio_api/dev/reload",
        "config",
        "login",
        "monitoring",
    ],
)
async def test_what_the_page_does_not_need_of_gradio_is_not_served(page_app: FastAPI, path: str) -> None:
    async with connected(page_app) as client:
        assert (await client.get(f"/chat/en/{path}")).status_code == 404
        assert (await client.post(f"/chat/en/{path}", headers=SAME)).status_code == 404


def test_importing_the_face_imports_no_gradio() -> None:
    program = (
        "import sys, ui.api, ui.chat, ui.chat_page, ui.serve, ui.render, ui.shield; sys.exit('gradio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_what_does_not_fit_is_named_and_not_sent_back(tmp_path: Path) -> None:
    """A field may hold a password."""
    app = create_app(FakeAgent(settings(tmp_path), {}), chat=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        got = await client.post("/api/memory?lang=en", json={"on": "hunter2-secret"})
    assert got.status_code == 422
    assert "hunter2" not in got.text
    assert "on" in got.json()["error"]
