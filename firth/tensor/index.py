"""Indexing as in NumPy: integers, slices, steps, None, ellipsis, integer arrays, boolean masks.

What basic indices show is a view; arrays and masks copy. Integers and starts of slices may become
run-time inputs, so that `x[i]` in a loop is one program. A mask is read at once, because the
number of results depends on its values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, message
from firth.ir.op import TABLE
from firth.tensor.creation import as_tensor, wrap
from firth.tensor.handle import Tensor
from firth.tensor.lens import link, slice_at, update, view
from firth.tensor.reading import contents
from firth.tensor.record import apply, apply_op, user_line
from firth.tensor.scalar import number_of
from firth.tensor.shape import at

_FULL = slice(None)


class _Plan:
    """An index taken apart: slices per axis, then arrays per axis, then the result's layout.

    starts, counts, steps, flips: per axis of the source. arrays: (axis, index array or tensor).
    layout: what the basic result's axes are: ("keep", axis), ("new",) or nothing for integers.
    front: arrays' dimensions go first (they were apart), else at the place of the first array.
    """

    __slots__ = ("arrays", "counts", "flips", "items", "starts", "steps")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.starts = [0] * len(shape)
        self.counts = list(shape)
        self.steps = [1] * len(shape)
        self.flips: list[int] = []
        self.arrays: list[tuple[int, Any]] = []
        self.items: list[tuple[str, int]] = []  # ("int" | "slice" | "new" | "array", axis)


def _items(index: Any) -> list[Any]:
    if isinstance(index, tuple):
        return list(index)
    return [index]


def _is_bound(part: Any) -> bool:
    return part is None or hasattr(part, "__index__")


def _wrong(index: Any) -> DTypeError:
    if isinstance(index, Tensor):
        got, fix = f"a {index._kind.dtype.name} tensor", "cast it, e.g. index.long()"
    else:
        got, fix = type(index).__name__, "call int(...) on floats, or build an integer tensor"
    return DTypeError(
        message(
            "index", "this is no index", got,
            "an integer, slice, None, ..., int64 tensor or boolean mask", fix,
        )
    )  # fmt: skip


def _width(item: Any) -> int:
    """How many axes an item uses up."""
    if item is None or item is Ellipsis or isinstance(item, (bool, np.bool_)):
        return 0
    if isinstance(item, Tensor) and item._kind.dtype.kind == "b":
        return len(item._kind.shape)
    if isinstance(item, np.ndarray) and item.dtype.kind == "b":
        return item.ndim
    return 1


def _normal(item: Any) -> Any:
    """Lists become arrays; tensors, slices and numbers stay."""
    if isinstance(item, (list, tuple, range)):
        if any(isinstance(i, Tensor) for i in item):
            return apply_op(TABLE["concatenate"], [_row(as_tensor(i)) for i in item], (0,))
        array = np.asarray(item)
        return array.astype(np.int64) if array.size == 0 else array
    if isinstance(item, np.generic):
        return item.item()
    return item


def _row(x: Tensor) -> Tensor:
    return apply("reshape", x, shape=(1, *x._kind.shape))


def _plan(shape: tuple[int, ...], index: Any) -> _Plan:
    """Takes an index apart; raises IndexOutOfRange at the user's line."""
    items = [_normal(i) for i in _items(index)]
    used = sum(_width(i) for i in items)
    if used > len(shape):
        raise IndexOutOfRange(
            message(
                "index", "too many indices", f"{used} for shape {tuple(shape)}",
                f"at most {len(shape)}", "drop some, or check the number of dimensions",
            )
        ).at(user_line())  # fmt: skip
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise ArgumentError(
            message("index", "more than one ellipsis", f"{len(dots)}", "one", "keep one ...")
        ).at(user_line())
    rest = [_FULL] * (len(shape) - used)
    if dots:
        items[dots[0] : dots[0] + 1] = rest
    else:
        items += rest
    plan = _Plan(shape)
    axis = 0
    for item in items:
        axis = _take(plan, shape, axis, item)
    return plan


