"""Attention whole: kernels that work through blocks of scores, which are never stored.

Forward, a tile is a few blocks of queries. Block after block of keys they make scores in scratch,
turn them into exponentials under a running maximum, and add their products with the values (Milakov
and Gimelshein, 'Online normalizer calculation for softmax', 2018). The logarithm of the sums, which
the gradient needs, is another node of the same kernel.

Backward, scores are made again block by block, and with the logarithm of their sums they are
probabilities at once. Where there are enough heads to share out, a tile is a head: for each block
of keys, all blocks of queries give their part of dk and dv, which stay in scratch, and add to dq.
Else dq has a kernel over blocks of queries, and dk and dv one over blocks of keys.

Causal: blocks beyond the diagonal are skipped, rows of the others end at it. Memory grows with the
number of positions, not with its square. Choices depend on shapes and TargetFacts only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from firth.base import dtype as dt
from firth.base.facts import TargetFacts
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Const,
    Contract,
    Expression,
    Kernel,
    Load,
    Loop,
    Statement,
    Store,
    Within,
)
from firth.ir.node import Node
from firth.ir.traced import least
from firth.passes.affine import ZERO, Index, combine, of_axis
from firth.passes.clusters import Cluster, Fusion
from firth.passes.loops import Call
from firth.passes.values import Sites, Values
from firth.passes.whole import batch_of, parts

WIDE = 4  # vectors of scores at a time: a maximum takes as long as several of its operations
GROUP = 8  # blocks of queries of a tile: they share what is copied of the keys
TILES = 16  # blocks stay apart where there would be fewer tiles than that
ROWS = 64  # queries of a block: scores and sums of a block stay in the second-level cache
HEADS = 8  # from so many on, a head is a tile of the gradient


def schedule_attention(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts, generic: bool
) -> list[Call]:
    """The kernels of the nodes of a cluster."""
    nodes = [n for n in cluster.nodes if id(n) in fusion.stored]

    def kernel(nodes: Sequence[Node], build: Callable[[_Attention], Kernel]) -> Call:
        a = _Attention(Values(fusion, cluster, sites), nodes, facts, generic)
        made = build(a)
        return Call(made, tuple(n for n in a.values.nodes if n is not None), a.values.checks)

    if nodes[0].op.name != "attention_gradient":
        return [kernel(nodes, _Attention.forward)]
    queries = [n for n in nodes if n.attrs[2] == "q"]
    keys = [n for n in nodes if n.attrs[2] != "q"]
    if queries and keys and (generic or math.prod(batch_of(nodes[0])) >= HEADS):
        return [kernel(nodes, _Attention.gradient_of_heads)]
    calls = [kernel(queries, _Attention.gradient_of_queries)] if queries else []
    return calls + ([kernel(keys, _Attention.gradient_of_keys)] if keys else [])


def _apply(op: str, *args: Expression) -> Expression:
    dtype = dt.bool_ if op in ("equal", "less_equal") else args[-1].dtype
    return Apply(op, args, dtype)


class _Attention:
    """One kernel: its axes, its blocks, and the statements that several kernels have."""

    def __init__(
        self, values: Values, nodes: Sequence[Node], facts: TargetFacts, generic: bool
    ) -> None:
        self.values, self.nodes, self.generic = values, nodes, generic
        node = next((n for n in nodes if n.op.name != "attention_lse"), nodes[0])
        self.node, self.dtype = node, node.dtype
        self.q, self.k, self.v, self.mask = parts(node)
        self.causal, scale = node.attrs[0], node.attrs[1]
        size = self.q.shape[-1]
        self.scale = 1 / math.sqrt(size) if scale is None else float(scale)
        self.batch = [Axis(f"b{d}", n) for d, n in enumerate(batch_of(node))]
        self.t, self.s = self.q.shape[-2], self.k.shape[-2]
        self.lanes = facts.lanes(self.dtype.itemsize)
        self.d, self.e = Axis("d", size), Axis("e", self.v.shape[-1])

    def blocks(self, rows: int, cols: int, group: int = 1) -> None:
        """Cuts queries into groups of blocks of `rows`, and keys into blocks of `cols`."""
        self.r, self.c = least(rows, self.t), least(cols, self.s)
        self.group = group
        self.ig = Axis("ig", -(-self.t // (self.r * group)))
        self.ib = Axis("ib", group if group > 1 else -(-self.t // self.r))
        self.ir = Axis("ir", self.r)
        self.jb, self.jr = Axis("jb", -(-self.s // self.c)), Axis("jr", self.c)
        parts = [(self.block(self.ib), self.r)]
        if group > 1:
            parts.append((self.block(self.ig), self.r * group))
        self.above = combine(parts)  # queries before the block
        self.row = combine([(self.above, 1), (of_axis(self.ir), 1)])
        self.col = combine([(self.block(self.jb), self.c), (of_axis(self.jr), 1)])
        self.seen = combine([(self.row, 1), (self.block(self.jb), -self.c)], 1)  # of this block

    def block(self, axis: Axis) -> Affine:
        """Which block; in generic kernels one alone is counted too, as many would be."""
        return Affine(0, ((axis, 1),)) if self.generic else of_axis(axis)

    # values

    def at(self, node: Node, *index: Affine) -> Expression:
        """An element of a source, batch dimensions broadcast."""
        lead = len(node.shape) - len(index)
        own = [of_axis(a) for a in self.batch][len(self.batch) - lead :] if lead else []
        whole = zip((*own, *index), node.shape, strict=True)
        return self.values.at(node, tuple(ZERO if n == 1 else x for x, n in whole))

    def out(self, node: Node, *index: Affine) -> tuple[int, Affine]:
        """Buffer and address of an element of a result."""
        place: Index = (*(of_axis(a) for a in self.batch), *index)
        number = self.values.buffer(node, written=True)
        return number, self.values.address(node, place)

    def scratch(self, *axes: Axis) -> tuple[int, Affine]:
        """A new scratch buffer over some axes, and its address there."""
        parts, step = [], 1
        for axis in reversed(axes):
            parts.append((of_axis(axis), step))
            step *= axis.extent
        return self.values.scratch(self.dtype, step), combine(parts)

    def load(self, place: tuple[int, Affine]) -> Load:
        """What scratch holds now."""
        return Load(*place, self.dtype)

    def number(self, value: float) -> Const:
        """A number."""
        return Const(value, self.dtype)

    def loop(self, axis: Axis, *body: Statement, carries: Sequence[Accumulator] = ()) -> Loop:
        """A vector loop."""
        lanes = WIDE * self.lanes if axis is self.jr else self.lanes
        return Loop(axis, body, lanes, tuple(carries))

    def contract(
        self, rows: Axis, cols: Axis, reduce: Axis, a: Expression, b: Expression,
        target: tuple[int, Affine], adds: bool = False,
        value: Callable[[Expression], Expression] = lambda x: x,
    ) -> Contract:  # fmt: skip
        """target (+)= value(a b)."""
        total = Accumulator("sum", "add", self.dtype, 0)
        found = value(total)
        if adds:
            found = _apply("add", self.load(target), found)
        return Contract((rows,), (cols,), (reduce,), a, b, total, (Store(*target, found),))

    # pieces

    def scores(self, s: tuple[int, Affine]) -> Contract:
        """Products of queries and keys of the block, into scratch."""
        d = of_axis(self.d)
        q, k = self.at(self.q, self.row, d), self.at(self.k, self.col, d)
        return self.contract(self.ir, self.jr, self.d, q, k, s)

    def score(self, s: tuple[int, Affine]) -> Expression:
        """A score, scaled and masked."""
        x = _apply("mul", self.load(s), self.number(self.scale))
        for mask in self.mask:
            m = self.at(mask, *(self.row, self.col)[max(0, 2 - len(mask.shape)) :])
            is_bool = mask.dtype.kind == "b"
            low = self.number(-math.inf)
            x = Apply("where", (m, x, low), self.dtype) if is_bool else _apply("add", x, m)
        return x

    def keys_of_block(
        self, *body: Statement, rest: Sequence[tuple[int, Affine]]
    ) -> list[Statement]:
        """For one query: the body on the keys that it sees; the rest of its row is zeros."""
        if not self.causal:
            return list(body)
        zero = self.loop(self.jr, *(Store(*x, self.number(0.0)) for x in rest))
        return [Within(self.jr, body, stops=(self.seen,)), Within(self.jr, (zero,), (self.seen,))]

    def rows_inside(self, *body: Statement) -> Within:
        """The body on the queries of a block, of which the last has fewer."""
        return Within(self.ir, body, stops=(combine([(self.above, -1)], self.t),))

    def cols_inside(self, *body: Statement, last: Affine | None = None) -> Within:
        """The body on the keys of a block, up to a last one."""
        first = combine([(self.block(self.jb), -self.c)])
        stops = [combine([(first, 1)], self.s)]
        if last is not None:
            stops.append(combine([(first, 1), (last, 1)], 1))
        return Within(self.jr, body, stops=tuple(stops))

    def seen_by_block(self) -> Affine | None:
        """The last key that a query of the block sees, if not all are seen."""
        return combine([(self.above, 1)], self.r - 1) if self.causal else None

    def clear(self, target: tuple[int, Affine], *axes: Axis) -> Statement:
        """Zeros, the last axis in vectors."""
        body: Statement = self.loop(axes[-1], Store(*target, self.number(0.0)))
        for axis in reversed(axes[:-1]):
            body = Loop(axis, (body,))
        return body

    def kernel(self, name: str, blocks: Sequence[Axis], *body: Statement) -> Kernel:
        """One tile for each head, and each block of `blocks`."""
        for axis in blocks:
            if not self.generic and axis.extent == 1:  # else one block is no structure of its own
                body = (Loop(axis, body),)
        split = blocks if self.generic else [a for a in blocks if a.extent != 1]
        grid = tuple((a, 1) for a in (*(a for a in self.batch if a.extent != 1), *split))
        return Kernel(name, grid, tuple(self.values.buffers), body)

    # forward

    def forward(self) -> Kernel:
        """The result and its logarithms of sums, whichever is wanted."""
        blocks = -(-self.t // ROWS)
        heads = math.prod(a.extent for a in self.batch)
        group = GROUP if self.generic else max(1, min(GROUP, blocks, heads * blocks // TILES))
        self.blocks(ROWS, 2048 // self.dtype.itemsize, group)
        y = next((n for n in self.nodes if n.op.name != "attention_lse"), None)
        lse = next((n for n in self.nodes if n.op.name == "attention_lse"), None)
        s = self.scratch(self.ir, self.jr)
        many = [self.ib] if group > 1 else []
        highest, total = self.scratch(*many, self.ir), self.scratch(*many, self.ir)
        sums = self.scratch(*many, self.ir, self.e)
        start: list[Statement] = [
            Store(*highest, self.number(-math.inf)), Store(*total, self.number(0.0)),
        ]  # fmt: skip
        block: list[Statement] = [self.scores(s)]
        end: list[Statement] = []
        once = self.jb.extent == 1 and not self.generic  # nothing comes before the only block
        row, scaled = self._softmax(s, highest, total, once)
        if y is not None:
            e = of_axis(self.e)
            start.append(self.loop(self.e, Store(*sums, self.number(0.0))))
            if not once:
                grown = _apply("mul", self.load(sums), scaled)
                row.append(self.loop(self.e, Store(*sums, grown)))
            value = self.at(self.v, self.col, e)
            product = self.contract(self.ir, self.e, self.jr, self.load(s), value, sums, not once)
            share = _apply("div", self.number(1.0), self.load(total))
            store = Store(*self.out(y, self.row, e), _apply("mul", self.load(sums), share))
            end.append(self.loop(self.e, store))
        block.append(Loop(self.ir, tuple(self.keys_of_block(*row, rest=[s]))))
        if y is not None:
            block.append(product)
        if lse is not None:
            shift = self._finite(self.load(highest))
            logarithm = _apply("add", _apply("log", self.load(total)), shift)
            end.append(Store(*self.out(lse, self.row), logarithm))
        block = [self.cols_inside(*block, last=self.seen_by_block())]
        before = [] if once else [Loop(self.ir, tuple(start))]
        last = Loop(self.ir, tuple(end))
        if group == 1:
            rows = *before, Loop(self.jb, tuple(block)), last
            return self.kernel("attention", [self.ib], self.rows_inside(*rows))
        keys = self.cols_inside(Loop(self.ib, (self.rows_inside(*block),)), last=self._seen())
        first = [Loop(self.ib, (self.rows_inside(x),)) for x in before]
        done = Loop(self.ib, (self.rows_inside(last),))
        return self.kernel("attention", [self.ig], *first, Loop(self.jb, (keys,)), done)

    def _seen(self) -> Affine | None:
        """The last key that a query of the group sees, if not all are seen."""
        size = self.r * self.group
        return combine([(self.block(self.ig), size)], size - 1) if self.causal else None

    def _softmax(
        self, s: tuple[int, Affine], highest: tuple[int, Affine], total: tuple[int, Affine],
        once: bool,
    ) -> tuple[list[Statement], Expression]:  # fmt: skip
        """One query and a block of keys, `once` the only one: exponentials, and by what earlier
        sums are scaled."""
        most = Accumulator("m", "maximum", self.dtype, -math.inf)
        more = Accumulator("z", "add", self.dtype, 0)
        before = self.load(highest)
        find = self.loop(self.jr, Accumulate(most, self.score(s)), carries=[most])
        now = most if once else _apply("maximum", before, most)
        shift = self._finite(now)
        scaled = _apply("exp", _apply("sub", before, shift))
        p = _apply("exp", _apply("sub", self.score(s), shift))
        exponents = self.loop(self.jr, Store(*s, p), Accumulate(more, p), carries=[more])
        sums = more if once else _apply("add", _apply("mul", self.load(total), scaled), more)
        return [find, exponents, Store(*total, sums), Store(*highest, now)], scaled

    def _finite(self, x: Expression) -> Expression:
        """0 in place of an infinity, as softmax has it."""
        infinite = _apply("equal", _apply("abs", x), self.number(math.inf))
        return Apply("where", (infinite, self.number(0.0), x), self.dtype)

    # backward

    def _probabilities(self, s: tuple[int, Affine], inner: tuple[int, Affine]) -> list[Statement]:
        """Scores of a block become probabilities, and gradients of the products."""
        g, lse, delta = self.node.src[0], self.node.src[4], self.node.src[5]
        e = of_axis(self.e)
        products = self.contract(
            self.ir, self.jr, self.e, self.at(g, self.row, e), self.at(self.v, self.col, e), inner
        )
        p = _apply("exp", _apply("sub", self.score(s), self.at(lse, self.row)))
        left = _apply("sub", self.load(inner), self.at(delta, self.row))
        change = _apply("mul", _apply("mul", p, left), self.number(self.scale))
        both = self.loop(self.jr, Store(*s, p), Store(*inner, change))
        row = self.keys_of_block(both, rest=[s, inner])
        return [self.scores(s), products, Loop(self.ir, tuple(row))]

    def _node(self, wrt: str) -> Node | None:
        return next((n for n in self.nodes if n.attrs[2] == wrt), None)

    def gradient_of_queries(self) -> Kernel:
        """dq, a tile for each block of queries."""
        self.blocks(ROWS, ROWS)
        node, d = self._node("q"), of_axis(self.d)
        assert node is not None
        s, inner = self.scratch(self.ir, self.jr), self.scratch(self.ir, self.jr)
        sums = self.scratch(self.ir, self.d)
        block = self._probabilities(s, inner)
        keys = self.at(self.k, self.col, d)
        block.append(
            self.contract(self.ir, self.d, self.jr, self.load(inner), keys, sums, adds=True)
        )
        store = self.loop(self.d, Store(*self.out(node, self.row, d), self.load(sums)))
        rows = (
            self.clear(sums, self.ir, self.d),
            Loop(self.jb, (self.cols_inside(*block, last=self.seen_by_block()),)),
            Loop(self.ir, (store,)),
        )
        return self.kernel("attention_gradient", [self.ib], self.rows_inside(*rows))

    def gradient_of_keys(self) -> Kernel:
        """dk and dv, a tile for each block of keys."""
        self.blocks(ROWS, ROWS)
        return self.kernel("attention_gradient", [self.jb], self._keys())

    def gradient_of_heads(self) -> Kernel:
        """dq, dk and dv, a tile for each head."""
        self.blocks(ROWS, ROWS)
        node = self._node("q")
        assert node is not None
        clear = self.clear(self.out(node, self.row, of_axis(self.d)), self.ir, self.d)
        body = Loop(self.ib, (self.rows_inside(clear),)), Loop(self.jb, (self._keys(),))
        return self.kernel("attention_gradient", [], *body)

    def _keys(self) -> Statement:
        """One block of keys, all blocks of queries: dk and dv of the block, and parts of dq."""
        s, inner = self.scratch(self.ir, self.jr), self.scratch(self.ir, self.jr)
        block = self._probabilities(s, inner)
        start: list[Statement] = []
        end: list[Statement] = []
        g, d, e = self.node.src[0], of_axis(self.d), of_axis(self.e)
        for wrt, axis, left, right in (
            ("v", self.e, s, self.at(g, self.row, e)),
            ("k", self.d, inner, self.at(self.q, self.row, d)),
        ):
            node = self._node(wrt)
            if node is None:
                continue
            sums = self.scratch(self.jr, axis)
            start.append(self.clear(sums, self.jr, axis))
            block.append(
                self.contract(self.jr, axis, self.ir, self.load(left), right, sums, adds=True)
            )
            store = Store(*self.out(node, self.col, of_axis(axis)), self.load(sums))
            end.append(Loop(self.jr, (self.loop(axis, store),)))
        queries = self._node("q")
        if queries is not None:
            keys, out = self.at(self.k, self.col, d), self.out(queries, self.row, d)
            block.append(
                self.contract(self.ir, self.d, self.jr, self.load(inner), keys, out, adds=True)
            )
        rows: Statement = Loop(self.ib, (self.rows_inside(*block),))
        if self.causal and self.r == self.c:  # from the diagonal on
            rows = Within(self.ib, (rows,), starts=(self.block(self.jb),))
        return self.cols_inside(*start, rows, *end)
