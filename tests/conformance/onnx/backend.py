"""Firth as a backend of the onnx package's own suite."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test import BackendTest

import firth
import firth.onnx

# Where the suite puts the inputs that it makes for the large networks.
os.environ.setdefault("ONNX_HOME", os.path.join(tempfile.gettempdir(), "firth-onnx-suite"))


def _array(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_array(v) for v in value]
    return value.detach().numpy() if isinstance(value, firth.Tensor) else value


class FirthModel(BackendRep):
    """A loaded model that takes and gives arrays."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = firth.onnx.load(model)

    def run(self, inputs: Any, **_: Any) -> list[Any]:
        """All outputs of the graph."""
        return [_array(value) for value in self.model.run(*inputs)]


class FirthBackend(Backend):
    """What the suite asks for."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **_: Any) -> FirthModel:
        return FirthModel(model)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


def cases(module: str) -> dict[str, type]:
    """The suite's test classes, with the cases for this device alone."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = BackendTest(FirthBackend, module).test_cases
    for case in found.values():
        for name in [n for n in vars(case) if n.startswith("test_") and not n.endswith("_cpu")]:
            delattr(case, name)
    return found


def reasons() -> dict[str, str]:
    """Cases that fail, and why, from failures.txt."""
    lines = (Path(__file__).parent / "failures.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {name: why.strip() for name, _, why in pairs}
