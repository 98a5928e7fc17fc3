"""Elementwise arithmetic, comparison, products of matrices, running sums."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

import numpy as np

import firth
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, message
from firth.onnx.registry import op
from firth.onnx.values import element, firth_dtype
from firth.tensor import Tensor
from firth.tensor.record import apply

UNARY = {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Asin": "asin", "Asinh": "asinh",
    "Atan": "atan", "Atanh": "atanh", "BitwiseNot": "bitwise_not", "Ceil": "ceil", "Cos": "cos",
    "Cosh": "cosh", "Erf": "erf", "Exp": "exp", "Floor": "floor", "IsNaN": "isnan", "Log": "log",
    "Neg": "neg", "Not": "logical_not", "Reciprocal": "reciprocal", "Round": "round",
    "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin", "Sinh": "sinh", "Sqrt": "sqrt",
    "Tan": "tan", "Tanh": "tanh", "Relu": "relu",
}  # fmt: skip
# Since opset 7 shapes broadcast as NumPy's; before, only where `broadcast` is 1, from `axis` on.
BINARY = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "And": "logical_and", "Or": "logical_or",
    "Xor": "logical_xor", "Equal": "equal", "Greater": "greater", "Less": "less",
}  # fmt: skip
LATER_BINARY = {
    "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor",
    "GreaterOrEqual": "greater_equal", "LessOrEqual": "less_equal",
}  # fmt: skip


def _unary(name: str) -> Callable[..., Any]:
    def rule(x: Tensor, *, consumed_inputs: Any = None) -> Any:
        return apply(name, x)

    return rule


def _binary(name: str) -> Callable[..., Any]:
    return lambda a, b: apply(name, a, b)


def _aligned(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule as it was before opset 7."""

    def old(a: Tensor, b: Tensor, *, axis: int | None = None, broadcast: int = 0,
            consumed_inputs: Any = None) -> Any:  # fmt: skip
        if broadcast and axis is not None:
            axis %= max(a.ndim, 1)
            b = b.reshape(*b.shape, *(1,) * (a.ndim - axis - b.ndim))
        return rule(a, b)

    return old


for _onnx, _firth in UNARY.items():
    op(_onnx)(_unary(_firth))
for _onnx, _firth in BINARY.items():
    op(_onnx, since=7)(_binary(_firth))
    op(_onnx)(_aligned(_binary(_firth)))
for _onnx, _firth in LATER_BINARY.items():
    op(_onnx)(_binary(_firth))


def _divide(a: Tensor, b: Tensor) -> Any:
    """Integers are divided towards zero."""
    return apply("div_trunc" if a.dtype.is_integer else "div", a, b)


def _power(a: Tensor, b: Tensor) -> Any:
    """The dtype is the base's; integers are raised exactly."""
    if a.dtype.is_integer and b.dtype.is_integer:
        wide = a.to(dt.int64)
        return _integer_power(wide, b).to(a.dtype)
    if a.dtype.kind == "f":
        return apply("power", a, b.to(a.dtype))
    kind = b.dtype if b.dtype.kind == "f" else dt.float64
    return apply("power", a.to(kind), b.to(kind)).to(a.dtype)


def _integer_power(base: Tensor, exponent: Tensor) -> Tensor:
    """Powers by squaring: an exponent has at most 63 bits; negative ones count as in float64."""
    exponent = exponent.to(dt.int64)
    out = firth.ones_like(base + exponent)
    square, rest = base + firth.zeros_like(exponent), exponent
    for _ in range(6):
        out = firth.where((rest & 1) == 1, out * square, out)
        square, rest = square * square, rest >> 1
    approximate = apply("power", base.to(dt.float64), exponent.to(dt.float64)).to(dt.int64)
    return firth.where((exponent < 0) | (rest > 0), approximate, out)


op("Div", since=7)(_divide)
op("Div")(_aligned(_divide))
op("Pow", since=7)(_power)
op("Pow")(_aligned(_power))


@op("Mod")
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Any:
    """The remainder with the sign of the divisor, or with fmod that of the dividend."""
    return apply("fmod" if fmod else "remainder", a, b)


@op("BitShift")
def bit_shift(a: Tensor, b: Tensor, *, direction: str) -> Any:
    """Bits moved to the LEFT or RIGHT."""
    return apply("shift_left" if direction == "LEFT" else "shift_right", a, b)


@op("IsInf")
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    """Where x is infinite, of the signs asked for."""
    found = apply("isinf", x)
    if not detect_negative:
        found = found & (x > 0)
    if not detect_positive:
        found = found & (x < 0)
    return found


@op("Where", statistics=(1, 2))
def where(condition: Tensor, x: Tensor, y: Tensor) -> Any:
    """x where the condition holds, y elsewhere."""
    return apply("where", condition, x, y)


@op("Max")
def maximum(first: Tensor, *rest: Tensor, consumed_inputs: Any = None) -> Any:
    """The largest of all inputs, place by place."""
    for x in rest:
        first = apply("maximum", first, x)
    return first


@op("Min")
def minimum(first: Tensor, *rest: Tensor, consumed_inputs: Any = None) -> Any:
    """The smallest of all inputs, place by place."""
    for x in rest:
        first = apply("minimum", first, x)
    return first


