"""Kernels of elementwise and reducing clusters: loops, the vector axis, tiles.

A cluster's kept axes become the grid and the loops of a tile, its reduced axes loops inside.
Reductions that need nothing of each other share a loop; each later one follows. A value that is
dear and needed by two loops over the same row is kept in scratch. Every choice depends on shapes,
dtypes and TargetFacts only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from firth.base import dtype as dt
from firth.base import flags
from firth.base.facts import TargetFacts
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Checked,
    Coordinate,
    Expression,
    Kernel,
    Load,
    Loop,
    Prefetch,
    Statement,
    Store,
)
from firth.ir.node import Node
from firth.ir.traced import greatest, least
from firth.passes.affine import of_axis
from firth.passes.clusters import Cluster, Fusion
from firth.passes.expressions import (
    FEW_APART,
    Rewriter,
    affines_of,
    arguments_of,
    collapse,
    reach,
    rename,
    times_reciprocal,
    weight,
)
from firth.passes.values import Sites, Values

TILE = (
    16384  # elements of work in one tile: about 5 us of cheap work, far above the cost of a claim
)
CROSSED = 64  # edge of a tile that reads along one axis and writes along another: fits the cache
LONG_SUM = 2048  # values in a row from which float32 is too short for their sum
AHEAD = 256  # elements from a request to its use in a single sweep
CACHE_FROM = 8  # cost from which a value used by two loops goes through scratch


@dataclass(frozen=True, eq=False)
class Call:
    """One kernel and the nodes whose storage its buffers are (scratch left out)."""

    kernel: Kernel
    arguments: tuple[Node, ...]
    checks: bool = False  # it may set the error word

    def places(self) -> Iterator[tuple[Node, Buffer]]:
        """Each node with the buffer that stands for it."""
        return zip(self.arguments, (b for b in self.kernel.buffers if not b.scratch), strict=True)


def schedule_loops(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts, generic: bool
) -> Call:
    """The kernel of an elementwise or reducing cluster."""
    values = Values(fusion, cluster, sites)
    stores: list[Store] = []
    for node in cluster.nodes:
        for index in values.elements(node):
            value = values.at(node, index)
            if id(node) in fusion.stored:
                address = values.address(node, index)
                stores.append(Store(values.buffer(node, written=True), address, value))
    nest = _Nest(values, stores, facts, generic)
    return nest.call()


class _Nest:
    """Builds the loops of one kernel from its values and stores."""

    def __init__(
        self, values: Values, stores: list[Store], facts: TargetFacts, generic: bool
    ) -> None:
        self.values, self.facts, self.generic = values, facts, generic
        reduced = values.cluster.reduced or frozenset()
        axes = _in_memory_order(values, stores)
        classes = [int(values.axes.index(a) in reduced) for a in axes]
        merged = collapse(axes, affines_of(values.made, stores), classes)
        new = Rewriter(merged)
        new.run(values.made)
        self.made = [new[e] for e in values.made]
        self.stores = [Store(s.buffer, rename(s.index, merged), new[s.value]) for s in stores]
        self.bodies = {acc: new[e] for acc, e in values.bodies.items()}
        self.kept = _unique(merged[a][0] for a, k in zip(axes, classes, strict=True)
                            if not k and a in merged)  # fmt: skip
        self.reduced = _unique(merged[a][0] for a, k in zip(axes, classes, strict=True)
                               if k and a in merged)  # fmt: skip
        self.level: dict[int, int] = {}
        self.axes_of: dict[int, frozenset[Axis]] = {}
        self._levels()
        if not flags.strict():
            self._multiply()
        self.vector = self._vector_axis()
        if self._chain() > LONG_SUM:
            self._widen()
        self.lanes = self._lanes()

    def _chain(self) -> int:
        """How many values one lane combines, one after the other."""
        count = math.prod(a.extent for a in self.reduced)
        return count // self.facts.lanes(4) if self.vector in self.reduced else count

    def _multiply(self) -> None:
        """Quotients by what was reduced become products with its reciprocal, one a row.

        Up to 1.5 units in the last place instead of 0.5. A power of two that goes to both sides
        first keeps the reciprocal a normal number.
        """
        new = Rewriter({})
        made: list[Expression] = []
        for e in self.made:
            new.run([e])
            if isinstance(e, Apply) and e.op == "div" and e.dtype.kind == "f":
                x, y = e.args
                inner = (self.axes_of[id(x)] - self.axes_of[id(y)]) & set(self.reduced)
                if inner and self.level[id(y)]:
                    new.new[id(e)] = times_reciprocal(new[x], new[y], e.dtype, made)
                    continue
            made.append(new[e])
        if len(made) == len(self.made):
            return
        self.made = made
        self.bodies = {acc: new[e] for acc, e in self.bodies.items()}
        self.stores = [Store(s.buffer, s.index, new[s.value]) for s in self.stores]
        self._levels()

    def _widen(self) -> None:
        """Long sums and products of float32 run in float64: rounding grows with their length."""
        new = Rewriter({})
        made: list[Expression] = []
        bodies: dict[Accumulator, Expression] = {}
        for e in self.made:
            new.run([e])
            if isinstance(e, Accumulator):
                body = new[self.bodies[e]]
                if e.op in ("add", "mul") and e.dtype is dt.float32:
                    wide = Accumulator(e.name, e.op, dt.float64, e.init)
                    body = Apply("cast", (body,), dt.float64)
                    made += [body, wide]
                    bodies[wide] = body
                    new.new[id(e)] = Apply("cast", (wide,), dt.float32)
                else:
                    bodies[e] = body
            made.append(new[e])
        self.made, self.bodies = made, bodies
        self.stores = [Store(s.buffer, s.index, new[s.value]) for s in self.stores]
        self._levels()

    def _levels(self) -> None:
        """For each expression: how many loops over reduced axes come before it, and its axes."""
        for e in self.made:
            if isinstance(e, Accumulator):
                body = self.bodies[e]
                self.level[id(e)] = self.level[id(body)] + 1
                self.axes_of[id(e)] = self.axes_of[id(body)] - set(self.reduced)
                continue
            parts = arguments_of(e)
            own = {x for x, _ in e.index.terms} if isinstance(e, (Load, Coordinate)) else set()
            if isinstance(e, (Load, Checked, Apply)):
                own |= {x for g in e.guards for x, _ in g.index.terms}
            self.level[id(e)] = max((self.level[id(p)] for p in parts), default=0)
            self.axes_of[id(e)] = frozenset(own).union(*(self.axes_of[id(p)] for p in parts))

    def _vector_axis(self) -> Axis | None:
        """The axis that costs least as the vector; the innermost one among equals.

        In strict mode sums run in order: a vector along them would have partial sums.
        """
        along = [] if self.bodies and flags.strict() else self.reduced
        candidates = [*self.kept, *along]
        if not candidates:
            return None
        costs = [self._cost_along(a) for a in candidates]
        return [a for a, c in zip(candidates, costs, strict=True) if c == min(costs)][-1]

    def _cost_along(self, axis: Axis) -> float:
        """Steps of the kernel with this vector axis: one for an operation on full vectors or a
        contiguous access, one a lane for any other access.

        Generic kernels suppose that every extent is long.
        """
        wide = self.facts.lanes(4)
        lanes = wide if self.generic else max(1, min(axis.extent, wide))
        once = 1.0 if self.generic else math.prod(a.extent for a in self.kept)
        inner = once * (64.0 if self.generic else math.prod(a.extent for a in self.reduced))
        total = inner * (1 + sum(weight(e, self.facts) for e in self.made)) / lanes
        indices = [e.index for e in self.made if isinstance(e, Load)]
        for index in (*indices, *(s.index for s in self.stores)):
            steps = dict(index.terms)
            walked = inner if any(a in steps for a in self.reduced) else once
            step = abs(steps.get(axis, 0))
            total += walked / lanes * (lanes if step > 1 else step)
        return total

    def _lanes(self) -> int:
        """Lanes of the vector loop: native width, more of them where work is light."""
        v = self.vector
        sizes = [e.dtype.itemsize for e in self.made
                 if isinstance(e, (Load, Apply)) and v in self.axes_of[id(e)]]  # fmt: skip
        sizes += [acc.dtype.itemsize for acc in self.bodies]
        itemsize = max(sizes, default=4)
        lanes = self.facts.lanes(itemsize)
        inner = self.made
        if self.bodies and v in self.kept:  # what follows the sums runs once for many values
            inner = [e for e in self.made if self.axes_of[id(e)] & set(self.reduced)]
        total = sum(weight(e, self.facts) for e in inner)
        unroll = 4 if total <= 4 else 2 if total <= 12 else 1
        if self.bodies and v in self.reduced:
            unroll = max(unroll, 2)
        lanes = min(lanes * unroll, max(lanes, self._put_together()))
        if not self.generic and v is not None:
            while lanes > self.facts.lanes(itemsize) and lanes > v.extent:
                lanes //= 2
        return lanes

    def _put_together(self) -> int:
        """The most lanes of a vector that is put together from whole ones (codegen/strided.py),
        where lanes of an access lie a few elements apart. More of them go one by one."""
        sizes = [e.dtype.itemsize for e in self.made if isinstance(e, Load) and not e.guards
                 and not e.dynamic and 1 < abs(self._step(e.index)) <= FEW_APART]  # fmt: skip
        beside = Counter((s.buffer, s.index.terms) for s in self.stores)
        for s in self.stores:
            if 1 < self._step(s.index) == beside[s.buffer, s.index.terms] <= FEW_APART:
                sizes.append(s.value.dtype.itemsize)
        return self.facts.lanes(max(sizes, default=1))

    def _step(self, index: Affine) -> int:
        """How far an index moves from lane to lane."""
        return next((step for axis, step in index.terms if axis is self.vector), 0)

    def call(self) -> Call:
        """The finished kernel."""
        inner = self._sequence()
        grid, body = self._tile(inner)
        values = self.values
        arguments = tuple(n for n in values.nodes if n is not None)
        name = "_".join(dict.fromkeys(n.op.name for n in values.cluster.nodes[-4:]))
        kernel = Kernel(name, tuple(grid), tuple(values.buffers), tuple(body))
        return Call(kernel, arguments, values.checks)

    def _sequence(self) -> list[Statement]:
        """What happens for one point of the kept axes: loops over reduced axes, level by level."""
        reduced = set(self.reduced)
        loops: dict[int, list[Statement]] = {}
        plain: dict[int, list[Statement]] = {}
        carried: dict[int, list[Accumulator]] = {}
        for acc, body in self.bodies.items():
            level = self.level[id(body)]
            loops.setdefault(level, []).append(Accumulate(acc, body))
            carried.setdefault(level, []).append(acc)
        for s in self.stores:
            level = self.level[id(s.value)]
            inside = any(x in reduced for x, _ in s.index.terms)
            (loops if inside else plain).setdefault(level, []).append(s)
        out: list[Statement] = []
        cached = self._cache(loops)
        loops = {level: cached(level, body) for level, body in loops.items()}
        ahead = self._ahead(loops)
        for level in range(max([*loops, *plain], default=-1) + 1):
            out += plain.get(level, [])
            if level in loops:
                inner = [*ahead.get(level, []), *loops[level]]
                out += self._reduced_loop(inner, carried.get(level, []))
        return out

    def _ahead(self, loops: dict[int, list[Statement]]) -> dict[int, list[Statement]]:
        """Requests for the next row, made in the sweep over this one that computes most.

        The first of several sweeps waits for memory, and memory for the others. Of no use where a
        row does not fit the first-level cache.
        """
        row = self.kept[-1] if self.kept else None
        if row is None or len(loops) < 2 or self.reduced != [self.vector]:
            return {}
        used = {level: reach(s.value for s in body if isinstance(s, (Store, Accumulate)))
                 for level, body in loops.items()}  # fmt: skip
        work = {level: self._work(parts.values()) for level, parts in used.items()}
        busiest = max([k for k in loops if k > min(loops)], key=lambda k: work[k])
        late = busiest == max(loops)  # what is written now was asked for a row ago
        writes = [s for s in self.stores if self.level[id(s.value)] == max(loops)]
        found = self._requests(self._loads(), row, 1) + self._requests(writes, row, int(late))
        inside = sum(self.reduced[0].extent * self._itemsize(p) for p in found)
        if inside > self.facts.l1_bytes:
            return {}
        return {busiest: list(found)}

    def _stream(self, v: Axis) -> list[Prefetch]:
        """Requests ahead of a single sweep whose work hides memory less than it could."""
        if self.reduced or self._work(self.made) < CACHE_FROM:
            return []
        accesses: list[Load | Store] = [*self._loads(), *self.stores]
        return self._requests(accesses, v, AHEAD)

    def _requests(self, accesses: Iterable[Load | Store], axis: Axis, steps: int) -> list[Prefetch]:
        """One for each contiguous access that moves along the axis, so many of its steps ahead;
        none where everything fits the second-level cache."""
        wanted: dict[tuple[int, Affine], Prefetch] = {}
        for access in accesses:
            terms = dict(access.index.terms)
            if self.vector and terms.get(axis) and abs(terms.get(self.vector, 0)) == 1:
                index = Affine(access.index.const + steps * terms[axis], access.index.terms)
                request = Prefetch(access.buffer, index, isinstance(access, Store))
                wanted[access.buffer, index] = request
        found = list(wanted.values())
        total = sum(self.values.buffers[p.buffer].elements * self._itemsize(p) for p in found)
        return [] if self.generic or total <= self.facts.l2_bytes else found

    def _itemsize(self, p: Prefetch) -> int:
        return self.values.buffers[p.buffer].dtype.itemsize

    def _loads(self) -> list[Load]:
        return [e for e in self.made if isinstance(e, Load) and not e.dynamic]

    def _work(self, expressions: Iterable[Expression]) -> int:
        """Cheap operations of the expressions that differ from lane to lane."""
        everywhere: frozenset[Axis] = (
            frozenset() if self.vector is None else frozenset((self.vector,))
        )
        return sum(weight(e, self.facts) for e in expressions
                   if self.vector in self.axes_of.get(id(e), everywhere))  # fmt: skip

    def _reduced_loop(self, body: list[Statement], carries: list[Accumulator]) -> list[Statement]:
        axes = [a for a in self.reduced if a is not self.vector]
        if self.vector in self.reduced:
            axes.append(self.vector)
        if not axes:  # every reduced extent is 1
            axes = [Axis("one", 1)]
        for place, axis in reversed(list(enumerate(axes))):
            lanes = self.lanes if axis is self.vector else 0
            body = [Loop(axis, tuple(body), lanes, tuple(carries) if place == 0 else ())]
        return body

    def _cache(self, loops: dict[int, list[Statement]]):  # type: ignore[no-untyped-def]
        """Moves dear values that several loops need into scratch; returns the rewriter."""

        def plain(level: int, body: list[Statement]) -> list[Statement]:
            return body

        if len(loops) < 2 or self.vector not in self.reduced or len(self.reduced) != 1:
            return plain
        used: dict[int, dict[int, Expression]] = {
            level: reach(s.value for s in body if isinstance(s, (Store, Accumulate)))
            for level, body in loops.items()
        }
        first: dict[int, int] = {}
        shared: list[Apply] = []
        for e in self.made:
            levels = [k for k in sorted(used) if id(e) in used[k]]
            several = len(levels) > 1 and self.vector in self.axes_of[id(e)]
            if several and isinstance(e, Apply) and weight(e, self.facts) >= CACHE_FROM:
                shared.append(e)
                first[id(e)] = levels[0]
        if not shared:
            return plain
        axis = self.vector
        assert axis is not None
        index = of_axis(axis)
        slots = {id(e): self.values.scratch(e.dtype, axis.extent) for e in shared}

        def rewrite(level: int, body: list[Statement]) -> list[Statement]:
            writes = [Store(slots[id(e)], index, e) for e in shared
                      if first[id(e)] == level]  # fmt: skip
            late = [e for e in shared if first[id(e)] < level and id(e) in used[level]]
            if not late:
                return [*writes, *body]
            new = Rewriter({})
            for e in late:
                new.new[id(e)] = Load(slots[id(e)], index, e.dtype)
            new.run(self.made)
            return [_again(s, new) for s in (*writes, *body)]

        return rewrite

    def _tile(self, inner: list[Statement]) -> tuple[list[tuple[Axis, int]], list[Statement]]:
        """Grid and loops around the work of one point."""
        work = 1
        for axis in self.reduced:
            work *= axis.extent
        target = greatest(TILE // greatest(work, 1), 1)
        body = inner
        grid: list[tuple[Axis, int]] = []
        v = self.vector if self.vector in self.kept else None
        others = [a for a in self.kept if a is not v]
        crossed = self._crossed(v)
        if v is not None:
            body = [*self._stream(v), *body]
            step = greatest(target // self.lanes, 1) * self.lanes
            if crossed is not None:
                others = [*(a for a in others if a is not crossed), crossed]
                step = greatest(CROSSED // self.lanes, 1) * self.lanes
                target = greatest(target, v.extent * CROSSED)
            block = least(step, greatest(v.extent, 1))
            body = [Loop(v, tuple(body), self.lanes)]
            grid.append((v, block))
            target = greatest(target // greatest(v.extent, 1), 1)
        for axis in reversed(others):
            block = least(target, greatest(axis.extent, 1))
            if self.generic or block > 1:
                body = [Loop(axis, tuple(body))]
            grid.insert(0, (axis, block))
            target = greatest(target // greatest(axis.extent, 1), 1)
        return grid, body

    def _crossed(self, v: Axis | None) -> Axis | None:
        """A kept axis along which a load is contiguous that jumps along v: a transposition."""
        for e in self.made:
            if not isinstance(e, Load) or e.dynamic:
                continue
            steps = dict(e.index.terms)
            if v is not None and abs(steps.get(v, 0)) > 1:
                for axis in self.kept:
                    if axis is not v and abs(steps.get(axis, 0)) == 1:
                        return axis
        return None


def _in_memory_order(values: Values, stores: Sequence[Store]) -> list[Axis]:
    """The axes of a kernel as they nest in the values that do not lie row-major, if there are some:
    the first one that it stores, else the first that it reads."""
    layouts = values.fusion.layouts
    moved = {k for k, n in enumerate(values.nodes) if n is not None and id(n) in layouts}
    accesses: list[Store | Load] = [*stores, *(e for e in values.made if isinstance(e, Load))]
    places = [dict(a.index.terms) for a in accesses if a.buffer in moved]
    if not places or (values.bodies and flags.strict()):  # sums in the order of their own dims
        return values.axes
    lead = max(places, key=len)

    def step(axis: Axis) -> int:
        return abs(lead[axis]) if axis in lead else max(abs(p.get(axis, 0)) for p in places)

    return sorted(values.axes, key=step, reverse=True)


def _again(s: Statement, new: Rewriter) -> Statement:
    if isinstance(s, Store):
        return Store(s.buffer, s.index, new[s.value])
    assert isinstance(s, Accumulate)
    return Accumulate(s.accumulator, new[s.value])


def _unique(axes: Iterable[Axis]) -> list[Axis]:
    return list(dict.fromkeys(axes))
