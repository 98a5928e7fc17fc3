"""Micro-kernels of contractions: a few rows times a few vectors of columns, sums in registers.

Each is an internal function of the module; strides that are known are part of its text, so that
they become displacements, and its name says what it is: mk_float32_14x2_...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firth.base import flags
from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.codegen.builder import Builder, Index
from firth.codegen.types import scalar_type, suffix, widen
from firth.passes import blocking

SUMS_UNDER_WAY = 16  # fewer in one step of the sum: several steps an iteration
STRAIGHT = 12  # sums of at most so many steps inside others are no loop

Sizes = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Micro:
    """rows x vectors of c = (c +) sum over k of a[r * a_row + k * a_k] * b[k * b_k + column].

    sizes: (k, a_row, a_k, b_k, c_row), strides in elements; None is read from an argument.
    adds: what c holds is added last, so that a long sum in blocks is one of short ones; None where
    an argument tells, as the first of the blocks adds nothing.
    masked: an argument tells how many columns exist; the others are not read.
    rows_at: how far each row of a lies from the first one, in place of a_row.
    levels: (extent, a's stride) of the loops of the sum, in place of a_k; k is then how often the
    outermost one runs. straight: short ones inside others are no loops.
    """

    dtype: DType
    rows: int
    vectors: int
    lanes: int
    sizes: Sizes
    adds: bool | None = False
    masked: bool = False
    rows_at: tuple[int, ...] = ()
    levels: tuple[tuple[int, int], ...] = ()
    straight: bool = True

    @property
    def name(self) -> str:
        """What it is, in one word."""
        text = _size_words(self.sizes)
        if self.levels:
            text += "_at_" + _size_words(self.rows_at)
            text += "_sum" + "".join(f"_{_size_words(level)}" for level in self.levels)
        marks = {False: "", True: "_add", None: "_later"}[self.adds] + "_mask" * self.masked
        marks += "_loops" * (not self.straight)
        return f"mk_{self.dtype.name}_{self.rows}x{self.vectors}x{self.lanes}_{text}{marks}"


def multiply_add(
    b: Builder, dtype: DType, lanes: int, facts: TargetFacts
) -> Callable[[str, str, str], str]:
    """x * y + z on registers: fused where the machine does it, integers wrap."""
    element = scalar_type(dtype)
    type_ = widen(element, lanes)
    if dtype.kind != "f":
        return lambda x, y, z: b.op(f"add {type_} {b.op(f'mul {type_} {x}, {y}')}, {z}")
    if facts.fma and not flags.strict():
        name = f"llvm.fma.{suffix(element, lanes)}"
        return lambda x, y, z: b.intrinsic(name, type_, [(type_, x), (type_, y), (type_, z)])
    return lambda x, y, z: b.op(f"fadd {type_} {b.op(f'fmul {type_} {x}, {y}')}, {z}")


def _registers(sizes: Sizes) -> list[Index]:
    return [f"%s{place}" if size is None else size for place, size in enumerate(sizes)]


def _size_words(sizes: Sizes) -> str:
    return "_".join("x" if s is None else str(s).replace("-", "m") for s in sizes)


def micro(outer: Builder, m: Micro, facts: TargetFacts) -> Callable[..., None]:
    """Adds the function and returns its caller: call(a, b, c, sizes, n, later)."""
    extra = ["i64 %n"] * m.masked + ["i1 %later"] * (m.adds is None)
    return _function(outer, m.name, m.sizes, extra, lambda b: _body(b, m, facts))


def _function(
    outer: Builder, name: str, sizes: Sizes, extra: list[str], body: Callable[[Builder], None]
) -> Callable[..., None]:
    """Adds a function of three pointers, the sizes that are not known, and more."""
    missing = [place for place, size in enumerate(sizes) if size is None]
    if name not in outer.helpers:
        b = Builder()
        body(b)
        for key, text in b.declares.items():
            outer.declares.setdefault(key, text)
        signature = ["ptr noalias %a", "ptr noalias %b", "ptr noalias %c"]
        signature += [f"i64 %s{place}" for place in missing] + extra
        head = f"define internal void @{name}({', '.join(signature)}) nounwind noinline {{"
        outer.helper(name, f"{head}\nentry:\n{b.text()}\nret void\n}}")

    def call(
        a: str, b: str, c: str, known: tuple[Index, ...], n: Index = 0, later: bool | str = False
    ) -> None:
        arguments = [f"ptr {p}" for p in (a, b, c)]
        arguments += [f"i64 {known[place]}" for place in missing]
        given = {"%n": n, "%later": str(later).lower()}
        arguments += [f"{type_} {given[name]}" for type_, name in map(str.split, extra)]
        outer.do(f"call void @{name}({', '.join(arguments)})")

    return call


def _body(b: Builder, m: Micro, facts: TargetFacts) -> None:
    element, size = scalar_type(m.dtype), m.dtype.itemsize
    type_ = widen(element, m.lanes)
    k, a_row, a_k, b_k, c_row = _registers(m.sizes)
    fma = multiply_add(b, m.dtype, m.lanes, facts)
    masks = [_mask(b, m.lanes, v) for v in range(m.vectors)] if m.masked else []

    def columns(pointer: str) -> list[str]:
        found = []
        for v in range(m.vectors):
            at = b.gep(element, pointer, v * m.lanes)
            if masks:
                name = f"llvm.masked.load.{suffix(element, m.lanes)}.p0"
                arguments = [("ptr", at), ("i32", str(size)), (f"<{m.lanes} x i1>", masks[v])]
                arguments.append((type_, "zeroinitializer"))
                found.append(b.intrinsic(name, type_, arguments, pure=False))
            else:
                found.append(b.load(type_, at, size))
        return found

    def step(sums: list[str], a: str, bp: str) -> list[str]:
        after = list(sums)
        vectors = columns(bp)
        for r in range(m.rows):
            place = m.rows_at[r] if m.levels else b.mul(r, a_row)
            one = b.load(element, b.gep(element, a, place), size)
            many = b.splat(one, element, m.lanes)
            for v, vector in enumerate(vectors):
                after[r * m.vectors + v] = fma(many, vector, sums[r * m.vectors + v])
        return after

    def steps(count: int, a_k: Index) -> Callable[[Index, list[str]], list[str]]:
        def body(_: Index, values: list[str]) -> list[str]:
            *sums, a, bp = values
            first_a, first_b = a, bp
            for u in range(count):
                sums = step(sums, a, bp)
                # known strides: displacements from the first address; else one step at a time
                a = b.gep(element, first_a if isinstance(a_k, int) else a, _times(u + 1, a_k))
                bp = b.gep(element, first_b if isinstance(b_k, int) else bp, _times(u + 1, b_k))
            return [*sums, a, bp]

        return body

    places = [
        b.gep(element, b.gep(element, "%c", b.mul(r, c_row)), v * m.lanes)
        for r in range(m.rows)
        for v in range(m.vectors)
    ]
    zero = "0" if m.lanes == 1 and m.dtype.kind != "f" else "zeroinitializer"
    if m.lanes == 1 and m.dtype.kind == "f":
        zero = "0.0"
    # Nothing is unrolled that fills the registers: a step's loads, moved up, would displace a sum.
    unroll = max(1, min(4, SUMS_UNDER_WAY // (m.rows * m.vectors)))
    if not m.levels and facts.vector_registers >= max(32, m.rows * m.vectors + blocking.SPARE):
        unroll = max(2, unroll)
    types = [*(type_ for _ in places), "ptr", "ptr"]

    def along(k: Index, a_k: Index, values: list[str]) -> list[str]:
        """The innermost loop of the sum: sums, a and b after k steps."""
        main = b.mul(b.div(k, unroll), unroll)
        if m.levels and m.straight and isinstance(k, int) and k <= STRAIGHT:
            main = 0
        pairs = list(zip(types, values, strict=True))
        values = b.loop(0, main, unroll, pairs, steps(unroll, a_k))
        rest = b.sub(k, main)
        if isinstance(rest, int):
            return steps(rest, a_k)(0, values) if rest else values
        return b.loop(main, k, 1, list(zip(types, values, strict=True)), steps(1, a_k))

    def level(place: int, a: str, values: list[str]) -> list[str]:
        """A loop of the sum with those inside it: sums and b afterwards."""
        extent, stride = m.levels[place]
        if place == len(m.levels) - 1:
            *after, _, bp = along(extent if place else k, stride, [*values[:-1], a, values[-1]])
            return [*after, bp]
        return b.loop(
            0, extent if place else k, 1, list(zip(types[:-1], values, strict=True)),
            lambda i, v: level(place + 1, b.gep(element, a, b.mul(i, stride)), v),
        )  # fmt: skip

    start = [zero for _ in places]
    if m.levels:
        values = level(0, "%a", [*start, "%b"])
    else:
        values = along(k, a_k, [*start, "%a", "%b"])
    values = values[: len(places)]
    add = "fadd" if m.dtype.kind == "f" else "add"

    def added() -> list[str]:
        pairs = zip(values, places, strict=True)
        return [b.op(f"{add} {type_} {b.load(type_, p, size)}, {v}") for v, p in pairs]

    if m.adds is None:
        values = b.maybe("%later", [(type_, v) for v in values], added)
    elif m.adds:
        values = added()
    for value, place in zip(values, places, strict=True):
        b.store(type_, value, place, size)


def _times(count: int, stride: Index) -> Index:
    return count * stride if isinstance(stride, int) else stride


def _mask(b: Builder, lanes: int, vector: int) -> str:
    if lanes == 1:
        return b.op(f"icmp slt i64 {vector}, %n")
    narrow = b.splat(b.op("trunc i64 %n to i32"), "i32", lanes)
    iota = ", ".join(f"i32 {vector * lanes + i}" for i in range(lanes))
    return b.op(f"icmp slt <{lanes} x i32> <{iota}>, {narrow}")


@dataclass(frozen=True, slots=True)
class Dots:
    """rows x cols of c = sum over k of a[r * a_row + k] * b[j * b_col + k], k in vectors.

    For few rows: b is read in place, once, along its rows, and nothing is packed.
    sizes: (k, a_row, b_col); None is read from an argument.
    """

    dtype: DType
    rows: int
    cols: int
    lanes: int
    sizes: Sizes
    c_row: int

    @property
    def name(self) -> str:
        """What it is, in one word."""
        text = _size_words((*self.sizes, self.c_row))
        return f"dots_{self.dtype.name}_{self.rows}x{self.cols}x{self.lanes}_{text}"


def dots(outer: Builder, m: Dots, facts: TargetFacts) -> Callable[..., None]:
    """Adds the function and returns its caller: call(a, b, c, (k, a_row, b_col))."""
    return _function(outer, m.name, m.sizes, [], lambda b: _dots_body(b, m, facts))


def _dots_body(b: Builder, m: Dots, facts: TargetFacts) -> None:
    element, size = scalar_type(m.dtype), m.dtype.itemsize
    k, a_row, b_col = _registers(m.sizes)
    left = [b.gep(element, "%a", b.mul(r, a_row)) for r in range(m.rows)]
    right = [b.gep(element, "%b", b.mul(j, b_col)) for j in range(m.cols)]
    count = m.rows * m.cols
    # enough independent sums to hide the latency of the additions
    depth = max(1, min(4, 8 // count))

    def step(sums: list[str], at: Index, lanes: int) -> list[str]:
        fma = multiply_add(b, m.dtype, lanes, facts)
        type_ = widen(element, lanes)
        xs = [b.load(type_, b.gep(element, p, at), size) for p in left]
        ys = [b.load(type_, b.gep(element, p, at), size) for p in right]
        pairs = [(x, y) for x in xs for y in ys]
        return [fma(x, y, s) for (x, y), s in zip(pairs, sums, strict=True)]

    def several(at: Index, values: list[str]) -> list[str]:
        after: list[str] = []
        for d in range(depth):
            part = values[d * count : (d + 1) * count]
            after += step(part, b.add(at, d * m.lanes), m.lanes)
        return after

    type_ = widen(element, m.lanes)
    add = "fadd" if m.dtype.kind == "f" else "add"
    whole = b.mul(b.div(k, m.lanes), m.lanes)
    main = b.mul(b.div(k, depth * m.lanes), depth * m.lanes)
    values = b.loop(0, main, depth * m.lanes, [(type_, "zeroinitializer")] * depth * count, several)
    sums = values[:count]
    for d in range(1, depth):
        part = values[d * count : (d + 1) * count]
        sums = [b.op(f"{add} {type_} {x}, {y}") for x, y in zip(sums, part, strict=True)]
    sums = b.loop(
        main, whole, m.lanes, [(type_, s) for s in sums], lambda at, v: step(v, at, m.lanes)
    )
    totals = [_fold(b, s, element, m.lanes, add) for s in sums]
    totals = b.loop(whole, k, 1, [(element, t) for t in totals], lambda at, v: step(v, at, 1))
    for place, total in enumerate(totals):
        r, j = divmod(place, m.cols)
        b.store(element, total, b.gep(element, "%c", r * m.c_row + j), size)


def _fold(b: Builder, value: str, element: str, lanes: int, add: str) -> str:
    """The sum of all lanes, in halves."""
    while lanes > 1:
        half = lanes // 2
        if half == 1:
            low, high = (b.op(f"extractelement <2 x {element}> {value}, i64 {i}") for i in range(2))
        else:
            low = b.shuffle(value, element, lanes, range(half))
            high = b.shuffle(value, element, lanes, range(half, lanes))
        value = b.op(f"{add} {widen(element, half)} {low}, {high}")
        lanes = half
    return value
