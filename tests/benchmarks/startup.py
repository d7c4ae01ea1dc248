"""From `make chat` on a fresh clone to the page answering. Packages and the model come from this machine's caches."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 900.0


def run() -> dict[str, Any]:
    """Clone, `make chat`, wait for the page, stop. Conversations and index go to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="kotae-startup-") as name:
        folder = Path(name)
        clone = folder / "kotae"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {
            "KOTAE_PORT": str(port),
            "KOTAE_DATA_DIR": str(folder / "data"),
            "KOTAE_SETTINGS": str(folder / "settings.toml"),
            "BROWSER": "true",
        }
        environment.pop("VIRTUAL_ENV", None)
        began = time.perf_counter()
        process = subprocess.Popen(
            ["make", "chat"], cwd=clone, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
        )
        try:
            seconds = _until_it_answers(f"http://127.0.0.1:{port}/", began, process)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
    print(f"{'seconds_from_make_chat':26} {seconds:.1f}")
    return {"figures": {"seconds_from_make_chat": round(seconds, 1)}}


def _until_it_answers(url: str, began: float, process: subprocess.Popen[bytes]) -> float:
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        while time.perf_counter() - began < PATIENCE:
            if process.poll() is not None:
                raise SystemExit("make chat ended by itself; run it by hand to see why.")
            try:
                if client.get(url, timeout=5).status_code == 200:
                    return time.perf_counter() - began
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
    raise SystemExit(f"The page did not answer within {PATIENCE:.0f} s.")
