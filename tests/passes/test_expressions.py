"""Merged axes, and expressions made again."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.ir.kernel import Affine, Apply, Axis, Const, Load
from firth.passes.expressions import Rewriter, collapse, rename


def test_axes_that_every_index_walks_as_one_are_one() -> None:
    a, b, c = Axis("a", 2), Axis("b", 3), Axis("c", 5)
    walked = Affine(0, ((a, 15), (b, 5), (c, 1)))
    merged = collapse([a, b, c], [walked], [0, 0, 0])
    one = merged[c][0]
    assert one.extent == 30 and rename(walked, merged) == Affine(0, ((one, 1),))
    other = Affine(0, ((a, 3), (b, 1)))  # does not move along c
    merged = collapse([a, b, c], [walked, other], [0, 0, 0])
    assert merged[a][0].extent == 6 and merged[c] == (c, 1)
    assert collapse([a, b, c], [walked], [0, 0, 1])[b][0].extent == 6  # classes stay apart


def test_what_does_not_change_is_the_same_object() -> None:
    x, two = Load(0, Affine(), dt.float32), Const(2.0, dt.float32)
    product = Apply("mul", (x, two), dt.float32)
    total = Apply("add", (product, x), dt.float32)
    new = Rewriter({})
    new.run([x, two, product, total])
    assert new[total] is total
    new = Rewriter({})
    other = Const(3.0, dt.float32)
    new.new[id(two)] = other
    new.run([x, two, product, total])
    assert new[x] is x and new[product].args == (x, other) and new[total] is not total
