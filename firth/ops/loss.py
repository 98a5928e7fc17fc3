"""Losses: one node each until `lower`; `reduction` is mean, sum or none, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, Op
from firth.ops.activation import softplus
from firth.ops.elementwise import abs, equal, exp, log, maximum, not_equal, where
from firth.ops.index import checked_index, gather
from firth.ops.reduce import sum_
from firth.ops.rules import (
    FLOATS,
    INEXACT,
    array,
    broadcast,
    cases,
    cast,
    composed,
    count,
    expand_to,
    float_of,
    iota,
    promote,
    real_of,
    reshape,
)
from firth.ops.statistics import log_softmax, logsumexp, mean

_REDUCTIONS = ("mean", "sum", "none")


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ArgumentError(
            message(name, "there is no such reduction", repr(reduction), ", ".join(_REDUCTIONS),
                    "pick one")
        )  # fmt: skip


def _reduce(x: Expr, reduction: str) -> Expr:
    axes = tuple(range(x.ndim))
    if reduction == "none":
        return x
    return (mean if reduction == "mean" else sum_)(x, axes=axes, keepdims=False)


def _reduce_ref(x: Any, reduction: str) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](x)


# --- element by element ---------------------------------------------------------------------------


def pairwise(
    name: str,
    ref: Callable[..., Any],
    lower: Callable[..., Expr],
    *,
    doc: str,
    ranges: tuple[tuple[float, float], tuple[float, float]] = ((-3, 3), (-3, 3)),
    dtypes: tuple[DType, ...] = FLOATS,
    **defaults: Any,
) -> Op:
    """Declares a loss of predictions and targets, element by element, then reduced."""

    def shape_rule(x: Shape, target: Shape, reduction: str, **_: Any) -> Shape:
        _check_reduction(name, reduction)
        shape = broadcast(name, x, target)
        return shape if reduction == "none" else ()

    def draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
        (a, b), (e, f) = ranges
        rows = [((4, 3), r, {}) for r in _REDUCTIONS]
        rows += [((5,), "mean", {k: v + 0.5}) for k, v in defaults.items() if type(v) is float]
        rows += [((5,), "mean", {k: not v}) for k, v in defaults.items() if type(v) is bool]
        return [
            (make(*s, low=a, high=b), array(rng, d, s, e, f), {"reduction": r, **o})
            for s, r, o in rows
        ]

    return composed(
        name, arity=2, attrs=("reduction", *defaults), defaults={"reduction": "mean", **defaults},
        doc=f"{doc}: x (...), target (...) float -> () or, unreduced, (...).",
        shape=shape_rule, dtype=lambda *ds, **_: real_of(float_of(promote(ds))),
        sample=cases(draw, dtypes),
        ref=lambda x, t, reduction, **o: _reduce_ref(ref(x, t, **o), reduction),
        lower=lambda x, t, reduction, **o: _reduce(lower(x, t, **o), reduction),
    )  # fmt: skip


def _squared(x: Any, t: Any) -> Any:
    return (x - t) * (x - t)


mse_loss = pairwise("mse_loss", _squared, _squared, doc="The squared difference")
l1_loss = pairwise(
    "l1_loss",
    lambda x, t: np.abs(x - t),
    lambda x, t: abs(x - t),
    doc="The absolute difference",
    dtypes=INEXACT,
)


def _smooth_ref(x: np.ndarray, t: np.ndarray, beta: float) -> Any:
    d = np.abs(x - t)
    return np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def _smooth_lower(x: Expr, t: Expr, beta: float) -> Expr:
    d = abs(x - t)
    return where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta) if beta else d


smooth_l1_loss = pairwise(
    "smooth_l1_loss", _smooth_ref, _smooth_lower, beta=1.0,
    doc="Squared below beta, absolute above (Girshick, 2015)",
)  # fmt: skip
huber_loss = pairwise(
    "huber_loss", lambda x, t, delta: delta * _smooth_ref(x, t, delta),
    lambda x, t, delta: _smooth_lower(x, t, delta) * delta, delta=1.0,
    doc="Squared below delta, delta times absolute above (Huber, 1964)",
)  # fmt: skip


def _safe_log(x: Expr) -> Expr:
    """At 0 the gradient is 0, not NaN: a saturated sigmoid must not poison its weights."""
    zero = equal(x, 0)
    return where(zero, -100.0, maximum(log(where(zero, 1.0, x)), -100.0))


binary_cross_entropy = pairwise(
    "binary_cross_entropy",
    lambda x, t: -(t * np.maximum(np.log(x), -100) + (1 - t) * np.maximum(np.log1p(-x), -100)),
    lambda x, t: -(t * _safe_log(x) + (1.0 - t) * _safe_log(1.0 - x)),
    doc="Cross entropy of probabilities, logarithms no lower than -100",
    ranges=((0.05, 0.95), (0, 1)),
)  # fmt: skip
binary_cross_entropy_with_logits = pairwise(
    "binary_cross_entropy_with_logits",
    lambda x, t: np.logaddexp(0, -x) + (1 - t) * x,
    lambda x, t: (1.0 - t) * x + softplus(-x, threshold=1e30),
    doc="Cross entropy of sigmoid(x)", ranges=((-3, 3), (0, 1)),
)  # fmt: skip


def _kl_ref(x: np.ndarray, t: np.ndarray, log_target: bool) -> Any:
    if log_target:
        return np.exp(t) * (t - x)
    return t * np.log(np.where(t == 0, 1, t)) - t * x


def _kl_lower(x: Expr, t: Expr, log_target: bool) -> Expr:
    if log_target:
        return exp(t) * (t - x)
    return t * log(where(t == 0, 1, t)) - t * x


kl_div = pairwise(
    "kl_div", _kl_ref, _kl_lower, log_target=False, ranges=((-3, 0), (0.1, 1)),
    doc="target * (log(target) - x) for log-probabilities x",
)  # fmt: skip

# --- classes --------------------------------------------------------------------------------------


def _class_axis(x: Shape) -> int:
    return 1 if len(x) > 1 else 0


def _places(x: Shape) -> Shape:
    axis = _class_axis(x)
    return (*x[:axis], *x[axis + 1 :])


def _class_shape(name: str) -> Callable[..., Shape]:
    def rule(x: Shape, target: Shape, *weight: Shape, reduction: str, **_: Any) -> Shape:
        _check_reduction(name, reduction)
        if not x or target != _places(x):
            raise ShapeError(
                message(name, "targets do not fit the scores", f"x {x} and target {target}",
                        f"target {_places(x) if x else ()}: one class number for each place",
                        "pass class numbers, not one-hot rows, without the class dimension")
            )  # fmt: skip
        if weight and weight[0] != (x[_class_axis(x)],):
            raise ShapeError(
                message(name, "weights do not fit the classes", f"{weight[0]} for x {x}",
                        f"({x[_class_axis(x)]},)", "give one weight per class")
            )  # fmt: skip
        return target if reduction == "none" else ()

    return rule


def _class_dtype(name: str) -> Callable[..., DType]:
    def rule(x: DType, target: DType, *weight: DType, **_: Any) -> DType:
        if x.kind != "f" or not target.is_integer:
            raise DTypeError(
                message(name, "scores are floats and targets are class numbers",
                        f"{x.name} and {target.name}", "a float and int64",
                        "convert, e.g. target.long()")
            )  # fmt: skip
        return x

    return rule


def _picked(x: Expr, classes: Expr, axis: int) -> Expr:
    """x at the class of each place, by comparing, so that it stays inside one loop."""
    wide = reshape(classes, (*classes.shape[:axis], 1, *classes.shape[axis:]))
    hit = equal(wide, iota(x.shape, axis))
    return sum_(where(hit, x, 0), axes=(axis,), keepdims=False)


def _settle(losses: Expr, weights: Expr | None, n: int, reduction: str) -> Expr:
    """none: as they are; sum; mean: over the sum of weights (of n places without any)."""
    if reduction == "none":
        return losses
    axes = tuple(range(losses.ndim))
    total = sum_(losses, axes=axes, keepdims=False)
    if reduction == "sum":
        return total
    if weights is None:
        return total / (n * 1.0)
    return total / sum_(expand_to(weights, losses.shape), axes=axes, keepdims=False)


def _place_weights(
    x: Expr, target: Expr, weight: tuple[Expr, ...], ignore_index: int | None
) -> tuple[Expr, Expr | None, Expr | None]:
    """Checked classes, whether each place counts, and its weight (None: all count 1)."""
    axis = _class_axis(x.shape)
    classes, counts = cast(target, dt.int64), None
    if ignore_index is not None:
        counts = not_equal(classes, ignore_index)
        classes = where(counts, classes, 0)
    classes = checked_index(classes, extent=x.shape[axis])
    if weight:
        of_place = gather(cast(weight[0], x.dtype), classes, axes=(0,))
        return classes, counts, of_place if counts is None else where(counts, of_place, 0)
    return classes, counts, None if counts is None else cast(counts, x.dtype)


def _nll_lower(
    x: Expr, target: Expr, *weight: Expr, ignore_index: int | None, reduction: str
) -> Expr:
    classes, counts, weights = _place_weights(x, target, weight, ignore_index)
    losses = -_picked(x, classes, _class_axis(x.shape))
    if weights is not None:
        losses = where(counts, losses, 0) if not weight else losses * weights
    if weight and counts is not None:
        losses = where(counts, losses, 0)
    return _settle(losses, weights, count(target.shape), reduction)


def _class_last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, _class_axis(x.shape), -1)


def _class_ref(
    logp: np.ndarray, target: np.ndarray, weight: tuple[np.ndarray, ...],
    ignore_index: int | None, reduction: str, smoothing: float,
) -> Any:  # fmt: skip
    rows = _class_last(logp)
    counts = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    classes = np.where(counts, target, 0).astype(np.int64)
    checked_index.ref(classes, extent=rows.shape[-1])
    per_class = weight[0] if weight else np.ones(rows.shape[-1])
    weights = np.where(counts, per_class[classes], 0)
    losses = -np.take_along_axis(rows, classes[..., None], -1)[..., 0] * weights
    if smoothing:
        uniform = np.where(counts, -(rows * per_class).sum(-1) / rows.shape[-1], 0)
        losses = (1 - smoothing) * losses + smoothing * uniform
    losses = np.where(counts, losses, 0)
    if reduction == "mean":
        return losses.sum() / weights.sum()
    return _reduce_ref(losses, reduction)


def _nll_ref(
    x: np.ndarray, target: np.ndarray, *weight: np.ndarray, ignore_index: int | None, reduction: str
) -> Any:
    return _class_ref(x, target, weight, ignore_index, reduction, 0.0)


def _draw_class(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    found = []
    for reduction in _REDUCTIONS:
        t = rng.integers(0, 5, 6)
        t[2] = -100
        attrs = {"reduction": reduction, "ignore_index": -100}
        found += [
            (make(6, 5), np.abs(t) % 5, {"reduction": reduction}),
            (make(6, 5), t, attrs), (make(6, 5), t, make(5, low=0.5), attrs),
            (make(2, 4, 3), rng.integers(0, 4, (2, 3)), {"reduction": reduction}),
        ]  # fmt: skip
    return [*found, (make(5), np.int64(3), {"reduction": "mean"})]


nll_loss = composed(
    "nll_loss", arity=None, attrs=("ignore_index", "reduction"),
    defaults={"ignore_index": None, "reduction": "mean"}, shape=_class_shape("nll_loss"),
    dtype=_class_dtype("nll_loss"), ref=_nll_ref, lower=_nll_lower,
    doc="Minus the log-probability of the class: x (N, C, ...) float, target (N, ...) integer, "
    "weight (C) if given -> () or, unreduced, (N, ...); places whose target is ignore_index do "
    "not count; IndexError for classes outside [0, C).",
    sample=cases(_draw_class),
)  # fmt: skip


def _entropy_lower(
    x: Expr, target: Expr, *weight: Expr,
    ignore_index: int | None, label_smoothing: float, reduction: str,
) -> Expr:  # fmt: skip
    axis = _class_axis(x.shape)
    classes, counts, weights = _place_weights(x, target, weight, ignore_index)
    lse = logsumexp(x, axes=(axis,), keepdims=False)
    losses = lse - _picked(x, classes, axis)
    if weight and weights is not None:
        losses = losses * weights
    if label_smoothing:
        losses = losses * (1.0 - label_smoothing) + _smoothed(x, lse, weight) * label_smoothing
    if counts is not None:
        losses = where(counts, losses, 0)
    return _settle(losses, weights, count(target.shape), reduction)


def _smoothed(x: Expr, lse: Expr, weight: tuple[Expr, ...]) -> Expr:
    """The mean over classes of (lse - x) * weight."""
    axis = _class_axis(x.shape)
    classes = x.shape[axis] * 1.0
    if not weight:
        return lse - sum_(x, axes=(axis,), keepdims=False) / classes
    w = cast(weight[0], x.dtype)
    spread = reshape(w, tuple(w.shape[0] if a == axis else 1 for a in range(x.ndim)))
    total = sum_(w, axes=(0,), keepdims=False)
    return (lse * total - sum_(x * spread, axes=(axis,), keepdims=False)) / classes


def _entropy_ref(
    x: np.ndarray, target: np.ndarray, *weight: np.ndarray,
    ignore_index: int | None, label_smoothing: float, reduction: str,
) -> Any:  # fmt: skip
    logp = log_softmax.ref(x, axis=_class_axis(x.shape))
    return _class_ref(logp, target, weight, ignore_index, reduction, label_smoothing)


def _draw_entropy(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    plain = _draw_class(make, rng, d)
    smooth = [(*row[:-1], {**row[-1], "label_smoothing": 0.1}) for row in plain[:4]]
    return [*plain, *smooth]


cross_entropy = composed(
    "cross_entropy", arity=None, attrs=("ignore_index", "label_smoothing", "reduction"),
    defaults={"ignore_index": None, "label_smoothing": 0.0, "reduction": "mean"},
    shape=_class_shape("cross_entropy"), dtype=_class_dtype("cross_entropy"), ref=_entropy_ref,
    lower=_entropy_lower,
    doc="Minus the log-softmax of the class: x (N, C, ...) float, target (N, ...) integer, weight "
    "(C) if given -> () or, unreduced, (N, ...); places whose target is ignore_index do not "
    "count; IndexError for classes outside [0, C).",
    sample=cases(_draw_entropy),
)  # fmt: skip


def _soft_shape(x: Shape, target: Shape, *weight: Shape, reduction: str, **_: Any) -> Shape:
    _check_reduction("cross_entropy_soft", reduction)
    if not x or target != x or (weight and weight[0] != (x[_class_axis(x)],)):
        raise ShapeError(
            message("cross_entropy_soft", "targets do not fit the scores",
                    f"x {x}, target {target}, weight {weight}", f"target {x}, one weight per class",
                    "give one probability per class")
        )  # fmt: skip
    return _places(x) if reduction == "none" else ()


def _soft_target(t: Any, classes: int, label_smoothing: float) -> Any:
    return t * (1 - label_smoothing) + label_smoothing / classes if label_smoothing else t


def _soft_lower(
    x: Expr, target: Expr, *weight: Expr, label_smoothing: float, reduction: str
) -> Expr:
    axis = _class_axis(x.shape)
    t = _soft_target(target, x.shape[axis], label_smoothing)
    if weight:
        n = x.shape[axis]
        t = t * reshape(weight[0], tuple(n if a == axis else 1 for a in range(x.ndim)))
    losses = -sum_(log_softmax(x, axis=axis) * t, axes=(axis,), keepdims=False)

    return _settle(losses, None, count(losses.shape), reduction)


def _soft_ref(
    x: np.ndarray, target: np.ndarray, *weight: np.ndarray, label_smoothing: float, reduction: str
) -> Any:
    logp = _class_last(log_softmax.ref(x, axis=_class_axis(x.shape)))
    t = _soft_target(_class_last(target), logp.shape[-1], label_smoothing)
    return _reduce_ref(-(logp * t * (weight[0] if weight else 1)).sum(-1), reduction)


cross_entropy_soft = composed(
    "cross_entropy_soft", arity=None, attrs=("label_smoothing", "reduction"),
    defaults={"label_smoothing": 0.0, "reduction": "mean"}, shape=_soft_shape,
    dtype=lambda *ds, **_: float_of(promote(ds)), ref=_soft_ref, lower=_soft_lower,
    doc="Minus the log-softmax weighed by probabilities: x, target (N, C, ...) float, weight (C) "
    "if given -> () or, unreduced, (N, ...).",
    sample=cases(lambda make, rng, d: [
        (make(4, 3), make(4, 3, low=0, high=1), {"reduction": r, "label_smoothing": s})
        for r, s in (("mean", 0.0), ("sum", 0.1), ("none", 0.1))
    ] + [(make(2, 3, 4), make(2, 3, 4, low=0, high=1), make(3, low=0.5), {}),
         (make(3), make(3, low=0, high=1), {})]),
)  # fmt: skip
