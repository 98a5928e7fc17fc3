"""Dtypes and conversions, under the standard's names."""

from __future__ import annotations

from typing import Any

import firth
from firth import DType, Tensor
from firth.base.dtype import promote, scalar_dtype
from firth.base.errors import ArgumentError, DTypeError, message
from firth.tensor.device import check_device

_KINDS = {
    "bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu",
    "real floating": "f", "complex floating": "c", "numeric": "iufc",
}  # fmt: skip


def astype(x: Tensor, dtype: DType, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The tensor in another dtype; a copy even of the same dtype unless copy=False."""
    check_device(device, "astype")
    if dtype is x.dtype:
        return x.clone() if copy else x
    if x.dtype.is_complex and dtype.kind in "iuf":
        raise DTypeError(
            message("astype", "complex numbers are no real ones", f"{x.dtype.name} to {dtype.name}",
                    "a complex dtype", "take real(x) or abs(x) first")
        )  # fmt: skip
    return x.to(dtype)


def can_cast(from_: DType | Tensor, to: DType, /) -> bool:
    """Whether every value of one dtype is kept in the other, by the promotion rules."""
    source = from_.dtype if isinstance(from_, Tensor) else from_
    try:
        return promote(source, to) is to
    except DTypeError:
        return False


def finfo(type: DType | Tensor, /) -> Any:
    """The limits of a float dtype, or of the parts of a complex one."""
    dtype = type.dtype if isinstance(type, Tensor) else type
    parts = {firth.complex64: firth.float32, firth.complex128: firth.float64}
    dtype = parts.get(dtype, dtype)
    return firth.finfo(dtype)._replace(dtype=dtype)


def iinfo(type: DType | Tensor, /) -> Any:
    """The limits of an integer dtype."""
    dtype = type.dtype if isinstance(type, Tensor) else type
    return firth.iinfo(dtype)._replace(dtype=dtype)


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> bool:
    """Whether a dtype is one, of a kind, or of one of several kinds.

    >>> isdtype(firth.int32, ("integral", "real floating"))
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, DType):
        return dtype is kind
    if kind not in _KINDS:
        raise ArgumentError(
            message("isdtype", "no such kind", repr(kind), f"one of {', '.join(_KINDS)}",
                    "or pass a dtype")
        )  # fmt: skip
    return dtype.kind in _KINDS[kind]


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype of an operation on all of them; Python numbers are weak."""
    found: DType | None = None
    numbers = []
    for value in arrays_and_dtypes:
        if isinstance(value, (bool, int, float, complex)):
            numbers.append(value)
            continue
        dtype = value.dtype if isinstance(value, Tensor) else value
        found = dtype if found is None else promote(found, dtype)
    if found is None:
        raise ArgumentError(
            message("result_type", "there is no dtype", f"{len(numbers)} numbers",
                    "at least one array or dtype", "add one")
        )  # fmt: skip
    for number in numbers:
        found = scalar_dtype(found, number)
    return found
