"""Movement: views that share memory with their base, and the functions built of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from firth.base.dtype import promote
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, message
from firth.ir.op import TABLE
from firth.tensor.creation import sizes
from firth.tensor.handle import Tensor
from firth.tensor.lens import link, slice_at, view
from firth.tensor.record import apply, apply_op, user_line
from firth.tensor.strides import contiguous_strides, strides_of, view_strides

Shape = tuple[int, ...]


def axis_of(op: str, dim: Any, ndim: int) -> int:
    """A dimension counted from the front; IndexOutOfRange when there is none."""
    if type(dim) is not int:
        if not hasattr(dim, "__index__"):
            raise DTypeError(
                message(op, "a dimension is a whole number", repr(dim), "an int", "pass e.g. dim=0")
            )
        dim = dim.__index__()
    bound = max(ndim, 1)
    if not -bound <= dim < bound:
        raise IndexOutOfRange(
            message(
                op, "there is no such dimension", f"dim {dim}",
                f"between {-bound} and {bound - 1} for {ndim} dimensions", "check the dim",
            )
        ).at(user_line())  # fmt: skip
    return dim % bound


def axes_of(op: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions sorted and counted from the front; None or () stand for all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    if isinstance(dim, (tuple, list)):
        out = sorted(axis_of(op, d, ndim) for d in dim)
        if len(set(out)) != len(out):
            raise ArgumentError(
                message(op, "a dimension is named twice", str(dim), "distinct dims", "drop one")
            ).at(user_line())
        return tuple(out) if ndim else ()
    axis = axis_of(op, dim, ndim)
    return (axis,) if ndim else ()


# --- memory order ---------------------------------------------------------------------------------


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in row-major order without gaps."""
    found = self._extra
    if found is None or found.base is None:
        return True
    shape = self._kind.shape
    want = contiguous_strides(shape)
    have = strides_of(self)
    return 0 in shape or all(n == 1 or a == b for n, a, b in zip(shape, have, want, strict=True))


def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself when it is contiguous, a copy otherwise."""
    return self if is_contiguous(self) else clone(self)


def clone(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own; gradients flow to the original."""
    return apply_op(TABLE["reshape"], (self,), (tuple(self._kind.shape),))


def stride(self: Tensor, dim: int | None = None) -> Any:
    """Strides in elements, or the one of a dimension."""
    strides = strides_of(self)
    return strides if dim is None else strides[axis_of("stride", dim, len(strides))]


# --- reshape --------------------------------------------------------------------------------------


