"""Picking and placing under torch's names: where, gather, scatter, masks, sorting, triangles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, message
from firth.tensor.arithmetic import operand
from firth.tensor.creation import refuse_in_jit, wrap
from firth.tensor.handle import Tensor
from firth.tensor.index import getitem
from firth.tensor.lens import update
from firth.tensor.reading import contents
from firth.tensor.record import apply, user_line
from firth.tensor.reduce import ValuesIndices
from firth.tensor.reducing import check_reduction, reduced
from firth.tensor.shape import axis_of, cat, clone, reshape, window


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """x where the condition holds, y elsewhere, with broadcasting; nonzero's tuple without x, y."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    x, y = operand(input, "where"), operand(other, "where")
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        kind = dt.float32 if isinstance(x, float) or isinstance(y, float) else dt.int64
        x = apply("full", shape=(), value=x, dtype=kind)
    return apply("where", _mask(condition, "where"), x, y)


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """x where the condition holds, other elsewhere."""
    return where(condition, self, other)  # type: ignore[no-any-return]


def _mask(mask: Any, op: str) -> Tensor:
    if not isinstance(mask, Tensor) or mask._kind.dtype.kind != "b":
        got = mask._kind.dtype.name if isinstance(mask, Tensor) else type(mask).__name__
        raise DTypeError(
            message(op, "the condition is not bool", got, "a bool tensor", "compare, e.g. x != 0")
        ).at(user_line())
    return mask


