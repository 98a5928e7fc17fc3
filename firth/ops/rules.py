"""What declarations share: shape and dtype rules, rounding of references, sample generators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import (
    ArgumentError,
    DTypeError,
    IndexOutOfRange,
    ShapeError,
    message,
)
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr, Op, const_node, declare

HALVES = (dt.float16, dt.bfloat16)
FLOATS = (dt.float32, dt.float64, dt.float16, dt.bfloat16)
SIGNED = (dt.int64, dt.int32, dt.int16, dt.int8)
UNSIGNED = (dt.uint64, dt.uint32, dt.uint16, dt.uint8)
INTS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTS
EVERY = (*NUMBERS, dt.bool_)
COMPLEX = (dt.complex64, dt.complex128)
INEXACT = FLOATS + COMPLEX
ANY_NUMBER = NUMBERS + COMPLEX
ANY = EVERY + COMPLEX

# Relative error of one correctly rounded or polynomial operation, per dtype.
TOLERANCE = {
    dt.float64: 2e-14, dt.float32: 2e-6, dt.float16: 2e-3, dt.bfloat16: 1.6e-2,
    dt.complex64: 2e-6, dt.complex128: 2e-14,
}  # fmt: skip
# The same after sums, products of several operations and cancellation.
LOOSE = {
    dt.float64: 1e-11, dt.float32: 3e-5, dt.float16: 4e-3, dt.bfloat16: 3e-2,
    dt.complex64: 3e-5, dt.complex128: 1e-11,
}  # fmt: skip


# --- shapes ---------------------------------------------------------------------------------------


def broadcast(name: str, *shapes: Shape) -> Shape:
    """The shape that all shapes broadcast to; ShapeError names the two and the dimension."""
    if shapes and all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    out: list[int] = []
    for shape in shapes:
        if len(shape) > len(out):
            out = [1] * (len(shape) - len(out)) + out
        for i in range(1, len(shape) + 1):
            a, b = out[-i], shape[-i]
            if a == b or b == 1:
                continue
            if a != 1:
                first = next(s for s in shapes if len(s) >= i and s[-i] == a)
                raise ShapeError(
                    message(
                        name, f"shapes do not broadcast in dimension -{i}",
                        f"{first} and {shape} ({a} against {b})", "equal extents or 1",
                        "reshape one, e.g. x[:, None], or check which axis is which",
                    )
                )  # fmt: skip
            out[-i] = b
    return tuple(out)


def broadcast_rule(name: str) -> Callable[..., Shape]:
    """A shape rule: the sources broadcast."""
    return lambda *shapes, **_: broadcast(name, *shapes)


def same(first: Any, /, *_: Any, **__: Any) -> Any:
    """A rule: as the first source."""
    return first


def reduced(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """The shape after reducing `axes`.

    >>> reduced((2, 3, 4), (1,), False)
    (2, 4)
    """
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def check_axes(name: str, ndim: int, axes: Iterable[int]) -> None:
    """ArgumentError unless axes are sorted, distinct and inside [0, ndim)."""
    axes = tuple(axes)
    if list(axes) != sorted(set(axes)) or any(not 0 <= a < ndim for a in axes):
        raise ArgumentError(
            message(
                name, f"axes do not fit {ndim} dimensions", f"axes {axes}",
                f"distinct axes between 0 and {ndim - 1}, sorted", "check the axis",
            )
        )  # fmt: skip


def count(shape: Shape) -> int:
    """The number of elements."""
    total = 1
    for n in shape:
        total *= n
    return total


# --- dtypes ---------------------------------------------------------------------------------------


def no_complex(name: str, dtypes: Iterable[DType]) -> None:
    """DTypeError when a source is complex."""
    for d in dtypes:
        if d.is_complex:
            raise DTypeError(
                message(name, "has no meaning for complex numbers", d.name,
                        "a real dtype", "use abs(x), x.real or x.imag")
            )  # fmt: skip


def promote(dtypes: Iterable[DType]) -> DType:
    """The dtype that all dtypes promote to."""
    found = None
    for d in dtypes:
        found = d if found is None else dt.promote(found, d)
    assert found is not None
    return found


def float_of(dtype: DType) -> DType:
    """The dtype itself when it is a float or complex, float32 otherwise."""
    return dtype if dtype.kind in "fc" else dt.float32


def real_of(dtype: DType) -> DType:
    """The dtype of the parts of a complex one; any other dtype itself."""
    return {dt.complex64: dt.float32, dt.complex128: dt.float64}.get(dtype, dtype)


def complex_of(dtype: DType) -> DType:
    """The complex dtype that holds numbers of a float dtype."""
    return dtype if dtype.is_complex else dt.promote(dtype, dt.complex64)


def float_rule(*dtypes: DType, **_: Any) -> DType:
    """A dtype rule: the float that the sources promote to."""
    return float_of(promote(dtypes))


def wide(dtype: DType) -> DType:
    """The dtype that arithmetic on `dtype` is done in: float32 for half types."""
    return dt.float32 if dtype in HALVES else dtype


# --- references -----------------------------------------------------------------------------------


def round_to(values: Any, dtype: DType) -> np.ndarray:
    """Values converted to `dtype` with one rounding; floats to integers saturate, NaN gives 0."""
    a = np.asarray(values)
    if a.dtype == dtype.np:
        return a
    with np.errstate(all="ignore"):
        if dtype.kind == "b":
            return np.asarray(a != 0)
        if a.dtype.kind == "c" and not dtype.is_complex:
            return round_to(a.real, dtype)
        if dtype.is_integer and dt.from_numpy(a.dtype).kind == "f":
            return _saturate(a.astype(np.float64), dtype)
        if dtype is dt.bfloat16 and a.dtype == np.float64:
            return _odd_float32(a).astype(dtype.np)
        if dtype is dt.bfloat16 and a.dtype.kind in "iu":
            return _odd_float32(a.astype(np.float64)).astype(dtype.np)
        return a.astype(dtype.np)


def _saturate(a: np.ndarray, dtype: DType) -> np.ndarray:
    info = np.iinfo(dtype.np)
    a = np.trunc(np.where(np.isnan(a), 0.0, a))
    low, high = a <= float(info.min), a >= float(info.max)
    out = np.where(low | high, 0.0, a).astype(dtype.np)
    return np.where(high, info.max, np.where(low, info.min, out)).astype(dtype.np)


def _odd_float32(a: np.ndarray) -> np.ndarray:
    """float64 to float32 rounded to odd, so that rounding again to bfloat16 rounds once."""
    near = np.asarray(a.astype(np.float32))
    bits = near.view(np.int32)
    back = near.astype(np.float64)
    inexact = np.isfinite(near) & (back != a)
    down = np.where(inexact & (np.abs(back) > np.abs(a)), bits - 1, bits)  # towards zero
    return np.asarray(np.where(inexact, down | 1, bits).astype(np.int32)).view(np.float32)


def widen(array: np.ndarray) -> np.ndarray:
    """float64 for floats, complex128 for complex, the array itself for everything else."""
    array = np.asarray(array)
    kind = dt.from_numpy(array.dtype).kind
    if kind == "c":
        return array.astype(np.complex128)
    return array.astype(np.float64) if kind == "f" else array


def rounded(fn: Callable[..., Any], dtype: Callable[..., DType]) -> Callable[..., np.ndarray]:
    """A reference: floats widened to 64 bits, `fn` applied, its result rounded once."""

    def ref(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        out = dtype(*[dt.from_numpy(np.asarray(a).dtype) for a in arrays], **attrs)
        with np.errstate(all="ignore"):
            return round_to(fn(*[widen(a) for a in arrays], **attrs), out)

    return ref


def in_range(name: str, values: np.ndarray, extent: int) -> None:
    """IndexOutOfRange unless every value is in [0, extent)."""
    bad = (values < 0) | (values >= extent)
    if bad.any():
        first = int(values[bad].ravel()[0])
        raise IndexOutOfRange(
            message(name, "an index is out of range", str(first), f"0 to {extent - 1}",
                    "check the indices, e.g. print(x.min(), x.max())")
        )  # fmt: skip


# --- expressions ----------------------------------------------------------------------------------


def filled(value: bool | int | float | complex, shape: Shape, dtype: DType) -> Expr:
    """One number everywhere: (shape) dtype."""
    x = Expr(const_node(value, dtype))
    if not shape:
        return x
    return TABLE["expand"](TABLE["reshape"](x, shape=(1,) * len(shape)), shape=shape)


def zeros_like(x: Expr) -> Expr:
    """Zeros of x's shape and dtype."""
    return filled(0, x.shape, x.dtype)


