"""Nested results of a function: their shape apart from the tensors in it."""

from __future__ import annotations

from typing import Any

from firth.tensor.handle import Tensor

ONE: Any = ("one",)


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
    return value


def unflatten(tree: Any, tensors: Any) -> Any:
    if tree is ONE:
        return next(tensors)
    if isinstance(tree, tuple) and len(tree) == 2 and isinstance(tree[0], type):
        kind, parts = tree
        if kind is dict:
            return {k: unflatten(v, tensors) for k, v in parts}
        if isinstance(parts, tuple):
            return kind(*[unflatten(v, tensors) for v in parts])
        return kind(unflatten(v, tensors) for v in parts)
    return tree
