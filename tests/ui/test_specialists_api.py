"""The specialists' routes on a real registry: what they show, what they change, and what they refuse."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_agent import FakeAgent
from library_parts import open_library, write
from specialist_parts_of_page import LOSSES, Trainer, ignorant, rows, settings, study

from agent.specialists.study import Specialists
from tools.specialist.errors import SpecialistError
from ui import specialist_changes, strings
from ui.api import create_app

BASE = "http://127.0.0.1:7860"
SAME = {"origin": BASE}
API = "/api/specialists"
EN, JA = strings.load("en"), strings.load("ja")
ORDER = {"name": "doors", "description": ["What to do with a door"]}


class Page:
    """The page's side of the routes. `seen` is all that it was told."""

    def __init__(self, client: httpx.AsyncClient, home: Path) -> None:
        self.client = client
        self.home = home
        self.seen: list[str] = []

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        query = {"lang": "en", **given.pop("query", {})}
        got = await self.client.request(method, f"{API}/{path}", params=query, headers=SAME, **given)
        if got.headers.get("content-type", "").startswith(("text", "application/json")):
            self.seen.append(got.text)
        return got

    async def text(self, path: str, **query: Any) -> str:
        got = await self.ask("GET", path, query=query)
        assert got.status_code == 200, got.text
        return got.text

    async def send(self, path: str, body: Any = None, method: str = "POST", **query: Any) -> httpx.Response:
        return await self.ask(method, path, json=body, query=query)

    async def upload(self, name: str, content: bytes, path: str = "uploads", **query: Any) -> httpx.Response:
        return await self.ask("POST", path, content=content, query={"name": name, **query})

    async def file(self, content: bytes | None = None, name: str = "doors.jsonl") -> dict[str, str]:
        got = await self.upload(name, rows() if content is None else content)
        assert got.status_code == 200, got.text
        return dict(got.json())

    async def train(self, **given: Any) -> httpx.Response:
        return await self.send("train", {**ORDER, **given})

    async def done(self) -> str:
        """The work as it is shown when nothing is left to do."""
        for _ in range(1000):
            found = (await self.ask("GET", "work")).json()
            if not found["busy"]:
                return str(found["html"])
            await asyncio.sleep(0.02)
        raise AssertionError("the work never ended")

    async def halfway(self) -> dict[str, Any]:
        """The work when half of the steps are done."""
        for _ in range(1000):
            found: dict[str, Any] = (await self.ask("GET", "work")).json()
            if f"{LOSSES // 2} of {LOSSES}" in found["html"]:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("the training never came so far")

    async def trained(self, **given: Any) -> str:
        got = await self.train(**{"files": [await self.file()], **given})
        assert got.status_code == 200, got.text
        return await self.done()


@asynccontextmanager
async def opened(folder: Path, made: Specialists) -> AsyncIterator[Page]:
    agent = FakeAgent(settings(folder), {})
    agent.library = open_library(folder / "data")  # type: ignore[assignment]
    agent.study = made
    agent.rows = rows(30).decode().splitlines(keepends=True)
    app = create_app(agent, chat=False)  # type: ignore[arg-type]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client,
    ):
        yield Page(client, folder)
    agent.library.close()  # type: ignore[attr-defined]


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
async def page(tmp_path: Path, trainer: Trainer) -> AsyncIterator[Page]:
    async with opened(tmp_path, study(settings(tmp_path), trainer)) as one:
        yield one
        # nothing that the page is told says where things lie on this machine
        assert not [text for text in one.seen if str(tmp_path) in text or "/tmp" in text]


def top(folder: Path) -> set[Path]:
    return set(folder.iterdir())


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "data" / "specialist-orders").rglob("*") if path.is_file()]


async def test_the_frame_and_no_specialist_yet(page: Page) -> None:
    frame = await page.text("frame")
    assert "Up to 200 MB each" in frame
    assert '<option value="">tiny</option>' in frame
    assert re.search(r'value="[a-z0-9.-]+" disabled="">[^<]+\(not downloaded\)', frame)
    assert JA("spec.train") in await page.text("frame", lang="ja")
    assert EN("spec.none") in await page.text("list")
    assert JA("spec.none") in await page.text("list", lang="ja")


