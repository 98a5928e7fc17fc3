"""Making tensors from data, from numbers and from nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, RecordingError, ShapeError, message
from firth.ir.op import TABLE
from firth.runtime.buffer import from_array
from firth.tensor.arguments import refuse
from firth.tensor.device import check_device
from firth.tensor.handle import Tensor, kind_of, realised
from firth.tensor.record import apply, apply_op, local, plain_number

_default = dt.float32


def get_default_dtype() -> DType:
    """The dtype of floats made without one.

    >>> get_default_dtype()
    firth.float32
    """
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Sets the dtype of floats made without one; DTypeError for anything but a float dtype."""
    global _default
    if not isinstance(dtype, DType) or dtype.kind != "f":
        raise DTypeError(
            message(
                "set_default_dtype", "not a float dtype", str(dtype), "a floating-point dtype",
                "e.g. firth.float64",
            )
        )  # fmt: skip
    _default = dtype


def _contains_tensor(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return any(_contains_tensor(d) for d in data)
    return isinstance(data, Tensor)


def _to_array(data: Any, dtype: DType | None) -> tuple[np.ndarray, DType]:
    """The data as an array, and its dtype: floats of Python take the default dtype."""
    if isinstance(data, (list, tuple)) and _contains_tensor(data):
        data = _plain(data)
    foreign = hasattr(data, "__array__") or isinstance(data, np.generic)
    try:
        array = np.asarray(data)
    except (ValueError, OverflowError) as error:
        raise ShapeError(
            message(
                "tensor", "rows have different lengths", str(error), "a regular nest of numbers",
                "pad the rows or keep a list of tensors",
            )
        ) from None  # fmt: skip
    if array.dtype == object or array.dtype.kind in "USOMmV" and dt.of_numpy(array.dtype) is None:
        raise DTypeError(
            message(
                "tensor", "no numbers", f"{type(data).__name__} ({array.dtype})",
                "numbers, lists of numbers or arrays", "convert text and objects to numbers first",
            )
        )  # fmt: skip
    if dtype is None:
        if foreign or (isinstance(data, (list, tuple)) and _leaf_is_foreign(data)):
            dtype = dt.from_numpy(array.dtype)
        elif array.dtype.kind == "f":
            dtype = _default
        elif array.dtype.kind == "c":
            dtype = dt.complex128 if _default is dt.float64 else dt.complex64
        elif array.size == 0 and array.dtype.kind == "f":
            dtype = _default
        else:
            dtype = dt.bool_ if array.dtype.kind == "b" else dt.int64
    return array, dtype


def _leaf_is_foreign(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.tolist()  # type: ignore[attr-defined]
    if isinstance(data, (list, tuple)):
        return [_plain(d) for d in data]
    return data


def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of the data: numbers, nested lists, NumPy arrays or tensors.

    Raises ShapeError for ragged lists and DTypeError for data that isn't numbers.

    >>> tensor([[1, 2], [3, 4]]).shape
    Size([2, 2])
    """
    check_device(device, "tensor")
    if isinstance(data, Tensor):
        out = data.detach().clone()  # type: ignore[attr-defined]
        if dtype is not None:
            out = out.to(dtype)
        return out.requires_grad_(requires_grad) if requires_grad else out
    array, found = _to_array(data, dtype)
    if requires_grad and found.kind not in "fc":
        raise DTypeError(
            message(
                "tensor", "only floats have gradients", f"requires_grad=True with {found.name}",
                "a floating-point dtype", "write 1.0 instead of 1, or pass dtype=firth.float32",
            )
        )  # fmt: skip
    return wrap(array, found, requires_grad)


def wrap(array: np.ndarray, dtype: DType, requires_grad: bool = False) -> Tensor:
    """A tensor that owns a copy of the array in the dtype given."""
    if local.rec.jit is not None:
        local.rec.jit.foreign_data(array)
    if array.dtype != dtype.np:
        with np.errstate(all="ignore"):
            array = array.astype(dtype.np)
    return realised(from_array(array), kind_of(array.shape, dtype, requires_grad, True))


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor with a copy of a NumPy array (any strides, any byte order).

    >>> from_numpy(np.arange(3)).dtype
    firth.int64
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(
            message(
                "from_numpy", "not a NumPy array", type(array).__name__, "numpy.ndarray",
                "use firth.tensor(data) for lists and numbers",
            )
        )  # fmt: skip
    return wrap(array, dt.from_numpy(array.dtype))


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor; a tensor of the right dtype is returned as it is."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)  # type: ignore[attr-defined]
    return tensor(data, dtype=dtype, device=device)


def sizes(op: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as one sequence or as separate integers; ShapeError otherwise."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    out = []
    for extent in shape:
        if type(extent) is not int:
            try:
                extent = extent.__index__()
            except (AttributeError, TypeError):
                raise ShapeError(
                    message(
                        op, "an extent is no integer", repr(extent), "integers",
                        "divide with // instead of /, or call int(...)",
                    )
                ) from None  # fmt: skip
        out.append(extent)
    return tuple(out)


def full(
    size: Sequence[int], fill_value: Any, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """One number everywhere: -> (size) dtype."""
    check_device(device, "full")
    size = sizes("full", (size,))
    value = plain_number(fill_value)
    if isinstance(value, Tensor):
        out = value.expand(size).clone()  # type: ignore[attr-defined]
        return out if dtype is None else out.to(dtype)
    if not isinstance(value, Number):
        refuse("full", "fill_value", value, "Number")
    if dtype is None:
        if isinstance(value, bool):
            dtype = dt.bool_
        else:
            dtype = dt.int64 if isinstance(value, int) else _default
            if isinstance(value, complex):
                dtype = dt.complex128 if _default is dt.float64 else dt.complex64
    if isinstance(value, complex) and not dtype.is_complex:
        raise DTypeError(
            message(
                "full", "a complex number in a real tensor", f"{value} as {dtype.name}",
                "a real number, or a complex dtype", "pass dtype=firth.complex64, or value.real",
            )
        )  # fmt: skip
    if not isinstance(value, (bool, int)) and dtype.kind in "iu" and not math.isfinite(value):
        raise ArgumentError(
            message("full", "a number that is no integer", f"{value} as {dtype.name}",
                    "a finite number, or a float dtype", "pass dtype=firth.float32")
        )  # fmt: skip
    if not isinstance(value, (bool, int)) and dtype.kind in "biu":
        value = bool(value) if dtype.kind == "b" else int(value)
    return _leaf(apply_op(TABLE["full"], (), (tuple(size), value, dtype)), requires_grad)


def _leaf(out: Tensor, requires_grad: bool) -> Tensor:
    return out.requires_grad_(True) if requires_grad else out  # type: ignore[attr-defined,no-any-return]


def zeros(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros: -> (size) dtype.

    >>> zeros(2, 3).shape
    Size([2, 3])
    """
    return full(
        sizes("zeros", size), 0, dtype=dtype or _default, device=device,
        requires_grad=requires_grad,
    )  # fmt: skip


def ones(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones: -> (size) dtype."""
    return full(
        sizes("ones", size), 1, dtype=dtype or _default, device=device, requires_grad=requires_grad
    )


def empty(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor to be filled: zeros, so that nothing undefined can be read: -> (size) dtype."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def _like(fill: Any) -> Any:
    def function(
        input: Tensor, *, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        return full(
            input._kind.shape, fill, dtype=dtype or input._kind.dtype, device=device,
            requires_grad=requires_grad,
        )  # fmt: skip

    return function


zeros_like, ones_like, empty_like = _like(0), _like(1), _like(0)
zeros_like.__name__, ones_like.__name__, empty_like.__name__ = (
    "zeros_like",
    "ones_like",
    "empty_like",
)
zeros_like.__doc__ = "Zeros shaped like a tensor: x (...) -> (...)."
ones_like.__doc__ = "Ones shaped like a tensor: x (...) -> (...)."
empty_like.__doc__ = "A tensor to be filled (zeros), shaped like another: x (...) -> (...)."


def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """One number everywhere, shaped like a tensor: x (...) -> (...)."""
    return full(
        input._kind.shape, fill_value, dtype=dtype or input._kind.dtype, device=device,
        requires_grad=requires_grad,
    )  # fmt: skip


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... below end: -> (n) dtype; int64 when all three are integers.

    ArgumentError for a step that leads away from the end.

    >>> arange(3).tolist()
    [0, 1, 2]
    """
    check_device(device, "arange")
    start, end, step = plain_number(start), plain_number(end), plain_number(step)
    start, end, step = (x.item() if isinstance(x, Tensor) else x for x in (start, end, step))  # type: ignore[attr-defined]
    if end is None:
        start, end = 0, start
    if step == 0:
        raise ArgumentError(
            message("arange", "the step is zero", "step=0", "another step", "give step=1")
        )
    if (
        not all(isinstance(v, int) or math.isfinite(v) for v in (start, end, step))
        or (end - start) * step < 0
    ):
        raise ArgumentError(
            message("arange", "no such range", f"from {start} to {end} by {step}",
                    "finite numbers, and a step towards the end",
                    "leave start out, or give step the other sign")
        )  # fmt: skip
    if dtype is None:
        whole = all(isinstance(x, int) for x in (start, end, step))
        dtype = dt.int64 if whole else _default
    extent = max(0, math.ceil((end - start) / step))
    if dtype.is_integer and all(isinstance(x, int) for x in (start, end, step)):
        extent = max(0, -((start - end) // step))
    if dtype.is_integer:
        start, step = int(start), int(step)
    else:
        start, step = float(start), float(step)
    part = {dt.complex64: dt.float32, dt.complex128: dt.float64}.get(dtype, dtype)
    out = apply_op(TABLE["arange"], (), (start, step, extent, part))
    return _leaf(apply("cast", out, dtype=dtype) if part is not dtype else out, requires_grad)


def linspace(
    start: float, end: float, steps: int, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Evenly spaced numbers, both ends included: -> (steps) float."""
    check_device(device, "linspace")
    if not hasattr(steps, "__index__"):
        raise ArgumentError(
            message("linspace", "the number of steps is not an integer", repr(steps), "an int",
                    "give e.g. int(steps)")
        )  # fmt: skip
    dtype = dtype or _default
    out = apply_op(
        TABLE["linspace"], (),
        (float(start), float(end), int(steps), dtype if dtype.kind == "f" else dt.float64),
    )  # fmt: skip
    return _leaf(apply("cast", out, dtype=dtype) if dtype.kind != "f" else out, requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """1 on the diagonal, 0 elsewhere: -> (n, m) dtype."""
    check_device(device, "eye")
    out = apply_op(TABLE["eye"], (), (n, n if m is None else m, dtype or _default))
    return _leaf(out, requires_grad)


def refuse_in_jit(op: str, why: str, fix: str) -> None:
    """RecordingError when called inside jit."""
    if local.rec.jit is not None:
        raise RecordingError(message(op, why, "a call inside jit", "a call outside", fix))
