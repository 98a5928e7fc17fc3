"""Nested results of a function: their shape apart from the tensors in it."""

from __future__ import annotations

from typing import Any, NamedTuple

from firth.tensor.handle import Tensor

ONE: Any = ("one",)


class Made(NamedTuple):
    """An object that consists of tensors (a sparse matrix): how many, and what else it needs."""

    kind: Any
    count: int
    rest: tuple[Any, ...]


def flatten(value: Any, tensors: list[Tensor]) -> Any:
    """The shape of a result; its tensors are collected."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return ONE
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return (type(value), tuple(flatten(v, tensors) for v in value))
    if isinstance(value, (list, tuple)):
        return (type(value), [flatten(v, tensors) for v in value])
    if isinstance(value, dict):
        return (dict, [(k, flatten(v, tensors)) for k, v in value.items()])
    if hasattr(value, "__firth_parts__"):
        parts, rest = value.__firth_parts__()
        tensors.extend(parts)
        return Made(type(value), len(parts), rest)
    return value


def unflatten(tree: Any, tensors: Any) -> Any:
    if tree is ONE:
        return next(tensors)
    if isinstance(tree, Made):
        return tree.kind.__firth_made__([next(tensors) for _ in range(tree.count)], tree.rest)
    if isinstance(tree, tuple) and len(tree) == 2 and isinstance(tree[0], type):
        kind, parts = tree
        if kind is dict:
            return {k: unflatten(v, tensors) for k, v in parts}
        if isinstance(parts, tuple):
            return kind(*[unflatten(v, tensors) for v in parts])
        return kind(unflatten(v, tensors) for v in parts)
    return tree
