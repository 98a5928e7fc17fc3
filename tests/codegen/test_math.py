"""Elementary functions against mpmath and NumPy: accuracy, special values, every lane count."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.codegen import math as fmath
from firth.codegen.builder import Builder
from firth.codegen.types import register_type

mpmath = pytest.importorskip("mpmath")
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

FEATURES = llvm.get_host_cpu_features()
_KEEP: list[object] = []


def facts(fma: bool = True, ldexp: bool = False) -> TargetFacts:
    wide = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx") else 16
    native = bool(FEATURES.get("fma")) or not FEATURES.get("sse2")
    return TargetFacts(
        llvm.get_default_triple(), llvm.get_host_cpu_name(), FEATURES.flatten(), wide,
        32 if wide == 64 else 16, fma and native, wide == 64, ldexp=ldexp,
    )  # fmt: skip


def compiled(op: str, arity: int, dtype: DType, lanes: int, fma: bool = True, ldexp: bool = False):
    """A function of arrays whose length is a multiple of lanes."""
    b = Builder()
    v = register_type(dtype, lanes)

    def body(i, _):
        args = [
            b.load(v, b.gep("i8", f"%in{k}", b.mul(i, dtype.itemsize)), dtype.itemsize)
            for k in range(arity)
        ]
        y = fmath.emit(b, op, args, dtype, lanes, facts(fma, ldexp))
        b.store(v, y, b.gep("i8", "%out", b.mul(i, dtype.itemsize)), dtype.itemsize)
        return []

    b.loop(0, "%n", lanes, [], body)
    ins = "".join(f"ptr %in{k}, " for k in range(arity))
    text = "\n".join(
        [*b.declares.values(), *b.helpers.values(),
         f"define void @f({ins}ptr %out, i64 %n) {{", "entry:", b.text(), "ret void", "}"]
    )  # fmt: skip
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=FEATURES.flatten(), opt=1, jit=True
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _KEEP.append((engine, machine))
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(
        engine.get_function_address("f")
    )

    def run(*arrays: np.ndarray) -> np.ndarray:
        arrays = tuple(np.ascontiguousarray(a, dtype.np) for a in arrays)
        out = np.empty_like(arrays[0])
        call(*[a.ctypes.data for a in arrays], out.ctypes.data, out.size)
        return out

    return run


SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40,
     1.1754944e-38, 5e-324, -5e-324, 2.2250738585072014e-308, 3.4028235e38, -3.4028235e38,
     1.7976931348623157e308, 88.72283, 88.73, -103.97, -87.34, 709.782712893384, 709.79, -745.13,
     -708.4, 1.5707964, 3.1415927, 1e5, 1e10, -1e22, 3e38, 6381956970095103.0 * 2.0**797, 0.625,
     0.92, 0.414, 2.415, 1e-8, -1e-8, 0.99999994, -0.99999994, 1.0000001, 3.0, -3.0, 2.5, -2.5]
)  # fmt: skip
_DOMAIN = {
    "exp": (-110.0, 90.0, -750.0, 712.0), "expm1": (-20.0, 90.0, -45.0, 712.0),
    "tanh": (-12.0, 12.0, -25.0, 25.0), "erf": (-5.0, 5.0, -7.0, 7.0),
    "asin": (-1.0, 1.0, -1.0, 1.0), "acos": (-1.0, 1.0, -1.0, 1.0),
    "sin": (-150.0, 150.0, -1e4, 1e4), "cos": (-150.0, 150.0, -1e4, 1e4),
    "tan": (-150.0, 150.0, -1e4, 1e4), "atan": (-6.0, 6.0, -6.0, 6.0),
    "log": (0.0, 4.0, 0.0, 4.0), "log1p": (-1.0, 3.0, -1.0, 3.0),
}  # fmt: skip
UNARY = tuple(_DOMAIN)


def samples(op: str, dtype: DType, bits: int, span: int, seed: int = 1) -> np.ndarray:
    """Random bit patterns, a range where the function is interesting, and special values."""
    rng = np.random.default_rng(seed)
    unsigned = np.uint32 if dtype is dt.float32 else np.uint64
    patterns = rng.integers(0, np.iinfo(unsigned).max, bits, unsigned).view(dtype.np)
    low, high = _DOMAIN[op][:2] if dtype is dt.float32 else _DOMAIN[op][2:]
    near = rng.uniform(low, high, span)
    with np.errstate(all="ignore"):
        x = np.concatenate([patterns, near.astype(dtype.np), SPECIAL.astype(dtype.np)])
    return np.resize(x, -(-x.size // 16) * 16)


def ulps(got: np.ndarray, want: np.ndarray, low: np.ndarray | None = None) -> np.ndarray:
    """Distance in units of want's last place; want is wider, or has its remainder in `low`."""
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        same = (got == rounded) & ((np.signbit(got) == np.signbit(rounded)) | (rounded != 0))
        same |= np.isnan(got) & np.isnan(rounded)
        finite = np.isfinite(rounded) & np.isfinite(got)
        unit = np.spacing(np.abs(np.where(finite, rounded, 1)).astype(got.dtype))
        gap = got.astype(want.dtype) - want
        if low is not None:
            gap = gap - low
        distance = np.abs(gap) / unit
        # beside overflow: infinity stands for the next number after the largest
        largest = np.finfo(got.dtype).max
        edge = (np.isinf(got) & (np.abs(rounded) == largest)) | (
            np.isinf(rounded) & (np.abs(got) == largest)
        )
    out = np.where(finite, distance, np.where(edge, 1.0, np.inf))
    return np.where(same & ~finite, 0.0, out)