def _take(plan: _Plan, shape: tuple[int, ...], axis: int, item: Any) -> int:
    """Enters one item in the plan; returns the next axis."""
    if item is None:
        plan.items.append(("new", -1))
        return axis
    if isinstance(item, bool):
        raise _wrong(item).at(user_line())
    if isinstance(item, slice):
        _take_slice(plan, shape[axis], axis, item)
        return axis + 1
    if isinstance(item, int):
        extent = shape[axis]
        if not -extent <= item < extent:
            raise IndexOutOfRange(
                message(
                    "index", "outside the dimension", f"index {item} in dimension {axis}",
                    f"between {-extent} and {extent - 1}", f"the shape is {tuple(shape)}",
                )
            ).at(user_line())  # fmt: skip
        plan.starts[axis] = item % extent
        plan.counts[axis] = 1
        plan.items.append(("int", axis))
        return axis + 1
    kind = item._kind.dtype.kind if isinstance(item, Tensor) else (
        dt.from_numpy(item.dtype).kind if isinstance(item, np.ndarray) else ""
    )  # fmt: skip
    if kind == "b":
        return _take_mask(plan, shape, axis, item)
    if kind in ("i", "u") and kind:
        plan.arrays.append((axis, _checked(item, shape[axis], axis)))
        plan.items.append(("array", axis))
        return axis + 1
    if hasattr(item, "__index__") and not isinstance(item, (Tensor, np.ndarray)):
        return _take(plan, shape, axis, item.__index__())
    raise _wrong(item).at(user_line())


def _take_slice(plan: _Plan, extent: int, axis: int, item: slice) -> None:
    parts = [i.item() if isinstance(i, Tensor) else i for i in (item.start, item.stop, item.step)]  # type: ignore[attr-defined]
    try:
        start, stop, step = slice(*parts).indices(extent)
    except TypeError:
        raise _wrong(next(p for p in parts if not _is_bound(p))).at(user_line()) from None
    count = len(range(start, stop, step))
    if step < 0:
        plan.flips.append(axis)
        start, step = (start + (count - 1) * step if count else 0), -step
    plan.starts[axis] = min(start, extent) if count else 0
    plan.counts[axis] = count
    plan.steps[axis] = step if count > 1 else 1
    plan.items.append(("slice", axis))


def _take_mask(plan: _Plan, shape: tuple[int, ...], axis: int, mask: Any) -> int:
    have = tuple(mask._kind.shape) if isinstance(mask, Tensor) else mask.shape
    fits = all(m in (n, 0) for m, n in zip(have, shape[axis : axis + len(have)], strict=True))
    if not fits or not have:
        raise IndexOutOfRange(
            message(
                "index", "the mask does not fit", f"a mask {have} on {tuple(shape)}",
                f"a mask {tuple(shape[axis : axis + len(have)])}",
                "compare the tensor itself, e.g. x[x > 0]",
            )
        ).at(user_line())  # fmt: skip
    values = contents(mask) if isinstance(mask, Tensor) else mask
    for found in np.nonzero(values):
        plan.arrays.append((axis, found))
        plan.items.append(("array", axis))
        axis += 1
    return axis


def _checked(item: Any, extent: int, axis: int) -> Any:
    """Arrays are checked now; tensors in the graph."""
    if isinstance(item, Tensor):
        wide = item if item._kind.dtype is dt.int64 else apply("cast", item, dtype=dt.int64)
        return apply("wrap_index", wide, extent=extent)
    item = item.astype(np.int64)
    bad = (item < -extent) | (item >= extent)
    if bad.any():
        raise IndexOutOfRange(
            message(
                "index", "outside the dimension",
                f"index {int(item[bad].flat[0])} in dimension {axis}",
                f"between {-extent} and {extent - 1}", "check the indices",
            )
        ).at(user_line())  # fmt: skip
    return np.where(item < 0, item + extent, item)


# --- reading --------------------------------------------------------------------------------------