async def test_from_examples_to_a_specialist_in_use_and_back(page: Page, tmp_path: Path) -> None:
    done = await page.trained()
    assert EN("spec.made_proven", n=1) in done
    assert "<svg" in done
    assert files(tmp_path) == [], "the registry keeps the examples"
    listed = await page.text("list")
    assert "Proven, not in use" in listed
    assert re.search(r"1\.00, which is \+0\.80 over the base \(\+0\.\d\d to \+0\.\d\d\)", listed)
    report = await page.text("named/doors")
    assert EN("report.passed") in report
    assert 'class="kotae-is-own"' in report
    assert "Better than the base model" in report
    got = await page.send("named/doors/promote", {"version": 1})
    assert got.json() == {"name": "doors", "promoted": 1}
    assert "In use: version 1" in await page.text("list")
    before = (await page.ask("GET", "work")).json()["content"]
    assert (await page.send("named/doors/rollback")).json()["promoted"] is None
    assert (await page.ask("GET", "work")).json()["content"] != before
    await page.send("named/doors/promote", {"version": 1})
    assert (await page.send("named/doors/retire")).json()["promoted"] is None
    assert (await page.send("named/doors", {}, "DELETE")).status_code == 200
    assert EN("spec.none") in await page.text("list")
    gone = await page.ask("GET", "named/doors")
    assert (gone.status_code, gone.json()["error"]) == (404, EN("unable.unknown"))


async def test_what_came_later_is_learned_from_the_version_in_use(page: Page, trainer: Trainer) -> None:
    assert EN("spec.further") in await page.text("frame")
    early = await page.trained(further=True)
    assert "There is no version of this name yet to learn on from." in early
    await page.send("named/doors/give-up")
    await page.trained(promote=True)
    await page.trained(further=True, settings={"epochs": 2})
    first, second = trainer.starts
    assert first is None
    assert second is not None
    assert second.parent.name == "1"
    report = await page.text("named/doors", version="2")
    assert re.search(rf"{EN('card.further')}</dt><dd>version 1<", report)


async def test_what_comes_with_kotae_is_offered_until_it_is_made(page: Page) -> None:
    assert "Rewrites a Japanese sentence" in await page.text("list")
    assert (await page.send("named/banking/shipped")).status_code == 404
    assert (await page.send("named/keigo/shipped")).status_code == 200
    await page.done()
    assert 'kotae-spec-shipped" value="keigo"' not in await page.text("list")
    assert 'kotae-spec-shipped" value="support"' in await page.text("list")
    report = await page.text("named/keigo")
    assert "examples of Kotae: keigo" in report
    assert "Apache-2.0" in report


async def test_it_is_put_into_use_at_once_if_that_is_wanted(page: Page) -> None:
    assert EN("spec.made_promoted", n=1) in await page.trained(promote=True)


