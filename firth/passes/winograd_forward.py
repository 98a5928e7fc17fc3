"""A 3x3 convolution by Winograd's F(4x4, 3x3), and so the gradient of its input, which is the
convolution with the turned weights.

    winograd_weights    U[36] = G w G' of all weights, once per run
    winograd            for a block of tiles V[36] = B' d B, products M[p] = V[p] U[p], and A' M A
                        with the epilogue of the cluster

A block's points lie in scratch that fits the second-level cache, channels innermost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firth.base import dtype as dt
from firth.base.facts import TargetFacts
from firth.ir.kernel import (
    Accumulator,
    Affine,
    Axis,
    Contract,
    Load,
    Loop,
    Statement,
    Store,
)
from firth.ir.node import Node
from firth.passes.affine import of_axis
from firth.passes.blocking import panel_columns
from firth.passes.expressions import rename
from firth.passes.loops import Call
from firth.passes.values import Values
from firth.passes.winograd_blocks import (
    Block,
    Convolution,
    Epilogue,
    Patch,
    Tiles,
    as_load,
    between,
    beyond,
    call,
    points,
    round_up,
    step,
)
from firth.passes.winograd_tiles import (
    HALO,
    PLANES,
    POINTS,
    TILE,
    Square,
    at,
    both_ways,
    down,
    nest,
    of_input,
    of_weight,
    to_output,
)

WEIGHTS = 16  # channels of a tile of their transform: neighbours lie in the same cache lines
KERNEL = 9  # weights of a channel and a feature
_BYTES = 8  # that come from the third-level cache in a cycle
_TRANSFORM = 350  # cycles of reading and transforming one vector of channels of a tile
MOST_TILES = 64  # of a block: more do not make the products faster


def forward(
    values: Callable[[], Values], conv: Convolution, facts: TargetFacts
) -> list[Call] | None:
    """The two kernels; None where an operand is not simply read from memory."""
    weights = _Weights(conv, facts)
    first = weights.call(values())
    second = _Forward(values(), conv, weights, facts).call()
    return None if first is None or second is None else [first, second]


@dataclass(frozen=True, slots=True)
class Plan:
    """The block of tiles and the features of a tile of the grid."""

    block: Block
    features: int


def plan(conv: Convolution, facts: TargetFacts) -> Plan:
    """Blocks whose points fit the second-level cache: each of them reads the weights of its
    features, and each part of the features transforms all tiles anew."""
    panel = panel_columns(4, facts)
    channels = conv.extents[conv.channel]
    every = round_up(conv.extents[conv.feature], panel)
    best: tuple[float, Plan] | None = None
    for parts in range(1, every // panel + 1):
        features = every // parts
        if every % (parts * panel) or parts > 1 and features < 2 * panel:
            continue
        found = _block(conv, channels + features, facts)
        tiles = Tiles(conv, found)
        blocks = tiles.grid[0].extent * tiles.grid[1].extent
        reads = blocks * PLANES * 4 * channels * every / _BYTES
        transforms = _TRANSFORM * parts * blocks * tiles.count * channels / facts.lanes(4)
        rounds = -(-blocks * parts // 2) * 2 / (blocks * parts)  # of two threads
        products = PLANES * blocks * tiles.count * channels * every / facts.lanes(4) / 2
        cost = (reads + transforms + products) * rounds
        if best is None or cost < best[0]:
            best = cost, Plan(found, features)
    assert best is not None
    return best[1]


def _block(conv: Convolution, points: int, facts: TargetFacts) -> Block:
    """As many tiles as leave room for so many channels and features of each."""
    rows, across = conv.tiles
    images = conv.count(conv.batch)
    room = facts.l2_bytes * 3 // 4 // (PLANES * 4 * points)
    most = max(1, min(MOST_TILES, room) // across)  # rows of tiles
    if most < rows:
        return Block(1, -(-rows // -(-rows // most)))
    together = min(images, most // rows)
    return Block(-(-images // -(-images // together)), rows)


class _Weights:
    """The points of all weights, node[36][panel of features][channel][feature of the panel], and
    the kernel that computes them."""

    def __init__(self, conv: Convolution, facts: TargetFacts) -> None:
        self.conv, self.lanes = conv, facts.lanes(4)
        self.width = panel_columns(4, facts)
        self.channels = conv.extents[conv.channel]
        self.panels = -(-conv.extents[conv.feature] // self.width)
        # planes must not begin in the same sets of a cache
        self.plane = self.panels * self.channels * self.width + 3 * self.lanes
        shape = (PLANES, self.plane)
        self.node = Node(conv.node.op, (), conv.node.attrs, shape, dt.float32)

    def call(self, values: Values) -> Call | None:
        """The kernel, unless the weights are not simply read from memory."""
        conv, lanes, width = self.conv, self.lanes, self.width
        self.axes = {x: Axis(f"w{x}", conv.extents[x]) for x in conv.other_labels}
        load = as_load(values, conv.other, conv.other_labels, self.axes)
        if load is None:
            return None
        self.panel, self.block = (
            Axis("panel", self.panels),
            Axis("block", -(-self.channels // WEIGHTS)),
        )
        c, piece, o = Axis("c", WEIGHTS), Axis("piece", width // lanes), Axis("o", lanes)
        inside = at((piece, lanes), (o, 1))
        copies, source = self._read(values, load, c, inside)
        spare = between(values.scratch(dt.float32, PLANES * lanes), o, lanes)
        start = at((self.panel, self.channels * width), (self.block, WEIGHTS * width))
        target = Square(
            values.buffer(self.node, written=True), start, POINTS * self.plane, self.plane
        )
        out, last = target, list[Statement]()
        feature, channel = (step(load.index, self.axes[x]) for x in (conv.feature, conv.channel))
        if feature > channel or self.channels % WEIGHTS:
            out, last = self._later(values, target)
        out = out.moved(at((c, width), (inside, 1)))
        transform = nest([piece, o], both_ways(source, spare, out, of_weight, 3), lanes)
        body = [nest([c], [*copies, transform]), *last]
        return call("winograd_weights", (self.panel, self.block), values, body)

    def _later(self, values: Values, target: Square) -> tuple[Square, list[Statement]]:
        """Scratch for the points, and what writes them, each plane in one run: where reading is
        slow, writing to many places at a time is too."""
        size = WEIGHTS * self.width + 3 * self.lanes
        p, c, wide = Axis("p", PLANES), Axis("c", WEIGHTS), Axis("w", self.width)
        points = Square(values.scratch(dt.float32, PLANES * size), at(), POINTS * size, size)
        run = ((c, self.width), (wide, 1))
        ready = Load(points.buffer, at((p, size), *run), dt.float32)
        place = at((target.base, 1), (p, self.plane), *run)
        guards = beyond(at((self.block, WEIGHTS), (c, 1)), self.channels)
        store = Store(target.buffer, place, ready, guards)
        return points, [nest([p, c, wide], [store], self.lanes)]

    def _read(
        self, values: Values, load: Load, c: Axis, inside: Affine
    ) -> tuple[list[Statement], Square]:
        """The weights of a channel and a vector of features, and what has to be copied before."""
        conv, width = self.conv, self.width
        row, column = (self.axes[k] for k in conv.kernel)
        steps = step(load.index, row), step(load.index, column)
        channel = at((self.block, WEIGHTS), (c, 1))

        def read(inside: Affine) -> Square:
            feature = at((self.panel, width), (inside, 1))
            where = {self.axes[conv.feature]: feature, self.axes[conv.channel]: channel}
            base = rename(load.index, {**where, row: at(), column: at()})
            guards = (*beyond(feature, conv.extents[conv.feature]), *beyond(channel, self.channels))
            return Square(load.buffer, base, *steps, guards)

        if step(load.index, self.axes[conv.feature]) == 1 or steps not in ((3, 1), (-3, -1)):
            return [], read(inside)
        # features apart in memory: a square of them and of the kernel is transposed
        k, wide, turn = Axis("k", KERNEL), Axis("w", width), steps[1]
        first, corner = read(at((wide, 1))), 0 if turn > 0 else KERNEL - 1
        copy = values.scratch(dt.float32, KERNEL * width)
        place = at((first.base, 1), (k, 1), const=-corner)
        element = Load(load.buffer, place, dt.float32, first.guards)
        put = Store(copy, at((k, width), (wide, 1)), element)
        source = Square(copy, at((inside, 1), const=corner * width), 3 * turn * width, turn * width)
        return [nest([k, wide], [put], self.lanes)], source


class _Forward:
    """The kernel of the tiles."""

    def __init__(
        self, values: Values, conv: Convolution, weights: _Weights, facts: TargetFacts
    ) -> None:
        self.values, self.conv, self.weights = values, conv, weights
        self.lanes = facts.lanes(4)
        chosen = plan(conv, facts)
        self.tiles = Tiles(conv, chosen.block)
        self.channels, self.width = weights.channels, weights.width
        self.features = chosen.features
        self.grid = Axis("features", weights.panels * weights.width // chosen.features)
        self.epilogue = Epilogue(values, conv)
        source = (conv.image, conv.image_labels, conv.channel)
        every = (Axis("all", 1), self.channels)
        self.patch = Patch(values, conv, self.tiles, source, HALO, every, self.lanes)

    def call(self) -> Call | None:
        """The kernel, unless the image is not simply read from memory."""
        if self.patch.load is None:
            return None
        values, tiles, lanes = self.values, self.tiles, self.lanes
        self.spare = values.scratch(dt.float32, PLANES * lanes)
        v = points(values, tiles, self.patch.stride, lanes)
        m = points(values, tiles, self.features, lanes)
        body = [
            *self.patch.fill(),
            self.patch.points(v, self.spare, of_input, POINTS),
            self._products(v, m),
        ]
        if self.epilogue.unit(self.conv.feature):
            body.append(self._outputs(m))
        else:
            body += self._outputs_in_scratch(m)
        return call("winograd", (self.grid, *tiles.grid), values, body)

    def _products(self, v: Square, m: Square) -> Statement:
        f, size = dt.float32, self.channels * self.width
        p, panel = Axis("p", PLANES), Axis("panel", self.features // self.width)
        t, o, k = Axis("t", self.tiles.count), Axis("o", self.width), Axis("k", self.channels)
        result = Accumulator("product", "add", f, 0)
        a = at((p, v.column), (t, self.patch.stride), (k, 1))
        first = panel.extent * size
        b = at((p, self.weights.plane), (self.grid, first), (panel, size), (k, self.width), (o, 1))
        out = at((p, m.column), (t, self.features), (panel, self.width), (o, 1))
        weights = Load(self.values.buffer(self.weights.node), b, f)
        store = Store(m.buffer, out, result)
        product = Contract((t,), (o,), (k,), Load(v.buffer, a, f), weights, result, (store,))
        return nest([p, panel], [product])

    def _tile(self, m: Square, piece: Axis, o: Axis) -> Square:
        place = at((self.tiles.number, self.features), (piece, self.lanes), (o, 1))
        return m.moved(place)

    def _outputs(self, m: Square) -> Statement:
        """A' M A and the epilogue, while a row of it is in registers."""
        conv, tiles, lanes = self.conv, self.tiles, self.lanes
        used = self.features
        if self.grid.extent == 1:
            used = round_up(conv.extents[conv.feature], lanes)
        piece, o, i = Axis("piece", used // lanes), Axis("o", lanes), Axis("i", TILE)
        spare = between(self.spare, o, lanes)
        image, y = tiles.place(tiles.n, at((tiles.i, TILE), (i, 1)))
        stores: list[Store] = []
        for k, value in enumerate(to_output([spare.load(i, j) for j in range(POINTS)])):
            places = {
                conv.batch: image, conv.feature: at((self.grid, used), (piece, lanes), (o, 1)),
                conv.places[0]: y, conv.places[1]: at((tiles.j, TILE), const=k),
            }  # fmt: skip
            stores += self.epilogue.at(places, value)[1]
        first = down(self._tile(m, piece, o), spare, to_output, POINTS)
        return nest([*tiles.axes, piece, o], [first, Loop(i, tuple(stores))], lanes)

    def _outputs_in_scratch(self, m: Square) -> list[Statement]:
        """A' M A into scratch, features innermost, and the epilogue in the order of its memory."""
        conv, tiles, lanes = self.conv, self.tiles, self.lanes
        piece, o = Axis("piece", self.features // lanes), Axis("o", lanes)
        line = tiles.columns * self.features
        rows = tiles.block.down * TILE
        y = self.values.scratch(dt.float32, tiles.block.images * rows * line)
        place = at(
            (tiles.n, rows * line), (tiles.i, TILE * line), (tiles.j, TILE * self.features),
            (piece, lanes), (o, 1),
        )  # fmt: skip
        out = Square(y, place, line, self.features)
        spare = between(self.spare, o, lanes)
        body = both_ways(self._tile(m, piece, o), spare, out, to_output, POINTS)
        used = self.features if self.grid.extent > 1 else conv.extents[conv.feature]
        n, r = Axis("n", tiles.block.images), Axis("r", rows)
        x, f = Axis("x", conv.extents[conv.places[1]]), Axis("f", used)
        image, row = tiles.place(n, r)
        places = {
            conv.batch: image, conv.feature: at((self.grid, used), (f, 1)), conv.places[0]: row,
            conv.places[1]: of_axis(x),
        }  # fmt: skip
        result = at((n, rows * line), (r, line), (x, self.features), (f, 1))
        read = Load(y, result, dt.float32)
        return [
            nest([*tiles.axes, piece, o], body, lanes),
            self.epilogue.loops([n, f], [r, x], places, read, lanes),
        ]
