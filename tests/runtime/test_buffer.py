from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from firth.base.dtype import float32, int64
from firth.runtime import buffer as buffers
from firth.runtime.buffer import ALIGNMENT, Buffer, allocate, from_array, give_back, lend, trim


@pytest.mark.parametrize("nbytes", [0, 1, 63, 64, 65, 1000, 1024, 1025, 4096, 100_001, 1 << 20])
def test_sizes_and_alignment(nbytes):
    buffer = allocate(nbytes)
    assert buffer.nbytes == nbytes == buffer.array.nbytes
    assert buffer.ptr % ALIGNMENT == 0
    assert not buffer.exported and buffer.owner is None
    buffer.array[:] = 1


def test_size_classes_waste_little():
    for nbytes in range(1, 1 << 17, 37):
        room = buffers._size_class(nbytes)
        assert nbytes <= room <= max(nbytes + 63, nbytes * 1.126)
        assert buffers._size_class(room) == room


def test_memory_is_recycled():
    trim()
    first = allocate(5000)
    address = first.ptr
    del first
    second = allocate(5000)
    assert second.ptr == address
    third = allocate(5000)
    assert third.ptr != address


@pytest.mark.parametrize("look", ["view", "array", "slice", "memoryview"])
def test_memory_in_use_is_not_recycled(look):
    trim()
    first = allocate(5000)
    address = first.ptr
    seen = {
        "view": lambda b: b.view(float32, (10, 10)),
        "array": lambda b: b.array,
        "slice": lambda b: b.view(float32, (10, 10))[2:, ::3].T,
        "memoryview": lambda b: memoryview(b.array),
    }[look](first)
    del first
    second = allocate(5000)
    assert second.ptr != address
    del seen


@pytest.mark.parametrize("first", [True, False])
def test_memory_of_collected_cycles_is_not_recycled_under_their_finalizers(first):
    class Holder:
        def take(self):
            self.buffer = allocate(5000)
            return self

        def __del__(self):
            self.buffer.array[:] = 1
            fresh.append(allocate(5000))
            fresh[0].array[:] = 2
            kept.append(self.buffer)

    trim()
    fresh, kept = [], []
    buffer = allocate(5000) if first else None  # the collector calls the older one first
    holder = Holder() if first else Holder().take()
    if buffer is not None:
        holder.buffer = buffer
    holder.itself = holder
    del holder, buffer
    gc.collect()
    assert kept[0].ptr != fresh[0].ptr
    assert (kept[0].array == 1).all() and (fresh[0].array == 2).all()


def test_borrowed_memory_is_not_recycled():
    trim()
    array = np.zeros(100, np.uint8)
    borrowed = Buffer(array, owner=array)
    assert borrowed.exported
    del borrowed
    del array
    plain = Buffer(np.zeros(128, np.uint8))
    assert not plain.exported
    del plain
    assert not buffers._store.free


def test_kept_memory_is_bounded():
    trim()
    store = buffers._Store(10_000)
    for _ in range(5):
        memory, ptr = buffers._fresh(4096)
        buffers._recycle(memory, ptr, 4096, store, count=lambda _: 0)
    assert store.kept <= 10_000
    memory, ptr = buffers._fresh(16384)
    buffers._recycle(memory, ptr, 16384, store, count=lambda _: 0)
    assert not store.free and store.kept == 0


def test_from_array():
    array = np.arange(24, dtype=np.float32).reshape(4, 6)[::-1, ::2]
    copy = from_array(array)
    np.testing.assert_array_equal(copy.view(float32, (4, 3)), array)
    scalar = from_array(np.array(7))
    assert scalar.view(int64, ()).item() == 7
    assert from_array(np.zeros((0, 3), np.float32)).view(float32, (0, 3)).shape == (0, 3)


def test_arenas_are_lent_one_to_each():
    trim()
    a, b = lend(100), lend(100)
    assert a.ptr != b.ptr
    give_back(a)
    assert lend(50) is a
    give_back(a)
    assert lend(1_000_000).nbytes == 1 << 20  # with room for the next shape
    assert lend(5_000_000).nbytes == 5_000_000


def test_large_arenas_take_huge_pages_once_they_are_used_often():
    trim()
    size = 20_000_000
    first = lend(size)
    if type(first) is Buffer:
        pytest.skip("this system has one kind of memory for NumPy and for us")
    kinds = [type(first)]
    first.array[:] = 1
    give_back(first)
    del first
    for _ in range(5):
        arena = lend(size // 2)  # a smaller program must not shrink it
        assert arena.nbytes >= size and arena.ptr % ALIGNMENT == 0
        arena.array[:] = 2
        kinds.append(type(arena))
        give_back(arena)
        del arena
    assert kinds[1] is kinds[0] and kinds[-1] is Buffer and kinds[-2] is Buffer
    assert [a.nbytes for a in buffers._arenas] == [size]  # no more, for huge pages would fill it
    trim()


def test_trimming_frees_arenas():
    give_back(lend(5000))
    trim()
    assert not buffers._arenas and not buffers._store.free


def test_threads_allocate_at_once():
    def loop(seed: int) -> None:
        for _ in range(2000):
            buffer = allocate(256)
            view = buffer.view(int64, (32,))
            view[:] = seed
            if not (view == seed).all():
                wrong.append(seed)

    wrong: list[int] = []
    threads = [threading.Thread(target=loop, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
