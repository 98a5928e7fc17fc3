"""`tf.data`: data sets as chains of steps, read anew each time they are gone through."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.compat.missing import refuse
from firth.keras.variable import to_tensor
from firth.tensor import Tensor, from_numpy
from firth.tensor.random import host_generator

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2


def _mapped(tree: Any, fn: Callable[[Any], Any]) -> Any:
    if isinstance(tree, tuple):
        return tuple(_mapped(v, fn) for v in tree)
    if isinstance(tree, dict):
        return {k: _mapped(v, fn) for k, v in tree.items()}
    return fn(tree)


def _leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    _mapped(tree, found.append)
    return found


def _array(value: Any) -> np.ndarray:
    """Numbers as arrays of TensorFlow's defaults: int32 and float32 for Python's own."""
    if isinstance(value, Tensor):
        return np.asarray(value.detach())
    array = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)) and array.dtype in (np.int64, np.float64):
        return array.astype(np.int32 if array.dtype == np.int64 else np.float32)
    return array


def _stacked(rows: list[Any]) -> Any:
    """A batch of elements."""
    columns = [np.stack(c) for c in zip(*map(_leaves, rows), strict=True)]
    rest = iter(columns)
    return _mapped(rows[0], lambda _: next(rest))


class Dataset:
    """Elements (arrays, tuples or dicts of them) made by a function that begins anew each time."""

    def __init__(self, make: Callable[[], Iterator[Any]], size: int = UNKNOWN_CARDINALITY) -> None:
        self._make, self._size = make, size

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """An element for each position of the first axis."""
        arrays = _mapped(tensors, _array)
        sizes = {len(a) for a in _leaves(arrays)}
        if len(sizes) != 1:
            raise ArgumentError(
                message("from_tensor_slices", "the first extents differ", str(sorted(sizes)),
                        "one extent", "check the arrays")
            )  # fmt: skip
        n = sizes.pop()
        return Dataset(lambda: (_mapped(arrays, lambda a: a[k]) for k in range(n)), n)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element."""
        return Dataset(lambda: iter([_mapped(tensors, _array)]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]], *_: Any, args: Any = (), **__: Any
    ) -> Dataset:
        """What a generator function gives, called anew each time."""
        return Dataset(lambda: (_mapped(row, _array) for row in generator(*args)))

    @staticmethod
    def range(*args: int, **_: Any) -> Dataset:
        """Integers, as Python's range."""
        numbers = range(*args)
        return Dataset(lambda: (np.int64(n) for n in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Elements of several sets side by side."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], tuple) else datasets
        size = min(d._size for d in parts)
        return Dataset(lambda: zip(*(d._make() for d in parts), strict=False), size)

    def map(self, map_func: Callable[..., Any], *_: Any, **__: Any) -> Dataset:
        """map_func of each element, given as tensors."""

        def rows() -> Iterator[Any]:
            for row in self._make():
                tensors = _mapped(row, lambda a: from_numpy(np.asarray(a)))
                out = map_func(*tensors) if isinstance(tensors, tuple) else map_func(tensors)
                yield _mapped(tuple(out) if isinstance(out, list) else out, _array)

        return Dataset(rows, self._size)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Elements that a predicate holds for."""

        def rows() -> Iterator[Any]:
            for row in self._make():
                given = _mapped(row, to_tensor)
                if bool(predicate(*given) if isinstance(given, tuple) else predicate(given)):
                    yield row

        return Dataset(rows)

    def batch(self, batch_size: int, drop_remainder: bool = False, **_: Any) -> Dataset:
        """Batches of elements, the last one smaller unless dropped."""
        size = self._size
        if size >= 0:
            size = size // batch_size if drop_remainder else -(-size // batch_size)

        def rows() -> Iterator[Any]:
            source = self._make()
            while part := list(itertools.islice(source, batch_size)):
                if len(part) == batch_size or not drop_remainder:
                    yield _stacked(part)

        return Dataset(rows, size)

    def unbatch(self) -> Dataset:
        """The elements of batches."""

        def rows() -> Iterator[Any]:
            for row in self._make():
                for k in range(len(_leaves(row)[0])):
                    yield _mapped(row, lambda a: a[k])

        return Dataset(rows)

    def shuffle(self, buffer_size: int, seed: int | None = None, **_: Any) -> Dataset:
        """Elements drawn from a buffer of the next buffer_size ones."""

        def rows() -> Iterator[Any]:
            draw = host_generator() if seed is None else np.random.default_rng(seed)
            source, held = self._make(), []
            for row in source:
                held.append(row)
                if len(held) >= buffer_size:
                    k = int(draw.integers(len(held)))
                    held[k], held[-1] = held[-1], held[k]
                    yield held.pop()
            for k in draw.permutation(len(held)):
                yield held[k]

        return Dataset(rows, self._size)

    def repeat(self, count: int | None = None) -> Dataset:
        """The elements again and again; None or -1 without end."""
        if count in (None, -1):

            def forever() -> Iterator[Any]:
                while True:
                    empty = True
                    for row in self._make():
                        empty = False
                        yield row
                    if empty:
                        return

            return Dataset(forever, INFINITE_CARDINALITY)
        rounds = int(count)  # type: ignore[arg-type]
        size = self._size * rounds if self._size >= 0 else self._size
        return Dataset(lambda: (row for _ in range(rounds) for row in self._make()), size)

    def take(self, count: int) -> Dataset:
        """The first elements."""
        size = count if self._size < 0 else min(count, self._size)
        return Dataset(lambda: itertools.islice(self._make(), count), size)

    def skip(self, count: int) -> Dataset:
        """All but the first elements."""
        size = self._size if self._size < 0 else max(self._size - count, 0)
        return Dataset(lambda: itertools.islice(self._make(), count, None), size)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """The elements of this set and then of another."""
        known = self._size >= 0 and dataset._size >= 0
        size = self._size + dataset._size if known else UNKNOWN_CARDINALITY
        return Dataset(lambda: itertools.chain(self._make(), dataset._make()), size)

    def enumerate(self, start: int = 0) -> Dataset:
        """(number, element) pairs."""
        rows = lambda: ((np.int64(k), row) for k, row in enumerate(self._make(), start))
        return Dataset(rows, self._size)

    def cache(self, *_: Any) -> Dataset:
        """Keeps the elements of the first round in memory."""
        kept: list[Any] = []
        whole = [False]

        def rows() -> Iterator[Any]:
            if whole[0]:
                yield from kept
                return
            kept.clear()
            for row in self._make():
                kept.append(row)
                yield row
            whole[0] = True

        return Dataset(rows, self._size)

    def prefetch(self, *_: Any, **__: Any) -> Dataset:
        """The set itself: elements are arrays in memory already."""
        return self

    def with_options(self, *_: Any) -> Dataset:
        """The set itself."""
        return self

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any]) -> Any:
        """reduce_func(state, element) over all elements."""
        state = initial_state
        for row in self:
            state = reduce_func(state, row)
        return state

    def cardinality(self) -> Tensor:
        """The number of elements, -1 without end, -2 unknown: () int64."""
        return to_tensor(np.int64(self._size))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Elements as arrays."""
        return iter(self._make())

    def __iter__(self) -> Iterator[Any]:
        for row in self._make():
            yield _mapped(row, lambda a: from_numpy(np.asarray(a)))

    def __len__(self) -> int:
        if self._size < 0:
            raise TypeError("Dataset: its number of elements is not known; got len(), expected a "
                            "set of known size; use .take(n)")  # fmt: skip
        return self._size


__getattr__ = refuse(globals())
