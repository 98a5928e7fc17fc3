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

import numpy as _numpy  # noqa: F401  first: below our own modules it takes 10 to 20 ms longer

import firth.tensor as _tensor
from firth.base import dtype as _dtype
from firth.base import errors as _errors
from firth.tensor.arguments import guard as _guard
from firth.tensor.device import Device as device

__version__ = "0.1.0"

DType = dtype = _dtype.DType
FirthError = _errors.FirthError

# Packages that load when they are first used.
_LATER = (
    "nn", "optim", "data", "metrics", "keras", "func", "fft", "linalg", "distributions", "compat",
    "array_api", "onnx", "masked", "signal", "special", "einops", "sparse",
)  # fmt: skip
_LATER_NAMES = {
    "save": "nn.serialize", "load": "nn.serialize",
    **dict.fromkeys(("sparse_coo_tensor", "sparse_csr_tensor"), "sparse"),
    **dict.fromkeys(("grid_sampler", "grid_sampler_2d", "grid_sampler_3d"), "nn.functional.resize"),
    **dict.fromkeys(
        ("constant_pad_nd", "native_batch_norm", "native_group_norm", "native_layer_norm"),
        "nn.functional.native",
    ),
}  # fmt: skip

# Dtypes by their names, and torch's other names of them.
_DTYPES = {_d.name: _d for _d in _dtype.ALL} | {
    other: _dtype.BY_NAME[name] for other, name in (
        ("double", "float64"), ("float", "float32"), ("half", "float16"), ("short", "int16"),
        ("int", "int32"), ("long", "int64"), ("cfloat", "complex64"), ("cdouble", "complex128"),
    )
}  # fmt: skip

globals().update({name: getattr(_tensor, name) for name in _tensor.__all__})
globals().update(_DTYPES)

__all__ = [  # noqa: PLE0604
    "DType", "FirthError", "device", "dtype", *sorted(_DTYPES), *_LATER, *_LATER_NAMES,
    *_tensor.__all__,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"firth.{name}")
    if name in _LATER_NAMES:
        return _guard(getattr(importlib.import_module(f"firth.{_LATER_NAMES[name]}"), name))
    raise AttributeError(f"firth has no {name!r}; see dir(firth)")
