"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.contract import matmul
from firth.ops.elementwise import where
from firth.ops.movement import permute
from firth.ops.rules import broadcast, cases, composed, iota, promote
from firth.ops.statistics import softmax


def _shape(
    q: Shape, k: Shape, v: Shape, *mask: Shape, is_causal: bool, scale: float | None
) -> Shape:
    fits = min(map(len, (q, k, v))) >= 2 and q[-1] == k[-1] and k[-2] == v[-2]
    if not fits:
        raise ShapeError(
            message("scaled_dot_product_attention", "queries, keys and values do not fit",
                    f"{q}, {k} and {v}", "(..., T, D), (..., S, D) and (..., S, E)",
                    "check the order of heads and positions")
        )  # fmt: skip
    batch = broadcast("scaled_dot_product_attention", q[:-2], k[:-2], v[:-2])
    if mask:
        broadcast("scaled_dot_product_attention", (*batch, q[-2], k[-2]), mask[0])
    return (*batch, q[-2], v[-1])


def _dtype(q: DType, k: DType, v: DType, *mask: DType, **_: Any) -> DType:
    found = promote((q, k, v))
    if found.kind != "f" or (mask and mask[0].kind not in "bf"):
        raise DTypeError(
            message("scaled_dot_product_attention", "works on floats, with a bool or float mask",
                    ", ".join(d.name for d in (q, k, v, *mask)), "floats", "cast first")
        )  # fmt: skip
    return found


def _lower(q: Expr, k: Expr, v: Expr, *mask: Expr, is_causal: bool, scale: float | None) -> Expr:
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    order = (*range(k.ndim - 2), k.ndim - 1, k.ndim - 2)
    scores = matmul(q, permute(k, axes=order)) * float(scale)  # (..., T, S)
    if is_causal:
        shape = scores.shape[-2:]
        scores = where(iota(shape, 1) <= iota(shape, 0), scores, -math.inf)
    if mask:
        allowed = mask[0]
        is_bool = allowed.dtype.kind == "b"
        scores = where(allowed, scores, -math.inf) if is_bool else scores + allowed
    return matmul(softmax(scores, axis=scores.ndim - 1), v)


def _ref(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *mask: np.ndarray,
    is_causal: bool, scale: float | None,
) -> Any:  # fmt: skip
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if mask:
        bias = mask[0]
        scores = np.where(bias, scores, -np.inf) if bias.dtype == bool else scores + bias
    return softmax.ref(scores, axis=scores.ndim - 1) @ v


def _draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    q, k, v = make(2, 2, 4, 3), make(2, 2, 5, 3), make(2, 2, 5, 2)
    mask = rng.random((4, 5)) < 0.7
    mask[:, 0] = True
    return [
        (q, k, v, {}), (q, k, v, {"scale": 0.3}), (q, k, v, mask, {}), (q, k, v, make(4, 5), {}),
        (make(4, 3), make(4, 3), make(4, 3), {"is_causal": True}),
    ]  # fmt: skip


scaled_dot_product_attention = composed(
    "scaled_dot_product_attention", family="contraction", arity=None,
    attrs=("is_causal", "scale"), defaults={"is_causal": False, "scale": None},
    shape=_shape, dtype=_dtype, ref=_ref, lower=_lower, sample=cases(_draw),
    doc="softmax(q k' * scale + mask) v, scale 1 / sqrt(D) unless given: q (..., T, D), k (..., S, "
    "D), v (..., S, E) float, mask (..., T, S) bool or float if given -> (..., T, E) "
    "(Vaswani et al., 2017).",
)  # fmt: skip
