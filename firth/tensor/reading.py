"""Reading values: what makes a recording run, and how arrays leave and enter Firth."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, GradientError, ShapeError, message
from firth.runtime.buffer import Buffer
from firth.tensor.creation import from_numpy, refuse_in_jit
from firth.tensor.device import check_device
from firth.tensor.handle import Tensor, kind_of, realised
from firth.tensor.record import cut, local, realise, user_line


def contents(tensor: Tensor) -> np.ndarray:
    """The value as an array on the tensor's own memory: only for reading, at once."""
    buffer = realise(tensor)
    return buffer.view(tensor._kind.dtype, tensor._kind.shape)


def item(self: Tensor) -> Any:
    """The one element as a Python number.

    Raises ShapeError when there isn't exactly one.
    """
    if self._kind.numel != 1:
        raise ShapeError(
            message(
                "item", "only one element can become a number",
                f"shape {tuple(self._kind.shape)}, {self._kind.numel} elements", "one element",
                "use .tolist(), or pick one with x[i].item()",
            )
        ).at(user_line())  # fmt: skip
    return contents(self).reshape(())[()].item()


def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers."""
    return contents(self).tolist()


# An array of so few elements is copied: cheaper than memory that can't be used again.
_FEW = 256

# Whether `numpy()` leaves gradients behind without being asked, as TensorFlow's does.
detaching = False


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The value as a read-only NumPy array that never changes later: (...) -> (...).

    Raises GradientError when the tensor requires grad, as PyTorch does; force=True detaches.
    """
    if self._kind.requires_grad and not force and not detaching:
        raise GradientError(
            message(
                "numpy", "NumPy arrays carry no gradient", "a tensor that requires grad",
                "a detached tensor", "write x.detach().numpy()",
            )
        ).at(user_line())  # fmt: skip
    if self._kind.numel > _FEW:
        return export(self)
    array = contents(self).copy()
    array.flags.writeable = False
    return array


def export(tensor: Tensor) -> np.ndarray:
    """A read-only array on the tensor's memory, which is never overwritten from now on."""
    array = contents(tensor)
    buffer = tensor._buf
    assert buffer is not None
    buffer.exported = True
    array.flags.writeable = False
    return array


def array_protocol(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """What `np.asarray(tensor)` gives."""
    array = export(self)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def as_bool(self: Tensor) -> bool:
    """The truth of the one element; ShapeError when there isn't exactly one."""
    if self._kind.numel != 1:
        raise ShapeError(
            message(
                "bool", "the truth of several elements is ambiguous",
                f"shape {tuple(self._kind.shape)}", "one element",
                "use .any() or .all(); in place of `and`, `or`, `not` write &, |, ~",
            )
        ).at(user_line())  # fmt: skip
    return bool(contents(self).reshape(())[()])


def as_float(self: Tensor) -> float:
    """The one element as a float."""
    return float(item(self))


def as_int(self: Tensor) -> int:
    """The one element as an int."""
    return int(item(self))


def as_complex(self: Tensor) -> complex:
    """The one element as a complex number."""
    return complex(item(self))


def as_index(self: Tensor) -> int:
    """An integer element as an index; TypeError for floats."""
    if self._kind.dtype.kind not in "iub":
        raise TypeError(
            message(
                "index", "only integers can be indices", self._kind.dtype.name, "an integer tensor",
                "cast it, e.g. x.long()",
            )
        )  # fmt: skip
    return int(item(self))


def length(self: Tensor) -> int:
    """The first extent; TypeError for a tensor of shape ()."""
    if not self._kind.shape:
        raise TypeError("len: a tensor of shape () has no length; got (), expected at least "
                        "one dimension; use .numel() or .item()")  # fmt: skip
    return self._kind.shape[0]


def format_value(self: Tensor, spec: str) -> str:
    """`f"{loss:.4f}"` for tensors of shape (); the printed form otherwise."""
    if self._kind.numel == 1 and not self._kind.shape and spec:
        return format(item(self), spec)
    return format(repr(self), spec) if spec else repr(self)


def dlpack(
    self: Tensor, *, stream: Any = None, max_version: tuple[int, int] | None = None,
    dl_device: tuple[Any, int] | None = None, copy: bool | None = None,
) -> Any:  # fmt: skip
    """A DLPack capsule of the value, or of a copy; the memory is never overwritten from now on."""
    array = np.array(contents(self)) if copy else _sharable(self)
    return array.__dlpack__(
        stream=stream, max_version=max_version, dl_device=dl_device, copy=False if copy else copy
    )


def _sharable(tensor: Tensor) -> np.ndarray:
    array = contents(tensor)
    if tensor._kind.dtype is dt.bfloat16:
        raise ArgumentError(
            message(
                "dlpack", "NumPy cannot hand out bfloat16", "bfloat16", "another dtype",
                "cast first, e.g. x.float()",
            )
        )  # fmt: skip
    buffer = tensor._buf
    assert buffer is not None
    buffer.exported = True
    buffer.stamp = 0
    return array


def dlpack_device(self: Tensor) -> tuple[int, int]:
    """(1, 0): the CPU."""
    return (1, 0)


def from_dlpack(source: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on borrowed memory of another library; copied when it isn't contiguous.

    What is recorded with it runs before control returns to the code that may change the memory:
    each operation that reads it is computed at once. copy=True copies always; copy=False never:
    where it must be, that is an ArgumentError.
    """
    check_device(device, "from_dlpack")
    refuse_in_jit("from_dlpack", "foreign memory can change unseen", "pass it as an argument")
    array = source if isinstance(source, np.ndarray) else np.from_dlpack(source)
    dtype = dt.from_numpy(array.dtype)
    loose = not array.flags.c_contiguous or array.ctypes.data % dtype.itemsize
    if loose and copy is False:
        raise ArgumentError(
            message(
                "from_dlpack", "this needs a copy", f"copy=False and strides {array.strides}",
                "contiguous memory", "leave copy out",
            )
        ).at(user_line())  # fmt: skip
    if copy or loose:
        return from_numpy(array)
    flat = array.reshape(-1).view(np.uint8) if array.size else np.empty(1, np.uint8)
    return realised(Buffer(flat, owner=array), kind_of(array.shape, dtype))


def settle() -> None:
    """Computes everything pending in this thread."""
    cut()


def is_pending(tensor: Tensor) -> bool:
    """True when the value has not been computed yet."""
    return tensor._buf is None and tensor._rec is local.rec
