"""firth.data.dataset."""

from __future__ import annotations

import pytest

import firth
from firth.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split


def test_tensor_dataset() -> None:
    data = TensorDataset(firth.arange(6).reshape(3, 2), firth.tensor([7, 8, 9]))
    assert len(data) == 3
    x, y = data[1]
    assert x.tolist() == [2, 3]
    assert y.item() == 8
    assert data[-1][1].item() == 9
    with pytest.raises(ValueError, match="lengths"):
        TensorDataset(firth.zeros(3), firth.zeros(2))


def test_subset_and_concatenation() -> None:
    both = Subset(range(10), [3, 1])
    joined = ConcatDataset([both, range(100, 103)])  # type: ignore[list-item]
    assert [joined[i] for i in range(len(joined))] == [3, 1, 100, 101, 102]
    assert joined[-1] == 102
    data = TensorDataset(firth.arange(2))
    assert len(data + data) == 4


def test_random_split_shares_nothing_and_depends_on_the_seed_alone() -> None:
    parts = random_split(range(10), [0.5, 0.3, 0.2], generator=1)
    assert [len(p) for p in parts] == [5, 3, 2]
    assert sorted(i for p in parts for i in p.indices) == list(range(10))
    again = random_split(range(10), [5, 3, 2], generator=1)
    assert [p.indices for p in parts] == [p.indices for p in again]
    other = random_split(range(10), [5, 3, 2], generator=2)
    assert [p.indices for p in parts] != [p.indices for p in other]
    assert [len(p) for p in random_split(range(11), [0.5, 0.5])] == [6, 5]
    with pytest.raises(ValueError, match="add up"):
        random_split(range(10), [5, 3])


def test_what_a_subclass_must_define() -> None:
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())
