"""Coordinates, indices that come from data, checks, constants."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
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
    Guard,
    Kernel,
    Load,
    Loop,
    Store,
)
from tests.codegen.harness import ALL_FACTS, facts, run

IDS = [f"{f.vector_bytes}{'m' if f.masked else ''}" for f in ALL_FACTS]
targets = pytest.mark.parametrize("target", ALL_FACTS, ids=IDS)
both = pytest.mark.parametrize("generic", [False, True], ids=["static", "generic"])
RNG = np.random.default_rng(4)


def affine(*terms, const=0):
    return Affine(const, terms)


@targets
@both
@pytest.mark.parametrize("dtype", [dt.int64, dt.int8, dt.uint32, dt.float32, dt.float64], ids=str)
def test_coordinates(target, generic, dtype):
    rows, cols = 3, 27
    i, j = Axis("i", rows), Axis("j", cols)
    at = affine((i, cols), (j, 1))
    value = Coordinate(affine((i, 100), (j, -3), const=7), dtype)
    loop = Loop(j, (Store(0, at, value),), target.lanes(4))
    out = np.zeros((rows, cols), dtype.np)
    run(Kernel("iota", ((i, 1),), (Buffer(dtype, True),), (loop,)), [out], target, generic)
    want = np.arange(rows)[:, None] * 100 - 3 * np.arange(cols) + 7
    np.testing.assert_array_equal(out, want.astype(dtype.np))


def take_kernel(rows, cols, count, lanes, vector_over_rows):
    """out[p, j] = table[ids[p], j]."""
    p, j = Axis("p", count), Axis("j", cols)
    index = Checked(Load(1, affine((p, 1)), dt.int64), rows, 5)
    value = Load(0, affine((j, 1)), dt.float32, (), 0, ((index, cols),))
    store = Store(2, affine((p, cols), (j, 1)), value)
    outer, inner = (j, p) if vector_over_rows else (p, j)
    body = (Loop(inner, (store,), lanes),)
    buffers = (Buffer(dt.float32), Buffer(dt.int64), Buffer(dt.float32, True))
    return Kernel("take", ((outer, 1),), buffers, body)


@targets
@both
@pytest.mark.parametrize("over_rows", [False, True])
def test_gather_checks_its_index(target, generic, over_rows):
    rows, cols, count = 5, 19, 21
    table = RNG.standard_normal((rows, cols)).astype(np.float32)
    ids = RNG.integers(0, rows, count)
    out = np.zeros((count, cols), np.float32)
    kernel = take_kernel(rows, cols, count, target.lanes(4), over_rows)
    assert run(kernel, [table, ids, out], target, generic) == (0, 0)
    np.testing.assert_array_equal(out, table[ids])
    for bad in (-1, rows, 2**62):
        wrong = ids.copy()
        wrong[17] = bad
        assert run(kernel, [table, wrong, out], target, generic) == (5, bad)
        wrong[17] = 0
        np.testing.assert_array_equal(out, table[wrong])


@both
def test_scatter_add_in_order(generic):
    rows, cols, count = 4, 10, 9
    p, j = Axis("p", count), Axis("j", cols)
    index = Checked(Load(1, affine((p, 1)), dt.int64), rows, 6)
    where = ((index, cols),)
    old = Load(2, affine((j, 1)), dt.float32, (), 0, where)
    new = Apply("add", (old, Load(0, affine((p, cols), (j, 1)), dt.float32)), dt.float32)
    body = (Loop(p, (Loop(j, (Store(2, affine((j, 1)), new, (), where),), 8),)),)
    buffers = (Buffer(dt.float32), Buffer(dt.int64), Buffer(dt.float32, True))
    x = RNG.standard_normal((count, cols)).astype(np.float32)
    ids = RNG.integers(0, rows, count)
    out, want = np.zeros((2, rows, cols), np.float32)
    np.add.at(want, ids, x)
    assert run(Kernel("scatter", (), buffers, body), [x, ids, out], generic=generic) == (0, 0)
    np.testing.assert_array_equal(out, want)
    # one row only, with the rows as lanes would collide: lanes over positions with distinct rows
    ids = np.array([3, 1, 0, 2])
    p = Axis("p", 4)
    index = Checked(Load(1, affine((p, 1)), dt.int64), rows, 6)
    one = Load(0, affine((p, cols)), dt.float32)
    body = (Loop(p, (Store(2, affine(), one, (), ((index, cols),)),), 8),)
    run(Kernel("scatter", (), buffers, body), [x, ids, out], generic=generic)
    np.testing.assert_array_equal(out[ids, 0], x[:4, 0])


@targets
def test_guarded_off_lanes_are_not_checked(target):
    n = 13
    i = Axis("i", n)
    guard = Guard(affine((i, 1), const=-3), 5)
    raw = Load(0, affine((i, 1)), dt.int64)
    value = Checked(raw, 10, 2, (guard,))
    divided = Apply(
        "floor_divide", (raw, Apply("sub", (raw, raw), dt.int64)), dt.int64, 3, (guard,)
    )
    x = np.arange(n) + 5
    out = np.zeros(n, np.int64)
    loop = Loop(i, (Store(1, affine((i, 1)), value),), target.lanes(4))
    kernel = Kernel("k", (), (Buffer(dt.int64), Buffer(dt.int64, True)), (loop,))
    assert run(kernel, [np.where((x >= 8) & (x < 13), 9, 77), out], target) == (0, 0)
    assert run(kernel, [x, out], target) == (2, 10)
    loop = Loop(i, (Store(1, affine((i, 1)), divided),), target.lanes(4))
    kernel = Kernel("k", (), (Buffer(dt.int64), Buffer(dt.int64, True)), (loop,))
    assert run(kernel, [x, out], target) == (3, 0)


def test_lanes_that_do_not_take_part_cannot_fail():
    i = Axis("i", 3)
    x, y = Load(0, affine((i, 1)), dt.int32), Load(1, affine((i, 1)), dt.int32)
    loop = Loop(i, (Store(2, affine((i, 1)), Apply("remainder", (x, y), dt.int32, 9)),), 8)
    buffers = (Buffer(dt.int32), Buffer(dt.int32), Buffer(dt.int32, True))
    a, b, out = np.array([7, 8, 9], np.int32), np.array([2, 3, 4], np.int32), np.zeros(3, np.int32)
    assert run(Kernel("k", (), buffers, (loop,)), [a, b, out]) == (0, 0)
    np.testing.assert_array_equal(out, a % b)


@both
@pytest.mark.parametrize(
    "value,dtype",
    [
        (-0.0, dt.float32),
        (np.nan, dt.float64),
        (-np.inf, dt.float32),
        (0.1, dt.float64),
        (2.5, dt.float16),
        (3.0, dt.bfloat16),
        (-7, dt.int8),
        (2**64 - 2, dt.uint64),
        (True, dt.bool_),
    ],
)
def test_constants_are_exact(generic, value, dtype):
    i = Axis("i", 11)
    loop = Loop(i, (Store(0, affine((i, 1)), Const(value, dtype)),), 8)
    out = np.zeros(11, dtype.np)
    run(Kernel("k", (), (Buffer(dtype, True),), (loop,)), [out], generic=generic)
    want = np.full(11, value, np.uint64 if dtype is dt.uint64 else None).astype(dtype.np)
    assert out.tobytes() == want.tobytes()


def test_shared_expressions_are_computed_once_and_outside_loops():
    i, j = Axis("i", 4), Axis("j", 64)
    scale = Apply("sqrt", (Load(0, affine((i, 1)), dt.float32),), dt.float32)
    x = Load(1, affine((i, 64), (j, 1)), dt.float32)
    product = Apply("mul", (x, scale), dt.float32)
    both_sides = Apply("add", (product, product), dt.float32)
    loop = Loop(j, (Store(2, affine((i, 64), (j, 1)), both_sides),), 8)
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, True))
    text = emit(Kernel("k", ((i, 1),), buffers, (loop,)), facts()).text
    before, _, inside = text.partition("\nloop")
    assert "llvm.sqrt" in before and "llvm.sqrt" not in inside
    assert inside.count("fmul") == 1 and "shufflevector" not in inside


def test_long_chains_do_not_recurse():
    i = Axis("i", 16)
    x = Load(0, affine((i, 1)), dt.float32)
    value = x
    for _ in range(3000):
        value = Apply("add", (value, x), dt.float32)
    loop = Loop(i, (Store(1, affine((i, 1)), value),), 8)
    buffers = (Buffer(dt.float32), Buffer(dt.float32, True))
    assert emit(Kernel("k", (), buffers, (loop,)), facts()).text.count("fadd") == 6000 // 2


@targets
def test_argmax_by_two_accumulators(target):
    """The position of the first largest element: maximum, then the least position that has it."""
    n = 39
    i = Axis("i", n)
    x = Load(0, affine((i, 1)), dt.float32)
    top = Accumulator("top", "maximum", dt.float32, -np.inf)
    place = Accumulator("place", "minimum", dt.int64, 2**63 - 1)
    here = Coordinate(affine((i, 1)), dt.int64)
    mine = Apply("equal", (x, top), dt.bool_)
    value = Apply("where", (mine, here, Const(n, dt.int64)), dt.int64)
    body = (
        Loop(i, (Accumulate(top, x),), target.lanes(4), (top,)),
        Loop(i, (Accumulate(place, value),), target.lanes(4), (place,)),
        Store(1, affine(), place),
    )
    kernel = Kernel("argmax", (), (Buffer(dt.float32), Buffer(dt.int64, True)), body)
    data, out = RNG.integers(0, 9, n).astype(np.float32), np.zeros(1, np.int64)
    run(kernel, [data, out], target)
    assert out[0] == data.argmax()


@targets
@pytest.mark.parametrize("op", ["any", "all"])
def test_bool_reductions(target, op):
    n = 41
    i = Axis("i", n)
    kind = "bitwise_or" if op == "any" else "bitwise_and"
    acc = Accumulator("acc", kind, dt.bool_, op == "all")
    body = (
        Loop(i, (Accumulate(acc, Load(0, affine((i, 1)), dt.bool_)),), target.lanes(4), (acc,)),
        Store(1, affine(), acc),
    )
    kernel = Kernel(op, (), (Buffer(dt.bool_), Buffer(dt.bool_, True)), body)
    for place in (None, 0, 17, 40):
        data, out = np.full(n, op == "all"), np.zeros(1, bool)
        if place is not None:
            data[place] ^= True
        run(kernel, [data, out], target)
        assert out[0] == getattr(data, op)()


@pytest.mark.parametrize("dtype", [dt.int8, dt.uint16, dt.int64], ids=str)
@pytest.mark.parametrize("op", ["add", "mul", "maximum", "minimum"])
def test_integer_reductions_keep_their_dtype(dtype, op):
    n = 45
    i = Axis("i", n)
    start = {"add": 0, "mul": 1, "maximum": np.iinfo(dtype.np).min}.get(op, np.iinfo(dtype.np).max)
    acc = Accumulator("acc", op, dtype, int(start))
    body = (
        Loop(i, (Accumulate(acc, Load(0, affine((i, 1)), dtype)),), 16, (acc,)),
        Store(1, affine(), acc),
    )
    kernel = Kernel(op, (), (Buffer(dtype), Buffer(dtype, True)), body)
    data, out = RNG.integers(1, 100, n).astype(dtype.np), np.zeros(1, dtype.np)
    run(kernel, [data, out])
    f = {"add": np.add, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum}[op]
    with np.errstate(over="ignore"):
        assert out[0] == f.reduce(data, dtype=dtype.np)
