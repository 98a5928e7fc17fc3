"""Views against NumPy's own strides, index maps against NumPy's indexing."""

from __future__ import annotations

import math

import numpy as np
import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.ir.kernel import Affine, Axis
from firth.ir.node import Node
from firth.ir.op import TABLE, input_node, make
from firth.passes.affine import Index, combine, move_index, move_view, of_axis, scale, whole


def moves(rng: np.random.Generator, node: Node) -> Node:
    """One random movement of a node."""
    kind, shape = int(rng.integers(6)), node.shape
    if kind == 0:
        return make(
            TABLE["permute"], (node,), (tuple(int(a) for a in rng.permutation(len(shape))),)
        )
    if kind == 1:
        starts = tuple(int(rng.integers(n)) for n in shape)
        steps = tuple(int(rng.integers(1, 3)) for _ in shape)
        sizes = tuple((n - s - 1) // k + 1 for n, s, k in zip(shape, starts, steps, strict=True))
        return make(TABLE["slice"], (node,), (starts, sizes, steps))
    if kind == 2:
        axes = tuple(d for d in range(len(shape)) if rng.random() < 0.5)
        return make(TABLE["flip"], (node,), (axes,))
    if kind == 3:
        return make(TABLE["expand"], (node,), (tuple(3 if n == 1 else n for n in shape),))
    if kind == 4 and shape and shape[-1] >= 2:
        return make(TABLE["window"], (node,), ((2,), (1,), (1,)))
    left, new = math.prod(shape), []
    while left > 1:
        new.append(int(rng.choice([d for d in range(2, left + 1) if left % d == 0])))
        left //= new[-1]
    return make(TABLE["reshape"], (node,), (tuple(new) or (1,),))


def value(node: Node, data: np.ndarray) -> np.ndarray:
    if not node.src:
        return data
    return np.asarray(node.op.ref(value(node.src[0], data), **node.kwargs()))


@pytest.mark.parametrize("seed", range(60))
def test_views_are_what_ref_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 6], int(rng.integers(1, 4))))
    data = np.arange(math.prod(shape)).reshape(shape)
    node = input_node(0, shape, dt.int64)
    view = whole(node)
    for _ in range(4):
        node = moves(rng, node)
        moved = move_view(view, node)
        if moved is None:
            assert node.op.name == "reshape"  # the only one that strides can't always say
            return
        view = moved
        strided = np.lib.stride_tricks.as_strided(
            data.ravel()[view.offset :], view.shape, [8 * s for s in view.strides]
        )
        np.testing.assert_array_equal(strided, value(node, data))


def evaluate(index: Index, at: dict[Axis, int]) -> tuple[int, ...]:
    return tuple(a.const + sum(c * at[x] for x, c in a.terms) for a in index)


@pytest.mark.parametrize("seed", range(60))
def test_index_maps_are_what_ref_says(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 6], int(rng.integers(1, 4))))
    data = np.arange(math.prod(shape)).reshape(shape)
    source = input_node(0, shape, dt.int64)
    node = moves(rng, source)
    axes = [Axis(f"i{d}", n) for d, n in enumerate(node.shape)]
    moved = move_index(node, tuple(of_axis(a) for a in axes))
    if moved is None:
        assert node.op.name == "reshape"
        return
    want = value(node, data)
    for place in np.ndindex(node.shape):
        at = dict(zip(axes, place, strict=True))
        assert data[evaluate(moved[0], at)] == want[place]


def test_arithmetic() -> None:
    a, b = Axis("a", 3), Axis("b", 4)
    x = combine([(of_axis(a), 2), (of_axis(b), 5)], 1)
    assert x == Affine(1, ((a, 2), (b, 5)))
    assert scale(x, 2, 3) == Affine(5, ((a, 4), (b, 10)))
    assert combine([(x, 1), (of_axis(a), -2)]) == Affine(1, ((b, 5),))
    assert of_axis(Axis("one", 1)) == Affine()
