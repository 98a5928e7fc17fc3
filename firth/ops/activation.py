"""Activations: elementwise ops with bodies, gradients as PyTorch has them at the kinks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.ir.op import Expr
from firth.ops.complex import real
from firth.ops.compose import function, sign
from firth.ops.elementwise import (
    abs,
    elementwise,
    erf,
    every,
    exp,
    expm1,
    floating,
    less,
    log1p,
    maximum,
    minimum,
    tanh,
    where,
)
from firth.ops.rules import FLOATS, INEXACT, LOOSE, SIGNED, conj, uniform, with_attrs

_RANGE = (-8.0, 8.0)


def _sigmoid_ref(x: np.ndarray) -> Any:
    return 1 / (1 + np.exp(-x))


def _softplus_ref(x: np.ndarray) -> Any:
    return np.logaddexp(x, 0)


relu = elementwise(
    "relu", lambda x: np.maximum(x, np.zeros((), x.dtype)),
    doc="max(x, 0), gradient 0 at 0, element by element: x (...) number -> (...).",
    vjp=lambda g, y, x: (where(y <= 0, 0, g),), lower=lambda x: maximum(x, 0),
    sample=uniform(_RANGE, dtypes=(*FLOATS, *SIGNED)),
)  # fmt: skip
relu6 = elementwise(
    "relu6", lambda x: np.minimum(np.maximum(x, np.zeros((), x.dtype)), 6).astype(x.dtype),
    doc="min(max(x, 0), 6), element by element: x (...) number -> (...).",
    vjp=lambda g, y, x: (where((y <= 0) | (y >= 6), 0, g),),
    lower=lambda x: minimum(maximum(x, 0), 6), sample=uniform(_RANGE, dtypes=(*FLOATS, *SIGNED)),
)  # fmt: skip
sigmoid = function(
    "sigmoid", _sigmoid_ref, _RANGE, doc="1 / (1 + exp(-x))",
    vjp=lambda g, y, x: (g * y * (1.0 - y),), lower=lambda x: 1.0 / (exp(-x) + 1.0),
    dtypes=INEXACT,
)  # fmt: skip
logsigmoid = function(
    "logsigmoid", lambda x: -_softplus_ref(-x), _RANGE, doc="log(sigmoid(x))",
    vjp=lambda g, y, x: (g * sigmoid(-x),),
    lower=lambda x: minimum(x, 0.0) - log1p(exp(-abs(x))),
)  # fmt: skip
silu = function(
    "silu", lambda x: x * _sigmoid_ref(x), _RANGE, doc="x * sigmoid(x)",
    vjp=lambda g, y, x: (g * (sigmoid(x) + y * (1.0 - sigmoid(x))),),
    lower=lambda x: x * sigmoid(x),
)  # fmt: skip


def _gelu_inner(x: Any) -> Any:
    return (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)


def _gelu_check(approximate: str) -> bool:
    if approximate not in ("none", "tanh"):
        raise ArgumentError(
            message("gelu", "there is no such approximation", repr(approximate),
                    "'none' or 'tanh'", "pick one")
        )  # fmt: skip
    return approximate == "tanh"


def _gelu_ref(x: np.ndarray, approximate: str) -> Any:
    if _gelu_check(approximate):
        return 0.5 * x * (1 + np.tanh(_gelu_inner(x)))
    return 0.5 * x * (1 + every(math.erf)(x / math.sqrt(2)))


def _gelu_lower(x: Expr, approximate: str) -> Expr:
    if _gelu_check(approximate):
        return x * 0.5 * (tanh(_gelu_inner(x)) + 1.0)
    return x * 0.5 * (erf(x * (1 / math.sqrt(2))) + 1.0)


def _gelu_vjp(g: Expr, y: Expr, x: Expr, approximate: str) -> tuple[Expr]:
    if _gelu_check(approximate):
        t = tanh(_gelu_inner(x))
        slope = (x * x * (3 * 0.044715) + 1.0) * math.sqrt(2 / math.pi)
        return (g * ((t + 1.0) * 0.5 + x * 0.5 * (1.0 - t * t) * slope),)
    density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return (g * ((erf(x * (1 / math.sqrt(2))) + 1.0) * 0.5 + x * density),)


gelu = elementwise(
    "gelu", _gelu_ref, attrs=("approximate",), defaults={"approximate": "none"},
    operands=floating, tolerance=LOOSE, vjp=_gelu_vjp, lower=_gelu_lower,
    doc="x times the normal distribution's cumulative share, or its tanh approximation, element "
    "by element: x (...) float -> (...).",
    sample=with_attrs(uniform(_RANGE), {"approximate": "none"}, {"approximate": "tanh"}),
)  # fmt: skip


def with_parameters(
    name: str,
    ref: Callable[..., Any],
    lower: Callable[..., Expr],
    vjp: Callable[..., Any],
    doc: str,
    **defaults: float,
) -> Any:
    """An activation with numbers as attributes, each with PyTorch's default."""
    return elementwise(
        name, ref, attrs=tuple(defaults), defaults=defaults, operands=floating, tolerance=LOOSE,
        vjp=vjp, lower=lower, doc=f"{doc}, element by element: x (...) float -> (...).",
        sample=with_attrs(uniform(_RANGE), {}, {k: v + 0.25 for k, v in defaults.items()}),
    )  # fmt: skip


