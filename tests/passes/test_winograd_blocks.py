"""Where blocks of tiles lie, and when an image is read where it is."""

from __future__ import annotations

from firth.ir.kernel import Affine, Axis, Guard
from firth.passes.winograd import convolution
from firth.passes.winograd_blocks import Block, Tiles, beyond, round_up, step
from tests.passes import convolutions as c


def test_blocks_stand_one_after_the_other():
    conv = convolution(c.contraction(20, 32, 32, 8, 8))
    assert conv is not None
    tiles = Tiles(conv, Block(4, 2), (2, 1))
    assert [a.extent for a in tiles.grid] == [3, 1]
    assert tiles.count == 16
    n, row = Axis("n", 4), Axis("row", 8)
    image, y = tiles.place(n, row)
    assert dict(image.terms) == {tiles.grid[0]: 8, tiles.again[0]: 4, n: 1}
    assert y == Affine(0, ((row, 1),))


def test_a_guard_only_where_an_index_can_leave():
    i, j = Axis("i", 3), Axis("j", 4)
    index = Affine(0, ((i, 4), (j, 1)))
    assert beyond(index, 12) == ()
    assert beyond(index, 11) == (Guard(index, 11),)
    assert step(index, i) == 4 and step(index, Axis("k", 2)) == 0
    assert [round_up(n, 16) for n in (1, 16, 17)] == [16, 16, 32]
