"""The operators, by topic. Importing this fills the table of `firth.onnx.registry`."""

from firth.onnx.ops import activation, cast, host, index, math, reduction, shape

__all__ = ["activation", "cast", "host", "index", "math", "reduction", "shape"]
