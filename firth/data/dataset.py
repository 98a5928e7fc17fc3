"""Datasets: things with a length and items, or things to iterate over."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from firth.base.errors import ArgumentError, ShapeError, message
from firth.data.sampler import permutation, seed_of
from firth.tensor import Tensor


class Dataset:
    """Items by number. Subclasses define `__getitem__` and `__len__`."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            message(
                type(self).__name__,
                "it has no items",
                "an index",
                "a method __getitem__",
                "define __getitem__(self, index) and __len__(self)",
            )  # fmt: skip
        )

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Items in the order that they come. Subclasses define `__iter__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(
            message(
                type(self).__name__,
                "it has no items",
                "an iteration",
                "a method __iter__",
                "define __iter__(self)",
            )  # fmt: skip
        )


class TensorDataset(Dataset):
    """Rows of tensors of the same length. Each tensor: (N, ...).

    >>> import firth
    >>> firth.data.TensorDataset(firth.zeros(3, 2), firth.arange(3))[1]
    (tensor([0., 0.]), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        lengths = [t.shape[0] for t in tensors]
        if len(set(lengths)) > 1:
            raise ShapeError(
                message(
                    "TensorDataset",
                    "the tensors have different lengths",
                    str(lengths),
                    "one length",
                    "cut or pad them first",
                )  # fmt: skip
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class Subset(Dataset):
    """Some items of another dataset."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset):
    """Datasets one after the other."""

    def __init__(self, datasets: Sequence[Any]) -> None:
        self.datasets = list(datasets)
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int) -> Any:
        index = index + len(self) if index < 0 else index
        which = bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1] if self.datasets else 0


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Any = None
) -> list[Subset]:
    """Splits into random parts that share nothing; lengths are counts, or shares that sum to 1.

    generator: a number or a `firth.Generator`; the split depends on its seed and nothing else.
    """
    total = len(dataset)
    counts = [int(n) for n in lengths]
    if abs(sum(lengths) - 1.0) < 1e-9 and any(0 < n < 1 for n in lengths):
        counts = [int(total * share) for share in lengths]
        for i in range(total - sum(counts)):  # what rounding left over, one each
            counts[i % len(counts)] += 1
    if sum(counts) != total:
        raise ArgumentError(
            message(
                "random_split",
                "the lengths do not add up",
                f"{counts}: {sum(counts)}",
                str(total),
                "use shares that sum to 1, e.g. [0.8, 0.2]",
            )  # fmt: skip
        )
    order = permutation(total, seed_of(generator), 0)
    ends = list(accumulate(counts))
    return [
        Subset(dataset, order[end - n : end].tolist()) for n, end in zip(counts, ends, strict=True)
    ]
