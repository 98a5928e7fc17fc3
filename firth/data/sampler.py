"""Orders in which items are taken. A seeded order depends on seed and epoch, on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.tensor.random import initial_seed


def seed_of(generator: Any) -> int:
    """The seed of a number or a `firth.Generator`; None means the seed of `firth.manual_seed`."""
    if generator is None:
        return int(initial_seed())
    return int(generator if isinstance(generator, int) else generator.initial_seed())


def host_random(seed: int, epoch: int) -> np.random.Generator:
    """Counter-based random numbers that depend on seed and epoch only."""
    mask = (1 << 64) - 1
    return np.random.Generator(np.random.Philox(key=[seed & mask, epoch & mask]))


def permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    """0..n-1 in an order that depends on n, seed and epoch only: (n,) int64."""
    return host_random(seed, epoch).permutation(n)


class Sampler:
    """Gives item numbers, once per epoch. Subclasses define `__iter__` and `__len__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: it has no order; define __iter__(self)")


class SequentialSampler(Sampler):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """A new order each epoch; the same seed and epoch give the same order. `epoch` may be set."""

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self.num_samples = num_samples
        self.generator = generator
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        n, count, seed = len(self.data_source), len(self), seed_of(self.generator)
        epoch, self.epoch = self.epoch, self.epoch + 1
        if self.replacement:
            return iter(host_random(seed, epoch).integers(0, n, count).tolist())
        return iter(permutation(n, seed, epoch)[:count].tolist())

    def __len__(self) -> int:
        return len(self.data_source) if self.num_samples is None else self.num_samples


class SubsetRandomSampler(Sampler):
    """The given item numbers, in a new order each epoch."""

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        order = permutation(len(self.indices), seed_of(self.generator), self.epoch)
        self.epoch += 1
        return (self.indices[i] for i in order.tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """num_samples item numbers drawn with the given weights: (N,)."""

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        self.weights = np.asarray(weights, np.float64)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        random = host_random(seed_of(self.generator), self.epoch)
        self.epoch += 1
        share = self.weights / self.weights.sum()
        drawn = random.choice(len(share), self.num_samples, self.replacement, share)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` item numbers; drop_last leaves out a shorter one at the end."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        if batch_size < 1:
            raise ArgumentError(
                message(
                    "BatchSampler",
                    "a batch is empty",
                    f"batch_size={batch_size}",
                    "1 or more",
                    "choose a batch size",
                )  # fmt: skip
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (1 if rest and not self.drop_last else 0)
