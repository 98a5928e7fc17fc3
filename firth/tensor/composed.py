"""Functions that are short compositions of others: views as another, grids, stacks, distances."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.tensor import reduce, shape
from firth.tensor.arguments import explain, leave
from firth.tensor.creation import (
    get_default_dtype,
    linspace,
    refuse_in_jit,
    tensor,
    wrap,
    zeros,
)
from firth.tensor.handle import Tensor
from firth.tensor.index import getitem
from firth.tensor.reading import contents
from firth.tensor.record import apply, assign, user_line


def initialise(self: Tensor, *data: Any) -> None:
    """`Tensor(data)` and `Tensor(2, 3)` in the default dtype, as old programs write them."""
    kind = get_default_dtype()
    if len(data) == 1 and not isinstance(data[0], int):
        fresh = tensor(data[0], dtype=kind)
    else:
        fresh = zeros(*(data or (0,)), dtype=kind)
    self._rec, self._pos, self._kind, self._buf, self._extra = None, 0, fresh._kind, None, None
    assign(self, fresh)


def numpy_words(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method with NumPy's `axis` and `keepdims` beside its own `dim` and `keepdim`."""

    @wraps(method)
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            if "axis" in kwargs:
                kwargs["dim"] = kwargs.pop("axis")
            if "keepdims" in kwargs:
                kwargs["keepdim"] = kwargs.pop("keepdims")
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            explain(method, (self, *args), kwargs, error)
            raise

    leave(call)  # type: ignore[arg-type]
    return call


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same elements in the shape of another tensor."""
    return shape.view_as_shape(self, *other.shape)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """The same elements in the shape of another tensor, copied where that needs it."""
    return shape.reshape(self, other.shape)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the one shape that they broadcast to."""
    shapes = [tuple(t.shape) for t in tensors]
    try:
        wide = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            message("broadcast_tensors", "shapes do not broadcast", ", ".join(map(str, shapes)),
                    "extents that are equal or 1, counted from the last", "reshape one of them")
        ).at(user_line()) from None  # fmt: skip
    return tuple(shape.expand(t, *wide) for t in tensors)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid: n vectors -> n tensors of n dimensions; 'xy' swaps the first two."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing == "xy" and len(tensors) > 1:
        first, second, *rest = meshgrid(tensors[1], tensors[0], *tensors[2:])
        return (second, first, *rest)
    n = len(tensors)
    shaped = [
        shape.reshape(t, tuple(-1 if i == axis else 1 for i in range(n)))
        for axis, t in enumerate(tensors)
    ]
    return broadcast_tensors(*shaped)


def _at_least(x: Tensor, dims: int) -> Tensor:
    return x if x.ndim >= dims else shape.reshape(x, (*((1,) * (dims - x.ndim)), *x.shape))


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one below the other; vectors become rows."""
    return shape.cat([_at_least(t, 2) for t in tensors], 0)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; vectors end to end."""
    rows = [_at_least(t, 1) for t in tensors]
    if not rows:
        raise ArgumentError(
            message("hstack", "nothing to join", "an empty list", "at least one tensor", "add one")
        )
    return shape.cat(rows, 0 if rows[0].ndim == 1 else 1)


def select(self: Tensor, dim: int, index: int) -> Tensor:
    """The slice at an index of one dimension, without that dimension."""
    axis = shape.axis_of("select", dim, self.ndim)
    return getitem(self, (*(builtins.slice(None),) * axis, index))


def clamp_min(self: Tensor, min: Any) -> Tensor:
    """Nothing below min."""
    return apply("maximum", self, min)


def clamp_max(self: Tensor, max: Any) -> Tensor:
    """Nothing above max."""
    return apply("minimum", self, max)


def diff(
    self: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Differences of neighbours along a dimension, n times, with more elements at the ends."""
    if n < 0 or not self.ndim:
        raise ArgumentError(
            message("diff", "these differences there are not", f"n={n}, {self.ndim} dimensions",
                    "n of 0 or more, at least one dimension", "use n=1")
        )  # fmt: skip
    axis = shape.axis_of("diff", dim, self.ndim)
    if n == 0:
        return shape.clone(self)
    n = min(n, self.shape[axis] + sum(t.shape[axis] for t in (prepend, append) if t is not None))
    if prepend is not None or append is not None:
        self = shape.cat([t for t in (prepend, self, append) if t is not None], axis)
    lead = (builtins.slice(None),) * axis
    apart = "not_equal" if self.dtype.kind == "b" else "sub"
    for _ in range(n):
        later = getitem(self, (*lead, builtins.slice(1, None)))
        self = apply(apart, later, getitem(self, (*lead, builtins.slice(None, -1))))
    return self


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference."""
    return reduce.norm(input - other, p)


def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Any:  # fmt: skip
    """(std, mean) over dims."""
    spread = reduce.std(input, dim, unbiased, keepdim, correction=correction)
    return spread, reduce.mean(input, None if isinstance(dim, bool) else dim, keepdim)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2): (B, N, M), (B, N, K), (B, K, M) -> (B, N, M)."""
    return input * beta + apply("matmul", batch1, batch2) * alpha


def repeat_interleave(
    self: Tensor, repeats: int | Tensor, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element (or slice along dim) `repeats` times in a row, or each its own number of times.

    Counts in a tensor are read at once, because the size of the result depends on them.
    """
    if dim is None:
        self, dim = shape.reshape(self, (-1,)), 0
    axis = shape.axis_of("repeat_interleave", dim, self.ndim)
    n = self.shape[axis]
    if isinstance(repeats, Tensor):
        refuse_in_jit(
            "repeat_interleave", "the size of the result depends on values",
            "give one number, or call it outside the jitted function",
        )  # fmt: skip
        counts = np.broadcast_to(contents(repeats), (n,))
        order = wrap(np.repeat(np.arange(n), counts), dt.int64)
        return apply("take", self, order, axis=axis)
    wide = shape.unsqueeze(self, axis + 1)
    extents = list(wide.shape)
    extents[axis + 1] = repeats
    new = (*self.shape[:axis], n * repeats, *self.shape[axis + 1 :])
    return shape.reshape(shape.expand(wide, *extents), new)


