"""Values computed again late, instead of being kept over the moment when memory is fullest.

A plan says when memory is fullest. What was computed until then, and is read afterwards, has to be
alive in between, or it is computed a second time from what is. Which values to keep is a minimum
cut (`passes/cut.py`) of the graph above the border: keeping a value costs its bytes, inputs and
outputs cost nothing, and elementwise ops, movement and lookups in inputs can be repeated;
contractions, reductions and kernels of their own cannot. So of GELU's result and its derivative,
both read by the backward pass, the sum that both are made of is kept; a norm keeps its input, which
others read too, and a mean and a factor for each row; what embeddings add up to is looked up again.

What is computed again reads through slices that cut nothing: no kernel of the first computation
takes them in. Each late kernel has copies of its own, so that they are part of it where it may
compute them; only what a contraction reads is stored again, just before (`Schedule.again`).
The new graph is planned anew, its fullest moment is another one, and so on while that saves enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import INPUT, TABLE, make
from firth.passes.cut import FREE, Cut
from firth.passes.expressions import coefficients
from firth.passes.fuse import AGAIN, LOOKUPS, MOVEMENT
from firth.passes.plan import Plan
from firth.passes.schedule import Schedule
from firth.passes.stored import strip

ROUNDS = 4
SMALL = 1 << 16  # bytes of a value that is not worth computing again
WORTH = 0.05  # share of the arena that has to be saved
PROMISE = 0.25  # of the arena, at the border: a third to a half of that is saved in the arena
_FREELY = ("elementwise", "movement", "source")  # families of ops that may be repeated


_OUTPUT = -1  # in place of a kernel's number: what an output's movement reads is stored


class Planned(Protocol):
    """Schedules and plans a graph, where some nodes (by id) are computed as late as possible."""

    def __call__(self, graph: Graph, again: frozenset[int]) -> tuple[Schedule, Plan]: ...


def remat(graph: Graph, facts: TargetFacts, planned: Planned) -> tuple[Schedule, Plan]:
    """The kernels and places of a graph, with values computed again where that saves memory."""
    best = planned(graph, frozenset())
    for _ in range(ROUNDS):
        steps, places = best
        if places.arena_bytes < facts.crowded:
            break
        border = _Border(graph, facts, steps, places)
        changed = border.rewritten()
        if changed is None:
            break
        found = planned(*changed)
        if found[1].arena_bytes > places.arena_bytes * (1 - WORTH):
            break
        best, graph = found, changed[0]
    return best


def fullest(places: Plan) -> int:
    """The last step at which most of the arena is in use."""
    live = [0] * (len(places.steps) + 2)
    for value in places.values:
        live[value.first] += value.bytes
        live[value.last + 1] -= value.bytes
    most, at, now = 0, 0, 0
    for step, change in enumerate(live):
        now += change
        if now >= most:
            most, at = now, step
    return at


class _Border:
    """What is computed until the fullest moment of a plan, and what is read of it afterwards."""

    def __init__(self, graph: Graph, facts: TargetFacts, steps: Schedule, places: Plan) -> None:
        self.graph, self.facts, self.steps = graph, facts, steps
        at = fullest(places)
        done = [v.node for v in places.values if v.made <= at]
        over = [v for v in places.values if v.made <= at < v.last]
        self.now, self.arena = sum(v.bytes for v in over), places.arena_bytes
        self.early = {id(n): n for n in Graph(graph.inputs, tuple(done)).nodes()}
        self.early |= {id(n): n for n in graph.inputs}
        self.free = {id(strip(o)) for o in graph.outputs} | {id(n) for n in graph.inputs}
        self.order = graph.nodes()
        self.shared = set(self._stored_anyway())
        lookups = (n for n in self.early.values() if n.op.name in LOOKUPS and self._safe(n))
        self.positions = {id(self._base(s)) for n in lookups for s in n.src[1:]}
        self.repeated: set[int] = set()
        self._copies: dict[tuple[int, int], Node] = {}
        self._made: dict[tuple[int, int], Node] = {}
        self._doors: dict[int, Node] = {}

    def rewritten(self) -> tuple[Graph, frozenset[int]] | None:
        """The graph with late copies, and their ids; None where that saves too little."""
        wanted = list(dict.fromkeys(id(n) for n in self._read_late()))
        kept, self.repeated = self._cut(wanted)
        then = sum(self._bytes(self.early[n]) for n in kept if n not in self.free)
        if not self.repeated.intersection(wanted) or self.now - then < PROMISE * self.arena:
            return None
        graph = self.graph.replace(self._rebuilt())
        again = {id(c) for c in self._copies.values()}
        again |= {id(self._made[n, 0]) for n in self.steps.again if (n, 0) in self._made}
        present = {id(n) for n in graph.nodes()}  # another node may get the id of one that is not
        return graph, frozenset(present & (again | self.steps.again))

    # which values

    def _stored_anyway(self) -> Iterator[int]:
        """Values (by id) that another kernel reads before the border."""
        owner = self.steps.owner
        for node in self.early.values():
            if id(node) in owner:
                found = (id(self._base(s)) for s in node.src)
                yield from (s for s in found if owner.get(s) != owner[id(node)])

    def _read_late(self) -> Iterator[Node]:
        """Values from before the border that are read behind it."""
        for node in self.order:
            if id(node) not in self.early:
                yield from (s for s in node.src if id(s) in self.early)
        yield from (o for o in self.graph.outputs if id(o) in self.early)

    def _cut(self, wanted: list[int]) -> tuple[set[int], set[int]]:
        """(values to keep, values to compute again); chains that would be dear are kept too."""
        cost = {key: self._cost(node) for key, node in self.early.items()}
        sources = {
            key: [id(s) for s in node.src]
            for key, node in self.early.items()
            if self._repeatable(node)
        }
        while True:
            kept, repeated = Cut(cost, sources).run(wanted)
            dear = [n for n in wanted if n in repeated and self._chain(n, repeated)]
            if not dear:
                return kept, repeated
            for key in dear:
                sources.pop(key, None)
                cost[key] = min(cost[key], self._bytes(self.early[key]))

    def _repeatable(self, node: Node) -> bool:
        name = node.op.name
        if id(node) in self.free or id(node) in self.positions:
            return False
        if node.op.family not in _FREELY and name not in (AGAIN, *LOOKUPS):
            return False
        if name in ("floor_divide", "remainder") and node.dtype.is_integer:
            return False  # may fail: once is enough
        if name in LOOKUPS and not self._safe(node):
            return False
        return name in MOVEMENT or not node.src or self._bytes(node) >= SMALL

    def _base(self, node: Node) -> Node:
        """What a kernel reads where it reads a node through movement."""
        while node.op.name in MOVEMENT and id(node) not in self.steps.owner:
            node = node.src[0]
        return node

    def _safe(self, lookup: Node) -> bool:
        """Whether a lookup is of an input, at positions in memory: where an earlier one did not
        fail there, this one cannot, so no update of inputs waits for it (`passes/checks.py`)."""
        stored = self.steps.stored
        return lookup.src[0].op is INPUT and all(
            s.op is INPUT or id(s) in stored for s in map(self._base, lookup.src[1:])
        )

    def _cost(self, node: Node) -> int:
        if id(node) in self.free:
            return 0
        if node.op.name in MOVEMENT:
            return FREE
        size = self._bytes(node)
        if id(node) not in self.steps.stored:
            return size + size // 16  # rather what is there
        return size if id(node) in self.shared else size + size // 32  # now only for late readers

    def _bytes(self, node: Node) -> int:
        return self.steps.size_bytes(node)

    def _chain(self, key: int, repeated: set[int]) -> bool:
        """Whether computing a value again takes more than `again` additions for an element."""
        total, stack, seen = 0, [key], {key}
        while stack:
            node = self.early[stack.pop()]
            if node.op.name not in (AGAIN, *MOVEMENT):
                total += self.facts.cost(node.op.name, len(coefficients(node)))
            fresh = [id(s) for s in node.src if id(s) in repeated and id(s) not in seen]
            seen.update(fresh)
            stack += fresh
        return total > self.facts.again

    # the new graph

    def _rebuilt(self) -> list[Node]:
        """The outputs on new late nodes."""
        for node in self.order:
            if id(node) not in self.early and id(node) in self.steps.owner:
                self._made[id(node), 0] = self._with(node, self.steps.owner[id(node)])
        return [self._late(o, _OUTPUT) for o in self.graph.outputs]

    def _with(self, node: Node, kernel: int) -> Node:
        """A late node on what its kernel reads."""
        return _on(node, tuple(self._late(s, kernel) for s in node.src))

    def _late(self, node: Node, kernel: int) -> Node:
        """A node as a late kernel reads it."""
        if id(node) in self.early:
            again = id(node) in self.repeated and kernel != _OUTPUT
            return self._copy(node, kernel) if again else node
        if id(node) in self.steps.owner:
            return self._made[id(node), 0]
        key = (id(node), 1 + kernel)
        if key not in self._made:  # movement belongs to whoever reads it
            self._made[key] = self._with(node, kernel)
        return self._made[key]

    def _copy(self, node: Node, kernel: int) -> Node:
        """A value computed again for a kernel."""
        key = (id(node), kernel)
        if key not in self._copies:
            sources = tuple(
                self._copy(s, kernel) if id(s) in self.repeated else self._door(s) for s in node.src
            )
            self._copies[key] = _on(node, sources)
        return self._copies[key]

    def _door(self, node: Node) -> Node:
        """What was kept, as a late copy reads it."""
        if node.op is INPUT or not node.shape and not node.src:
            return node
        if id(node) not in self._doors:
            whole = ((0,) * len(node.shape), node.shape, (1,) * len(node.shape))
            door = self._doors[id(node)] = make(TABLE["slice"], (node,), whole)
            door.origin = node.origin
        return self._doors[id(node)]


def _on(node: Node, src: tuple[Node, ...]) -> Node:
    made = Node(node.op, src, node.attrs, node.shape, node.dtype)
    made.origin = node.origin
    return made
