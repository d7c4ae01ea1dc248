"""What prompts begin with, kept in a file, with the catalogue's small model: `pytest -m live`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from agent.models.beginnings import Beginnings
from agent.models.catalogue import Catalogue
from agent.models.embedded import EmbeddedServer
from agent.reading import preamble
from agent.settings import Settings

pytestmark = pytest.mark.live

Start = Callable[[], EmbeddedServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of the small model that keep what they have read in one folder."""
    small = Catalogue.load().find("small")
    assert small is not None
    path = Settings().models_dir / small.file
    if not path.is_file():
        pytest.skip(f"{small.name} is not downloaded: run `kotae models pull small`")
    started: list[EmbeddedServer] = []

    def one() -> EmbeddedServer:
        for running in started:
            running.stop()
        started.append(EmbeddedServer(path, context=2048, folder=tmp_path / "prompts"))
        started[-1].start()
        return started[-1]

    yield one
    for running in started:
        running.stop()


def cached(server: EmbeddedServer, messages: list[BaseMessage]) -> int:
    """How many tokens of the prompt need not be read when it is asked."""
    roles = {"system": "system", "human": "user", "ai": "assistant"}
    body = {"messages": [{"role": roles[m.type], "content": m.text} for m in messages], "max_tokens": 1}
    headers = {"Authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/chat/completions"
    reply = httpx.post(url, json=body, headers=headers, timeout=300, trust_env=False)
    return int(reply.json()["usage"]["prompt_tokens_details"]["cached_tokens"])


def test_the_next_process_has_it_already(start: Start, tmp_path: Path) -> None:
    for number, language in enumerate(("en", "ja")):
        Beginnings(start(), tmp_path / "prompts").read(preamble(language), number)  # type: ignore[arg-type]
    assert len(list((tmp_path / "prompts").glob("*.kv"))) == 2
    again = start()
    beginnings = Beginnings(again, tmp_path / "prompts")
    for number, language in enumerate(("en", "ja")):
        beginnings.read(preamble(language), number)  # type: ignore[arg-type]
    assert len(list((tmp_path / "prompts").glob("*.kv"))) == 2, "restored, not read anew"
    for language, question in (("ja", "何時に開きますか。"), ("en", "When does it open?")):
        assert cached(again, [*preamble(language), HumanMessage(question)]) > 250  # type: ignore[arg-type]


def test_a_cut_file_is_read_anew_and_nothing_of_a_question_is_kept(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    Beginnings(start(), folder).read(preamble("en"), 0)
    [file] = folder.glob("*.kv")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    server = start()
    Beginnings(server, folder).read(preamble("en"), 0)
    [mended] = folder.glob("*.kv")
    assert len(mended.read_bytes()) == len(whole)
    cached(server, [*preamble("en"), HumanMessage("xylophone-4711")])
    assert [f.name for f in folder.iterdir()] == [mended.name]


def test_a_folder_that_cannot_be_written_costs_only_time(start: Start, tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file where the folder should be")
    server = start()
    Beginnings(server, tmp_path / "prompts").read(preamble("en"), 0)
    assert cached(server, [*preamble("en"), HumanMessage("When does it open?")]) > 250