def nan_to_num(
    self: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and infinities replaced; infinities by the dtype's extremes unless given."""
    if self.dtype.is_complex:
        parts = (apply(name, self) for name in ("real", "imag"))
        return apply("complex", *(nan_to_num(p, nan, posinf, neginf) for p in parts))
    limits = finfo(self.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    infinite = apply("isinf", self)
    out = apply("where", apply("isnan", self), nan, self)
    out = apply("where", apply("bitwise_and", infinite, apply("greater", self, 0)), high, out)
    return apply("where", apply("bitwise_and", infinite, apply("less", self, 0)), low, out)


def logspace(start: float, end: float, steps: int, base: float = 10.0, **options: Any) -> Tensor:
    """Powers of base with evenly spaced exponents: (steps,)."""
    return apply("pow", base, linspace(start, end, steps, **options))


def tril_indices(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
    """Row and column numbers of the lower triangle: (2, N)."""
    return tensor(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
    """Row and column numbers of the upper triangle: (2, N)."""
    return tensor(np.stack(np.triu_indices(row, offset, col)))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over dims: the last of a with the first of b, or two lists of dims."""
    if isinstance(dims, int):
        dims = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    left = [shape.axis_of("tensordot", d, a.ndim) for d in dims[0]]
    right = [shape.axis_of("tensordot", d, b.ndim) for d in dims[1]]
    for x, y in zip(left, right):  # extents of 1 are summed over by themselves
        if a.shape[x] == 1 != b.shape[y]:
            b = reduce.sum(b, y, True, dtype=b.dtype)
        elif b.shape[y] == 1 != a.shape[x]:
            a = reduce.sum(a, x, True, dtype=a.dtype)
    if len(left) != len(right):
        raise ShapeError(
            message("tensordot", "the dims do not pair", f"{left} and {right}", "equally many",
                    "name one of each for every pair")
        ).at(user_line())  # fmt: skip
    pairs = dict(zip(right, left, strict=True))
    b_labels = tuple(pairs.get(d, a.ndim + d) for d in range(b.ndim))
    out = (d for d in (*range(a.ndim), *b_labels) if d not in left)
    return apply(
        "contract", a, b, a_labels=tuple(range(a.ndim)), b_labels=b_labels, out_labels=tuple(out)
    )


def bincount(self: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs, or the sum of its weights: (N,) int64 -> (max + 1,)."""
    size = max(int(reduce.amax(self).item()) + 1 if self.numel() else 0, minlength)
    ones = apply("full", shape=self.shape, value=1, dtype=dt.int64) if weights is None else weights
    return zeros(size, dtype=ones.dtype).scatter_add(0, self, ones)


class FloatInfo(NamedTuple):
    """The limits of a float dtype."""

    bits: int
    eps: float
    max: float
    min: float
    tiny: float
    smallest_normal: float
    dtype: str


class IntInfo(NamedTuple):
    """The limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: str


def finfo(type: DType | None = None) -> FloatInfo:
    """The limits of a float dtype, or of a complex one's parts. Raises DTypeError for others."""
    kind = type or get_default_dtype()
    if kind.is_complex:
        kind = dt.float32 if kind is dt.complex64 else dt.float64
    if kind.kind != "f":
        raise DTypeError(
            message("finfo", "not a float dtype", kind.name, "a float dtype", "use iinfo")
        )
    import ml_dtypes  # nothing else needs it before a bfloat16 does

    info = ml_dtypes.finfo(kind.np)
    tiny = float(info.smallest_normal)
    return FloatInfo(
        kind.bits, float(info.eps), float(info.max), float(info.min), tiny, tiny, kind.name
    )


def iinfo(type: DType) -> IntInfo:
    """The limits of an integer dtype. Raises DTypeError for others."""
    if type.kind not in "iu":
        raise DTypeError(
            message("iinfo", "not an integer dtype", type.name, "an integer dtype", "use finfo")
        )
    info = np.iinfo(type.np)
    return IntInfo(type.bits, int(info.max), int(info.min), type.name)


def promote_types(type1: DType, type2: DType) -> DType:
    """The dtype of an operation on tensors of the two dtypes."""
    return dt.promote(type1, type2)


METHODS: dict[str, Callable[..., Any]] = {
    "baddbmm": baddbmm, "bincount": bincount, "clamp_max": clamp_max, "clamp_min": clamp_min,
    "diff": diff, "dist": dist, "nan_to_num": nan_to_num,
    "repeat_interleave": repeat_interleave, "reshape_as": reshape_as, "select": select,
    "view_as": view_as,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: f for name, f in METHODS.items() if name not in ("view_as", "reshape_as")},
    "broadcast_tensors": broadcast_tensors, "finfo": finfo, "hstack": hstack, "iinfo": iinfo,
    "logspace": logspace, "meshgrid": meshgrid, "promote_types": promote_types,
    "std_mean": std_mean, "tensordot": tensordot, "tril_indices": tril_indices,
    "triu_indices": triu_indices, "vstack": vstack,
}  # fmt: skip
