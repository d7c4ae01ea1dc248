"""How much memory a model needs and how much there is, both in bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.gguf import Head

BATCH: Final = 256
"""Tokens that are read at once. A request that is given up while its prompt is read frees the model only between
two batches; a prompt of 3,000 tokens blocked it for 10 s with llama.cpp's own 2,048, and for 1 s with 256."""

KV_BYTES: Final = 2
"""Of one number in the key-value cache."""
_OVERHEAD: Final = 64 << 20
"""What llama.cpp took beyond weights, cache and logits, measured: 55 to 70 MiB."""

_CGROUP: Final = Path("/sys/fs/cgroup")
_UNLIMITED: Final = 1 << 60


def needed(head: Head, size: int, *, tokens: int, adapters: int = 0) -> int:
    """An upper bound of the memory for a model of `size` bytes on disk with room for `tokens` tokens, and for adapters
    whose files are `adapters` bytes together.

    Weights are read into memory rather than mapped (a mapped file and its repacked copy took 1.9 GB where 1.4 GB do),
    so this is: weights, key-value cache in 16 bits, logits and activations of one batch, and a fixed part.
    """
    weights = size * head.parts
    cache = tokens * head.kv_values * KV_BYTES
    batch = BATCH * 4 * (head.vocabulary + 4 * head.embedding)
    return weights + cache + batch + adapters + _OVERHEAD


def available(groups: Path = Path("/proc/self/cgroup"), root: Path = _CGROUP) -> int:
    """Memory that can be had without swapping: the machine's, or what the control group (container) leaves."""
    import psutil

    return min(int(psutil.virtual_memory().available), _left_in_group(groups, root))


def _left_in_group(groups: Path, root: Path) -> int:
    """What the tightest of the process's control groups leaves; huge where there is no limit.

    File pages that are inactive count as free, because the kernel gives them back on demand.
    """
    left = _UNLIMITED
    try:
        lines = groups.read_text("utf-8").splitlines()
    except OSError:
        return left
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2: one tree for all
            base, limit, usage, key = root, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            base, key = root / "memory", "total_inactive_file"
            limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        folder = base / path.lstrip("/")
        for level in (folder, *folder.parents):
            if level == base.parent:
                break
            most, used = _number(level / limit), _number(level / usage)
            if most is not None and used is not None and most < _UNLIMITED:
                left = min(left, max(0, most - used + _statistic(level / "memory.stat", key)))
    return left


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _statistic(path: Path, key: str) -> int:
    try:
        return next(int(line.split()[1]) for line in path.read_text("ascii").splitlines() if line.startswith(f"{key} "))
    except (OSError, ValueError, StopIteration):
        return 0
