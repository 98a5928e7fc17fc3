"""Random draws as functions of a state: uint64 (2,) holding [seed, counter].

One draw uses one counter, whatever its shape: the caller adds 1 for the next. Its key is
threefry(seed, counter) and its element i (row-major) is threefry(key, i), so results are the same
on every target, for every number of threads, after every restart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr, Op, declare
from firth.ops.elementwise import (
    cos,
    equal,
    less,
    less_equal,
    log,
    minimum,
    remainder,
    shift_right,
    sqrt,
    where,
)
from firth.ops.movement import slice_
from firth.ops.reduce import cumulate, sum_
from firth.ops.rules import (
    FLOATS,
    SIGNED,
    Samples,
    cases,
    cast,
    composed,
    count,
    no_gradient,
    reshape,
    round_to,
    wide,
)
from firth.ops.sort import argsort
from firth.ops.threefry import threefry, threefry_reference

# Random bits of a mantissa: as many as a number in [0, 1) can hold evenly.
_MANTISSA = {dt.float64: 53, dt.float32: 24, dt.float16: 11, dt.bfloat16: 8}
_SECOND = 1 << 63  # counters of a draw's second word per element start here


def _state_check(name: str, state: Shape) -> None:
    if state != (2,):
        raise ShapeError(
            message(name, "the state is not [seed, counter]", str(state), "(2,)",
                    "pass a generator's state")
        )  # fmt: skip


def _state_dtype(name: str, state: DType) -> None:
    if state is not dt.uint64:
        raise DTypeError(
            message(name, "the state is not uint64", state.name, "uint64",
                    "pass a generator's state")
        )  # fmt: skip


def draw(
    name: str, ref: Callable[..., Any], lower: Callable[..., Expr], *, doc: str,
    dtype: Callable[..., DType], rows: tuple[dict[str, Any], ...],
    attrs: tuple[str, ...] = ("shape",), dtypes: tuple[DType, ...] = (dt.float32,), **fields: Any,
) -> Op:  # fmt: skip
    """Declares an op that draws `shape` elements (or n) from a state."""

    def shape_rule(state: Shape, **o: Any) -> Shape:
        _state_check(name, state)
        found = o["shape"] if "shape" in o else (o["n"],)
        if any(n < 0 for n in found):
            raise ShapeError(
                message(name, "an extent is negative", str(found), "0 or more", "check the size")
            )
        return tuple(found)

    def dtype_rule(state: DType, **o: Any) -> DType:
        _state_dtype(name, state)
        return dtype(**o)

    def full_ref(state: np.ndarray, **o: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return round_to(ref(np.asarray(state), **o), dtype(**o))

    def cases_of(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
        state = rng.integers(0, 1 << 60, 2).astype(np.uint64)
        typed = {"dtype": d} if "dtype" in attrs else {}
        return [(state, {**typed, **row}) for row in rows]

    return declare(
        name, family="random", attrs=attrs, doc=doc, shape=shape_rule, dtype=dtype_rule,
        ref=full_ref, lower=lower, vjp=no_gradient, sample=cases(cases_of, dtypes, smooth=False),
        tolerance={dt.float64: 1e-11, dt.float32: 2e-5, dt.float16: 4e-3, dt.bfloat16: 3e-2},
        **fields,
    )  # fmt: skip


_SHAPES: tuple[dict[str, Any], ...] = ({"shape": (3, 4)}, {"shape": ()}, {"shape": (0, 2)})


def _word(state: Expr, i: int) -> Expr:
    return reshape(slice_(state, starts=(i,), sizes=(1,), steps=(1,)), ())


def _bits(state: Expr, shape: Shape, first: int = 0) -> Expr:
    """64 bits per element from counters first, first + 1, ...: (shape) uint64."""
    n = count(shape)
    key = threefry(_word(state, 0), _word(state, 1))
    places = TABLE["iota"](extent=n, dtype=dt.uint64)
    return reshape(threefry(key, places + first if first else places), shape)


def _bits_ref(state: np.ndarray, shape: Shape, first: int = 0) -> np.ndarray:
    key = threefry_reference(state[0], state[1])
    places = np.arange(count(shape), dtype=np.uint64) + np.uint64(first)
    return threefry_reference(key, places).reshape(shape)


random_bits = draw(
    "random_bits", _bits_ref, _bits, rows=_SHAPES, dtype=lambda shape: dt.uint64,
    doc="64 random bits per element: state (2,) uint64 -> (shape) uint64; uses one counter.",
)  # fmt: skip


def _unit(bits: Expr, dtype: DType) -> Expr:
    """The top bits as a number in [0, 1): exactly representable, never 1."""
    m = _MANTISSA[dtype]
    number = cast(shift_right(bits, 64 - m), wide(dtype)) * (2.0**-m)
    return cast(number, dtype)


def _unit_ref(bits: np.ndarray, dtype: DType) -> np.ndarray:
    m = _MANTISSA[dtype]
    return (bits >> np.uint64(64 - m)).astype(np.float64) * 2.0**-m


def _float_dtype(name: str) -> Callable[..., DType]:
    def rule(dtype: DType, **_: Any) -> DType:
        if dtype.kind != "f":
            raise DTypeError(
                message(name, "draws floats", dtype.name, "a float dtype", "cast afterwards")
            )
        return dtype

    return rule


uniform = draw(
    "uniform", lambda state, shape, dtype: _unit_ref(_bits_ref(state, shape), dtype),
    lambda state, shape, dtype: _unit(_bits(state, shape), dtype),
    attrs=("shape", "dtype"), rows=_SHAPES, dtype=_float_dtype("uniform"), dtypes=FLOATS,
    doc="Evenly distributed in [0, 1), multiples of 2^-24 for float32 (2^-53 for float64): "
    "state (2,) uint64 -> (shape) float; uses one counter.",
)  # fmt: skip


def _normal(state: Expr, shape: Shape, dtype: DType) -> Expr:
    """Box-Muller: the radius from one word, the angle from another."""
    at = dt.float64 if dtype is dt.float64 else dt.float32
    m = _MANTISSA[at]
    radius_bits, angle_bits = _bits(state, shape), _bits(state, shape, _SECOND)
    # 2^-64 (bits + 1) in (0, 1]: small numbers keep all their digits, so the tails are right.
    u = (cast(shift_right(radius_bits, 11), at) + 1.0) * (2.0**-53)
    angle = cast(shift_right(angle_bits, 64 - m), at) * (2.0**-m) * (2 * math.pi)
    return cast(sqrt(log(minimum(u, 1.0)) * -2.0) * cos(angle), dtype)


def _normal_ref(state: np.ndarray, shape: Shape, dtype: DType) -> Any:
    at = dt.float64 if dtype is dt.float64 else dt.float32
    radius_bits, angle_bits = _bits_ref(state, shape), _bits_ref(state, shape, _SECOND)
    u = (round_to(radius_bits >> np.uint64(11), at).astype(np.float64) + 1) * 2.0**-53
    u = round_to(u, at).astype(np.float64)
    angle = _unit_ref(angle_bits, at) * (2 * math.pi)
    return np.sqrt(-2 * np.log(np.minimum(u, 1))) * np.cos(angle)


normal = draw(
    "normal", _normal_ref, _normal, attrs=("shape", "dtype"), rows=_SHAPES,
    dtype=_float_dtype("normal"), dtypes=FLOATS,
    doc="Normally distributed, mean 0, variance 1, tails to 8.5 deviations (Box and Muller, 1958): "
    "state (2,) uint64 -> (shape) float; uses one counter.",
)  # fmt: skip


def _span(low: int, high: int) -> int:
    if high <= low:
        raise ArgumentError(
            message("randint", "the range is empty", f"low {low}, high {high}", "low < high",
                    "high is not included: add 1")
        )  # fmt: skip
    return high - low


def _randint(state: Expr, shape: Shape, low: int, high: int, dtype: DType) -> Expr:
    span, bits = _span(low, high), _bits(state, shape)
    if span <= 1 << 32:
        found = shift_right(shift_right(bits, 32) * span, 32)
    else:
        found = bits if span >= 1 << 64 else remainder(bits, span)
    return cast(cast(found, dt.int64) + low, dtype)


def _randint_ref(state: np.ndarray, shape: Shape, low: int, high: int, dtype: DType) -> Any:
    span, bits = _span(low, high), _bits_ref(state, shape)
    if span <= 1 << 32:
        found = ((bits >> np.uint64(32)) * np.uint64(span)) >> np.uint64(32)
    else:
        found = bits if span >= 1 << 64 else bits % np.uint64(span)
    return found.astype(np.int64) + np.int64(low)


randint = draw(
    "randint", _randint_ref, _randint, attrs=("shape", "low", "high", "dtype"),
    rows=tuple({**s, "low": a, "high": b} for s in _SHAPES for a, b in ((-3, 5), (0, 100))),
    dtype=lambda shape, low, high, dtype: dtype, dtypes=SIGNED,
    doc="Whole numbers in [low, high), (top 32 bits * range) >> 32 for ranges up to 2^32, bits "
    "modulo range above: state (2,) uint64 -> (shape) dtype; uses one counter.",
)  # fmt: skip

permutation = draw(
    "permutation",
    lambda state, n: np.argsort(_bits_ref(state, (n,)), kind="stable"),
    lambda state, n: argsort(_bits(state, (n,)), axis=0),
    attrs=("n",), rows=({"n": 0}, {"n": 1}, {"n": 9}), dtype=lambda n: dt.int64,
    doc="0 to n - 1 in random order, the order of n random words: state (2,) uint64 -> (n) int64; "
    "uses one counter.",
)  # fmt: skip

# --- draws that depend on values ------------------------------------------------------------------


def _state_case(rng: Any) -> np.ndarray:
    return np.asarray(rng.integers(0, 1 << 60, 2).astype(np.uint64))


def _beside(name: str) -> tuple[Callable[..., Shape], Callable[..., DType]]:
    def shape_rule(x: Shape, state: Shape, **_: Any) -> Shape:
        _state_check(name, state)
        return x

    def dtype_rule(x: DType, state: DType, **_: Any) -> DType:
        _state_dtype(name, state)
        return _float_dtype(name)(x)

    return shape_rule, dtype_rule


def _draw_beside(*rows: dict[str, Any]) -> Samples:
    def rule(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
        return [
            (make(*s, low=0.1, high=0.9), _state_case(rng), row)
            for s in ((3, 4), (), (0,)) for row in rows
        ]  # fmt: skip

    return cases(rule)


def _unit_like(x: np.ndarray, state: np.ndarray) -> np.ndarray:
    # Sources arrive widened: 24 bits are what float32 and wider halves share.
    return _unit_ref(_bits_ref(state, x.shape), dt.float32)


def _drawn(x: Expr, state: Expr) -> Expr:
    return _unit(_bits(state, x.shape), dt.float32)


_shape_of, _dtype_of = _beside("bernoulli")
bernoulli = composed(
    "bernoulli", family="random", arity=2, shape=_shape_of, dtype=_dtype_of, vjp=no_gradient,
    ref=lambda p, state: (_unit_like(p, state) < p), sample=_draw_beside({}),
    lower=lambda p, state: cast(less(_drawn(p, state), p), p.dtype),
    doc="1 with probability p, else 0, from 24-bit uniforms: p (...) float, state (2,) uint64 -> "
    "(...); uses one counter.",
)  # fmt: skip


def _dropout_lower(x: Expr, state: Expr, p: float) -> Expr:
    if p >= 1:
        return x * 0.0
    return where(less(_drawn(x, state), p), 0, x * (1 / (1 - p)))


def _dropout_ref(x: np.ndarray, state: np.ndarray, p: float) -> Any:
    return x * 0 if p >= 1 else np.where(_unit_like(x, state) < p, 0, x / (1 - p))


_shape_of, _dtype_of = _beside("dropout")
dropout = composed(
    "dropout", family="random", arity=2, attrs=("p",), defaults={"p": 0.5}, shape=_shape_of,
    dtype=_dtype_of, ref=_dropout_ref, lower=_dropout_lower,
    sample=_draw_beside({"p": 0.5}, {"p": 0.0}, {"p": 1.0}),
    doc="0 with probability p, else x / (1 - p), from 24-bit uniforms: x (...) float, state (2,) "
    "uint64 -> (...); uses one counter (Srivastava et al., 2014).",
)  # fmt: skip


def _multinomial_shape(p: Shape, state: Shape, n: int, replacement: bool) -> Shape:
    _state_check("multinomial", state)
    if not 1 <= len(p) <= 2 or n < 1 or p[-1] < (1 if replacement else n):
        raise ArgumentError(
            message("multinomial", "there are not so many categories to draw", f"{n} from {p}",
                    "weights (C) or (N, C) with C >= n", "draw with replacement=True")
        )  # fmt: skip
    return (*p[:-1], n)


def _multinomial_dtype(p: DType, state: DType, n: int, replacement: bool) -> DType:
    _state_dtype("multinomial", state)
    _float_dtype("multinomial")(p)
    return dt.int64


def _with_replacement(p: Expr, state: Expr, n: int) -> Expr:
    """How many running sums are at or below the draw."""
    axis = p.ndim - 1
    running = cumulate(p, axis=axis, kind="add")  # (..., C)
    total = sum_(p, axes=(axis,), keepdims=True)
    u = _unit(_bits(state, (*p.shape[:-1], n)), dt.float32)
    point = reshape(cast(u, p.dtype) * total, (*p.shape[:-1], n, 1))
    below = less_equal(reshape(running, (*p.shape[:-1], 1, p.shape[-1])), point)
    places = sum_(cast(below, dt.int64), axes=(p.ndim,), keepdims=False)
    return minimum(places, p.shape[-1] - 1)


def _without_replacement(p: Expr, state: Expr, n: int) -> Expr:
    """The n first of an exponential race: arrival after -log(u) / p."""
    m = _MANTISSA[dt.float32]
    u = (cast(shift_right(_bits(state, p.shape), 64 - m), dt.float32) + 0.5) * (2.0**-m)
    race = cast(-log(u), p.dtype) / p
    race = where(equal(p, 0), math.inf, race)
    order = argsort(race, axis=p.ndim - 1)
    sizes = (*p.shape[:-1], n)
    return slice_(order, starts=(0,) * p.ndim, sizes=sizes, steps=(1,) * p.ndim)


def _multinomial_lower(p: Expr, state: Expr, n: int, replacement: bool) -> Expr:
    return (_with_replacement if replacement else _without_replacement)(p, state, n)


def _multinomial_ref(p: np.ndarray, state: np.ndarray, n: int, replacement: bool) -> Any:
    if replacement:
        u = _unit_ref(_bits_ref(state, (*p.shape[:-1], n)), dt.float32)
        point = (u * p.sum(-1, keepdims=True))[..., None]
        found = (np.cumsum(p, -1)[..., None, :] <= point).sum(-1)
        return np.minimum(found, p.shape[-1] - 1)
    u = _unit_ref(_bits_ref(state, p.shape), dt.float32) + 0.5 * 2.0**-24
    race = np.where(p == 0, np.inf, -np.log(round_to(u, dt.float32).astype(np.float64)) / p)
    return np.argsort(race, -1, kind="stable")[..., :n]


multinomial = composed(
    "multinomial", family="random", arity=2, attrs=("n", "replacement"),
    defaults={"replacement": False}, shape=_multinomial_shape, dtype=_multinomial_dtype,
    ref=_multinomial_ref, lower=_multinomial_lower, vjp=no_gradient,
    doc="n categories drawn by weight, without replacement as the first of an exponential race, "
    "with it by the running sum: p (..., C) float, state (2,) uint64 -> (..., n) int64; uses one "
    "counter.",
    sample=cases(lambda make, rng, d: [
        (make(3, 5, low=0.1), _state_case(rng), {"n": k, "replacement": r})
        for k, r in ((2, False), (5, False), (7, True))
    ] + [(make(4, low=0.1), _state_case(rng), {"n": 1, "replacement": False})],
        (dt.float64, dt.float32)),
)  # fmt: skip