async def test_a_check_tells_form_faults_with_their_lines_and_personal_data(page: Page, tmp_path: Path) -> None:
    spoilt = rows(40) + b'{"text": 1}\n{broken\n{"text":"Mail jane.doe@acme-corp.de <b>now</b>","intent":"open"}\n'
    file = await page.file(spoilt, "my <i>doors</i>.jsonl")
    html = (await page.send("check", {**ORDER, "files": [file]})).text
    assert "41 examples were read" in html
    assert "one of 3 answers (close, open, paint)" in html
    assert "2 lines cannot be used" in html
    assert "line 42:</span> This is not JSON" in html
    assert "1 example holds what looks like personal data" in html
    assert "an e-mail address <code>j•••" in html
    assert "jane.doe" not in re.sub(r'kotae-spec-text">[^<]*', "", html)
    assert 'name="personal"' in html
    assert "<i>" not in html
    japanese = (await page.send("check", {**ORDER, "files": [file]}, lang="ja")).text
    assert "使えない行が 2 行あります" in japanese
    assert "JSON として読めません" in japanese
    got = await page.train(files=[file])
    assert got.status_code == 200
    assert "41 examples hold" not in (ended := await page.done())
    assert "1 examples hold what looks like personal data" in ended
    got = await page.train(files=[file], personal=True)
    assert got.status_code == 200, "the same order with a permission is the same order"
    assert "kotae-is-done" in await page.done()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot.empty"),
        (b"no table and no JSON\n", "is neither JSON nor a table"),
        (b"\xff\xfe\x00\x01\x02\x00\xff", "is no text"),
        (rows(3), "Only 3 of 3 examples can be learned from"),
        (b'{"text": 1}\n{"text": 2}\n', "in all 2 lines|with all 2 lines"),
    ],
)
async def test_what_cannot_be_learned_from_is_told_in_a_sentence(page: Page, content: bytes, said: str) -> None:
    got = await page.upload("data.jsonl", content)
    if got.status_code == 200:
        got = await page.send("check", {**ORDER, "files": [got.json()]})
    assert got.status_code in (400, 409)
    error = got.json()["error"]
    assert error == EN(said) if said.startswith("cannot.") else re.search(said, error), error
    assert "--" not in error


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_a_form_that_does_not_fit_is_told_in_the_readers_language(page: Page, language: str) -> None:
    words = strings.load(language)  # type: ignore[arg-type]
    file = await page.file()
    for given, reason in (
        ({"name": "Türen"}, "name"),
        ({"name": "../up"}, "name"),
        ({"settings": {"rank": 0}}, "settings"),
        ({"settings": {"unheard": 1}}, "settings"),
        ({"method": "magic"}, "form"),
        ({"files": [{"id": "../../etc/passwd"}]}, "form"),
    ):
        got = await page.send("train", {**ORDER, "files": [file], **given}, lang=language)
        assert (got.status_code, got.json()["error"]) == (400, words(f"unable.{reason}")), given
    got = await page.send("train", {**ORDER, "files": [{"id": "0" * 16}]}, lang=language)
    assert (got.status_code, got.json()["error"]) == (410, words("unable.file_gone"))
    got = await page.send("check", {**ORDER, "feedback": True}, lang=language)
    assert (got.status_code, "CLI" in got.json()["error"]) == (409, False)
    assert got.json()["error"].startswith({"en": "No feedback was given yet", "ja": "評価ボタンの結果が"}[language])


async def test_names_of_clients_lead_nowhere(page: Page, tmp_path: Path) -> None:
    before = top(tmp_path)
    for name in ("../../up.jsonl", "/etc/cron.d/x", "C:\\windows\\a.csv", "..", "\0", "a" * 900 + ".jsonl", ".hidden"):
        got = await page.upload(name, rows(12))
        assert got.status_code == 200
        assert re.fullmatch(r"[0-9a-f]{16}", got.json()["id"])
    assert top(tmp_path) - before <= {tmp_path / "data"}
    assert all(path.parent.parent == tmp_path / "data/specialist-orders/files" for path in files(tmp_path))
    for id in [path.parent.name for path in files(tmp_path)]:
        await page.send(f"uploads/{id}/forget")
    await page.send("uploads/..%2F..%2Fdata/forget")
    assert files(tmp_path) == []
    assert (tmp_path / "data").is_dir()


async def test_one_thing_is_made_at_a_time(page: Page, trainer: Trainer) -> None:
    trainer.step.clear()
    await page.train(files=[await page.file()])
    other = await page.file(name="other.jsonl")
    for path, body in (("train", {**ORDER, "name": "gates", "files": [other]}), ("raft", {"collection": "default"})):
        got = await page.send(path, body)
        assert (got.status_code, got.json()["error"]) == (409, EN("unable.busy_training", name="doors"))
    assert "gates" not in await page.text("list")
    got = await page.send("named/doors/give-up")
    assert got.status_code == 409
    trainer.step.set()
    await page.done()


