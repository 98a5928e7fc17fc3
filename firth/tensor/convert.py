"""Dtypes, copies and the in-place methods that replace a whole tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, GradientError, message
from firth.ir.op import TABLE, make
from firth.tensor import creation
from firth.tensor.device import Device, check_device
from firth.tensor.gradmode import no_grad
from firth.tensor.handle import Tensor, extra, kind_of
from firth.tensor.lens import update
from firth.tensor.record import apply, enter, local, realise, step, user_line
from firth.tensor.shape import axis_of, clone


def cast(self: Tensor, dtype: DType) -> Tensor:
    """The tensor in another dtype; itself when it has it."""
    if self._kind.dtype is dtype:
        return self
    return apply("cast", self, dtype=dtype)


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype and on a device: `x.to(firth.float64)`, `x.to('cpu')`."""
    dtype = kwargs.pop("dtype", None)
    copy = kwargs.pop("copy", False)
    check_device(kwargs.pop("device", None), "to")
    kwargs.pop("non_blocking", None)
    kwargs.pop("memory_format", None)
    if kwargs:
        raise ArgumentError(
            message("to", "unknown options", ", ".join(kwargs), "dtype, device, copy", "drop them")
        ).at(user_line())
    for arg in args:
        if isinstance(arg, DType):
            dtype = arg
        elif isinstance(arg, Tensor):
            dtype = arg._kind.dtype
        elif isinstance(arg, (str, Device)):
            check_device(arg, "to")
        elif arg is not None and not isinstance(arg, bool):
            raise DTypeError(
                message(
                    "to", "neither a dtype nor a device", repr(arg),
                    "e.g. firth.float32 or 'cpu'", "pass a Firth dtype",
                )
            ).at(user_line())  # fmt: skip
    out = self if dtype is None else cast(self, dtype)
    return clone(out) if copy and out is self else out


def type_(self: Tensor, dtype: Any = None) -> Any:
    """The dtype's name without an argument; the tensor in that dtype with one."""
    return f"firth.{self._kind.dtype.name}" if dtype is None else to(self, dtype)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in another tensor's dtype."""
    return cast(self, other._kind.dtype)


def cpu(self: Tensor, *_: Any, **__: Any) -> Tensor:
    """The tensor itself: everything is on the CPU."""
    return self


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The tensor on a device: itself, as there is only the CPU."""
    check_device(device, "to_device")
    if stream is not None:
        raise ArgumentError(
            message("to_device", "the CPU has no streams", repr(stream), "None", "leave it out")
        ).at(user_line())
    return self


def _caster(name: str, dtype: DType) -> Callable[..., Tensor]:
    def method(self: Tensor, *_: Any, **__: Any) -> Tensor:
        return cast(self, dtype)

    method.__name__ = name
    method.__doc__ = f"The tensor as {dtype.name}."
    return method


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Makes a leaf start (or stop) collecting a gradient, in place.

    Raises DTypeError for anything but floats and GradientError for a result of other tensors.
    """
    kind = self._kind
    if kind.requires_grad == requires_grad:
        return self
    if requires_grad and kind.dtype.kind not in "fc":
        raise DTypeError(
            message(
                "requires_grad_", "only floats have gradients", kind.dtype.name,
                "a floating-point dtype", "cast first, e.g. x.float()",
            )
        ).at(user_line())  # fmt: skip
    if not kind.leaf:
        raise GradientError(
            message(
                "requires_grad_", "only leaves can be switched", "a result of other tensors",
                "a tensor that was made, not computed", "use x.detach() for one without gradient",
            )
        ).at(user_line())  # fmt: skip
    new = kind_of(kind.shape, kind.dtype, requires_grad, True)
    if self._buf is not None:
        self._kind = new
        self._rec = None  # enters again under its new kind
        self._pos = 0
        return self
    rec = local.rec
    position = self._pos if self._rec is rec and self._pos >= 0 else enter(rec, self)

    def build() -> Any:
        return [(make(TABLE["stop_gradient"], (rec.nodes()[position][0],)), new)], None

    step(rec, ("requires_grad", position, new), build)
    rec.handles[-1] = self
    self._kind, self._rec, self._pos = new, rec, len(rec.handles) - 1
    return self


