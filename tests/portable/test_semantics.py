"""Integer arithmetic, conversions and half types mean the same on ref, cpu and wasm.

The meaning is docs/design/0002's: here it is written once more, in Python's own integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DivisionByZero, IndexOutOfRange
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.runtime.buffer import from_array
from firth.targets import Executable
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from firth.targets.wasm import target as wasm

INTEGERS = [d for d in dt.ALL if d.is_integer]
SIGNED = [d for d in INTEGERS if d.kind == "i"]
FLOATS = [d for d in dt.ALL if d.kind == "f"]
HALVES = [dt.float16, dt.bfloat16]
TARGETS: dict[str, Callable[[Graph], Executable]] = {
    "ref": ref.compile,
    "cpu": lambda graph: cpu.specialise(graph, False),
    "cpu generic": lambda graph: cpu.specialise(graph, True),
    "wasm": lambda graph: wasm.specialise(graph, False),
    "wasm generic": lambda graph: wasm.specialise(graph, True),
}


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Callable[[Graph], Executable]:
    if request.param.startswith("wasm"):
        pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")
        pytest.importorskip("wasmtime", reason="needs wasmtime, from the extra `wasm`")
    found: Callable[[Graph], Executable] = TARGETS[request.param]
    return found


def run(
    target: Callable[[Graph], Executable],
    results: Callable[..., list[Expr]],
    *arrays: np.ndarray,
) -> list[np.ndarray]:
    """What the expressions over the arrays are; by then every value has been in a vector."""
    inputs = tuple(input_node(i, a.shape, dt.from_numpy(a.dtype)) for i, a in enumerate(arrays))
    graph = Graph(inputs, tuple(e.node for e in results(*map(Expr, inputs))))
    with np.errstate(all="ignore"):
        out = target(graph).run([from_array(a) for a in arrays])
    return [b.view(o.dtype, o.shape).copy() for b, o in zip(out, graph.outputs, strict=True)]


def low(d: DType) -> int:
    return -(1 << (d.bits - 1)) if d.kind == "i" else 0


def high(d: DType) -> int:
    return low(d) + (1 << d.bits) - 1


def wrap(value: int, d: DType) -> int:
    return (value - low(d)) % (1 << d.bits) + low(d)


def cases(d: DType) -> list[int]:
    """The numbers of a dtype where something may go wrong, and some ordinary ones."""
    near = {low(d), low(d) + 1, high(d) - 1, high(d), high(d) // 2, high(d) // 2 + 1}
    return sorted(near | {n for n in (-100, -7, -2, -1, 0, 1, 2, 3, 7, 64, 100) if n >= low(d)})


def pairs(left: list[int], right: list[int], d: DType) -> tuple[np.ndarray, np.ndarray]:
    both = [(x, y) for x in left for y in right]
    return tuple(np.array(column, d.np) for column in zip(*both, strict=True))  # type: ignore


def same(found: np.ndarray, wanted: list[int], *shown: np.ndarray) -> None:
    got = [int(v) for v in found]
    wrong = [(*map(int, at), g, w) for *at, g, w in zip(*shown, got, wanted) if g != w]
    assert not wrong, f"operands, found, wanted: {wrong[:5]}"


@pytest.mark.parametrize("d", INTEGERS, ids=lambda d: d.name)
def test_division_rounds_down_and_wraps(target: Callable, d: DType) -> None:
    x, y = pairs(cases(d), [n for n in cases(d) if n], d)
    quotient, rest = run(
        target, lambda a, b: [TABLE["floor_divide"](a, b), TABLE["remainder"](a, b)], x, y
    )
    both = [divmod(int(a), int(b)) for a, b in zip(x, y)]
    same(quotient, [wrap(q, d) for q, _ in both], x, y)
    same(rest, [r for _, r in both], x, y)


@pytest.mark.parametrize("d", SIGNED, ids=lambda d: d.name)
@pytest.mark.parametrize("divisor", [-1, 2, -3])
def test_division_by_a_known_number(target: Callable, d: DType, divisor: int) -> None:
    x = np.array(cases(d), d.np)
    quotient, rest = run(
        target, lambda a: [TABLE["floor_divide"](a, divisor), TABLE["remainder"](a, divisor)], x
    )
    same(quotient, [wrap(int(a) // divisor, d) for a in x], x)
    same(rest, [int(a) % divisor for a in x], x)


@pytest.mark.parametrize("d", INTEGERS, ids=lambda d: d.name)
@pytest.mark.parametrize("op", ["floor_divide", "remainder"])
def test_division_by_zero_is_an_error(target: Callable, d: DType, op: str) -> None:
    size = 37  # the zero is in what is left after the last vector
    x, y = np.full(size, 5, d.np), np.full(size, 2, d.np)
    y[-1] = 0
    with pytest.raises(DivisionByZero, match=op):
        run(target, lambda a, b: [TABLE[op](a, b)], x, y)
    with pytest.raises(DivisionByZero, match=op):
        run(target, lambda a: [TABLE[op](a, 0)], x)

    def masked(a: Expr, b: Expr) -> list[Expr]:
        return [TABLE[op](a, TABLE["where"](b == 0, 1, b))]

    (found,) = run(target, masked, x, y)
    last, other = (5, 2) if op == "floor_divide" else (0, 1)
    same(found, [other] * (size - 1) + [last], x, y)


@pytest.mark.parametrize("d", INTEGERS, ids=lambda d: d.name)
def test_shifts_beyond_the_width(target: Callable, d: DType) -> None:
    counts = [c for c in (0, 1, d.bits - 1, d.bits, d.bits + 1, 100, -1, low(d), high(d))
              if low(d) <= c <= high(d)]  # fmt: skip
    x, y = pairs(cases(d), counts, d)
    left, right = run(
        target, lambda a, b: [TABLE["shift_left"](a, b), TABLE["shift_right"](a, b)], x, y
    )
    inside = [0 <= int(c) < d.bits for c in y]
    whole = list(zip(x, y, inside))
    same(left, [wrap(int(a) << int(c), d) if ok else 0 for a, c, ok in whole], x, y)
    same(right, [int(a) >> int(c) if ok else -(int(a) < 0) for a, c, ok in whole], x, y)


@pytest.mark.parametrize("d", INTEGERS, ids=lambda d: d.name)
def test_overflow_wraps(target: Callable, d: DType) -> None:
    x, y = pairs(cases(d), cases(d), d)

    def results(a: Expr, b: Expr) -> list[Expr]:
        return [a + b, a - b, a * b, -a, TABLE["abs"](a),
                TABLE["sum"](a, axes=(0,), keepdims=False),
                TABLE["prod"](b, axes=(0,), keepdims=False),
                TABLE["cumulate"](a, axis=0, kind="add")]  # fmt: skip

    added, taken, times, minus, size, total, product, running = run(target, results, x, y)
    p, q = [int(v) for v in x], [int(v) for v in y]
    same(added, [wrap(a + b, d) for a, b in zip(p, q)], x, y)
    same(taken, [wrap(a - b, d) for a, b in zip(p, q)], x, y)
    same(times, [wrap(a * b, d) for a, b in zip(p, q)], x, y)
    same(minus, [wrap(-a, d) for a in p], x)
    same(size, [wrap(abs(a), d) for a in p], x)
    assert int(total) == wrap(sum(p), d)
    assert int(product) == wrap(math.prod(q), d)
    same(running, [wrap(sum(p[: k + 1]), d) for k in range(len(p))], x)


def reals(d: DType) -> np.ndarray:
    """Floats at and around every bound of the integer types, specials and subnormals."""
    points = [0.0, 0.4, 0.5, 0.6, 1.0, 1.5, 2.5, 1e5, 1e30, 1e300, math.inf, math.nan]
    for bits in (7, 8, 15, 16, 31, 32, 63, 64):
        edge = math.ldexp(1.0, bits)
        points += [edge - 1.5, edge - 1, edge - 0.5, edge, edge + 0.5, edge + 1]
    values = np.array(points)
    with np.errstate(all="ignore"):
        near = np.concatenate([values, -values]).astype(d.np)
    info = ml_dtypes.finfo(d.np)
    extremes = np.array([info.max, info.tiny, info.smallest_subnormal], d.np)
    steps = [np.nextafter(near, np.array(to, d.np)) for to in (np.inf, -np.inf)]
    return np.concatenate([near, *steps, extremes, -extremes])


@pytest.mark.parametrize("d", FLOATS, ids=lambda d: d.name)
def test_floats_become_integers(target: Callable, d: DType) -> None:
    x = reals(d)
    kinds = [*INTEGERS, dt.bool_]
    found = run(target, lambda a: [TABLE["cast"](a, dtype=k) for k in kinds], x)
    for kind, got in zip(kinds, found):
        wanted = [_integer(float(v), kind) for v in x]
        wrong = [(float(v), g, w) for v, g, w in zip(x, got.tolist(), wanted) if g != w]
        assert not wrong, f"{kind.name}; operand, found, wanted: {wrong[:5]}"


def _integer(value: float, d: DType) -> int | bool:
    if d.kind == "b":
        return value != 0
    if math.isnan(value):
        return 0
    if math.isinf(value):
        return high(d) if value > 0 else low(d)
    return min(max(int(value), low(d)), high(d))


@pytest.mark.parametrize("d", [*INTEGERS, dt.bool_], ids=lambda d: d.name)
def test_integers_become_floats(target: Callable, d: DType) -> None:
    """Rounded once; to half types from float32."""
    numbers = [0, 1] if d.kind == "b" else cases(d) + [
        n for e in range(d.bits) for n in ((1 << e) - 1, (1 << e) + 1, (3 << e) // 2 + 1)
        if n <= high(d)]  # fmt: skip
    x = np.array(numbers, d.np)
    found = run(target, lambda a: [TABLE["cast"](a, dtype=f) for f in FLOATS], x)
    for f, got in zip(FLOATS, found):
        through = x.astype(np.float32) if f in HALVES else x
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(got, through.astype(f.np), err_msg=f.name)


@pytest.mark.parametrize("d", HALVES, ids=lambda d: d.name)
def test_every_half_survives_a_round_trip(target: Callable, d: DType) -> None:
    x = np.arange(1 << 16, dtype=np.uint16).view(d.np)

    def results(a: Expr) -> list[Expr]:
        cast = TABLE["cast"]
        return [cast(a, dtype=dt.float32), cast(cast(a, dtype=dt.float32), dtype=d),
                cast(a, dtype=dt.float64), cast(cast(a, dtype=dt.float64), dtype=d)]  # fmt: skip

    single, again, double, back = run(target, results, x)
    np.testing.assert_array_equal(single, x.astype(np.float32))
    with np.errstate(invalid="ignore"):  # signalling NaNs
        np.testing.assert_array_equal(double, x.astype(np.float64))
    real = ~np.isnan(x.astype(np.float32))
    for found in (again, back):
        np.testing.assert_array_equal(found.view(np.uint16)[real], x.view(np.uint16)[real])
        assert np.isnan(found[~real]).all()


@pytest.mark.parametrize("source", [dt.float32, dt.float64], ids=lambda d: d.name)
@pytest.mark.parametrize("d", HALVES, ids=lambda d: d.name)
def test_ties_go_to_the_even_half(target: Callable, d: DType, source: DType) -> None:
    bits = np.arange(0x7F80 if d is dt.bfloat16 else 0x7C00, dtype=np.uint16)
    lower = bits[:-1].view(d.np).astype(source.np)
    upper = bits[1:].view(d.np).astype(source.np)
    tie = lower + (upper - lower) / 2
    above = np.nextafter(tie, np.array(np.inf, source.np))
    below = np.nextafter(tie, np.array(0, source.np))
    even = bits[:-1] + bits[:-1] % 2
    x = np.concatenate([tie, above, below, -tie])
    (found,) = run(target, lambda a: [TABLE["cast"](a, dtype=d)], x)
    wanted = np.concatenate([even, bits[1:], bits[:-1], even | 0x8000])
    np.testing.assert_array_equal(found.view(np.uint16), wanted)


@pytest.mark.parametrize("d", HALVES, ids=lambda d: d.name)
def test_beyond_the_largest_half(target: Callable, d: DType) -> None:
    top = float(ml_dtypes.finfo(d.np).max)
    half_step = math.ldexp(1.0, math.frexp(top)[1] - (9 if d is dt.bfloat16 else 12))
    tie = np.float32(top + half_step)
    inside, tiny = np.nextafter(tie, np.float32(0)), np.float32(1e-45)
    x = np.array([tie, inside, np.inf, np.nan, tiny, -tie, -inside, -np.inf, -tiny], np.float32)
    (found,) = run(target, lambda a: [TABLE["cast"](a, dtype=d)], x)
    finite = [np.inf, top, np.inf, np.nan, 0.0]
    np.testing.assert_array_equal(
        found.astype(np.float64), np.array([*finite, -np.inf, -top, -np.inf, -0.0])
    )
    assert np.signbit(found[-1]) and not np.signbit(found[4])


@pytest.mark.parametrize("d", HALVES, ids=lambda d: d.name)
def test_half_arithmetic_is_float32_rounded_once(target: Callable, d: DType) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 1 << 16, (2, 5000), dtype=np.uint16).view(d.np)

    def results(a: Expr, b: Expr) -> list[Expr]:
        return [a + b, a - b, a * b, a / b, TABLE["sqrt"](a), a < b]

    found = run(target, results, x, y)
    with np.errstate(all="ignore"):
        p, q = x.astype(np.float32), y.astype(np.float32)
        wanted = [(v).astype(d.np) for v in (p + q, p - q, p * q, p / q, np.sqrt(p))]
    for got, want in zip(found, [*wanted, p < q]):
        np.testing.assert_array_equal(got.astype(np.float32), want.astype(np.float32))


@pytest.mark.parametrize("index", [-1, 5, 1 << 31, 1 << 32, high(dt.int64), low(dt.int64)])
def test_an_index_outside_is_an_error(target: Callable, index: int) -> None:
    """Also where 32-bit addresses would wrap."""
    places = np.array([0, 4, index, 2], np.int64)
    with pytest.raises(IndexOutOfRange, match="gather"):
        run(target, lambda x, i: [TABLE["gather"](x, i, axes=(0,))], np.arange(5.0), places)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0), (2, 0, 3)])
def test_values_without_elements(target: Callable, shape: tuple[int, ...]) -> None:
    """Sums over nothing are 0, products 1, `all` is true."""

    def results(x: Expr) -> list[Expr]:
        axes = tuple(range(len(shape)))
        y = TABLE["reshape"](x, shape=(5, 0))
        return [
            TABLE["exp"](x) * 2.0,
            *(TABLE[op](x, axes=axes, keepdims=False) for op in ("sum", "prod")),
            TABLE["all"](x > 0.0, axes=axes, keepdims=False),
            TABLE["sum"](y, axes=(1,), keepdims=False),
            TABLE["matmul"](y, TABLE["permute"](y, axes=(1, 0))),
            TABLE["cumulate"](y, axis=1, kind="add"),
            TABLE["argsort"](y, axis=1, descending=False),
        ]

    found = run(target, results, np.zeros(shape))
    assert [f.shape for f in found] == [shape, (), (), (), (5,), (5, 5), (5, 0), (5, 0)]
    assert [f.tolist() for f in found[1:6]] == [0.0, 1.0, True, [0.0] * 5, [[0.0] * 5] * 5]
