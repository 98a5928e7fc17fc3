"""Memory: a place for every stored value, reused when nothing needs it any more.

Outputs own their buffers; a donated output is written over its input where no later or unaligned
read of that input remains, otherwise into the arena and copied at the end. Kernels that write
donated memory come after every kernel that can fail, so that a failed step changes nothing.
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
from firth.passes.affine import of_axis
from firth.passes.expressions import arguments_of
from firth.passes.fuse import strip
from firth.passes.kept import divide
from firth.passes.loops import TILE, Call
from firth.passes.overlap import ERROR, Place, Touched, awaited
from firth.passes.schedule import Schedule

ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class Step:
    """A kernel with the place of each buffer. guarded: skipped once the error word is set.

    bytes: of all its buffers. flops: of its contraction, two for each product. after: how many of
    the first steps must be done when it starts.
    """

    kernel: Kernel
    places: tuple[Place, ...]
    guarded: bool
    bytes: int
    flops: int
    after: int


@dataclass(frozen=True, eq=False)
class Value:
    """A value in the arena, where its bytes belong to it from a first to a last step."""

    node: Node
    offset: int
    bytes: int
    first: int
    last: int


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
        for buffer, place in zip(buffers, step.places, strict=True):
            if not buffer.written and place[0] != "input" and place not in written:
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

    def run(self) -> Plan:
        donated = dict(self.graph.donated)
        writers = self._writers()
        roots = dict(enumerate(self.roots))
        late = {
            id(writers[id(r)][-1]) for j, r in roots.items() if j in donated and id(r) in writers
        }
        self.calls = _order(self.calls, late)
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
        for (node, buffer), place in zip(_arguments(call), places, strict=True):
            mine.add(place, self.schedule.size_bytes(node), buffer.written)
        checks = call.checks or flags.get("FIRTH_CHECK") == "1"
        if guarded or checks:
            mine.add(ERROR, 0, checks)
        touched.append(mine)
        traffic = sum(self.schedule.size_bytes(n) for n in call.arguments)
        after = awaited(touched)
        steps.append(Step(call.kernel, places, guarded, traffic, _flops(call.kernel), after))

    def _writers(self) -> dict[int, list[Call]]:
        out: dict[int, list[Call]] = {}
        for call in self.calls:
            for node, buffer in _arguments(call):
                if buffer.written:
                    out.setdefault(id(node), []).append(call)
        return out

    def _note_users(self) -> None:
        """Which calls (by number) read and write each node, and the last one that can fail."""
        self.reads: dict[int, list[int]] = {}
        self.writes: dict[int, list[int]] = {}
        self.last_check = max((k for k, c in enumerate(self.calls) if c.checks), default=-1)
        for k, call in enumerate(self.calls):
            for node, buffer in _arguments(call):
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
            k < writing[0] or (k == writing[0] and _aligned(self.calls[k], source, root))
            for k in reading
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
        """First-fit offsets by lifetime, largest values first."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        nodes: dict[int, Node] = {}
        for k, call in enumerate(self.calls):
            for node, _ in _arguments(call):
                if id(node) not in self.places:
                    nodes[id(node)] = node
                    first.setdefault(id(node), k)
                    last[id(node)] = k
        for node, _ in self.copies:
            if id(node) in last:
                last[id(node)] = len(self.calls)
        bytes_of = self.schedule.size_bytes
        placed: list[Value] = []
        total = 0
        for key in sorted(nodes, key=lambda n: (-bytes_of(nodes[n]), first[n])):
            size = -(-bytes_of(nodes[key]) // ALIGNMENT) * ALIGNMENT
            busy = sorted(
                (p.offset, p.offset + p.bytes)
                for p in placed if p.first <= last[key] and first[key] <= p.last
            )  # fmt: skip
            offset = 0
            for start, end in busy:
                if offset + size <= start:
                    break
                offset = max(offset, end)
            placed.append(Value(nodes[key], offset, size, first[key], last[key]))
            self.places[key] = ("arena", offset)
            total = max(total, offset + size)
        return total, placed


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


def _arguments(call: Call) -> Iterator[tuple[Node, Buffer]]:
    return zip(call.arguments, (b for b in call.kernel.buffers if not b.scratch), strict=True)


def _order(calls: list[Call], late: set[int]) -> list[Call]:
    """Kernels that write donated memory as late as their readers allow."""
    if not late:
        return calls
    needs: list[set[int]] = []
    readers: dict[int, list[int]] = {}
    writer: dict[int, int] = {}
    for k, call in enumerate(calls):
        mine: set[int] = set()
        for node, buffer in _arguments(call):
            if id(node) in writer:
                mine.add(writer[id(node)])
            if buffer.written:
                writer[id(node)] = k
            else:
                readers.setdefault(id(node), []).append(k)
        needs.append(mine)
    done: set[int] = set()
    out: list[Call] = []
    for wave in (False, True):
        for k, call in enumerate(calls):
            held = id(call) in late or any(n not in done for n in needs[k])
            if k not in done and (wave or not held):
                done.add(k)
                out.append(call)
    return out


def _aligned(call: Call, source: Node, root: Node) -> bool:
    """Whether the kernel reads `source` only at the very element of `root` that it writes then."""
    reads: set[Affine] = set()
    stores: set[Affine] = set()
    numbers = {k for k, (n, b) in _numbered(call) if n is source and not b.written}
    target = {k for k, (n, b) in _numbered(call) if n is root and b.written}
    for value in _walk(call.kernel.body):
        if isinstance(value, Load) and value.buffer in numbers:
            if value.dynamic:
                return False
            reads.add(value.index)
        if isinstance(value, Store) and value.buffer in target:
            stores.add(value.index)
    if any(isinstance(x, (Loop, Within)) and _contracts(x) for x in call.kernel.body):
        return False  # a step of its loops may read what another one wrote
    if numbers & _operand_buffers(call.kernel.body) or _read_later(call.kernel, numbers, target):
        return False
    return len(stores) == 1 and reads <= stores


def _read_later(kernel: Kernel, numbers: set[int], target: set[int]) -> bool:
    """Whether a loop reads one of `numbers` after an earlier one wrote `target`.

    Stores that stand in a row compute their values before the first of them writes.
    """
    written = False
    for block in _blocks(kernel.body):
        loads = (e for e in _walk(block) if isinstance(e, Load))
        if written and any(e.buffer in numbers for e in loads):
            return True
        written = written or any(isinstance(s, Store) and s.buffer in target for s in block)
    return False


def _blocks(body: tuple[Statement, ...]) -> Iterator[tuple[Statement, ...]]:
    """Runs of statements without loops, in order."""
    plain: list[Statement] = []
    for s in body:
        if isinstance(s, (Loop, Within)):
            yield tuple(plain)
            plain = []
            yield from _blocks(s.body)
        else:
            plain.append(s)
            if isinstance(s, Contract):
                yield tuple(plain)
                plain = list(s.body)
    yield tuple(plain)


def _numbered(call: Call) -> Iterator[tuple[int, tuple[Node, Buffer]]]:
    places = [k for k, b in enumerate(call.kernel.buffers) if not b.scratch]
    return zip(places, _arguments(call), strict=True)


def _walk(body: tuple[object, ...]) -> Iterator[object]:
    """Statements and expressions of a kernel, each once."""
    stack: list[object] = list(body)
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        for name in ("body", "value", "a", "b", "key"):
            part = getattr(item, name, None)
            stack.extend(part if isinstance(part, tuple) else [part] if part is not None else [])
        if isinstance(item, Store):
            stack.extend(v for v, _ in item.dynamic)
        stack.extend(arguments_of(item))  # type: ignore[arg-type]


def _contracts(statement: Loop | Within) -> bool:
    return any(isinstance(x, Contract) for x in _walk(statement.body))


def _operand_buffers(body: tuple[object, ...]) -> set[int]:
    """Buffers that a contraction reads as an operand: other tiles read them too."""
    out: set[int] = set()
    for item in _walk(body):
        a, b = getattr(item, "a", None), getattr(item, "b", None)
        if a is not None and b is not None:
            out |= {e.buffer for e in _walk((a, b)) if isinstance(e, Load)}
    return out


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
