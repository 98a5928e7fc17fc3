"""Scaled dot-product attention, its logarithms of sums, and its gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.contract import matmul
from firth.ops.elementwise import exp, where
from firth.ops.movement import permute
from firth.ops.reduce import sum_
from firth.ops.rules import broadcast, cases, composed, expand_to, iota, promote, reshape
from firth.ops.statistics import logsumexp, softmax


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


def _scores(q: Expr, k: Expr, mask: tuple[Expr, ...], is_causal: bool, scale: float | None) -> Expr:
    """What softmax is taken of: (..., T, S)."""
    scores = matmul(q, _swapped(k)) * _factor(q.shape[-1], scale)
    if is_causal:
        shape = scores.shape[-2:]
        scores = where(iota(shape, 1) <= iota(shape, 0), scores, -math.inf)
    for allowed in mask:
        is_bool = allowed.dtype.kind == "b"
        scores = where(allowed, scores, -math.inf) if is_bool else scores + allowed
    return scores


def _factor(size: int, scale: float | None) -> float:
    return 1 / math.sqrt(size) if scale is None else float(scale)


def _swapped(x: Expr) -> Expr:
    return permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _lower(q: Expr, k: Expr, v: Expr, *mask: Expr, is_causal: bool, scale: float | None) -> Expr:
    scores = _scores(q, k, mask, is_causal, scale)
    return matmul(softmax(scores, axis=scores.ndim - 1), v)


def _vjp(
    g: Expr, y: Expr, q: Expr, k: Expr, v: Expr, *mask: Expr, is_causal: bool, scale: float | None
) -> list[Expr | None]:
    """Scores are made again, with the logarithm of their sums: nothing of their size is kept."""
    attrs = {"is_causal": is_causal, "scale": scale}
    lse = expand_to(attention_lse(q, k, *mask, **attrs), y.shape[:-1])
    delta = sum_(g * y, axes=(g.ndim - 1,), keepdims=False)
    sources = (g, q, k, v, lse, delta, *mask)
    found: list[Expr | None] = [attention_gradient(*sources, wrt=x, **attrs) for x in "qkv"]
    for allowed in mask:
        is_float = allowed.dtype.kind == "f"
        found.append(_score_gradient(*sources, **attrs)[1] if is_float else None)
    return found


def _score_gradient(
    g: Expr, q: Expr, k: Expr, v: Expr, lse: Expr, delta: Expr, *mask: Expr,
    is_causal: bool, scale: float | None,
) -> tuple[Expr, Expr]:  # fmt: skip
    """Probabilities, and the gradient of the scores: (..., T, S) both."""
    scores = _scores(q, k, mask, is_causal, scale)
    p = exp(scores - reshape(lse, (*lse.shape, 1)))
    return p, p * (matmul(g, _swapped(v)) - reshape(delta, (*delta.shape, 1)))


def _gradient_lower(*xs: Expr, is_causal: bool, scale: float | None, wrt: str) -> Expr:
    g, q, k = xs[:3]
    p, inner = _score_gradient(*xs, is_causal=is_causal, scale=scale)
    if wrt == "v":
        return matmul(_swapped(p), g)
    factor = _factor(q.shape[-1], scale)
    return matmul(inner, k) * factor if wrt == "q" else matmul(_swapped(inner), q) * factor


def _gradient_ref(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, lse: np.ndarray,
    delta: np.ndarray, *mask: np.ndarray, is_causal: bool, scale: float | None, wrt: str,
) -> Any:  # fmt: skip
    p = np.exp(_ref_scores(q, k, mask, is_causal, scale) - lse[..., None])
    if wrt == "v":
        return np.swapaxes(p, -1, -2) @ g
    inner = p * (g @ np.swapaxes(v, -1, -2) - delta[..., None]) * _factor(q.shape[-1], scale)
    return inner @ k if wrt == "q" else np.swapaxes(inner, -1, -2) @ q


def _ref_scores(
    q: np.ndarray, k: np.ndarray, mask: tuple[np.ndarray, ...],
    is_causal: bool, scale: float | None,
) -> np.ndarray:  # fmt: skip
    scores = q @ np.swapaxes(k, -1, -2) * _factor(q.shape[-1], scale)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    for bias in mask:
        scores = np.where(bias, scores, -np.inf) if bias.dtype == bool else scores + bias
    return np.asarray(scores)


def _lse_lower(q: Expr, k: Expr, *mask: Expr, is_causal: bool, scale: float | None) -> Expr:
    scores = _scores(q, k, mask, is_causal, scale)
    return logsumexp(scores, axes=(scores.ndim - 1,), keepdims=False)


def _lse_ref(
    q: np.ndarray, k: np.ndarray, *mask: np.ndarray, is_causal: bool, scale: float | None
) -> Any:
    scores = _ref_scores(q, k, mask, is_causal, scale)
    return logsumexp.ref(scores, axes=(scores.ndim - 1,), keepdims=False)


def _ref(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *mask: np.ndarray,
    is_causal: bool, scale: float | None,
) -> Any:  # fmt: skip
    scores = _ref_scores(q, k, mask, is_causal, scale)
    return softmax.ref(scores, axis=scores.ndim - 1) @ v


def _draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    q, k, v = make(2, 2, 4, 3), make(2, 2, 5, 3), make(2, 2, 5, 2)
    mask = rng.random((4, 5)) < 0.7
    mask[:, 0] = True
    return [
        (q, k, v, {}), (q, k, v, {"scale": 0.3}), (q, k, v, mask, {}), (q, k, v, make(4, 5), {}),
        (make(4, 3), make(4, 3), make(4, 3), {"is_causal": True}),
    ]  # fmt: skip


def _gradient_shape(
    g: Shape, q: Shape, k: Shape, v: Shape, lse: Shape, delta: Shape, *mask: Shape,
    is_causal: bool, scale: float | None, wrt: str,
) -> Shape:  # fmt: skip
    y = _shape(q, k, v, *mask, is_causal=is_causal, scale=scale)
    if not (g == y and lse == delta == y[:-1] and wrt in ("q", "k", "v")):
        raise ShapeError(
            message("attention_gradient", "sources do not fit the result",
                    f"{g}, {lse}, {delta}, wrt {wrt!r}", f"{y}, {y[:-1]} twice, wrt q, k or v",
                    "give what the forward pass gave")
        )  # fmt: skip
    return {"q": (*y[:-1], q[-1]), "k": (*y[:-2], *k[-2:]), "v": (*y[:-2], *v[-2:])}[wrt]


def _draw_gradient(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    out = []
    for place, (q, k, v, *mask, attrs) in enumerate(_draw(make, rng, d)):
        rows = q.shape[:-1]
        wrt = "qkv"[place % 3]
        lse = make(*rows, low=0.0, high=2.0)
        g = make(*rows, v.shape[-1])
        out.append((g, q, k, v, lse, make(*rows), *mask, {**attrs, "wrt": wrt}))
    return out


scaled_dot_product_attention = composed(
    "scaled_dot_product_attention", family="contraction", arity=None,
    attrs=("is_causal", "scale"), defaults={"is_causal": False, "scale": None},
    shape=_shape, dtype=_dtype, ref=_ref, lower=_lower, vjp=_vjp, sample=cases(_draw),
    doc="softmax(q k' * scale + mask) v, scale 1 / sqrt(D) unless given: q (..., T, D), k (..., S, "
    "D), v (..., S, E) float, mask (..., T, S) bool or float if given -> (..., T, E) "
    "(Vaswani et al., 2017).",
)  # fmt: skip

attention_lse = composed(
    "attention_lse", family="contraction", arity=None,
    attrs=("is_causal", "scale"), defaults={"is_causal": False, "scale": None},
    shape=lambda q, k, *mask, **_: _shape(q, k, k, *mask, **_)[:-1],
    dtype=lambda q, k, *mask, **_: _dtype(q, k, k, *mask),
    ref=_lse_ref, lower=_lse_lower,
    sample=cases(lambda make, rng, d: [(q, k, *m, o) for q, k, _, *m, o in _draw(make, rng, d)]),
    doc="logsumexp(q k' * scale + mask) along the keys, as in scaled_dot_product_attention, whose "
    "gradient needs it: q (..., T, D), k (..., S, D) float -> (..., T).",
)  # fmt: skip

attention_gradient = composed(
    "attention_gradient", family="contraction", arity=None,
    attrs=("is_causal", "scale", "wrt"), defaults={"is_causal": False, "scale": None},
    shape=_gradient_shape, dtype=lambda *xs, **_: promote([x for x in xs if x.kind == "f"]),
    ref=_gradient_ref, lower=_gradient_lower, sample=cases(_draw_gradient),
    doc="Gradient of scaled_dot_product_attention for wrt 'q', 'k' or 'v', batch dimensions "
    "broadcast: g (..., T, E), q, k, v, lse (..., T) of attention_lse, delta (..., T) = the sum "
    "of g * y over E, mask if any -> (..., T, D), (..., S, D) or (..., S, E).",
)  # fmt: skip