@np.errstate(all="ignore")
def numpy_reference(op: str, x: np.ndarray) -> np.ndarray:
    """In float64, for float32 arguments; NumPy's float64 argument reduction is exact."""
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        if op == "erf":
            import math

            return np.array([math.erf(v) for v in wide])
        names = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
        return getattr(np, names.get(op, op))(wide)


def exact(op: str, *args: float) -> tuple[float, float]:
    """The value as a float64 and its remainder, where NumPy's answer is an ordinary number."""
    with mpmath.workprec(1400 if op in ("sin", "cos", "tan") else 160):
        if op == "pow":
            y = mpmath.power(*[mpmath.mpf(a) for a in args])
        else:
            y = getattr(mpmath, op)(mpmath.mpf(args[0]))
        high = float(y)
        return high, float(y - mpmath.mpf(high)) if np.isfinite(high) else 0.0


LIMIT_F32 = dict.fromkeys(UNARY, 2.0) | {"asin": 2.1, "tanh": 2.5}
LIMIT_F64 = dict.fromkeys(UNARY, 2.0) | {"sin": 2.5, "cos": 2.5, "tan": 3.5, "tanh": 2.5}


@pytest.mark.parametrize("op", UNARY)
def test_float32_is_within_a_few_ulp(op):
    x = samples(op, dt.float32, 1 << 15, 1 << 15)
    got = compiled(op, 1, dt.float32, 16)(x)
    error = ulps(got, numpy_reference(op, x))
    worst = error.argmax()
    assert error[worst] <= LIMIT_F32[op], (x[worst], got[worst], error[worst])


@pytest.mark.parametrize("op", ["sin", "cos", "tan"])
def test_float32_beside_multiples_of_a_right_angle(op):
    """Where most of a huge number's bits cancel."""
    turns = np.round(10 ** np.random.default_rng(6).uniform(5, 37, 1 << 15))
    x = (turns * (np.pi / 2)).astype(np.float32)
    error = ulps(compiled(op, 1, dt.float32, 16)(x), numpy_reference(op, x))
    assert error.max() <= LIMIT_F32[op], x[error.argmax()]