def _complete(op: str, shape: Shape, numel: int, have: Shape) -> Shape:
    """The shape with -1 filled in; ShapeError when the element counts differ."""
    unknown = [i for i, n in enumerate(shape) if n == -1]
    rest = math.prod(n for n in shape if n != -1)
    wrong = len(unknown) > 1 or any(n < -1 for n in shape)
    if unknown and not wrong:
        wrong = rest == 0 or numel % rest != 0
        if not wrong:
            shape = tuple(numel // rest if n == -1 else n for n in shape)
    if wrong or math.prod(shape) != numel:
        raise ShapeError(
            message(
                op, "the element counts differ",
                f"{numel} elements of shape {tuple(have)} for shape {tuple(shape)}",
                f"extents whose product is {numel}, at most one of them -1",
                "check the extents, or put -1 for the one to be worked out",
            )
        ).at(user_line())  # fmt: skip
    return shape


def reshape(self: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; a view where memory allows, a copy otherwise.

    >>> from firth.tensor import arange
    >>> arange(6).reshape(2, -1).shape
    Size([2, 3])
    """
    kind = self._kind
    new = _complete("reshape", sizes("reshape", shape), kind.numel, kind.shape)
    found = self._extra
    if found is not None and found.base is not None and not is_contiguous(self):
        if view_strides(kind.shape, strides_of(self), new) is None:
            return apply_op(TABLE["reshape"], (self,), (new,))
    return view(self, "reshape", (new,))


def view_as_shape(self: Tensor, *shape: Any) -> Tensor:
    """A view in another shape; ShapeError when the memory's order doesn't allow it.

    A dtype instead of a shape reads the same bits as that dtype.
    """
    if len(shape) == 1 and hasattr(shape[0], "itemsize"):
        return apply("bitcast", self, dtype=shape[0])
    kind = self._kind
    new = _complete("view", sizes("view", shape), kind.numel, kind.shape)
    found = self._extra
    if found is not None and found.base is not None:
        if view_strides(kind.shape, strides_of(self), new) is None:
            raise ShapeError(
                message(
                    "view", "the elements don't lie in memory in that order",
                    f"shape {tuple(kind.shape)} with strides {strides_of(self)} as {new}",
                    "a contiguous tensor", "use .reshape(...), or .contiguous().view(...)",
                )
            ).at(user_line())  # fmt: skip
    return view(self, "reshape", (new,))


def flatten(self: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim made one: (..., A, B, ...) -> (..., A*B, ...)."""
    shape = self._kind.shape
    if not shape:
        return reshape(self, 1)
    first = axis_of("flatten", start_dim, len(shape))
    last = axis_of("flatten", end_dim, len(shape))
    if first > last:
        raise ArgumentError(
            message(
                "flatten", "start_dim comes after end_dim", f"{start_dim} and {end_dim}",
                "start_dim <= end_dim", "swap them",
            )
        ).at(user_line())  # fmt: skip
    if first == last:
        return self
    return reshape(self, *shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


def unflatten(self: Tensor, dim: int, new: Sequence[int]) -> Tensor:
    """One dimension split into several: (..., N, ...) -> (..., *new, ...)."""
    shape = self._kind.shape
    axis = axis_of("unflatten", dim, len(shape))
    parts = _complete("unflatten", tuple(new), shape[axis], (shape[axis],))
    return reshape(self, *shape[:axis], *parts, *shape[axis + 1 :])


def squeeze(self: Tensor, dim: Any = None) -> Tensor:
    """Dimensions of extent 1 left out: all of them, or those named."""
    shape = self._kind.shape
    if isinstance(dim, (tuple, list)) and not dim:
        return view(self, "reshape", (tuple(shape),))
    drop = set(range(len(shape)) if dim is None else axes_of("squeeze", dim, len(shape)))
    return view(
        self, "reshape", (tuple(n for i, n in enumerate(shape) if not (i in drop and n == 1)),)
    )


def unsqueeze(self: Tensor, dim: int) -> Tensor:
    """A new dimension of extent 1: (...) -> (..., 1, ...)."""
    shape = self._kind.shape
    axis = axis_of("unsqueeze", dim, len(shape) + 1)
    return view(self, "reshape", ((*shape[:axis], 1, *shape[axis:]),))


# --- permute --------------------------------------------------------------------------------------


def permute(self: Tensor, *dims: Any) -> Tensor:
    """Dimensions in another order: (D0, D1, ...) -> (D[dims[0]], ...)."""
    ndim = len(self._kind.shape)
    axes = tuple(axis_of("permute", d, ndim) for d in sizes("permute", dims))
    if sorted(axes) != list(range(ndim)):
        raise ShapeError(
            message(
                "permute", "not an order of the dimensions", str(dims),
                f"each of 0 to {ndim - 1} once", "name every dimension",
            )
        ).at(user_line())  # fmt: skip
    return view(self, "permute", (axes,))


def transpose(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped."""
    ndim = len(self._kind.shape)
    a, b = axis_of("transpose", dim0, ndim), axis_of("transpose", dim1, ndim)
    axes = list(range(ndim))
    if ndim:
        axes[a], axes[b] = axes[b], axes[a]
    return view(self, "permute", (tuple(axes),))


def t(self: Tensor) -> Tensor:
    """The matrix transposed: (M, N) -> (N, M); fewer dimensions stay."""
    ndim = len(self._kind.shape)
    if ndim > 2:
        raise ShapeError(
            message(
                "t", "more than two dimensions", f"shape {tuple(self._kind.shape)}",
                "a matrix", "use .transpose(-1, -2), or .mT for batches",
            )
        ).at(user_line())  # fmt: skip
    return transpose(self, 0, 1) if ndim == 2 else self


def movedim(self: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places, the rest kept in order."""
    ndim = len(self._kind.shape)
    src = [source] if isinstance(source, int) else list(source)
    dst = [destination] if isinstance(destination, int) else list(destination)
    src = [axis_of("movedim", d, ndim) for d in src]
    dst = [axis_of("movedim", d, ndim) for d in dst]
    if len(src) != len(dst) or len(set(src)) != len(src) or len(set(dst)) != len(dst):
        raise ShapeError(
            message("movedim", "not one place for each dimension", f"{source} to {destination}",
                    "equal numbers of distinct dims", "name each once")
        ).at(user_line())  # fmt: skip
    rest = iter(i for i in range(ndim) if i not in src)
    return permute(self, *[src[dst.index(i)] if i in dst else next(rest) for i in range(ndim)])


# --- expand, flip, split --------------------------------------------------------------------------


def expand(self: Tensor, *shape: Any) -> Tensor:
    """Extents of 1 repeated without copying; -1 keeps an extent: (..., 1, ...) -> (..., N, ...)."""
    new = sizes("expand", shape)
    have = self._kind.shape
    extra_dims = len(new) - len(have)
    full = tuple(
        have[i - extra_dims] if n == -1 and i >= extra_dims else n for i, n in enumerate(new)
    )
    fits = extra_dims >= 0 and all(
        a in (1, b) for a, b in zip(have, full[extra_dims:], strict=True)
    )
    if not fits or -1 in full:
        raise ShapeError(
            message(
                "expand", "only extents of 1 can grow", f"{tuple(have)} to {tuple(new)}",
                "equal extents, or 1 where it grows", "use .repeat(...) to copy, or reshape first",
            )
        ).at(user_line())  # fmt: skip
    out = view(self, "reshape", ((1,) * extra_dims + tuple(have),)) if extra_dims else self
    return view(out, "expand", (full,))


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expanded to another tensor's shape."""
    return expand(self, *other._kind.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """The tensor broadcast to a shape: (...) -> size."""
    return expand(input, *size)


def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """Copies laid side by side: (D0, ...) -> (r0*D0, ...)."""
    times = sizes("repeat", repeats)
    shape = (1,) * (len(times) - len(self._kind.shape)) + tuple(self._kind.shape)
    if len(times) < len(shape):
        raise ShapeError(
            message(
                "repeat", "too few counts", str(times), f"one for each of {len(shape)} dimensions",
                "put 1 for dimensions that stay",
            )
        ).at(user_line())  # fmt: skip
    spread = tuple(n for r, d in zip(times, shape, strict=True) for n in (r, d))
    out = apply("reshape", self, shape=tuple(n for d in shape for n in (1, d)))
    out = apply("expand", out, shape=spread)
    return apply("reshape", out, shape=tuple(r * d for r, d in zip(times, shape, strict=True)))


def tile(self: Tensor, *dims: Any) -> Tensor:
    """As repeat; missing leading counts are 1."""
    times = sizes("tile", dims)
    return repeat(self, *(1,) * (len(self._kind.shape) - len(times)), *times)


def flip(self: Tensor, *places: Any, dims: Any = None) -> Tensor:
    """The order along some dimensions turned round (a copy): (...) -> (...)."""
    named = sizes("flip", places if dims is None else (dims,))
    axes = axes_of("flip", named, len(self._kind.shape)) if named else ()
    return apply_op(TABLE["flip"], (self,), (axes,)) if axes else clone(self)


def narrow(self: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A window of one dimension (a view): (..., N, ...) -> (..., length, ...)."""
    shape = self._kind.shape
    if not shape:
        raise ShapeError(
            message("narrow", "a number has no dimensions", "shape ()", "at least one dimension",
                    "reshape it")
        ).at(user_line())  # fmt: skip
    axis = axis_of("narrow", dim, len(shape))
    if isinstance(start, Tensor):
        if start._kind.dtype.kind not in "iu" or start._kind.shape:
            raise ArgumentError(
                message("narrow", "the start is not a whole number", start._kind.dtype.name,
                        "an integer of shape ()", "pass a number")
            ).at(user_line())  # fmt: skip
        start = int(start)  # type: ignore[call-overload]
    start = start + shape[axis] if start < 0 else start
    if not 0 <= start <= start + length <= shape[axis]:
        raise IndexOutOfRange(
            message(
                "narrow", "the window leaves the dimension", f"{length} elements from {start}",
                f"inside 0 to {shape[axis]}", "check start and length",
            )
        ).at(user_line())  # fmt: skip
    return window(self, axis, start, length)


def window(self: Tensor, axis: int, start: int, length: int) -> Tensor:
    """A view of `length` elements of one axis; the start may become a run-time input."""
    shape = self._kind.shape
    starts = tuple(start if i == axis else 0 for i in range(len(shape)))
    counts = tuple(length if i == axis else n for i, n in enumerate(shape))
    steps = (1,) * len(shape)
    return view(self, "slice", (starts, counts, steps))


def at(self: Tensor, axis: int, place: int) -> Tensor:
    """One place of an axis (a view), the axis dropped; the place may become a run-time input."""
    shape = self._kind.shape
    starts = tuple(place if i == axis else 0 for i in range(len(shape)))
    counts = tuple(1 if i == axis else n for i, n in enumerate(shape))
    out = slice_at(self, starts, counts)
    link(out, self, ("slice_at", (starts, counts), shape))
    return view(out, "reshape", ((*shape[:axis], *shape[axis + 1 :]),))


def split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `split_size` elements each (or of the listed sizes) along a dimension."""
    shape = self._kind.shape
    axis = axis_of("split", dim, len(shape))
    extent = shape[axis]
    if isinstance(split_size, int):
        if split_size < 1:
            raise ArgumentError(
                message("split", "the size is not positive", str(split_size), "1 or more", "")
            ).at(user_line())
        parts = [min(split_size, extent - i) for i in range(0, extent, split_size)] or [0]
    else:
        parts = list(split_size)
        if sum(parts) != extent:
            raise ShapeError(
                message(
                    "split", "the sizes don't add up", f"{parts}, together {sum(parts)}",
                    f"{extent}, the extent of dim {axis}", "change the last one",
                )
            ).at(user_line())  # fmt: skip
    out = []
    start = 0
    for n in parts:
        out.append(window(self, axis, start, n))
        start += n
    return tuple(out)


def chunk(self: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size (the last may be smaller) along a dimension."""
    extent = self._kind.shape[axis_of("chunk", dim, len(self._kind.shape))]
    return split(self, max(1, -(-extent // chunks)), dim)


def unbind(self: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The views along a dimension, the dimension dropped."""
    if not self._kind.shape:
        raise ShapeError(
            message("unbind", "a number has no dimensions", "shape ()", "at least one dimension",
                    "use .item()")
        ).at(user_line())  # fmt: skip
    axis = axis_of("unbind", dim, len(self._kind.shape))
    return tuple(at(self, axis, i) for i in range(self._kind.shape[axis]))


# --- joining --------------------------------------------------------------------------------------


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after the other along a dim: (..., N, ...), (..., M, ...) -> (..., N+M, ...)."""
    parts = list(tensors)
    for p in parts:
        if not isinstance(p, Tensor):
            raise ArgumentError(
                message("cat", "not a tensor", type(p).__name__, "tensors", "leave it out")
            ).at(user_line())
    if not parts:
        raise ArgumentError(
            message("cat", "nothing to join", "an empty list", "at least one tensor", "add one")
        ).at(user_line())
    parts = _of_one_dtype(parts)
    # PyTorch lets empty tensors of shape (0,) join anything
    some = [p for p in parts if p._kind.shape != (0,)] or parts[:1]
    axis = axis_of("cat", dim, len(some[0]._kind.shape))
    return apply_op(TABLE["concatenate"], some, (axis,))


def _of_one_dtype(parts: list[Tensor]) -> list[Tensor]:
    """The tensors in the dtype that all promote to."""
    if len({p._kind.dtype for p in parts}) <= 1:
        return parts
    common = reduce(promote, [p._kind.dtype for p in parts])
    return [p if p._kind.dtype is common else apply("cast", p, dtype=common) for p in parts]


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension: n times (...) -> (..., n, ...)."""
    parts = _of_one_dtype(list(tensors))
    if not parts:
        raise ArgumentError(
            message("stack", "nothing to join", "an empty list", "at least one tensor", "add one")
        ).at(user_line())
    shape = parts[0]._kind.shape
    for p in parts:
        if p._kind.shape != shape:
            raise ShapeError(
                message(
                    "stack", "the shapes differ", f"{tuple(shape)} and {tuple(p._kind.shape)}",
                    "equal shapes", "pad or cut them first, or use cat",
                )
            ).at(user_line())  # fmt: skip
    axis = axis_of("stack", dim, len(shape) + 1)
    new = (*shape[:axis], 1, *shape[axis:])
    return apply_op(
        TABLE["concatenate"], [apply_op(TABLE["reshape"], (p,), (new,)) for p in parts], (axis,)
    )


def detach(self: Tensor) -> Tensor:
    """A view that gradients don't flow through."""
    return view(self, "stop_gradient", ())


METHODS: dict[str, Callable[..., Any]] = {
    "reshape": reshape, "view": view_as_shape, "flatten": flatten, "unflatten": unflatten,
    "ravel": flatten,
    "squeeze": squeeze, "unsqueeze": unsqueeze, "permute": permute, "transpose": transpose,
    "swapaxes": transpose, "swapdims": transpose, "t": t, "movedim": movedim, "moveaxis": movedim,
    "expand": expand, "expand_as": expand_as, "broadcast_to": broadcast_to, "repeat": repeat,
    "tile": tile, "flip": flip, "narrow": narrow, "split": split, "chunk": chunk,
    "unbind": unbind, "detach": detach, "clone": clone, "contiguous": contiguous,
    "is_contiguous": is_contiguous, "stride": stride,
}  # fmt: skip


def _function(method: Callable[..., Any]) -> Callable[..., Any]:
    return method


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cat": cat, "concat": cat, "concatenate": cat, "stack": stack,
    **{
        name: METHODS[name] for name in (
            "reshape flatten unflatten ravel squeeze unsqueeze permute transpose swapaxes t "
            "movedim moveaxis broadcast_to tile flip narrow split chunk unbind clone detach"
        ).split()
    },
}  # fmt: skip
