"""The handle: what a user holds. Plain slots, because one is made for every recorded operation.

A handle is pending (its value is a position of a recording), realised (it has a buffer), or both
(it entered a recording as an input). Methods are attached in `firth.tensor.methods`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firth.base.dtype import DType
from firth.runtime.buffer import Buffer

if TYPE_CHECKING:
    from firth.tensor.record import Recording


class Size(tuple[int, ...]):
    """A shape: a tuple of extents."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements.

        >>> Size((2, 3)).numel()
        6
        """
        count = 1
        for extent in self:
            count *= extent
        return count

    def __repr__(self) -> str:
        return f"Size([{', '.join(map(str, self))}])"


class Kind:
    """What every handle of one shape, dtype and gradient status shares. Interned: compare by `is`.

    leaf: a tensor the user made (with requires_grad its gradient goes to `.grad`).
    """

    __slots__ = ("dtype", "leaf", "nbytes", "numel", "requires_grad", "shape")

    def __init__(self, shape: Size, dtype: DType, requires_grad: bool, leaf: bool) -> None:
        self.shape = shape
        self.dtype = dtype
        self.requires_grad = requires_grad
        self.leaf = leaf
        self.numel = shape.numel()
        self.nbytes = self.numel * dtype.itemsize


_kinds: dict[tuple[Any, ...], Kind] = {}
_KINDS_LIMIT = 100_000


def kind_of(
    shape: tuple[int, ...], dtype: DType, requires_grad: bool = False, leaf: bool = True
) -> Kind:
    """The one Kind of these four."""
    key = (shape, dtype, requires_grad, leaf)
    found = _kinds.get(key)
    if found is None:
        if len(_kinds) > _KINDS_LIMIT:
            _kinds.clear()
        found = _kinds[key] = Kind(Size(shape), dtype, requires_grad, leaf)
    return found


class Extra:
    """What few handles have: gradient, hooks, history of an earlier recording, lens, views.

    base, lens: a view's base handle and how it looks at it (steps, outermost last).
    views: weak references of the views of this base. error: why the value could not be computed.
    history: (segment, position) of an earlier recording that the gradient goes on into.
    """

    __slots__ = (
        "base", "error", "grad", "history", "hooks", "lens", "retain_grad", "views",
    )  # fmt: skip

    def __init__(self) -> None:
        self.grad: Any = None
        self.hooks: list[Any] | None = None
        self.retain_grad = False
        self.history: Any = None
        self.base: Any = None
        self.lens: tuple[Any, ...] = ()
        self.views: list[Any] | None = None
        self.error: Exception | None = None


class Tensor:
    """An n-dimensional array of one dtype. Made by `firth.tensor(...)`, `firth.zeros(...)`, ..."""

    __slots__ = ("__weakref__", "_buf", "_extra", "_kind", "_pos", "_rec")

    _rec: Recording | None  # the recording that knows the value, or None
    _pos: int  # its position there; negative: a replaced leaf, position -1 - _pos
    _kind: Kind
    _buf: Buffer | None  # the value, when it is realised
    _extra: Extra | None


def extra(handle: Tensor) -> Extra:
    """The handle's Extra, made when it has none."""
    found = handle._extra
    if found is None:
        found = handle._extra = Extra()
    return found


def realised(buffer: Buffer, kind: Kind) -> Tensor:
    """A handle on a value that exists."""
    out = Tensor.__new__(Tensor)
    out._rec = None
    out._pos = 0
    out._kind = kind
    out._buf = buffer
    out._extra = None
    return out
