"""What `fit` takes as data, as batches of tensors (x, y, sample_weight)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.tensor import Tensor, from_numpy
from firth.tensor.random import host_generator

Batch = tuple[Any, Any, Any]


def mapped(tree: Any, fn: Callable[[Any], Any]) -> Any:
    """fn of every leaf of nested tuples, lists and dicts; None stays None."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {k: mapped(v, fn) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(mapped(v, fn) for v in tree)
    return fn(tree)


def leaves_of(tree: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dicts."""
    found: list[Any] = []
    mapped(tree, found.append)
    return found


def to_float32(value: Any) -> Tensor:
    """An array or tensor as a tensor; floats become float32."""
    if isinstance(value, Tensor):
        return value
    array = np.asarray(value)
    return from_numpy(array.astype(np.float32) if array.dtype.kind == "f" else array)


class Arrays:
    """Arrays in memory, cut into batches."""

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        self.parts = [_arrays(x), _arrays(y), _arrays(sample_weight)]
        sizes = {len(a) for a in leaves_of(self.parts)}
        if len(sizes) != 1:
            shapes = ", ".join(str(np.shape(a)) for a in leaves_of(self.parts))
            raise ArgumentError(
                message("fit", "the arrays hold different numbers of examples", shapes,
                        "one first extent", "check x, y and sample_weight")
            )  # fmt: skip
        self.size = sizes.pop()

    def split(self, share: float) -> tuple[Arrays, Arrays]:
        """The first part, and the last `share` for validation."""
        if not 0 < share < 1:
            raise ArgumentError(
                message("fit", "validation_split is a share", str(share), "between 0 and 1",
                        "0.2 keeps every fifth example")
            )  # fmt: skip
        at = math.floor(self.size * (1 - share))
        if at in (0, self.size):
            raise ArgumentError(
                message(
                    "fit",
                    "too few examples to split",
                    str(self.size),
                    "at least one on each side",
                    "use more data or another validation_split",
                )
            )
        halves = ([mapped(p, lambda a: a[:at]) for p in self.parts],
                  [mapped(p, lambda a: a[at:]) for p in self.parts])  # fmt: skip
        return Arrays(*halves[0]), Arrays(*halves[1])

    def batches(self, size: int, shuffle: bool) -> Iterator[Batch]:
        """Batches of `size` examples, the last one smaller."""
        order = host_generator().permutation(self.size) if shuffle else None
        for start in range(0, self.size, size):
            rows: Any = slice(start, start + size) if order is None else order[start : start + size]
            x, y, w = (mapped(p, lambda a: to_float32(a[rows])) for p in self.parts)
            yield x, y, w


def _arrays(tree: Any) -> Any:
    """Leaves as arrays; a list of numbers is one array, a list of arrays several."""
    if isinstance(tree, (list, tuple)) and not any(hasattr(v, "shape") for v in tree):
        if not tree or not isinstance(tree[0], dict):
            return _floats(np.asarray(tree))
    return mapped(tree, lambda a: _floats(a.numpy() if isinstance(a, Tensor) else _plain(a)))


def _plain(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise ArgumentError(
            message(
                "fit",
                "this is not an array of numbers",
                f"{type(value).__name__} of {array.dtype}",
                "numbers",
                "encode words as numbers first",
            )
        )
    return array


def _floats(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 else array


def unpack(data: Any) -> Batch:
    """x, (x,), (x, y) or (x, y, sample_weight) as all three."""
    if not isinstance(data, (tuple, list)) or isinstance(data, list) and len(data) not in (2, 3):
        return data, None, None
    x, y, w = (*data, None, None)[:3]
    return x, y, w


class Batches:
    """An iterable of batches: a data set, a loader or a generator."""

    def __init__(self, source: Iterable[Any]) -> None:
        self.source = source
        self._once = iter(source) if iter(source) is source else None

    def batches(self, steps: int | None) -> Iterator[Batch]:
        """One round, or as many steps as asked for."""
        rows = self._once if self._once is not None else iter(self.source)
        for row in islice(rows, steps):
            yield tuple(mapped(part, to_float32) for part in unpack(row))  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.source)  # type: ignore[arg-type]


def is_batches(x: Any) -> bool:
    """Whether the data come in batches already."""
    return (
        hasattr(x, "__iter__")
        and not hasattr(x, "shape")
        and not isinstance(x, (list, tuple, dict))
    )


def weighted_by_class(batch: Batch, class_weight: dict[int, float] | None) -> Batch:
    """The batch with weights of its examples' classes."""
    x, y, w = batch
    if class_weight is None:
        return batch
    classes = np.asarray(y)
    classes = (
        classes.argmax(-1) if classes.ndim > 1 and classes.shape[-1] > 1 else classes.reshape(-1)
    )
    weights = np.asarray([class_weight.get(int(c), 1.0) for c in classes], np.float32)
    return x, y, from_numpy(weights if w is None else weights * np.asarray(w))
