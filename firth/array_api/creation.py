"""Making arrays, under the standard's names."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth import DType, Tensor
from firth.base.errors import ArgumentError, message


def _shape(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def asarray(
    obj: Any, /, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """The object as a tensor; copy=None copies only what is not a tensor of the dtype already.

    Raises ArgumentError (a ValueError) when copy=False and a copy is needed.
    """
    if isinstance(obj, Tensor):
        same = dtype is None or dtype is obj.dtype
        if copy is False and not same:
            raise _needs_copy("another dtype")
        if same:
            return obj.clone() if copy else obj
        return obj.to(dtype)
    if copy is False:
        if not isinstance(obj, np.ndarray):
            raise _needs_copy(type(obj).__name__)
        return asarray(firth.from_dlpack(obj, copy=False), dtype=dtype, copy=False)
    if not isinstance(obj, (bool, int, float, complex, list, tuple)):
        obj = _foreign(obj)
    if dtype is None:
        _in_range(obj)
    return firth.tensor(obj, dtype=dtype, device=device)


def _foreign(obj: Any) -> Any:
    """Arrays of other libraries and buffers, as NumPy sees them."""
    if hasattr(obj, "__array__") or isinstance(obj, np.generic):
        return obj
    if hasattr(obj, "__dlpack__"):
        return np.from_dlpack(obj)
    return np.asarray(memoryview(obj)) if _has_buffer(obj) else obj


def _has_buffer(obj: Any) -> bool:
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


def _in_range(obj: Any) -> None:
    """Python's integers take the default integer dtype or none at all."""
    if type(obj) is int and not -(2**63) <= obj < 2**63:
        raise OverflowError(
            message("asarray", "the integer does not fit", str(obj), "an int64",
                    "name a dtype, e.g. dtype=uint64")
        )  # fmt: skip
    if isinstance(obj, (list, tuple)):
        for part in obj:
            if isinstance(part, (int, list, tuple)):
                _in_range(part)


def _needs_copy(what: str) -> ArgumentError:
    return ArgumentError(
        message("asarray", "this needs a copy", f"copy=False and {what}",
                "an array that can be shared", "leave copy out")
    )  # fmt: skip


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array, or a copy of it."""
    return firth.from_dlpack(x, device=device, copy=copy)


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: DType | None = None,
    device: Any = None,
) -> Tensor:  # fmt: skip
    """start, start + step, ... below stop, nothing when step leads away from it: -> (n)."""
    start, stop = (0, start) if stop is None else (start, stop)
    if (stop - start) * step < 0:
        start = stop = 0.0 if isinstance(start, float) or isinstance(stop, float) else 0
    return firth.arange(start, stop, step, dtype=dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: DType | None = None, device: Any = None,
    endpoint: bool = True,
) -> Tensor:  # fmt: skip
    """Evenly spaced numbers from start to stop, stop itself included or not: -> (num)."""
    if isinstance(start, complex) or isinstance(stop, complex):
        start, stop = complex(start), complex(stop)
        parts = [
            linspace(a, b, num, dtype=firth.float64, endpoint=endpoint)
            for a, b in ((start.real, stop.real), (start.imag, stop.imag))
        ]
        default = firth.get_default_dtype()
        kind = firth.complex128 if default is firth.float64 else firth.complex64
        return firth.complex(*parts).to(dtype or kind)
    if not endpoint:
        return linspace(start, stop, num + 1, dtype=dtype, device=device)[:-1]
    whole = dtype is not None and dtype.is_complex
    out = firth.linspace(start, stop, num, dtype=firth.float64 if whole else dtype, device=device)
    return out.to(dtype) if whole else out


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: DType | None = None,
    device: Any = None,
) -> Tensor:  # fmt: skip
    """1 on the k-th diagonal, 0 elsewhere: -> (n_rows, n_cols)."""
    if k == 0:
        return firth.eye(n_rows, n_cols, dtype=dtype, device=device)
    columns = n_rows if n_cols is None else n_cols
    k = max(-n_rows, min(k, columns))  # any whole number may be asked for
    on = firth.arange(n_rows)[:, None] + k == firth.arange(columns)
    return on.to(dtype or firth.get_default_dtype())


def empty(shape: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """A tensor to be filled: zeros."""
    return firth.zeros(_shape(shape), dtype=dtype, device=device)


def zeros(shape: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Zeros."""
    return firth.zeros(_shape(shape), dtype=dtype, device=device)


def ones(shape: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Ones."""
    return firth.ones(_shape(shape), dtype=dtype, device=device)


def full(shape: Any, fill_value: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """One number everywhere."""
    return firth.full(_shape(shape), fill_value, dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """A tensor to be filled (zeros), shaped like another."""
    return firth.zeros_like(x, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Zeros shaped like a tensor."""
    return firth.zeros_like(x, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Ones shaped like a tensor."""
    return firth.ones_like(x, dtype=dtype, device=device)


def full_like(
    x: Tensor, /, fill_value: Any, *, dtype: DType | None = None, device: Any = None
) -> Tensor:
    """One number everywhere, shaped like a tensor."""
    return firth.full_like(x, fill_value, dtype=dtype, device=device)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinates of a grid: n vectors -> n tensors of n dimensions."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(
            message("meshgrid", "no such indexing", repr(indexing), "'xy' or 'ij'", "use 'ij'")
        )
    return firth.meshgrid(*arrays, indexing=indexing)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The lower triangle of matrices, zeros elsewhere."""
    return firth.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The upper triangle of matrices, zeros elsewhere."""
    return firth.triu(x, k)
