"""Writing at places named by tensors, out of place: index_put, index_copy, put, masked_scatter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.tensor import shape
from firth.tensor.arithmetic import operand
from firth.tensor.creation import full, refuse_in_jit, wrap
from firth.tensor.handle import Tensor
from firth.tensor.lens import update
from firth.tensor.reading import contents
from firth.tensor.record import apply, user_line
from firth.tensor.reducing import check_reduction, reduced
from firth.tensor.search import in_place, nonzero
from firth.tensor.shape import axis_of, clone


def places(op: str, index: Tensor, extent: int) -> Tensor:
    """Integer places as int64, negative ones counted from the end."""
    kind = index._kind.dtype
    if kind.kind not in "iu":
        raise DTypeError(
            message(op, "the index is not of integers", kind.name, "int64", "cast it: index.long()")
        ).at(user_line())
    if kind is not dt.int64:
        index = apply("cast", index, dtype=dt.int64)
    return apply("wrap_index", index, extent=extent)


def _same_dtype(op: str, x: Tensor, source: Tensor) -> None:
    if x._kind.dtype is not source._kind.dtype:
        raise DTypeError(
            message(
                op, "the source has another dtype",
                f"{x._kind.dtype.name} and {source._kind.dtype.name}", "equal dtypes",
                f"cast the source, e.g. source.to(firth.{x._kind.dtype.name})",
            )
        ).at(user_line())  # fmt: skip


# --- a vector of places along one dimension -------------------------------------------------------


def _along(op: str, self: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int, Tensor]:
    """The tensor with at least one dimension, the axis and the places along it."""
    axis = axis_of(op, dim, len(self._kind.shape))
    if len(index._kind.shape) > 1:
        raise ShapeError(
            message(op, "the index is not a vector", str(tuple(index._kind.shape)),
                    "one dimension", "flatten it")
        ).at(user_line())  # fmt: skip
    if not index._kind.shape:
        index = apply("reshape", index, shape=(1,))
    x = self if self._kind.shape else apply("reshape", self, shape=(1,))
    return x, axis, places(op, index, x._kind.shape[axis])


def _front(op: str, source: Tensor, x: Tensor, axis: int, count: int) -> Tensor:
    """The source with its axis first; ShapeError unless it fits the places."""
    if not source._kind.shape:
        source = apply("reshape", source, shape=(1,))
    want = (*x._kind.shape[:axis], count, *x._kind.shape[axis + 1 :])
    if source._kind.shape != want:
        raise ShapeError(
            message(op, "the source does not fit the places", str(tuple(source._kind.shape)),
                    str(want), "one slice for each place")
        ).at(user_line())  # fmt: skip
    if not axis:
        return source
    return apply("permute", source, axes=(axis, *(i for i in range(len(want)) if i != axis)))


def _index_write(op: str, self: Tensor, dim: int, index: Tensor, source: Tensor, *how: Any) -> Any:
    x, axis, at = _along(op, self, dim, index)
    _same_dtype(op, self, source)
    put = _front(op, source, x, axis, at._kind.shape[0])
    out = reduced(x, put, [at], (axis,), *how)
    return apply("reshape", out, shape=tuple(self._kind.shape))


def index_add(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """x with source added at the places of a dim named by a vector: (..., N, ...) -> the same."""
    if alpha != 1:
        source = apply("mul", source, alpha)
    return _index_write("index_add", self, dim, index, source, "sum", True)  # type: ignore[no-any-return]


def index_copy(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """x with source at the places of a dim named by a vector: (..., N, ...) -> the same."""
    return _index_write("index_copy", self, dim, index, source, None, True)  # type: ignore[no-any-return]


def index_reduce(
    self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """x with source reduced into the places of a dim: 'prod', 'mean', 'amax' or 'amin'."""
    check_reduction("index_reduce", reduce)
    return _index_write("index_reduce", self, dim, index, source, reduce, include_self)  # type: ignore[no-any-return]


def index_fill(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """x with one number at the places of a dim named by a vector: (..., N, ...) -> the same."""
    value = operand(value, "index_fill")
    if isinstance(value, Tensor) and value._kind.shape:
        raise ShapeError(
            message("index_fill", "the value is more than one number",
                    str(tuple(value._kind.shape)), "a number or shape ()", "use index_copy")
        ).at(user_line())  # fmt: skip
    x, axis, at = _along("index_fill", self, dim, index)
    kind, extent = self._kind.dtype, x._kind.shape[axis]
    if isinstance(value, Tensor):
        value = apply("cast", value, dtype=kind)
    zeros, ones = (full(n, v, dtype=dt.int64) for n, v in (((extent,), 0), (at._kind.shape, 1)))
    hit = apply("equal", apply("scatter", zeros, ones, at, axes=(0,), mode="set"), 1)
    along = tuple(extent if i == axis else 1 for i in range(len(x._kind.shape)))
    out = apply("where", apply("reshape", hit, shape=along), value, x)
    return apply("reshape", out, shape=tuple(self._kind.shape))


def index_select(self: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places of a dim named by a vector of integers: (..., N, ...) -> (..., n, ...)."""
    x, axis, at = _along("index_select", self, dim, index)
    out = apply("take", x, at, axis=axis)
    return out if self._kind.shape else apply("reshape", out, shape=())


# --- places anywhere ------------------------------------------------------------------------------


