"""Blocks of Winograd's tiles: where they lie in the images, and how they get into scratch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firth.base import dtype as dt
from firth.ir.kernel import (
    Accumulator,
    Affine,
    Axis,
    Const,
    Expression,
    Guard,
    Kernel,
    Load,
    Statement,
    Store,
)
from firth.ir.node import Node
from firth.passes.affine import ZERO, of_axis
from firth.passes.expressions import Rewriter, affines_of, collapse, rename
from firth.passes.loops import Call
from firth.passes.values import Values
from firth.passes.winograd_tiles import (
    PLANES,
    POINTS,
    TILE,
    Line,
    Square,
    at,
    both_ways,
    nest,
)

Label = int
Labels = tuple[Label, ...]
Where = Mapping[Axis, Affine]


@dataclass(frozen=True, eq=False, slots=True)
class Convolution:
    """A contraction over 3x3 windows of `image`.

    other: the weights or, with `gradient`, the gradient of the result. Labels of the contraction:
    batch (None: one image), channel, feature, places (row, column), kernel (row, column).
    """

    node: Node
    extents: dict[Label, int]
    image: Node
    image_labels: Labels
    other: Node
    other_labels: Labels
    batch: Label | None
    channel: Label
    feature: Label
    places: Labels
    kernel: Labels
    gradient: bool

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles of one image."""
        y, x = (-(-self.extents[p] // TILE) for p in self.places)
        return y, x

    def count(self, *labels: Label | None) -> int:
        """How many points some labels have together."""
        return math.prod(1 if label is None else self.extents[label] for label in labels)


@dataclass(frozen=True, slots=True)
class Block:
    """So many images, and so many rows of tiles of each."""

    images: int
    down: int


class Tiles:
    """The tiles of one block: axes, and where they stand in the images.

    grid: (blocks of images, blocks of rows); with `repeat` a point of the grid stands for so many
    blocks of each, one after the other, along the axes `again`.
    """

    def __init__(self, conv: Convolution, block: Block, repeat: tuple[int, int] = (1, 1)) -> None:
        down, across = conv.tiles
        self.block = block
        self.count = block.images * block.down * across
        self.columns = across * TILE
        n, y = block.images * repeat[0], block.down * repeat[1]
        self.grid = (Axis("images", -(-conv.count(conv.batch) // n)), Axis("rows", -(-down // y)))
        self.again = (Axis("again_n", repeat[0]), Axis("again_y", repeat[1]))
        self.n, self.i, self.j = Axis("n", block.images), Axis("i", block.down), Axis("j", across)
        self.axes = (self.n, self.i, self.j)
        self.number = at((self.n, block.down * across), (self.i, across), (self.j, 1))

    def place(self, n: Axis, row: Axis | Affine) -> tuple[Affine, Affine]:
        """(image, row of it) of an image and a row of the block."""
        sizes = (self.block.images, self.block.down * TILE)
        image, y = (
            at((g, size * a.extent), (a, size), (inside, 1))
            for g, a, size, inside in zip(self.grid, self.again, sizes, (n, row), strict=True)
        )
        return image, y


class Patch:
    """A part of an image, channels innermost: what the tiles of a block read.

    source: (node, its labels, the label of its channels). halo: rows and columns beyond the tiles.
    channels: (axis of the grid, how many channels a point of it stands for). It is copied to
    scratch, with zeros where the image has none, unless it can be read where it is.
    """

    def __init__(
        self, values: Values, conv: Convolution, tiles: Tiles, source: tuple[Node, Labels, Label],
        halo: int, channels: tuple[Axis, int], lanes: int,
    ) -> None:  # fmt: skip
        node, labels, self.label = source
        self.conv, self.tiles, self.lanes = conv, tiles, lanes
        self.grid, self.channels = channels
        self.stride = round_up(self.channels, lanes)
        self.rows, self.columns = tiles.block.down * TILE + halo, tiles.columns + halo
        self.axes = {x: Axis(f"x{x}", n) for x, n in zip(labels, node.shape, strict=True)}
        self.y, self.x = (self.axes[p] for p in conv.places)
        self.load = as_load(values, node, labels, self.axes)
        self.copy: int | None = None
        if self.load is not None and not self._in_place(self.load):
            size = tiles.block.images * self.rows * self.columns * self.stride
            self.copy = values.scratch(dt.float32, size)

    def _where(self, n: Axis, row: Axis | Affine, channel: Axis | Affine) -> dict[Axis, Affine]:
        """Where an image, a row and a channel of the block are in the image."""
        image, y = self.tiles.place(n, row)
        where = {self.y: y, self.axes[self.label]: at((self.grid, self.channels), (channel, 1))}
        if self.conv.batch is not None:
            where[self.axes[self.conv.batch]] = image
        return where

    def _in_place(self, load: Load) -> bool:
        """Whether whole vectors of channels can be read, of all that the tiles read."""
        n, r, c = Axis("n", self.tiles.block.images), Axis("r", self.rows), Axis("c", self.channels)
        where = self._where(n, r, c)
        inside = not any(beyond(index, axis.extent) for axis, index in where.items())
        inside = inside and not load.guards and self.columns <= self.x.extent
        along = step(load.index, self.axes[self.label])
        return inside and along == 1 and self.channels % self.lanes == 0

    def fill(self) -> list[Statement]:
        """Copies the patch, if need be."""
        if self.copy is None or self.load is None:
            return []
        n, r, c = Axis("n", self.tiles.block.images), Axis("r", self.rows), Axis("c", self.channels)
        where = self._where(n, r, c)
        guards = [g for axis, index in where.items() for g in beyond(index, axis.extent)]
        first, stop = 0, min(self.columns, self.x.extent)
        for guard in self.load.guards:
            if guard.index.terms == ((self.x, 1),):  # columns that exist: the ends of the loop
                first = max(first, -guard.index.const)
                stop = min(stop, guard.extent - guard.index.const)
            else:
                guards.append(Guard(rename(guard.index, where), guard.extent, guard.step))
        x = Axis("x", stop - first)
        where[self.x] = at((x, 1), const=first)
        index = rename(self.load.index, where)
        parts: list[tuple[Axis, int, Expression]] = [
            (x, first, Load(self.load.buffer, index, dt.float32, tuple(guards)))
        ]
        for start, count in ((0, first), (stop, self.columns - stop)):
            if count > 0:
                parts.append((Axis("x", count), start, Const(0.0, dt.float32)))
        inside = [
            nest([x, c], [Store(self.copy, self._at(n, r, x, c, start), value)], self.lanes)
            for x, start, value in parts
        ]
        return [nest([n, r], inside)]

    def _at(
        self, n: Axis, r: Axis | Affine, x: Axis | Affine, c: Axis | Affine, first: int = 0
    ) -> Affine:
        line = self.columns * self.stride
        terms = ((n, self.rows * line), (r, line), (x, self.stride), (c, 1))
        return at(*terms, const=first * self.stride)

    def _tile(self, channel: Affine) -> Square:
        """What the tile at the axes of the block reads, of one channel."""
        tiles = self.tiles
        if self.copy is not None:
            base = self._at(tiles.n, at((tiles.i, TILE)), at((tiles.j, TILE)), channel)
            return Square(self.copy, base, self.columns * self.stride, self.stride)
        assert self.load is not None
        where = self._where(tiles.n, at((tiles.i, TILE)), channel)
        base = rename(self.load.index, {**where, self.x: at((tiles.j, TILE))})
        row, column = (step(self.load.index, axis) for axis in (self.y, self.x))
        return Square(self.load.buffer, base, row, column)

    def points(self, target: Square, spare: int, line: Line, n: int) -> Statement:
        """target[36][tile][channel] = L d L' of every tile d."""
        lanes = self.lanes
        piece, c = Axis("piece", self.stride // lanes), Axis("c", lanes)
        channel = at((piece, lanes), (c, 1))
        place = at((self.tiles.number, self.stride), (channel, 1))
        body = both_ways(
            self._tile(channel), between(spare, c, lanes), target.moved(place), line, n
        )
        return nest([*self.tiles.axes, piece, c], body, lanes)


def as_load(values: Values, node: Node, labels: Labels, axes: dict[Label, Axis]) -> Load | None:
    """The node's element at the axes of its labels, if it is read from memory as it is."""
    found = values.at(node, tuple(of_axis(axes[x]) for x in labels))
    if not isinstance(found, Load) or found.dynamic or found.fill != 0:
        return None
    return found


def between(buffer: int, lane: Axis, lanes: int) -> Square:
    """Room for a square of vectors between the two ways of a transform."""
    return Square(buffer, of_axis(lane), POINTS * lanes, lanes)


def points(values: Values, tiles: Tiles, stride: int, lanes: int) -> Square:
    """Room for the 36 points of so many channels of every tile.

    A transform writes to all planes in turn, so they must not begin in the same sets of a cache.
    """
    plane = tiles.count * stride + 3 * lanes
    return Square(values.scratch(dt.float32, PLANES * plane), ZERO, POINTS * plane, plane)


def round_up(n: int, unit: int) -> int:
    """The next multiple."""
    return -(-n // unit) * unit


def step(index: Affine, axis: Axis) -> int:
    """How far an index moves with an axis."""
    return dict(index.terms).get(axis, 0)


def beyond(index: Affine, extent: int) -> tuple[Guard, ...]:
    """A guard, if the index can leave its extent."""
    top = index.const + sum(c * (a.extent - 1) for a, c in index.terms if c > 0)
    return (Guard(index, extent),) if top >= extent else ()


def call(name: str, grid: Sequence[Axis], values: Values, body: Sequence[Statement]) -> Call:
    """A kernel with a tile for every point of the grid."""
    kernel = Kernel(name, tuple((a, 1) for a in grid), tuple(values.buffers), tuple(body))
    return Call(kernel, tuple(n for n in values.nodes if n is not None), values.checks)


class Epilogue:
    """What the cluster of a contraction stores, for its result at a place."""

    def __init__(self, values: Values, conv: Convolution) -> None:
        self.values, self.extents = values, conv.extents
        self.axes = dict(zip(conv.node.attrs[2], values.axes, strict=True))
        self.result = Accumulator("sum", "add", dt.float32, 0)
        values.result = self.result
        values.keep(self.result)
        self.stores: list[Store] = []
        for member in values.cluster.nodes:
            index = values.index_of(values.cluster.place[id(member)])
            value = values.at(member, index)
            if id(member) in values.fusion.stored:
                address = values.address(member, index)
                self.stores.append(Store(values.buffer(member, written=True), address, value))

    def unit(self, label: Label) -> bool:
        """Whether neighbours along a label are neighbours in memory."""
        return all(step(put.index, self.axes[label]) == 1 for put in self.stores)

    def at(
        self, places: Mapping[Label | None, Affine], result: Expression
    ) -> tuple[list[Expression], list[Store]]:
        """(expressions, stores) for the result at a place, which may be beyond the end."""
        known = {x: index for x, index in places.items() if x is not None}
        where = {self.axes[x]: index for x, index in known.items()}
        guards = tuple(g for x, index in known.items() for g in beyond(index, self.extents[x]))
        new = Rewriter(where)
        new.new[id(self.result)] = result
        new.run(self.values.made)
        stores = [
            Store(s.buffer, rename(s.index, where), new[s.value], guards) for s in self.stores
        ]
        return [new[e] for e in self.values.made], stores

    def loops(
        self, outer: Sequence[Axis], inner: Sequence[Axis], places: Mapping[Label | None, Affine],
        result: Load, lanes: int,
    ) -> Statement:  # fmt: skip
        """Stores for results in scratch; the inner axes are one where every index walks them so,
        and the last of them is the vector."""
        made, stores = self.at(places, result)
        axes = (*outer, *inner)
        indices = [*affines_of(made, stores), *(g.index for s in stores for g in s.guards)]
        merged = collapse(axes, indices, [0] * len(outer) + [1] * len(inner))
        new = Rewriter(merged)
        new.run(made)
        body = [
            Store(s.buffer, rename(s.index, merged), new[s.value], new.guards(s.guards))
            for s in stores
        ]
        left = list(dict.fromkeys(merged[a][0] for a in axes if a in merged))
        return nest(left or [axes[-1]], body, lanes)
