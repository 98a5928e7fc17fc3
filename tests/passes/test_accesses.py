"""Which results may lie over a value that their kernel reads."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.ir.kernel import Affine, Apply, Axis, Buffer, Kernel, Load, Loop, Statement, Store
from firth.passes.accesses import Accesses

ROW = Axis("i", 8)
HERE, NEXT = Affine(0, ((ROW, 1),)), Affine(1, ((ROW, 1),))


def load(buffer: int, index: Affine = HERE) -> Load:
    return Load(buffer, index, dt.float32)


def accesses(*bodies: tuple[Statement, ...]) -> Accesses:
    buffers = (Buffer(dt.float32), Buffer(dt.float32, True), Buffer(dt.float32, True))
    return Accesses(Kernel("k", (), buffers, tuple(Loop(ROW, body) for body in bodies)))


def test_the_same_element() -> None:
    found = accesses((Store(1, HERE, Apply("exp", (load(0),), dt.float32)),))
    assert found.may_overwrite({0}, {1})


def test_another_element() -> None:
    assert not accesses((Store(1, HERE, load(0, NEXT)),)).may_overwrite({0}, {1})


def test_two_stores_in_a_row_and_in_two_loops() -> None:
    first, second = Store(1, HERE, load(0)), Store(2, HERE, load(0))
    assert accesses((first, second)).may_overwrite({0}, {1})
    assert not accesses((first,), (second,)).may_overwrite({0}, {1})
    assert accesses((first,), (second,)).may_overwrite({0}, {2})


def test_interleaved_values() -> None:
    even, odd, far = (Affine(k, ((ROW, 2),)) for k in (0, 1, 2))
    swapped = (Store(1, even, load(0, odd)), Store(1, odd, load(0, even)))
    assert accesses(swapped).may_overwrite({0}, {1})
    assert not accesses((Store(1, even, load(0, far)), swapped[1])).may_overwrite({0}, {1})
    steps = (Store(1, even, load(0, even)), Store(1, far, load(0, far)))
    assert not accesses(steps).may_overwrite({0}, {1})  # the next point's first is this one's last


def test_addresses_that_hold_values() -> None:
    place = ((load(0), 1),)
    assert not accesses((Store(1, HERE, load(0), (), place),)).may_overwrite({0}, {1})
