from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from agent.errors import KotaeError, SettingsError
from agent.settings import Settings
from tools.library import E5, Library
from ui.serve import listen, serve


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(SettingsError, match="kotae settings set accounts on"):
        listen(host, 0)


def test_other_machines_are_served_when_somebody_could_log_in(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, models_dir=tmp_path, host="0.0.0.0", port=0)
    with pytest.raises(SettingsError, match="kotae settings set accounts on, then kotae people add NAME --role owner"):
        serve(settings)
    settings = settings.model_copy(update={"accounts": "on"})
    with pytest.raises(
        SettingsError, match=r"^Nobody could log in yet: run kotae people add NAME --role owner"
    ) as told:
        serve(settings)
    assert "\n" not in str(told.value)
    with listen("0.0.0.0", 0, public=True) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


def test_a_port_in_use_is_one_line_with_a_way_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(KotaeError) as caught:
            listen("127.0.0.1", port)
    text = str(caught.value)
    assert f"Port {port}" in text
    assert "kotae serve --port" in text
    assert "\n" not in text


def test_port_0_takes_any() -> None:
    with listen("localhost", 0) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("watch", ["on", "off"])
def test_it_keeps_watched_folders_current_unless_told_not_to(tmp_path: Path, watch: str) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.md").write_text("about whales")
    library = Library.open(tmp_path / "data" / "library", E5())
    library.watch([tmp_path / "documents"])
    program = (
        "import sys; from pathlib import Path; from agent.settings import Settings; from ui.serve import serve\n"
        "folder = Path(sys.argv[1], 'data')\n"
        "settings = Settings(data_dir=folder, models_dir=folder, port=0, web='off', watch=sys.argv[2])\n"
        "serve(settings, ready=lambda url: print(url, flush=True))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), watch]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http")
        deadline = time.monotonic() + (30 if watch == "on" else 2)
        while not library.documents() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(library.documents()) == (1 if watch == "on" else 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_ends_cleanly_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    """With a page open: its event stream would keep the server waiting for ever."""
    program = (
        "import sys; from pathlib import Path; from agent.settings import Settings; from ui.serve import serve\n"
        "folder = Path(sys.argv[1])\n"
        "settings = Settings(data_dir=folder, models_dir=folder, port=0, web='off')\n"
        "serve(settings, ready=lambda url: print(url, flush=True))\n"
        "print('ended', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}health").json()["status"] == "ok"
        with httpx.stream("GET", f"{url}chat/en/gradio_api/heartbeat/abc") as stream:
            assert stream.status_code == 200
            process.send_signal(number)
            assert process.wait(30) == 0
        assert process.stdout.read().strip() == "ended", "what comes after serve() still runs"


def test_told_to_end_it_lets_the_turn_end(tmp_path: Path) -> None:
    """SIGTERM while an answer is being written: it is written to its end, and others are told to come later."""
    program = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from agent import Agent, Settings; from tests.ui.http.served import PacedModel; from ui.serve import serve\n"
        "folder = Path(sys.argv[1])\n"
        "settings = Settings(data_dir=folder, models_dir=folder, port=0, web='off')\n"
        "Agent.open = partial(Agent.open, model=PacedModel(lines=['Hello to you, dear reader.'] * 3, pause=0.3))\n"
        "serve(settings, ready=lambda url: print(url, flush=True))\n"
        "print('ended', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        read: list[str] = []
        with httpx.stream("POST", f"{url}api/chat", json={"question": "Hello!"}, timeout=60) as stream:
            for line in stream.iter_lines():
                read.append(line)
                if line == "event: token" and read.count(line) == 1:
                    process.send_signal(signal.SIGTERM)
                    time.sleep(0.2)
                    turned_away = httpx.post(f"{url}api/chat", json={"question": "Hello!"})
                    assert turned_away.status_code == 503
                    assert int(turned_away.headers["retry-after"]) >= 1
        assert "event: done" in read
        assert process.wait(30) == 0
        assert process.stdout.read().strip() == "ended"
