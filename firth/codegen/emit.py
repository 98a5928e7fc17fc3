"""From a kernel to LLVM text: the state of one emission, and its frame.

The work is in the files beside this one: loops (loops, accumulators), values (expressions), memory
(addresses, loads, stores), arith and convert (one operation each), sort, contract.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from firth.base import flags
from firth.base.dtype import DType
from firth.base.errors import MissingRule, VerifyError, message
from firth.base.facts import TargetFacts
from firth.codegen import (
    brief,
    check,
    contract_ahead,
    contract_windows,
    loops,
    memory,
    sort,
    strided,
    values,
    within,
)
from firth.codegen.builder import Builder, Index
from firth.codegen.contract_operands import Side
from firth.codegen.state import Frame, Lanes, Range, Value
from firth.codegen.text import Text
from firth.codegen.types import memory_type, register_type, scalar_type, spread
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Axis,
    Contract,
    Expression,
    Guard,
    Kernel,
    Loop,
    Prefetch,
    Sort,
    Statement,
    Store,
    Within,
)
from firth.ir.traced import is_traced

SCRATCH_ALIGNMENT = 64


class Emitter:
    """One kernel being emitted."""

    def __init__(self, kernel: Kernel, facts: TargetFacts, generic: bool, site: int = 0) -> None:
        self.kernel = kernel
        self.facts = facts
        self.generic = generic
        self.site = site if flags.get("FIRTH_CHECK") == "1" else 0
        self.fused = facts.fma and not flags.strict()
        self.plain_sums = not generic and brief.contracts_briefly(kernel, facts)
        self.even_pieces = not generic and brief.multiplies_briefly(kernel)
        work = math.inf if generic else brief.loop_work(kernel, facts)
        self.short_copies = work <= brief.COPIES
        self.plain_loops = work <= brief.WORK
        self.b = Builder()
        self.params: list[int] = []
        self.scratch_bytes = 0
        self.lanes: Lanes | None = None
        self.frames = [Frame(0)]
        self.axes: dict[Axis, Index] = {}
        self.accumulators: dict[Accumulator, Value] = {}
        self.packed: dict[tuple[int, str], Side] = {}  # operands that a loop around packed
        self._frame_of: dict[Axis | Accumulator, int] = {}
        self._ranges: dict[Axis, Range] = {}
        self._pointers: dict[object, str] = {}
        self._words: dict[object, str] = {}
        self._needs: dict[int, frozenset[Axis | Accumulator]] = {}
        self._arguments = [i for i, b in enumerate(kernel.buffers) if not b.scratch]

    # numbers that generic kernels read from `args`

    def word(self, key: object, value: int) -> str:
        """The register of a parameter: one 64-bit word of `args` per key, loaded at the entry."""
        found = self._words.get(key)
        if found is None:
            place = 1 + len(self._arguments) + len(self.params)
            self.params.append((value + (1 << 63)) % (1 << 64) - (1 << 63))
            found = self.b.load("i64", self.b.gep("i64", "%args", place), 8, depth=0)
            self._words[key] = found
        return found

    def number(self, key: object, value: int) -> Index:
        """A size or coefficient: known, or a parameter in a generic kernel (0 and 1 are known)."""
        if not self.generic or value in (0, 1):
            return value
        return self.word(key, value)

    def following(self, key: object, value: int) -> Index:
        """A number as above, but a parameter even as 1 where other extents make it another one."""
        follows = self.generic and is_traced(value)
        return self.word(key, value) if follows else self.number(key, value)

    def extent(self, axis: Axis) -> Index:
        """The extent of an axis."""
        return self.following((id(axis), "extent"), axis.extent)

    def range(self, axis: Axis) -> Range:
        """Where the axis runs in this tile."""
        found = self._ranges.get(axis)
        if found is None:
            extent = self.extent(axis)
            nonempty = isinstance(extent, int) and extent > 0
            counts = None if self.generic else (axis.extent,)
            found = self._ranges[axis] = Range(0, extent, extent, nonempty, counts, 0)
        return found

    # memory

    def pointer(self, buffer: int) -> str:
        """The address of a buffer's first element."""
        found = self._pointers.get(buffer)
        if found is None:
            spec = self.kernel.buffers[buffer]
            if spec.scratch:
                found = self.scratch(spec.scratch * spec.dtype.itemsize, ("scratch", buffer))
            else:
                place = 1 + self._arguments.index(buffer)
                found = self.b.load("ptr", self.b.gep("i64", "%args", place), 8, depth=0)
            self._pointers[buffer] = found
        return found

    def scratch(self, size_bytes: int, key: object) -> str:
        """The address of private memory of the running thread, 64-byte aligned; one per key."""
        found = self._pointers.get(key)
        if found is None:
            offset = self.number((key, "offset"), self.scratch_bytes)
            self.scratch_bytes += -(-size_bytes // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT
            found = self._pointers[key] = self.b.gep("i8", "%scratch", offset)
        return found

    def element_pointer(
        self, buffer: int, index: Affine, dynamic: Sequence[tuple[Expression, int]] = ()
    ) -> str:
        """The address of an element: of lane 0 inside a vector loop."""
        return memory.address(self, buffer, index, dynamic)

    def inside(
        self,
        buffer: int,
        index: Affine,
        dynamic: Sequence[tuple[Expression, int]],
        guards: tuple[Guard, ...],
    ) -> check.Condition:
        """Where an access happens: a uniform condition, and a mask where it depends on the lane."""
        if self.site:
            return check.inside(self, buffer, index, dynamic, guards)
        return memory.guarded(self, guards)

    def memory_type(self, buffer: int) -> str:
        """The type of a buffer's elements in memory."""
        return memory_type(self.kernel.buffers[buffer].dtype)

    # bindings

    @contextmanager
    def frame(self) -> Iterator[None]:
        """Values computed inside are forgotten outside; for code that may not run."""
        self.frames.append(Frame(self.b.depth))
        yield
        self.frames.pop()

    @contextmanager
    def bound(self, axis: Axis, index: Index, lanes: Lanes | None = None) -> Iterator[None]:
        """Inside, the axis has this value (lane 0's, with `lanes`). The old value comes back."""
        outer, outer_lanes = self.axes.get(axis), self.lanes
        outer_frame = self._frame_of.get(axis, 0)
        if outer is not None:
            self._forget(axis)
        self.frames.append(Frame(self.b.depth))
        self.axes[axis] = index
        self._frame_of[axis] = len(self.frames) - 1
        if lanes is not None:
            self.lanes = lanes
        yield
        self.frames.pop()
        self.lanes = outer_lanes
        self._frame_of[axis] = outer_frame
        if outer is None:
            del self.axes[axis]
        else:
            self.axes[axis] = outer

    @contextmanager
    def restricted(self, axis: Axis, where: Range) -> Iterator[None]:
        """Inside, the axis runs over a part of its range."""
        whole = self.range(axis)
        self._ranges[axis] = where
        yield
        self._ranges[axis] = whole

    def assign(self, accumulator: Accumulator, value: Value) -> None:
        """From here on the accumulator has this value."""
        self.accumulators[accumulator] = value
        self._frame_of[accumulator] = len(self.frames) - 1
        self._forget(accumulator)

    def _forget(self, need: Axis | Accumulator) -> None:
        for frame in self.frames:
            stale = [k for k in frame.memo if need in self._needs.get(k, ())]
            for k in stale:
                del frame.memo[k]

    # values

    def value(self, expression: Expression) -> Value:
        """The value of an expression where we are: computed once per binding of what it needs."""
        return values.value(self, expression)

    def vector(self, expression: Expression, lanes: int) -> str:
        """The value as a register of `lanes` elements; a uniform one is repeated."""
        value = self.value(expression)
        return self.widened(value, expression.dtype, lanes)

    def widened(self, value: Value, dtype: DType, lanes: int) -> str:
        """A value's register with exactly `lanes` lanes."""
        if value.lanes == lanes:
            return value.text
        if value.lanes != 1:
            raise VerifyError(
                f"codegen: a value has the wrong width; got {value.lanes} lanes, expected {lanes}; "
                "a vector loop may not hold another one"
            )
        element = scalar_type(dtype)
        if not value.text.startswith("%"):
            return spread(value.text, element, lanes)
        return self.b.splat(value.text, element, lanes)

    def type(self, dtype: DType, lanes: int = 1) -> str:
        """The register type."""
        return register_type(dtype, lanes)

    def known(self, expression: Expression) -> Value | None:
        """The value of an expression that is already computed and still holds."""
        key = id(expression)
        for frame in reversed(self.frames):
            found = frame.memo.get(key)
            if found is not None:
                return found
        return None

    def remember(self, expression: Expression, value: Value) -> None:
        """Keeps a computed value for as long as it holds."""
        place = 0
        for need in self.needs(expression):
            place = max(place, self._frame_of.get(need, 0))
        depth = self.b.depth_of(value.text)
        while place < len(self.frames) and self.frames[place].depth < depth:
            place += 1
        if place < len(self.frames):
            self.frames[place].memo[id(expression)] = value

    def needs(self, expression: Expression) -> frozenset[Axis | Accumulator]:
        """The axes and accumulators that an expression depends on."""
        found = self._needs.get(id(expression))
        if found is None:
            found = self._needs[id(expression)] = values.needs(self, expression)
        return found

    def safe_depth(self, *operands: object) -> int:
        """The outermost region for a load or a check with these operands: where they exist, and
        inside every condition that it is under."""
        depth = self.b.depth_of(*operands)
        for place in range(self.b.depth, depth, -1):
            if self.b.regions[place].conditional:
                return place
        return depth

    # statements

    def run(self, statements: Sequence[Statement]) -> None:
        """Emits statements where we are.

        Stores in a row compute all their values first: one may write where another still reads.
        """
        done = 0
        for place, statement in enumerate(statements):
            if isinstance(statement, Store):
                if not (place and isinstance(statements[place - 1], Store)):
                    self._read_ahead(statements[place:])
                if place < done:
                    continue
                stores = strided.together(self, statements[place:])
                if stores:
                    strided.interleaved(self, stores)
                    done = place + len(stores)
                    continue
            match statement:
                case Store():
                    memory.store(self, statement)
                case Accumulate():
                    loops.accumulate(self, statement)
                case Loop() if statement.vector < 2 and self.lanes is None:
                    with contract_ahead.packed_before(self, statement):
                        loops.loop(self, statement)
                case Loop():
                    loops.loop(self, statement)
                case Within():
                    within.within(self, statement)
                case Contract():
                    contract_windows.emit(self, statement)
                case Prefetch():
                    memory.prefetch(self, statement)
                case Sort():
                    sort.emit(self, statement)

    def _read_ahead(self, statements: Sequence[Statement]) -> None:
        for store in statements:
            if not isinstance(store, Store):
                return
            if memory.guarded(self, store.guards)[0] is True:
                self.value(store.value)

    def text(self) -> Text:
        """Emits the whole kernel."""
        self._grid()
        self.run(self.kernel.body)
        body = self.b.text()
        head = "\n".join([*self.b.declares.values(), *self.b.helpers.values()])
        signature = "(ptr noundef %args, i64 %tile, ptr %scratch) nounwind {\nentry:\n"
        digest = hashlib.sha256(f"{head}{body}".encode()).hexdigest()[:24]
        name = f"k_{digest}"
        text = f"{head}\ndefine void @{name}{signature}{body}\nret void\n}}\n"
        return Text(name, text, tuple(self.params), self.scratch_bytes)

    def _grid(self) -> None:
        b, rest = self.b, "%tile"
        index: Index = rest
        for place, (axis, block) in reversed(list(enumerate(self.kernel.grid))):
            extent = self.extent(axis)
            if self.generic and not is_traced(axis.extent) and axis.extent == 1:
                extent = self.word((id(axis), "tiles"), 1)  # of a count that another may exceed
            size = self.following((id(axis), "block"), block)
            if isinstance(extent, int) and isinstance(size, int):
                tiles: Index = -(-extent // size)
            else:
                tiles = b.div(b.add(extent, b.sub(size, 1)), size)
            tile = index if place == 0 else b.rem(index, tiles)
            if tiles == 1:
                tile = 0
            elif place:
                index = b.div(index, tiles)
            start = b.mul(tile, size)
            if size == 1:
                self.axes[axis] = start
                self._ranges[axis] = Range(start, b.add(start, 1), 1, True, (1,))
            elif not self.generic and axis.extent % block == 0:
                stop = b.add(start, size)
                self._ranges[axis] = Range(start, stop, size, True, (block,), block)
            else:
                stop = b.min(b.add(start, size), extent)
                counts = None if self.generic else (axis.extent % block, min(block, axis.extent))
                multiple = 1 if self.generic else block
                self._ranges[axis] = Range(start, stop, b.sub(stop, start), True, counts, multiple)


def emit(kernel: Kernel, facts: TargetFacts, generic: bool = False, site: int = 0) -> Text:
    """The LLVM text of a kernel for a machine with these facts.

    generic: sizes become parameters, so that one text serves every shape of the same structure.
    site: what FIRTH_CHECK=1 records for an access outside of its buffer; 0 checks nothing.
    MissingRule: the kernel is a call of a host op.
    """
    host = kernel.host()
    if host is not None:
        raise MissingRule(
            message(host.op, "NumPy computes this op, and this target has no NumPy at hand",
                    f"a kernel for {facts.triple}", "a graph without it",
                    "run it on the cpu or ref target, or compute it before and pass the result in")
        )  # fmt: skip
    return Emitter(kernel, facts, generic, site).text()
