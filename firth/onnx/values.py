"""Values that flow through an ONNX graph, and the ways between them.

A value is a tensor, a NumPy array (`host`: shapes and other numbers that decide shapes, text, and
dtypes that tensors don't have), a list (a sequence) or None (an absent input, an empty optional).
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, message
from firth.tensor import Tensor, from_numpy

Value = Tensor | np.ndarray | list[Any] | None

# Element types by their number in the format (onnx.proto, TensorProto.DataType).
ELEMENTS: dict[int, np.dtype[Any]] = {
    number: np.dtype(kind) for number, kind in (
        (1, np.float32), (2, np.uint8), (3, np.int8), (4, np.uint16), (5, np.int16),
        (6, np.int32), (7, np.int64), (8, object), (9, np.bool_), (10, np.float16),
        (11, np.float64), (12, np.uint32), (13, np.uint64), (14, np.complex64),
        (15, np.complex128), (16, ml_dtypes.bfloat16), (17, ml_dtypes.float8_e4m3fn),
        (18, ml_dtypes.float8_e4m3fnuz), (19, ml_dtypes.float8_e5m2),
        (20, ml_dtypes.float8_e5m2fnuz), (21, ml_dtypes.uint4), (22, ml_dtypes.int4),
        (23, ml_dtypes.float4_e2m1fn), (24, ml_dtypes.float8_e8m0fnu), (25, ml_dtypes.uint2),
        (26, ml_dtypes.int2), (27, ml_dtypes.float6_e2m3fn), (28, ml_dtypes.float6_e3m2fn),
    )
}  # fmt: skip
_NUMBERS = {kind: number for number, kind in ELEMENTS.items()}
NARROW = frozenset(ELEMENTS[n] for n in range(17, 29))
BITS = {ELEMENTS[n]: b for n, b in ((21, 4), (22, 4), (23, 4), (25, 2), (26, 2), (27, 6), (28, 6))}


def element(number: int) -> np.dtype[Any]:
    """NumPy's dtype of an element type; DTypeError for a number that the format lacks."""
    found = ELEMENTS.get(number)
    if found is None:
        raise DTypeError(
            message("onnx", "unknown element type", str(number), "1 to 28 of TensorProto.DataType",
                    "export the model again")
        )  # fmt: skip
    return found


def number_of(kind: np.dtype[Any]) -> int:
    """The format's number of a NumPy dtype."""
    return _NUMBERS[np.dtype(object) if kind.kind in "OUS" else kind]


def firth_dtype(kind: np.dtype[Any]) -> DType | None:
    """The tensors' dtype of a NumPy dtype, or None: text, float8, int4, ..."""
    return dt.of_numpy(kind)


def dtype_of(value: Any) -> np.dtype[Any]:
    """NumPy's dtype of a tensor or array."""
    return value.dtype.np if isinstance(value, Tensor) else value.dtype  # type: ignore[no-any-return]


def is_foreign(value: Any) -> bool:
    """Whether an array cannot be a tensor."""
    return isinstance(value, np.ndarray) and firth_dtype(value.dtype) is None


def as_tensor(value: Any) -> Any:
    """An array as a tensor where there is such a dtype; everything else as it is."""
    if isinstance(value, np.ndarray) and firth_dtype(value.dtype) is not None:
        return from_numpy(value)
    if isinstance(value, np.generic):
        return as_tensor(np.asarray(value))
    return value


def as_array(value: Any) -> Any:
    """A tensor's numbers, read now; everything else as it is."""
    return value.detach().numpy() if isinstance(value, Tensor) else value


def cast(value: Tensor, kind: np.dtype[Any]) -> Tensor:
    """A tensor in the dtype of an array."""
    found = firth_dtype(kind)
    if found is None:
        raise DTypeError(
            message("onnx", "tensors have no such dtype", str(kind), "a dtype of Firth",
                    "cast to one of them in the model")
        )  # fmt: skip
    return value.to(found)  # type: ignore[no-any-return,attr-defined]


def ints(value: Any) -> list[int]:
    """The numbers of an array of integers, flat."""
    return [int(v) for v in np.asarray(value).reshape(-1)]
