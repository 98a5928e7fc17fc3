"""Variable: a tensor with a name that layers, optimizers and metrics keep and assign to."""

from __future__ import annotations

from itertools import count
from typing import Any, Self

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, ShapeError, message
from firth.nn.parameter import Parameter
from firth.tensor import Tensor, as_tensor, no_grad, tensor
from firth.tensor.lens import update
from firth.tensor.recording import in_jit

FLOATX = dt.float32
_serial = count()


def dtype_of(name: Any) -> DType:
    """A dtype by its name, NumPy's dtype or itself; None is float32.

    >>> dtype_of("int32")
    firth.int32
    """
    if name is None:
        return FLOATX
    if isinstance(name, DType):
        return name
    if isinstance(name, str):
        found = dt.BY_NAME.get(name)
        if found is None:
            raise DTypeError(
                message("dtype", "there is no such dtype", repr(name), ", ".join(dt.BY_NAME),
                        "check the spelling")
            )  # fmt: skip
        return found
    return dt.from_numpy(name)


def to_tensor(value: Any, dtype: Any = None) -> Tensor:
    """A tensor of numbers, lists, arrays or tensors; Python floats become float32."""
    if isinstance(value, Tensor):
        return value if dtype is None else value.to(dtype_of(dtype))
    if dtype is not None:
        return tensor(np.asarray(value), dtype=dtype_of(dtype))
    return as_tensor(value)


class Variable(Parameter):
    """A tensor that is assigned to. initializer: a value, or a function of (shape, dtype).

    >>> count = Variable(0.0)
    >>> count.assign_add(2.0).item()
    2.0
    """

    __copied__ = ("serial", "name", "trainable", "regularizer", "constraint")

    serial: int
    name: str
    trainable: bool
    regularizer: Any
    constraint: Any

    def __new__(
        cls,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **_: Any,
    ) -> Self:
        if callable(initializer) and not isinstance(initializer, Tensor):
            initializer = initializer(() if shape is None else shape, dtype=dtype)
        value = to_tensor(initializer, dtype).detach()
        self = super().__new__(cls, value, requires_grad=trainable and value.dtype.kind in "fc")
        self.serial = next(_serial)
        self.name = name or "variable"
        self.trainable = trainable
        self.regularizer = self.constraint = None
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @property
    def value(self) -> Tensor:
        """The tensor itself."""
        return self

    @property
    def path(self) -> str:
        """Its name."""
        return self.name

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The value, whether or not gradients are recorded for it."""
        return np.asarray(self.detach())

    def assign(self, value: Any) -> Self:
        """Takes the value of a tensor of its shape. Raises ShapeError for another shape."""
        value = to_tensor(value)
        if tuple(value.shape) not in (tuple(self.shape), ()):
            raise ShapeError(
                message(self.name, "a variable keeps its shape", str(tuple(value.shape)),
                        str(tuple(self.shape)), "make a new variable for another shape")
            )  # fmt: skip
        with no_grad():
            value = value.detach().to(self.dtype)
            update(self, value if value.shape == self.shape else value.expand(self.shape), "copy")
        return self

    def assign_add(self, value: Any) -> Self:
        """Adds to it."""
        return self.assign(self.detach() + to_tensor(value, self.dtype))

    def assign_sub(self, value: Any) -> Self:
        """Subtracts from it."""
        return self.assign(self.detach() - to_tensor(value, self.dtype))

    def __repr__(self) -> str:
        value = "" if in_jit() else f", value={self.numpy()}"
        return f"<Variable {self.name}, shape={tuple(self.shape)}{value}>"