leaky_relu = with_parameters(
    "leaky_relu", lambda x, slope: np.where(x > 0, x, x * slope),
    lambda x, slope: where(x > 0, x, x * slope),
    lambda g, y, x, slope: (where(x > 0, g, g * slope),), "x above 0, slope * x below", slope=0.01,
)  # fmt: skip


def _elu_vjp(g: Expr, y: Expr, x: Expr, alpha: float) -> tuple[Expr]:
    return (where(x > 0, g, g * exp(minimum(x, 0.0)) * alpha),)


elu = with_parameters(
    "elu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
    lambda x, alpha: where(x > 0, x, expm1(minimum(x, 0.0)) * alpha), _elu_vjp,
    "x above 0, alpha * (exp(x) - 1) below", alpha=1.0,
)  # fmt: skip
celu = with_parameters(
    "celu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
    lambda x, alpha: where(x > 0, x, expm1(minimum(x, 0.0) / alpha) * alpha),
    lambda g, y, x, alpha: (where(x > 0, g, g * exp(minimum(x, 0.0) / alpha)),),
    "x above 0, alpha * (exp(x / alpha) - 1) below", alpha=1.0,
)  # fmt: skip
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805
selu = function(
    "selu", lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(x)), _RANGE,
    doc="Self-normalising elu (Klambauer et al., 2017)",
    lower=lambda x: elu(x, alpha=_SELU_ALPHA) * _SELU_SCALE,
    vjp=lambda g, y, x: tuple(v * _SELU_SCALE for v in _elu_vjp(g, y, x, _SELU_ALPHA)),
)  # fmt: skip


def _softplus_lower(x: Expr, beta: float, threshold: float) -> Expr:
    bx = x * beta
    soft = (maximum(bx, 0.0) + log1p(exp(-abs(bx)))) / beta
    return where(less(threshold, bx), x, soft)


