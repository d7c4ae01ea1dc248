"""The encoder as an ONNX graph, which ONNX Runtime runs with the widest instructions that the processor has.

It is BERT (Devlin et al. 2019, arXiv 1810.04805, section 3) from the sum of the embeddings on. Looking the embeddings
up stays outside: three quarters of the weights are the table, of which a text needs a few rows.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tools.library.e5.weights import Floats, Weights

Precision = Literal["int8", "float32"]
"""How matrices are multiplied. `int8`: weights by row, activations by text, both rounded to 8 bits.

A few dimensions and a few tokens are ten times as large as the rest, which 8 bits for all would round away. What layer
normalisation makes large is known from its gain and bias, and is moved into the weights beforehand (Xiao et al. 2023,
"SmoothQuant", arXiv 2211.10438, section 4); behind the activation function each token is rounded on its own scale.
The states then agree with float32 to a cosine of .9990 instead of .9940, for a tenth of the speed.
"""

_EXTENDED = "com.microsoft"
_CPU = Path("/proc/cpuinfo")
_REACH = 3.0
"""Standard deviations within which a layer-normalised value is taken to lie."""


def build(weights: Weights, precision: Precision, *, steps: int = 127) -> bytes:
    """The model, serialised. Input `embedded` (1, n, hidden) float32, output `states` of the same shape.

    `steps` is the largest whole number that a weight becomes, see `steps_here`. Needs the package `onnx` and about
    300 MB for two seconds.
    """
    return _Builder(weights, precision, steps).build()


def steps_here() -> int:
    """127 where products of 8 bits are summed in 32 (VNNI, ARM), 63 where two of them are first added in 16.

    In 16 bits they overflow, silently, beyond 63: AMD before Zen 4 and Intel before 2019. States then agree with
    float32 to .9984 instead of .9990. Where the processor cannot be asked, 63 is safe.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "x86"):
        return 127
    try:
        return 127 if "vnni" in _CPU.read_text() else 63
    except OSError:
        return 63


class _Builder:
    def __init__(self, weights: Weights, precision: Precision, steps: int) -> None:
        self._weights = weights
        self._precision = precision
        self._steps = steps
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def build(self) -> bytes:
        from onnx import TensorProto, helper

        shape = self._weights.shape
        before = "emb.ln"
        x = self._normalised("embedded", before)
        for layer in range(shape.layers):
            x = self._layer(x, f"l{layer}.", before)
            before = f"l{layer}.oln"
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

    def _layer(self, x: str, name: str, before: str) -> str:
        """`before` names the layer normalisation that `x` comes from."""
        from onnx import helper

        hidden, inner = self._weights.shape.hidden, self._weights.shape.inner
        heads = self._weights.shape.heads
        parts = [f"{name}{part}" for part in ("q", "k", "v")]
        joined = self._linear(x, parts, hidden, normalised=before)
        sizes = self._constant(f"{name}sizes", np.array([hidden] * 3, np.int64))
        self._nodes.append(helper.make_node("Split", [joined, sizes], parts, axis=-1))
        attended = self._node("MultiHeadAttention", parts, f"{name}attention", domain=_EXTENDED, num_heads=heads)
        x = self._normalised(x, f"{name}aln", plus=self._linear(attended, [f"{name}ao"], hidden))
        wide = self._linear(x, [f"{name}fi"], hidden, normalised=f"{name}aln")
        wide = self._node("Gelu", [wide], f"{name}gelu", domain=_EXTENDED)
        return self._normalised(x, f"{name}oln", plus=self._linear(wide, [f"{name}fo"], inner, by_token=True))

    def _normalised(self, x: str, name: str, *, plus: str = "") -> str:
        """Layer normalisation of `x`, or of the sum of two."""
        gain = self._constant(f"{name}.w", self._weights.vector(f"{name}.w"))
        bias = self._constant(f"{name}.b", self._weights.vector(f"{name}.b"))
        epsilon = self._weights.shape.epsilon
        if not plus:
            return self._node("LayerNormalization", [x, gain, bias], f"{name}.out", axis=-1, epsilon=epsilon)
        inputs = [x, plus, gain, bias]
        return self._node("SkipLayerNormalization", inputs, f"{name}.out", domain=_EXTENDED, epsilon=epsilon)

    def _linear(self, x: str, names: list[str], columns: int, *, normalised: str = "", by_token: bool = False) -> str:
        """`x` times the matrices of these names side by side, plus their biases."""
        name = names[0]
        matrix = np.concatenate([self._weights.matrix(f"{part}.w", columns) for part in names])
        bias = self._constant(f"{name}.b", np.concatenate([self._weights.vector(f"{part}.b") for part in names]))
        if self._precision == "float32":
            product = self._node("MatMul", [x, self._constant(f"{name}.w", matrix.T)], f"{name}.product")
            return self._node("Add", [product, bias], f"{name}.out")
        if normalised:
            spread = self._spread(normalised)
            x = self._node("Mul", [x, self._constant(f"{name}.spread", 1 / spread)], f"{name}.even")
            matrix = matrix * spread
        scale = np.abs(matrix).max(axis=1) / self._steps
        rounded = np.rint(matrix / scale[:, None]).astype(np.int8)
        weights = [self._constant(f"{name}.w", rounded.T), self._constant(f"{name}.scale", scale)]
        if not by_token:
            return self._node("DynamicQuantizeMatMul", [x, *weights, "", bias], f"{name}.out", domain=_EXTENDED)
        absolute = self._node("Abs", [x], f"{name}.absolute")
        largest = self._node("ReduceMax", [absolute], f"{name}.largest", axes=[-1], keepdims=1)
        x = self._node("Div", [x, largest], f"{name}.even")
        product = self._node("DynamicQuantizeMatMul", [x, *weights], f"{name}.product", domain=_EXTENDED)
        product = self._node("Mul", [product, largest], f"{name}.scaled")
        return self._node("Add", [product, bias], f"{name}.out")

    def _spread(self, normalised: str) -> Floats:
        """How far each dimension reaches behind a layer normalisation, relative to the one in the middle."""
        gain, bias = (np.abs(self._weights.vector(f"{normalised}.{part}")) for part in "wb")
        reach = np.maximum(_REACH * gain + bias, 1e-6)
        spread: Floats = (reach / np.median(reach)).astype(np.float32)
        return spread

    def _node(self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def _constant(self, name: str, values: Floats | Any) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
