"""firth.data.loader: batches as PyTorch makes them, in an order that the seed decides."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import data as tdata

import firth
from firth.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset
from firth.data.loader import default_collate, rows

DATA = TensorDataset(firth.arange(20).reshape(10, 2), firth.arange(10.0))


class Squares(Dataset):
    def __len__(self) -> int:
        return 7

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {"x": np.full(3, i, np.float32), "y": i * i, "name": str(i)}


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(range(7))


def columns(loader: Any) -> list[list[Any]]:
    return [batch[1].tolist() for batch in loader]


def test_order_batches_and_the_last_one() -> None:
    assert columns(DataLoader(DATA, batch_size=4)) == [
        [0.0, 1.0, 2.0, 3.0],
        [4.0, 5.0, 6.0, 7.0],
        [8.0, 9.0],
    ]
    dropped = DataLoader(DATA, batch_size=4, drop_last=True)
    assert len(dropped) == len(columns(dropped)) == 2
    batch = next(iter(DataLoader(DATA, batch_size=4)))
    assert isinstance(batch, list)
    assert batch[0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert batch[0].dtype is firth.int64


def test_shuffled_epochs_differ_and_come_back() -> None:
    def two_epochs(seed: int) -> list[Any]:
        loader = DataLoader(DATA, batch_size=3, shuffle=True, generator=seed)
        return [columns(loader), columns(loader)]

    one, other = two_epochs(1)
    assert sorted(np.concatenate(one)) == sorted(np.concatenate(other)) == list(range(10))
    assert one != other
    assert two_epochs(1) == [one, other]
    assert two_epochs(2) != [one, other]


@pytest.mark.parametrize("workers", [0, 2])
def test_items_of_a_python_dataset(workers: int) -> None:
    ours = list(DataLoader(Squares(), batch_size=3, num_workers=workers))
    theirs = list(tdata.DataLoader(Squares(), batch_size=3))  # type: ignore[arg-type]
    for a, b in zip(ours, theirs, strict=True):
        assert a["name"] == b["name"]
        for key in ("x", "y"):
            np.testing.assert_array_equal(a[key].numpy(), b[key].numpy())
            assert a[key].numpy().dtype == b[key].numpy().dtype


def test_workers_keep_the_order() -> None:
    plain = DataLoader(DATA, batch_size=2, shuffle=True, generator=1)
    threads = DataLoader(DATA, batch_size=2, shuffle=True, generator=1, num_workers=3)
    for _ in range(2):
        assert columns(threads) == columns(plain)
    for batch in threads:  # leaving early ends the threads
        assert batch[1].shape == (2,)
        break


def test_a_workers_error_reaches_the_loop() -> None:
    class Broken(Squares):
        def __getitem__(self, i: int) -> Any:
            raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        list(DataLoader(Broken(), num_workers=2))


def test_a_stream() -> None:
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(list(DataLoader(Stream(), batch_size=3, drop_last=True))) == 2
    with pytest.raises(ValueError, match="IterableDataset"):
        DataLoader(Stream(), shuffle=True)


def test_own_samplers_and_collate() -> None:
    assert columns(DataLoader(DATA, 2, sampler=[3, 1, 2])) == [[3.0, 1.0], [2.0]]
    assert columns(DataLoader(DATA, batch_sampler=[[3], [1, 2]])) == [[3.0], [1.0, 2.0]]
    firsts = DataLoader(DATA, 2, sampler=[0, 4, 5], collate_fn=lambda items: len(items))
    assert list(firsts) == [2, 1]
    single = list(DataLoader(DATA, batch_size=None, sampler=[4]))
    assert single[0][1].item() == 4.0
    with pytest.raises(ValueError, match="sampler"):
        DataLoader(DATA, sampler=[0], shuffle=True)
    with pytest.raises(ValueError, match="batch_sampler"):
        DataLoader(DATA, batch_sampler=[[0]], batch_size=3)
    assert isinstance(DataLoader(DATA, shuffle=True).sampler, RandomSampler)


def test_collate_is_pytorchs() -> None:
    Pair = namedtuple("Pair", "a b")
    items = [
        {"f": 1.5, "i": i, "t": (i, [np.float32(i)]), "p": Pair(i, "s"), "b": True}
        for i in range(3)
    ]
    ours, theirs = default_collate(items), tdata.default_collate(items)

    def same(a: Any, b: Any) -> None:
        if isinstance(b, torch.Tensor):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            assert a.numpy().dtype == b.numpy().dtype
        elif isinstance(b, dict):
            for key in b:
                same(a[key], b[key])
        elif isinstance(b, (list, tuple)):
            for x, y in zip(a, b, strict=True):
                same(x, y)
        else:
            assert a == b

    same(ours, theirs)
    with pytest.raises(ValueError, match="differ in shape"):
        default_collate([np.zeros(2), np.zeros(3)])


def test_rows_checks_indices() -> None:
    x = firth.arange(6).reshape(3, 2)
    assert rows(x, np.array([2, -3])).tolist() == [[4, 5], [0, 1]]
    with pytest.raises(IndexError, match="3"):
        rows(x, np.array([3]))