def cast(x: Expr, dtype: DType) -> Expr:
    """x in another dtype; x itself when it has it already."""
    return x if x.dtype is dtype else TABLE["cast"](x, dtype=dtype)


def keep(x: Expr, shape: Shape, axes: Sequence[int]) -> Expr:
    """A reduced x (kept dims or not) with extents of 1 at `axes` of `shape`."""
    return reshape(x, reduced(shape, axes, True))


def reshape(x: Expr, shape: Shape) -> Expr:
    """x with another shape; x itself when it has it already."""
    return x if x.shape == shape else TABLE["reshape"](x, shape=shape)


def expand_to(x: Expr, shape: Shape) -> Expr:
    """x broadcast to `shape`."""
    x = reshape(x, (1,) * (len(shape) - x.ndim) + x.shape)
    return x if x.shape == shape else TABLE["expand"](x, shape=shape)


def iota(shape: Shape, axis: int, dtype: DType = dt.int64) -> Expr:
    """0, 1, 2, ... along `axis`, extents of 1 elsewhere: (1, ..., shape[axis], ..., 1)."""
    x = TABLE["iota"](extent=shape[axis], dtype=dtype)
    return reshape(x, tuple(n if i == axis else 1 for i, n in enumerate(shape)))


def conj(x: Expr) -> Expr:
    """The complex conjugate; x itself when it is real."""
    if not x.dtype.is_complex:
        return x
    return Expr(x.node.src[0]) if x.node.op.name == "conj" else TABLE["conj"](x)


