"""Training from the program's side: prepares a folder, starts the child process, listens to it, and can stop it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

import psutil

from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example, fingerprint
from tools.specialist.plan import Outcome, Plan, Progress
from tools.specialist.train.base import fast_bfloat16
from tools.specialist.train.memory import memory_need

_PACKAGES: Final = ("torch", "transformers", "peft", "gguf")
_KEPT_OUTPUT: Final = 4000
"""Characters of what the child wrote to standard error that are kept for the log."""


def train(
    base: Path,
    training: Sequence[Example],
    validation: Sequence[Example],
    prompt: str,
    plan: Plan,
    work: Path,
    *,
    general: Sequence[Example] = (),
    initial: Path | None = None,
    name: str = "specialist",
    threads: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
    state: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train on `base`, a GGUF file, in a process of its own; blocks for minutes.

    `general` are other texts, on which the model is to stay as it was. `initial`: an adapter of the
    same form, whose training is continued. `work` keeps checkpoints: the same training (model, examples, prompt, plan,
    initial adapter) goes on where it was stopped or killed, another one begins anew. `state` is told `loading`,
    `training` and `writing`. The adapter of the `Outcome` lies in `work`. Raises `SpecialistError`:
    `package`, `base`, `data`, `memory`, `stopped` (can be taken up again), `failed`.
    """
    require_packages()
    _require_memory(base, plan)
    if not training:
        raise SpecialistError("data", "There is nothing to learn from: no example is left for training.")
    stop = stop or threading.Event()
    job = {
        "base": str(base),
        "plan": plan.model_dump(),
        "prompt": prompt,
        "name": name,
        "threads": threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "initial": str(initial) if initial else "",
        "mark": _mark(base, [training, validation, general], prompt, plan, initial),
    }
    _prepare(work, job, {"training": training, "validation": validation, "general": general})
    done = work / "outcome.json"
    if not done.is_file():
        done_values = _listen(work, progress, state, stop)
        partial = done.with_suffix(".partial")
        partial.write_text(json.dumps(done_values), "utf-8")
        partial.replace(done)
    values = json.loads(done.read_text("utf-8"))
    known = {field.name for field in fields(Outcome)}
    extra = {key: value for key, value in values.items() if key not in known}
    return Outcome(adapter=work / "adapter.gguf", **{k: v for k, v in values.items() if k in known}, extra=extra)


def require_packages() -> None:
    """Raises `SpecialistError` (`package`) where the extra `train` is not installed."""
    if missing := [package for package in _PACKAGES if find_spec(package) is None]:
        raise SpecialistError(
            "package",
            f"Training needs packages that are not installed ({', '.join(missing)}): run `pip install 'kotae[train]'`.",
        )


def _require_memory(base: Path, plan: Plan) -> None:
    need, free = memory_need(base, plan, number=2 if fast_bfloat16() else 4), psutil.virtual_memory().available
    if need > free:
        raise SpecialistError(
            "memory",
            f"Training on {base.name} takes {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: close "
            "other programs, choose a smaller base with --base, or learn from shorter examples with --longest.",
        )


def _mark(
    base: Path, parts: Sequence[Sequence[Example]], prompt: str, plan: Plan, initial: Path | None
) -> dict[str, Any]:
    """What makes a training the same."""
    status = base.stat()
    return {
        "base": [base.name, status.st_size, status.st_mtime_ns],
        "data": [fingerprint(part) for part in parts],
        "prompt": hashlib.sha256(prompt.encode()).hexdigest(),
        "plan": plan.model_dump(),
        "initial": hashlib.sha256(initial.read_bytes()).hexdigest() if initial else "",
    }


def _prepare(work: Path, job: dict[str, Any], parts: dict[str, Sequence[Example]]) -> None:
    """Leave in the folder what the child needs, and nothing of another training."""
    try:
        before = json.loads((work / "job.json").read_text("utf-8"))["mark"]
    except (OSError, ValueError, KeyError, TypeError):
        before = None
    if before != job["mark"]:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    for part, examples in parts.items():
        rows = [json.dumps(example.as_json(), ensure_ascii=False) + "\n" for example in examples]
        (work / f"{part}.jsonl").write_text("".join(rows), "utf-8")
    (work / "job.json").write_text(json.dumps(job), "utf-8")


def _listen(
    work: Path, progress: Callable[[Progress], None], state: Callable[[str], None], stop: threading.Event
) -> dict[str, Any]:
    """Run the child and pass on what it says; returns what came out."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tools.specialist.train.child", str(work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parents[3],
        # a signal from the terminal is for the program, which then has the child write its checkpoint
        start_new_session=True,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    noise: list[str] = []
    threading.Thread(target=_collect, args=(child.stderr, noise), daemon=True).start()
    ended = threading.Event()
    threading.Thread(target=_pass_on, args=(stop, ended, child.stdin), daemon=True).start()
    said: dict[str, Any] = {}
    try:
        for line in child.stdout:
            said = _read(line)
            if "progress" in said:
                progress(Progress(**said["progress"]))
            elif "state" in said:
                state(said["state"])
    finally:
        ended.set()
        code = child.wait()
    if "outcome" in said:
        return dict(said["outcome"])
    if "stopped" in said:
        raise SpecialistError(
            "stopped", f"Training was stopped after step {said['stopped']}; start it again in the same way to go on."
        )
    if "failed" in said:
        raise _failure(said["failed"])
    raise SpecialistError("failed", _last_words(code, noise))


def _read(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _failure(told: dict[str, str]) -> SpecialistError:
    if told["reason"] == "package":
        return SpecialistError(
            "package", f"Training cannot begin, {told['message']}: run `pip install --upgrade 'kotae[train]'`."
        )
    if told["reason"] == "memory":
        return SpecialistError(
            "memory", "Training ran out of memory: close other programs, or choose a smaller base with --base."
        )
    return SpecialistError(told["reason"], told["message"])


def _last_words(code: int, noise: list[str]) -> str:
    last = next((line.strip() for line in reversed("".join(noise).splitlines()) if line.strip()), "no word")
    if code == -9:
        return (
            "Training was killed, most likely for lack of memory: close other programs or choose a smaller base with "
            "--base; it goes on from its last checkpoint."
        )
    return f"Training broke off ({last[:200]}); start it again in the same way to go on from its last checkpoint."


def _pass_on(stop: threading.Event, ended: threading.Event, stdin: IO[str]) -> None:
    """Close the child's standard input when it is to stop."""
    while not ended.wait(0.1):
        if stop.is_set():
            break
    stdin.close()


def _collect(stream: IO[str], kept: list[str]) -> None:
    for line in stream:
        kept.append(line)
        while sum(map(len, kept)) > _KEPT_OUTPUT:
            kept.pop(0)
