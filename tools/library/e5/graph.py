"""The encoder as an ONNX graph, which ONNX Runtime runs with the widest instructions that the processor has.

It is BERT (Devlin et al. 2019, arXiv 1810.04805, section 3) from the sum of the embeddings on. Looking the embeddings
up stays outside: three quarters of the weights are the table, of which a text needs a few rows.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tools.library.e5.weights import Floats, Weights

Precision = Literal["int8", "float32"]
"""How matrices are multiplied. `int8`: weights by row, activations by text, both rounded to 8 bits."""

_EXTENDED = "com.microsoft"


def build(weights: Weights, precision: Precision) -> bytes:
    """The model, serialised. Input `embedded` (1, n, hidden) float32, output `states` of the same shape.

    Needs the package `onnx` and about 300 MB for two seconds.
    """
    return _Builder(weights, precision).build()


class _Builder:
    def __init__(self, weights: Weights, precision: Precision) -> None:
        self._weights = weights
        self._precision = precision
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def build(self) -> bytes:
        from onnx import TensorProto, helper

        shape = self._weights.shape
        x = self._normalised("embedded", "emb.ln")
        for layer in range(shape.layers):
            x = self._layer(x, f"l{layer}.")
        self._node("Identity", [x], "states")
        sizes: list[str | int | None] = [1, "tokens", shape.hidden]
        graph = helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info("embedded", TensorProto.FLOAT, sizes)],
            [helper.make_tensor_value_info("states", TensorProto.FLOAT, sizes)],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_EXTENDED, 1)]
        model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        return model

    def _layer(self, x: str, name: str) -> str:
        hidden, inner = self._weights.shape.hidden, self._weights.shape.inner
        parts = [self._linear(x, f"{name}{part}", hidden) for part in ("q", "k", "v")]
        heads = self._weights.shape.heads
        attended = self._node("MultiHeadAttention", parts, f"{name}attention", domain=_EXTENDED, num_heads=heads)
        x = self._normalised(x, f"{name}aln", plus=self._linear(attended, f"{name}ao", hidden))
        wide = self._node("Gelu", [self._linear(x, f"{name}fi", hidden)], f"{name}gelu", domain=_EXTENDED)
        return self._normalised(x, f"{name}oln", plus=self._linear(wide, f"{name}fo", inner))

    def _normalised(self, x: str, name: str, *, plus: str = "") -> str:
        """Layer normalisation of `x`, or of the sum of two."""
        gain = self._constant(f"{name}.w", self._weights.vector(f"{name}.w"))
        bias = self._constant(f"{name}.b", self._weights.vector(f"{name}.b"))
        epsilon = self._weights.shape.epsilon
        if not plus:
            return self._node("LayerNormalization", [x, gain, bias], f"{name}.out", axis=-1, epsilon=epsilon)
        inputs = [x, plus, gain, bias]
        return self._node("SkipLayerNormalization", inputs, f"{name}.out", domain=_EXTENDED, epsilon=epsilon)

    def _linear(self, x: str, name: str, columns: int) -> str:
        matrix = self._weights.matrix(f"{name}.w", columns)
        bias = self._constant(f"{name}.b", self._weights.vector(f"{name}.b"))
        if self._precision == "float32":
            product = self._node("MatMul", [x, self._constant(f"{name}.w", matrix.T)], f"{name}.product")
            return self._node("Add", [product, bias], f"{name}.out")
        scale = np.abs(matrix).max(axis=1) / 127
        rounded = np.rint(matrix / scale[:, None]).astype(np.int8)
        inputs = [x, self._constant(f"{name}.w", rounded.T), self._constant(f"{name}.scale", scale), "", bias]
        return self._node("DynamicQuantizeMatMul", inputs, f"{name}.out", domain=_EXTENDED)

    def _node(self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def _constant(self, name: str, values: Floats | Any) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
