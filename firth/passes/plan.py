"""Memory: a place for every stored value, reused when nothing needs it any more.

Outputs own their buffers; a donated output is written over its input where no later or unaligned
read of that input remains, otherwise into the arena and copied at the end. Kernels that write
donated memory come after every kernel that can fail, so that a failed step changes nothing.
Inside the arena a result may lie over a value that its kernel reads last, by the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from firth.base import flags
from firth.base.errors import VerifyError
from firth.ir.graph import Graph
from firth.ir.kernel import (
    Affine,
    Axis,
    Buffer,
    Contract,
    Kernel,
    Load,
    Loop,
    Statement,
    Store,
    Within,
)
from firth.ir.node import Node
from firth.ir.traced import as_seen
from firth.passes.accesses import Accesses
from firth.passes.affine import of_axis
from firth.passes.arena import Span, offsets
from firth.passes.checks import failing
from firth.passes.kept import divide
from firth.passes.loops import TILE, Call
from firth.passes.order import Item, order
from firth.passes.overlap import ERROR, Place, Touched, awaited
from firth.passes.schedule import Schedule
from firth.passes.stored import strip

ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class Step:
    """A kernel with the place of each buffer. guarded: skipped once the error word is set.

    bytes: of all its buffers. flops: of its contraction, two for each product. after: how many of
    the first steps must be done when it starts. empty: numbers of the places without a byte.
    """

    kernel: Kernel
    places: tuple[Place, ...]
    guarded: bool
    bytes: int
    flops: int
    after: int
    empty: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Value:
    """A value in the arena, where its bytes belong to it from a first to a last step. made: the
    last step that writes it."""

    node: Node
    offset: int
    bytes: int
    first: int
    last: int
    made: int


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in order over one arena. in_place: outputs that live in a donated input's buffer.

    before: computes, from the same inputs, what follows the graph's own inputs here; run again only
    when a constant input changes.
    """

    steps: list[Step]
    arena_bytes: int
    output_bytes: tuple[int, ...]
    in_place: dict[int, int]
    values: list[Value]
    before: Plan | None = None


def plan(graph: Graph, schedule: Schedule) -> Plan:
    """Orders the kernels and gives every stored value a place."""
    kept, first, rest = divide(graph, schedule) if graph.constants else ((), schedule, schedule)
    roots = tuple(map(strip, graph.outputs))
    if not kept:
        return _Planner(graph, schedule, roots).run()
    before = _Planner(Graph(graph.inputs, kept), first, kept).run()
    return replace(_Planner(graph, rest, roots, kept).run(), before=before)


def verify_order(plan: Plan) -> None:
    """VerifyError when a kernel reads a place that nothing has written yet."""
    if plan.before is not None:
        verify_order(plan.before)
    written: set[Place] = set()
    for step in plan.steps:
        buffers = [b for b in step.kernel.buffers if not b.scratch]
        idle = step.kernel.tiles() == 0  # nothing is read by no tiles
        for k, (buffer, place) in enumerate(zip(buffers, step.places, strict=True)):
            known = place[0] == "input" or place in written or k in step.empty or idle
            if not buffer.written and not known:
                raise VerifyError(
                    f"plan: kernel {step.kernel.name} reads {place} before it is written; got "
                    f"{place}, expected a place that an earlier kernel wrote; mend fuse or schedule"
                )
        written.update(p for b, p in zip(buffers, step.places, strict=True) if b.written)


def size_bytes(node: Node) -> int:
    """Bytes of a node's contiguous value."""
    count = node.dtype.itemsize
    for n in node.shape:
        count *= n
    return count


