"""The transforms of Winograd's F(4x4, 3x3), and the loops around them, in the kernel IR.

Winograd, 'Arithmetic complexity of computations' (1980); Lavin and Gray, 'Fast algorithms for
convolutional neural networks' (2016). With the points 0, 1, -1, 2, -2 and infinity a 4x4 tile of a
3x3 convolution is A' [(G w G') * (B' d B)] A: 36 products instead of 144.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from firth.base import dtype as dt
from firth.ir.kernel import (
    Affine,
    Apply,
    Axis,
    Const,
    Expression,
    Guard,
    Load,
    Loop,
    Statement,
    Store,
)
from firth.passes.affine import combine, of_axis

PLANES = 36  # products of one tile
TILE = 4  # edge of what a tile writes
HALO = 2  # how much more it reads
POINTS = TILE + HALO

Line = Callable[[Sequence[Expression]], list[Expression]]


def _add(x: Expression, y: Expression) -> Expression:
    return Apply("add", (x, y), dt.float32)


def _sub(x: Expression, y: Expression) -> Expression:
    return Apply("sub", (x, y), dt.float32)


def _mul(factor: float, x: Expression) -> Expression:
    return Apply("mul", (x, Const(factor, dt.float32)), dt.float32)


def _more(factor: float, x: Expression, y: Expression) -> Expression:
    """factor * x + y."""
    return Apply("multiply_add", (x, Const(factor, dt.float32), y), dt.float32)


def of_input(d: Sequence[Expression]) -> list[Expression]:
    """B' d: 6 inputs -> 6 points."""
    even, odd = _more(-4.0, d[2], d[4]), _more(-4.0, d[1], d[3])
    wide, twice = _sub(d[4], d[2]), _sub(d[3], d[1])
    return [
        _more(4.0, d[0], _more(-5.0, d[2], d[4])),
        _add(even, odd),
        _sub(even, odd),
        _more(2.0, twice, wide),
        _more(-2.0, twice, wide),
        _more(4.0, d[1], _more(-5.0, d[3], d[5])),
    ]


def of_weight(w: Sequence[Expression]) -> list[Expression]:
    """G w: 3 weights -> 6 points."""
    ends = _mul(-1 / 6, _add(w[0], w[2]))
    far = _more(1 / 24, w[0], _mul(1 / 6, w[2]))
    return [
        _mul(1 / 4, w[0]),
        _more(-1 / 6, w[1], ends),
        _more(1 / 6, w[1], ends),
        _more(1 / 12, w[1], far),
        _more(-1 / 12, w[1], far),
        w[2],
    ]


def to_output(m: Sequence[Expression]) -> list[Expression]:
    """A' m: 6 points -> 4 outputs."""
    near, far = _add(m[1], m[2]), _add(m[3], m[4])
    near_odd, far_odd = _sub(m[1], m[2]), _sub(m[3], m[4])
    return [
        _add(_add(m[0], near), far),
        _more(2.0, far_odd, near_odd),
        _more(4.0, far, near),
        _add(_more(8.0, far_odd, near_odd), m[5]),
    ]


def of_output(y: Sequence[Expression]) -> list[Expression]:
    """A y: 4 gradients of outputs -> 6 points."""
    even, odd = _add(y[0], y[2]), _add(y[1], y[3])
    far, far_odd = _more(4.0, y[2], y[0]), _more(4.0, y[3], y[1])
    return [
        y[0],
        _add(even, odd),
        _sub(even, odd),
        _more(2.0, far_odd, far),
        _more(-2.0, far_odd, far),
        y[3],
    ]


def to_weight(u: Sequence[Expression]) -> list[Expression]:
    """G' u: 6 points -> 3 gradients of weights."""
    near, far = _mul(-1 / 6, _add(u[1], u[2])), _add(u[3], u[4])
    return [
        _more(1 / 4, u[0], _more(1 / 24, far, near)),
        _more(1 / 6, _sub(u[2], u[1]), _mul(1 / 12, _sub(u[3], u[4]))),
        _add(_more(1 / 6, far, near), u[5]),
    ]


def at(*terms: tuple[Axis | Affine, int], const: int = 0) -> Affine:
    """const + the sum of axes or indices, each times a number."""
    parts = [(of_axis(x) if isinstance(x, Axis) else x, c) for x, c in terms]
    return combine(parts, const)


@dataclass(frozen=True, slots=True)
class Square:
    """A square of elements in a buffer: element (i, j) lies at base + i * row + j * column.

    guards: where one fails, it is 0.
    """

    buffer: int
    base: Affine
    row: int
    column: int
    guards: tuple[Guard, ...] = ()

    def place(self, i: int | Axis, j: int | Axis) -> Affine:
        """Where an element lies."""
        y, x = (Affine(k) if isinstance(k, int) else of_axis(k) for k in (i, j))
        return at((self.base, 1), (y, self.row), (x, self.column))

    def load(self, i: int | Axis, j: int | Axis) -> Load:
        """An element."""
        return Load(self.buffer, self.place(i, j), dt.float32, self.guards)

    def store(self, i: int | Axis, j: int | Axis, value: Expression) -> Store:
        """Writes an element."""
        return Store(self.buffer, self.place(i, j), value)

    def moved(self, index: Affine) -> Square:
        """The square so much further."""
        return replace(self, base=at((self.base, 1), (index, 1)))


def down(source: Square, spare: Square, line: Line, n: int) -> Loop:
    """spare = L source: the line L of n inputs along every column."""
    j = Axis("j", n)
    column = line([source.load(i, j) for i in range(n)])
    return Loop(j, tuple(spare.store(k, j, x) for k, x in enumerate(column)))


def both_ways(source: Square, spare: Square, target: Square, line: Line, n: int) -> list[Statement]:
    """target = L source L' for the line L of n inputs: along the columns into `spare`, then along
    the rows."""
    first = down(source, spare, line, n)
    i = Axis("i", len(first.body))
    row = line([spare.load(i, j) for j in range(n)])
    return [first, Loop(i, tuple(target.store(i, k, x) for k, x in enumerate(row)))]


def nest(axes: Sequence[Axis], body: Sequence[Statement], lanes: int = 0) -> Statement:
    """Loops over the axes; lanes > 0: the last one is a vector loop."""
    inner = tuple(body)
    for place, axis in reversed(list(enumerate(axes))):
        inner = (Loop(axis, inner, lanes if place == len(axes) - 1 else 0),)
    return inner[0]
