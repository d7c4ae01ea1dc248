"""The specialists' routes on a real registry: what they show, what they change, and what they refuse."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from specialist_client import API, EN, JA, SAME, Page, files, opened
from specialist_client import page as page
from specialist_client import trainer as trainer
from specialist_parts_of_page import Trainer, ignorant, rows, settings, study

from ui import specialist_changes


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
    assert EN("spec.continues") in await page.text("frame")
    early = await page.trained(continues=True)
    assert "There is no version of this name yet that could be continued." in early
    await page.send("named/doors/give-up")
    await page.trained(promote=True)
    await page.trained(continues=True, settings={"epochs": 2})
    first, second = trainer.initial
    assert first is None
    assert second is not None
    assert second.parent.name == "1"
    report = await page.text("named/doors", version="2")
    assert re.search(rf"{EN('card.continued_from')}</dt><dd>version 1<", report)


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