async def test_a_training_is_followed_stopped_and_goes_on_from_its_checkpoint(
    page: Page, trainer: Trainer, tmp_path: Path
) -> None:
    trainer.halfway = trainer.step.clear  # type: ignore[method-assign]
    await page.train(files=[await page.file()])
    found = await page.halfway()
    html = found["html"]
    again = (await page.ask("GET", "work", query={"after": found["revision"]})).json()
    assert "html" not in again
    assert "412 tokens/s" in html
    assert "about 60 s left" in html
    assert 'value="0.5000" max="1"' in html
    assert "Training · 50 %" in await page.text("list")
    assert "学習中・50%" in await page.text("list", lang="ja")
    id = re.findall(r'kotae-spec-stop" value="(\w+)"', html)[0]
    await page.send(f"work/{id}/stop")
    assert EN("spec.stopped") in await page.done()
    assert "Not finished" in await page.text("list")
    got = await page.train(files=[await page.file(name="other.jsonl")])
    assert got.json()["error"] == EN("unable.exists")
    trainer.step.set()
    assert (await page.send("named/doors/resume")).status_code == 200
    assert "kotae-is-done" in await page.done()
    assert trainer.before == [1, LOSSES // 2 + 1]
    await page.send(f"work/{id}/dismiss")
    assert len(files(tmp_path)) == 1, "only the file that no order took is left"
    assert (await page.send("named/doors/resume")).json()["error"] == EN("unable.no_order")


async def test_what_the_end_of_the_program_cut_off_goes_on_after_the_next_start(tmp_path: Path) -> None:
    trainer = Trainer()
    trainer.halfway = trainer.step.clear  # type: ignore[method-assign]
    async with opened(tmp_path, study(settings(tmp_path), trainer)) as page:
        await page.train(files=[await page.file()])
        await page.halfway()
    trainer.step.set()
    async with opened(tmp_path, study(settings(tmp_path), trainer)) as page:
        assert "kotae-spec-resume" in await page.text("list")
        await page.send("named/doors/resume")
        assert "kotae-is-done" in await page.done()
    assert trainer.before == [1, LOSSES // 2 + 1]


async def test_an_order_that_is_given_up_leaves_nothing(page: Page, trainer: Trainer, tmp_path: Path) -> None:
    trainer.error = SpecialistError("memory", f"Training needs 9 GB, see {tmp_path}: choose --base small.")
    assert EN("unable.memory") in await page.trained()
    assert len(files(tmp_path)) == 2
    assert (await page.send("named/doors/give-up")).status_code == 200
    assert files(tmp_path) == []
    assert EN("spec.none") in await page.text("list")


async def test_what_is_not_proven_cannot_be_put_into_use(tmp_path: Path) -> None:
    async with opened(tmp_path, study(settings(tmp_path), Trainer(), ignorant)) as page:
        assert EN("against.not_better_than_base") in await page.trained(promote=True)
        listed = await page.text("list")
        button = re.findall(r"<button[^>]*kotae-spec-promote[^>]*>", listed)[0]
        assert "disabled" in button
        assert EN("against.not_better_than_base") in button
        got = await page.send("named/doors/promote", {"version": 1})
        assert (got.status_code, got.json()["error"]) == (409, EN("unable.not_proven"))
        assert JA("against.not_better_than_base") in await page.text("named/doors", lang="ja")


async def test_one_question_to_both(page: Page) -> None:
    await page.trained()
    html = (await page.send("named/doors/compare", {"question": "Please paint it"})).text
    assert re.findall(r'kotae-spec-text">(\w+)', html) == ["open", "paint"]
    html = (await page.send("named/doors/compare", {"question": "Sing"})).text
    assert "nothing &lt;b&gt;bold&lt;/b&gt;" in html
    assert "<b>" not in html
    got = await page.send("named/doors/compare", {"question": "  "})
    assert (got.status_code, got.json()["error"]) == (400, EN("unable.question_empty"))
    got = await page.send("named/gates/compare", {"question": "Open it"})
    assert got.status_code == 404


async def test_an_export_comes_back_and_is_not_believed(page: Page, tmp_path: Path) -> None:
    await page.trained()
    got = await page.ask("GET", "named/doors/export", query={"version": 1})
    assert got.headers["content-disposition"] == 'attachment; filename="doors-1.zip"'
    assert set(zipfile.ZipFile(io.BytesIO(got.content)).namelist()) == {"card.yaml", "adapter.gguf", "evaluation.json"}
    with_data = await page.ask("GET", "named/doors/export", query={"version": 1, "data": True})
    assert (await page.upload("b.zip", got.content, "archives")).json() == {"name": "doors", "version": 2}
    report = await page.text("named/doors", version=2)
    assert EN("report.elsewhere") in report
    assert "kotae-spec-examine" in report
    await page.send("named/doors/examine", {"version": 2})
    assert "cannot be examined or trained again" in await page.done()
    assert (await page.upload("c.zip", with_data.content, "archives")).json()["version"] == 3
    assert (await page.send("named/doors/examine", {"version": 3})).status_code == 200
    assert EN("spec.made_proven", n=3) in await page.done()
    bad = await page.upload("bad.zip", b"PK nothing of a ZIP", "archives")
    assert (bad.status_code, bad.json()["error"]) == (409, EN("unable.archive"))
    assert [path for path in files(tmp_path) if "archives" in path.parts] == []
    await page.send("named/doors", {"version": 2}, "DELETE")
    assert "Version 2" not in await page.text("named/doors")


async def test_a_base_that_was_replaced_is_told_and_trained_again(tmp_path: Path, trainer: Trainer) -> None:
    made = study(settings(tmp_path), trainer)
    async with opened(tmp_path, made) as page:
        await page.trained(promote=True, settings={"rank": 4})
        made._speaker.unusable = "base_other"  # type: ignore[attr-defined]
        listed = await page.text("list")
        assert "Base model retired" in listed
        assert EN("spec.retired_base", base="tiny") in listed
        (tmp_path / "tiny.gguf").write_bytes(b"the weights of another tiny model")
        made._speaker.unusable = ""  # type: ignore[attr-defined]
        assert (await page.send("named/doors/again")).status_code == 200
        assert EN("spec.made_proven", n=2) in await page.done()
        assert made.get("doors", 2).card.training.rank == 4


async def test_examples_are_made_from_a_collection(page: Page, tmp_path: Path) -> None:
    write(tmp_path / "papers", hours="The museum opens at nine.")
    got = await page.send("raft", {"collection": "a/b", "questions": 20})
    assert got.status_code == 200
    html = await page.done()
    assert EN("spec.made_rows", n=30) in html
    file = re.findall(r'kotae-spec-use" value="(\w+)" data-name="([^"]+)"', html)[0]
    assert file[1] == "a/b.jsonl"
    checked = await page.send("check", {**ORDER, "files": [{"id": file[0], "name": file[1]}]})
    assert "30 examples were read" in checked.text
    assert (await page.send("raft", {"collection": "a", "questions": 10**6})).status_code == 422


async def test_only_our_own_page_may_change_anything(page: Page) -> None:
    routes = [
        (method, route.path)
        for route in page.client._transport.app.routes  # type: ignore[attr-defined]
        if getattr(route, "path", "").startswith(API)
        for method in route.methods
        if method != "GET"
    ]
    assert len(routes) >= 16
    for method, path in routes:
        path = re.sub(r"\{\w+\}", "doors", path)
        for headers in ({"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}):
            got = await page.client.request(method, path, headers=headers, json={})
            assert got.status_code == 403, path


async def test_a_body_is_only_long_where_a_file_is_sent(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"x" * (2**20 + 1)
    assert (await page.ask("POST", "check", content=long)).status_code == 413
    assert (await page.upload("a.jsonl", rows() + b" " * 2**21)).status_code == 200
    got = await page.client.post(
        f"{API}/uploads", params={"name": "a"}, headers={**SAME, "content-length": str(201 * 2**20)}, content=b"x"
    )
    assert got.status_code == 413


async def test_a_fault_inside_is_told_without_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = study(settings(tmp_path), Trainer(error=RuntimeError("the secret path /srv/x")))  # type: ignore[arg-type]
    async with opened(tmp_path, made) as page:
        html = await page.trained()
        assert EN("unable.inside") in html
        assert "secret" not in html


def test_a_route_changes_nothing_by_get() -> None:
    source = Path(specialist_changes.__file__).read_text("utf-8")
    assert "app.get" not in source
