"""The process that trains: `python -m tools.specialist.train.child FOLDER`, started by `run.py`.

It reads `job.json` and the examples in the folder, and writes one JSON object a line to standard output: what it does
(`state`), how far it is (`progress`), and at last what came out (`outcome`) or why not (`failed`, `stopped`). When its
standard input ends, it writes a checkpoint and stops: so it never outlives the program that started it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example
from tools.specialist.plan import Plan, Progress

_NICE = 10
"""Training gives way to whoever asks a question."""


def main(folder: Path) -> int:
    """0 when trained or stopped, 1 when it failed."""
    stop = threading.Event()
    threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    try:
        _train(folder, stop)
    except SpecialistError as error:
        _say("failed", {"reason": error.reason, "message": str(error)})
        return 1
    except ImportError as error:
        _say("failed", {"reason": "package", "message": f"{error.name or error} is missing"})
        return 1
    except MemoryError:
        _say("failed", {"reason": "memory", "message": "the memory did not suffice"})
        return 1
    return 0


def _train(folder: Path, stop: threading.Event) -> None:
    job = json.loads((folder / "job.json").read_text("utf-8"))
    plan = Plan.model_validate(job["plan"])
    _say("state", "loading")
    import torch

    from tools.specialist.train.base import Base, Template
    from tools.specialist.train.learner import learner
    from tools.specialist.train.loop import Loop, Stopped

    torch.set_num_threads(job["threads"])
    base = Base.read(Path(job["base"]))
    template = Template(base.tokenizer)
    training, validation, general = (
        [template.row(Example.from_json(json.loads(line)), job["prompt"]) for line in _lines(folder / f"{part}.jsonl")]
        for part in ("training", "validation", "general")
    )
    for number, row in enumerate([*training, *validation], 1):
        if len(row.ids) > plan.longest:
            raise SpecialistError(
                "data",
                f"Example {number} has {len(row.ids):,} tokens, and at most {plan.longest:,} are learned: shorten it, "
                "or set --longest higher (memory and time grow with it).",
            )
    general = [row for row in general if len(row.ids) <= plan.longest]
    learns = learner(base, plan)

    def report(progress: Progress) -> None:
        _say("progress", asdict(progress))

    initial = Path(job["initial"]) if job["initial"] else None
    loop = Loop(
        learns, plan, training, validation, folder, general=general, initial=initial, report=report, stop=stop.is_set
    )
    _say("state", "training")
    try:
        loop.run()
    except Stopped:
        _say("stopped", loop.standing.step)
        return
    _say("state", "writing")
    extra = learns.write(folder / "adapter.gguf", job["name"])
    standing = loop.standing
    _say(
        "outcome",
        {
            "steps": standing.step,
            "epochs": loop.epochs,
            "loss": sum(standing.losses[-8:]) / len(standing.losses[-8:]),
            "validation": standing.best if standing.best is not None else 0.0,
            "tokens": standing.tokens,
            "tokens_per_second": standing.tokens / standing.seconds,
            "seconds": standing.seconds,
            "parameters": loop.parameters,
            "resumed": standing.resumed,
            "peak": _peak(),
            **extra,
        },
    )


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text("utf-8").split("\n") if line]


def _until_closed(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _say(kind: str, what: Any) -> None:
    print(json.dumps({kind: what}), flush=True)


def _peak() -> int:
    """Bytes of memory that this process held at most."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