def getitem(self: Tensor, index: Any) -> Tensor:
    """`x[index]`: a view for integers, slices, None and ...; a copy for arrays and masks."""
    shape = self._kind.shape
    if index.__class__ is int and shape and -shape[0] <= index < shape[0]:
        return at(self, 0, index % shape[0])
    if _is_mask(index) and not index._kind.shape:
        return getitem(self, None)[slice(0, int(contents(index)))]  # type: ignore[index]
    plan = _plan(shape, index)
    if not plan.arrays:
        return _basic(self, plan)
    source = _window(self, plan)
    found, order = _gathered(source, plan)
    return found if order is None else apply("permute", found, axes=order)


def _window(self: Tensor, plan: _Plan) -> Tensor:
    """The slices of the plan, without dropping or adding axes."""
    shape = self._kind.shape
    if tuple(plan.counts) != tuple(shape) or any(plan.starts):
        starts, counts = tuple(plan.starts), tuple(plan.counts)
        if all(s == 1 for s in plan.steps):
            out = slice_at(self, starts, counts)
            link(out, self, ("slice_at", (starts, counts), shape))
            self = out
        else:
            self = view(self, "slice", (starts, counts, tuple(plan.steps)))
    if plan.flips:
        self = view(self, "flip", (tuple(plan.flips),))
    return self


def _basic(self: Tensor, plan: _Plan) -> Tensor:
    out = _window(self, plan)
    new = tuple(
        1 if what == "new" else plan.counts[axis] for what, axis in plan.items if what != "int"
    )
    if new == tuple(out._kind.shape) and out is not self:
        return out
    return view(out, "reshape", (new,))


def _indices(plan: _Plan) -> list[Tensor]:
    """The index tensors, broadcast to one shape."""
    arrays = [i if isinstance(i, Tensor) else wrap(i, dt.int64) for _, i in plan.arrays]
    try:
        common = np.broadcast_shapes(*[a._kind.shape for a in arrays])
    except ValueError:
        raise ShapeError(
            message(
                "index", "the index arrays do not broadcast",
                " and ".join(str(tuple(a._kind.shape)) for a in arrays), "shapes that broadcast",
                "reshape one, e.g. i[:, None]",
            )
        ).at(user_line()) from None  # fmt: skip
    return [_expanded(a, common) for a in arrays]