def masked_fill(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A number where the mask holds, x elsewhere: x (...), mask broadcasts -> (...)."""
    value = operand(value, "masked_fill")
    if isinstance(value, Tensor) and value._kind.shape:
        raise ShapeError(
            message("masked_fill", "the value is more than one number",
                    str(tuple(value._kind.shape)), "a number or shape ()",
                    "use where(mask, value, x)")
        ).at(user_line())  # fmt: skip
    complex_value = value._kind.dtype.is_complex if isinstance(value, Tensor) else (
        isinstance(value, complex)
    )  # fmt: skip
    if complex_value and not self._kind.dtype.is_complex:
        raise DTypeError(
            message("masked_fill", "a complex value", str(value), f"a real one for "
                    f"{self._kind.dtype.name}", "take its real part, or make the tensor complex")
        ).at(user_line())  # fmt: skip
    if isinstance(value, Tensor) and value._kind.dtype is not self._kind.dtype:
        value = apply("cast", value, dtype=self._kind.dtype)
    return apply("where", _mask(mask, "masked_fill"), value, self)


def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """In place: a number where the mask holds."""
    return update(self, masked_fill(self, mask, value), "masked_fill")


def masked_select(self: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, as one dimension; read at once: -> (n)."""
    shape = np.broadcast_shapes(self._kind.shape, mask._kind.shape)
    return getitem(self.expand(shape), mask.expand(shape))  # type: ignore[attr-defined]


def nonzero(self: Tensor, *, as_tuple: bool = False) -> Any:
    """Where the elements are not zero, read at once: -> (n, ndim) int64, or one (n) per dim."""
    refuse_in_jit(
        "nonzero", "the size of the result depends on values",
        "use where(condition, x, y), or multiply by the mask",
    )  # fmt: skip
    found = np.nonzero(np.atleast_1d(contents(self)))
    if as_tuple:
        return tuple(wrap(f, dt.int64) for f in found)
    stacked = np.stack(found, axis=1) if self._kind.shape else np.zeros((len(found[0]), 0))
    return wrap(stacked.astype(np.int64), dt.int64)


# --- gather and scatter ---------------------------------------------------------------------------


def _wide(index: Tensor, extent: int) -> Tensor:
    if index._kind.dtype is not dt.int64:
        index = apply("cast", index, dtype=dt.int64)
    return index


def _cut_to(x: Tensor, shape: tuple[int, ...], axis: int) -> Tensor:
    """torch's gather lets the index be smaller than the source in the other dims."""
    for a, n in enumerate(shape):
        if a != axis and n < x._kind.shape[a]:
            x = window(x, a, 0, n)
    return x


def gather(self: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Element by element along a dim: y[i, j] = x[index[i, j], j] for dim 0: -> index's shape."""
    axis = axis_of("gather", dim, len(self._kind.shape))
    given, x, index = index, _ranked(self), _ranked(_wide(index, 1))
    if index._kind.numel == 0:
        return apply("full", shape=tuple(index._kind.shape), value=_zero(x), dtype=x._kind.dtype)
    _same_rank("gather", x, index)
    out = apply("take_along_axis", _cut_to(x, index._kind.shape, axis), index, axis=axis)
    return out if given._kind.shape else apply("reshape", out, shape=())


def _ranked(x: Tensor) -> Tensor:
    """A number as a vector of one."""
    return x if x._kind.shape else apply("reshape", x, shape=(1,))


def _zero(x: Tensor) -> Any:
    return False if x._kind.dtype.kind == "b" else 0.0 if x._kind.dtype.kind in "fc" else 0


def _same_rank(op: str, x: Tensor, index: Tensor) -> None:
    if len(x._kind.shape) != len(index._kind.shape):
        raise ShapeError(
            message(
                op, "the index has another number of dimensions",
                f"{tuple(x._kind.shape)} and index {tuple(index._kind.shape)}", "equal numbers",
                "unsqueeze or expand the index",
            )
        ).at(user_line())  # fmt: skip


def _wrapped(index: Tensor, extent: int) -> Tensor:
    """Places counted from the end where they are negative."""
    if index._kind.dtype.kind not in "iu":
        raise DTypeError(
            message("take_along_dim", "the indices are not integers", index._kind.dtype.name,
                    "int64", "cast them, e.g. index.long()")
        ).at(user_line())  # fmt: skip
    return apply("wrap_index", _wide(index, extent), extent=extent)


def take_along_dim(self: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As NumPy's take_along_axis: indices broadcast against x everywhere but in dim."""
    if dim is None:
        flat = apply("reshape", self, shape=(self._kind.numel,))
        return gather(flat, 0, _wrapped(reshape(indices, -1), self._kind.numel))
    axis = axis_of("take_along_dim", dim, len(self._kind.shape))
    shape = list(np.broadcast_shapes(
        tuple(1 if a == axis else n for a, n in enumerate(self._kind.shape)),
        tuple(1 if a == axis else n for a, n in enumerate(indices._kind.shape)),
    ))  # fmt: skip
    wide = (*shape[:axis], indices._kind.shape[axis], *shape[axis + 1 :])
    source = (*shape[:axis], self._kind.shape[axis], *shape[axis + 1 :])
    indices = _wrapped(indices, self._kind.shape[axis])
    return gather(self.expand(source), axis, indices.expand(wide))  # type: ignore[attr-defined]


def _scatter(mode: str) -> Callable[..., Tensor]:
    name = "scatter" if mode == "set" else f"scatter_{mode}"

    def method(
        self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
        reduce: str | None = None,
    ) -> Tensor:  # fmt: skip
        if reduce not in (None, "add", "multiply"):
            raise ArgumentError(
                message(name, "no such reduction", repr(reduce), "'add' or 'multiply'",
                        "use scatter_reduce for others")
            ).at(user_line())  # fmt: skip
        axis, x, index, src = _scattered(name, self, dim, index, value if src is None else src)
        how = {"add": "add", "multiply": "multiply", None: mode}[reduce]
        if not index._kind.numel:
            return clone(self)
        outer = tuple(n for a, n in enumerate(x._kind.shape) if a != axis)
        if outer == tuple(n for a, n in enumerate(index._kind.shape) if a != axis):
            out = apply("scatter_along_axis", x, src, index, axis=axis, mode=how)
        else:
            out = apply("scatter", x, src, *_everywhere(index, axis),
                        axes=tuple(range(len(index._kind.shape))), mode=how)  # fmt: skip
        return out if self._kind.shape else apply("reshape", out, shape=())

    method.__name__ = name
    method.__doc__ = f"x with src placed by index along a dim (mode {mode}): x (...) -> (...)."
    return method


def _scattered(
    name: str, self: Tensor, dim: int, index: Tensor, src: Any
) -> tuple[int, Tensor, Tensor, Tensor]:
    """(axis, x, index, source), each of at least one dimension, the source cut to the index."""
    axis = axis_of(name, dim, len(self._kind.shape))
    x, index = _ranked(self), _ranked(_wide(index, 1))
    shape, kind = tuple(index._kind.shape), x._kind.dtype
    if index._kind.numel:
        _same_rank(name, x, index)
    src = operand(src, name)
    if not isinstance(src, Tensor):
        return axis, x, index, apply("full", shape=shape, value=src, dtype=kind)
    src = _ranked(src)
    if src._kind.dtype is not kind:
        raise DTypeError(
            message(
                name, "the source has another dtype", f"{kind.name} and {src._kind.dtype.name}",
                "equal dtypes", f"cast the source, e.g. src.to(firth.{kind.name})",
            )
        ).at(user_line())  # fmt: skip
    if index._kind.numel:
        _fits(name, x, index, src, axis)
        src = _cut_to(src, shape, -1)
    return axis, x, index, src


def _fits(name: str, x: Tensor, index: Tensor, src: Tensor, axis: int) -> None:
    """ShapeError unless the index is no larger than the source, nor than x beside the axis."""
    shape = index._kind.shape
    wide = len(src._kind.shape) == len(shape) and all(
        n <= s and (a == axis or n <= m)
        for a, (n, s, m) in enumerate(zip(shape, src._kind.shape, x._kind.shape, strict=True))
    )
    if not wide:
        raise ShapeError(
            message(
                name, "the index does not fit",
                f"index {tuple(shape)}, source {tuple(src._kind.shape)}, x {tuple(x._kind.shape)}",
                "no extent larger than the source's, nor than x's beside the dim",
                "cut the index",
            )
        ).at(user_line())  # fmt: skip


def _everywhere(index: Tensor, axis: int) -> list[Tensor]:
    """One place per dimension for each element of the index: its own number along the others."""
    shape = tuple(index._kind.shape)
    places = []
    for a, n in enumerate(shape):
        if a == axis:
            places.append(index)
            continue
        line = apply("iota", extent=n, dtype=dt.int64)
        line = apply("reshape", line, shape=tuple(n if i == a else 1 for i in range(len(shape))))
        places.append(apply("expand", line, shape=shape))
    return places


scatter, scatter_add = _scatter("set"), _scatter("add")


def scatter_reduce(
    self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """scatter with a reduction of all that meets: 'sum', 'prod', 'mean', 'amax' or 'amin'."""
    check_reduction("scatter_reduce", reduce)
    axis, x, index, src = _scattered("scatter_reduce", self, dim, index, src)
    if not index._kind.numel:
        return clone(self)
    indices = _everywhere(index, axis)
    out = reduced(x, src, indices, tuple(range(len(index._kind.shape))), reduce, include_self)
    return out if self._kind.shape else apply("reshape", out, shape=())


# --- sorting --------------------------------------------------------------------------------------


def argsort(self: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The order that sorts along a dim, stable: (...) -> (...) int64."""
    axis = axis_of("argsort", dim, len(self._kind.shape))
    if not self._kind.shape:
        return apply("full", shape=(), value=0, dtype=dt.int64)
    return apply("argsort", self, axis=axis, descending=descending)


def sort(
    self: Tensor, dim: int = -1, descending: bool = False, stable: bool = True
) -> ValuesIndices:
    """(values, indices) sorted along a dim, stable; NaN last: (...) -> (...), (...)."""
    order = argsort(self, dim, descending)
    if not self._kind.shape:
        return ValuesIndices(self, order)
    axis = axis_of("sort", dim, len(self._kind.shape))
    return ValuesIndices(apply("take_along_axis", self, order, axis=axis), order)


def topk(
    self: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """(values, indices) of the k largest (or smallest) along a dim: (..., N) -> (..., k)."""
    shape = self._kind.shape
    axis = axis_of("topk", dim, len(shape))
    if not shape and k in (0, 1):
        return ValuesIndices(clone(self), apply("full", shape=(), value=0, dtype=dt.int64))
    if not shape or not 0 <= k <= shape[axis]:
        raise ArgumentError(
            message(
                "topk", "k is outside the dimension", f"k={k}",
                f"between 0 and {shape[axis] if shape else 0}", "use min(k, x.shape[dim])",
            )
        ).at(user_line())  # fmt: skip
    order = argsort(self, dim, largest)
    ones = (1,) * len(shape)
    sizes = (*shape[:axis], k, *shape[axis + 1 :])
    first = apply("slice", order, starts=(0,) * len(shape), sizes=sizes, steps=ones)
    return ValuesIndices(apply("take_along_axis", self, first, axis=axis), first)


# --- triangles and windows ------------------------------------------------------------------------


def _triangle(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, diagonal: int = 0) -> Tensor:
        shape = self._kind.shape
        if len(shape) < 2:
            raise ShapeError(
                message(name, "not a matrix", str(tuple(shape)), "2 or more dimensions", "reshape")
            ).at(user_line())
        rows, columns = shape[-2], shape[-1]
        i = apply("reshape", apply("iota", extent=rows, dtype=dt.int64), shape=(rows, 1))
        gap = apply("sub", apply("iota", extent=columns, dtype=dt.int64), i)
        keep = apply("less_equal", gap, diagonal) if name == "tril" else (
            apply("greater_equal", gap, diagonal)
        )  # fmt: skip
        zero: Any = False if self._kind.dtype.kind == "b" else 0
        return apply("where", keep, self, zero)

    method.__name__ = name
    method.__doc__ = f"The {'lower' if name == 'tril' else 'upper'} triangle, zeros elsewhere."
    return method


tril, triu = _triangle("tril"), _triangle("triu")


def diagonal(self: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal of two dims, placed last (a copy): (..., M, ..., N) -> (..., min(M, N))."""
    ndim = len(self._kind.shape)
    a, b = axis_of("diagonal", dim1, ndim), axis_of("diagonal", dim2, ndim)
    rest = [i for i in range(ndim) if i not in (a, b)]
    rows, columns = self._kind.shape[a], self._kind.shape[b]
    i0, j0 = max(0, -offset), max(0, offset)
    n = max(0, min(rows - i0, columns - j0))
    line = apply("iota", extent=n, dtype=dt.int64)
    moved = apply("permute", self, axes=(a, b, *rest))
    out = apply("gather", moved, apply("add", line, i0), apply("add", line, j0), axes=(0, 1))
    return apply("permute", out, axes=(*range(1, len(rest) + 1), 0)) if rest else out


def diag(self: Tensor, diagonal_offset: int = 0) -> Tensor:
    """A vector on the diagonal of a matrix, or the diagonal of a matrix."""
    if len(self._kind.shape) not in (1, 2):
        raise ShapeError(
            message("diag", "neither a vector nor a matrix", str(tuple(self._kind.shape)),
                    "1 or 2 dimensions", "use diagonal or diag_embed")
        ).at(user_line())  # fmt: skip
    if len(self._kind.shape) != 1:
        return diagonal(self, diagonal_offset)
    n = self._kind.shape[0] + abs(diagonal_offset)
    line = apply("iota", extent=self._kind.shape[0], dtype=dt.int64)
    zeros = apply("full", shape=(n, n), value=0, dtype=self._kind.dtype)
    i, j = max(0, -diagonal_offset), max(0, diagonal_offset)
    return apply(
        "scatter", zeros, self, apply("add", line, i), apply("add", line, j), axes=(0, 1),
        mode="set",
    )  # fmt: skip


def trace(self: Tensor) -> Tensor:
    """The sum of a matrix's diagonal: (M, N) -> ()."""
    return apply("sum", diagonal(self), axes=(0,), keepdims=False)


def roll(self: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved round along dims, the last ones back to the front: (...) -> (...)."""
    if dims is None or dims == ():
        if not isinstance(shifts, int) and len(shifts) != 1:
            raise ArgumentError(
                message("roll", "not one shift", str(shifts), "one number without dims",
                        "name a dim for each")
            ).at(user_line())  # fmt: skip
        flat = apply("reshape", self, shape=(self._kind.numel,))
        return apply("reshape", roll(flat, shifts, 0), shape=tuple(self._kind.shape))
    turns, axes = ([v] if isinstance(v, int) else list(v) for v in (shifts, dims))
    if len(turns) != len(axes) or not turns:
        raise ArgumentError(
            message("roll", "not one shift for each dim", f"{shifts} and {dims}", "equal numbers",
                    "give both as tuples")
        ).at(user_line())  # fmt: skip
    if not self._kind.shape:
        raise IndexOutOfRange(
            message("roll", "there is no such dimension", f"dim {axes[0]} of a tensor of shape ()",
                    "no dims", "leave dims out")
        ).at(user_line())  # fmt: skip
    pairs = zip(turns, axes, strict=True)
    out = self
    for shift, d in pairs:
        axis = axis_of("roll", d, len(self._kind.shape))
        n = self._kind.shape[axis]
        k = shift % n if n else 0
        if k:
            out = cat([window(out, axis, n - k, k), window(out, axis, 0, n - k)], axis)
    return out


def clamp(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Elements below min become min, above max become max: (...) -> (...)."""
    if min is None and max is None:
        raise ArgumentError(
            message("clamp", "no bound", "neither min nor max", "at least one", "pass min=0")
        ).at(user_line())
    out = self
    if min is not None:
        out = apply("maximum", out, operand(min, "clamp"))
    return out if max is None else apply("minimum", out, operand(max, "clamp"))


def clamp_(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """In place: elements below min become min, above max become max."""
    return update(self, clamp(self, min, max), "clamp")


def in_place(method: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """The method that writes its result over its first argument."""

    def wrapped(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return update(self, method(self, *args, **kwargs), name)

    wrapped.__name__ = name + "_"
    wrapped.__doc__ = f"In place: {method.__doc__}"
    return wrapped


def lerp(self: Tensor, end: Tensor, weight: Any) -> Tensor:
    """x + weight * (end - x), element by element."""
    return apply("lerp", self, end, operand(weight, "lerp"))


def addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x + value * a * b, element by element."""
    product = apply("mul", tensor1, tensor2)
    return apply("add", self, product if value == 1 else apply("mul", product, value))


def addcdiv(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x + value * a / b, element by element."""
    ratio = apply("div", tensor1, tensor2)
    return apply("add", self, ratio if value == 1 else apply("mul", ratio, value))


METHODS: dict[str, Callable[..., Any]] = {
    "where": _where_method, "masked_fill": masked_fill, "masked_fill_": masked_fill_,
    "masked_select": masked_select, "nonzero": nonzero, "gather": gather,
    "take_along_dim": take_along_dim, "scatter": scatter, "scatter_add": scatter_add,
    "scatter_reduce": scatter_reduce, "argsort": argsort, "sort": sort, "topk": topk,
    "tril": tril, "triu": triu,
    "diagonal": diagonal, "diag": diag, "trace": trace, "roll": roll, "clamp": clamp,
    "clip": clamp, "clamp_": clamp_, "clip_": clamp_, "lerp": lerp, "addcmul": addcmul,
    "addcdiv": addcdiv,
    **{
        name + "_": in_place(method, name) for name, method in {
            "scatter": scatter, "scatter_add": scatter_add, "scatter_reduce": scatter_reduce,
            "tril": tril, "triu": triu, "lerp": lerp, "addcmul": addcmul, "addcdiv": addcdiv,
        }.items()
    },
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: method for name, method in METHODS.items() if not name.endswith("_")},
    "where": where,
}  # fmt: skip