def float64_reference(op: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    want = numpy_reference(op, x)
    low = np.zeros_like(want)
    for i in np.flatnonzero(np.isfinite(want) & (want != 0) & np.isfinite(x)):
        want[i], low[i] = exact(op, float(x[i]))
    return want, low


@pytest.mark.parametrize("op", UNARY)
def test_float64_is_within_a_few_ulp(op):
    x = samples(op, dt.float64, 1000, 1000)
    got = compiled(op, 1, dt.float64, 8)(x)
    error = ulps(got, *float64_reference(op, x))
    worst = error.argmax()
    assert error[worst] <= LIMIT_F64[op], (x[worst], got[worst], error[worst])


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64], ids=str)
def test_pow(dtype):
    rng = np.random.default_rng(3)
    pairs = [(a, b) for a in SPECIAL for b in SPECIAL]
    with np.errstate(all="ignore"):
        x = np.array([p[0] for p in pairs]).astype(dtype.np)
        y = np.array([p[1] for p in pairs]).astype(dtype.np)
        scale = 80 if dtype is dt.float32 else 690
        base = np.exp(rng.uniform(-10, 10, 3000))
        x = np.concatenate([x, base.astype(dtype.np), rng.uniform(0.9, 1.1, 1000).astype(dtype.np)])
        more = np.concatenate([rng.uniform(-scale, scale, 3000) / np.log(base),
                               rng.uniform(-500, 500, 1000)])  # fmt: skip
        y = np.concatenate([y, more.astype(dtype.np)])
    size = x.size // 16 * 16
    x, y = x[:size], y[:size]
    got = compiled("pow", 2, dtype, 8)(x, y)
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64))
    low = np.zeros_like(want)
    if dtype is dt.float64:
        ordinary = np.isfinite(want) & (want != 0) & (x > 0) & np.isfinite(x) & np.isfinite(y)
        for i in np.flatnonzero(ordinary):
            want[i], low[i] = exact("pow", float(x[i]), float(y[i]))
    error = ulps(got, want, low)
    worst = error.argmax()
    assert error[worst] <= 2.0, (x[worst], y[worst], got[worst], want[worst], error[worst])


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("lanes", [1, 4])
def test_other_lane_counts_give_the_same_bits(op, lanes):
    x = samples(op, dt.float32, 512, 512)
    many, few = (compiled(op, 1, dt.float32, n)(x) for n in (16, lanes))
    assert np.array_equal(many, few, equal_nan=True)


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64], ids=str)
@pytest.mark.parametrize("op", UNARY)
def test_without_fma(op, dtype):
    x = samples(op, dtype, 500, 500)
    got = compiled(op, 1, dtype, 8, fma=False)(x)
    if dtype is dt.float32:
        error = ulps(got, numpy_reference(op, x))
    else:
        error = ulps(got, *float64_reference(op, x))
    worst = error.argmax()
    assert error[worst] <= 3.5, (x[worst], got[worst], error[worst])


@pytest.mark.parametrize("fma", [False, True])
@pytest.mark.parametrize("dtype", [dt.float32, dt.float64], ids=str)
def test_pow_of_exponents_at_the_end_of_the_range(dtype, fma):
    most = float(np.finfo(dtype.np).max)
    near = np.nextafter(np.ones((), dtype.np), np.zeros((), dtype.np))
    bases = [-1.0, 1.0, 0.0, -0.0, float(near), -float(near), 2 - float(near), 2.0, 0.5, -2.0]
    powers = [most, -most, np.inf, -np.inf, 1e30, -1e30, 3.0, -1e-30, np.nan]
    pairs = np.array([(a, b) for a in bases for b in powers], dtype.np)
    pairs = np.concatenate([pairs, pairs[: -len(pairs) % 8]])
    x, y = np.ascontiguousarray(pairs.T)
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64)).astype(dtype.np)
    got = compiled("pow", 2, dtype, 8, fma)(x, y)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_strict_mode_uses_no_fma():
    flags.put("FIRTH_STRICT", "1")
    try:
        b = Builder()
        fmath.emit(b, "exp", ["%x"], dt.float32, 8, facts())
        assert "fma" not in b.text() and not any("fma" in name for name in b.declares)
    finally:
        flags.put("FIRTH_STRICT", None)


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64], ids=str)
def test_exp_scales_in_one_instruction_where_it_is_native(dtype):
    x = samples("exp", dtype, 2000, 2000)
    plain = compiled("exp", 1, dtype, 8)(x)
    if not FEATURES.get("avx512f"):
        pytest.skip("this machine has no such instruction")
    native = compiled("exp", 1, dtype, 8, ldexp=True)(x)
    np.testing.assert_allclose(native, plain, rtol=np.finfo(dtype.np).eps)
