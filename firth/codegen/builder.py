"""Builds the text of one LLVM function.

Instructions without side effects go through `op`: the same text twice is one instruction, and it is
placed in the outermost open region where its operands exist. So nothing that is invariant in a loop
is computed inside it, and no LLVM pass has to find that out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Index = int | str  # an i64: a Python int when it is known, else a register

_OPERANDS = re.compile(r"%[\w.]+")
_FOLD: dict[str, Callable[[int, int], int]] = {
    "slt": lambda a, b: a < b,
    "sle": lambda a, b: a <= b,
    "ult": lambda a, b: 0 <= a < b if b >= 0 else a >= 0 or a < b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}


class Region:
    """Straight-line text with whatever is nested in it; `label` is the block that is open now.

    conditional: it may not run at all, so loads must not move out of it.
    """

    __slots__ = ("conditional", "label", "lines", "memo")

    def __init__(self, label: str, conditional: bool = False) -> None:
        self.label = label
        self.lines: list[str] = []
        self.memo: dict[str, str] = {}
        self.conditional = conditional


class Builder:
    """The text of one function: registers, regions, declared intrinsics, helper functions."""

    def __init__(self) -> None:
        self.declares: dict[str, str] = {}
        self.helpers: dict[str, str] = {}
        self.regions = [Region("entry")]
        self._count = 0
        self._depth: dict[str, int] = {}

    # registers, blocks

    def fresh(self, hint: str = "t") -> str:
        """A register name that is not used yet."""
        self._count += 1
        return f"%{hint}{self._count}"

    def label(self, hint: str = "b") -> str:
        """A label name that is not used yet (without % or colon)."""
        self._count += 1
        return f"{hint}{self._count}"

    @property
    def region(self) -> Region:
        """The innermost open region."""
        return self.regions[-1]

    @property
    def depth(self) -> int:
        """The number of the innermost open region; the function's entry is 0."""
        return len(self.regions) - 1

    def depth_of(self, *values: object) -> int:
        """The depth of the innermost region that one of the registers is defined in."""
        depth = self._depth
        return max((depth.get(v, 0) for v in values if isinstance(v, str)), default=0)

    def do(self, text: str) -> None:
        """Appends one instruction without a result, here and always."""
        self.region.lines.append(text)

    def get(self, text: str, hint: str = "t", depth: int | None = None) -> str:
        """A new register for an instruction with effects (or a load), in the region at `depth`."""
        depth = self.depth if depth is None else depth
        name = self.fresh(hint)
        self.regions[depth].lines.append(f"{name} = {text}")
        self._depth[name] = depth
        return name

    def op(self, text: str, *, hoist: bool = True) -> str:
        """A register for an instruction without effects: shared, and placed as far out as possible.

        hoist=False keeps it here: for what may trap on operands that a branch protects.
        """
        regions = self.regions
        top = len(regions) - 1
        depth = top
        if hoist:
            known = self._depth
            depth = 0
            for name in _OPERANDS.findall(text):
                d = known.get(name, 0)
                if d > depth:
                    depth = d
            found = regions[depth].memo.get(text)
        else:
            found = regions[top].memo.get(text)
        if found is not None:
            return found
        region = regions[depth]
        self._count += 1
        name = f"%t{self._count}"
        region.lines.append(f"{name} = {text}")
        region.memo[text] = name
        self._depth[name] = depth
        return name

    def intrinsic(
        self, name: str, ret: str, args: Sequence[tuple[str, str]], *, pure: bool = True
    ) -> str:
        """Calls an intrinsic (declared by itself); args are (type, value). Returns the result.

        b.intrinsic("llvm.fma.v8f32", v, [(v, "%a"), (v, "%b"), (v, "%c")]) with v = "<8 x float>"
        """
        if name not in self.declares:
            types = ", ".join(t for t, _ in args)
            self.declares[name] = f"declare {ret} @{name}({types})"
        text = f"call {ret} @{name}({', '.join(f'{t} {v}' for t, v in args)})"
        if ret == "void":
            self.do(text)
            return ""
        return self.op(text) if pure else self.get(text)

    def helper(self, name: str, text: str) -> str:
        """Adds an internal function (once) and returns its name."""
        self.helpers.setdefault(name, text)
        return name

    def block(self, label: str) -> None:
        """Begins a block in the open region; the one before must have ended."""
        self.do(f"{label}:")
        self.region.label = label

    def branch(self, label: str) -> None:
        """Ends the block with a jump."""
        self.do(f"br label %{label}")

    def branch_if(self, condition: str, yes: str, no: str) -> None:
        """Ends the block with a two-way jump."""
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    # 64-bit integers, folded when known

    def add(self, a: Index, b: Index) -> Index:
        """a + b."""
        if isinstance(a, int):
            if isinstance(b, int):
                return a + b
            a, b = b, a
        return a if b == 0 else self.op(f"add nsw i64 {a}, {b}")

    def sub(self, a: Index, b: Index) -> Index:
        """a - b."""
        if isinstance(b, int):
            return self.add(a, -b)
        return 0 if a == b else self.op(f"sub nsw i64 {a}, {b}")

    def mul(self, a: Index, b: Index) -> Index:
        """a * b; a known power of two becomes a shift."""
        if isinstance(a, int):
            if isinstance(b, int):
                return a * b
            a, b = b, a
        if b == 0 or b == 1:
            return b and a
        if isinstance(b, int) and b > 0 and b & (b - 1) == 0:
            return self.op(f"shl nsw i64 {a}, {b.bit_length() - 1}")
        return self.op(f"mul nsw i64 {a}, {b}")

    def div(self, a: Index, b: Index) -> Index:
        """a // b for a >= 0, b > 0."""
        if isinstance(b, int):
            if isinstance(a, int):
                return a // b
            if b == 1:
                return a
            if b & (b - 1) == 0:
                return self.op(f"lshr i64 {a}, {b.bit_length() - 1}")
        return self.op(f"udiv i64 {a}, {b}")

    def rem(self, a: Index, b: Index) -> Index:
        """a % b for a >= 0, b > 0."""
        if isinstance(b, int):
            if isinstance(a, int):
                return a % b
            if b & (b - 1) == 0:
                return 0 if b == 1 else self.op(f"and i64 {a}, {b - 1}")
        return self.op(f"urem i64 {a}, {b}")

    def min(self, a: Index, b: Index) -> Index:
        """The smaller of two signed numbers."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.intrinsic("llvm.smin.i64", "i64", [("i64", str(a)), ("i64", str(b))])

    def max(self, a: Index, b: Index) -> Index:
        """The larger of two signed numbers."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return self.intrinsic("llvm.smax.i64", "i64", [("i64", str(a)), ("i64", str(b))])

    def compare(self, relation: str, a: Index, b: Index) -> bool | str:
        """a relation b (slt, sle, ult, eq, ne): a Python bool when known, else an i1."""
        if isinstance(a, int) and isinstance(b, int):
            return bool(_FOLD[relation](a, b))
        return self.op(f"icmp {relation} i64 {a}, {b}")

    def both(self, a: bool | str, b: bool | str) -> bool | str:
        """a and b, of i1 or known bools."""
        if isinstance(a, bool):
            return b if a else False
        if isinstance(b, bool):
            return a if b else False
        return a if a == b else self.op(f"and i1 {a}, {b}")

    # memory

    def gep(self, element: str, pointer: str, index: Index) -> str:
        """The address of element number `index` after the pointer."""
        return (
            pointer
            if index == 0
            else self.op(f"getelementptr {element}, ptr {pointer}, i64 {index}")
        )

    def load(self, type_: str, pointer: str, align: int, depth: int | None = None) -> str:
        """Loads; never shared. depth: the region to load in (it must be one where it is safe)."""
        return self.get(f"load {type_}, ptr {pointer}, align {align}", "l", depth)

    def store(self, type_: str, value: str, pointer: str, align: int) -> None:
        """Stores."""
        self.do(f"store {type_} {value}, ptr {pointer}, align {align}")

    def array(self, element: str, count: int, name: str) -> str:
        """The address of private elements on the stack, for a moment: one place for all who ask for
        it by this name."""
        text = f"alloca [{count} x {element}], align 64"
        outer = self.regions[0]
        found = outer.memo.get(f"{text} {name}")
        if found is None:
            found = outer.memo[f"{text} {name}"] = self.fresh("a")
            outer.lines.insert(0, f"{found} = {text}")
        return found

    # vectors

    def splat(self, value: str, element: str, lanes: int) -> str:
        """A register's scalar in every lane."""
        if lanes == 1:
            return value
        one = self.op(f"insertelement <{lanes} x {element}> poison, {element} {value}, i64 0")
        return self.op(
            f"shufflevector <{lanes} x {element}> {one}, <{lanes} x {element}> poison, "
            f"<{lanes} x i32> zeroinitializer"
        )

    def shuffle(self, value: str, element: str, lanes: int, picks: Sequence[int]) -> str:
        """Lanes of a vector in another order; a pick of -1 leaves the lane undefined."""
        order = ", ".join("i32 poison" if p < 0 else f"i32 {p}" for p in picks)
        return self.op(
            f"shufflevector <{lanes} x {element}> {value}, <{lanes} x {element}> poison, "
            f"<{len(picks)} x i32> <{order}>"
        )

    def first_lanes(self, count: Index, lanes: int) -> str:
        """An i1 vector: true in the first `count` lanes."""
        if isinstance(count, int):
            bits = ", ".join(f"i1 {'true' if i < count else 'false'}" for i in range(lanes))
            return f"<{bits}>"
        narrow = self.splat(self.op(f"trunc i64 {count} to i32"), "i32", lanes)
        iota = ", ".join(f"i32 {i}" for i in range(lanes))
        return self.op(f"icmp slt <{lanes} x i32> <{iota}>, {narrow}")

    # control

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """What is built inside runs only where the i1 holds; its registers end with it."""
        yes, done = self.label("yes"), self.label("done")
        child = Region(yes, conditional=True)
        self.regions.append(child)
        yield
        self.regions.pop()
        outer = self.region
        outer.lines.append(f"br i1 {condition}, label %{yes}, label %{done}")
        outer.lines.append(f"{yes}:")
        outer.lines += child.lines
        outer.lines.append(f"br label %{done}")
        self.block(done)

    def maybe(
        self, condition: str, carried: Sequence[tuple[str, str]], body: Callable[[], list[str]]
    ) -> list[str]:
        """The body's values where the i1 holds, else those of `carried`: (type, value) each."""
        before = self.label("maybe")
        child = Region(before, conditional=True)
        self.regions.append(child)
        after = body()
        self.regions.pop()
        outer, done = self.region, self.label("done")
        came_from = outer.label
        outer.lines.append(f"br i1 {condition}, label %{before}, label %{done}")
        outer.lines.append(f"{before}:")
        outer.lines += child.lines
        outer.lines.append(f"br label %{done}")
        self.block(done)
        return [
            self.get(f"phi {type_} [ {old}, %{came_from} ], [ {new}, %{child.label} ]")
            for (type_, old), new in zip(carried, after, strict=True)
        ]

    @contextmanager
    def at(self, depth: int) -> Iterator[None]:
        """What is built inside stands in an outer region, before the nested ones."""
        nested = self.regions[depth + 1 :]
        del self.regions[depth + 1 :]
        yield
        self.regions += nested

    def choose(
        self, condition: str, type_: str, yes: Callable[[], str], no: Callable[[], str]
    ) -> str:
        """The value of one of two pieces of code, of which one runs."""
        labels = [self.label("yes"), self.label("no")]
        done = self.label("done")
        children, values = [], []
        for label, build in zip(labels, (yes, no), strict=True):
            child = Region(label, conditional=True)
            self.regions.append(child)
            values.append(build())
            self.regions.pop()
            children.append(child)
        outer = self.region
        outer.lines.append(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
        for label, child in zip(labels, children, strict=True):
            outer.lines.append(f"{label}:")
            outer.lines += child.lines
            outer.lines.append(f"br label %{done}")
        self.block(done)
        return self.get(
            f"phi {type_} [ {values[0]}, %{children[0].label} ], "
            f"[ {values[1]}, %{children[1].label} ]"
        )

    def loop(
        self,
        start: Index,
        stop: Index,
        step: Index,
        carried: Sequence[tuple[str, str]],
        body: Callable[[Index, list[str]], list[str]],
        *,
        nonempty: bool = False,
    ) -> list[str]:
        """for i in range(start, stop, step), stop - start being a multiple of step.

        carried: (type, initial value) of what goes from one iteration to the next.
        body(i, values) -> the next values. nonempty: at least one iteration is certain.
        Returns the values after the last iteration. One known iteration makes no loop.
        """
        initial = [value for _, value in carried]
        if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
            if start >= stop:
                return initial
            if stop - start <= step:
                return body(start, initial)
            nonempty = True
        if nonempty:
            return self._loop(start, stop, step, carried, body)
        some = str(self.compare("slt", start, stop))
        return self.maybe(some, carried, lambda: self._loop(start, stop, step, carried, body))

    def _loop(
        self,
        start: Index,
        stop: Index,
        step: Index,
        carried: Sequence[tuple[str, str]],
        body: Callable[[Index, list[str]], list[str]],
    ) -> list[str]:
        head, done = self.label("loop"), self.label("exit")
        child = Region(head)
        self.regions.append(child)
        depth = self.depth
        index = self.fresh("i")
        phis = [self.fresh("p") for _ in carried]
        for name in (index, *phis):
            self._depth[name] = depth
        after = body(index, phis)
        following = self.get(f"add nsw i64 {index}, {step}")
        again = self.get(f"icmp slt i64 {following}, {stop}")
        self.regions.pop()
        outer = self.region
        outer.lines.append(f"br label %{head}")
        outer.lines.append(f"{head}:")
        back = child.label
        outer.lines.append(
            f"{index} = phi i64 [ {start}, %{outer.label} ], [ {following}, %{back} ]"
        )
        for name, (type_, first), last in zip(phis, carried, after, strict=True):
            outer.lines.append(
                f"{name} = phi {type_} [ {first}, %{outer.label} ], [ {last}, %{back} ]"
            )
        outer.lines += child.lines
        outer.lines.append(f"br i1 {again}, label %{head}, label %{done}")
        self.block(done)
        # what left the loop lives in the region around it
        outer_depth = self.depth
        for last in after:
            if self._depth.get(last, 0) > outer_depth:
                self._depth[last] = outer_depth
        return after

    def loop_while(
        self,
        carried: Sequence[tuple[str, str]],
        condition: Callable[[list[str]], str],
        body: Callable[[list[str]], list[str]],
    ) -> list[str]:
        """while condition(values): values = body(values), with values as in `loop`."""
        head, inside, done = self.label("while"), self.label("do"), self.label("exit")
        child = Region(head)
        self.regions.append(child)
        phis = [self.fresh("p") for _ in carried]
        self._depth.update(dict.fromkeys(phis, self.depth))
        self.branch_if(condition(phis), inside, done)
        self.block(inside)
        self.regions.append(Region(inside, conditional=True))
        after = body(phis)
        inner = self.regions.pop()
        child.lines += inner.lines
        self.regions.pop()
        outer = self.region
        outer.lines.append(f"br label %{head}")
        outer.lines.append(f"{head}:")
        for name, (type_, first), last in zip(phis, carried, after, strict=True):
            outer.lines.append(
                f"{name} = phi {type_} [ {first}, %{outer.label} ], [ {last}, %{inner.label} ]"
            )
        outer.lines += child.lines
        outer.lines.append(f"br label %{head}")
        self.block(done)
        self._depth.update(dict.fromkeys(phis, self.depth))
        return phis

    def text(self) -> str:
        """The function's lines; every region must be closed."""
        return "\n".join(self.regions[0].lines)