def copy_(self: Tensor, source: Any, non_blocking: bool = False) -> Tensor:
    """In place: the values of another tensor, broadcast and cast."""
    return update(self, creation.as_tensor(source), "copy")


def fill_(self: Tensor, value: Any) -> Tensor:
    """In place: one number everywhere."""
    if isinstance(value, Tensor):
        return update(self, value, "fill")
    kind = self._kind
    return update(self, creation.full(kind.shape, value, dtype=kind.dtype), "fill")


def zero_(self: Tensor) -> Tensor:
    """In place: zeros."""
    return fill_(self, 0)


def assign_(self: Tensor, other: Tensor) -> Tensor:
    """Rebinds the handle to another tensor's value of the same shape and dtype.

    What optimizers use: gradients don't flow through it, a leaf stays a leaf, views follow.
    """
    with no_grad():
        return update(self, other, "copy")


def set_data(self: Tensor, value: Any) -> None:
    """Replaces the value, shape and dtype included; the tensor stays the leaf it is."""
    value = creation.as_tensor(value)
    kind, new = self._kind, value._kind
    if kind.shape == new.shape and kind.dtype is new.dtype:
        assign_(self, value)
        return
    self._kind = kind_of(new.shape, new.dtype, kind.requires_grad and new.dtype.kind in "fc", True)
    self._rec, self._pos, self._buf = None, 0, None
    found = extra(self)
    found.base, found.lens = None, ()
    self._buf = realise(value)
    self._rec, self._pos = None, 0


def dim(self: Tensor) -> int:
    """The number of dimensions."""
    return len(self._kind.shape)


def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the extent of one dimension."""
    shape = self._kind.shape
    return shape if dim is None else shape[axis_of("size", dim, len(shape))]


def numel(self: Tensor) -> int:
    """The number of elements."""
    return self._kind.numel


def element_size(self: Tensor) -> int:
    """Bytes of one element."""
    return self._kind.dtype.itemsize


def is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is a float."""
    return self._kind.dtype.kind == "f"


def is_complex(self: Tensor) -> bool:
    """Whether the dtype is complex."""
    return self._kind.dtype.kind == "c"


def is_tensor(value: Any) -> bool:
    """Whether a value is a Firth tensor."""
    return isinstance(value, Tensor)


def _new(name: str) -> Callable[..., Tensor]:
    make_one = getattr(creation, name)

    def method(self: Tensor, *size: Any, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        return make_one(*size, dtype=dtype or self._kind.dtype, **kwargs)  # type: ignore[no-any-return]

    method.__name__ = f"new_{name}"
    method.__doc__ = f"As firth.{name}, with this tensor's dtype."
    return method


METHODS: dict[str, Callable[..., Any]] = {
    "to": to, "type": type_, "type_as": type_as, "cpu": cpu, "to_device": to_device,
    "requires_grad_": requires_grad_,
    "copy_": copy_, "fill_": fill_, "zero_": zero_, "_assign": assign_, "dim": dim,
    "ndimension": dim, "size": size, "numel": numel, "nelement": numel,
    "element_size": element_size, "is_floating_point": is_floating_point, "is_complex": is_complex,
    **{f"new_{n}": _new(n) for n in ("zeros", "ones", "empty", "full", "tensor")},
    **{n: _caster(n, d) for n, d in {
        "float": dt.float32, "double": dt.float64, "half": dt.float16, "bfloat16": dt.bfloat16,
        "long": dt.int64, "int": dt.int32, "short": dt.int16, "char": dt.int8, "byte": dt.uint8,
        "bool": dt.bool_, "cfloat": dt.complex64, "cdouble": dt.complex128,
    }.items()},
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numel": numel, "is_floating_point": is_floating_point, "is_complex": is_complex,
    "is_tensor": is_tensor,
}  # fmt: skip
