"""DataLoader: batches of a dataset, in order, made ahead by threads when asked to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, IndexOutOfRange, message
from firth.data.dataset import IterableDataset, TensorDataset
from firth.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from firth.runtime.buffer import allocate
from firth.tensor import Tensor, from_numpy
from firth.tensor.handle import kind_of, realised
from firth.tensor.record import cut


def default_collate(batch: list[Any]) -> Any:
    """Items as one batch: numbers, arrays and tensors are stacked, containers keep their form."""
    first = batch[0]
    if isinstance(first, (Tensor, np.ndarray, np.generic, bool, int, float)):
        shapes = {np.shape(item) for item in batch}
        if len(shapes) > 1:
            raise ArgumentError(
                message(
                    "default_collate",
                    "the items of a batch differ in shape",
                    ", ".join(map(str, sorted(shapes))),
                    "one shape",
                    "pad them, or pass a collate_fn",
                )  # fmt: skip
            )
        return from_numpy(np.stack([np.asarray(item) for item in batch]))
    if isinstance(first, Mapping):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(default_collate, zip(*batch, strict=True)))
    if isinstance(first, (tuple, list)):
        columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
        return tuple(columns) if isinstance(first, tuple) else columns
    return batch


def rows(tensor: Tensor, indices: np.ndarray) -> Tensor:
    """tensor[indices] at once, in one copy. tensor: (N, ...), indices: (B,) -> (B, ...)."""
    array = tensor.numpy()
    n = array.shape[0]
    outside = (indices < -n) | (indices >= n)
    if outside.any():
        raise IndexOutOfRange(
            message(
                "DataLoader",
                "the sampler gave an index outside the data",
                str(indices[outside][0]),
                f"0 to {n - 1}",
                "check the sampler",
            )  # fmt: skip
        )
    shape = (len(indices), *array.shape[1:])
    kind = kind_of(shape, tensor.dtype)
    buffer = allocate(kind.nbytes)
    np.take(array, indices, axis=0, out=buffer.view(tensor.dtype, shape), mode="wrap")
    return realised(buffer, kind)


class DataLoader:
    """Batches of a dataset.

    shuffle: a new order each epoch; it depends on the seed of `generator` (a number, a
    `firth.Generator`, or None for the seed of `firth.manual_seed`) and on the number of the
    epoch. num_workers: threads that make batches ahead; the order stays the same. Arguments that
    only matter to other devices (pin_memory) are accepted.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        generator: Any = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler or drop_last):
            self._clash("batch_sampler", "batch_size, shuffle, sampler or drop_last")
        if sampler is not None and shuffle:
            self._clash("sampler", "shuffle")
        self.dataset = dataset
        self.num_workers = num_workers
        self.collate_fn = collate_fn or default_collate
        self.prefetch_factor = prefetch_factor or 2
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.drop_last = drop_last
        self.batch_size = None if batch_sampler is not None else batch_size
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable and (shuffle or sampler or batch_sampler):
            self._clash("an IterableDataset", "shuffle, sampler or batch_sampler")
        self.sampler: Iterable[Any] | None = sampler
        self.batch_sampler = batch_sampler
        if not self._iterable and batch_sampler is None:
            if sampler is None:
                self.sampler = self._order(shuffle)
            if batch_size is not None:
                self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)  # type: ignore[arg-type]

    def _order(self, shuffle: bool) -> Sampler:
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def _clash(self, one: str, other: str) -> None:
        raise ArgumentError(
            message(
                "DataLoader",
                f"{one} excludes {other}",
                "both",
                "one of them",
                f"leave out {other}",
            )  # fmt: skip
        )

    def __len__(self) -> int:
        if self._iterable:
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        if self._iterable:
            return self._stream()
        if self.batch_sampler is None:
            wanted, fetch = iter(self.sampler or ()), self._one
        else:
            wanted, fetch = iter(self.batch_sampler), self._batch
        return self._ahead(wanted, fetch) if self.num_workers else map(fetch, wanted)

    def _one(self, index: Any) -> Any:
        item = self.dataset[index]
        collate = self.collate_fn
        if collate is not default_collate:
            return collate(item)
        return from_numpy(item) if isinstance(item, np.ndarray) else item

    def _batch(self, indices: list[int]) -> Any:
        if self.collate_fn is default_collate and type(self.dataset) is TensorDataset:
            numbers = np.asarray(indices, np.int64)  # one gather, not one per item
            return [rows(t, numbers) for t in self.dataset.tensors]
        if hasattr(self.dataset, "__getitems__"):
            items = self.dataset.__getitems__(indices)
        else:
            items = [self.dataset[i] for i in indices]
        batch = self.collate_fn(items)
        return list(batch) if self._unnamed_tuple(batch) else batch

    def _unnamed_tuple(self, batch: Any) -> bool:
        return (
            self.collate_fn is default_collate
            and isinstance(batch, tuple)
            and not hasattr(batch, "_fields")
        )

    def _stream(self) -> Iterator[Any]:
        items = iter(self.dataset)
        if self.batch_size is None:
            yield from items
            return
        while batch := list(islice(items, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def _ahead(self, wanted: Iterator[Any], fetch: Callable[[Any], Any]) -> Iterator[Any]:
        """Batches made by threads, `prefetch_factor` per thread ahead, given out in order."""

        def work(indices: Any) -> Any:
            result = fetch(indices)
            cut()  # what this thread recorded is computed here
            return result

        waiting: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(self.num_workers, "firth-data") as pool:
            try:
                for indices in islice(wanted, self.num_workers * self.prefetch_factor):
                    waiting.append(pool.submit(work, indices))
                while waiting:
                    ready = waiting.popleft().result()
                    for indices in islice(wanted, 1):
                        waiting.append(pool.submit(work, indices))
                    yield ready
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
