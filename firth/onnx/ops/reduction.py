"""Reductions and the places of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import firth
from firth.onnx.registry import op
from firth.onnx.values import ints
from firth.tensor import Tensor
from firth.tensor.record import apply

Rule = Callable[[Tensor, tuple[int, ...], bool], Any]


def _plain(name: str) -> Rule:
    return lambda x, axes, keep: apply(name, x, axes=axes, keepdims=keep)


def _sum(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
    return apply("sum", x, axes=axes, keepdims=keep)


def _mean(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
    if x.dtype.kind == "f":
        return apply("mean", x, axes=axes, keepdims=keep)
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    return apply("div_trunc", _sum(x, axes, keep), count)


def _root(total: Tensor, like: Tensor) -> Any:
    return total.sqrt() if like.dtype.kind == "f" else total.double().sqrt().to(like.dtype)


def _extreme(name: str) -> Rule:
    def rule(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
        if x.dtype.kind == "b":
            return apply("any" if name == "amax" else "all", x, axes=axes, keepdims=keep)
        if x.numel() == 0 and any(x.shape[a] == 0 for a in axes):
            return _of_nothing(x, axes, keep, name)
        return apply(name, x, axes=axes, keepdims=keep)

    return rule


def _of_nothing(x: Tensor, axes: tuple[int, ...], keep: bool, name: str) -> Any:
    """The largest of no numbers is the lowest there is."""
    sign = -1 if name == "amax" else 1
    if x.dtype.kind == "f":
        value: Any = sign * float("inf")
    else:
        info = firth.iinfo(x.dtype)  # type: ignore[attr-defined]
        value = info.min if sign < 0 else info.max
    shape = [1 if a in axes else n for a, n in enumerate(x.shape) if keep or a not in axes]
    return firth.full(shape, value, dtype=x.dtype)


def _log_sum_exp(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
    if x.dtype.kind != "f":
        return _log_sum_exp(x.double(), axes, keep).to(x.dtype)
    if x.numel() == 0:
        return _sum(x, axes, keep).log()
    return apply("logsumexp", x, axes=axes, keepdims=keep)


RULES: dict[str, Rule] = {
    "ReduceSum": _sum, "ReduceProd": _plain("prod"), "ReduceMean": _mean,
    "ReduceMax": _extreme("amax"), "ReduceMin": _extreme("amin"),
    "ReduceL1": lambda x, axes, keep: _sum(x.abs(), axes, keep),
    "ReduceL2": lambda x, axes, keep: _root(_sum(x * x, axes, keep), x),
    "ReduceSumSquare": lambda x, axes, keep: _sum(x * x, axes, keep),
    "ReduceLogSum": lambda x, axes, keep: _sum(x, axes, keep).log(),
    "ReduceLogSumExp": _log_sum_exp,
}  # fmt: skip


def _chosen(x: Tensor, axes: Any, noop: int) -> tuple[int, ...] | None:
    """Sorted axes; all of them where none are named; None where nothing is to be done."""
    if axes is None or len(axes) == 0:
        return None if noop else tuple(range(x.ndim))
    return tuple(sorted({a % max(x.ndim, 1) for a in axes}))


def _by_attribute(rule: Rule) -> Callable[..., Any]:
    def reduce(x: Tensor, *, axes: list[int] | None = None, keepdims: int = 1) -> Any:
        return rule(x, _chosen(x, axes, 0) or (), bool(keepdims))

    return reduce


def _by_input(name: str, rule: Rule) -> Callable[..., Any]:
    def reduce(
        x: Tensor, axes: np.ndarray | None = None, *, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Any:  # fmt: skip
        chosen = _chosen(x, None if axes is None else ints(axes), noop_with_empty_axes)
        if chosen is None:  # each element is a group of its own
            return rule(x, (), True)
        return rule(x, chosen, bool(keepdims))

    return reduce


for _name, _rule in RULES.items():
    op(_name)(_by_attribute(_rule))
    op(_name, since=13 if _name == "ReduceSum" else 18, host=(1,))(_by_input(_name, _rule))


def _place(name: str) -> Callable[..., Any]:
    def place(
        x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Any:  # fmt: skip
        axis %= max(x.ndim, 1)
        if not select_last_index:
            return apply(name, x, axis=axis, keepdims=bool(keepdims))
        last = apply(name, x.flip(axis), axis=axis, keepdims=bool(keepdims))
        return (x.shape[axis] - 1) - last

    return place


op("ArgMax")(_place("argmax"))
op("ArgMin")(_place("argmin"))
