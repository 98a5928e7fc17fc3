"""Kernels as data: a grid of tiles, scratch, a tree of loops over guarded affine loads and stores.

`schedule` makes kernels from graphs; `codegen` turns them into LLVM text and knows nothing else.

Meaning. A kernel is called once per tile of its grid. `grid` is a tuple of (axis, block): tiles are
numbered in row-major order of ceil(extent / block); inside tile t the axis runs over
[t*block, min((t+1)*block, extent)). A grid axis with block 1 is a plain value and needs no Loop.
A Loop over a grid axis runs over the tile's part of it, over any other axis over [0, extent).
Inside a Within an axis runs over a part that depends on the axes around it: blocks cut from a long
axis, the last of which is shorter, and triangles.

Statements run in order. A Contract may stand in loops; it may read scratch that statements of the
same tile wrote before, and its body may write scratch that statements after it read: so tiles work
through chains of products. A product that is added to memory is a body that stores load + result.

Values are trees of expressions, shared by identity: an expression is computed where its innermost
axis (or accumulator) lives. Inside a vector loop a value that depends on the loop's axis has one
element per lane; other values are uniform.

Stores that stand in a row compute their values before the first of them writes (those under a
condition excepted), so a buffer may be overwritten in place by a store of the same elements; a load
of what an earlier store of the same row wrote would see the old contents.
"""

from __future__ import annotations

from dataclasses import dataclass

from firth.base.dtype import DType, int64
from firth.ir.node import Node, Shape


class Axis:
    """A loop variable with its extent; compared by identity."""

    __slots__ = ("extent", "name")

    def __init__(self, name: str, extent: int) -> None:
        self.name = name
        self.extent = extent

    def __repr__(self) -> str:
        return f"{self.name}:{self.extent}"


