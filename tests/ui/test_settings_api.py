"""The settings' routes on a real settings file: what they show, what they write, and what they refuse."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomlkit
from fake_agent import FakeAgent

from agent.doctor import Check, examine
from agent.errors import ModelUnavailable
from agent.models.catalogue import Catalogue, CatalogueModel
from agent.models.pull import PullProgress
from agent.settings import SECRETS, Settings
from ui import model_work, settings, strings
from ui.api import create_app
from ui.render_models import checks_html, name_code
from ui.settings_fields import GROUPS, control

BASE = "http://127.0.0.1:7860"
SAME = {"origin": BASE}
EN, JA = strings.load("en"), strings.load("ja")
SECRET = "sk-very-secret"


class Page:
    """The page's side of the routes."""

    def __init__(self, client: httpx.AsyncClient, file: Path, models: Path) -> None:
        self.client, self.file, self.models = client, file, models

    async def get(self, path: str, **query: Any) -> Any:
        got = await self.client.get(f"/api/settings/{path}", params={"lang": "en", **query})
        assert got.status_code == 200, got.text
        return got.json() if got.headers["content-type"].startswith("application/json") else got.text

    async def part(self, group: str, **query: Any) -> str:
        return str((await self.get("parts", **query))["parts"][group])

    async def save(self, language: str = "en", **changes: str | None) -> httpx.Response:
        body = {"changes": changes}
        return await self.client.post("/api/settings/values", params={"lang": language}, json=body, headers=SAME)

    async def do(self, path: str) -> httpx.Response:
        return await self.client.post(f"/api/settings/{path}", params={"lang": "en"}, headers=SAME)

    async def until(self, state: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for _ in range(500):
            found: dict[str, Any] = await self.get("work")
            if state(found):
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"it never came so far: {found}")

    def written(self) -> dict[str, Any]:
        return dict(tomlkit.parse(self.file.read_text("utf-8")).unwrap()) if self.file.is_file() else {}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith("KOTAE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "config" / "settings.toml"))
    (tmp_path / "config").mkdir()
    written = tmp_path / "config" / "settings.toml"
    written.write_text(f'# mine\npassages = 6\nbrave_key = "{SECRET}"\n')
    return written


def started(folder: Path, **given: Any) -> FakeAgent:
    return FakeAgent(Settings.load(data_dir=folder / "data", models_dir=folder / "models", **given), {})


@pytest.fixture
async def page(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Page]:
    monkeypatch.setenv("KOTAE_WEB_PAGES", "3")
    app = create_app(started(tmp_path, port=7999), chat=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as client:
        yield Page(client, file, tmp_path / "models")


def test_every_setting_has_its_place_and_its_words() -> None:
    shown = [key for keys in GROUPS.values() for key in keys]
    assert sorted(shown) == sorted(Settings.model_fields)
    assert len(set(shown)) == len(shown)
    for words in (EN, JA):
        assert [key for key in shown if not words.code("opt", key) or not words.code("purpose", key)] == []
    assert {key for key in shown if control(key).kind == "secret"} == SECRETS


def test_controls_follow_from_the_types() -> None:
    assert (control("web").kind, control("web").choices) == ("choice", ("on", "ask", "off"))
    assert (control("passages").least, control("passages").most, control("passages").whole) == (1, 20, True)
    assert (control("max_seconds").least, control("max_seconds").most, control("max_seconds").whole) == (1, None, False)
    assert control("web_providers").kind == "order"
    assert control("egress_allow").kind == "list"
    assert control("section_tokens").kind == "text"
    assert control("data_dir").kind == "fixed"


async def test_where_each_value_comes_from(page: Page) -> None:
    answers, web, serving = await page.part("answers"), await page.part("web"), await page.part("serving")
    assert 'name="passages" aria-describedby="kotae-opt-passages-why kotae-opt-passages-fault" value="6"' in answers
    assert EN("option.from_file") in answers
    assert EN("option.default") in answers
    assert EN("option.from_variable", name="KOTAE_WEB_PAGES") in web
    assert EN("option.locked_variable", name="KOTAE_WEB_PAGES") in web
    assert 'name="web_pages"' not in web
    assert EN("option.from_start") in serving
    assert "7999" in serving
    assert "kotae settings set host" in serving
    assert "環境変数 KOTAE_WEB_PAGES で指定" in await page.part("web", lang="ja")


async def test_a_secret_is_never_sent_back(page: Page) -> None:
    everything = str(await page.get("parts"))
    assert SECRET not in everything
    assert EN("secret.set") in everything
    assert (await page.save(brave_key="another-key")).status_code == 200
    assert "another-key" not in str(await page.get("parts"))
    assert page.written()["brave_key"] == "another-key"
    assert (await page.save(brave_key=None)).status_code == 200
    assert "brave_key" not in page.written()
    refused = await page.save(brave_key="bad key 鍵")
    assert refused.status_code == 422
    assert "鍵" not in refused.text
    assert refused.json()["error"] == EN("unfit.brave_key")


async def test_what_is_saved_waits_for_a_restart(page: Page) -> None:
    assert (await page.get("parts"))["banner"] == ""
    assert (await page.save(passages="8", ask_back="off", egress_allow="intranet, 192.168.1.7:8080")).status_code == 200
    assert page.file.read_text().startswith("# mine\n"), "comments stay"
    loaded = Settings.load()
    assert (loaded.passages, loaded.ask_back, loaded.egress_allow) == (8, "off", ("intranet", "192.168.1.7:8080"))
    banner = (await page.get("parts"))["banner"]
    assert EN("opt.passages") in banner
    assert EN("opt.ask_back") in banner
    assert EN("opt.web_pages") not in banner
    assert JA("opt.passages") in (await page.get("parts", lang="ja"))["banner"]
    await page.save(passages="6", ask_back=None, egress_allow=None)
    assert (await page.get("parts"))["banner"] == ""


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("passages", "0", "misfit.least"),
        ("passages", "21", "misfit.most"),
        ("passages", "many", "misfit.whole"),
        ("max_seconds", "1", "misfit.above"),
        ("web_seconds", "long", "misfit.number"),
        ("web", "maybe", "misfit.choice"),
        ("section_tokens", "5000", "unfit.section_tokens"),
        ("web_region", "Mars", "unfit.web_region"),
        ("web_providers", "searxng", "unfit.web_providers"),
        ("egress_allow", "http://", "unfit.egress_allow"),
        ("model", "qwen9", "unfit.model"),
        ("model", "/no/such/file.gguf", "unfit.model"),
        ("nonsense", "1", "misfit.unknown"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_a_value_that_does_not_fit_is_one_line_and_nothing_is_written(
    page: Page, key: str, value: str, said: str, language: str
) -> None:
    before = page.file.read_text()
    got = await page.save(language, **{key: value, "max_drafts": "1"})
    assert got.status_code == 422
    words = strings.load(language)  # type: ignore[arg-type]
    bounds = {"misfit.least": "1", "misfit.most": "20", "misfit.above": "1.0"}
    expected = words(said, bound=bounds[said]) if said in bounds else words(said)
    assert got.json() == {"error": expected, "field": key}
    assert page.file.read_text() == before


async def test_what_is_set_elsewhere_cannot_be_changed_here(page: Page) -> None:
    for key, value in (("web_pages", "9"), ("port", "80"), ("data_dir", "/elsewhere"), ("host", "0.0.0.0")):
        got = await page.save(**{key: value})
        assert (got.status_code, got.json()["field"]) == (409, key)
    assert not {"web_pages", "port", "data_dir", "host"} & set(page.written())


async def test_a_service_cannot_lose_what_it_needs(page: Page) -> None:
    assert (await page.save(web_providers="brave,duckduckgo")).status_code == 200
    refused = await page.save(brave_key=None)
    assert refused.status_code == 422
    assert refused.json()["field"] == "web_providers"
    assert page.written()["brave_key"] == SECRET


async def test_a_file_that_cannot_be_read_is_said_and_not_overwritten(page: Page) -> None:
    page.file.write_text("passages = ")
    found = await page.get("parts")
    assert str(page.file) in found["banner"]
    assert "<input" not in found["parts"]["answers"]
    assert (await page.save(passages="5")).json()["error"] == EN("misfit.broken")
    assert page.file.read_text() == "passages = "


async def test_a_file_that_cannot_be_written_is_said(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> Path:
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr(Settings, "store_all", full)
    got = await page.save(passages="5")
    assert (got.status_code, got.json()["error"]) == (500, EN("misfit.not_written"))


async def test_only_our_own_pages_may_change_settings(page: Page) -> None:
    body = {"changes": {"passages": "5"}}
    foreign = {"origin": "https://evil.example"}
    assert (await page.client.post("/api/settings/values", json=body, headers=foreign)).status_code == 403
    assert (await page.client.post("/api/settings/models/small/download", headers=foreign)).status_code == 403
    assert page.written()["passages"] == 6


# ---- models ----


def laid_down(monkeypatch: pytest.MonkeyPatch, act: Callable[..., Path]) -> None:
    monkeypatch.setattr(model_work, "pull", act)


async def test_the_catalogue_says_what_is_there_and_what_is_chosen(page: Page) -> None:
    one = Catalogue.load().default
    html = await page.get("models")
    for model in Catalogue.load().models:
        assert model.title in html
    assert html.count(EN("model.missing")) == len(Catalogue.load().models)
    assert EN("model.in_use") in html
    page.models.mkdir()
    with (page.models / f"{one.file}.url.partial").open("wb") as partial:
        partial.truncate(one.bytes // 2)
    assert EN("model.partly", share="50 %") in await page.get("models")
    with (page.models / one.file).open("wb") as whole:
        whole.truncate(one.bytes)
    assert EN("model.there") in await page.get("models")
    assert (await page.save(model="small")).status_code == 200
    assert page.written()["model"] == "qwen2.5-coder-0.5b", "by its name"
    assert EN("model.chosen") in await page.get("models")


async def test_a_download_is_followed_stopped_and_taken_up(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def pull(model: CatalogueModel, folder: Path, *, progress: Any, stop: threading.Event) -> Path:
        begun.append(model.name)
        progress(PullProgress(model.name, "downloading", model.bytes // 4, model.bytes))
        if len(begun) == 1:
            assert stop.wait(10)
            raise ModelUnavailable("stopped; `kotae models pull` goes on in /secret")
        return folder / model.file

    laid_down(monkeypatch, pull)
    id = (await page.do("models/small/download")).json()["work"]
    running = await page.until(lambda found: "of 469 MB" in found["html"])
    assert 'value="0.2500"' in running["html"]
    busy = await page.do("models/small/download")
    assert (busy.status_code, "being downloaded" in busy.json()["error"]) == (409, True)
    assert "disabled" in await page.get("models")
    await page.do(f"work/{id}/stop")
    stopped = await page.until(lambda found: not found["busy"])
    assert EN("download.stopped") in stopped["html"]
    assert "/secret" not in stopped["html"]
    assert stopped["content"] > running["content"]
    await page.do("models/small/download")
    done = await page.until(lambda found: not found["busy"])
    assert "is downloaded" in done["html"]
    assert begun == ["qwen2.5-coder-0.5b"] * 2
    await page.do(f"work/{id}/dismiss")
    assert (await page.get("work"))["html"] != "", "that was the id of the first one"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelUnavailable("no source: /secret"), "download.network"),
        (RuntimeError("/secret"), "download.inside"),
    ],
)
async def test_a_download_that_fails_says_why_in_our_words(
    page: Page, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    page.models.mkdir()

    def pull(*_: object, **__: object) -> Path:
        raise error

    laid_down(monkeypatch, pull)
    await page.do("models/small/download")
    failed = await page.until(lambda found: not found["busy"])
    assert EN(said) in failed["html"]
    assert "/secret" not in failed["html"]


async def test_a_real_file_is_downloaded_by_the_same_code_as_on_the_command_line(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Catalogue.load().models[-1]
    content = b"GGUF" * 100
    own = small.model_copy(update={"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    monkeypatch.setattr(Catalogue, "load", classmethod(lambda cls: Catalogue(models=(own,))))
    page.models.mkdir()
    (page.models / own.file).write_bytes(content)
    await page.do(f"models/{own.name}/download")
    assert "is downloaded" in (await page.until(lambda found: not found["busy"]))["html"]


async def test_an_unknown_model_is_not_downloaded(page: Page) -> None:
    got = await page.do("models/qwen9/download")
    assert (got.status_code, got.json()["error"]) == (404, EN("download.unknown"))


# ---- health ----


async def test_the_checks_are_shown_on_request(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [
        Check("Python", True, "Python 3.11.7 on Linux x86_64"),
        Check("Model", False, "small is not downloaded yet", "Run `kotae models pull small`."),
        Check("Port", None, "taken", "Stop it."),
    ]
    monkeypatch.setattr(settings, "examine", lambda _: checks)
    html = await page.get("health")
    assert EN("health.failed_one") in html
    assert "<code>kotae models pull small</code>" in html
    assert "taken" not in html, "it is Kotae itself that has the port"
    japanese = await page.get("health", lang="ja")
    assert "small はまだダウンロードされていません" in japanese
    assert 'lang="en"' not in japanese


def test_what_the_doctor_finds_here_has_words_in_japanese(tmp_path: Path, file: Path) -> None:
    checks = examine(Settings(data_dir=tmp_path / "data", models_dir=tmp_path / "models"))
    html = checks_html([check for check in checks if check.name != "Port"], JA)
    assert 'lang="en"' not in html, html
    for check in checks:
        if check.name != "Port":
            assert JA.code("checks", name_code(check.name)), check.name