def no_gradient(g: Expr, y: Expr, *xs: Expr, **_: Any) -> tuple[None, ...]:
    """The vjp of an op whose result does not vary smoothly."""
    return (None,) * len(xs)


def widened_vjp(
    rule: Callable[..., Any], holomorphic: bool = True
) -> Callable[..., tuple[Expr | None, ...]]:
    """A vjp that computes half types in float32 and answers None for sources that aren't floats.

    The rule stays differentiable: the gradient of each result is cast back by the grad pass.
    A rule says g * f'(x); of a complex function that has a derivative (holomorphic) the gradient
    is g * conj(f'(x)), as in PyTorch: the conjugate of the rule's answer to conj(g).
    """
    if rule is no_gradient:
        return rule

    def vjp(g: Expr, y: Expr, *xs: Expr, **attrs: Any) -> tuple[Expr | None, ...]:
        turned = holomorphic and y.dtype.is_complex
        g = conj(g) if turned else g
        up = [cast(e, wide(e.dtype)) for e in (g, y, *xs)]
        found = rule(*up, **attrs)
        kept = [f if x.dtype.kind in "fc" else None for f, x in zip(found, xs, strict=True)]
        return tuple(conj(f) if turned and f is not None else f for f in kept)

    return vjp


def widened_lower(rule: Callable[..., Expr], dtype: Callable[..., DType]) -> Callable[..., Expr]:
    """A body that computes half types in float32 and rounds its result once."""

    def lower(*xs: Expr, **attrs: Any) -> Expr:
        out = dtype(*[x.dtype for x in xs], **attrs)
        return cast(rule(*[cast(x, wide(x.dtype)) for x in xs], **attrs), out)

    return lower