def _expanded(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    have = x._kind.shape
    if tuple(have) == tuple(shape):
        return x
    if len(have) < len(shape):
        x = apply("reshape", x, shape=(1,) * (len(shape) - len(have)) + tuple(have))
    return apply("expand", x, shape=tuple(shape))


def _layout(plan: _Plan, index_ndim: int) -> tuple[list[int], tuple[int, ...] | None]:
    """Axes of the window that stay (integers dropped), and how I + rest is put in order.

    As NumPy: integers count as arrays beside arrays; together they stay in place, apart they go
    to the front.
    """
    kinds = [what for what, _ in plan.items]
    spots = [i for i, what in enumerate(kinds) if what in ("array", "int")]
    together = spots == list(range(spots[0], spots[-1] + 1))
    before = sum(1 for what in kinds[: spots[0]] if what in ("slice", "new")) if together else 0
    rest = sum(1 for what in kinds if what in ("slice", "new"))
    if before == 0:
        return [], None
    order = (
        *range(index_ndim, index_ndim + before), *range(index_ndim),
        *range(index_ndim + before, index_ndim + rest),
    )  # fmt: skip
    return [], order


def _gathered(source: Tensor, plan: _Plan) -> tuple[Tensor, tuple[int, ...] | None]:
    indices = _indices(plan)
    axes = tuple(axis for axis, _ in plan.arrays)
    out = apply("gather", source, *indices, axes=axes)
    ndim = len(indices[0]._kind.shape)
    shape = out._kind.shape
    left = [a for a in range(len(source._kind.shape)) if a not in axes]
    extent_of = dict(zip(left, shape[ndim:], strict=True))
    rest = tuple(
        1 if what == "new" else extent_of[axis]
        for what, axis in plan.items
        if what in ("new", "slice")
    )
    if (*shape[:ndim], *rest) != tuple(shape):
        out = apply("reshape", out, shape=(*shape[:ndim], *rest))
    return out, _layout(plan, ndim)[1]


# --- writing --------------------------------------------------------------------------------------


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """`x[index] = value`: in place, through views as well; the value broadcasts and is cast."""
    if _is_mask(index) and not (isinstance(value, Tensor) and value._kind.numel != 1):
        _set_masked(self, index, value)
        return
    if _is_mask(index) and not index._kind.shape:  # all of x, or nothing
        setitem(getitem(self, None), slice(0, int(contents(index))), value)
        return
    plan = _plan(self._kind.shape, index)
    if not isinstance(value, Tensor):
        value = _value(value, self._kind.dtype)
    if plan.arrays:
        source = _window(self, plan)
        update(source, _scattered(source, plan, value), "setitem")
        return
    target = _basic(self, plan)
    mine, theirs = target._extra, value._extra
    if (
        mine is not None and theirs is not None and theirs.base is not None
        and mine.base is theirs.base and mine.lens == theirs.lens
    ):  # fmt: skip
        return  # x[i] += y has written through the view already
    update(target, value, "setitem")


def _value(value: Any, dtype: dt.DType) -> Tensor:
    if isinstance(value, (bool, int, float, complex)):
        return number_of(value, dtype)
    return as_tensor(value)


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index._kind.dtype.kind == "b"


def _set_masked(self: Tensor, mask: Tensor, value: Any) -> None:
    shape, have = self._kind.shape, mask._kind.shape
    if tuple(have) != tuple(shape[: len(have)]):
        raise ShapeError(
            message(
                "index", "the mask does not fit", f"a mask {tuple(have)} on {tuple(shape)}",
                f"a mask {tuple(shape[: len(have)])}", "compare the tensor itself, e.g. x[x > 0]",
            )
        ).at(user_line())  # fmt: skip
    wide = apply("reshape", mask, shape=(*have, *(1,) * (len(shape) - len(have))))
    if not isinstance(value, Tensor):
        value = _value(value, self._kind.dtype)
    if value._kind.shape:
        value = apply("reshape", value, shape=())
    if value._kind.dtype is not self._kind.dtype:
        value = apply("cast", value, dtype=self._kind.dtype)
    update(self, apply("where", wide, value, self), "setitem")


def _scattered(source: Tensor, plan: _Plan, value: Tensor) -> Tensor:
    indices = _indices(plan)
    axes = tuple(axis for axis, _ in plan.arrays)
    ndim = len(indices[0]._kind.shape)
    left = [a for a in range(len(source._kind.shape)) if a not in axes]
    extents = source._kind.shape
    rest = tuple(
        1 if what == "new" else extents[axis]
        for what, axis in plan.items
        if what in ("new", "slice")
    )
    full = (*indices[0]._kind.shape, *rest)
    order = _layout(plan, ndim)[1]
    shown = full if order is None else tuple(full[a] for a in order)
    value = _broadcast(value, shown)
    if order is not None:
        back = tuple(order.index(i) for i in range(len(order)))
        value = apply("permute", value, axes=back)
    want = (*indices[0]._kind.shape, *(extents[a] for a in left))
    if tuple(value._kind.shape) != want:
        value = apply("reshape", value, shape=want)
    if value._kind.dtype is not source._kind.dtype:
        value = apply("cast", value, dtype=source._kind.dtype)
    return apply("scatter", source, value, *indices, axes=axes, mode="set")


def _broadcast(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    have = tuple(value._kind.shape)
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    fits = len(have) <= len(shape) and all(
        a in (1, b) for a, b in zip(reversed(have), reversed(shape), strict=False)
    )
    if not fits:
        raise ShapeError(
            message(
                "index", "the value does not fit what the index shows",
                f"a value {tuple(value._kind.shape)} for {tuple(shape)}",
                "a shape that broadcasts to it", "reshape the value",
            )
        ).at(user_line())  # fmt: skip
    if have != tuple(value._kind.shape):
        value = apply("reshape", value, shape=have)
    return _expanded(value, shape)


METHODS: dict[str, Callable[..., Any]] = {"__getitem__": getitem, "__setitem__": setitem}
