"""Complex numbers: their parts, and made of parts.

Gradients are PyTorch's: for a real loss, d loss / d real + i d loss / d imaginary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, declare
from firth.ops.arrange import stack
from firth.ops.compose import atan2
from firth.ops.elementwise import cos, equal, mul, sin, where
from firth.ops.movement import slice_
from firth.ops.operands import elementwise, floats_only, promoted, refuse
from firth.ops.rules import (
    COMPLEX,
    LOOSE,
    TOLERANCE,
    Case,
    Samples,
    array,
    broadcast_rule,
    cases,
    cast,
    complex_of,
    composed,
    filled,
    real_of,
    reshape,
    uniform,
)


def _complex_only(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    found = promoted(name, dtypes)
    if not found[0].is_complex:
        raise refuse(name, found[0], "complex64 or complex128", "a real tensor is its real part")
    return found


_SAMPLE = uniform((-8, 8), dtypes=COMPLEX)

real = elementwise(
    "real", np.real, operands=_complex_only, to_real=True, holomorphic=False, sample=_SAMPLE,
    doc="The real part, element by element: x (...) complex -> (...) float.",
    vjp=lambda g, y, x: (cast(g, x.dtype),),
)  # fmt: skip
imag = elementwise(
    "imag", np.imag, operands=_complex_only, to_real=True, holomorphic=False, sample=_SAMPLE,
    doc="The imaginary part, element by element: x (...) complex -> (...) float.",
    vjp=lambda g, y, x: (complex_(filled(0, g.shape, g.dtype), g),),
)  # fmt: skip


def _join_dtype(re: DType, im: DType) -> DType:
    found = floats_only("complex", (re, im))[0]
    if found.is_complex:
        raise refuse("complex", found, "two float dtypes", "pass x.real and y.imag")
    return complex_of(found)


def _join(re: Any, im: Any) -> np.ndarray:
    dtype = _join_dtype(*[dt.from_numpy(np.asarray(x).dtype) for x in (re, im)])
    out = np.empty(np.broadcast_shapes(np.shape(re), np.shape(im)), dtype.np)
    out.real, out.imag = re, im
    return out


def _draw_floats(rng: np.random.Generator, d: DType) -> list[Case]:
    shapes: tuple[tuple[Shape, Shape], ...] = (((3, 4), (3, 4)), ((3, 1), (4,)), ((), ()))
    return [Case(tuple(array(rng, d, s) for s in row), {}) for row in shapes]


complex_ = declare(
    "complex", family="elementwise", arity=2, broadcasts=True,
    doc="Complex numbers of two parts, with broadcasting: real (...), imaginary (...) float -> "
    "(...) complex.",
    shape=broadcast_rule("complex"), dtype=_join_dtype, ref=_join, tolerance={},
    vjp=lambda g, y, re, im: (real(g), imag(g)),
    sample=Samples(_draw_floats, (dt.float32, dt.float64)),
)  # fmt: skip

conj = elementwise(
    "conj", np.conj, operands=_complex_only, holomorphic=False, sample=_SAMPLE,
    doc="The complex conjugate, element by element: x (...) complex -> (...).",
    vjp=lambda g, y, x: (conj(g),), lower=lambda x: complex_(real(x), -imag(x)),
)  # fmt: skip


def _angle_vjp(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    """Across x, as long as 1 / |x|; 0 at 0."""
    zero = equal(x, 0)
    return (where(zero, 0, mul(complex_(filled(0, g.shape, g.dtype), g), where(zero, 1, x))
                  / _squared(where(zero, 1, x))),)  # fmt: skip


def _squared(x: Expr) -> Expr:
    return real(x) * real(x) + imag(x) * imag(x)


angle = elementwise(
    "angle", np.angle, operands=_complex_only, to_real=True, holomorphic=False, sample=_SAMPLE,
    doc="The angle from the positive real axis in radians: x (...) complex -> (...) float.",
    vjp=_angle_vjp, lower=lambda x: atan2(imag(x), real(x)), tolerance=LOOSE,
)  # fmt: skip


def _polar_ref(size: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return _join(size * np.cos(angle), size * np.sin(angle))


polar = declare(
    "polar", family="composed", arity=2,
    doc="Complex numbers of a length and an angle in radians, with broadcasting: "
    "length (...), angle (...) float -> (...) complex.",
    shape=broadcast_rule("polar"), dtype=_join_dtype, ref=_polar_ref, tolerance=TOLERANCE,
    lower=lambda size, angle: complex_(size * cos(angle), size * sin(angle)),
    sample=Samples(_draw_floats, (dt.float32, dt.float64)),
)  # fmt: skip

view_as_real = composed(
    "view_as_real", doc="The two parts along a new last axis: x (...) complex -> (..., 2) float.",
    shape=lambda x: (*x, 2), dtype=real_of, tolerance={},
    ref=lambda x: np.stack([x.real, x.imag], -1),
    lower=lambda x: stack(real(x), imag(x), axis=x.ndim),
    sample=cases(lambda make, rng, d: [(make(*s), {}) for s in ((), (2, 3), (0,))], COMPLEX),
)  # fmt: skip


def _last_two(x: Shape) -> Shape:
    if not x or x[-1] != 2:
        raise ShapeError(
            message("view_as_complex", "the last dimension does not hold two parts", str(x),
                    "shape (..., 2)", "stack real and imaginary parts along the last axis")
        )  # fmt: skip
    return x[:-1]


def _part(x: Expr, k: int) -> Expr:
    starts = (*(0 for _ in x.shape[:-1]), k)
    one = slice_(x, starts=starts, sizes=(*x.shape[:-1], 1), steps=(1,) * x.ndim)
    return reshape(one, x.shape[:-1])


def _float_to_complex(d: DType) -> DType:
    return _join_dtype(d, d)


view_as_complex = composed(
    "view_as_complex", doc="Two parts along the last axis as one number: x (..., 2) float -> (...) "
    "complex.",
    shape=_last_two, dtype=_float_to_complex, tolerance={},
    ref=lambda x: _join(x[..., 0], x[..., 1]),
    lower=lambda x: complex_(_part(x, 0), _part(x, 1)),
    sample=cases(lambda make, rng, d: [(make(*s), {}) for s in ((2,), (3, 2), (0, 2))],
                 (dt.float32, dt.float64)),
)  # fmt: skip
