import pytest

from firth.base import dtype as dt
from firth.ir.kernel import Affine, Axis, Buffer, Kernel, Load, Loop, Store


def kernel(*grid):
    return Kernel("k", grid, (Buffer(dt.float32), Buffer(dt.float32, written=True)), ())


@pytest.mark.parametrize(
    ("grid", "tiles"),
    [((), 1), (((10, 4),), 3), (((10, 5), (3, 1)), 6), (((0, 4),), 0), (((4, 4),), 1)],
)
def test_tiles_count_the_ragged_last_one(grid, tiles):
    assert kernel(*[(Axis("i", extent), block) for extent, block in grid]).tiles() == tiles


def test_expressions_are_shared_by_identity_and_affines_are_equal_by_value():
    i = Axis("i", 4)
    assert Affine(1, ((i, 2),)) == Affine(1, ((i, 2),))
    assert Affine(0, ((i, 1),)) != Affine(0, ((Axis("i", 4), 1),))
    assert Load(0, Affine(), dt.float32) != Load(0, Affine(), dt.float32)


def test_a_kernel_is_a_plain_tree():
    i = Axis("i", 4)
    index = Affine(0, ((i, 1),))
    store = Store(1, index, Load(0, index, dt.float32))
    loop = Loop(i, (store,), vector=4)
    assert loop.body[0].value.buffer == 0 and loop.carries == () and repr(i) == "i:4"
