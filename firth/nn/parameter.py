"""Parameter: a tensor that a module trains."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from firth.base.dtype import DType
from firth.runtime.buffer import from_array
from firth.tensor import from_numpy, get_default_dtype, no_grad, tensor
from firth.tensor.device import check_device
from firth.tensor.handle import Tensor, kind_of
from firth.tensor.record import local, realise


class Parameter(Tensor):
    """A leaf that collects gradients and belongs to the module it is an attribute of.

    data: a tensor (computed now), or anything that `firth.tensor` takes.
    """

    def __new__(cls, data: Any = (), requires_grad: bool = True) -> Self:
        source = data if isinstance(data, Tensor) else tensor(data)
        return _on(cls, realise(source), source.shape, source.dtype, requires_grad)

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return f"Parameter containing:\n{Tensor.__repr__(self)}"


def put(target: Tensor, values: np.ndarray) -> None:
    """Gives a tensor new values of its shape; nothing is recorded unless views have to follow."""
    values = np.broadcast_to(values, target.shape).astype(target.dtype.np, copy=False)
    found = target._extra
    if local.rec.jit is not None or (found is not None and (found.base is not None or found.views)):
        with no_grad():
            target.copy_(from_numpy(values))
        return
    target._buf = from_array(values)
    target._rec = None
    target._pos = 0


def empty_parameter(
    shape: tuple[int, ...], dtype: DType | None = None, device: object = None
) -> Parameter:
    """A parameter of zeros that waits for its initial values."""
    check_device(device, "nn")
    kind = dtype or get_default_dtype()
    return _on(Parameter, from_array(np.zeros(shape, kind.np)), shape, kind, True)


def _on(
    cls: type[Any], buffer: Any, shape: tuple[int, ...], dtype: DType, requires_grad: bool
) -> Any:
    out = Tensor.__new__(cls)
    out._rec = None
    out._pos = 0
    out._kind = kind_of(tuple(shape), dtype, requires_grad and dtype.kind in "fc")
    out._buf = buffer
    out._extra = None
    return out
