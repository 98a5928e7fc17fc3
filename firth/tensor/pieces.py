"""Cutting and joining: splits, windows, blocks, rotations, and movements that copy."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError, message
from firth.tensor import shape
from firth.tensor.creation import wrap
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, user_line
from firth.tensor.search import diagonal
from firth.tensor.shape import axis_of, clone


def _listed(tensors: tuple[Any, ...]) -> list[Tensor]:
    """Tensors given one by one or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        return list(tensors[0])
    return list(tensors)


# --- cutting --------------------------------------------------------------------------------------


_MOST_EMPTY = 1 << 16  # parts of a split that hold nothing


def tensor_split(self: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of nearly equal size, or between the indices given, along a dimension."""
    if not self._kind.shape:
        raise ShapeError(
            message("tensor_split", "a number cannot be split", "shape ()",
                    "at least one dimension", "reshape it")
        ).at(user_line())  # fmt: skip
    axis = axis_of("tensor_split", dim, len(self._kind.shape))
    extent = self._kind.shape[axis]
    cuts = indices_or_sections
    if isinstance(cuts, Tensor):
        cuts = cuts.tolist()  # type: ignore[attr-defined]
    if isinstance(cuts, int):
        if cuts > extent + _MOST_EMPTY:
            raise ArgumentError(
                message("tensor_split", "nearly all parts would be empty", f"{cuts} parts",
                        f"at most {extent + _MOST_EMPTY}", "ask for fewer parts")
            ).at(user_line())  # fmt: skip
        if cuts < 1:
            raise ArgumentError(
                message("tensor_split", "the number of parts is not positive", str(cuts),
                        "1 or more", "give a positive number")
            ).at(user_line())  # fmt: skip
        small, more = divmod(extent, cuts)
        cuts = [small * i + min(i, more) for i in range(1, cuts)]
    cuts = map(operator.index, cuts)
    places = [min(max(c + extent if c < 0 else c, 0), extent) for c in cuts]
    ends = [*places, extent]
    return tuple(
        shape.window(self, axis, a, max(b - a, 0)) for a, b in zip([0, *places], ends, strict=True)
    )


def _split_at(name: str, axis: int, least: int) -> Callable[..., tuple[Tensor, ...]]:
    def method(self: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        ndim = len(self._kind.shape)
        if ndim < least:
            raise ShapeError(
                message(name, "too few dimensions", f"shape {tuple(self._kind.shape)}",
                        f"at least {least}", "reshape it")
            ).at(user_line())  # fmt: skip
        if isinstance(indices_or_sections, str):
            raise ArgumentError(
                message(name, "neither a number nor indices", repr(indices_or_sections),
                        "an integer or integers", "e.g. 2")
            ).at(user_line())  # fmt: skip
        at = 0 if name == "hsplit" and ndim == 1 else axis
        extent, parts = self._kind.shape[at], indices_or_sections
        if isinstance(parts, int) and (parts < 1 or extent % parts):
            raise ShapeError(
                message(name, "the parts would not be equal", f"{extent} elements in {parts}",
                        "a number that divides the extent", "use tensor_split")
            ).at(user_line())  # fmt: skip
        return tensor_split(self, parts, at)

    method.__name__ = name
    method.__doc__ = f"Views of equal size, or between indices, along dimension {axis}."
    return method


hsplit, vsplit, dsplit = _split_at("hsplit", 1, 1), _split_at("vsplit", 0, 2), (
    _split_at("dsplit", 2, 3)
)  # fmt: skip


def split_with_sizes(self: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of the listed sizes along a dimension."""
    return shape.split(self, list(split_sizes), dim)


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of one dimension, every `step`-th, placed last: (..., N, ...) -> (..., n, ..., size).

    A copy, unlike PyTorch's view.
    """
    have = self._kind.shape
    if not have:
        out = apply("reshape", self, shape=(1,))
        return shape.window(out, 0, 0, size)
    axis = axis_of("unfold", dimension, len(have))
    if not 0 <= size <= have[axis] or step < 1:
        raise ArgumentError(
            message(
                "unfold", "the window does not fit", f"size {size}, step {step}",
                f"a size up to {have[axis]} and a positive step", "use a smaller window",
            )
        ).at(user_line())  # fmt: skip
    count = (have[axis] - size) // step + 1
    starts = np.arange(count)[:, None] * step + np.arange(size)[None, :]
    places = _constant(starts.ravel())
    out = apply("take", self, places, axis=axis)
    out = apply("reshape", out, shape=(*have[:axis], count, size, *have[axis + 1 :]))
    order = (*(i for i in range(len(have) + 1) if i != axis + 1), axis + 1)
    return apply("permute", out, axes=order)


def _constant(values: np.ndarray) -> Tensor:
    """A small vector of places, affine or not, as a tensor."""
    return wrap(values, dt.int64)


# --- joining --------------------------------------------------------------------------------------


def _at_least(name: str, dims: int) -> Callable[..., Any]:
    def one(x: Tensor) -> Tensor:
        have = x._kind.shape
        if len(have) >= dims:
            return x
        if dims == 3 and len(have) in (1, 2):
            return shape.reshape(x, (*((1,) * (2 - len(have))), *have, 1))
        return shape.reshape(x, (*((1,) * (dims - len(have))), *have))

    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return one(tensors[0])
        return tuple(one(t) for t in _listed(tensors))

    function.__name__ = name
    function.__doc__ = f"Views of at least {dims} dimensions: missing ones have extent 1."
    return function


atleast_1d, atleast_2d, atleast_3d = (_at_least(f"atleast_{n}d", n) for n in (1, 2, 3))


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other, along the third dimension."""
    return shape.cat(list(atleast_3d(list(tensors))), 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; vectors become columns."""
    parts = [shape.reshape(t, (t._kind.numel, 1)) if len(t._kind.shape) < 2 else t for t in tensors]
    return shape.cat(parts, 1)


def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices down the diagonal of a larger one, zeros elsewhere; vectors are rows."""
    blocks = list(atleast_2d(*tensors)) if len(tensors) != 1 else [atleast_2d(tensors[0])]
    for b in blocks:
        if len(b._kind.shape) > 2:
            raise ShapeError(
                message("block_diag", "not a matrix", f"shape {tuple(b._kind.shape)}",
                        "at most two dimensions", "take one matrix at a time")
            ).at(user_line())  # fmt: skip
    width = sum(b._kind.shape[1] for b in blocks)
    rows, left = [], 0
    kind = blocks[0]._kind.dtype if blocks else dt.float32
    for b in blocks[1:]:
        kind = dt.promote(kind, b._kind.dtype)
    for b in blocks:
        b = b if b._kind.dtype is kind else apply("cast", b, dtype=kind)
        n = b._kind.shape[1]
        zero: Any = False if kind.kind == "b" else (0.0 if kind.kind in "fc" else 0)
        rows.append(apply("pad", b, low=(0, left), high=(0, width - left - n), inner=(0, 0),
                          value=zero))  # fmt: skip
        left += n
    return apply("concatenate", *rows, axis=0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every combination of one element from each vector: n vectors -> (N1 * ... * Nn, n)."""
    for t in tensors:
        if len(t._kind.shape) != 1:
            raise ShapeError(
                message("cartesian_prod", "not a vector", f"shape {tuple(t._kind.shape)}",
                        "one dimension", "flatten it")
            ).at(user_line())  # fmt: skip
    if len(tensors) == 1:
        return tensors[0]
    extents = tuple(t._kind.shape[0] for t in tensors)
    grids = []
    for i, t in enumerate(tensors):
        line = shape.reshape(t, tuple(-1 if j == i else 1 for j in range(len(tensors))))
        grids.append(shape.reshape(shape.expand(line, *extents), (-1,)))
    return shape.stack(grids, 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of r elements of a vector, in order: (N,) -> (n, r)."""
    if len(input._kind.shape) != 1 or r < 0:
        raise ShapeError(
            message("combinations", "this cannot be chosen from",
                    f"shape {tuple(input._kind.shape)}, r={r}", "a vector and r of 0 or more",
                    "flatten it")
        ).at(user_line())  # fmt: skip
    choose = itertools.combinations_with_replacement if with_replacement else (
        itertools.combinations
    )  # fmt: skip
    n = input._kind.shape[0]
    if r == 0:
        return apply("full", shape=(0,), value=0, dtype=input._kind.dtype)
    places = np.array(list(choose(range(n), r)), np.int64).reshape(-1, r)
    return apply("take", input, _constant(places), axis=0)


def chunk_cat(tensors: Sequence[Tensor], dim: int, num_chunks: int) -> Tensor:
    """Each tensor in equal chunks along dim (padded by zeros), flattened and laid side by side."""
    if num_chunks < 1 or not tensors or not all(t._kind.numel for t in tensors):
        raise ArgumentError(
            message("_chunk_cat", "this cannot be laid side by side",
                    f"{len(tensors)} tensors in {num_chunks} chunks",
                    "a positive number of chunks of tensors that are not empty", "drop empty ones")
        ).at(user_line())  # fmt: skip
    parts = []
    for t in tensors:
        have = t._kind.shape
        axis = axis_of("_chunk_cat", dim, len(have))
        size = -(-have[axis] // num_chunks)
        more = size * num_chunks - have[axis]
        low = (0,) * len(have)
        high = tuple(more if i == axis else 0 for i in range(len(have)))
        zero: Any = 0.0 if t._kind.dtype.kind in "fc" else 0
        wide = apply("pad", t, low=low, high=high, inner=low, value=zero)
        parts.append(shape.reshape(wide, (*have[:axis], num_chunks, -1)))
    return apply("concatenate", *parts, axis=len(parts[0]._kind.shape) - 1)


# --- turning --------------------------------------------------------------------------------------


def fliplr(self: Tensor) -> Tensor:
    """Columns in reverse order: (M, N, ...) -> (M, N, ...)."""
    return _flipped("fliplr", self, 1)


def flipud(self: Tensor) -> Tensor:
    """Rows in reverse order: (M, ...) -> (M, ...)."""
    return _flipped("flipud", self, 0)


def _flipped(name: str, x: Tensor, axis: int) -> Tensor:
    if len(x._kind.shape) <= axis:
        raise ShapeError(
            message(name, "too few dimensions", f"shape {tuple(x._kind.shape)}",
                    f"at least {axis + 1}", "reshape it")
        ).at(user_line())  # fmt: skip
    return shape.flip(x, axis)


def rot90(self: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k quarters in the plane of two dims, from the first towards the second."""
    ndim = len(self._kind.shape)
    if len(dims) != 2 or ndim < 2:
        raise ArgumentError(
            message("rot90", "no plane to turn in", f"dims {tuple(dims)} of {ndim} dimensions",
                    "two different dims", "e.g. dims=(0, 1)")
        ).at(user_line())  # fmt: skip
    a, b = (axis_of("rot90", d, ndim) for d in dims)
    if a == b:
        raise ArgumentError(
            message("rot90", "a dimension is named twice", str(tuple(dims)), "two different dims",
                    "e.g. dims=(0, 1)")
        ).at(user_line())  # fmt: skip
    k %= 4
    if k == 0:
        return clone(self)
    if k == 2:
        return shape.flip(self, a, b)
    return shape.transpose(shape.flip(self, b if k == 1 else a), a, b)


# --- diagonals ------------------------------------------------------------------------------------


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension on a diagonal of two new dims: (..., N) -> (..., M, M)."""
    have = input._kind.shape
    ndim = len(have) + 1
    a, b = axis_of("diag_embed", dim1, ndim), axis_of("diag_embed", dim2, ndim)
    if a == b or not have:
        raise ArgumentError(
            message("diag_embed", "no two dims to place it in", f"dim1 {dim1}, dim2 {dim2}",
                    "two different dims", "leave them out")
        ).at(user_line())  # fmt: skip
    n, gap = have[-1], abs(offset)
    rows = apply("reshape", apply("iota", extent=n + gap, dtype=dt.int64), shape=(n + gap, 1))
    line = apply("iota", extent=n + gap, dtype=dt.int64)
    keep = apply("equal", apply("sub", line, rows), offset)
    zero: Any = False if input._kind.dtype.kind == "b" else (
        0.0 if input._kind.dtype.kind in "fc" else 0
    )  # fmt: skip
    low, high = (gap, 0) if offset > 0 else (0, gap)
    still = (0,) * (len(have) - 1)
    wide = apply("pad", input, low=(*still, low), high=(*still, high), inner=(*still, 0),
                 value=zero)  # fmt: skip
    wide = apply("reshape", wide, shape=(*have[:-1], 1, n + gap))
    out = apply("where", keep, wide, zero)
    first, last = (ndim - 2, ndim - 1) if a < b else (ndim - 1, ndim - 2)
    order = list(range(ndim - 2))
    for axis, source in sorted(((a, first), (b, last))):
        order.insert(axis, source)
    return apply("permute", out, axes=tuple(order))


def diagflat(self: Tensor, offset: int = 0) -> Tensor:
    """All elements on a diagonal of a matrix: (...) -> (N + |offset|, N + |offset|)."""
    return diag_embed(shape.reshape(self, (-1,)), offset)


# --- writing into a part, out of place ------------------------------------------------------------


def _written(name: str, self: Tensor, part: Callable[[Tensor], Tensor], src: Tensor) -> Tensor:
    """A copy whose part is src; part picks a view of it."""
    out = clone(self)
    place = part(out)
    if place._kind.shape != src._kind.shape:
        raise ShapeError(
            message(
                name, "the source does not fit the part", f"{tuple(src._kind.shape)}",
                str(tuple(place._kind.shape)), "reshape or expand the source",
            )
        ).at(user_line())  # fmt: skip
    place.copy_(src)  # type: ignore[attr-defined]
    return out


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """The tensor with src at one place of a dimension, out of place."""
    axis = axis_of("select_scatter", dim, len(input._kind.shape))
    at = (*(slice(None),) * axis, index)
    return _written("select_scatter", input, lambda x: x[at], src)  # type: ignore[index]


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Tensor:  # fmt: skip
    """The tensor with src at places start to end of a dimension, out of place."""
    axis = axis_of("slice_scatter", dim, len(input._kind.shape))
    at = (*(slice(None),) * axis, slice(start, end, step))
    return _written("slice_scatter", input, lambda x: x[at], src)  # type: ignore[index]


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """The tensor with src on a diagonal of two dims, out of place."""
    ndim = len(input._kind.shape)
    a, b = axis_of("diagonal_scatter", dim1, ndim), axis_of("diagonal_scatter", dim2, ndim)
    want = diagonal(input, offset, a, b)._kind.shape
    if want != src._kind.shape:
        raise ShapeError(
            message(
                "diagonal_scatter", "the source does not fit the diagonal",
                f"{tuple(src._kind.shape)}", str(tuple(want)), "reshape or expand the source",
            )
        ).at(user_line())  # fmt: skip
    rest = [i for i in range(ndim) if i not in (a, b)]
    line = apply("iota", extent=want[-1], dtype=dt.int64)
    moved = apply("permute", input, axes=(a, b, *rest))
    values = apply("permute", src, axes=(len(rest), *range(len(rest))))
    if values._kind.dtype is not input._kind.dtype:
        values = apply("cast", values, dtype=input._kind.dtype)
    rows = apply("add", line, max(0, -offset))
    columns = apply("add", line, max(0, offset))
    out = apply("scatter", moved, values, rows, columns, axes=(0, 1), mode="set")
    back = [0] * ndim
    for place, axis in enumerate((a, b, *rest)):
        back[axis] = place
    return apply("permute", out, axes=tuple(back))


def copied(method: Callable[..., Any]) -> Callable[..., Any]:
    """A movement whose result shares no memory with its source."""

    def function(*args: Any, **kwargs: Any) -> Any:
        found = method(*args, **kwargs)
        return tuple(clone(f) for f in found) if isinstance(found, tuple) else clone(found)

    function.__name__ = f"{method.__name__}_copy"
    function.__doc__ = f"{(method.__doc__ or '').splitlines()[0]} A copy."
    return function


def alias(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


METHODS: dict[str, Callable[..., Any]] = {
    "diag_embed": diag_embed, "diagflat": diagflat, "diagonal_scatter": diagonal_scatter,
    "dsplit": dsplit, "fliplr": fliplr, "flipud": flipud, "hsplit": hsplit, "rot90": rot90,
    "select_scatter": select_scatter, "slice_scatter": slice_scatter,
    "split_with_sizes": split_with_sizes, "tensor_split": tensor_split,
    "unsafe_chunk": shape.chunk, "unsafe_split": shape.split, "vsplit": vsplit,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "_chunk_cat": chunk_cat, "atleast_1d": atleast_1d, "atleast_2d": atleast_2d,
    "atleast_3d": atleast_3d, "block_diag": block_diag, "cartesian_prod": cartesian_prod,
    "column_stack": column_stack, "combinations": combinations, "dstack": dstack,
    **{f"{name}_copy": copied(method) for name, method in {
        "alias": alias, "diagonal": diagonal, "expand": shape.expand, "narrow": shape.narrow,
        "permute": shape.permute, "split": shape.split, "split_with_sizes": split_with_sizes,
        "squeeze": shape.squeeze, "t": shape.t, "transpose": shape.transpose,
        "unbind": shape.unbind, "unfold": unfold, "unsqueeze": shape.unsqueeze,
        "view": shape.view_as_shape,
    }.items()},
}  # fmt: skip
METHODS["unfold"] = unfold