class _Planner:
    """roots: the stored values of the outputs. kept: values that come after the inputs."""

    def __init__(
        self,
        graph: Graph,
        schedule: Schedule,
        roots: tuple[Node, ...],
        kept: tuple[Node, ...] = (),
    ) -> None:
        self.graph, self.schedule, self.roots = graph, schedule, roots
        given = (*graph.inputs, *kept)
        self.places: dict[int, Place] = {id(n): ("input", i) for i, n in enumerate(given)}
        self.calls = list(schedule.calls)
        self.copies: list[tuple[Node, Place]] = []
        self.in_place: dict[int, int] = {}
        self.accesses: dict[int, Accesses] = {}  # by id of the call

    def run(self) -> Plan:
        donated = dict(self.graph.donated)
        roots = dict(enumerate(self.roots))
        self._order(
            {id(r): self.graph.inputs[donated[j]] for j, r in roots.items() if j in donated}
        )
        self._note_users()
        for j, root in roots.items():
            self._place_output(j, root, donated.get(j))
        self._copies_first_read()
        arena, values = self._arena()
        written = {("input", i) for i in self.in_place.values()}
        steps: list[Step] = []
        touched: list[Touched] = []
        for call in self.calls:
            places = tuple(self.places[id(n)] for n in call.arguments)
            buffers = [b for b in call.kernel.buffers if not b.scratch]
            guarded = any(b.written and p in written for b, p in zip(buffers, places, strict=True))
            self._step(call, places, guarded, steps, touched)
        for node, target in self.copies:
            places = (self.places[id(node)], target)
            copy = Call(copy_kernel(node), (node, node))
            self._step(copy, places, target[0] == "input", steps, touched)
        outputs = tuple(map(self.schedule.size_bytes, self.roots))
        return Plan(steps, arena, outputs, self.in_place, values)

    def _step(
        self,
        call: Call,
        places: tuple[Place, ...],
        guarded: bool,
        steps: list[Step],
        touched: list[Touched],
    ) -> None:
        """Enters one more step, and what it touches."""
        mine = Touched()
        for (node, buffer), place in zip(call.places(), places, strict=True):
            mine.add(place, self.schedule.size_bytes(node), buffer.written)
        checks = call.checks or flags.get("FIRTH_CHECK") == "1"
        if guarded or checks:
            mine.add(ERROR, 0, checks)
        touched.append(mine)
        traffic = sum(self.schedule.size_bytes(n) for n in call.arguments)
        empty = [k for k, (n, _) in enumerate(call.places()) if not self.schedule.size_bytes(n)]
        steps.append(
            Step(
                call.kernel, places, guarded, traffic, _flops(call.kernel), awaited(touched),
                tuple(empty),
            )
        )  # fmt: skip

    def _order(self, overwritten: dict[int, Node]) -> None:
        """Puts the calls in order. overwritten: by id of a result, the input that it may replace.

        What writes over an input comes after all that reads it and all that can fail.
        """
        before, users = _dependences(self.calls)
        may_fail = failing(self.calls)
        behind = _behind(before)
        for k, call in enumerate(self.calls):
            for node, buffer in call.places():
                if buffer.written and id(node) in overwritten:
                    source = overwritten[id(node)]
                    first = may_fail | users.get(id(source), 0)
                    if not first & behind[k] and self._aligned(k, source, node):
                        del overwritten[id(node)]  # no memory but the input's
                    first &= ~(1 << k) & ~behind[k] & ~before[k]
                    if first:
                        before[k] |= first
                        _extend(behind, first, behind[k] | 1 << k)
        ends = {id(root) for root in self.roots if id(root) not in overwritten}
        for again in (self.schedule.again, frozenset[int]()):
            units = _Units(self.calls, users, behind, again)
            ordered = units.order(before, self._items(users, ends, units))
            if len(ordered) == len(self.calls):  # otherwise two of them wait for each other
                break
        self.calls = [self.calls[k] for k in ordered]

    def _items(self, users: dict[int, int], ends: set[int], units: _Units) -> list[Item]:
        """What takes memory in the arena. ends: results that have memory of their own."""
        roots = {id(root) for root in self.roots}
        items = {}
        for call in self.calls:
            for node in call.arguments:
                key = id(node)
                if key not in self.places and key not in ends:
                    bits = units.of(users[key])
                    size = as_seen(self.schedule.size_bytes(node))
                    items[key] = Item(size, bits, key in roots)
        for old, made in self._again():
            if id(old) in items and id(made) in items:
                items[id(made)] = replace(items[id(made)], over=items[id(old)])
        return list(items.values())

    def _again(self) -> Iterator[tuple[Node, Node]]:
        """(value, a value computed again from it, which may take its place)."""
        for k, call in enumerate(self.calls):
            for made, buffer in call.places():
                if buffer.written and id(made) in self.schedule.again:
                    for old, source in call.places():
                        fits = not source.written and self._same_room(old, made)
                        if fits and self._aligned(k, old, made):
                            yield old, made

    def _note_users(self) -> None:
        """Which calls (by number) read and write each node, and the last one that can fail."""
        self.reads: dict[int, list[int]] = {}
        self.writes: dict[int, list[int]] = {}
        self.last_check = failing(self.calls).bit_length() - 1
        for k, call in enumerate(self.calls):
            for node, buffer in call.places():
                users = self.writes if buffer.written else self.reads
                users.setdefault(id(node), []).append(k)

    def _place_output(self, j: int, root: Node, input_place: int | None) -> None:
        """Puts an output where it belongs, or leaves a copy for the end."""
        target: Place = ("output", j)
        if input_place is not None:
            target = ("input", input_place)
            self.in_place[j] = input_place
            if id(root) == id(self.graph.inputs[input_place]):
                return
        if id(root) in self.places:  # an input, or an output seen before
            self.copies.append((root, target))
        elif input_place is None or self._may_overwrite(root, input_place):
            self.places[id(root)] = target
        elif not self.schedule.size_bytes(root):
            return  # there is nothing to copy, and no kernel has made it
        else:
            self.copies.append((root, target))

    def _may_overwrite(self, root: Node, input_place: int) -> bool:
        """No kernel reads the input after the writer, which reads only what it overwrites."""
        source = self.graph.inputs[input_place]
        if any(strip(o) is source for o in self.graph.outputs):
            return False
        writing = self.writes.get(id(root), [])
        if len(writing) != 1 or self.last_check >= writing[0]:
            return False
        reading = self.reads.get(id(source), [])
        return all(
            k < writing[0] or (k == writing[0] and self._aligned(k, source, root)) for k in reading
        )

    def _copies_first_read(self) -> None:
        """Copies into donated inputs come last: what outputs share is copied out before."""
        self.copies.sort(key=lambda c: c[1][0] == "input")
        targets = {t for _, t in self.copies if t[0] == "input"}
        for place, (node, target) in enumerate(list(self.copies)):
            # Two donated inputs that change places would overwrite each other: keep one aside.
            source = self.places.get(id(node))
            if source in targets and source != target:
                spare = Node(node.op, node.src, node.attrs, node.shape, node.dtype)
                self.calls.append(Call(copy_kernel(node), (node, spare)))
                self.copies[place] = (spare, target)

    def _arena(self) -> tuple[int, list[Value]]:
        """Places in the arena; a result may take the place of a value that its kernel is the last
        to read."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        made: dict[int, int] = {}
        nodes: dict[int, Node] = {}
        for k, call in enumerate(self.calls):
            for node, buffer in call.places():
                if id(node) not in self.places:
                    nodes[id(node)] = node
                    first.setdefault(id(node), k)
                    last[id(node)] = k
                    if buffer.written:
                        made[id(node)] = k
        for node, _ in self.copies:
            if id(node) in last:
                last[id(node)] = len(self.calls)
        heirs = self._heirs(nodes, first, last)
        spans: dict[int, Span] = {}  # by the value that has a place first
        heads: dict[int, int] = {}
        for key in sorted(nodes, key=lambda n: first[n]):
            head = heads[key] = heads[heirs[key]] if key in heirs else key
            size = -(-self.schedule.size_bytes(nodes[key]) // ALIGNMENT) * ALIGNMENT
            spans[head] = Span(size, first[head], last[key])
        found, total = offsets(list(spans.values()))
        place_of = dict(zip(spans, found, strict=True))
        given = {before: first[heir] for heir, before in heirs.items()}
        values = []
        for key, node in nodes.items():
            offset = place_of[heads[key]]
            self.places[key] = ("arena", offset)
            end = given[key] - 1 if key in given else last[key]
            size = spans[heads[key]].size_bytes
            values.append(Value(node, offset, size, first[key], end, made.get(key, first[key])))
        return total, values

    def _heirs(
        self, nodes: dict[int, Node], first: dict[int, int], last: dict[int, int]
    ) -> dict[int, int]:
        """For results that may lie where another value lay: result -> that value (by id)."""
        heirs: dict[int, int] = {}
        for k, call in enumerate(self.calls):
            pairs = [(n, b) for n, b in call.places() if id(n) in nodes]
            dying = [n for n, b in pairs if not b.written and last[id(n)] == k != first[id(n)]]
            for made, buffer in pairs:
                if not buffer.written or first[id(made)] != k or last[id(made)] == k:
                    continue
                for old in dying:
                    if self._same_room(old, made) and self._aligned(k, old, made):
                        heirs[id(made)] = id(old)
                        dying.remove(old)
                        break
        return heirs

    def _aligned(self, k: int, source: Node, made: Node) -> bool:
        """Whether call k reads `source` only at the very element of `made` that it writes then."""
        call = self.calls[k]
        found = self.accesses.get(id(call))
        if found is None:
            found = self.accesses[id(call)] = Accesses(call.kernel)
        numbers = [n for n, b in enumerate(call.kernel.buffers) if not b.scratch]
        pairs = list(zip(numbers, call.places(), strict=True))
        read = {n for n, (node, buffer) in pairs if node is source and not buffer.written}
        written = {n for n, (node, buffer) in pairs if node is made and buffer.written}
        return found.may_overwrite(read, written)

    def _same_room(self, a: Node, b: Node) -> bool:
        layouts = self.schedule.layouts
        return (
            a.dtype.itemsize == b.dtype.itemsize
            and self.schedule.size_bytes(a) == self.schedule.size_bytes(b)
            and layouts.get(id(a)) == layouts.get(id(b))
        )


def _flops(kernel: Kernel) -> int:
    return _products(kernel.body, {a for a, _ in kernel.grid})


def _products(body: tuple[Statement, ...], around: set[Axis]) -> int:
    """Flops of the contractions in a body that runs for every point of some axes."""
    total = 0
    for item in body:
        if isinstance(item, Contract):
            axes = {*item.rows, *item.cols, *item.reduce, *around}
            total += 2 * math.prod(a.extent for a in axes)
        elif isinstance(item, Loop):
            total += _products(item.body, around | {item.axis})
        elif isinstance(item, Within):
            total += _products(item.body, around)
    return total


class _Units:
    """Calls that run one after the other: what computes a value again, and its first reader."""

    def __init__(
        self, calls: list[Call], users: dict[int, int], behind: list[int], again: frozenset[int]
    ) -> None:
        with_ = list(range(len(calls)))
        for k in range(len(calls) - 1, -1, -1):
            made = [id(n) for n, b in calls[k].places() if b.written]
            later = 0
            if all(key in again for key in made):
                for key in made:
                    later |= users[key] >> k + 1 << k + 1
            between = [behind[j] for j in range(len(calls)) if later and behind[k] >> j & 1]
            for j in range(k + 1, len(calls)):  # no way may lead out of the two and back
                if later >> j & 1 and not any(b >> j & 1 for b in between):
                    with_[k] = with_[j]
                    break
        heads = sorted(set(with_))
        self._unit = [heads.index(k) for k in with_]
        self._calls: list[list[int]] = [[] for _ in heads]
        for k, unit in enumerate(self._unit):
            self._calls[unit].append(k)

    def order(self, before: list[int], items: list[Item]) -> list[int]:
        """Numbers of calls in the order to run them."""
        needs = [0] * len(self._calls)
        for k, unit in enumerate(self._unit):
            needs[unit] |= self.of(before[k]) & ~(1 << unit)
        return [k for unit in order(needs, items) for k in self._calls[unit]]

    def of(self, calls: int) -> int:
        """The units of some calls, as bit sets."""
        found = 0
        while calls:
            found |= 1 << self._unit[(calls & -calls).bit_length() - 1]
            calls &= calls - 1
        return found


def _dependences(calls: list[Call]) -> tuple[list[int], dict[int, int]]:
    """Bit sets of calls: those that each needs before it, and those that use each node (by id)."""
    before: list[int] = []
    users: dict[int, int] = {}
    written: dict[int, int] = {}
    for k, call in enumerate(calls):
        mine = 0
        for node, buffer in call.places():
            mine |= (users if buffer.written else written).get(id(node), 0)
        before.append(mine & ~(1 << k))
        for node, buffer in call.places():
            users[id(node)] = users.get(id(node), 0) | 1 << k
            if buffer.written:
                written[id(node)] = written.get(id(node), 0) | 1 << k
    return before, users


def _behind(before: list[int]) -> list[int]:
    """For each call, the bit set of those that come after it in any order."""
    behind = [0] * len(before)
    for k in range(len(before) - 1, -1, -1):
        rest = before[k]
        while rest:
            behind[(rest & -rest).bit_length() - 1] |= behind[k] | 1 << k
            rest &= rest - 1
    return behind


def _extend(behind: list[int], first: int, more: int) -> None:
    """Notes that `more` comes after all of `first`."""
    for k, mine in enumerate(behind):
        if first >> k & 1 or mine & first:
            behind[k] = mine | more


def copy_kernel(node: Node) -> Kernel:
    """A kernel that copies a contiguous value; buffers: source, target."""
    count = size_bytes(node) // node.dtype.itemsize
    axis = Axis("i", count)
    index = of_axis(axis) if count != 1 else Affine()
    store = Store(1, index, Load(0, index, node.dtype))
    buffers = (Buffer(node.dtype, elements=count), Buffer(node.dtype, True, elements=count))
    if count == 1:
        return Kernel("copy", (), buffers, (store,))
    return Kernel("copy", ((axis, TILE),), buffers, (Loop(axis, (store,), 16),))
