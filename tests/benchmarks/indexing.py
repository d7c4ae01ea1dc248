"""Indexing and searching beside the bare embedder: `python -m tests.benchmarks indexing`.

Prints passages a second of the bare embedder and of `Library.index` on the same texts, the time to look at an
unchanged folder again, and what a search costs beyond the embedding of its query. The documents are made up on the
spot, so nothing is needed but the package.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.library import E5, Library, vectors  # noqa: E402
from tools.library.chunk import cut  # noqa: E402
from tools.library.embed import BATCH_TOKENS  # noqa: E402

EN = (
    "The {0} committee of {1} decided in {2} that every {3} must be inspected before it is opened to visitors. "
    "Nobody in {1} had expected the {3} to be finished so early, and the {0} report of {2} says little about its cost."
)
JA = (
    "{1}の{0}委員会は{2}年に、すべての{3}を公開前に点検することを決めました。{3}がこれほど早く完成するとは誰も思っておらず、"
    "{2}年の{0}報告書にも費用についてはほとんど書かれていません。"
)
WORDS_EN = "harbour garden railway museum library theatre bridge market station tower school hospital".split()
WORDS_JA = "港湾 庭園 鉄道 博物館 図書館 劇場 橋梁 市場 駅舎 灯台 学校 病院".split()


def write_documents(folder: Path, passages: int) -> None:
    """About `passages` passages of 150 to 200 tokens in files of eight, half of them Japanese."""
    draw = random.Random(1)
    for number in range(passages // 8):
        japanese = number % 2 == 1
        sentence, words = (JA, WORDS_JA) if japanese else (EN, WORDS_EN)
        sections = [f"# {words[number % 12]} {number}"]
        for part in range(8):
            text = " ".join(
                sentence.format(draw.choice(words), draw.choice(words), draw.randint(1850, 2020), draw.choice(words))
                for _ in range(4 if japanese else 3)
            )
            sections.append(f"## {words[part]} {part}\n\n{text}")
        (folder / f"{number:05}.md").write_text("\n\n".join(sections), "utf-8")


def bare(embedder: E5, folder: Path) -> tuple[int, float]:
    """Passages, and the seconds that the embedder alone needs for them, in batches as large as those of a run."""
    texts: list[tuple[str, int]] = []
    for file in sorted(folder.iterdir()):
        text = file.read_text("utf-8")
        title = text.split("\n")[0].removeprefix("# ")
        for chunk in cut(text, "markdown", embedder.count):
            names = dict.fromkeys((title, *chunk.heading))
            texts.append((" › ".join(names) + "\n" + text[chunk.start : chunk.end], chunk.tokens))
    began = time.perf_counter()
    batch: list[str] = []
    size = 0
    for text, tokens in [*texts, ("", BATCH_TOKENS)]:
        if batch and size + tokens > BATCH_TOKENS:
            embedder.passages(batch)
            batch, size = [], 0
        batch.append(text)
        size += tokens
    return len(texts), time.perf_counter() - began


def search_times(library: Library, embedder: E5) -> dict[str, float]:
    """Milliseconds of a search whose query has been embedded before (p50, p95), and of embedding a query (p50)."""
    queries = [f"When was the {a} of the {b} opened?" for a in WORDS_EN for b in WORDS_EN[:2]]
    queries += [f"{a}の{b}はいつ公開されましたか" for a in WORDS_JA for b in WORDS_JA[:2]]
    found: list[float] = []
    embedding: list[float] = []
    for query in queries:
        began = time.perf_counter()
        embedder.query(query)
        embedding.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        library.search(query)
        found.append(1000 * (time.perf_counter() - began))
    return {
        "search_p50_ms": statistics.median(found),
        "search_p95_ms": statistics.quantiles(found, n=20)[-1],
        "query_embedding_p50_ms": statistics.median(embedding),
    }


def run(passages: int = 800) -> dict[str, Any]:
    """Measure, print and return the figures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "documents")
        folder.mkdir()
        write_documents(folder, passages)
        embedder = E5()
        embedder.query("warm")
        # half before and half after, so that a machine that gets busier is not counted for or against
        made, before = bare(embedder, folder)
        library = Library.open(Path(temporary, "library"), embedder)
        report = library.index([folder])
        _, after = bare(embedder, folder)
        again = library.index([folder])
        alone = made / ((before + after) / 2)
        figures: dict[str, Any] = {
            "cores": len(os.sched_getaffinity(0)),
            "files": report.added,
            "passages": report.passages,
            "bare_passages_per_second": alone,
            "index_passages_per_second": report.passages / report.seconds,
            "index_share_of_bare": report.passages / report.seconds / alone,
            "unchanged_seconds": again.seconds,
            "unchanged_times_faster": report.seconds / again.seconds,
            **search_times(library, embedder),
            "vector_file_mb": (library.folder / vectors.FILE).stat().st_size / 2**20,
            "bytes_per_passage": library.status().bytes / report.passages,
        }
        library.close()
    for name, value in figures.items():
        print(f"{name:28} {value:12.3f}" if isinstance(value, float) else f"{name:28} {value:8}")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=int, default=800)
    run(parser.parse_args().passages)
