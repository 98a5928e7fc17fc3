"""KerasTensor: a value that is not there yet, and the nodes that will compute it.

Shapes of what a layer gives are found by recording the layer on tensors with made-up extents in
place of None: recording checks shapes and computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from firth.base.dtype import DType
from firth.keras.naming import unique
from firth.keras.variable import dtype_of
from firth.tensor import Tensor, no_grad, zeros

Extents = tuple[int | None, ...]
_order = count()
# Two made-up extents for a batch and for any other open axis: what differs between them is open.
_BATCHES, _OTHERS = (2, 3), (64, 67)


class KerasTensor:
    """The shape, dtype and origin of a value of a functional model; None is an open extent."""

    def __init__(
        self, shape: Any, dtype: Any = None, name: str | None = None, node: Node | None = None
    ) -> None:
        self.shape: Extents = tuple(shape)
        self.dtype: DType = dtype_of(dtype)
        self.name = name or unique("keras_tensor")
        self.node = node

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype.name}, name={self.name}>"

    def __bool__(self) -> bool:
        raise TypeError(
            "KerasTensor: it has no value yet; got an `if` on it, expected a layer or operation; "
            "put the code into a Layer's call, or use firth.where"
        )

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Any:
        return operate(lambda x: x[index], "getitem", self)


def _operator(name: str) -> Callable[..., Any]:
    def method(self: KerasTensor, *others: Any) -> Any:
        def fn(x: Any, *rest: Any) -> Any:
            return getattr(x, name)(*rest)

        return operate(fn, name.strip("_"), self, *others)

    return method


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "matmul", "pow",
              "neg", "abs", "lt", "le", "gt", "ge"):  # fmt: skip
    setattr(KerasTensor, f"__{_name}__", _operator(f"__{_name}__"))


class Node:
    """One call of a layer or function: what it is given and what it gives."""

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.order = next(_order)
        self.operation = operation
        self.args, self.kwargs = args, kwargs
        self.inputs: list[KerasTensor] = leaves((args, kwargs), KerasTensor)
        self.outputs: Any = None


def leaves(tree: Any, kind: type) -> list[Any]:
    """Everything of a kind in nested tuples, lists and dicts."""
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (tuple, list)):
        return []
    return [leaf for part in tree for leaf in leaves(part, kind)]


def replaced(tree: Any, kind: type, fn: Callable[[Any], Any]) -> Any:
    """The tree with fn(x) for every x of a kind."""
    if isinstance(tree, kind):
        return fn(tree)
    if isinstance(tree, dict):
        return {k: replaced(v, kind, fn) for k, v in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(replaced(v, kind, fn) for v in tree)
    return tree


def is_symbolic(*trees: Any) -> bool:
    """Whether a KerasTensor is among the arguments."""
    return bool(leaves(trees, KerasTensor))


def record(operation: Any, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The outputs of a new node: fn says their shapes, operation will compute them."""
    node = Node(operation, args, kwargs)
    first, second = (_tried(fn, args, kwargs, k) for k in (0, 1))
    others = iter(leaves(second, Tensor))

    def symbol(value: Tensor) -> KerasTensor:
        other = next(others)
        pairs = zip(value.shape, other.shape, strict=True)
        shape = [n if n == m else None for n, m in pairs]
        return KerasTensor(shape, value.dtype, node=node)

    node.outputs = replaced(first, Tensor, symbol)
    return node.outputs


def _tried(fn: Callable[..., Any], args: Any, kwargs: Any, which: int) -> Any:
    def stand_in(x: KerasTensor) -> Tensor:
        return zeros(*_filled(x.shape, which), dtype=x.dtype)

    with no_grad():
        return fn(*replaced(args, KerasTensor, stand_in), **replaced(kwargs, KerasTensor, stand_in))


def _filled(shape: Extents, which: int) -> tuple[int, ...]:
    open_extents = (_BATCHES if k == 0 else _OTHERS for k in range(len(shape)))
    return tuple(
        n if n is not None else extent[which] for n, extent in zip(shape, open_extents, strict=True)
    )


class Operation:
    """A plain function in a functional model."""

    def __init__(self, fn: Callable[..., Any], name: str) -> None:
        self.fn = fn
        self.name = unique(name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)


def operate(fn: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
    """fn(*args): at once for tensors, as a node of a functional model for KerasTensors."""
    if is_symbolic(args, kwargs):
        return record(Operation(fn, name), fn, *args, **kwargs)
    return fn(*args, **kwargs)


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Any = None,
) -> KerasTensor:
    """The input of a functional model. shape: without the batch.

    >>> Input((28, 28)).shape
    (None, 28, 28)
    """
    if batch_shape is None:
        batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
    return KerasTensor(batch_shape, dtype, name or unique("input_layer"))
