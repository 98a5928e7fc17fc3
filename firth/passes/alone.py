"""Kernels of ops that stand alone: they read buffers, write one, and take no part in fusion."""

from __future__ import annotations

import math
from collections.abc import Callable

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Checked,
    Const,
    Coordinate,
    Expression,
    Host,
    Kernel,
    Load,
    Loop,
    Sort,
    Statement,
    Store,
)
from firth.ir.node import Node
from firth.ir.op import HOST
from firth.ir.text import attrs_to_text
from firth.ir.traced import greatest, least
from firth.passes.affine import Index, combine, of_axis
from firth.passes.clusters import Cluster, Fusion
from firth.passes.loops import TILE, Call
from firth.passes.stored import strip
from firth.passes.values import NeedsBuffer, Sites, Values, neutral

_SCATTER = {"add": "add", "multiply": "mul", "maximum": "maximum", "minimum": "minimum"}


def schedule_alone(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts
) -> list[Call]:
    """The kernels of one op that stands alone."""
    (node,) = cluster.nodes
    if node.op.family == HOST:
        return [_host(node)]
    return _RULES[node.op.name](_Alone(fusion, cluster, sites, facts), node)


class _Alone:
    """What every rule needs: values, and maps over a domain."""

    def __init__(self, fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts) -> None:
        self.fusion, self.cluster, self.sites, self.facts = fusion, cluster, sites, facts

    def values(self) -> Values:
        """Expressions of one more kernel."""
        return Values(self.fusion, self.cluster, self.sites)

    def address(self, node: Node, index: Index) -> Affine:
        """Where an element of the node lies."""
        place = self.fusion.whole(node)
        return combine(list(zip(index, place.strides, strict=True)), place.offset)

    def map(
        self, node: Node, shape: tuple[int, ...], value: Callable[[Values, Index], Expression],
        place: Callable[[Index], Affine],
    ) -> Call:  # fmt: skip
        """A kernel that writes value(index) at place(index) of the node, over a domain."""
        values = self.values()
        axes = [Axis(f"i{d}", n) for d, n in enumerate(shape)]
        index = tuple(of_axis(a) for a in axes)
        store = Store(values.buffer(node, True), place(index), value(values, index))
        lanes = self.facts.lanes(max(node.dtype.itemsize, 1))
        live = [a for a in axes if a.extent != 1]
        if id(node) in self.fusion.layouts:  # the innermost in memory is the vector
            steps = dict(store.index.terms)
            live.sort(key=lambda a: -steps[a])
        return self.nest(values, live, [store], lanes)

    def nest(
        self, values: Values, axes: list[Axis], body: list[Statement], lanes: int, work: int = 1
    ) -> Call:
        """A kernel over independent axes, the last one the vector (lanes 0: none)."""
        grid: list[tuple[Axis, int]] = [(a, 1) for a in axes]
        target = greatest(TILE // greatest(work, 1), 1)
        if axes:
            v = axes[-1]
            step = greatest(target // max(lanes, 1), 1) * max(lanes, 1)
            grid[-1] = (v, least(greatest(v.extent, 1), step))
            body = [Loop(v, tuple(body), lanes)]
            for place in range(len(axes) - 2, -1, -1):
                target = greatest(target // greatest(axes[place + 1].extent, 1), 1)
                grid[place] = (axes[place], least(greatest(axes[place].extent, 1), target))
                body = [Loop(axes[place], tuple(body))]
        arguments = tuple(n for n in values.nodes if n is not None)
        name = self.cluster.nodes[0].op.name
        kernel = Kernel(name, tuple(grid), tuple(values.buffers), tuple(body))
        return Call(kernel, arguments, values.checks)


def _concatenate(alone: _Alone, node: Node) -> list[Call]:
    axis: int = node.attrs[0]
    calls, start = [], 0
    for part in node.src:
        offset = start * alone.fusion.whole(node).strides[axis]
        if 0 not in part.shape:
            calls.append(_part(alone, node, part, offset))
        start += part.shape[axis]
    return calls


def _part(alone: _Alone, node: Node, part: Node, offset: int) -> Call:
    """One source of a concatenation, written from an offset on."""
    return alone.map(
        node,
        part.shape,
        lambda values, index: values.at(part, index),
        lambda index: combine([(alone.address(node, index), 1)], offset),
    )


def _pad(alone: _Alone, node: Node) -> list[Call]:
    """Zeros between elements: fill everything, then write the source with a step."""
    low, _, inner, value = node.attrs
    source, whole = node.src[0], alone.fusion.whole(node)

    def fill(v: Values, _: Index) -> Expression:
        return v.keep(Const(value, node.dtype))

    def spread(index: Index) -> Affine:
        rows = zip(index, whole.strides, inner, strict=True)
        parts = [(i, s * (1 + gap)) for i, s, gap in rows]
        start = sum(a * s for a, s in zip(low, whole.strides, strict=True))
        return combine(parts, whole.offset + start)

    calls = [alone.map(node, node.shape, fill, lambda i: alone.address(node, i))]
    if 0 not in source.shape:
        calls.append(alone.map(node, source.shape, lambda v, i: v.at(source, i), spread))
    return calls


def _cumulate(alone: _Alone, node: Node) -> list[Call]:
    axis, kind = node.attrs
    values = alone.values()
    axes = [Axis(f"i{d}", n) for d, n in enumerate(node.shape)]
    index = tuple(of_axis(a) for a in axes)
    scan = axes[axis]
    op: str = kind
    steps = _widths(node.dtype, op in ("add", "mul"))
    acc = Accumulator("run", op, steps[-1], neutral(op, node.dtype))
    more = Accumulate(acc, _widened(values.at(node.src[0], index), steps))
    return [_running(alone, values, node, axes, scan, (more,), acc, steps)]


def _recurrence(alone: _Alone, node: Node) -> list[Call]:
    (axis,) = node.attrs
    values = alone.values()
    axes = [Axis(f"i{d}", n) for d, n in enumerate(node.shape)]
    index = tuple(of_axis(a) for a in axes)
    steps = _widths(node.dtype, True)
    acc = Accumulator("run", "last", steps[-1], 0)
    factor, more = (_widened(values.at(s, index), steps) for s in node.src)
    value = Apply("add", (Apply("mul", (factor, acc), acc.dtype), more), acc.dtype)
    body = (Accumulate(acc, value),)
    return [_running(alone, values, node, axes, axes[axis], body, acc, steps)]


def _logcumsumexp(alone: _Alone, node: Node) -> list[Call]:
    """The largest so far, and the sum of exponentials relative to it: one exponential each."""
    (axis,) = node.attrs
    values = alone.values()
    axes = [Axis(f"i{d}", n) for d, n in enumerate(node.shape)]
    steps = _widths(node.dtype, True)
    wide = steps[-1]
    top, total = Accumulator("top", "maximum", wide, -math.inf), Accumulator("sum", "last", wide, 0)
    x = _widened(values.at(node.src[0], tuple(of_axis(a) for a in axes)), steps)
    zero, one = Const(0, wide), Const(1, wide)
    apart = Apply("neg", (Apply("abs", (Apply("sub", (x, top), wide),), wide),), wide)
    same = Apply("equal", (x, top), dt.bool_)  # also where both are infinite
    less = Apply("exp", (Apply("where", (same, zero, apart), wide),), wide)
    grown = Apply("add", (Apply("mul", (total, less), wide), one), wide)
    higher = Apply("less", (top, x), dt.bool_)
    more = Apply("where", (higher, grown, Apply("add", (total, less), wide)), wide)
    found = Apply("add", (top, Apply("log", (total,), wide)), wide)
    body = (Accumulate(total, more), Accumulate(top, x))
    return [_running(alone, values, node, axes, axes[axis], body, found, steps)]


def _widths(dtype: DType, rounds: bool) -> list[DType]:
    """The dtypes on the way from a value to its accumulator.

    Rounding grows with the length of a running sum: floats run in the widest dtype.
    """
    steps = [dtype]
    if dtype in (dt.float16, dt.bfloat16):
        steps.append(dt.float32)
    if dtype.kind == "f" and rounds:
        steps.append(dt.float64)
    return steps


def _widened(value: Expression, steps: list[DType]) -> Expression:
    for dtype in steps[1:]:
        value = Apply("cast", (value,), dtype)
    return value


def _running(
    alone: _Alone, values: Values, node: Node, axes: list[Axis], scan: Axis,
    body: tuple[Accumulate, ...], running: Expression, steps: list[DType],
) -> Call:  # fmt: skip
    """A kernel that stores what is found after each value along an axis."""
    for dtype in reversed(steps[:-1]):
        running = Apply("cast", (running,), dtype)
    index = tuple(of_axis(a) for a in axes)
    store = Store(values.buffer(node, True), alone.address(node, index), running)
    loop = Loop(scan, (*body, store), 0, tuple(a.accumulator for a in body))
    kept = [a for a in axes if a is not scan and a.extent != 1]
    inner = scan is not axes[-1]
    lanes = alone.facts.lanes(steps[-1].itemsize) if inner else 0
    return alone.nest(values, kept, [loop], lanes, scan.extent)


def _scatter(alone: _Alone, node: Node) -> list[Call]:
    """A copy of x, then the updates in order of their position; tiles share no target element."""
    x, updates, *indices = node.src
    axes_attr, mode = node.attrs
    copy = alone.map(node, x.shape, lambda v, i: v.at(x, i), lambda i: alone.address(node, i))
    values = alone.values()
    places = [Axis(f"p{d}", n) for d, n in enumerate(indices[0].shape)]
    rest_dims = [d for d in range(len(x.shape)) if d not in axes_attr]
    rest = [Axis(f"r{d}", x.shape[d]) for d in rest_dims]
    at = tuple(of_axis(a) for a in places)
    whole = alone.fusion.whole(node)
    strides = whole.strides
    dynamic = []
    for source, axis in zip(indices, axes_attr, strict=True):
        site = alone.sites.add("scatter", "index", x.shape[axis])
        checked = Checked(values.at(source, at), x.shape[axis], site)
        dynamic.append((checked, strides[axis]))
    rows = [(of_axis(a), strides[d]) for a, d in zip(rest, rest_dims, strict=True)]
    address = combine(rows, whole.offset)
    value = values.at(updates, (*at, *(of_axis(a) for a in rest)))
    target = values.buffer(node, True)
    if mode != "set":
        old: Expression = Load(target, address, node.dtype, (), 0, tuple(dynamic))
        half = node.dtype in (dt.float16, dt.bfloat16)
        if half:
            old, value = (Apply("cast", (e,), dt.float32) for e in (old, value))
        value = Apply(_SCATTER[mode], (old, value), dt.float32 if half else node.dtype)
        if half:
            value = Apply("cast", (value,), node.dtype)
    body: list[Statement] = [Store(target, address, value, (), tuple(dynamic))]
    values.checks = True
    live = [a for a in rest if a.extent != 1]
    if live:
        body = [Loop(live[-1], tuple(body), alone.facts.lanes(node.dtype.itemsize))]
        for a in reversed(live[:-1]):
            body = [Loop(a, tuple(body))]
    for a in reversed(places):
        body = [Loop(a, tuple(body))]
    grid = ((live[-1], max(alone.facts.lanes(node.dtype.itemsize) * 4, 1)),) if live else ()
    arguments = tuple(n for n in values.nodes if n is not None)
    kernel = Kernel("scatter", grid, tuple(values.buffers), tuple(body))
    return [copy, Call(kernel, arguments, True)]


def _argsort(alone: _Alone, node: Node) -> list[Call]:
    axis, descending = node.attrs
    values = alone.values()
    axes = [Axis(f"i{d}", n) for d, n in enumerate(node.shape)]
    index = tuple(of_axis(a) for a in axes)
    along = axes[axis]
    key = values.at(node.src[0], index)
    if not isinstance(key, Load):
        raise NeedsBuffer(node.src[0])
    keys = values.scratch(node.src[0].dtype, 2 * along.extent)
    order = values.scratch(dt.int64, 2 * along.extent)
    sort = Sort(
        along,
        key,
        values.buffer(node, True),
        alone.address(node, index),
        bool(descending),
        keys,
        order,
    )
    kept = [a for a in axes if a is not along and a.extent != 1]
    return [alone.nest(values, kept, [sort], 0, along.extent)]


def _searchsorted(alone: _Alone, node: Node) -> list[Call]:
    """Bit by bit from the highest: as many elements as may be taken that stand before x."""
    rows, x = node.src
    n, values = rows.shape[-1], alone.values()
    axes = [Axis(f"i{d}", extent) for d, extent in enumerate(node.shape)]
    index = tuple(of_axis(a) for a in axes)
    bits = Axis("bit", max(n.bit_length(), 3))  # from 3 on, so that short rows share the code
    count = Accumulator("count", "add", dt.int64, 0)
    if n == 0:
        return [alone.map(node, node.shape, lambda v, _: v.keep(Const(0, dt.int64)),
                          lambda i: alone.address(node, i))]  # fmt: skip
    view = values.view(rows)
    if view is None:
        raise NeedsBuffer(rows)
    bit = Coordinate(Affine(bits.extent - 1, ((bits, -1),)), dt.int64)
    step = Apply("shift_left", (Const(1, dt.int64), bit), dt.int64)
    last = Apply("sub", (Apply("add", (count, step), dt.int64), Const(1, dt.int64)), dt.int64)
    end = Const(n - 1, dt.int64)
    place = Apply("minimum", (last, end), dt.int64)
    lead = list(zip(index[:-1], view.strides[:-1], strict=True))
    dynamic = ((place, view.strides[-1]),)
    there: Expression = Load(
        values.buffer(view.base), combine(lead, view.offset), rows.dtype, (), 0, dynamic
    )
    given = values.at(x, index)
    if rows.dtype in (dt.float16, dt.bfloat16):
        there, given = (Apply("cast", (e,), dt.float32) for e in (there, given))
    inside = Apply("less_equal", (last, end), dt.bool_)
    taken = Apply("bitwise_and", (inside, _before(there, given, node.attrs[0])), dt.bool_)
    more = Apply("where", (taken, step, Const(0, dt.int64)), dt.int64)
    loop = Loop(bits, (Accumulate(count, more),), 0, (count,))
    store = Store(values.buffer(node, True), alone.address(node, index), count)
    kept = [a for a in axes if a.extent != 1]
    return [alone.nest(values, kept, [loop, store], alone.facts.lanes(8), bits.extent)]


def _before(value: Expression, x: Expression, right: bool) -> Expression:
    """Whether a value of a sorted row stands before x, NaN being the largest."""
    below = Apply("less_equal" if right else "less", (value, x), dt.bool_)
    if value.dtype.kind != "f":
        return below
    missing = Apply("not_equal", (x, x), dt.bool_)
    if not right:
        number = Apply("equal", (value, value), dt.bool_)
        missing = Apply("bitwise_and", (missing, number), dt.bool_)
    return Apply("bitwise_or", (below, missing), dt.bool_)


def _host(node: Node) -> Call:
    """A host op: it may fail, like what looks at indices."""
    roots = [strip(s) for s in node.src]
    arguments = (*{id(r): r for r in roots}.values(), node)
    number = {id(n): k for k, n in enumerate(arguments)}
    sources = tuple((number[id(r)], s.shape) for r, s in zip(roots, node.src, strict=True))
    buffers = tuple(Buffer(n.dtype, n is node, 0, math.prod(n.shape)) for n in arguments)
    call = Host(node.op.name, attrs_to_text(node), sources, node.shape)
    return Call(Kernel(node.op.name, (), buffers, (call,)), arguments, True)


_RULES: dict[str, Callable[[_Alone, Node], list[Call]]] = {
    "concatenate": _concatenate, "pad": _pad, "cumulate": _cumulate, "scatter": _scatter,
    "argsort": _argsort, "recurrence": _recurrence, "logcumsumexp": _logcumsumexp,
    "searchsorted": _searchsorted,
}  # fmt: skip