softplus = with_parameters(
    "softplus",
    lambda x, beta, threshold: np.where(x * beta > threshold, x, _softplus_ref(x * beta) / beta),
    _softplus_lower,
    lambda g, y, x, beta, threshold: (
        where(less(threshold, x * beta), g, g * sigmoid(x * beta)),),
    "log(1 + exp(beta * x)) / beta, x itself where beta * x is above the threshold",
    beta=1.0, threshold=20.0,
)  # fmt: skip
hardtanh = with_parameters(
    "hardtanh", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda x, low, high: minimum(maximum(x, low), high),
    lambda g, y, x, low, high: (where((x <= low) | (x >= high), 0, g),),
    "x held between low and high", low=-1.0, high=1.0,
)  # fmt: skip
hardshrink = with_parameters(
    "hardshrink", lambda x, cut: np.where(np.abs(x) <= cut, 0, x),
    lambda x, cut: where(abs(x) <= cut, 0, x),
    lambda g, y, x, cut: (where(abs(x) <= cut, 0, g),), "0 within the cut, x outside", cut=0.5,
)  # fmt: skip
softshrink = with_parameters(
    "softshrink", lambda x, cut: np.where(np.abs(x) <= cut, x * 0, x - np.sign(x) * cut),
    lambda x, cut: where(x > cut, x - cut, where(x < -cut, x + cut, x * 0)),
    lambda g, y, x, cut: (where(abs(x) <= cut, 0, g),), "x drawn towards 0 by the cut", cut=0.5,
)  # fmt: skip
threshold = with_parameters(
    "threshold", lambda x, cut, value: np.where(x <= cut, value, x),
    lambda x, cut, value: where(x <= cut, value, x),
    lambda g, y, x, cut, value: (where(x <= cut, 0, g),), "x above the cut, else value",
    cut=0.0, value=0.0,
)  # fmt: skip


def _hardsigmoid_ref(x: np.ndarray) -> Any:
    return np.clip(x + 3, 0, 6) / 6


hardsigmoid = function(
    "hardsigmoid", _hardsigmoid_ref, _RANGE, doc="relu6(x + 3) / 6",
    lower=lambda x: relu6(x + 3.0) / 6.0,
    vjp=lambda g, y, x: (where((x <= -3.0) | (x >= 3.0), 0, g / 6.0),),
)  # fmt: skip
hardswish = function(
    "hardswish", lambda x: x * _hardsigmoid_ref(x), _RANGE, doc="x * relu6(x + 3) / 6",
    lower=lambda x: x * (relu6(x + 3.0) / 6.0),
    vjp=lambda g, y, x: (
        where(x <= -3.0, 0, where(x >= 3.0, g, g * (x / 3.0 + 0.5))),),
)  # fmt: skip
mish = function(
    "mish", lambda x: x * np.tanh(_softplus_ref(x)), _RANGE, doc="x * tanh(softplus(x))",
    lower=lambda x: x * tanh(softplus(x)),
    vjp=lambda g, y, x: (_mish_slope(g, x),),
)  # fmt: skip


def _mish_slope(g: Expr, x: Expr) -> Expr:
    t = tanh(softplus(x))
    return g * (t + x * (1.0 - t * t) * sigmoid(x))


def _softsign_vjp(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    share = 1.0 / (abs(x) + 1.0)
    if not x.dtype.is_complex:
        return (g * share * share,)
    return (g * share - real(g * x) * share * share * conj(sign(x)),)


softsign = function(
    "softsign", lambda x: x / (1 + np.abs(x)), _RANGE, doc="x / (1 + |x|)",
    lower=lambda x: x / (abs(x) + 1.0), vjp=_softsign_vjp, dtypes=INEXACT,
)  # fmt: skip
tanhshrink = function(
    "tanhshrink", lambda x: x - np.tanh(x), _RANGE, doc="x - tanh(x)",
    lower=lambda x: x - tanh(x), vjp=lambda g, y, x: (g * tanh(x) * tanh(x),), dtypes=INEXACT,
)  # fmt: skip
prelu = elementwise(
    "prelu", lambda x, weight: np.where(x > 0, x, x * weight), arity=2, operands=floating,
    lower=lambda x, weight: where(x > 0, x, x * weight), tolerance=LOOSE,
    vjp=lambda g, y, x, weight: (where(x > 0, g, g * weight), where(x > 0, 0, g * x)),
    doc="x above 0, weight * x below, with broadcasting: x (...), weight (...) float -> (...).",
    sample=uniform(_RANGE, (-1, 1)),
)  # fmt: skip