def index_put(
    input: Tensor, indices: Sequence[Tensor | None], values: Any, accumulate: bool = False
) -> Tensor:
    """x with values at x[indices] (one tensor or None per dim), added there with accumulate."""
    key = tuple(slice(None) if i is None else i for i in indices)
    values = operand(values, "index_put")
    if not isinstance(values, Tensor):
        values = full((), values, dtype=input._kind.dtype)
    _same_dtype("index_put", input, values)
    out = clone(input)
    if not accumulate:
        out[key] = values  # type: ignore[index]
        return out
    # where each element lies in x flat, picked as the elements would be
    line = apply("iota", extent=input._kind.numel, dtype=dt.int64)
    flat = shape.reshape(line, tuple(input._kind.shape))[key]  # type: ignore[index]
    wide = shape.expand(values, *flat._kind.shape)
    base, wide, flat = (
        apply("reshape", t, shape=(t._kind.numel,)) for t in (input, wide, flat)
    )  # fmt: skip
    out = apply("scatter", base, wide, flat, axes=(0,), mode="add")
    return apply("reshape", out, shape=tuple(input._kind.shape))


def index_put_(
    self: Tensor, indices: Sequence[Tensor | None], values: Any, accumulate: bool = False
) -> Tensor:
    """In place: values at x[indices], added there with accumulate."""
    return update(self, index_put(self, indices, values, accumulate), "index_put")


def put(self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """x with source at places of x flat, added there with accumulate."""
    _same_dtype("put", self, source)
    if index._kind.numel != source._kind.numel:
        raise ShapeError(
            message("put", "not one element for each place",
                    f"{source._kind.numel} for {index._kind.numel}", "equal numbers",
                    "expand the source")
        ).at(user_line())  # fmt: skip
    numel = self._kind.numel
    at = apply("reshape", places("put", index, numel), shape=(index._kind.numel,))
    flat = apply("reshape", self, shape=(numel,))
    values = apply("reshape", source, shape=(source._kind.numel,))
    out = apply("scatter", flat, values, at, axes=(0,), mode="add" if accumulate else "set")
    return apply("reshape", out, shape=tuple(self._kind.shape))


def take(self: Tensor, index: Tensor) -> Tensor:
    """Elements of x taken flat, by position: -> index's shape."""
    flat = apply("reshape", self, shape=(self._kind.numel,))
    return apply("take", flat, places("take", index, self._kind.numel), axis=0)


def masked_scatter(self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """x with the next element of source wherever the mask holds; IndexError when it runs out."""
    _same_dtype("masked_scatter", self, source)
    if mask._kind.dtype.kind != "b":
        raise DTypeError(
            message("masked_scatter", "the mask is not bool", mask._kind.dtype.name, "bool",
                    "compare, e.g. x > 0")
        ).at(user_line())  # fmt: skip
    wide = np.broadcast_shapes(self._kind.shape, mask._kind.shape)
    x, mask = shape.expand(self, *wide), shape.expand(mask, *wide)
    numel = x._kind.numel
    if numel == 0:
        return clone(x)
    held = apply("reshape", apply("cast", mask, dtype=dt.int64), shape=(numel,))
    number = apply("sub", apply("cumulate", held, axis=0, kind="add"), 1)
    number = apply("where", apply("equal", held, 1), number, 0)
    flat = apply("reshape", source, shape=(source._kind.numel,))
    if not source._kind.numel:
        flat = full((1,), 0, dtype=source._kind.dtype)
    taken = apply("reshape", apply("take", flat, number, axis=0), shape=tuple(wide))
    return apply("where", mask, taken, x)


def unsafe_masked_index(x: Tensor, mask: Tensor, indices: Sequence[Any], value: Any) -> Tensor:
    """x[indices] where the mask holds, a number elsewhere."""
    key = tuple(slice(None) if i is None else i for i in _clamped(x, indices))
    return apply("where", mask, x[key], value)  # type: ignore[index]


def unsafe_masked_index_put_accumulate(
    x: Tensor, mask: Tensor, indices: Sequence[Any], values: Tensor
) -> Tensor:
    """x with values added at x[indices] where the mask holds."""
    kept = apply("where", mask, values, 0)
    return index_put(x, list(_clamped(x, indices)), kept, True)


def _clamped(x: Tensor, indices: Sequence[Any]) -> list[Any]:
    """Places outside are moved inside: the mask hides what is read there."""
    return [
        i if i is None else apply("clamp", i, min=-n, max=n - 1)
        for i, n in zip(indices, x._kind.shape, strict=False)
    ]


def argwhere(self: Tensor) -> Tensor:
    """Where the elements are not zero, read at once: -> (n, ndim) int64."""
    return nonzero(self)  # type: ignore[no-any-return]


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` places that are not zero, rows of fill_value after: -> (size, ndim)."""
    if size < 0:
        raise ArgumentError(
            message("nonzero_static", "the size is negative", str(size), "0 or more", "use 0")
        ).at(user_line())
    refuse_in_jit("nonzero_static", "it reads its values at once", "call it outside")
    found = np.stack(np.nonzero(np.atleast_1d(contents(input))), axis=1)
    out = np.full((size, len(input._kind.shape)), fill_value, np.int64)
    rows = found[:size, : out.shape[1]]
    out[: len(rows)] = rows
    return wrap(out, dt.int64)


_WRITES: dict[str, Callable[..., Any]] = {
    "index_add": index_add, "index_copy": index_copy, "index_fill": index_fill,
    "index_reduce": index_reduce, "masked_scatter": masked_scatter, "put": put,
}  # fmt: skip
METHODS: dict[str, Callable[..., Any]] = {
    **_WRITES, "argwhere": argwhere, "index_put": index_put, "index_put_": index_put_,
    "index_select": index_select, "take": take,
    **{f"{name}_": in_place(method, name) for name, method in _WRITES.items()},
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: method for name, method in METHODS.items() if not name.endswith("_")},
    "_unsafe_masked_index": unsafe_masked_index,
    "_unsafe_masked_index_put_accumulate": unsafe_masked_index_put_accumulate,
    "nonzero_static": nonzero_static,
}  # fmt: skip