@op("Sum")
def total(first: Tensor, *rest: Tensor, consumed_inputs: Any = None) -> Any:
    """The sum of all inputs."""
    for x in rest:
        first = apply("add", first, x)
    return first


@op("Mean")
def mean(*inputs: Tensor, consumed_inputs: Any = None) -> Any:
    """The mean of all inputs."""
    return total(*inputs) / len(inputs)


@op("Clip", since=11, statistics=(1, 2))
def clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Any:
    """x held between two bounds; the upper one wins."""
    if low is not None:
        x = apply("maximum", x, low)
    return x if high is None else apply("minimum", x, high)


@op("Clip")
def clip_attributes(
    x: Tensor, *, min: float | None = None, max: float | None = None, consumed_inputs: Any = None
) -> Any:
    """Clip as it was before opset 11."""
    if min is not None:
        x = apply("maximum", x, min)
    return x if max is None else apply("minimum", x, max)


@op("MatMul")
def matmul(a: Tensor, b: Tensor) -> Any:
    """The product of (stacks of) matrices, as NumPy's."""
    return apply("matmul", a, b)


@op("Gemm", since=7)
def gemm(
    a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Any:  # fmt: skip
    """alpha * A @ B + beta * C: (M, K), (K, N), C broadcasts -> (M, N)."""
    a, b = (a.T if transA else a), (b.T if transB else b)
    y = apply("matmul", a, b)
    if alpha != 1:
        y = y * _scale(y, alpha)
    if c is None or beta == 0:
        return y
    return y + (c if beta == 1 else c * _scale(c, beta))


def _scale(x: Tensor, factor: float) -> float | int:
    return int(factor) if x.dtype.is_integer else factor


@op("Gemm")
def gemm_old(
    a: Tensor, b: Tensor, c: Tensor, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,
    transB: int = 0, broadcast: int = 0,
) -> Any:  # fmt: skip
    """Gemm as it was before opset 7."""
    return gemm(a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)


def _running(x: Tensor, axis: Any, kind: str, exclusive: int, reverse: int) -> Any:
    axis = int(axis) % x.ndim
    if reverse:
        x = x.flip(axis)
    y = apply("cumulate", x, axis=axis, kind=kind)
    if exclusive:
        pads = [(0, 0)] * x.ndim
        pads[axis] = (1, 0)
        n = x.shape[axis]
        y = apply(
            "pad", y, low=tuple(p[0] for p in pads), high=(0,) * x.ndim, inner=(0,) * x.ndim,
            value=_neutral(x, kind),
        ).narrow(axis, 0, n)  # fmt: skip
    return y.flip(axis) if reverse else y


def _neutral(x: Tensor, kind: str) -> float | int:
    one = 0 if kind == "add" else 1
    return float(one) if x.dtype.kind == "f" else one


@op("CumSum", host=(1,))
def cumsum(x: Tensor, axis: np.ndarray, *, exclusive: int = 0, reverse: int = 0) -> Any:
    """Running sums along an axis."""
    return _running(x, axis, "add", exclusive, reverse)


@op("CumProd", host=(1,))
def cumprod(x: Tensor, axis: np.ndarray, *, exclusive: int = 0, reverse: int = 0) -> Any:
    """Running products along an axis."""
    return _running(x, axis, "mul", exclusive, reverse)


@op("Einsum")
def einsum(*inputs: Tensor, equation: str) -> Any:
    """Sums of products along the letters of an equation."""
    return firth.einsum(_lettered(equation.replace(" ", ""), inputs), *inputs)


def _lettered(equation: str, inputs: tuple[Tensor, ...]) -> str:
    """An equation with letters in the place of dots."""
    if "..." not in equation:
        return equation
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    free = [c for c in ascii_letters if c not in equation]
    most = max(x.ndim - len(t) + 3 for t, x in zip(terms, inputs, strict=True) if "..." in t)
    dots = "".join(free[:most])
    named = [
        t.replace("...", dots[most - (x.ndim - len(t) + 3) :] if "..." in t else "")
        for t, x in zip(terms, inputs, strict=True)
    ]
    if not arrow:
        right = "..." + "".join(sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1))
    return ",".join(named) + "->" + right.replace("...", dots)


@op("Trilu", host=(1,))
def trilu(x: Tensor, k: np.ndarray | None = None, *, upper: int = 1) -> Any:
    """The upper or lower triangle, zeros elsewhere."""
    offset = 0 if k is None else int(k)
    return x.triu(offset) if upper else x.tril(offset)


@op("Det")
def det(x: Tensor) -> Any:
    """The determinant of each matrix: (..., n, n) -> (...)."""
    return apply("det", x)


@op("BitCast")
def bitcast(x: Tensor, *, to: int) -> Any:
    """The same bits as another dtype of equal size."""
    kind = firth_dtype(element(to))
    if kind is None:
        raise ArgumentError(
            message("BitCast", "no such dtype of tensors", str(element(to)), "a dtype of tensors",
                    "cast instead")
        )  # fmt: skip
    return apply("bitcast", x, dtype=kind)