@dataclass(frozen=True, slots=True)
class Affine:
    """const + sum(coefficient * axis), in elements. A coefficient is never 0."""

    const: int = 0
    terms: tuple[tuple[Axis, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds where 0 <= index < extent and, when step > 1, index is a multiple of step."""

    index: Affine
    extent: int
    step: int = 1


@dataclass(frozen=True, eq=False, slots=True)
class Const:
    """A number."""

    value: bool | int | float
    dtype: DType


@dataclass(frozen=True, eq=False, slots=True)
class Coordinate:
    """The value of an affine index, as an int64 (or another integer or float dtype)."""

    index: Affine
    dtype: DType


@dataclass(frozen=True, eq=False, slots=True)
class Load:
    """An element of a buffer: at index + sum(value * coefficient), values being int64 expressions.

    Where a guard fails nothing is read and the result is `fill`.
    """

    buffer: int
    index: Affine
    dtype: DType
    guards: tuple[Guard, ...] = ()
    fill: bool | int | float = 0
    dynamic: tuple[tuple[Expression, int], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Apply:
    """A base elementwise op by name on arguments (`cast` and `bitcast` read the target dtype), or
    `multiply_add`: x * y + z, rounded once where the machine does it at once.

    site: number of the place in the program, where integer division by zero is reported.
    guards: where one fails a division is not checked. coefficients: of a `chebyshev` sum.
    """

    op: str
    args: tuple[Expression, ...]
    dtype: DType
    site: int = 0
    guards: tuple[Guard, ...] = ()
    coefficients: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Checked:
    """An int64 index that must lie in [0, extent); outside it the kernel's error word is set to
    (site, value), if it was zero, and the result is 0. Guarded-off lanes are not checked."""

    index: Expression
    extent: int
    site: int
    guards: tuple[Guard, ...] = ()

    @property
    def dtype(self) -> DType:
        """int64."""
        return int64


class Accumulator:
    """A value carried through a loop (and the loops inside it), combined by `op`.

    op: add, mul, maximum, minimum, bitwise_and, bitwise_or; last: the value takes the place of
    what was there (never in a loop that is folded over lanes). After its loop it is an expression:
    the combination over all iterations (over lanes too, when the vector axis was reduced).
    dtype: of the accumulation (float32 for half inputs). maximum and minimum propagate NaN.
    """

    __slots__ = ("dtype", "init", "name", "op")

    def __init__(self, name: str, op: str, dtype: DType, init: bool | int | float) -> None:
        self.name = name
        self.op = op
        self.dtype = dtype
        self.init = init


Expression = Const | Coordinate | Load | Apply | Checked | Accumulator


@dataclass(frozen=True, eq=False, slots=True)
class Store:
    """Writes an element. Guards: nothing is written where one fails."""

    buffer: int
    index: Affine
    value: Expression
    guards: tuple[Guard, ...] = ()
    dynamic: tuple[tuple[Expression, int], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Accumulate:
    """Combines a value into an accumulator of an enclosing loop."""

    accumulator: Accumulator
    value: Expression


@dataclass(frozen=True, eq=False, slots=True)
class Loop:
    """Runs its body for each value of the axis.

    vector: lanes at a time (0 or 1: serial). A vector loop may hold serial loops (then each lane
    runs them), never another vector loop. carries: accumulators that start at this loop.
    """

    axis: Axis
    body: tuple[Statement, ...]
    vector: int = 0
    carries: tuple[Accumulator, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Within:
    """Runs its body once, with an axis cut to [max of starts, min of stops) of where it ran before.

    starts, stops: affine in axes that are bound here (a grid axis of block 1, axes of loops
    around). Nothing runs where no point is left. Accumulators of loops around it are not combined
    inside.
    """

    axis: Axis
    body: tuple[Statement, ...]
    starts: tuple[Affine, ...] = ()
    stops: tuple[Affine, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Contract:
    """A block of a contraction: for every row and column, sum over `reduce` of a * b, then `body`.

    rows: axes of a (not b), cols: axes of b (not a); the last column axis is the vector axis of
    `body`, whose statements run once per (row, vector of columns), `result` being the sum there.
    Axes that are in the grid are restricted to the tile. a, b: expressions (loads, or elementwise
    work on loads, which is then done while packing). An operand that does not change in the serial
    loop around is packed once, before it.
    """

    rows: tuple[Axis, ...]
    cols: tuple[Axis, ...]
    reduce: tuple[Axis, ...]
    a: Expression
    b: Expression
    result: Accumulator
    body: tuple[Statement, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Sort:
    """Stable argsort along `axis` of what `key` loads; `position` written to `buffer` as int64.

    scratch_keys (dtype of key) and scratch_index (int64): scratch buffers of 2 * extent elements.
    NaN sorts last (first when descending).
    """

    axis: Axis
    key: Load
    buffer: int
    index: Affine
    descending: bool
    scratch_keys: int
    scratch_index: int


@dataclass(frozen=True, eq=False, slots=True)
class Prefetch:
    """Asks for the cache lines of a step of the vector loop ahead of their use; changes nothing.

    The index may lie outside of the buffer. write: they will be overwritten, not read.
    """

    buffer: int
    index: Affine
    write: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Host:
    """The whole kernel is one call of a host op's meaning, which no code is made for.

    op, attrs: of the node, attributes as `ir.text` writes them. sources: buffer and shape of each.
    shape: of the result, in the last buffer. All of them are contiguous and row-major.
    """

    op: str
    attrs: str
    sources: tuple[tuple[int, Shape], ...]
    shape: Shape


Statement = Store | Accumulate | Loop | Within | Contract | Sort | Prefetch | Host


@dataclass(frozen=True, slots=True)
class Buffer:
    """A kernel argument: dtype, and whether the kernel writes it. scratch > 0: elements of private
    memory of the running thread instead of an argument. elements: of an argument; 0 is unknown."""

    dtype: DType
    written: bool = False
    scratch: int = 0
    elements: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One kernel. origins: the recorded nodes that it computes, the dearest first, for reports."""

    name: str
    grid: tuple[tuple[Axis, int], ...]
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]
    origins: tuple[Node, ...] = ()

    def tiles(self) -> int:
        """Number of tiles: calls of the function that one run of the kernel makes."""
        count = 1
        for axis, block in self.grid:
            count *= -(-axis.extent // block)
        return count

    def host(self) -> Host | None:
        """The call that the kernel is, where it is one."""
        first = self.body[0] if self.body else None
        return first if isinstance(first, Host) else None
