"""The transforms of F(4x4, 3x3), evaluated: together they are a convolution."""

from __future__ import annotations

import numpy as np

from firth.base import dtype as dt
from firth.ir.kernel import Affine, Apply, Axis, Const, Expression, Load, Loop, Store
from firth.passes import winograd_tiles as tiles


def matrix(line: tiles.Line, n: int) -> np.ndarray:
    """The matrix of a line of n inputs."""
    inputs = [Load(0, Affine(i), dt.float32) for i in range(n)]

    def value(x: Expression, unit: np.ndarray) -> float:
        if isinstance(x, Load):
            return float(unit[x.index.const])
        if isinstance(x, Const):
            return float(x.value)
        assert isinstance(x, Apply)
        a, *rest = (value(y, unit) for y in x.args)
        if x.op == "multiply_add":
            return a * rest[0] + rest[1]
        return {"add": a + rest[0], "sub": a - rest[0], "mul": a * rest[0]}[x.op]

    rows = line(inputs)
    return np.array([[value(row, unit) for unit in np.eye(n)] for row in rows])


B, G, A = (
    matrix(tiles.of_input, 6), matrix(tiles.of_weight, 3), matrix(tiles.to_output, 6),
)  # fmt: skip


def test_a_tile_is_a_convolution():
    rng = np.random.default_rng(0)
    d, w = rng.standard_normal((6, 6)), rng.standard_normal((3, 3))
    found = A @ ((G @ w @ G.T) * (B @ d @ B.T)) @ A.T
    windows = np.lib.stride_tricks.sliding_window_view(d, (3, 3))
    np.testing.assert_allclose(found, np.einsum("yxij,ij->yx", windows, w), rtol=1e-12)


def test_the_gradient_turns_the_matrices_over():
    np.testing.assert_allclose(matrix(tiles.of_output, 4), A.T)
    np.testing.assert_allclose(matrix(tiles.to_weight, 6), G.T)


def test_indices_add_up():
    x, y, one = Axis("x", 3), Axis("y", 4), Axis("one", 1)
    inner = tiles.at((x, 2), (one, 9), const=1)
    assert inner == Affine(1, ((x, 2),))
    assert tiles.at((inner, 5), (y, 1), (x, 1), const=2) == Affine(7, ((x, 11), (y, 1)))


def test_a_square_in_a_buffer():
    x = Axis("x", 3)
    square = tiles.Square(7, Affine(1), 10, 2).moved(Affine(4))
    assert square.load(x, 1).index == Affine(7, ((x, 10),))
    assert square.store(2, 1, Const(0.0, dt.float32)).buffer == 7


def test_both_ways_are_two_loops():
    squares = (tiles.Square(k, Affine(), 6, 1) for k in range(3))
    first, second = tiles.both_ways(*squares, tiles.to_output, 6)
    assert isinstance(first, Loop) and isinstance(second, Loop)
    assert (first.axis.extent, len(first.body)) == (6, 4)
    assert (second.axis.extent, len(second.body)) == (4, 4)


def test_a_nest_is_a_vector_inside():
    i, j = Axis("i", 3), Axis("j", 16)
    put = Store(0, Affine(), Const(0.0, dt.float32))
    outer = tiles.nest([i, j], [put], 8)
    assert isinstance(outer, Loop) and outer.vector == 0
    (inner,) = outer.body
    assert isinstance(inner, Loop) and (inner.axis, inner.vector) == (j, 8)
