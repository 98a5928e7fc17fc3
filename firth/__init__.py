"""Firth: write a model the way you write PyTorch; the whole step becomes one native program.

>>> import firth
>>> x = firth.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad.tolist()
[2.0, 4.0]
"""

from __future__ import annotations

import importlib
from typing import Any

import firth.tensor as _tensor
from firth.base import dtype as _dtype
from firth.base import errors as _errors
from firth.base.dtype import (
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

__version__ = "0.1.0"

DType = dtype = _dtype.DType
FirthError = _errors.FirthError

# Packages that load when they are first used.
_LATER = ("nn", "optim", "data", "metrics", "compat")
_LATER_NAMES = {"save": "nn.serialize", "load": "nn.serialize"}
# torch's other names of the dtypes
_ALIASES = {
    "bool": _dtype.bool_, "double": float64, "float": float32, "half": float16, "short": int16,
    "int": int32, "long": int64,
}  # fmt: skip

_tensor_package = _tensor
globals().update({name: getattr(_tensor_package, name) for name in _tensor_package.__all__})
globals().update(_ALIASES)
device = _tensor_package.Device

__all__ = sorted({
    "DType", "FirthError", "bfloat16", "complex64", "complex128", "device", "dtype", "float16",
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", *_ALIASES, *_LATER, *_LATER_NAMES, *_tensor_package.__all__,
})  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"firth.{name}")
    if name in _LATER_NAMES:
        return getattr(importlib.import_module(f"firth.{_LATER_NAMES[name]}"), name)
    raise AttributeError(f"firth has no {name!r}; see dir(firth)")
