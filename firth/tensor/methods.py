"""The methods of Tensor, put together from the tables of the other files."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.tensor import (
    arithmetic,
    backward,
    boxes,
    complex,
    composed,
    contract,
    convert,
    elementary,
    factorizations,
    functional,
    index,
    linalg,
    norms,
    order,
    pieces,
    place,
    printing,
    products,
    random,
    reading,
    reduce,
    search,
    segments,
    sets,
    shape,
    spectral,
)
from firth.tensor.arguments import guard_methods
from firth.tensor.device import CPU
from firth.tensor.gradmode import no_grad
from firth.tensor.handle import Tensor, extra
from firth.tensor.recording import local

FUNCTIONS: dict[str, Callable[..., Any]] = arithmetic.attach()
# Modules that only use the others: they may replace a plainer function of the same name.
_BREADTH = (
    elementary, order, pieces, place, products, segments, complex, spectral, linalg,
    factorizations, norms, boxes,
)  # fmt: skip
_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")

# Called often, on a tensor, with numbers that they check: a call more would be felt.
_BUSY = (
    "clone", "contiguous", "detach", "dim", "expand", "flatten", "float", "item", "numel", "numpy",
    "permute", "requires_grad_", "reshape", "size", "squeeze", "t", "to", "tolist", "transpose",
    "unsqueeze", "view",
)  # fmt: skip

_READING = {
    "item": reading.item, "tolist": reading.tolist, "numpy": reading.numpy,
    "__array__": reading.array_protocol, "__bool__": reading.as_bool,
    "__float__": reading.as_float, "__int__": reading.as_int, "__complex__": reading.as_complex,
    "__index__": reading.as_index, "__len__": reading.length, "__format__": reading.format_value,
    "__dlpack__": reading.dlpack, "__dlpack_device__": reading.dlpack_device,
}  # fmt: skip


def _backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Adds the gradients of this tensor (times `gradient`) to the leaves' `.grad`.

    >>> from firth.tensor import tensor
    >>> x = tensor(3.0, requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad.item()
    6.0
    """
    backward.backward(self, gradient, retain_graph, create_graph, inputs)


def _get_grad(self: Tensor) -> Tensor | None:
    session = local.rec.jit
    if session is not None:
        session.grad_read(self)
    return self._extra.grad if self._extra is not None else None


def _set_grad(self: Tensor, value: Tensor | None) -> None:
    session = local.rec.jit
    if session is not None:
        session.grad_written(self)
    if value is None:
        if self._extra is not None:
            self._extra.grad = None
        return
    extra(self).grad = value


def _namespace(self: Tensor, *, api_version: str | None = None) -> Any:
    """The array API standard's functions for tensors: `firth.array_api`."""
    if api_version is not None and api_version not in _API_VERSIONS:
        raise ArgumentError(
            message("__array_namespace__", "no such version", repr(api_version),
                    f"one of {', '.join(_API_VERSIONS)}", "leave it out")
        )  # fmt: skip
    return importlib.import_module("firth.array_api")  # above this floor


def _later(module: str, name: str, doc: str) -> Callable[..., Any]:
    """A method that a package above this floor holds."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, doc
    return method


def _iterate(self: Tensor) -> Any:
    if not self._kind.shape:
        raise TypeError("iter: a tensor of shape () has nothing to go through; got (), expected "
                        "at least one dimension; use .item()")  # fmt: skip
    return iter(shape.unbind(self))


def _grad_fn(self: Tensor) -> Any:
    kind = self._kind
    return kind if kind.requires_grad and not kind.leaf else None


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    out = Tensor.__new__(type(self))
    with no_grad():
        fresh = shape.clone(self)
    out._rec, out._pos, out._buf, out._extra = fresh._rec, fresh._pos, fresh._buf, None
    out._kind = fresh._kind
    if out._buf is None and out._rec is not None:
        out._rec.moved[id(out)] = out
    convert.requires_grad_(out, self._kind.requires_grad)
    for name in getattr(type(self), "__dict__", {}).get("__copied__", ()):
        setattr(out, name, copy.deepcopy(getattr(self, name), memo))
    memo[id(self)] = out
    return out


_PROPERTIES: dict[str, tuple[Callable[..., Any], Callable[..., None] | None, str]] = {
    "shape": (lambda self: self._kind.shape, None, "The extents."),
    "dtype": (lambda self: self._kind.dtype, None, "The element type."),
    "device": (lambda self: CPU, None, "Where it lives: the CPU."),
    "ndim": (lambda self: len(self._kind.shape), None, "The number of dimensions."),
    "itemsize": (lambda self: self._kind.dtype.itemsize, None, "Bytes of one element."),
    "nbytes": (lambda self: self._kind.nbytes, None, "Bytes of all elements."),
    "requires_grad": (
        lambda self: self._kind.requires_grad, convert.requires_grad_,
        "Whether gradients are recorded for it.",
    ),
    "grad": (_get_grad, _set_grad, "The gradient that backward() has added up, or None."),
    "is_leaf": (
        lambda self: self._kind.leaf, None, "Whether it was made by the user, not computed.",
    ),
    "grad_fn": (_grad_fn, None, "Something true when it was computed from a leaf, else None."),
    "data": (shape.detach, convert.set_data, "The value without its gradient; shares memory."),
    "T": (
        lambda self: shape.permute(self, *range(len(self._kind.shape) - 1, -1, -1)), None,
        "All dimensions in reverse order.",
    ),
    "mT": (lambda self: shape.transpose(self, -1, -2), None, "The last two dimensions swapped."),
    **complex.PROPERTIES,
    "is_cuda": (lambda self: False, None, "Whether it lives on a GPU."),
}  # fmt: skip


def _attach(table: dict[str, Callable[..., Any]]) -> None:
    for name, method in table.items():
        setattr(Tensor, name, method)


_attach(_READING)
_attach(shape.METHODS)
_attach(convert.METHODS)
_attach({name: composed.numpy_words(method) for name, method in reduce.METHODS.items()})
_attach(contract.METHODS)
_attach(index.METHODS)
_attach(search.METHODS)
_attach(sets.METHODS)
_attach(random.METHODS)
_attach(functional.METHODS)
_attach(composed.METHODS)
for _module in _BREADTH:
    _attach(_module.METHODS)
_attach({"__init__": composed.initialise})
_attach({"backward": _backward, "__iter__": _iterate, "__deepcopy__": _deepcopy})
_attach({
    name: _later("firth.sparse.build", name, doc) for name, doc in (
        ("to_sparse", "The elements that are not 0, as a sparse COO tensor; read at once."),
        ("to_sparse_csr", "The elements that are not 0, as a sparse CSR matrix; read at once."),
        ("sparse_mask", "The elements at the places of a sparse tensor."),
    )
})  # fmt: skip
_attach({**printing.METHODS, "__array_namespace__": _namespace})
guard_methods(Tensor, _BUSY)
for _name, (_get, _set, _doc) in _PROPERTIES.items():
    setattr(Tensor, _name, property(_get, _set, None, _doc))
FUNCTIONS.update(shape.FUNCTIONS)
FUNCTIONS.update(printing.FUNCTIONS)
FUNCTIONS.update({name: composed.numpy_words(f) for name, f in reduce.FUNCTIONS.items()})
for _module in (convert, contract, search, sets, random, composed, *_BREADTH):
    FUNCTIONS.update(_module.FUNCTIONS)
Tensor.__array_ufunc__ = None  # type: ignore[attr-defined]
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]
