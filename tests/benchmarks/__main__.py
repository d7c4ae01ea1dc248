"""The figures of the README.

    python -m tests.benchmarks answers [--questions FILE]   right answers and refusals on questions.yaml
    python -m tests.benchmarks cost                         a turn beside one plain retrieve-and-answer call
    python -m tests.benchmarks ambiguity                    which short questions are asked back
    python -m tests.benchmarks parts                        questions of several parts, cut and uncut
    python -m tests.benchmarks memory                       questions that point far back in a long conversation
    python -m tests.benchmarks followups                    Japanese follow-ups, and the pages found for them
    python -m tests.benchmarks switching                    three specialists in turns with their base model
    python -m tests.benchmarks forgetting                   the base model with adapters loaded and switched off
    python -m tests.benchmarks cross_language               questions in one language, documents in the other
    python -m tests.benchmarks indexing                     indexing beside the bare embedder
    python -m tests.benchmarks upkeep                       looking at an unchanged folder again
    python -m tests.benchmarks pages                        five pages of the web beside the slowest one
    python -m tests.benchmarks web_ranking --questions FILE answers among the passages of stored web searches
    python -m tests.benchmarks scale                        search in 1,000 to 100,000 passages beside FAISS
    python -m tests.benchmarks training                     training a specialist beside a bare loop of peft
    python -m tests.benchmarks agreement                    an adapter in llama.cpp beside the same in peft
    python -m tests.benchmarks streams                      a hundred turns at once through the API beside one
    python -m tests.benchmarks widget                       what the chat widget costs a page on a slow line
    python -m tests.benchmarks startup                      from `make chat` on a fresh clone to the page

Those that ask a model take `--model NAME`, `--limit N` (questions of each kind) and `--json OUT` (every case).

Each prints its figures with the machine, the model and the fingerprint of the prompts. Nothing here fails on a slow
machine: speed is given as a ratio against a baseline measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

ASKING = ("answers", "cost", "followups", "forgetting", "memory", "parts", "switching")
"""Those that ask the model."""
ALONE = (
    *(
        "agreement",
        "ambiguity",
        "cross_language",
        "indexing",
        "pages",
        "scale",
        "startup",
        "streams",
        "training",
        "upkeep",
    ),
    *("web_ranking", "widget"),
)
"""Those that need no model."""
OVER_QUESTIONS = ("answers", "web_ranking")
"""Those that take `--questions`."""


def machine() -> str:
    """Processor and cores, for the line above the figures."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=sorted([*ASKING, *ALONE]))
    parser.add_argument("--model", default=None, help="as the setting `model`")
    parser.add_argument("--json", type=Path, default=None, help="write the figures and every case to this file")
    parser.add_argument("--limit", type=int, default=None, help="only the first N questions of each language")
    parser.add_argument(
        "--questions", type=Path, default=None, help="answers: a file like questions.yaml; web_ranking: see there"
    )
    options = parser.parse_args()

    from agent.prompts import fingerprint

    print(f"{machine()}; prompts {fingerprint()}")
    more = (options.questions,) if options.what in OVER_QUESTIONS else ()
    if options.what in ALONE:
        result: Any = import_module(f"tests.benchmarks.{options.what}").run(*more)
    else:
        module = import_module(f"tests.benchmarks.{options.what}")
        result = asyncio.run(module.run(options.model, options.limit, *more))
    if options.json:
        options.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")


main()
