"""ONNX models as modules: `firth.onnx.load(path)` gives one that runs, trains and jits."""

import firth.onnx.ops  # noqa: F401  (fills the table)
from firth.onnx.model import Model, load
from firth.onnx.registry import op

__all__ = ["Model", "load", "op"]