def composed(
    name: str,
    *,
    doc: str,
    shape: Callable[..., Shape],
    dtype: Callable[..., DType],
    ref: Callable[..., Any],
    lower: Callable[..., Expr],
    vjp: Callable[..., Any] | None = None,
    tolerance: dict[DType, float] | None = None,
    **fields: Any,
) -> Op:
    """Declares an op with a body: half types in float32, `ref` in float64, one rounding each.

    Complex sources are refused unless the samples have some.
    """
    if not admits_complex(fields.get("sample")):
        dtype = real_only(name, dtype)
    return declare(
        name, doc=doc, shape=shape, dtype=dtype, ref=rounded(ref, dtype),
        lower=widened_lower(lower, dtype), vjp=vjp and widened_vjp(vjp),
        tolerance=LOOSE if tolerance is None else tolerance,
        **{"family": "composed", **fields},
    )  # fmt: skip


def admits_complex(sample: Samples | None) -> bool:
    """Whether samples are drawn of complex dtypes too: then the op takes complex sources."""
    return sample is not None and any(d.is_complex for d in sample.dtypes)


def real_only(name: str, rule: Callable[..., DType]) -> Callable[..., DType]:
    """The dtype rule, but complex sources are refused."""

    def dtype(*dtypes: DType, **attrs: Any) -> DType:
        no_complex(name, dtypes)
        return rule(*dtypes, **attrs)

    return dtype


# --- samples --------------------------------------------------------------------------------------


class Case(NamedTuple):
    """Arguments of one call: sources as arrays, then attributes."""

    args: tuple[np.ndarray, ...]
    attrs: dict[str, Any]


class Samples(NamedTuple):
    """How tests call an op.

    draw: (generator, dtype) -> cases. dtypes: what `dtype` ranges over. hard: unary or binary
    elementwise, so tests may also feed it special values. smooth: finite differences hold at
    the float64 cases.
    """

    draw: Callable[[np.random.Generator, DType], list[Case]]
    dtypes: tuple[DType, ...]
    hard: bool = False
    smooth: bool = True


def array(
    rng: np.random.Generator, dtype: DType, shape: Shape, low: float = -2.0, high: float = 2.0
) -> np.ndarray:
    """Uniform values in [low, high] of a dtype; unsigned dtypes start at 0, bool is a coin."""
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        return round_to(rng.uniform(low, high, shape), dtype)
    if dtype.kind == "c":
        parts = rng.uniform(low, high, shape), rng.uniform(low, high, shape)
        return round_to(parts[0] + 1j * parts[1], dtype)
    floor = max(int(np.floor(low)), 0) if dtype.kind == "u" else int(np.floor(low))
    return rng.integers(floor, int(np.ceil(high)) + 1, shape).astype(dtype.np)


def uniform(
    *ranges: tuple[float, float], dtypes: tuple[DType, ...] = FLOATS, smooth: bool = True
) -> Samples:
    """Samples of an elementwise op: one range per source, equal shapes and broadcast ones."""
    shapes: tuple[tuple[Shape, ...], ...] = (((3, 4),) * 3, ((3, 1), (4,), (2, 1, 1)), ((),) * 3)

    def draw(rng: np.random.Generator, dtype: DType) -> list[Case]:
        return [
            Case(tuple(array(rng, dtype, s, *r) for s, r in zip(row, ranges, strict=False)), {})
            for row in shapes
        ]

    return Samples(draw, dtypes, hard=True, smooth=smooth)


def cases(
    draw: Callable[..., list[tuple[Any, ...]]],
    dtypes: tuple[DType, ...] = FLOATS,
    smooth: bool = True,
) -> Samples:
    """Samples of any op: draw(make, rng, dtype) lists (sources..., attributes) tuples.

    `make(*shape, low, high)` draws a source of the sampled dtype.
    """

    def run(rng: np.random.Generator, dtype: DType) -> list[Case]:
        def make(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
            return array(rng, dtype, shape, low, high)

        return [Case(tuple(row[:-1]), row[-1]) for row in draw(make, rng, dtype)]

    return Samples(run, dtypes, smooth=smooth)


def with_attrs(plain: Samples, *rows: dict[str, Any]) -> Samples:
    """The first cases of other samples with attributes, one case per row."""

    def draw(rng: np.random.Generator, dtype: DType) -> list[Case]:
        first = plain.draw(rng, dtype)
        return [Case(first[i % len(first)].args, row) for i, row in enumerate(rows)]

    return Samples(draw, plain.dtypes, smooth=plain.smooth)
