"""What is ordered on the specialists' routes: files are checked, a training is followed, stopped and gone on with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from library_parts import write
from specialist_client import EN, ORDER, Page, files, opened
from specialist_client import page as page
from specialist_client import trainer as trainer
from specialist_parts_of_page import LOSSES, Trainer, rows, settings, study

from tools.specialist.errors import SpecialistError
from ui import strings


def top(folder: Path) -> set[Path]:
    return set(folder.iterdir())


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
