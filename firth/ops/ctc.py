"""Connectionist temporal classification (Graves et al., 2006) by NumPy, and its gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import IndexOutOfRange, MissingRule, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, Op
from firth.ops.batching import all_batched
from firth.ops.host import host
from firth.ops.movement import permute
from firth.ops.rules import cases, reshape

_NONE = -np.inf


def _shape(scores: Shape, targets: Shape, length: Shape, labels: Shape) -> tuple[int, int, int]:
    if len(scores) != 3 or len(targets) != 2 or not (
        (scores[1],) == targets[:1] == length == labels
    ):  # fmt: skip
        raise ShapeError(
            message("ctc_loss", "these do not fit",
                    f"log_probs {scores}, targets {targets}, lengths {length} and {labels}",
                    "(T, N, C), (N, S), (N,) and (N,)", "pad the targets to one length")
        )  # fmt: skip
    return scores


def _extended(targets: np.ndarray, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets with blanks around them, and where one may come from two places before: (N, L)."""
    n, s = targets.shape
    labels = np.full((n, 2 * s + 1), blank, np.int64)
    labels[:, 1::2] = targets
    skip = np.zeros(labels.shape, bool)
    skip[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return labels, skip


def _moved(row: np.ndarray, by: int) -> np.ndarray:
    out = np.full(row.shape, _NONE)
    if by > 0:
        out[:, by:] = row[:, :-by]
    else:
        out[:, :by] = row[:, -by:]
    return out


def _forward(
    scores: np.ndarray, labels: np.ndarray, skip: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Log-probabilities of all ways to each place at each time: (T, N, L)."""
    rows = np.arange(len(labels))[:, None]
    alpha = np.full((len(scores), *labels.shape), _NONE)
    if not len(scores):
        return alpha
    inside = np.arange(labels.shape[1]) <= 2 * counts[:, None]
    alpha[0, :, :2] = np.where(inside[:, :2], scores[0][rows, labels[:, :2]], _NONE)
    for t in range(1, len(scores)):
        before = np.logaddexp(alpha[t - 1], _moved(alpha[t - 1], 1))
        if labels.shape[1] > 2:
            far = np.where(skip, _moved(alpha[t - 1], 2), _NONE)
            before = np.logaddexp(before, far)
        alpha[t] = np.where(inside, before + scores[t][rows, labels], _NONE)
    return alpha


def _losses(alpha: np.ndarray, lengths: np.ndarray, counts: np.ndarray) -> np.ndarray:
    rows = np.arange(len(counts))
    if not len(alpha):
        return np.where(counts == 0, 0.0, np.inf)
    last = alpha[np.maximum(lengths - 1, 0), rows]
    end = last[rows, 2 * counts]
    before = np.where(counts > 0, last[rows, np.maximum(2 * counts - 1, 0)], _NONE)
    found = -np.logaddexp(end, before)
    return np.where(lengths == 0, np.where(counts == 0, 0.0, np.inf), found)


def _checked(
    scores: np.ndarray, targets: np.ndarray, lengths: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The targets, 0 after their ends; IndexOutOfRange for what leaves its dimension."""
    _shape(scores.shape, targets.shape, lengths.shape, counts.shape)
    inside = np.arange(targets.shape[1]) < counts[:, None]
    used = np.where(inside, targets, 0)
    for what, values, most in (
        ("input length", lengths, scores.shape[0]), ("target length", counts, targets.shape[1]),
        ("class", used, scores.shape[2] - 1),
    ):  # fmt: skip
        if values.size and (values.min() < 0 or values.max() > most):
            raise IndexOutOfRange(
                message("ctc_loss", f"a {what} is out of range",
                        f"{values.min()} to {values.max()}", f"0 to {most}", "check the lengths")
            )  # fmt: skip
    return used


def _loss_ref(
    scores: np.ndarray, targets: np.ndarray, lengths: np.ndarray, counts: np.ndarray, blank: int,
    zero_infinity: bool,
) -> np.ndarray:  # fmt: skip
    used = _checked(scores, targets, lengths, counts)
    labels, skip = _extended(used, blank)
    found = _losses(_forward(scores.astype(np.float64), labels, skip, counts), lengths, counts)
    return np.where(np.isinf(found), 0.0, found) if zero_infinity else found


def _gradient_ref(
    scores: np.ndarray, targets: np.ndarray, lengths: np.ndarray, counts: np.ndarray, blank: int,
    zero_infinity: bool,
) -> np.ndarray:  # fmt: skip
    used = _checked(scores, targets, lengths, counts)
    scores = scores.astype(np.float64)
    labels, skip = _extended(used, blank)
    alpha = _forward(scores, labels, skip, counts)
    losses = _losses(alpha, lengths, counts)
    together = alpha + _backward(scores, labels, skip, lengths, counts)
    ways = np.full(scores.shape, _NONE)
    rows = np.arange(len(labels))
    for s in range(labels.shape[1]):
        at = (slice(None), rows, labels[:, s])
        ways[at] = np.logaddexp(ways[at], together[:, :, s])
    found = np.exp(scores) - np.exp(ways + losses[:, None] - scores)
    found = np.where(np.arange(len(scores))[:, None, None] < lengths[:, None], found, 0.0)
    return np.where(np.isinf(losses)[:, None], 0.0, found) if zero_infinity else found


def _backward(
    scores: np.ndarray, labels: np.ndarray, skip: np.ndarray, lengths: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Log-probabilities of all ways from each place to the end: (T, N, L)."""
    rows = np.arange(len(labels))[:, None]
    place = np.arange(labels.shape[1])
    inside = place <= 2 * counts[:, None]
    final = (place == 2 * counts[:, None]) | (place == 2 * counts[:, None] - 1)
    onward = np.zeros(skip.shape, bool)
    onward[:, :-2] = skip[:, 2:]
    beta = np.full((len(scores), *labels.shape), _NONE)
    for t in range(len(scores) - 1, -1, -1):
        here = scores[t][rows, labels]
        after = np.full(labels.shape, _NONE)
        if t + 1 < len(scores):
            after = np.logaddexp(beta[t + 1], _moved(beta[t + 1], -1))
            if labels.shape[1] > 2:
                far = np.where(onward, _moved(beta[t + 1], -2), _NONE)
                after = np.logaddexp(after, far)
        after = np.where((t == lengths - 1)[:, None], np.where(final, 0.0, _NONE), after)
        beta[t] = np.where(inside & (t < lengths)[:, None], after + here, _NONE)
    return beta


def _draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    scores = make(6, 2, 4)
    wide = scores.astype(np.float64)
    scores = (wide - np.log(np.exp(wide).sum(-1, keepdims=True))).astype(scores.dtype)
    targets = np.array([[1, 2, 2], [3, 1, 0]])
    attrs = {"blank": 0, "zero_infinity": False}
    return [(scores, targets, np.array([6, 5]), np.array([3, 2]), attrs)]


def _dtype(d: DType, *_: Any, **__: Any) -> DType:
    return d


def _once(g: Expr, y: Expr, *xs: Expr, **_: Any) -> Any:
    raise MissingRule(
        message("ctc_loss", "has no second derivative", "a gradient of its gradient", "one",
                "take gradients once")
    )  # fmt: skip


def _batched(op: Op, n: int, flags: Any, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Examples of a batch beside the sequences that there are."""
    x, *rest = all_batched(n, flags, src)
    _, time, count, classes = x.shape
    scores = reshape(permute(x, axes=(1, 0, 2, 3)), (time, n * count, classes))
    found = op(scores, *(reshape(r, (n * count, *r.shape[2:])) for r in rest), **attrs)
    if found.ndim == 1:
        return reshape(found, (n, count))
    return permute(reshape(found, (time, n, count, classes)), axes=(1, 0, 2, 3))


_ATTRS: dict[str, Any] = {
    "arity": 4, "attrs": ("blank", "zero_infinity"), "dtype": _dtype, "batch": _batched,
}  # fmt: skip
ctc_gradient = host(
    "ctc_gradient", doc="The gradient of ctc_loss for scores that are log-probabilities: "
    "(T, N, C), (N, S), (N,), (N,) -> (T, N, C).",
    shape=lambda x, y, a, b, **_: _shape(x, y, a, b), ref=_gradient_ref, vjp=_once,
    sample=cases(_draw, smooth=False), **_ATTRS,
)  # fmt: skip
ctc_loss = host(
    "ctc_loss", doc="-log of the probability of a target, all alignments together: log_probs "
    "(T, N, C) float, targets (N, S), input and target lengths (N,) int64 -> (N,).",
    shape=lambda x, y, a, b, **_: _shape(x, y, a, b)[1:2], ref=_loss_ref,
    vjp=lambda g, y, x, t, a, b, **attrs: (
        reshape(g, (1, g.shape[0], 1)) * ctc_gradient(x, t, a, b, **attrs), None, None, None),
    sample=cases(_draw, smooth=False), **_ATTRS,
)  # fmt: skip
