"""firth.data.sampler."""

from __future__ import annotations

import pytest

import firth
from firth.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_random_order_changes_with_the_epoch_and_comes_back_with_the_seed() -> None:
    one, other = (RandomSampler(range(50), generator=3) for _ in range(2))
    first, second = list(one), list(one)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    firth.rand(3).tolist()  # draws elsewhere change nothing
    assert [list(other), list(other)] == [first, second]
    one.epoch = 0
    assert list(one) == first
    assert list(RandomSampler(range(50), generator=4)) != first


def test_the_default_seed_is_manual_seeds() -> None:
    firth.manual_seed(5)
    first = list(RandomSampler(range(20)))
    firth.rand(3).tolist()
    assert list(RandomSampler(range(20))) == first
    firth.manual_seed(6)
    assert list(RandomSampler(range(20))) != first


def test_a_generator_object_gives_its_seed() -> None:
    generator = firth.Generator().manual_seed(3)
    assert list(RandomSampler(range(9), generator=generator)) == list(
        RandomSampler(range(9), generator=3)
    )


def test_the_other_samplers() -> None:
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert sorted(SubsetRandomSampler([4, 5, 9], 0)) == [4, 5, 9]
    drawn = list(WeightedRandomSampler([0.0, 1.0, 3.0], 400, generator=0))
    assert len(drawn) == 400
    assert 0 not in drawn
    assert 230 < drawn.count(2) < 370
    assert len(list(RandomSampler(range(3), True, 10, 0))) == 10
    assert len(RandomSampler(range(9), num_samples=4)) == 4
    with pytest.raises(NotImplementedError):
        iter(Sampler())


def test_batches() -> None:
    assert list(BatchSampler(range(5), 2)) == [[0, 1], [2, 3], [4]]
    dropped = BatchSampler(range(5), 2, drop_last=True)
    assert list(dropped) == [[0, 1], [2, 3]]
    assert len(dropped) == 2
    assert len(BatchSampler(range(5), 2)) == 3
    with pytest.raises(ValueError, match="batch_size"):
        BatchSampler(range(5), 0)
