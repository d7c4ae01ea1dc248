"""Text to piece ids: the unigram tokenizer of XLM-RoBERTa (Kudo 2018, arXiv 1804.10959), by `tokenizers`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tools.library.e5.weights import Weights

_SPACES = re.compile("  +")


class Tokenizer:
    """Made from the pieces in the model's file, so it counts as the model reads. Usable from several threads."""

    def __init__(self, weights: Weights) -> None:
        from tokenizers import Tokenizer as Fast
        from tokenizers import models, pre_tokenizers

        pieces = list(zip(weights.pieces, weights.scores.tolist(), strict=True))
        self._fast: Any = Fast(models.Unigram(pieces, weights.special.unknown, byte_fallback=False))
        self._fast.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
        self._changes = weights.normalisation

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without special pieces and without a limit."""
        encoded = self._fast.encode_batch_fast([self._normalised(text) for text in texts], add_special_tokens=False)
        return [one.ids for one in encoded]

    def _normalised(self, text: str) -> str:
        return _SPACES.sub(" ", text.translate(self._changes))
