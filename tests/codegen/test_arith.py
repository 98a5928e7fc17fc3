"""Every elementwise operation on every dtype, hard values included, against NumPy."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.kernel import Affine, Apply, Axis, Buffer, Const, Kernel, Load, Loop, Store
from tests.codegen.harness import facts, run

INTS = [dt.int8, dt.int16, dt.int32, dt.int64, dt.uint8, dt.uint16, dt.uint32, dt.uint64]
FLOATS = [dt.float32, dt.float64]
RNG = np.random.default_rng(2)
TARGETS = [facts(32), facts(16, False, False)]


def elementwise(op, sources, dtype, n, lanes, site=0):
    i = Axis("i", n)
    here = Affine(0, ((i, 1),))
    args = tuple(Load(k, here, d) for k, d in enumerate(sources))
    store = Store(len(sources), here, Apply(op, args, dtype, site))
    buffers = (*(Buffer(d) for d in sources), Buffer(dtype, True))
    return Kernel(op, (), buffers, (Loop(i, (store,), lanes),))


def apply(op, arrays, dtype, lanes=16, site=0):
    """The op through compiled code, with and without wide vectors; results must agree."""
    sources = [dt.from_numpy(a.dtype) for a in arrays]
    found = []
    for target in TARGETS:
        for width in (lanes, 0):
            out = np.zeros(arrays[0].shape, dtype.np)
            kernel = elementwise(op, sources, dtype, out.size, width, site)
            record = run(kernel, [*arrays, out], target)
            found.append((out, record))
    for out, record in found[1:]:
        wide = np.float64 if dtype.bits == 16 and dtype.kind == "f" else dtype.np
        np.testing.assert_array_equal(out.astype(wide), found[0][0].astype(wide))
        assert record[0] == found[0][1][0]
    return found[0]


def pairs(values):
    x, y = np.meshgrid(values, values)
    return np.ascontiguousarray(x.ravel()), np.ascontiguousarray(y.ravel())


def hard_ints(dtype):
    info = np.iinfo(dtype.np)
    some = [0, 1, 2, 3, 5, 7, 8, 13, 31, 32, 63, 64, 100, info.max, info.max - 1, info.min]
    if dtype.kind == "i":
        some += [-1, -2, -3, -7, -8, info.min + 1]
    return np.array(some, dtype.np)


def hard_floats(dtype):
    info = np.finfo(dtype.np)
    some = [0.0, 1.0, 0.5, 1.5, 2.5, 3.0, 0.1, 7.3, 1e-3, 12345.678, 8388607.5, 4503599627370497.5]
    some += [float(info.max), float(info.tiny), float(info.tiny) / 8, np.inf, np.nan, 1e9, 3e-20]
    with np.errstate(over="ignore"):
        return np.array([*some, *(-v for v in some)]).astype(dtype.np)


def same_bits(got, want):
    same = (got == want) & (np.signbit(got) == np.signbit(want))
    same |= np.isnan(got) & np.isnan(want)
    assert same.all(), (got[~same][:5], want[~same][:5])


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_integer_arithmetic_wraps(dtype):
    x, y = pairs(hard_ints(dtype))
    with np.errstate(all="ignore"):
        cases = {
            "add": x + y, "sub": x - y, "mul": x * y,
            "maximum": np.maximum(x, y), "minimum": np.minimum(x, y),
            "bitwise_and": x & y, "bitwise_or": x | y, "bitwise_xor": x ^ y,
        }  # fmt: skip
        for op, want in cases.items():
            np.testing.assert_array_equal(apply(op, [x, y], dtype)[0], want, err_msg=op)
        for op, want in {"neg": -x, "abs": np.abs(x), "bitwise_not": ~x}.items():
            np.testing.assert_array_equal(apply(op, [x], dtype)[0], want, err_msg=op)


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_integer_division_is_floored_and_never_traps(dtype):
    x, y = pairs(hard_ints(dtype))
    for op, reference in (("floor_divide", np.floor_divide), ("remainder", np.remainder)):
        got, record = apply(op, [x, y], dtype, site=7)
        assert record == (7, 0)
        with np.errstate(all="ignore"):
            want = reference(x, y)
        want[y == 0] = 0
        np.testing.assert_array_equal(got, want)
        ok = y != 0
        got, record = apply(op, [x[ok], y[ok]], dtype, site=7)
        assert record == (0, 0)


@pytest.mark.parametrize("divisor", [3, -1, 8, -5, 0])
def test_division_by_a_constant(divisor):
    x = hard_ints(dt.int32)
    i = Axis("i", x.size)
    here = Affine(0, ((i, 1),))
    for op, reference in (("floor_divide", np.floor_divide), ("remainder", np.remainder)):
        value = Apply(op, (Load(0, here, dt.int32), Const(divisor, dt.int32)), dt.int32, 3)
        loop = Loop(i, (Store(1, here, value),), 8)
        kernel = Kernel("k", (), (Buffer(dt.int32), Buffer(dt.int32, True)), (loop,))
        for generic in (False, True):
            out = np.zeros_like(x)
            record = run(kernel, [x, out], generic=generic)
            assert record[0] == (3 if divisor == 0 else 0)
            with np.errstate(all="ignore"):
                want = reference(x, np.int32(divisor))
            np.testing.assert_array_equal(out, want if divisor else 0)


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_shifts(dtype):
    x, y = pairs(hard_ints(dtype))
    bits = dtype.bits
    wide = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    mask = (1 << bits) - 1

    def outside(b):
        return b < 0 or b >= bits

    left = [0 if outside(b) else (a << b) & mask for a, b in wide]
    right = [(-1 if a < 0 else 0) if outside(b) else a >> b for a, b in wide]
    unsigned = np.dtype(f"u{dtype.itemsize}")
    got = apply("shift_left", [x, y], dtype)[0].view(unsigned)
    np.testing.assert_array_equal(got, np.array(left, unsigned))
    np.testing.assert_array_equal(apply("shift_right", [x, y], dtype)[0], np.array(right, dtype.np))


@pytest.mark.parametrize("dtype", [*INTS, *FLOATS, dt.bool_], ids=str)
def test_compare_and_where(dtype):
    values = np.array([False, True])
    if dtype.kind != "b":
        values = hard_floats(dtype) if dtype.kind == "f" else hard_ints(dtype)
    x, y = pairs(values)
    cases = {"equal": x == y, "not_equal": x != y, "less": x < y, "less_equal": x <= y}
    for op, want in cases.items():
        np.testing.assert_array_equal(apply(op, [x, y], dt.bool_)[0], want, err_msg=op)
    c = RNG.random(x.shape) < 0.5
    np.testing.assert_array_equal(apply("where", [c, x, y], dtype)[0], np.where(c, x, y))


@pytest.mark.parametrize("dtype", [dt.float16, dt.bfloat16], ids=str)
def test_where_of_half_types(dtype):
    c = RNG.random(50) < 0.5
    x, y = (RNG.standard_normal(50).astype(dtype.np) for _ in range(2))
    np.testing.assert_array_equal(apply("where", [c, x, y], dtype)[0], np.where(c, x, y))


def test_bool():
    x, y = pairs(np.array([False, True]))
    cases = {"bitwise_and": x & y, "bitwise_or": x | y, "bitwise_xor": x ^ y}
    for op, want in cases.items():
        np.testing.assert_array_equal(apply(op, [x, y], dt.bool_)[0], want)
    np.testing.assert_array_equal(apply("bitwise_not", [x], dt.bool_)[0], ~x)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_float_arithmetic(dtype):
    x, y = pairs(hard_floats(dtype))
    with np.errstate(all="ignore"):
        cases = {"add": x + y, "sub": x - y, "mul": x * y, "div": x / y}
        for op, want in cases.items():
            same_bits(apply(op, [x, y], dtype)[0], want)
        for op, f in {"maximum": np.maximum, "minimum": np.minimum}.items():
            np.testing.assert_array_equal(apply(op, [x, y], dtype)[0], f(x, y))
        unary = {
            "neg": -x, "abs": np.abs(x), "sqrt": np.sqrt(x), "floor": np.floor(x),
            "ceil": np.ceil(x), "trunc": np.trunc(x), "round": np.round(x),
        }  # fmt: skip
        for op, want in unary.items():
            same_bits(apply(op, [x], dtype)[0], want)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_float_remainder_is_exact(dtype):
    x, y = pairs(hard_floats(dtype))
    random = RNG.standard_normal((2, 5000)) * 10.0 ** RNG.uniform(-30, 30, (2, 5000))
    x = np.concatenate([x, random[0].astype(dtype.np)])
    y = np.concatenate([y, random[1].astype(dtype.np)])
    with np.errstate(all="ignore"):
        want = np.remainder(x, y)
    same_bits(apply("remainder", [x, y], dtype)[0], want)


def test_threefry():
    """Known answers of Threefry-2x32, 20 rounds, and lanes equal to single elements."""
    ones = (1 << 64) - 1
    key = np.array([0, ones, 0x03707344_13198A2E] + list(range(30)), np.uint64)
    counter = np.array([0, ones, 0x85A308D3_243F6A88] + list(range(30)), np.uint64)
    got = apply("threefry", [key, counter], dt.uint64, lanes=8)[0]
    assert got[0] == 0x99BA4EFE_6B200159
    assert got[1] == 0xBB002BE7_1CB996FC
    assert got[2] == 0x483DF7A0_C4923A9C
