"""Normalisation: one op does the work, the layers' ops scale and shift it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.elementwise import sqrt
from firth.ops.rules import (
    cases,
    check_axes,
    composed,
    count,
    promote,
    reshape,
)
from firth.ops.statistics import float_only, mean, var

Axes = tuple[int, ...]


def _standard_shape(x: Shape, axes: Axes, eps: float) -> Shape:
    check_axes("standardize", len(x), axes)
    return x


def _inverse_deviation(x: Expr, axes: Axes, eps: float) -> Expr:
    return 1.0 / sqrt(var(x, axes=axes, keepdims=True, correction=0) + float(eps))


def _standard_vjp(g: Expr, y: Expr, x: Expr, axes: Axes, eps: float) -> tuple[Expr]:
    """What the mean and the variance take back."""
    drift = mean(g, axes=axes, keepdims=True) + y * mean(g * y, axes=axes, keepdims=True)
    return ((g - drift) * _inverse_deviation(x, axes, eps),)


def _standard_ref(x: np.ndarray, axes: Axes, eps: float) -> Any:
    d = x - x.mean(axis=axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=axes, keepdims=True) + eps)


standardize = composed(
    "standardize", attrs=("axes", "eps"), defaults={"eps": 1e-5}, shape=_standard_shape,
    dtype=float_only("standardize"), ref=_standard_ref, vjp=_standard_vjp,
    doc="x minus its mean over axes, over the root of its variance plus eps: "
    "x (...) float -> (...).",
    lower=lambda x, axes, eps: (x - mean(x, axes=axes, keepdims=True))
    * _inverse_deviation(x, axes, eps),
    sample=cases(lambda make, rng, d: [
        (make(3, 8), {"axes": (1,)}), (make(4, 3, 5), {"axes": (0, 2), "eps": 0.1}),
        (make(0, 3), {"axes": (1,)}),
    ]),
)  # fmt: skip


def _floats(name: str) -> Callable[..., DType]:
    return lambda *dtypes, **_: float_only(name)(promote(dtypes))


def _fits(name: str, x: Shape, others: tuple[Shape, ...], expected: Shape) -> None:
    for shape in others:
        if shape != expected:
            raise ShapeError(
                message(name, "a parameter does not fit x", f"x {x} and parameter {shape}",
                        str(expected), "make the layer for this many features")
            )  # fmt: skip


def _affine(y: Any, parameters: tuple[Any, ...], shape: Shape) -> Any:
    """y * weight + bias, each reshaped to broadcast; either may be missing."""
    if parameters:
        y = y * reshape_any(parameters[0], shape)
    return y + reshape_any(parameters[1], shape) if len(parameters) > 1 else y


def reshape_any(p: Any, shape: Shape) -> Any:
    """A parameter, array or Expr, in the shape that broadcasts."""
    return reshape(p, shape) if isinstance(p, Expr) else p.reshape(shape)


def normalisation(
    name: str,
    body: Callable[..., Any],
    ref: Callable[..., Any],
    parameter: Callable[..., tuple[Shape, Shape]],
    *,
    doc: str,
    attrs: tuple[str, ...],
    eps: float | None,
    draw: Callable[..., list[tuple[Any, ...]]],
) -> Any:
    """Declares body(x) * weight + bias; parameter(x shape) -> (its shape, how it broadcasts)."""

    def shape_rule(x: Shape, *parameters: Shape, **options: Any) -> Shape:
        _fits(name, x, parameters, parameter(x, **options)[0])
        return x

    return composed(
        name, arity=None, attrs=(*attrs, "eps"), defaults={"eps": eps}, doc=doc,
        shape=shape_rule, dtype=_floats(name), sample=cases(draw),
        lower=lambda x, *p, **o: _affine(body(x, **o), p, parameter(x.shape, **o)[1]),
        ref=lambda x, *p, **o: _affine(ref(x, **o), p, parameter(x.shape, **o)[1]),
    )  # fmt: skip


def _last(x: Shape, ndim: int) -> Axes:
    return tuple(range(len(x) - ndim, len(x)))


def _trailing(x: Shape, ndim: int, **_: Any) -> tuple[Shape, Shape]:
    tail = x[len(x) - ndim :]
    return tail, tail


def _draw_layer(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    return [
        (make(3, 8), make(8), make(8), {"ndim": 1}), (make(2, 3, 4), make(3, 4), {"ndim": 2}),
        (make(5, 6), {"ndim": 1}), (make(0, 3), make(3), {"ndim": 1}),
    ]  # fmt: skip


layer_norm = normalisation(
    "layer_norm", lambda x, ndim, eps: standardize(x, axes=_last(x.shape, ndim), eps=eps),
    lambda x, ndim, eps: _standard_ref(x, _last(x.shape, ndim), eps), _trailing,
    attrs=("ndim",), eps=1e-5, draw=_draw_layer,
    doc="Standardised over the last ndim dimensions D, times a weight, plus a bias, if given: "
    "x (..., D), weight (D), bias (D) float -> (..., D) (Ba et al., 2016).",
)  # fmt: skip


def _rms_lower(x: Expr, ndim: int, eps: float) -> Expr:
    axes = _last(x.shape, ndim)
    return x * (1.0 / sqrt(mean(x * x, axes=axes, keepdims=True) + float(eps)))


def _rms_ref(x: np.ndarray, ndim: int, eps: float) -> Any:
    return x / np.sqrt((x * x).mean(axis=_last(x.shape, ndim), keepdims=True) + eps)


rms_norm = normalisation(
    "rms_norm", _rms_lower, _rms_ref, _trailing, attrs=("ndim",), eps=1e-6, draw=_draw_layer,
    doc="x over its root mean square over the last ndim dimensions D, times a weight, if given: "
    "x (..., D), weight (D) float -> (..., D) (Zhang and Sennrich, 2019).",
)  # fmt: skip


def _channels(x: Shape, **_: Any) -> tuple[Shape, Shape]:
    if len(x) < 2:
        raise ShapeError(
            message("norm", "there is no channel dimension", str(x), "(N, C, ...)", "add one")
        )
    return (x[1],), (x[1], *(1 for _ in x[2:]))


def _grouped(x: Shape, groups: int) -> Shape:
    if x[1] % groups:
        raise ShapeError(
            message("group_norm", "groups do not divide the channels", f"{groups} of {x[1]}",
                    "a divisor", "choose another number of groups")
        )  # fmt: skip
    return (x[0], groups, x[1] // groups * count(x[2:]))


group_norm = normalisation(
    "group_norm",
    lambda x, groups, eps: reshape(
        standardize(reshape(x, _grouped(x.shape, groups)), axes=(2,), eps=eps), x.shape),
    lambda x, groups, eps: _standard_ref(x.reshape(_grouped(x.shape, groups)), (2,), eps).reshape(
        x.shape),
    _channels, attrs=("groups",), eps=1e-5,
    doc="Standardised over groups of channels and all places, times a weight, plus a bias, if "
    "given: x (N, C, ...), weight (C), bias (C) float -> (N, C, ...) (Wu and He, 2018).",
    draw=lambda make, rng, d: [
        (make(2, 4, 3), make(4), make(4), {"groups": 2}), (make(2, 3, 2, 2), {"groups": 3}),
    ],
)  # fmt: skip


def _all_but_channels(x: Shape) -> Axes:
    return tuple(a for a in range(len(x)) if a != 1)


batch_norm = normalisation(
    "batch_norm", lambda x, eps: standardize(x, axes=_all_but_channels(x.shape), eps=eps),
    lambda x, eps: _standard_ref(x, _all_but_channels(x.shape), eps), _channels,
    attrs=(), eps=1e-5,
    doc="Standardised over batch and places with their own statistics, times a weight, plus a "
    "bias, if given: x (N, C, ...), weight (C), bias (C) float -> (N, C, ...) (Ioffe and Szegedy, "
    "2015).",
    draw=lambda make, rng, d: [
        (make(6, 3), make(3), make(3), {}), (make(4, 3, 2, 2), make(3), make(3), {}),
        (make(3, 2, 4), {}),
    ],
)  # fmt: skip


def _inference_shape(x: Shape, *parameters: Shape, eps: float) -> Shape:
    _fits("batch_norm_inference", x, parameters, _channels(x)[0])
    return x


def _inference_lower(x: Expr, m: Expr, v: Expr, *parameters: Expr, eps: float) -> Expr:
    spread = _channels(x.shape)[1]
    scale = 1.0 / sqrt(v + float(eps))
    if parameters:
        scale = scale * parameters[0]
    y = (x - reshape(m, spread)) * reshape(scale, spread)
    return y + reshape(parameters[1], spread) if len(parameters) > 1 else y


def _inference_ref(x: np.ndarray, m: np.ndarray, v: np.ndarray, *p: np.ndarray, eps: float) -> Any:
    spread = _channels(x.shape)[1]
    y = (x - m.reshape(spread)) / np.sqrt(v.reshape(spread) + eps)
    return _affine(y, p, spread)


batch_norm_inference = composed(
    "batch_norm_inference", arity=None, attrs=("eps",), defaults={"eps": 1e-5},
    shape=_inference_shape, dtype=_floats("batch_norm_inference"),
    ref=_inference_ref, lower=_inference_lower,
    doc="x standardised with given statistics, times a weight, plus a bias, if given: x (N, C, "
    "...), mean (C), variance (C), weight (C), bias (C) float -> (N, C, ...).",
    sample=cases(lambda make, rng, d: [
        (make(2, 3, 4), make(3), make(3, low=0.5), make(3), make(3), {}),
        (make(4, 3), make(3), make(3, low=0.5), {}),
    ]),
)  # fmt: skip
