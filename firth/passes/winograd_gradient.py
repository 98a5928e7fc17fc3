"""The gradient of the weights of a 3x3 convolution by Winograd's F(4x4, 3x3).

    winograd_sums       for a part of the tiles V[36] = B' d B, Z[36] = A g A', S[p] += V[p]' Z[p]
    winograd_gradient   the sum of all parts, G' S G, and the epilogue of the cluster

The parts depend on the shape alone and are added in their order. Where blocks of channels and
features are tiles enough there is one part: winograd_gradient does everything, and its sums stay in
the second-level cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from firth.base import dtype as dt
from firth.base.facts import TargetFacts
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Contract,
    Expression,
    Guard,
    Load,
    Loop,
    Statement,
    Store,
)
from firth.ir.node import Node
from firth.passes.affine import of_axis
from firth.passes.blocking import panel_columns
from firth.passes.loops import Call
from firth.passes.values import Values
from firth.passes.winograd_blocks import (
    Block,
    Convolution,
    Epilogue,
    Patch,
    Tiles,
    between,
    call,
    points,
    round_up,
)
from firth.passes.winograd_tiles import (
    HALO,
    PLANES,
    POINTS,
    TILE,
    Square,
    at,
    both_ways,
    nest,
    of_input,
    of_output,
    to_weight,
)

ENOUGH_TILES = 4  # of a grid, for threads to share
CHANNELS = 8  # of a tile of the last kernel
KERNEL = 9  # weights of a channel and a feature


def gradient(
    values: Callable[[], Values], conv: Convolution, facts: TargetFacts
) -> list[Call] | None:
    """The two kernels, or one; None where an operand is not simply read from memory."""
    rule = _Gradient(conv, facts)
    if rule.sums.shape[0] == 1:
        only = rule.alone(values())
        return None if only is None else [only]
    sums = rule.sum_up(values())
    return None if sums is None else [sums, rule.finish(values())]


@dataclass(frozen=True, slots=True)
class Split:
    """Channels and features of a tile of the grid, the block of tiles that it transforms at a time,
    and how many such blocks (of images, of rows) it adds up."""

    channels: int
    features: int
    block: Block
    repeat: tuple[int, int]


def split(conv: Convolution, facts: TargetFacts) -> Split:
    """Few blocks of channels and features, because each transforms its tiles anew; few parts of the
    sum, because each is stored; but enough of both together."""
    panel = panel_columns(4, facts)
    c, o = (round_up(conv.extents[x], panel) for x in (conv.channel, conv.feature))
    bc, bo = min(c, 2 * panel), min(o, 2 * panel)
    rows, across = conv.tiles
    images = conv.count(conv.batch)
    most = max(1, facts.l2_bytes * 5 // 8 // (PLANES * 4 * (bc + bo)) // across)  # rows of tiles
    wanted = -(-ENOUGH_TILES // (-(-c // bc) * -(-o // bo)))
    parts_n = min(images, wanted)
    parts_y = min(rows, -(-wanted // parts_n))
    down, again_y = _even(-(-rows // parts_y), most)
    together, again_n = _even(-(-images // parts_n), most // down if down == rows else 1)
    return Split(bc, bo, Block(together, down), (again_n, again_y))


def _even(count: int, most: int) -> tuple[int, int]:
    """(size, number) of equal pieces of at most `most`."""
    number = -(-count // max(1, most))
    return -(-count // number), number


class _Gradient:
    def __init__(self, conv: Convolution, facts: TargetFacts) -> None:
        self.conv, self.lanes = conv, facts.lanes(4)
        self.split = split(conv, facts)
        self.tiles = Tiles(conv, self.split.block, self.split.repeat)
        c, o = self.split.channels, self.split.features
        self.width = panel_columns(4, facts)
        self.grid_c = Axis("channels", -(-conv.extents[conv.channel] // c))
        self.grid_o = Axis("features", -(-conv.extents[conv.feature] // o))
        parts = math.prod(axis.extent for axis in self.tiles.grid)
        shape = (parts, PLANES, self.grid_c.extent * c, self.grid_o.extent * o)
        self.sums = Node(conv.node.op, (), conv.node.attrs, shape, dt.float32)

    def alone(self, values: Values) -> Call | None:
        """One kernel, where nothing is added up between tiles of the grid."""
        epilogue = Epilogue(values, self.conv)
        c, o = self.split.channels, self.split.features
        plane = c * o + 3 * self.lanes  # planes begin in different sets of a cache
        sums = Square(values.scratch(dt.float32, PLANES * plane), at(), POINTS * plane, plane)

        def place(p: Axis, channel: Axis, feature: Axis) -> Affine:
            return at((p, plane), (channel, o), (feature, 1))

        body = self._sum_up(values, sums.buffer, place)
        if body is None:
            return None
        fs, cs = Axis("fs", o // self.width), Axis("cs", c // CHANNELS)
        feature = at((self.grid_o, o), (fs, self.width))
        channel = at((self.grid_c, c), (cs, CHANNELS))
        corner = sums.moved(at((cs, CHANNELS * o), (fs, self.width)))
        back = self._back(values, epilogue, corner, o, (channel, feature))
        return call(
            "winograd_gradient", (self.grid_c, self.grid_o), values, [*body, nest([fs, cs], back)]
        )

    def sum_up(self, values: Values) -> Call | None:
        """sums[part][p][channel][feature]."""
        body = self._sum_up(values, values.buffer(self.sums, written=True), self._place)
        grid = (self.grid_c, self.grid_o, *self.tiles.grid)
        return None if body is None else call("winograd_sums", grid, values, body)

    def _sum_up(
        self, values: Values, sums: int, place: Callable[[Axis, Axis, Axis], Affine]
    ) -> list[Statement] | None:
        """What adds up the products of a tile of the grid; None where an operand is not simply
        read from memory."""
        conv, tiles, lanes = self.conv, self.tiles, self.lanes
        sources = (
            ((conv.image, conv.image_labels, conv.channel), HALO, self.grid_c, self.split.channels),
            ((conv.other, conv.other_labels, conv.feature), 0, self.grid_o, self.split.features),
        )
        image, result = (
            Patch(values, conv, tiles, source, halo, (grid, count), lanes)
            for source, halo, grid, count in sources
        )
        if image.load is None or result.load is None:
            return None
        spare = values.scratch(dt.float32, PLANES * lanes)
        v, z = (points(values, tiles, part.stride, lanes) for part in (image, result))
        add = self._products(v, z, sums, place)
        body = [
            *image.fill(), image.points(v, spare, of_input, POINTS),
            *result.fill(), result.points(z, spare, of_output, TILE), add,
        ]  # fmt: skip
        return [nest(tiles.again, body)]

    def _products(
        self, v: Square, z: Square, sums: int, place: Callable[[Axis, Axis, Axis], Affine]
    ) -> Statement:
        """The products of a block, added to those of the blocks before it."""
        f, total = dt.float32, Accumulator("sum", "add", dt.float32, 0)
        p, t = Axis("p", PLANES), Axis("t", self.tiles.count)
        c, o = Axis("c", self.split.channels), Axis("o", self.split.features)
        a = at((p, v.column), (t, c.extent), (c, 1))
        b = at((p, z.column), (t, o.extent), (o, 1))
        where, again = place(p, c, o), math.prod(self.split.repeat)
        after: Expression = total
        if again > 1:
            n, y = self.tiles.again
            block = at((n, y.extent), (y, 1), const=-1)
            before = Load(sums, where, f, (Guard(block, again - 1),))  # none before the first
            after = Apply("add", (before, total), f)
        product = Contract(
            (c,), (o,), (t,), Load(v.buffer, a, f), Load(z.buffer, b, f), total,
            (Store(sums, where, after),),
        )  # fmt: skip
        return nest([p], [product])

    def _place(self, p: Axis, c: Axis, o: Axis) -> Affine:
        _, _, channels, features = self.sums.shape
        plane = channels * features
        n, y = self.tiles.grid
        return at(
            (n, y.extent * PLANES * plane), (y, PLANES * plane), (p, plane),
            (self.grid_c, self.split.channels * features), (c, features),
            (self.grid_o, self.split.features), (o, 1),
        )  # fmt: skip

    def finish(self, values: Values) -> Call:
        """The sums of all parts, G' S G and the epilogue."""
        lanes, f = self.lanes, dt.float32
        epilogue = Epilogue(values, self.conv)
        parts, _, channels, features = self.sums.shape
        grid_o = Axis("features", features // self.width)
        grid_c = Axis("blocks", channels // CHANNELS)
        c, p, part = Axis("c", CHANNELS), Axis("p", PLANES), Axis("part", parts)
        wide = Axis("w", self.width)
        plane, line = channels * features, CHANNELS * self.width + 3 * lanes
        place = at(
            (part, PLANES * plane), (p, plane), (grid_c, CHANNELS * features), (c, features),
            (grid_o, self.width), (wide, 1),
        )  # fmt: skip
        whole = Square(values.scratch(f, PLANES * line), at(), POINTS * line, line)
        total = Accumulator("total", "add", f, 0)
        add = Accumulate(total, Load(values.buffer(self.sums), place, f))
        keep = Store(whole.buffer, at((p, line), (c, self.width), (wide, 1)), total)
        sums = nest([p, c, wide], [Loop(part, (add,), carries=(total,)), keep], lanes)
        channel, feature = at((grid_c, CHANNELS)), at((grid_o, self.width))
        back = self._back(values, epilogue, whole, self.width, (channel, feature))
        return call("winograd_gradient", (grid_o, grid_c), values, [sums, *back])

    def _back(
        self,
        values: Values,
        epilogue: Epilogue,
        sums: Square,
        line: int,
        first: tuple[Affine, Affine],
    ) -> list[Statement]:
        """G' S G and the epilogue for some channels and a panel of features from the `first` on,
        whose sums lie `line` apart."""
        lanes, f, conv = self.lanes, dt.float32, self.conv
        c, piece, o = Axis("c", CHANNELS), Axis("piece", self.width // lanes), Axis("o", lanes)
        wide, feature = Axis("w", self.width), at((piece, lanes), (o, 1))
        spare = between(values.scratch(f, PLANES * lanes), o, lanes)
        by_feature = epilogue.unit(conv.feature)
        steps = (CHANNELS * KERNEL, KERNEL, 1)
        if by_feature:
            steps = (1, self.width * KERNEL, self.width)
        room = values.scratch(f, self.width * CHANNELS * KERNEL)
        corner = at((feature, steps[0]), (c, steps[1]))
        weights = Square(room, corner, 3 * steps[2], steps[2])
        corners = sums.moved(at((c, line), (feature, 1)))
        body = both_ways(corners, spare, weights, to_weight, POINTS)
        i, j = Axis("i", 3), Axis("j", 3)
        places: dict[int | None, Affine] = {
            conv.feature: at((first[1], 1), (wide, 1)),
            conv.channel: at((first[0], 1), (c, 1)),
            conv.kernel[0]: of_axis(i),
            conv.kernel[1]: of_axis(j),
        }
        result = replace(weights, base=at((wide, steps[0]), (c, steps[1]))).load(i, j)
        order = ([c, i, j], [wide]) if by_feature else ([wide], [c, i, j])
        last = epilogue.loops(*order, places, result, lanes)
        return [nest([c, piece, o], body, lanes), last]
